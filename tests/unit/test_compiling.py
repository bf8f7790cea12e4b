"""Compiled code is used again only where nothing has changed that it was compiled from."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import liq_nautilus
from liq_nautilus import compiling

PACKAGE = Path(liq_nautilus.__file__).parent
# A kernel of one room calls one of another, which takes in a number and a record from a third.
PROBES = {
    "market/probe_outer.py": """
        from typing import TYPE_CHECKING
        from liq_nautilus.compiling import compiled
        from liq_nautilus.core import probe_middle
        shifted = probe_middle.shifted
        @compiled
        def answer(pair):
            return 100.0 * shifted(pair)
        """,
    "core/probe_middle.py": """
        from liq_nautilus.compiling import inlined
        from liq_nautilus.core.science.probe_values import (
            SHIFT,
            Pair,
        )
        @inlined
        def shifted(pair):
            return pair.left + SHIFT
        """,
    "core/science/probe_values.py": """
        from typing import NamedTuple
        SHIFT = 1.0
        class Pair(NamedTuple):
            left: float
            right: float
        """,
}
ASK = """
from liq_nautilus.market.probe_outer import answer
from liq_nautilus.core import probe_middle
print(answer(probe_middle.Pair(2.0, 3.0)))
"""


@pytest.fixture
def room(tmp_path):
    """Return a folder with a copy of the package, to be edited, and the probes in it."""
    without = shutil.ignore_patterns("__pycache__", "nautilus", "reports", "studies", "cli")
    shutil.copytree(PACKAGE, tmp_path / "liq_nautilus", ignore=without)
    for name, text in PROBES.items():
        lines = [line[8:] for line in text.strip("\n").splitlines()]
        (tmp_path / "liq_nautilus" / name).write_text("\n".join(lines) + "\n")
    return tmp_path


def ask(room, code=ASK, **environment):
    """Return what another process prints that imports the copy."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_")}
    # Python's own cache knows files by the second: edits here follow faster.
    path = {"PYTHONPATH": str(room), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=room, env=kept | path | environment, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def edit(room, name, old, new):
    path = room / "liq_nautilus" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def kept_files(folder):
    return sorted(path.name for path in folder.rglob("*.nb[ic]") if "probe" in path.name)


def test_an_edit_in_any_file_a_kernel_reaches_is_seen(room):
    assert ask(room) == ["300.0"]
    first = kept_files(room)
    assert ask(room) == ["300.0"]
    assert kept_files(room) == first
    assert len(first) == 4  # an index and the code of either kernel
    edit(room, "core/probe_middle.py", "pair.left + SHIFT", "pair.left - SHIFT")
    assert ask(room) == ["100.0"]
    edit(room, "core/science/probe_values.py", "SHIFT = 1.0", "SHIFT = 0.5")
    assert ask(room) == ["150.0"]
    # The same fields in another order: the compiled code knows them by their place.
    edit(room, "core/science/probe_values.py", "left: float", "third: float")
    edit(room, "core/science/probe_values.py", "right: float", "left: float")
    assert ask(room) == ["250.0"]
    # What was compiled from older sources does not pile up.
    assert not set(kept_files(room)) & set(first)
    assert len(kept_files(room)) == len(first)


def test_code_for_a_record_that_is_gone_is_left_alone(room):
    assert ask(room) == ["300.0"]
    for name in ("core/science/probe_values.py", "core/probe_middle.py"):
        edit(room, name, "Pair", "Couple")
    assert ask(room, ASK.replace("Pair", "Couple")) == ["300.0"]


MARKET = """
import numpy as np
from liq_nautilus.market import book as books, engine
it = books.extended(books.empty_book(100.0), np.zeros(2, dtype=books.POSITION))
it.positions["quantity"], it.positions["bucket"] = 7.0, -1
it.positions["liquidation_price"], it.positions["trigger"] = 90.0, 90.0
books.enlist(it, 0)
print(engine.close_bucket(it, books.ADVERSE, 0, 80.0, 5)[0], it.positions["reason"][0])
"""
CORE = """
import numpy as np
from liq_nautilus.core import kernels
from liq_nautilus.core.exposure import Exposure
from liq_nautilus.core.kernels.arguments import Closing, Entries
it = Exposure(np.array([[0.98], [1.02]]), np.array([0.004]), 0.001, 64)
it.set_price(100.0)
kernels.follow(it.positions, Entries(30, np.ones(1)), 1.0, 3.0, Closing(32.0, 1.0, 0.0))
print(it.rows.held.sum())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "name", "old", "new", "before", "after"),
    [
        (MARKET, "market/book.py", "bool(mark_price <= trigger)", "False", "7.0 2", "0.0 0"),
        (
            MARKET,
            "market/book.py",
            "LIQUIDATED: Final = 2",
            "LIQUIDATED: Final = 22",
            "7.0 2",
            "7.0 22",
        ),
        (CORE, "core/kernels/opening.py", "held += amount - lost", "held += 0.5", "4.0", "1.0"),
    ],
    ids=["callee", "constant", "core"],
)
def test_an_edit_of_the_package_itself_is_seen(room, code, name, old, new, before, after):
    assert ask(room, code) == before.split()
    edit(room, name, old, new)
    assert ask(room, code) == after.split()


def test_settings_of_numba_are_the_users(room, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    assert ask(room, NUMBA_CACHE_DIR=str(elsewhere)) == ["300.0"]
    assert len(kept_files(elsewhere)) == 4
    plain = ASK + "\nprint(hasattr(answer, 'py_func'))"
    assert ask(room, plain, NUMBA_DISABLE_JIT="1") == ["300.0", "False"]


def test_kernels_run_where_nothing_can_be_written(room):
    # A file where a folder is needed stops even those who may write everywhere.
    for folder in ("market", "core"):
        (room / "liq_nautilus" / folder / "__pycache__").write_text("")
    assert ask(room, HOME="/proc/1/nohome", XDG_CACHE_HOME="/proc/1/nohome") == ["300.0"]
    assert not kept_files(room)


def imports_of(path):
    """Return the files of this package that a file imports, as Python itself reads it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    for name in names:
        stem = PACKAGE.joinpath(*name.split(".")[1:])
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if name.startswith("liq_nautilus.") and file.exists():
                yield file


def test_every_import_of_every_file_is_followed():
    for path in PACKAGE.rglob("*.py"):
        assert {str(file) for file in imports_of(path)} <= compiling.source_files(str(path))


def test_a_file_that_cannot_be_read_is_followed_by_none(tmp_path):
    missing = str(tmp_path / "gone.py")
    assert compiling.source_files(missing) == {missing}
    assert len(compiling.source_digest(missing)) == 16
