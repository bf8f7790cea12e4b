"""
Run the tests that reach a changed function against each of its changes, from one pytest session.

Called by `mutate.py` in the copy it has made. `mutmut` writes the changes; its own runner collects
all tests anew for each of them, which takes far longer than the tests. Here they are collected
once, and each change is judged in a fork of that process.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import pickle
import signal
import sys
import time
from collections import Counter
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import pytest
from mutmut.__main__ import create_mutants
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils import file_utils
from mutmut.utils.format_utils import mangled_name_from_mutant_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator

_MUTANTS = Path("mutants")
# As `mutmut` counts them.
_NOTICED, _SURVIVED, _WITHOUT_A_TEST, _TIMEOUT = 1, 0, 33, 36
# Of a change that never ends.
_SLOWEST_SECS = 60


class Judge:
    """
    Takes over what pytest does with the tests it has collected.

    Parameters
    ----------
    n_workers : int
        How many changes are judged at once.

    """

    def __init__(self, n_workers: int) -> None:
        self._n_workers = n_workers
        self._has_failed = False
        # Per process: the change that it judges, and where it tells which test noticed it.
        self._running: dict[int, tuple[str, int]] = {}
        self._results: dict[str, int] = {}
        # Per function: how many of its changes each test noticed.
        self._noticed: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - pytest's own
        """Note a failure."""
        self._has_failed |= report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge all changes instead of running all tests."""
        reached, seconds = self._in_fork(lambda: self._reach(session.items))
        # Else each fork would copy what its collector looks at.
        gc.freeze()
        for name in _names():
            function = mangled_name_from_mutant_name(name)
            tests = reached.get(function, ())
            if not tests:
                self._results[name] = _WITHOUT_A_TEST
                continue
            if len(self._running) == self._n_workers:
                self._reap()
            # What noticed another change of the function may well notice this one.
            noticed = self._noticed[function]
            items = sorted(
                (item for item in session.items if item.nodeid in tests),
                key=lambda item: (-noticed[item.nodeid], seconds[item.nodeid]),
            )
            self._judge(name, items)
        while self._running:
            self._reap()
        _write(self._results)
        return True

    def _reach(self, items: list[pytest.Item]) -> tuple[dict[str, set[str]], dict[str, float]]:
        # Which tests reach which function, and how long each takes.
        set_mutant_under_test("stats")
        reached, seconds = defaultdict(set), {}
        for item, following in itertools.zip_longest(items, items[1:]):
            start = time.perf_counter()
            if not self._passes(item, following):
                sys.stderr.write(f"{item.nodeid} must pass without a change, it fails\n")
                os._exit(2)
            seconds[item.nodeid] = time.perf_counter() - start
            for function in state()._stats:  # noqa: SLF001 - it has no other face
                reached[function].add(item.nodeid)
            state()._stats.clear()  # noqa: SLF001 - the only way to its counts
        return dict(reached), seconds

    def _in_fork(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
        # The process that is forked later must not have run an engine.
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(call(), pipe)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            found = pipe.read()
        if os.waitpid(pid, 0)[1]:
            raise SystemExit(1)
        return pickle.loads(found)  # noqa: S301 - of our own fork

    def _judge(self, name: str, items: list[pytest.Item]) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid:
            os.close(writer)
            self._running[pid] = name, reader
            return
        gc.disable()
        signal.alarm(_SLOWEST_SECS)
        set_mutant_under_test(name)
        for item, following in itertools.zip_longest(items, items[1:]):
            if not self._passes(item, following):
                os.write(writer, item.nodeid.encode())
                os._exit(_NOTICED)
        os._exit(_SURVIVED)

    def _reap(self) -> None:
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        name, reader = self._running.pop(pid)
        self._results[name] = code if code >= 0 else _TIMEOUT
        with os.fdopen(reader, "rb") as pipe:
            test = pipe.read().decode()
        if test:
            self._noticed[mangled_name_from_mutant_name(name)][test] += 1
        sys.stderr.write(f"{len(self._results)} {name} {self._results[name]}\n")

    def _passes(self, item: pytest.Item, following: pytest.Item | None) -> bool:
        # What both tests need is made once.
        self._has_failed = False
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return not self._has_failed


def main() -> None:
    """Write the changes and judge them: `judge_mutants.py WORKERS TEST ...`."""
    set_mutant_under_test("mutant_generation")
    _MUTANTS.mkdir(exist_ok=True)
    file_utils.copy_src_dir()
    file_utils.copy_also_copy_files()
    file_utils.setup_source_paths()
    create_mutants(1)
    set_mutant_under_test("")
    os.chdir(_MUTANTS)
    n_workers, *tests = sys.argv[1:]
    arguments = ["--rootdir=.", "-p", "no:cacheprovider", "--tb=no"]
    raise SystemExit(pytest.main([*arguments, *tests], plugins=[Judge(int(n_workers))]))


def _metas() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(Path().rglob("*.meta")):
        yield path, json.loads(path.read_text())


def _names() -> list[str]:
    return [name for _, meta in _metas() for name in meta["exit_code_by_key"]]


def _write(results: dict[str, int]) -> None:
    for path, meta in _metas():
        meta["exit_code_by_key"] = {name: results[name] for name in meta["exit_code_by_key"]}
        path.write_text(json.dumps(meta))


if __name__ == "__main__":
    main()
