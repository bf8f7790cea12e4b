"""
Change the code in small ways, one at a time, and see which changes no test notices.

Works on a copy. Where kernels are changed they are plain Python there: `mutmut` leaves decorated
functions alone, and compiled code would have to be compiled anew for each change. Survivors are
listed at the end; `mutmut show NAME`, in the copy, prints one.

Example: `uv run python scripts/mutate.py --group ledger` (groups take from two minutes, forced
closing, to a quarter of an hour, the core's, on a free core).
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from typing import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT = Path(__file__).resolve().parent.parent
_JUDGE = _ROOT / "scripts" / "judge_mutants.py"


class _Group(NamedTuple):
    # What is changed and which tests should notice.
    files: tuple[str, ...]
    tests: tuple[str, ...]


_CORE = "liq_nautilus/core"
_BACKTEST = "liq_nautilus/nautilus/backtest"
_TRADING = "tests/unit/nautilus/test_trading"
_VENUE_TESTS = tuple(
    f"{_TRADING}_{name}.py"
    for name in (
        "path",
        "order_kinds",
        "order_margins",
        "marks",
        "refusals",
        "costs",
        "waiting",
        "settlement",
        "equity",
    )
)
_GROUPS = {
    "core": _Group(
        (
            f"{_CORE}/exchange/margin.py",
            f"{_CORE}/exchange/brackets.py",
            f"{_CORE}/exposure.py",
            f"{_CORE}/kernels/sweeping.py",
            f"{_CORE}/kernels/closing.py",
            f"{_CORE}/kernels/opening.py",
            f"{_CORE}/kernels/advancing.py",
        ),
        (
            "tests/unit/core/test_core_margin.py",
            "tests/unit/core/test_core_exposure.py",
            "tests/unit/core/kernels",
        ),
    ),
    "forced_close": _Group(
        (f"{_CORE}/exchange/forced_close.py",),
        ("tests/unit/core/test_core_forced_close.py",),
    ),
    "venue": _Group(
        tuple(
            f"{_BACKTEST}/venue/{name}.py"
            for name in (
                "liquidator",
                "margin_account",
                "market_prices",
                "bar_path",
                "order_checks",
                "order_gate",
                "path_record",
                "resting_orders",
            )
        ),
        _VENUE_TESTS,
    ),
    "settlement": _Group(
        (f"{_BACKTEST}/settlement.py", f"{_BACKTEST}/exchange.py"),
        (*_VENUE_TESTS, f"{_TRADING}_statistics.py", f"{_TRADING}_models.py"),
    ),
    "fills": _Group(
        (f"{_BACKTEST}/venue/fill_model.py", f"{_CORE}/exchange/book_walk.py"),
        (f"{_TRADING}_models.py",),
    ),
    "ledger": _Group(
        tuple(f"{_BACKTEST}/{name}.py" for name in ("ledger", "equity", "statistics")),
        tuple(f"{_TRADING}_{name}.py" for name in ("ledger", "statistics", "equity", "settlement")),
    ),
    "results": _Group(
        (f"{_BACKTEST}/results.py", f"{_BACKTEST}/missing.py"),
        tuple(f"{_TRADING}_{name}.py" for name in ("results", "statistics")),
    ),
    "strategy": _Group(
        ("liq_nautilus/nautilus/strategy.py",),
        tuple(f"{_TRADING}_{name}.py" for name in ("strategy", "entries", "sizes")),
    ),
}
_COPIED = ("liq_nautilus", "tests", "pyproject.toml", "uv.lock", "README.md", "LICENSE")
_DECORATOR = re.compile(r"^@(compiled|inlined)\n", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="*", help="what is changed; by default the group's files")
    parser.add_argument("--group", choices=sorted(_GROUPS), default="core", help="named files")
    parser.add_argument("--tests", nargs="*", help="what should notice; by default the group's")
    parser.add_argument("--workers", type=int, default=2, help="how many changes at once")
    parser.add_argument("--copy", type=Path, default=_ROOT / ".mutate", help="where the copy goes")
    options = parser.parse_args()
    group = _GROUPS[options.group]
    tests = options.tests or group.tests
    _make_copy(options.copy, options.files or group.files)
    with (options.copy / "log.txt").open("w") as log:
        subprocess.run(  # noqa: S603 - our own interpreter and script
            [sys.executable, str(_JUDGE), str(options.workers), *tests],
            cwd=options.copy,
            stdout=log,
            stderr=log,
            check=False,
        )
    _print_score(options.copy / "mutants")


def _make_copy(copy: Path, files: Sequence[str]) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in _COPIED:
        source = _ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    # Elsewhere kernels stay compiled: tests that only call them would take minutes.
    if any("/kernels/" in name for name in files):
        for path in (copy / "liq_nautilus" / "core").rglob("*.py"):
            path.write_text(_DECORATOR.sub("", path.read_text()))
    settings = {
        "source_paths": ["liq_nautilus"],
        "only_mutate": list(files),
        # Messages are for people: their wording is not what these tests are about.
        "do_not_mutate_patterns": [r"^\s*(msg = |f?\")"],
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    with (copy / "pyproject.toml").open("a") as config:
        config.write("\n[tool.mutmut]\n" + "\n".join(lines) + "\n")


def _print_score(mutants: Path) -> None:
    found: Counter[str] = Counter()
    survivors = []
    for path in sorted(mutants.rglob("*.meta")):
        for name, code in json.loads(path.read_text())["exit_code_by_key"].items():
            state = {0: "survived", None: "not run", 33: "without a test"}.get(code, "noticed")
            found[state] += 1
            if state != "noticed":
                survivors.append(f"{state}: {name}")
    print(*survivors, sep="\n")
    judged = sum(found.values()) - found["not run"]
    share = found["noticed"] / judged if judged else 0.0
    print(f"{found['noticed']} of {judged} changes were noticed: {share:.1%}; {dict(found)}")


if __name__ == "__main__":
    main()
