"""The two faces: their lists, docstrings and import paths agree, and they load lazily."""

import ast
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nautilus_trader.common.config import resolve_path

import liq_nautilus
import liq_nautilus.nautilus

ROOT = Path(__file__).parents[2]
FACES = {"liq_nautilus": liq_nautilus, "liq_nautilus.nautilus": liq_nautilus.nautilus}
NAMES = [(module, name) for module, face in FACES.items() for name in face.__all__]


def stub_names(face):
    tree = ast.parse(Path(face.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    return {alias.asname for node in tree.body for alias in node.names}


def readme_names(module):
    """Return the names in the first column of the module's table in the README."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Two faces")[2]
    section = section.partition("\n## ")[0]
    start = section.index(f"\n`{module}`, for")
    table = re.search(r"(?:^\|.*\n)+", section[start:], re.MULTILINE).group()
    return {
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }


@pytest.mark.parametrize("module", FACES)
def test_readme_stub_and_all_list_the_same(module):
    face = FACES[module]
    assert readme_names(module) == stub_names(face) == set(face.__all__) == set(dir(face))


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_name_is_there_and_explains_itself(module, name):
    # As a run configuration names it.
    found = resolve_path(f"{module}:{name}")
    assert found is getattr(FACES[module], name)
    summary = (found.__doc__ or "").strip().partition("\n")[0]
    assert summary.endswith((".", ":")), f"{module}.{name}: {summary!r}"
    assert not summary.startswith(f"{name}("), "a dataclass's own signature is no explanation"


def test_an_unknown_name_is_refused():
    for face in FACES.values():
        with pytest.raises(AttributeError, match="no_such_thing"):
            _ = face.no_such_thing


def loaded_by(code):
    heavy = ("nautilus_trader", "pandas", "duckdb", "pyarrow", "plotly", "numba", "scipy", "numpy")
    program = f"import sys\n{code}\nprint([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    return ast.literal_eval(done.stdout.strip().splitlines()[-1])


def test_importing_the_faces_loads_nothing():
    assert loaded_by("import liq_nautilus.nautilus") == []


@pytest.mark.parametrize("name", ["LiquidationTracker", "BracketTable", "Ensemble"])
def test_the_map_loads_no_nautilus_and_no_pandas(name):
    loaded = loaded_by(f"from liq_nautilus import {name}")
    assert not {"nautilus_trader", "pandas", "duckdb", "pyarrow", "plotly"} & set(loaded)


def import_paths(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from import_paths(item)
    elif isinstance(value, list):
        for item in value:
            yield from import_paths(item)
    elif isinstance(value, str) and value.startswith("liq_nautilus"):
        yield value


@pytest.mark.parametrize("path", sorted((ROOT / "backtests").glob("*.json")), ids=lambda p: p.stem)
def test_examples_name_the_face(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    document = json.loads("\n".join(x for x in lines if not x.lstrip().startswith("//")))
    for name in import_paths(document):
        module, _, attribute = name.partition(":")
        assert module == "liq_nautilus.nautilus"
        assert attribute in liq_nautilus.nautilus.__all__


def test_examples_and_readme_import_what_the_faces_hold():
    texts = [(ROOT / "README.md").read_text(encoding="utf-8")]
    texts += [path.read_text(encoding="utf-8") for path in (ROOT / "backtests").glob("*.py")]
    found = re.findall(
        r"^from (liq_nautilus(?:\.nautilus)?) import (\w+)", "\n".join(texts), re.MULTILINE
    )
    assert len(found) >= 4
    for module, name in found:
        assert hasattr(importlib.import_module(module), name)
