from pathlib import Path

import pytest
from support.data_files import KINDS

from liq_nautilus.data.files.finding import SourceFile
from liq_nautilus.data.files.finding import Unusable
from liq_nautilus.data.files.finding import find_files
from liq_nautilus.data.files.finding import recognise
from liq_nautilus.errors import StoreError
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import INTERVALS
from liq_nautilus.times import interval_ns
from liq_nautilus.times import opened_at

ROOT = Path("/somewhere/dump")
START = 1_735_689_600_000_000_000


@pytest.mark.parametrize(
    ("name", "kind", "symbol", "interval"),
    [
        ("futures/um/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2025-01-01.zip", "klines", "BTCUSDT", "5m"),
        ("BTCUSDT-1h-2025-01-01.csv", "klines", "BTCUSDT", "1h"),
        ("BTCUSDT-1M-2025-01.csv", "klines", "BTCUSDT", "1mo"),
        ("markPriceKlines/BTCUSDT-5m-2025-01-01.csv", "markPriceKlines", "BTCUSDT", "5m"),
        ("BTCUSDT-markPriceKlines-5m-2025-01-01.csv", "markPriceKlines", "BTCUSDT", "5m"),
        ("premiumIndexKlines/X/BTCUSDT-1m-2025-01.csv.gz", "premiumIndexKlines", "BTCUSDT", "1m"),
        ("BTCUSDT-aggTrades-2020-01.zip", "aggTrades", "BTCUSDT", ""),
        ("raw/1000PEPEUSDT-trades-2024-02-29.csv.zip", "trades", "1000PEPEUSDT", ""),
        ("raw/BTCUSDT/metrics/BTCUSDT-metrics-2025-01-01.csv", "metrics", "BTCUSDT", ""),
        ("metrics/BTCUSDT-2025-01-01.csv", "metrics", "BTCUSDT", ""),
        ("BTCUSD_PERP-fundingRate-2025-01.CSV", "fundingRate", "BTCUSD_PERP", ""),
        ("BTCUSDT-bookDepth-2025-01-01.csv", "bookDepth", "BTCUSDT", ""),
        ("BTCUSDT-liquidationSnapshot-2025-01-01.csv", "liquidationSnapshot", "BTCUSDT", ""),
        ("BTCUSDT-liquidations-30m-2025-01-01.csv", "liquidations", "BTCUSDT", "30m"),
        ("trades/BTCUSDT-5m-2025-01-01.csv", "klines", "BTCUSDT", "5m"),
        ("klines/BTCUSDT-5m.csv", "klines", "BTCUSDT", "5m"),
        ("币安人生USDT-5m-2025-01-01.csv", "klines", "币安人生USDT", "5m"),
        ("1INCHUSDT-metrics-2025-01-01.csv", "metrics", "1INCHUSDT", ""),
        ("ЛЮБUSDT-aggTrades-2025-01.zip", "aggTrades", "ЛЮБUSDT", ""),
        ("BTCUSDT_250926-1m-2025-01-01.zip", "klines", "BTCUSDT_250926", "1m"),
    ],
)
def test_file_is_recognised_by_name_and_folder(name, kind, symbol, interval):
    found = recognise(ROOT / name, ROOT)
    assert isinstance(found, SourceFile)
    assert (found.kind, found.symbol, found.interval, found.name) == (kind, symbol, interval, name)
    assert found.series == (f"{kind}-{interval}" if interval else kind)


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "leverageBracket-2024-10-24.json",
        "BTCUSDT-5m-2025-01-01.zip.CHECKSUM",
        "BTCUSDT-5m-2025-01-01.zip.part",
        "notes.csv",
        "BTCUSDT.csv",
        ".BTCUSDT-5m-2025-01-01.csv",
        "results.zip",
        "2025-01-01.txt",
        "a-plan.json",
    ],
)
def test_other_files_are_no_market_data(name):
    assert recognise(ROOT / name, ROOT) is None


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("BTCUSDT-metrics-5m-2025-01-01.csv", "must not state an interval"),
        ("BTCUSDT-markPriceKlines-2025-01-01.csv", "must state an interval"),
        ("BTCUSDT-5m-2025-13-01.csv", "date of the calendar"),
        ("spot/monthly/klines/BTCUSDT/5m/BTCUSDT-5m-2025-01.csv", "spot market"),
        ("option/daily/trades/BTCUSDT-trades-2025-01-01.csv", "option market"),
    ],
)
def test_market_data_that_cannot_be_taken_is_named(name, what):
    found = recognise(ROOT / name, ROOT)
    assert isinstance(found, Unusable)
    assert what in found.what


@pytest.mark.parametrize(
    "name",
    [
        *("BTCUSDT-2025-01-01.csv", "BTCUSDT-5m.csv", "BTCUSDT-7m-2025-01-01.csv"),
        *("btcusdt-5m-2025-01-01.csv", "BTCUSDT_5m_20250101.csv", "BTCUSDT metrics 2025-01-01.csv"),
        *("ETHUSDT-EOHSummary-2023-05-18.zip", "币安人生USDT-5x-2025-01.zip"),
        *("BTCUSDT-5m-2025-01-01.csv.xz", "SOLUSDT-metrics-2025-01.tar.gz"),
        *("binance-BTCUSDT-5m-2025-01.csv", "BTCUSDT-trades-2025-01.txt"),
    ],
)
def test_what_looks_like_market_data_and_is_not_taken_is_named(name):
    found = recognise(ROOT / name, ROOT)
    assert isinstance(found, Unusable)
    assert "must be" in found.what


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_file_of_another_name_with_the_columns_of_a_kind_is_named(tmp_path, kind):
    path = tmp_path / "export.csv"
    path.write_text(f"{KINDS[kind].header}\n{KINDS[kind].row(0)}\n")
    assert isinstance(recognise(path, tmp_path), Unusable)
    path.write_text("time,profit,price\n1,2,3\n")
    assert recognise(path, tmp_path) is None


@pytest.mark.parametrize(
    ("date", "days"),
    [("2025-01-01", (0, 1)), ("2025-01", (0, 31)), ("2025", (0, 365)), ("2024-12", (-31, 0))],
)
def test_name_states_a_period(date, days):
    found = recognise(ROOT / f"BTCUSDT-5m-{date}.csv", ROOT)
    assert isinstance(found, SourceFile)
    assert found.period == tuple(START + day * DAY_NS for day in days)


def test_liquidation_bars_may_run_on_behind_their_date():
    found = recognise(ROOT / "BTCUSDT-liquidations-1h-2025-01-01.csv", ROOT)
    assert isinstance(found, SourceFile)
    assert found.period is None


def test_order_depends_on_names_alone(tmp_path):
    names = ["b/BTCUSDT-5m-2025-01.csv", "a/BTCUSDT-5m-2025-01-02.csv", "BTCUSDT-5m-2025-01-01.csv"]
    for name in [*names, ".hidden/BTCUSDT-5m-2025-01-03.csv", "x.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_files(tmp_path)
    assert [file.name for file in found.files] == [names[0], names[2], names[1]]
    assert found.ignored == ("x.txt",)
    single = find_files(tmp_path / names[2])
    assert [file.name for file in single.files] == [names[2]]
    with pytest.raises(StoreError, match="check the path"):
        find_files(tmp_path / "nowhere")


def test_intervals_have_lengths():
    assert [interval_ns(interval) for interval in ("1s", "1m", "1w")] == [
        1_000_000_000,
        60_000_000_000,
        7 * DAY_NS,
    ]
    assert interval_ns("1mo") == 0
    assert all(interval_ns(interval) >= 0 for interval in INTERVALS)
    with pytest.raises(ValueError, match="interval must be one of"):
        interval_ns("7m")


def test_month_opens_on_its_first():
    assert opened_at(START, "1mo") == START - 31 * DAY_NS
    assert opened_at(START, "1d") == START - DAY_NS
