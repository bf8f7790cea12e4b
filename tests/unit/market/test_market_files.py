from __future__ import annotations

import io
import zipfile
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from liq_nautilus.errors import SettingError
from liq_nautilus.market.dump_files import KINDS
from liq_nautilus.market.dump_files import write_files
from liq_nautilus.market.simulation import simulate
from liq_nautilus.market.worlds import WORLDS

KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)


@pytest.fixture(scope="module")
def market():
    return simulate(WORLDS["cascade"], days=2, seed=4, start="2026-01-31")


@pytest.fixture(scope="module")
def folder(market, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_files(market, folder)
    return folder


def read(folder, pattern):
    paths = sorted(folder.glob(pattern))
    assert paths
    return pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)


def test_layout_is_that_of_the_dump(folder):
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    daily = "futures/um/daily"
    expected = [
        f"{daily}/klines/BTCUSDT/1m/BTCUSDT-1m-2026-01-31.csv",
        f"{daily}/klines/BTCUSDT/5m/BTCUSDT-5m-2026-02-01.csv",
        f"{daily}/markPriceKlines/BTCUSDT/1m/BTCUSDT-1m-2026-01-31.csv",
        f"{daily}/metrics/BTCUSDT/BTCUSDT-metrics-2026-02-01.csv",
        f"{daily}/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2026-01-31.csv",
        f"{daily}/liquidationSnapshot/BTCUSDT/BTCUSDT-liquidationSnapshot-2026-01-31.csv",
        f"{daily}/bookDepth/BTCUSDT/BTCUSDT-bookDepth-2026-01-31.csv",
        "futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-01.csv",
        "futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2026-02.csv",
        "liquidation-bars/BTCUSDT-liquidations-1h-2026-01-31.csv",
        "true-positions/BTCUSDT/BTCUSDT-true-positions-2026-02-01.parquet",
    ]
    assert set(expected) <= set(found)
    assert len(found) == 2 * len(KINDS)


@pytest.mark.parametrize(
    ("pattern", "header", "n_rows"),
    [
        ("**/klines/**/*-1m-*.csv", KLINES, 2_880),
        ("**/klines/**/*-5m-*.csv", KLINES, 576),
        ("**/markPriceKlines/**/*.csv", KLINES, 2_880),
        ("**/premiumIndexKlines/**/*.csv", KLINES, 2_880),
        (
            "**/metrics/**/*.csv",
            (
                "create_time,symbol,sum_open_interest,sum_open_interest_value,"
                "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
                "count_long_short_ratio,sum_taker_long_short_vol_ratio"
            ),
            576,
        ),
        ("**/fundingRate/**/*.csv", "calc_time,funding_interval_hours,last_funding_rate", 6),
        ("**/bookDepth/**/*.csv", "timestamp,percentage,depth,notional", 28_800),
        ("liquidation-bars/*.csv", "open_time,close_time,long_usd,short_usd", 48),
    ],
)
def test_columns_and_rows(folder, pattern, header, n_rows):
    path = next(iter(sorted(folder.glob(pattern))))
    assert path.read_text().splitlines()[0] == header
    assert len(read(folder, pattern)) == n_rows


def test_bars_are_made_of_the_trades(folder):
    bars = read(folder, "**/klines/**/*-1m-*.csv")
    trades = read(folder, "**/aggTrades/**/*.csv")
    assert trades["agg_trade_id"].is_monotonic_increasing
    assert trades["transact_time"].is_monotonic_increasing
    by_minute = trades.groupby(trades["transact_time"] // 60_000)
    np.testing.assert_allclose(by_minute["price"].max(), bars["high"])
    np.testing.assert_allclose(by_minute["price"].min(), bars["low"])
    np.testing.assert_allclose(by_minute["price"].last(), bars["close"])
    np.testing.assert_allclose(by_minute["quantity"].sum(), bars["volume"], atol=1e-9)
    bought = trades["quantity"].where(~trades["is_buyer_maker"], 0.0)
    bought = bought.groupby(trades["transact_time"] // 60_000).sum()
    np.testing.assert_allclose(bought, bars["taker_buy_volume"], atol=1e-9)
    fills = (trades["last_trade_id"] - trades["first_trade_id"] + 1).groupby(
        trades["transact_time"] // 60_000
    )
    np.testing.assert_array_equal(fills.sum(), bars["count"])


def test_five_minute_bars_are_made_of_the_minutes(folder):
    minutes = read(folder, "**/klines/**/*-1m-*.csv")
    fives = read(folder, "**/klines/**/*-5m-*.csv")
    groups = minutes.groupby(minutes["open_time"] // 300_000)
    np.testing.assert_allclose(groups["high"].max(), fives["high"])
    np.testing.assert_allclose(groups["volume"].sum(), fives["volume"], atol=1e-6)
    np.testing.assert_array_equal(fives["close_time"], fives["open_time"] + 299_999)


def test_prices_and_quantities_lie_on_the_contracts_grid(folder):
    bars = read(folder, "**/klines/**/*-1m-*.csv")
    trades = read(folder, "**/aggTrades/**/*.csv")
    for values, step in ((bars["high"], 0.1), (trades["price"], 0.1), (trades["quantity"], 0.001)):
        np.testing.assert_allclose(values / step, np.round(values / step), atol=1e-6)
    assert (trades["quantity"] > 0.0).all()
    text = next(iter(folder.glob("**/aggTrades/**/*.csv"))).read_text()
    assert "e-0" not in text
    assert "000000" not in text


def test_orders_shown_are_one_a_second_and_among_all(folder, market):
    shown = read(folder, "**/liquidationSnapshot/**/*.csv")
    assert (shown["time"] // 1_000).is_unique
    assert set(shown["side"]) == {"SELL", "BUY"}
    assert len(shown) < len(market.liquidation_orders.ts)
    everything = set(
        zip(
            market.liquidation_orders.ts // 1_000_000,
            market.liquidation_orders.quantity,
            strict=True,
        )
    )
    assert set(zip(shown["time"], shown["original_quantity"], strict=True)) <= everything
    assert 1.5 < market.under_reporting < 8.0


def test_liquidation_bars_hold_all_orders(folder, market):
    bars = read(folder, "liquidation-bars/*.csv")
    orders = market.liquidation_orders
    notional = orders.quantity * orders.average_price
    assert bars["long_usd"].sum() == pytest.approx(notional[orders.position_side > 0].sum())
    assert bars["short_usd"].sum() == pytest.approx(notional[orders.position_side < 0].sum())
    assert (bars["close_time"] - bars["open_time"] == 3_600_000).all()


def test_true_positions_are_hourly_snapshots(folder, market):
    path = next(iter(sorted(folder.glob("true-positions/**/*-2026-02-01.parquet"))))
    frame = pd.read_parquet(path)
    assert frame["ts"].nunique() == 24
    ts = market.start_ns + 30 * 3_600_000_000_000
    known = market.positions_at(ts)
    chosen = frame[frame["ts"] == ts]
    np.testing.assert_array_equal(chosen["liquidation_price"], known.liquidation_price)
    np.testing.assert_array_equal(chosen["quantity"], known.quantity)


def test_depth_grows_with_the_distance(folder):
    depth = read(folder, "**/bookDepth/**/*.csv")
    wide = depth.pivot_table(index="timestamp", columns="percentage", values="depth")
    assert (wide[-5] > wide[-1]).all()
    assert (wide[5] > wide[1]).all()


def test_zipped_files_carry_their_checksum_and_are_repeatable(market, folder, tmp_path):
    for place in ("once", "twice"):
        paths = write_files(market, tmp_path / place, kinds=["klines-5m"], zipped=True)
    archive, checksum = paths[0], paths[1]
    digest, name = checksum.read_text().split()
    assert (digest, name) == (sha256(archive.read_bytes()).hexdigest(), archive.name)
    first = tmp_path / "once" / archive.relative_to(tmp_path / "twice")
    assert first.read_bytes() == archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        rows = pd.read_csv(io.BytesIO(opened.read(opened.namelist()[0])))
    straight = pd.read_csv(folder / archive.relative_to(tmp_path / "twice").with_suffix(".csv"))
    pd.testing.assert_frame_equal(rows, straight)


def test_other_symbol_has_its_own_scale(tmp_path):
    market = simulate(WORLDS["standard"], days=1, seed=4, symbol="SOLUSDT")
    paths = write_files(market, tmp_path, kinds=["klines-1m", "metrics"])
    bars = pd.read_csv(paths[0])
    assert 100.0 < bars["close"].iloc[0] < 200.0
    np.testing.assert_allclose(bars["close"] * 100, np.round(bars["close"] * 100), atol=1e-6)
    metrics = pd.read_csv(paths[1])
    assert set(metrics["symbol"]) == {"SOLUSDT"}
    ratio = metrics["sum_open_interest_value"] / metrics["sum_open_interest"]
    assert ratio.between(100.0, 200.0).all()


def test_unknown_kind_is_refused(market, tmp_path):
    with pytest.raises(SettingError, match=r"kinds must be some of klines-1m.*was candles"):
        write_files(market, tmp_path, kinds=["candles"])
