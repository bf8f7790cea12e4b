"""Run configurations are checked before they run for what would leave the map empty."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
from nautilus_trader.model.data import Bar

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus import OpenInterest
from liq_nautilus.nautilus import read_run_config

EXAMPLE = json.loads((Path(__file__).parents[3] / "backtests" / "node.json").read_text())
OI = next(i for i, one in enumerate(EXAMPLE["data"]) if one["data_cls"].endswith("OpenInterest"))
BARS = next(i for i, one in enumerate(EXAMPLE["data"]) if one["data_cls"].endswith("Bar"))
ETH = "ETHUSDT-PERP.BINANCE"


def changed(change):
    document = deepcopy(EXAMPLE)
    change(document)
    return document


def read(tmp_path, document):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(document))
    return read_run_config(path)


def test_classes_of_data_are_classes_and_bar_types_count(tmp_path):
    config = read(tmp_path, EXAMPLE)
    assert config.data[BARS].data_cls is Bar
    assert config.data[OI].data_cls is OpenInterest
    assert config.data[BARS].query["identifiers"] == EXAMPLE["data"][BARS]["bar_types"]


def other_symbol(document):
    actor = document["engine"]["actors"][0]["config"]
    actor["instrument_id"] = ETH
    actor["bar_type"] = f"{ETH}-5-MINUTE-LAST-EXTERNAL"


def two_actors(document):
    document["engine"]["actors"] *= 2


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda d: d["data"][OI].pop("client_id"), r"\(OpenInterest\) must have a client_id"),
        (
            lambda d: d["data"][OI].update(metadata={"symbol": "BTCUSDT"}),
            r"must have no metadata or .*had \{'symbol': 'BTCUSDT'\}",
        ),
        (lambda d: d["data"].pop(OI), "must hold OpenInterest of BTCUSDT-PERP.BINANCE, did not"),
        (lambda d: d["data"][OI].update(instrument_id=ETH), "must hold OpenInterest of BTC"),
        (lambda d: d["data"].pop(BARS), "must hold the actor's bars BTCUSDT-PERP.*-5-MINUTE"),
        (other_symbol, f"must hold the actor's bars {ETH}-5-MINUTE-LAST-EXTERNAL"),
        (two_actors, "two actors must not both be named BTCUSDT-PERP.BINANCE"),
        (lambda d: d.update(venue=[]), "must be a BacktestRunConfig as JSON"),
        (lambda d: d["data"][OI].update(data_cls="liq_nautilus.nautilus:Nothing"), "Nothing"),
    ],
)
def test_what_would_leave_the_map_empty_is_told_before_the_run(tmp_path, change, what):
    with pytest.raises(SettingError, match=what) as e:
        read(tmp_path, changed(change))
    assert "run.json" in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["data"][OI].update(metadata={"instrument_id": "BTCUSDT-PERP.BINANCE"}),
        lambda d: d["data"][OI].pop("instrument_id"),
        lambda d: d["engine"].pop("actors"),
    ],
)
def test_what_works_is_taken(tmp_path, change):
    read(tmp_path, changed(change))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(SettingError, match=r"none\.json must be a BacktestRunConfig as JSON"):
        read_run_config(tmp_path / "none.json")
