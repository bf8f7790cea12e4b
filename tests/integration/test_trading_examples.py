from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
from support.trading_files import write_files

from liq_nautilus.nautilus.ingest.ingest import ingest

EXAMPLES = Path(__file__).parents[2] / "backtests"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("examples")
    ingest(write_files(root / "files", days=2), root / "catalog")
    return root


@pytest.fixture
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    # As when an example is run as a script.
    monkeypatch.syspath_prepend(str(EXAMPLES))


def copied(folder: Path, name: str) -> Path:
    text = (EXAMPLES / f"{name}.json").read_text()
    text = text.replace("demo-report/catalog", str(folder / "catalog"))
    text = text.replace(f"backtests/{name}-report", str(folder / name))
    text = text.replace('"random_runs": 5', '"random_runs": 1').replace(
        '"log_level": "ERROR"', '"bypass_logging": true'
    )
    path = folder / f"{name}.json"
    path.write_text(text)
    return path


@pytest.mark.usefixtures("_importable")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("paired", ["baseline", "signals", "difference"]),
        ("breakout", ["signals False", "signals True", "positions"]),
        ("node", ["positions.total"]),
    ],
)
def test_every_example_runs(
    folder: Path, name: str, told: list[str], capsys: pytest.CaptureFixture[str]
):
    path = copied(folder, name)
    assert json.loads(path.read_text())
    try:
        importlib.import_module(name).main(path)
    finally:
        sys.modules.pop(name, None)
    shown = capsys.readouterr().out
    for text in told:
        assert text in shown
