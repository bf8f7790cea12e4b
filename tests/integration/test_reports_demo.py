"""`demo` from end to end on one simulated day, and `levels` on the catalog it leaves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from liq_nautilus import levels
from liq_nautilus.cli.main import app
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.ingest.ingest import ingest
from liq_nautilus.queries.map_at import tracker_at

NOON_NS = pd.Timestamp("2026-01-01T12:00:00").value
RUN_KEYS = {
    "pnl",
    "price_pnl",
    "fees",
    "funding",
    "liquidations",
    "orders",
    "positions",
    "max_drawdown",
}


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "report"
    done = invoke("demo", "--out", out, "--days", 1, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads((out / "summary.json").read_text("utf-8"))
    assert "drawing the report" in done.stderr
    return out


@pytest.fixture(scope="module")
def catalog(demo_folder) -> Path:
    return demo_folder / "catalog"


def test_demo_leaves_files_catalog_summary_and_report(demo_folder):
    summary = json.loads((demo_folder / "summary.json").read_text("utf-8"))
    assert summary["symbol"] == "BTCUSDT"
    assert summary["baseline"].keys() >= RUN_KEYS
    assert summary["signals"].keys() >= RUN_KEYS
    assert sum(summary["duty"].values()) == pytest.approx(1.0)
    assert summary["updates"]["levels"] > 200
    page = (demo_folder / "report.html").read_text("utf-8")
    assert "This market is simulated" in page
    assert list((demo_folder / "files").rglob("*.csv"))


def test_replay_ends_where_the_actor_ended(demo_folder, catalog):
    final = pd.read_parquet(demo_folder / "tables" / "levels_final.parquet")
    # The actor waits for the end of a moment: it has not taken the bar that closes last.
    at_ns = pd.Timestamp("2026-01-02").value - 2_000_000
    tracker = tracker_at(Catalog(catalog), "BTCUSDT", at_ns)
    assert set(final["model"]) == set(LiquidationTracker.model_names)
    for model, rows in final.groupby("model"):
        levels = tracker.levels(model, by_leverage=True)
        assert levels.notional.sum() == pytest.approx(rows["notional"].sum(), rel=1e-9)
        order = np.lexsort((levels.notional, levels.leverage, levels.price.round(6)))
        expected = rows.assign(price=rows["price"].round(6)).sort_values(
            ["price", "leverage", "notional"]
        )["notional"]
        np.testing.assert_allclose(levels.notional[order], expected, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("model", LiquidationTracker.model_names)
def test_levels_lie_on_their_side_of_the_price(catalog, model):
    found = levels(catalog, model=model)
    assert found.model == model
    assert found.columns["price"].size > 20
    assert np.all((found.columns["price"] < found.current_price) == (found.columns["side"] > 0))


def test_levels_know_nothing_of_what_comes_after(demo_folder, catalog, tmp_path):
    ingest(demo_folder / "files", tmp_path / "cut", end_ns=NOON_NS)
    known = levels(tmp_path / "cut", at=NOON_NS - 1).columns
    whole = levels(catalog, at=NOON_NS - 1).columns
    assert np.array_equal(known["price"], whole["price"])
    assert np.array_equal(known["volume"], whole["volume"])


def test_levels_of_one_leverage_are_a_part_of_all(catalog):
    some = levels(catalog, leverage=50.0).columns
    assert set(some["leverage"]) == {50.0}
    assert some["volume"].sum() < levels(catalog).columns["volume"].sum()


def test_levels_long_after_the_data_are_not_valid(catalog):
    found = levels(catalog, at=NOON_NS + 10 * 86_400 * 10**9)
    assert not found.is_valid


def test_levels_command_prints_what_the_contract_says(catalog):
    done = invoke("levels", "--catalog", catalog, "--at", "2026-01-01T12:00", "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["symbol"] == "BTCUSDT"
    assert document["model"] == "ensemble"
    assert document["timestamp"] == "2026-01-01T12:00:00Z"
    assert 0.0 <= document["confidence"] <= 1.0
    rows = document["levels"]
    assert rows[0].keys() == {
        "price",
        "volume",
        "volume_low",
        "volume_high",
        "exposure",
        "side",
        "leverage",
        "confidence",
    }
    prices = [row["price"] for row in rows]
    assert prices == sorted(prices)
    for row in rows:
        assert row["side"] == ("long" if row["price"] < document["current_price"] else "short")
        assert row["volume_low"] <= row["volume"] <= row["volume_high"]


def test_levels_command_takes_parameters_from_a_file(catalog, tmp_path):
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps({"parameters": {"bucket_size": 500.0}}), "utf-8")
    done = invoke("levels", "--catalog", catalog, "--params", path, "--json")
    prices = np.array([row["price"] for row in json.loads(done.stdout)["levels"]])
    assert done.exit_code == 0
    # A bucket that holds the price is split there.
    assert np.unique(prices // 500.0).size >= prices.size - 1


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (["--model", "oracle"], SettingError, "--model must be one of binance_standard"),
        (["--leverage", "51"], SettingError, "--leverage must be one of 3, 5"),
        (["--at", "yesterday"], SettingError, "--at must be an ISO 8601 time"),
        (["--at", "2020-01-01"], DataGapError, "must hold open interest (metrics) of BTCUSDT"),
        (["--symbol", "SOLUSDT"], DataGapError, "SOLUSDT"),
        (["--params", "nowhere.json"], SettingError, "--params must be a readable JSON file"),
    ],
)
def test_levels_command_states_what_is_wrong(catalog, arguments, error, match):
    done = invoke("levels", "--catalog", catalog, *arguments)
    assert isinstance(done.exception, error)
    assert match in str(done.exception)
    assert "\n" not in str(done.exception)


def test_levels_of_a_symbol_without_data_are_refused(catalog):
    with pytest.raises(DataGapError, match="must hold data of DOGEUSDT"):
        tracker_at(Catalog(catalog), "DOGEUSDT")


def test_demo_leaves_foreign_folders_alone(tmp_path):
    keep = tmp_path / "catalog" / "mine.txt"
    keep.parent.mkdir()
    keep.write_text("mine", "utf-8")
    done = invoke("demo", "--out", tmp_path)
    assert isinstance(done.exception, StoreError)
    assert "must be empty or an earlier demo's folder" in str(done.exception)
    assert keep.read_text("utf-8") == "mine"


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_demo_needs_a_folder_it_can_write(tmp_path, name):
    (tmp_path / "file").write_text("x", "utf-8")
    done = invoke("demo", "--out", tmp_path / name)
    assert isinstance(done.exception, StoreError)
    assert "--out must be a folder" in str(done.exception)


def test_demo_of_no_day_is_wrong_usage(tmp_path):
    assert invoke("demo", "--out", tmp_path / "x", "--days", 0).exit_code == 2


@pytest.mark.slow
def test_demo_is_the_same_twice_and_tells_a_person(demo_folder, tmp_path):
    before = (demo_folder / "report.html").read_bytes()
    done = invoke("demo", "--out", demo_folder, "--days", 1)
    assert done.exit_code == 0, done.output
    assert "report:" in done.stdout
    assert (demo_folder / "report.html").read_bytes() == before


@pytest.mark.slow
def test_every_action_occurs_in_the_demo(tmp_path):
    done = invoke("demo", "--out", tmp_path / "demo", "--json")
    duty = json.loads(done.stdout)["duty"]
    for action in ("AVOID", "REVERSAL_OPPORTUNITY", "WAIT"):
        assert duty[action] > 0.0, action
    assert duty["AVOID"] < 0.3
