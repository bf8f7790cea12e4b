"""Perpetuals that settle in another currency, from their files to levels and a backtest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from typing import Any

import pandas as pd
import pytest
from support.trading_files import write_depth
from support.trading_files import write_files
from typer.testing import CliRunner

from liq_nautilus.cli.main import app
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from pathlib import Path

# What exchangeInfo says of a symbol that is not built in.
USDC_ENTRY = {
    "symbol": "BTCUSDC",
    "contractType": "PERPETUAL",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDC",
    "marginAsset": "USDC",
    "pricePrecision": 1,
    "quantityPrecision": 3,
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
        {"filterType": "MIN_NOTIONAL", "notional": "50"},
    ],
}
SYMBOLS = {"BTCUSDT": "USDT", "BTCUSDC": "USDC", "BTCUSD_PERP": "BTC"}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root, path = (tmp_path_factory.mktemp(name) for name in ("files", "catalog"))
    for symbol in SYMBOLS:
        # The same market, as each contract's files tell it.
        write_files(root, symbol, seed=3, days=2)
    write_depth(root, "BTCUSDC", 2, 50.0)
    info = path / "exchangeInfo.json"
    info.write_text(json.dumps({"symbols": [USDC_ENTRY]}))
    kinds = asked(
        "ingest", str(root), "--catalog", str(path / "held"), "--exchange-info", str(info)
    )["kinds"]
    assert set(kinds["metrics"]) == set(SYMBOLS)
    return path / "held"


def asked(*arguments: str) -> dict[str, Any]:
    found = CliRunner().invoke(app, [*arguments, "--json"])
    assert found.exit_code == 0, found.stderr
    document = json.loads(found.stdout)
    assert isinstance(document, dict)
    return document


def of_sides(levels: dict[str, Any], name: str) -> list[float]:
    rows = levels["levels"]
    return [sum(row[name] for row in rows if row["side"] == s) for s in ("long", "short")]


def test_levels_of_every_contract_are_in_dollars(catalog: Path):
    found = {s: asked("levels", "--catalog", str(catalog), "--symbol", s) for s in SYMBOLS}
    dollars = found["BTCUSDT"]
    held = of_sides(dollars, "exposure")
    # Some 50,000 coins of 100,000 dollars, less what lies beyond the map.
    assert all(2e9 < one < 8e9 for one in held)
    assert of_sides(found["BTCUSDC"], "exposure") == pytest.approx(held)
    # The contracts' own brackets and their inverse shape move some over the map's border.
    assert of_sides(found["BTCUSD_PERP"], "exposure") == pytest.approx(held, rel=0.25)
    for name in ("volume", "volume_low", "volume_high"):
        expected = pytest.approx(of_sides(dollars, name), rel=0.4)
        assert of_sides(found["BTCUSD_PERP"], name) == expected
    for levels in found.values():
        assert levels["is_valid"]
        for row in levels["levels"]:
            is_below = row["price"] < levels["current_price"]
            assert is_below == (row["side"] == "long")


@pytest.mark.parametrize("symbol", ["BTCUSDC", "BTCUSD_PERP"])
def test_a_scenario_of_every_contract_is_in_dollars(catalog: Path, symbol: str):
    place = ("scenario", "--catalog", str(catalog), "--within", "4h", "--symbol")
    price = asked("levels", "--catalog", str(catalog), "--symbol", "BTCUSDT")["current_price"]
    for factor in (0.95, 1.06):
        to = f"{factor * price:.1f}"
        usual = asked(*place, "BTCUSDT", "--to", to)["sides"]
        found = asked(*place, symbol, "--to", to)["sides"]
        for side in ("long", "short"):
            assert found[side]["expected"] == pytest.approx(usual[side]["expected"], rel=0.3)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_backtest_is_kept_in_the_settlement_currency(catalog: Path, symbol: str, tmp_path: Path):
    config = tmp_path / "config.json"
    strategy = {"risk_fraction": 0.05, "max_leverage": 5.0}
    config.write_text(json.dumps({"random_runs": 0, "strategy": strategy}))
    place = ("--catalog", str(catalog), "--symbol", symbol, "--out", str(tmp_path / "out"))
    window = ("--start", "2026-01-02", "--end", "2026-01-03")
    told = CliRunner().invoke(app, ["backtest", str(config), *place, *window])
    assert told.exit_code == 0
    assert f" {SYMBOLS[symbol]} = price" in told.stdout
    assert "market orders paid an assumed slippage" in told.stdout
    summary = json.loads((tmp_path / "out/summary.json").read_text(encoding="utf-8"))
    assert summary["currency"] == SYMBOLS[symbol]
    price = pd.read_parquet(tmp_path / "out/tables/bars.parquet")["open"].iloc[0]
    coins = 100_000.0 / price if symbol == "BTCUSD_PERP" else 100_000.0
    assert summary["starting_balance"] == pytest.approx(coins)
    for name in ("baseline", "signals"):
        run = summary[name]
        parts = run["price_pnl"] + run["fees"] + run["funding"] + run["liquidations"]
        assert parts == pytest.approx(run["pnl"], abs=1e-8)
        assert run["positions"] > 0
        # Of the order of what five times the wallet can win or lose in a calm day.
        assert 1e-4 * coins < abs(run["pnl"]) < 0.5 * coins
        assert 0.0 < run["max_drawdown"] < 0.6
        fills = pd.read_parquet(tmp_path / f"out/tables/fills_{name}.parquet")
        # Books are there of one symbol only, and hourly; limits need none.
        slipped = run["slippage"]
        assert sum(slipped.values()) == (fills["reason"] != "take-profit").sum() > 0
        assert symbol == "BTCUSDC" or slipped["walked"] == 0
        assert -fills["fee"].sum() == pytest.approx(run["fees"], abs=1e-7)
        kept = json.loads((tmp_path / f"out/run-{name}.json").read_text(encoding="utf-8"))
        fed = any(one["data_cls"].endswith(":BookDepth") for one in kept["data"])
        # What is on the book is fed where the catalog has it, and its absence is told.
        assert fed == (symbol == "BTCUSDC")
    assert ("bookDepth" in summary["missing"][symbol]) == (symbol != "BTCUSDC")
    plain = summary["without_slippage"]
    assert plain["baseline"] > summary["baseline"]["pnl"]
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert ("BTC: a difference of" in page) == (symbol == "BTCUSD_PERP")


def test_currencies_are_not_mixed_in_one_account(catalog: Path, tmp_path: Path):
    symbols = ["--symbol", "BTCUSDT", "--symbol", "BTCUSD_PERP"]
    place = ["--catalog", str(catalog), "--out", str(tmp_path)]
    found = CliRunner().invoke(app, ["backtest", *symbols, *place])
    assert (found.exit_code, found.stdout) == (1, "")
    assert isinstance(found.exception, SettingError)
    assert "BTCUSDT, BTCUSD_PERP settle in BTC, USDT" in str(found.exception)


@pytest.mark.parametrize(("symbol", "currency"), [("BTCUSDC", "USDC"), ("ETHUSD_PERP", "ETH")])
def test_a_node_refuses_what_does_not_settle_in_usdt(symbol: str, currency: str, tmp_path: Path):
    config = tmp_path / "live.json"
    config.write_text(json.dumps({"symbols": ["SOLUSDT", symbol]}))
    found = CliRunner().invoke(app, ["live", str(config)])
    assert (found.exit_code, found.stdout) == (1, "")
    assert isinstance(found.exception, SettingError)
    assert f"{symbol} settles in {currency}" in str(found.exception)
