"""
Files as Binance laid them out from 2020 to 2026, from the columns it documents.

Each is written here, ingested, and read back through plain Nautilus and, from the file, by pandas.
"""

import io
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import TradeTick
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from liq_nautilus.nautilus.ingest.ingest import ingest
from liq_nautilus.nautilus.types import BookDepth
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.nautilus.types import PremiumIndexBar

KLINE_NAMES = [
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume"),
    *("count", "taker_buy_volume", "taker_buy_quote_volume", "ignore"),
]
AGG_NAMES = [
    *("agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time"),
    "is_buyer_maker",
]
METRICS_NAMES = [
    *("create_time", "symbol", "sum_open_interest", "sum_open_interest_value"),
    *("count_toptrader_long_short_ratio", "sum_toptrader_long_short_ratio"),
    *("count_long_short_ratio", "sum_taker_long_short_vol_ratio"),
]
DEPTH_NAMES = ["timestamp", "percentage", "depth", "notional"]
FUNDING_NAMES = ["calc_time", "funding_interval_hours", "last_funding_rate"]
MS = 1_000_000


def write(source: Path, place: str, name: str, names: list[str], rows, *, header: bool) -> str:
    """Write a file of the dump, zipped, and return its text."""
    lines = [",".join(names)] if header else []
    text = "\n".join([*lines, *(",".join(map(str, row)) for row in rows), ""])
    folder = source / "data" / "futures" / place
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", text)
    return text


def frame_of(text: str, names: list[str], *, header: bool) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), names=names, header=0 if header else None)


def stored(source: Path, catalog: Path, data_cls: type, identifier: str) -> list:
    summary = ingest(source, catalog)
    assert summary.issues == []
    found = ParquetDataCatalog(catalog).query(data_cls, [identifier])
    return [getattr(datum, "data", datum) for datum in found]


def start_ms(date: str) -> int:
    return pd.Timestamp(date, tz="UTC").value // MS


def ohlc(i: int, base: float, decimals: int) -> list[str]:
    middle = base * (1 + (i * 37 % 101 - 50) / 1e4)
    spread = base / 1e3
    return [f"{middle + d * spread:.{decimals}f}" for d in (0, 1, -1, 0.5)]


@pytest.mark.parametrize(
    ("symbol", "place", "year", "header", "decimals"),
    [
        ("BTCUSDT", "um/monthly", 2020, False, 2),
        ("ETHUSDT", "um/monthly", 2021, False, 2),
        ("SOLUSDT", "um/daily", 2022, False, 4),
        ("BTCUSDT", "um/daily", 2023, True, 1),
        ("XRPUSDT", "um/daily", 2026, True, 4),
        ("BTCUSD_PERP", "cm/monthly", 2020, False, 1),
        ("ETHUSD_PERP", "cm/daily", 2024, True, 2),
    ],
)
def test_klines(tmp_path, symbol, place, year, header, decimals):
    date = f"{year}-03" if "monthly" in place else f"{year}-03-05"
    start = start_ms(date)
    is_inverse = symbol.endswith("_PERP")
    rows = []
    for i in range(288):
        t = start + i * 300_000
        size = str(50 + i % 9) if is_inverse else f"{50 + i % 9 + 0.1:.1f}"
        rest = [f"{1 + i / 7:.8f}", 100 + i % 5, size if i % 4 else "0", "0.5", 0]
        rows.append([t, *ohlc(i, 2.5, decimals), size, t + 299_999, *rest])
    folder = f"{place}/klines/{symbol}/5m"
    text = write(tmp_path / "s", folder, f"{symbol}-5m-{date}", KLINE_NAMES, rows, header=header)
    expected = frame_of(text, KLINE_NAMES, header=header)
    name = symbol.removesuffix("_PERP")
    bar_type = f"{name}-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL"
    bars = stored(tmp_path / "s", tmp_path / "c", Bar, bar_type)
    for column in ("open", "high", "low", "close", "volume"):
        assert [float(getattr(bar, column)) for bar in bars] == expected[column].tolist()
    assert [bar.ts_event for bar in bars] == (expected["close_time"] * MS).tolist()


@pytest.mark.parametrize(
    ("symbol", "place", "date", "header"),
    [
        ("BTCUSDT", "um/monthly", "2020-05", False),
        ("BTCUSDT", "um/daily", "2023-06-01", True),
        ("ADAUSDT", "um/daily", "2026-06-30", True),
        ("BTCUSD_PERP", "cm/daily", "2021-09-07", False),
    ],
)
def test_agg_trades(tmp_path, symbol, place, date, header):
    start = start_ms(date)
    size = "{}" if symbol in ("ADAUSDT", "BTCUSD_PERP") else "{}.125"
    rows = [
        [
            *(5 + i, f"{9 + i % 7}.{i % 5}", size.format(1 + i % 8), 2 * i, 2 * i + 1),
            *(start + 71 * i, "true" if i % 3 else "false"),
        ]
        for i in range(900)
    ]
    folder = f"{place}/aggTrades/{symbol}"
    name = f"{symbol}-aggTrades-{date}"
    text = write(tmp_path / "s", folder, name, AGG_NAMES, rows, header=header)
    expected = frame_of(text, AGG_NAMES, header=header)
    identifier = f"{symbol.removesuffix('_PERP')}-PERP.BINANCE"
    ticks = stored(tmp_path / "s", tmp_path / "c", TradeTick, identifier)
    assert [float(tick.price) for tick in ticks] == expected["price"].tolist()
    assert [float(tick.size) for tick in ticks] == expected["quantity"].tolist()
    assert [int(str(t.trade_id)) for t in ticks] == expected["agg_trade_id"].tolist()
    assert [t.aggressor_side == 2 for t in ticks] == expected["is_buyer_maker"].tolist()
    assert [tick.ts_event for tick in ticks] == (expected["transact_time"] * MS).tolist()


@pytest.mark.parametrize(
    ("symbol", "place", "date", "empty"),
    [
        ("BTCUSDT", "um", "2021-12-01", '""'),
        ("ETHUSDT", "um", "2023-04-02", ""),
        ("SOLUSDT", "um", "2026-07-03", "1.25000000"),
        ("BTCUSD_PERP", "cm", "2024-08-12", '""'),
    ],
)
def test_metrics(tmp_path, symbol, place, date, empty):
    start = pd.Timestamp(date)
    rows = [
        [
            *(str(start + pd.Timedelta(minutes=5 * i)), symbol),
            *(f"{8_000 + i % 17 + 0.375:.8f}", f"{9.5e8 + i * 1e5 + 0.125:.8f}"),
            *(empty if i % 3 else "1.50000000", "2.25000000", empty, "0.75000000"),
        ]
        for i in range(288)
    ]
    folder = f"{place}/daily/metrics/{symbol}"
    name = f"{symbol}-metrics-{date}"
    text = write(tmp_path / "s", folder, name, METRICS_NAMES, rows, header=True)
    expected = frame_of(text, METRICS_NAMES, header=True)
    identifier = f"{symbol.removesuffix('_PERP')}-PERP.BINANCE"
    found = stored(tmp_path / "s", tmp_path / "c", OpenInterest, identifier)
    assert [d.ts_event for d in found] == pd.to_datetime(expected["create_time"]).astype(
        "datetime64[ns]"
    ).astype(np.int64).tolist()
    assert [d.open_interest for d in found] == expected["sum_open_interest"].tolist()
    worth = expected["sum_open_interest_value"]
    if place == "cm":
        worth = 100.0 * expected["sum_open_interest"]
    assert [d.open_interest_notional for d in found] == worth.tolist()
    pairs = {
        "top_trader_account_ratio": "count_toptrader_long_short_ratio",
        "top_trader_position_ratio": "sum_toptrader_long_short_ratio",
        "account_ratio": "count_long_short_ratio",
        "taker_volume_ratio": "sum_taker_long_short_vol_ratio",
    }
    for ours, theirs in pairs.items():
        np.testing.assert_array_equal([getattr(d, ours) for d in found], expected[theirs])


@pytest.mark.parametrize("levels", [(5, 4, 3, 2, 1), (5, 4, 3, 2, 1, 0.2)])
@pytest.mark.parametrize("date", ["2023-01-01", "2026-02-28"])
def test_book_depth(tmp_path, levels, date):
    percentages = sorted([*levels, *(-level for level in levels)])
    start = pd.Timestamp(date)
    rows = [
        [str(start + pd.Timedelta(seconds=30 * i)), p, f"{10 + i + abs(p):.8f}", f"{9e5 + i:.8f}"]
        for i in range(60)
        for p in (f"{p:.2f}" if len(levels) > 5 else p for p in percentages)
        for p in [float(p)]
    ]
    folder, name = "um/daily/bookDepth/BTCUSDT", f"BTCUSDT-bookDepth-{date}"
    text = write(tmp_path / "s", folder, name, DEPTH_NAMES, rows, header=True)
    expected = frame_of(text, DEPTH_NAMES, header=True)
    found = stored(tmp_path / "s", tmp_path / "c", BookDepth, "BTCUSDT-PERP.BINANCE")
    for (when, group), datum in zip(expected.groupby("timestamp"), found, strict=True):
        assert datum.ts_event == pd.Timestamp(when).value
        for column in ("percentage", "depth", "notional"):
            assert sorted(getattr(datum, column)) == sorted(group[column])


@pytest.mark.parametrize(
    ("place", "date", "header"),
    [
        ("um/monthly", "2020-11", False),
        ("um/daily", "2022-01-09", False),
        ("um/daily", "2025-12-31", True),
    ],
)
def test_premium_index_klines(tmp_path, place, date, header):
    start = start_ms(date)
    rows = []
    for i in range(288):
        t = start + i * 300_000
        middle = (i % 13 - 6) * 1e-5
        values = [f"{middle + d:.8f}" for d in (0, 2e-5, -2e-5, 1e-5)]
        rows.append([t, *values, 0, t + 299_999, 0, 12, 0, 0, 0])
    folder, name = f"{place}/premiumIndexKlines/BTCUSDT/5m", f"BTCUSDT-5m-{date}"
    text = write(tmp_path / "s", folder, name, KLINE_NAMES, rows, header=header)
    expected = frame_of(text, KLINE_NAMES, header=header)
    found = stored(tmp_path / "s", tmp_path / "c", PremiumIndexBar, "BTCUSDT-PERP.BINANCE")
    for column in ("open", "high", "low", "close"):
        assert [getattr(bar, column) for bar in found] == expected[column].tolist()
    assert [bar.ts_event for bar in found] == (expected["close_time"] * MS).tolist()


@pytest.mark.parametrize(
    ("symbol", "place", "date", "hours"),
    [
        ("BTCUSDT", "um", "2020-01", 8),
        ("ETHUSDT", "um", "2023-05", 4),
        ("BTCUSD_PERP", "cm", "2026-08", 8),
    ],
)
def test_funding_rates(tmp_path, symbol, place, date, hours):
    start = start_ms(date)
    rows = [
        [start + i * hours * 3_600_000 + i % 7, hours, f"{(i % 9 - 4) * 1e-5:.8f}"]
        for i in range(60)
    ]
    folder, name = f"{place}/monthly/fundingRate/{symbol}", f"{symbol}-fundingRate-{date}"
    text = write(tmp_path / "s", folder, name, FUNDING_NAMES, rows, header=True)
    expected = frame_of(text, FUNDING_NAMES, header=True)
    identifier = f"{symbol.removesuffix('_PERP')}-PERP.BINANCE"
    found = stored(tmp_path / "s", tmp_path / "c", FundingRateUpdate, identifier)
    assert [float(Decimal(str(d.rate))) for d in found] == expected["last_funding_rate"].tolist()
    assert [d.interval for d in found] == (expected["funding_interval_hours"] * 60).tolist()
    assert [d.ts_event for d in found] == (expected["calc_time"] * MS).tolist()
