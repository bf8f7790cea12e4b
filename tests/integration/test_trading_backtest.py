from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.config import BacktestRunConfig
from support.trading_files import write_files
from typer.testing import CliRunner

from liq_nautilus.cli.main import app
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import LiqNautilusError
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions
from liq_nautilus.nautilus.backtest.backtest_options import options_from_document
from liq_nautilus.nautilus.backtest.paired import run_once
from liq_nautilus.nautilus.backtest.paired import run_paired
from liq_nautilus.nautilus.backtest.results import RunResult
from liq_nautilus.nautilus.backtest.results import read_run
from liq_nautilus.nautilus.backtest.run_config import run_config
from liq_nautilus.nautilus.backtest.scope import resolve_scope
from liq_nautilus.nautilus.ingest.ingest import ingest

DAY = 86_400_000_000_000
START = 1_767_225_600_000_000_000


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("files")
    write_files(root, "BTCUSDT", seed=1)
    write_files(root, "SOLUSDT", seed=2)
    path = tmp_path_factory.mktemp("catalog")
    ingest(root, path)
    return path


def options(catalog: Path, out: Path, **values: object) -> BacktestOptions:
    usual = {
        "symbols": ("BTCUSDT",),
        "start_ns": START + DAY,
        "end_ns": START + 4 * DAY,
        "random_runs": 2,
    }
    return BacktestOptions(catalog=catalog, out=out, **{**usual, **values})


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def result(catalog: Path, out: Path) -> RunResult:
    return run_paired(options(catalog, out))


def test_the_summary_is_what_the_contract_says(result: RunResult):
    summary = result.summary
    assert summary["symbol"] == "BTCUSDT"
    assert (summary["start"], summary["end"]) == ("2026-01-02T00:00:00Z", "2026-01-05T00:00:00Z")
    assert summary["bar"] == "5m"
    assert set(summary["duty"]) == {"AVOID", "REVERSAL_OPPORTUNITY", "WAIT", "CLEAR"}
    assert sum(summary["duty"].values()) == pytest.approx(1.0, abs=1e-12)
    assert summary["updates"]["levels"] == 4 * summary["map_updates"]
    assert summary["updates"]["signals"] >= summary["map_updates"]
    assert summary["map_updates"] >= 3 * 288
    assert summary["skipped"] == 0
    for name in ("baseline", "signals"):
        run = summary[name]
        parts = run["price_pnl"] + run["fees"] + run["funding"] + run["liquidations"]
        assert parts == pytest.approx(run["pnl"], abs=1e-8)
        assert 0.0 <= run["max_drawdown"] < 1.0
        assert run["orders"] > run["positions"] > 0
    difference = summary["signals"]["pnl"] - summary["baseline"]["pnl"]
    assert summary["difference"]["pnl"] == pytest.approx(difference, abs=1e-4)
    low, high = summary["difference"]["interval"]
    assert low <= high
    assert summary["rivals"]["random"]["runs"] == 2
    assert "difference" in summary["rivals"]["plain_drop"]


def test_the_tables_agree_with_each_other(result: RunResult):
    bars = result.bars
    assert len(bars) == 3 * 288
    for name in ("baseline", "signals"):
        equity, fills = result.equity[name], result.fills[name]
        assert equity["equity"].iloc[0] == 100_000.0
        change = equity["equity"].iloc[-1] - equity["equity"].iloc[0]
        assert change == pytest.approx(result.summary[name]["pnl"], abs=1e-4)
        assert fills["ts"].between(START + DAY, START + 4 * DAY).all()
        assert (fills["side"] * fills["quantity"]).sum() == pytest.approx(0.0)
        assert set(fills["position_effect"]) == {"open", "close"}
        assert -fills["fee"].sum() == pytest.approx(result.summary[name]["fees"], abs=1e-6)
        positions = result.positions[name]
        assert len(positions) == result.summary[name]["positions"]
        # Price moves and fees by another way than the account's own: from the fills alone.
        moved = result.summary[name]["price_pnl"] + result.summary[name]["fees"]
        assert positions["pnl"].sum() == pytest.approx(moved, abs=1e-4)
    assert result.signals["ts"].is_monotonic_increasing
    assert set(result.levels["model"]) == {
        "binance_standard",
        "funding_adjusted",
        "py_liquidation_map",
        "ensemble",
    } - {"py_liquidation_map"}
    assert set(result.levels_final["side"]) == {-1, 1}
    assert len(result.clusters) > 0
    assert set(result.events["action"]) == set(result.summary["duty"])


@pytest.mark.slow
def test_the_same_input_twice_gives_the_same_result(
    catalog: Path, result: RunResult, tmp_path: Path
):
    again = run_paired(options(catalog, tmp_path))
    assert again.summary == result.summary
    for name in ("baseline", "signals"):
        pd.testing.assert_frame_equal(again.fills[name], result.fills[name])
    pd.testing.assert_frame_equal(again.levels, result.levels)
    pd.testing.assert_frame_equal(again.signals, result.signals)


def test_the_future_does_not_reach_the_past(catalog: Path, result: RunResult, tmp_path: Path):
    cut = START + 3 * DAY
    part = run_paired(options(catalog, tmp_path, end_ns=cut, random_runs=0))
    before = result.signals[result.signals["ts"] < cut].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.signals, before)
    levels = result.levels[result.levels["ts"] < cut].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.levels, levels)
    for name in ("baseline", "signals"):
        known = part.fills[name]
        # What the end of the window closes is no part of the past.
        known = known[known["ts"] < cut - DAY // 288]
        whole = result.fills[name].iloc[: len(known)]
        pd.testing.assert_frame_equal(known, whole)


@pytest.mark.slow
def test_files_ingested_in_another_order_give_the_same(tmp_path: Path, result: RunResult):
    root = write_files(tmp_path / "files", "BTCUSDT", seed=1)
    catalog = tmp_path / "catalog"
    for path in sorted(root.rglob("*.csv"), reverse=True):
        ingest(path, catalog)
    other = run_paired(options(catalog, tmp_path / "out", random_runs=0))
    pd.testing.assert_frame_equal(other.signals, result.signals)
    pd.testing.assert_frame_equal(other.fills["signals"], result.fills["signals"])


def test_the_kept_configuration_runs_again_in_a_plain_node(
    out: Path, tmp_path: Path, result: RunResult
):
    text = (out / "run-signals.json").read_text()
    config = BacktestRunConfig.parse(text.replace(str(out / "published"), str(tmp_path)))
    ledger = run_once(config).ledger
    pd.testing.assert_frame_equal(
        ledger.fills.drop(columns=["symbol"]), result.fills["signals"], check_dtype=False
    )
    # The same JSON without our streams: Nautilus reads everything at once.
    node = BacktestNode([config])
    node.build()
    assert node.get_engine(config.id) is not None
    node.dispose()


def test_two_symbols_in_one_run(catalog: Path, tmp_path: Path):
    both = run_paired(options(catalog, tmp_path, symbols=("BTCUSDT", "SOLUSDT"), random_runs=0))
    assert both.summary["symbols"] == ["BTCUSDT", "SOLUSDT"]
    sol = read_run(tmp_path, "SOLUSDT")
    assert len(sol.fills["baseline"]) > 0
    assert len(both.fills["baseline"]) > 0
    assert set(sol.summary["duty_by_symbol"]) == {"BTCUSDT", "SOLUSDT"}
    run = both.summary["baseline"]
    change = both.equity["baseline"]["equity"].iloc[-1] - 100_000.0
    assert change == pytest.approx(run["pnl"], abs=1e-4)
    with pytest.raises(StoreError, match="must have traded ETHUSDT"):
        read_run(tmp_path, "ETHUSDT")


def test_warm_up_moves_the_map_but_trades_nothing(catalog: Path, tmp_path: Path):
    window = {"end_ns": START + 2 * DAY, "random_runs": 0}
    cold = run_paired(options(catalog, tmp_path / "cold", warm_up_days=0, **window))
    warm = run_paired(options(catalog, tmp_path / "warm", **window))
    assert cold.summary["warm_up"]["start"] == cold.summary["start"]
    assert cold.summary["duty"]["WAIT"] > warm.summary["duty"]["WAIT"]
    assert warm.fills["baseline"]["ts"].min() >= START + DAY


def test_the_window_defaults_to_what_the_catalog_has(tmp_path: Path):
    catalog = tmp_path / "catalog"
    ingest(write_files(tmp_path / "files", days=2), catalog)
    scope = resolve_scope(BacktestOptions(catalog=catalog, out=tmp_path))
    assert scope.symbols == ("BTCUSDT",)
    assert (scope.start_ns, scope.end_ns) == (START, START + 2 * DAY - 1_000_000 + 1)
    assert scope.bar == "5m"
    config = run_config(scope, use_signals=True, store_path=str(tmp_path / "published"))
    assert BacktestRunConfig.parse(config.json()).id == config.id


def test_long_windows_have_other_defaults(tmp_path: Path):
    usual = BacktestOptions(catalog=tmp_path, out=tmp_path)
    short, long = usual.for_window(0, 31 * DAY), usual.for_window(0, 32 * DAY)
    assert (short.random_runs, short.store_interval_secs) == (20, 0.0)
    assert (long.random_runs, long.store_interval_secs) == (3, 3_600.0)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"symbols": ("ETHUSDT",)}, DataGapError, "ETHUSDT"),
        ({"symbols": ()}, SettingError, "--symbol must be given"),
        ({"start_ns": START - 9 * DAY, "end_ns": START - 8 * DAY}, DataGapError, "none"),
        ({"bar": "1h"}, DataGapError, "bars of 1h"),
        ({"bar": "7m"}, SettingError, "--bar must be one of .* was '7m'"),
        ({"actor": {"publish_models": ["crystal"]}}, SettingError, "publish_models must be among"),
        ({"actor": {"colour": 1}}, SettingError, "actor's settings must be those of"),
        ({"strategy": {"fast_period": "x"}}, SettingError, "strategy's settings must be those"),
        ({"strategy": {"risk_fraction": 2.0}}, SettingError, "risk_fraction must be at most 1"),
        ({"settlement": {"margin": "both"}}, SettingError, "settlement's settings"),
        (
            {"params": Path("/none.json")},
            SettingError,
            "parameters_path must be a readable JSON file",
        ),
        ({"start_ns": None, "end_ns": START - DAY}, DataGapError, "end came before the first bar"),
    ],
)
def test_what_cannot_be_run_is_told_in_a_line(
    catalog: Path, tmp_path: Path, values: dict, error: type[LiqNautilusError], message: str
):
    with pytest.raises(error, match=message) as caught:
        run_paired(options(catalog, tmp_path / "out", **values))
    assert "\n" not in str(caught.value)


def test_the_output_must_not_be_the_catalog(catalog: Path):
    with pytest.raises(StoreError, match="another folder than the catalog"):
        run_paired(options(catalog, catalog))


def test_a_file_in_the_way_is_told(catalog: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--out must be a folder that can be written"):
        run_paired(options(catalog, tmp_path / "file" / "out"))


def test_a_folder_without_a_run_is_told(tmp_path: Path, catalog: Path):
    with pytest.raises(StoreError, match=r"must be a readable JSON file, .*summary\.json was not"):
        read_run(tmp_path)
    (tmp_path / "summary.json").write_text(json.dumps({"symbols": ["BTCUSDT"]}))
    with pytest.raises(StoreError, match=r"must hold .*\.parquet"):
        read_run(tmp_path)


def test_options_are_checked(tmp_path: Path):
    given = {"catalog": tmp_path, "out": tmp_path}
    with pytest.raises(SettingError, match="the end must come after the start"):
        BacktestOptions(**given, start_ns=2, end_ns=1)
    with pytest.raises(SettingError, match="leverage must be above 0, was 0"):
        BacktestOptions(**given, leverage=0)
    with pytest.raises(SettingError, match="warm_up_days must be at least 0, was -1"):
        BacktestOptions(**given, warm_up_days=-1)
    with pytest.raises(SettingError, match="must be a JSON object, was list"):
        options_from_document([], **given)
    with pytest.raises(SettingError, match="actor must be a JSON object of settings"):
        options_from_document({"actor": 1}, **given)
    with pytest.raises(SettingError, match="numbers must be numbers"):
        options_from_document({"leverage": "x"}, **given)


def invoke(*arguments: object) -> object:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)])


def test_the_command_writes_report_and_summary(catalog: Path, tmp_path: Path):
    config = tmp_path / "config.json"
    settings = {"random_runs": 0, "symbol": ["BTCUSDT"], "strategy": {"risk_fraction": 0.002}}
    config.write_text(json.dumps({**settings, "start": "2026-01-02", "end": "2026-01-03"}))
    out = tmp_path / "out"
    shared = ("--catalog", catalog, "--out", out)
    shown = invoke(config, *shared, "--json", "--end", "2026-01-02T12:00")
    assert shown.exit_code == 0, shown.output
    summary = json.loads(shown.stdout)
    assert summary["end"] == "2026-01-02T12:00:00Z"
    assert summary == json.loads((out / "summary.json").read_text())
    assert (out / "report.html").stat().st_size > 10_000
    told = invoke(config, *shared)
    assert told.exit_code == 0
    assert "difference" in told.stdout
    assert np.all([name in told.stdout for name in ("baseline", "signals", "report:")])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "CONFIG must be a readable JSON file"),
        ("[]", "CONFIG must hold a JSON object"),
        ('{"simbol": "x"}', "found simbol"),
        ("{}", "--out must name the folder"),
    ],
)
def test_a_wrong_configuration_is_told(tmp_path: Path, text: str, message: str):
    config = tmp_path / "config.json"
    config.write_text(text)
    failed = invoke(config)
    assert isinstance(failed.exception, SettingError)
    assert message in str(failed.exception)
