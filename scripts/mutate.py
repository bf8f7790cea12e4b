"""
Change the code in small ways, one at a time, and see which changes no test notices.

Works on a copy in which kernels are plain Python: `mutmut` leaves decorated functions alone, and
compiled code would have to be compiled anew for each change. Survivors are listed at the end;
`mutmut show NAME`, in the copy, prints one.

Example: `uv run python scripts/mutate.py` (a quarter of an hour on two cores).
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

_ROOT = Path(__file__).resolve().parent.parent
_FILES = (
    "liq_nautilus/core/exchange/margin.py",
    "liq_nautilus/core/exchange/brackets.py",
    "liq_nautilus/core/exposure.py",
    "liq_nautilus/core/kernels/sweeping.py",
    "liq_nautilus/core/kernels/closing.py",
    "liq_nautilus/core/kernels/opening.py",
    "liq_nautilus/core/kernels/advancing.py",
)
_TESTS = (
    "tests/unit/core/test_core_margin.py",
    "tests/unit/core/test_core_exposure.py",
    "tests/unit/core/kernels",
)
_COPIED = ("liq_nautilus", "tests", "pyproject.toml", "uv.lock", "README.md", "LICENSE")
_DECORATOR = re.compile(r"^@(compiled|inlined)\n", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="*", default=_FILES, help="what is changed")
    parser.add_argument("--tests", nargs="*", default=_TESTS, help="what should notice")
    parser.add_argument("--copy", type=Path, default=_ROOT / ".mutate", help="where the copy goes")
    options = parser.parse_args()
    _make_copy(options.copy, options.files, options.tests)
    with (options.copy / "log.txt").open("w") as log:
        subprocess.run(
            [sys.executable, "-m", "mutmut", "run"],
            cwd=options.copy,
            stdout=log,
            stderr=log,
            check=False,
        )
    _print_score(options.copy / "mutants")


def _make_copy(copy: Path, files: list[str], tests: list[str]) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for name in _COPIED:
        source = _ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    for path in (copy / "liq_nautilus" / "core").rglob("*.py"):
        path.write_text(_DECORATOR.sub("", path.read_text()))
    settings = {
        "source_paths": ["liq_nautilus"],
        "only_mutate": list(files),
        "pytest_add_cli_args_test_selection": list(tests),
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
