"""Ingestion from files to catalog: formats of all ages, overlaps, damage, interruption."""

import json
import threading
from pathlib import Path

import pytest
from nautilus_trader.core import nautilus_pyo3
from nautilus_trader.model.data import Bar
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from support.catalogs import frame_of
from support.data_files import DAY_MS
from support.data_files import KINDS
from support.data_files import MINUTE_MS
from support.data_files import START_MS
from support.data_files import digest
from support.data_files import parsed
from support.data_files import stored_rows
from support.data_files import write_bytes
from support.data_files import write_file

from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.data.kinds.bars import TAKER_VOLUME
from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.data.kinds.trades import TRADES
from liq_nautilus.data.reading import rows
from liq_nautilus.data.reading import source as source_files
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.ingest_notes import read_records
from liq_nautilus.nautilus.catalog.layout import writing_lock
from liq_nautilus.nautilus.ingest import ingest as ingest_module
from liq_nautilus.nautilus.ingest import partitions
from liq_nautilus.nautilus.ingest import series_ingestion
from liq_nautilus.nautilus.ingest.encodings import Encodings
from liq_nautilus.nautilus.ingest.ingest import ingest

KLINES, METRICS, AGG_TRADES = KINDS["klines"], KINDS["metrics"], KINDS["aggTrades"]


def counts(summary, series_name="klines-1m", symbol="BTCUSDT"):
    c = summary.kinds[series_name][symbol]
    return c.read, c.kept, c.rejected, c.duplicate, c.already_present


def data_only(catalog: Path) -> dict[str, str]:
    return digest(catalog / "data")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    "look",
    [
        {"has_header": False},
        {"ending": "\r\n"},
        {"start": b"\xef\xbb\xbf"},
        {"start": b"\xef\xbb\xbf", "has_header": False},
        {"suffix": ".zip"},
        {"suffix": ".csv.gz", "has_header": False},
        {"suffix": ".csv.zip", "ending": "\r\n"},
    ],
    ids=str,
)
def test_every_look_gives_the_same_bytes(tmp_path, kind, look):
    lines = kind.lines(40)
    write_file(tmp_path / "plain", kind, lines)
    write_file(tmp_path / "other", kind, lines, **look)
    one = ingest(tmp_path / "plain", tmp_path / "one")
    two = ingest(tmp_path / "other", tmp_path / "two")
    assert one.to_dict() == two.to_dict()
    assert counts(one, kind.series) == (40, 40, 0, 0, 0)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert stored_rows(tmp_path / "one", kind) == sorted(parsed(kind, line) for line in lines)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_microseconds_zeros_and_quotes_change_nothing(tmp_path, kind):
    lines = kind.lines(30)
    odd = []
    for i, line in enumerate(lines):
        fields = line.split(",")
        if i % 3 == 0:
            fields = [f"{f}000" if len(f) == 13 and f.isdigit() else f for f in fields]
        elif i % 3 == 1:
            fields = [f"{f}00000000" if "." in f else f for f in fields]
        else:
            fields = [f'"{f}"' if '"' not in f else f for f in fields]
        odd.append(",".join(fields))
    write_file(tmp_path / "plain", kind, lines)
    write_file(tmp_path / "odd", kind, odd)
    ingest(tmp_path / "plain", tmp_path / "one")
    summary = ingest(tmp_path / "odd", tmp_path / "two")
    assert counts(summary, kind.series) == (30, 30, 0, 0, 0)
    if kind.kind == "fundingRate":  # the rate keeps its digits, zeros included
        assert stored_rows(tmp_path / "one", kind) == stored_rows(tmp_path / "two", kind)
    else:
        assert digest(tmp_path / "one") == digest(tmp_path / "two")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_damage_in_one_row_costs_that_row_only(tmp_path, kind):
    lines = kind.lines(20)
    lines[7] = "what is this?"
    path = write_file(tmp_path / "source", kind, lines)
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary, kind.series) == (20, 19, 1, 0, 0)
    (issue,) = summary.issues
    assert (issue.file, issue.line) == (f"{kind.kind}/{path.name}", 9)
    assert "columns" in issue.what


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_same_file_twice_is_known_the_second_time(tmp_path, kind):
    write_file(tmp_path / "source", kind, kind.lines(50))
    ingest(tmp_path / "source", tmp_path / "catalog")
    before = digest(tmp_path / "catalog")
    again = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(again, kind.series) == (50, 0, 0, 0, 50)
    assert digest(tmp_path / "catalog") == before


def write_days(folder: Path, kind, per_day: int, days: range, *, monthly: bool = False) -> None:
    stem = kind.name.rsplit("-", 1)[0]
    for day in days:
        lines = kind.lines(per_day, first=day * per_day)
        write_file(folder, kind, lines, name=f"{stem}-{day + 1:02d}")
    if monthly:
        every = [line for day in days for line in kind.lines(per_day, first=day * per_day)]
        write_file(folder, kind, every, name=stem, has_header=False)


def test_daily_and_monthly_files_together_hold_no_row_twice(tmp_path):
    write_days(tmp_path / "source", KLINES, 1440, range(3), monthly=True)
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary) == (8640, 4320, 0, 4320, 0)
    write_days(tmp_path / "days", KLINES, 1440, range(3))
    ingest(tmp_path / "days", tmp_path / "other")
    assert digest(tmp_path / "catalog") == digest(tmp_path / "other")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_days_in_any_order_of_runs_give_the_same_bytes(tmp_path, order):
    for kind, per_day in ((KLINES, 1440), (METRICS, 288)):
        write_days(tmp_path / "all", kind, per_day, range(3))
        for day in order:
            write_days(tmp_path / f"day{day}", kind, per_day, range(day, day + 1))
    for day in order:
        summary = ingest(tmp_path / f"day{day}", tmp_path / "piecewise")
        assert counts(summary) == (1440, 1440, 0, 0, 0)
    ingest(tmp_path / "all", tmp_path / "at once")
    assert digest(tmp_path / "piecewise") == digest(tmp_path / "at once")


def test_overlapping_input_adds_only_what_is_missing(tmp_path):
    write_file(tmp_path / "first", KLINES, KLINES.lines(100))
    write_file(tmp_path / "second", KLINES, KLINES.lines(100, first=60))
    ingest(tmp_path / "first", tmp_path / "catalog")
    assert counts(ingest(tmp_path / "second", tmp_path / "catalog")) == (100, 60, 0, 0, 40)


def test_metrics_of_the_next_midnight_are_no_gap_and_no_double(tmp_path):
    write_file(tmp_path / "source", METRICS, METRICS.lines(288, first=1))
    later = METRICS.lines(288, first=289)
    write_file(tmp_path / "source", METRICS, later, name="BTCUSDT-metrics-2025-01-02")
    repeated = [*METRICS.lines(2, first=576), *METRICS.lines(3, first=576)]
    write_file(tmp_path / "source", METRICS, repeated, name="BTCUSDT-metrics-2025-01-03")
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary, "metrics") == (581, 578, 0, 3, 0)
    frame = frame_of(tmp_path / "catalog", OPEN_INTEREST)
    assert set(frame["ts"].diff().dropna()) == {5 * MINUTE_MS * 1_000_000}


def test_row_that_contradicts_another_is_rejected_and_listed(tmp_path):
    lines = KLINES.lines(10)
    changed = lines[4].replace(",94", ",95")
    write_file(tmp_path / "source", KLINES, [*lines, changed])
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary) == (11, 10, 1, 0, 0)
    assert [(issue.line, "contradict" in issue.what) for issue in summary.issues] == [(12, True)]
    again = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(again) == (11, 0, 1, 0, 10)
    assert [issue.line for issue in again.issues] == [12]


def test_trade_number_at_two_times_is_taken_once(tmp_path):
    lines = AGG_TRADES.lines(10)
    moved = lines[3].replace(str(START_MS + 700), str(START_MS + 900_000))
    assert moved != lines[3]
    write_file(tmp_path / "source", AGG_TRADES, [*lines, moved])
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary, "aggTrades") == (11, 10, 1, 0, 0)


def test_unsorted_rows_are_sorted(tmp_path):
    for kind in (KLINES, AGG_TRADES):
        lines = kind.lines(3000)
        write_file(tmp_path / "sorted", kind, lines)
        write_file(tmp_path / "mixed", kind, lines[1500:] + lines[:1500][::-1])
    ingest(tmp_path / "sorted", tmp_path / "one")
    summary = ingest(tmp_path / "mixed", tmp_path / "two")
    assert summary.issues == []
    assert data_only(tmp_path / "one") == data_only(tmp_path / "two")
    (record,) = read_records(tmp_path / "two", "klines-1m", "BTCUSDT")
    assert (record.n_rows, record.n_rejected, record.n_out_of_order) == (3000, 0, 1500)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (f"{START_MS},1,2,3,1,0,{START_MS + 59_999},0,0,0,0,0", "high must not be below"),
        (f"{START_MS},2,3,1,4,0,{START_MS + 59_999},0,0,0,0,0", "high must not be below"),
        (f"{START_MS},2,5,3,4,0,{START_MS + 59_999},0,0,0,0,0", "low must not be above"),
        (f"{START_MS},0,0,0,0,0,{START_MS + 59_999},0,0,0,0,0", "above zero"),
        (f"{START_MS},-1,2,1,1,0,{START_MS + 59_999},0,0,0,0,0", "open must be a number"),
        (f"{START_MS},nan,2,1,1,0,{START_MS + 59_999},0,0,0,0,0", "was nan"),
        (f"{START_MS},,2,1,1,0,{START_MS + 59_999},0,0,0,0,0", "was empty"),
        (f"{START_MS},1.234,2,1,1,0,{START_MS + 59_999},0,0,0,0,0", "at most 2 decimals"),
        (f"{START_MS},1_0,20,1,1,0,{START_MS + 59_999},0,0,0,0,0", "was 1_0"),
        (f"{START_MS},1e1,20,1,1,0,{START_MS + 59_999},0,0,0,0,0", "was 1e1"),
        (f"{START_MS},1,2,1,1,0,{START_MS + 60_000},0,0,0,0,0", "last millisecond"),
        (f"{START_MS + 1},1,2,1,1,0,{START_MS + 60_000},0,0,0,0,0", "grid"),
        (f"{START_MS // 1000},1,2,1,1,0,{START_MS + 59_999},0,0,0,0,0", "time in ms or us"),
        (f"{START_MS},1,2,1,1,5,{START_MS + 59_999},0,0,6,0,0", "must not exceed volume"),
        (f"{START_MS},1,2,1,1,5,{START_MS + 59_999},0,1.5,0,0,0", "whole number"),
        (f"{START_MS},1,2,1,1,5,{START_MS + 59_999},-3,1,0,0,0", "must not be negative"),
        (f"{START_MS},1,2,1,1,5,{START_MS + 59_999},1,1,0,0", "must have 12 columns, had 11"),
        (f'{START_MS},"1,2,1,1,5,{START_MS + 59_999},1,1,0,0,0', "quotes"),
        (KLINES.header, "only on the first line"),
    ],
)
def test_impossible_bar_is_rejected_with_its_reason(tmp_path, line, what):
    lines = KLINES.lines(5, first=1)
    write_file(tmp_path / "source", KLINES, [*lines, line])
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary) == (6, 5, 1, 0, 0)
    assert what in summary.issues[0].what
    assert summary.issues[0].line == 7


def test_rounding_noise_is_no_damage(tmp_path):
    line = f"{START_MS},77281.50000000001,77290.0,1.23e-02,77222,1e-3,{START_MS + 59_999},0,0,0,0,0"
    write_file(tmp_path / "source", KLINES, [line, *KLINES.lines(3, first=1)])
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary) == (4, 3, 1, 0, 0)  # 0.0123 has too many decimals
    line = line.replace("1.23e-02", "1.2e-01")
    write_file(tmp_path / "source", KLINES, [line, *KLINES.lines(3, first=1)])
    ingest(tmp_path / "source", tmp_path / "catalog")
    first = frame_of(tmp_path / "catalog", BARS, interval="1m").iloc[0]
    assert (first["open"], first["low"], first["volume"]) == (77281.5, 0.12, 0.001)


def test_wrong_symbol_and_negative_open_interest_are_rejected(tmp_path):
    lines = METRICS.lines(5)
    lines[1] = lines[1].replace("BTCUSDT", "ETHUSDT")
    lines[2] = lines[2].replace(",8", ",-8", 1)
    write_file(tmp_path / "source", METRICS, lines)
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary, "metrics") == (5, 3, 2, 0, 0)
    assert [issue.what for issue in summary.issues] == [
        "symbol must be BTCUSDT, was ETHUSDT",
        "open interest must not be negative",
    ]


def test_garbled_date_far_from_the_name_is_rejected(tmp_path):
    lines = METRICS.lines(200)
    lines[9] = lines[9].replace("2025-01-01", "2035-01-01")
    write_file(tmp_path / "source", METRICS, lines)
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary, "metrics") == (200, 199, 1, 0, 0)
    assert "within a day of the dates" in summary.issues[0].what


def test_name_that_says_less_than_the_file_holds_binds_nothing(tmp_path):
    write_file(tmp_path / "source", KLINES, KLINES.lines(5 * 1440))
    assert counts(ingest(tmp_path / "source", tmp_path / "catalog"))[1] == 5 * 1440


@pytest.mark.parametrize("is_small", [True, False])
def test_rejected_rows_are_grouped_by_reason_with_counts_that_add_up(
    tmp_path, monkeypatch, is_small
):
    lines = KLINES.lines(3000)
    for row in range(20, 2000):
        fields = lines[row].split(",")
        fields[3 if row % 4 else 2] = f"{row}.x"
        lines[row] = ",".join(fields)
    lines[7:9] = ["x", "x,y"]
    write_file(tmp_path / "source", KLINES, lines)
    if not is_small:
        monkeypatch.setattr(source_files, "SMALL_BYTES", 0)
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary) == (3000, 1018, 1982, 0, 0)
    issues = summary.to_dict()["issues"]
    assert [(issue["line"], issue["count"]) for issue in issues] == [(9, 2), (22, 495), (23, 1485)]
    assert issues[0]["what"] == "a row must have 12 columns, had 1"
    assert issues[1]["what"].endswith("with at most 2 decimals, was 20.x")
    assert issues[2]["lines"] == [23, 24, 25, 27, 28, 29, 31, 32, 33, 35]


@pytest.mark.parametrize(
    ("name", "text", "suffix", "what"),
    [
        ("BTCUSDT-1m-2025-02-01", b"", ".csv", "was empty"),
        ("BTCUSDT-1m-2025-02-01", b"\n\n", ".csv", "was empty"),
        ("BTCUSDT-1m-2025-02-01", b"a,b,c\n1,2,3\n", ".csv", "must have the columns open_time"),
        ("BTCUSDT-1m-2025-02-01", b"open_time,open,high,low,close\n", ".csv", "must have the col"),
        ("BTCUSDT-1m-2025-02-01", b"\x00\xff" * 500, ".csv", "must have the columns"),
        ("BTCUSDT-1m-2025-02-30", b"1", ".csv", "date of the calendar"),
        ("BTCUSDT_250328-1m-2025-02-01", b"1", ".csv", "was a dated contract"),
        ("NEWUSDT-1m-2025-02-01", b"1", ".csv", "--exchange-info"),
    ],
)
def test_bad_file_is_refused_with_the_reason_and_the_rest_goes_in(
    tmp_path, name, text, suffix, what
):
    write_file(tmp_path / "source", KLINES, KLINES.lines(5))
    write_bytes(tmp_path / "source" / "klines", name, text, suffix)
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert (summary.n_files_read, summary.n_files_refused) == (1, 1)
    assert counts(summary) == (5, 5, 0, 0, 0)
    assert what in summary.issues[0].what
    assert summary.issues[0].line is None


@pytest.mark.parametrize("suffix", [".zip", ".csv.gz"])
def test_broken_archive_is_refused(tmp_path, suffix):
    write_file(tmp_path / "source", KLINES, KLINES.lines(5))
    path = write_file(
        tmp_path / "source", KLINES, KLINES.lines(999), name="BTCUSDT-1m-2025-01-02", suffix=suffix
    )
    path.write_bytes(path.read_bytes()[:-200])
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert summary.n_files_refused == 1
    assert "sound archive" in summary.issues[0].what


def test_archive_of_two_files_is_refused(tmp_path):
    import zipfile

    (tmp_path / "source").mkdir()
    with zipfile.ZipFile(tmp_path / "source" / "BTCUSDT-1m-2025-01-01.zip", "w") as archive:
        archive.writestr("a.csv", "1")
        archive.writestr("b.csv", "1")
    with pytest.raises(DataGapError, match="exactly one CSV file, held 2"):
        ingest(tmp_path / "source", tmp_path / "catalog")


def test_spot_file_is_refused(tmp_path):
    write_file(tmp_path / "spot" / "daily", KLINES, KLINES.lines(5))
    with pytest.raises(DataGapError, match="file of futures, was one of the spot market"):
        ingest(tmp_path, tmp_path / "catalog")


def test_nothing_usable_is_one_line(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "README.md").write_text("hello")
    with pytest.raises(DataGapError, match="there were none among 1 files"):
        ingest(tmp_path / "source", tmp_path / "catalog")
    with pytest.raises(StoreError, match="there was none at"):
        ingest(tmp_path / "nowhere", tmp_path / "catalog")
    with pytest.raises(SettingError, match="--kind must be one of"):
        ingest(tmp_path / "source", tmp_path / "catalog", kinds=["candles"])
    write_file(tmp_path / "junk", KLINES, ["x", "y"])
    with pytest.raises(DataGapError, match="all were refused"):
        ingest(tmp_path / "junk", tmp_path / "catalog")


def test_file_with_a_header_only_is_read(tmp_path):
    snapshot = KINDS["liquidationSnapshot"]
    write_file(tmp_path / "source", snapshot, [])
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert summary.n_files_read == 1
    assert counts(summary, "liquidationSnapshot") == (0, 0, 0, 0, 0)


def test_selection_takes_what_is_asked_for(tmp_path):
    source, catalog = tmp_path / "source", tmp_path / "catalog"
    write_days(source, KLINES, 1440, range(3))
    write_days(source, METRICS, 288, range(3))
    lines = [line.replace("94", "3", 1) for line in KLINES.lines(9)]
    write_file(source, KLINES, lines, name="ETHUSDT-1m-2025-01-01")
    start, end = (START_MS + DAY_MS) * 1_000_000, (START_MS + 2 * DAY_MS) * 1_000_000
    only = ingest(
        source, catalog, symbols=["BTCUSDT"], kinds=["klines"], start_ns=start, end_ns=end
    )
    assert counts(only) == (1440, 1440, 0, 0, 0)
    assert list(only.kinds) == ["klines-1m"]
    bars = frame_of(catalog, BARS, interval="1m")
    assert (bars["ts_open"].iloc[0], bars["ts_close"].iloc[-1] + 1_000_000) == (start, end)
    assert ingest(source, catalog, kinds=["klines-1m", "metrics"]).n_files_ignored == 0
    write_days(tmp_path / "all", KLINES, 1440, range(3))


def test_coin_margined_files_become_inverse_contracts(tmp_path):
    lines = [line.replace("BTCUSDT", "BTCUSD_PERP") for line in METRICS.lines(5)]
    write_file(tmp_path / "cm", METRICS, lines, name="BTCUSD_PERP-metrics-2025-01-01")
    trades = [line.split(",") for line in AGG_TRADES.lines(5)]
    lines = [",".join([*t[:2], str(i + 1), *t[3:]]) for i, t in enumerate(trades)]
    write_file(tmp_path / "cm", AGG_TRADES, lines, name="BTCUSD_PERP-aggTrades-2025-01-01")
    summary = ingest(tmp_path / "cm", tmp_path / "catalog")
    assert counts(summary, "metrics", "BTCUSD_PERP") == (5, 5, 0, 0, 0)
    trades = frame_of(tmp_path / "catalog", TRADES, symbol="BTCUSD_PERP")
    assert trades["quantity"].tolist() == [1, 2, 3, 4, 5]
    (instrument,) = ParquetDataCatalog(tmp_path / "catalog").instruments()
    assert instrument.is_inverse
    assert instrument.multiplier == 100


def test_trades_and_agg_trades_of_a_symbol_do_not_mix(tmp_path):
    write_file(tmp_path / "source", AGG_TRADES, AGG_TRADES.lines(5))
    write_file(tmp_path / "source", KINDS["trades"], KINDS["trades"].lines(5))
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert summary.n_files_refused == 1
    assert "would count every trade twice" in summary.issues[0].what
    assert len(frame_of(tmp_path / "catalog", TRADES)) == 5


def test_taker_sides_of_trades(tmp_path):
    write_file(tmp_path / "source", AGG_TRADES, AGG_TRADES.lines(6))
    ingest(tmp_path / "source", tmp_path / "catalog")
    # The buyer was the maker: the taker sold.
    side = frame_of(tmp_path / "catalog", TRADES)["taker_side"].tolist()
    assert side == [1, -1, -1, 1, -1, -1]
    found = ParquetDataCatalog(tmp_path / "catalog").trade_ticks()
    assert [int(trade.aggressor_side) for trade in found] == [1, 2, 2, 1, 2, 2]


def test_taker_volume_is_kept_where_known(tmp_path):
    lines = KLINES.lines(4)
    lines[1] = ",".join([*lines[1].split(",")[:7], "0,0,0,0,0"])
    write_file(tmp_path / "source", KLINES, lines)
    ingest(tmp_path / "source", tmp_path / "catalog")
    frame = frame_of(tmp_path / "catalog", TAKER_VOLUME, interval="1m")
    assert frame["n_trades"].tolist() == [100, 102, 103]
    assert frame["buy_volume"].tolist() == [5.0, 6.0, 6.5]
    assert frame["sell_volume"].tolist() == [5.0, 6.0, 6.5]


def exchange_info_entry(symbol: str, base: str, *, price_precision: int) -> dict:
    return {
        "symbol": symbol,
        "baseAsset": base,
        "quoteAsset": "USDT",
        "pricePrecision": price_precision,
        "quantityPrecision": 0,
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.00010"},
            {"filterType": "LOT_SIZE", "stepSize": "1"},
        ],
    }


def test_exchange_info_defines_other_symbols(tmp_path):
    entry = exchange_info_entry("NEWUSDT", "NEW", price_precision=5)
    (tmp_path / "info.json").write_text(json.dumps({"symbols": [entry]}))
    line = f"{START_MS},0.12345,0.2,0.1,0.15,12,{START_MS + 59_999},0,0,0,0,0"
    write_file(tmp_path / "source", KLINES, [line], name="NEWUSDT-1m-2025-01-01")
    ingest(tmp_path / "source", tmp_path / "catalog", exchange_info=tmp_path / "info.json")
    assert frame_of(tmp_path / "catalog", BARS, symbol="NEWUSDT", interval="1m")[
        "open"
    ].tolist() == [0.12345]
    # The catalog knows the symbol from now on.
    ingest(tmp_path / "source", tmp_path / "catalog")
    (tmp_path / "info.json").write_text("nonsense")
    with pytest.raises(SettingError, match="--exchange-info must be a readable JSON file"):
        ingest(tmp_path / "source", tmp_path / "catalog", exchange_info=tmp_path / "info.json")


def fill(folder: Path) -> Path:
    """Write files that need merging: overlaps, several kinds, several partitions."""
    write_days(folder, KLINES, 1440, range(3), monthly=True)
    write_days(folder, METRICS, 288, range(2))
    for day in range(3):
        lines = AGG_TRADES.lines(400_000, first=day * 350_000)[::40]
        write_file(folder, AGG_TRADES, lines, name=f"BTCUSDT-aggTrades-2025-01-{day + 1:02d}")
    snapshot = KINDS["liquidationSnapshot"]
    write_file(folder, snapshot, snapshot.lines(9) * 2)
    return folder


class KilledError(BaseException):
    """Stands for the end of the process."""


def test_interruption_at_any_move_is_made_good_by_the_next_run(tmp_path, monkeypatch):
    source = fill(tmp_path / "source")
    ingest(source, tmp_path / "undisturbed")
    wanted = digest(tmp_path / "undisturbed")
    n_files = len(wanted)
    real = Path.replace
    for n_moves in range(n_files + 8):
        catalog = tmp_path / f"killed{n_moves}"
        left = [n_moves]

        def replace(self, target, left=left):
            if left[0] == 0:
                raise KilledError
            left[0] -= 1
            return real(self, target)

        monkeypatch.setattr(Path, "replace", replace)
        is_killed = False
        try:
            ingest(source, catalog)
        except KilledError:
            is_killed = True
        monkeypatch.setattr(Path, "replace", real)
        # What a killed process leaves behind besides.
        (catalog / ".staging").mkdir(exist_ok=True)
        (catalog / ".staging" / "half.parquet").write_bytes(b"PAR1")
        if (catalog / "data" / "bar").exists():
            ParquetDataCatalog(catalog).query(Bar)
        summary = ingest(source, catalog)
        assert digest(catalog) == wanted
        assert counts(summary)[0] == sum(counts(summary)[1:]) == 8640
        if not is_killed:
            break
    else:
        pytest.fail("the run should have ended undisturbed at last")


def test_full_disk_is_one_line_and_made_good_by_the_next_run(tmp_path, monkeypatch):
    source = fill(tmp_path / "source")
    ingest(source, tmp_path / "undisturbed")

    def replace(self, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(StoreError, match="No space left on device; run it again"):
            ingest(source, tmp_path / "catalog")
    ingest(source, tmp_path / "catalog")
    assert digest(tmp_path / "catalog") == digest(tmp_path / "undisturbed")


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    "name", ["klines", "aggTrades", "metrics", "bookDepth", "liquidationSnapshot", "liquidations"]
)
def test_repeated_rows_of_a_file_are_recorded(tmp_path, monkeypatch, name, streams):
    kind = KINDS[name]
    lines = kind.lines(60)
    write_file(tmp_path / "source", kind, [*lines[:50], lines[49], lines[12], *lines[50:]])
    if streams:
        monkeypatch.setattr(source_files, "SMALL_BYTES", 0)
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary, kind.series) == (62, 60, 0, 2, 0)
    (record,) = read_records(tmp_path / "catalog", kind.series, "BTCUSDT")
    assert (record.n_repeated, record.n_rejected, record.n_out_of_order) == (2, 0, 1)


def test_streaming_gives_the_same_bytes(tmp_path, monkeypatch):
    source = fill(tmp_path / "source")
    ingest(source, tmp_path / "together")
    monkeypatch.setattr(source_files, "SMALL_BYTES", 1)
    monkeypatch.setattr(partitions, "_ROWS_PER_WRITE", partitions.ROWS_PER_GROUP)
    summary = ingest(source, tmp_path / "streamed")
    assert digest(tmp_path / "together") == digest(tmp_path / "streamed")
    assert counts(summary) == (8640, 4320, 0, 4320, 0)
    again = ingest(source, tmp_path / "streamed")
    assert counts(again) == (8640, 0, 0, 0, 8640)
    assert digest(tmp_path / "together") == digest(tmp_path / "streamed")


@pytest.mark.parametrize("odd_file", [0, 4, 8])
def test_odd_file_among_small_ones_changes_nothing(tmp_path, monkeypatch, odd_file):
    lines = AGG_TRADES.lines(9_000)
    for i in range(9):
        part = lines[i * 1_000 : (i + 1) * 1_000]
        name = f"BTCUSDT-aggTrades-2025-01-{i + 1:02d}"
        write_file(tmp_path / "source", AGG_TRADES, part, name=name)
    ingest(tmp_path / "source", tmp_path / "usual")
    quoted = [line.replace(",", '","') for line in lines[odd_file * 1_000 :][:1_000]]
    name = f"BTCUSDT-aggTrades-2025-01-{odd_file + 1:02d}"
    write_file(tmp_path / "source", AGG_TRADES, [f'"{x}"' for x in quoted], name=name)
    alone = []
    reading = series_ingestion.read_fast
    monkeypatch.setattr(
        series_ingestion, "read_fast", lambda file, *of: alone.append(file) or reading(file, *of)
    )
    ingest(tmp_path / "source", tmp_path / "odd")
    assert [file.source.path.stem for file in alone] == [name]
    assert digest(tmp_path / "usual") == digest(tmp_path / "odd")


@pytest.mark.slow
def test_damage_found_late_in_a_stream_leaves_no_trace(tmp_path, monkeypatch):
    lines = KLINES.lines(140_000)
    lines[-1] = lines[-1].replace(",", ";")
    lines[-2] = lines[5].replace(",94", ",95")
    write_file(tmp_path / "source", KLINES, lines, name="BTCUSDT-1m-2025")
    one = ingest(tmp_path / "source", tmp_path / "together")
    monkeypatch.setattr(source_files, "SMALL_BYTES", 1)
    two = ingest(tmp_path / "source", tmp_path / "streamed")
    assert one.to_dict() == two.to_dict()
    assert counts(two) == (140_000, 139_998, 2, 0, 0)
    assert sorted(issue.line for issue in two.issues) == [140_000, 140_001]
    assert digest(tmp_path / "together") == digest(tmp_path / "streamed")


def test_supported_way_takes_over_when_nautilus_encodes_otherwise(tmp_path, monkeypatch):
    for name in (
        "klines",
        "aggTrades",
        "markPriceKlines",
        "indexPriceKlines",
        "metrics",
        "fundingRate",
    ):
        write_file(tmp_path / "source", KINDS[name], KINDS[name].lines(300))
    ingest(tmp_path / "source", tmp_path / "direct")
    monkeypatch.setattr(nautilus_pyo3, "PRECISION_BYTES", 8)
    monkeypatch.setenv("LIQ_NAUTILUS_CACHE", str(tmp_path / "cache"))
    ingest(tmp_path / "source", tmp_path / "supported")
    assert data_only(tmp_path / "direct") == data_only(tmp_path / "supported")


def test_second_writer_waits_for_the_first(tmp_path):
    write_file(tmp_path / "source", KLINES, KLINES.lines(5))
    catalog = tmp_path / "catalog"
    waited = threading.Event()
    summaries = []

    def second() -> None:
        summaries.append(ingest(tmp_path / "source", catalog, on_wait=waited.set))

    with writing_lock(catalog):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(timeout=30)
        assert summaries == []
    thread.join(timeout=60)
    assert counts(summaries[0]) == (5, 5, 0, 0, 0)


def test_writer_that_does_not_end_is_named_in_one_line(tmp_path):
    with (
        writing_lock(tmp_path / "catalog"),
        pytest.raises(StoreError, match="must not be written by another process"),
        writing_lock(tmp_path / "catalog", timeout=0.1),
    ):
        pass


def test_catalog_that_is_a_file_is_refused(tmp_path):
    write_file(tmp_path / "source", KLINES, KLINES.lines(5))
    (tmp_path / "catalog").write_text("hello")
    with pytest.raises(StoreError, match="must be a folder that can be written"):
        ingest(tmp_path / "source", tmp_path / "catalog")


def test_files_of_others_are_not_touched(tmp_path):
    write_file(tmp_path / "source", KLINES, KLINES.lines(5))
    ingest(tmp_path / "source", tmp_path / "catalog")
    (path,) = (tmp_path / "catalog" / "data" / "bar").rglob("*.parquet")
    path.rename(path.with_name("foreign_file.parquet"))
    with pytest.raises(StoreError, match="must have the name of a span of time, foreign_file"):
        ingest(tmp_path / "source", tmp_path / "catalog")
    path.with_name("foreign_file.parquet").rename(path)
    path.write_bytes(b"PAR1 damaged")
    with pytest.raises(StoreError, match="must be a sound Parquet file"):
        ingest(tmp_path / "source", tmp_path / "catalog")


def test_other_precision_of_the_catalog_is_refused(tmp_path, monkeypatch):
    write_file(tmp_path / "source", KLINES, KLINES.lines(5))
    ingest(tmp_path / "source", tmp_path / "catalog")
    entry = exchange_info_entry("BTCUSDT", "BTC", price_precision=4)
    (tmp_path / "info.json").write_text(json.dumps({"symbols": [entry]}))
    with pytest.raises(SettingError, match="price precision 2 in the catalog, 4 in"):
        ingest(tmp_path / "source", tmp_path / "catalog", exchange_info=tmp_path / "info.json")
    other = {"BTCUSDT": Encodings().definition("BTCUSDT", entry)}
    monkeypatch.setattr(ingest_module, "read_definitions", lambda _: other)
    write_file(tmp_path / "source", KLINES, KLINES.lines(6))  # else it would not be read again
    with pytest.raises(StoreError, match="must have the schema of this version and instrument"):
        ingest(tmp_path / "source", tmp_path / "catalog")


@pytest.mark.parametrize("kind", [KLINES, AGG_TRADES], ids=lambda kind: kind.kind)
def test_stream_into_what_is_there_adds_only_the_missing_rows(tmp_path, monkeypatch, kind):
    lines = kind.lines(60_000)
    write_file(tmp_path / "some", kind, lines[:100] + lines[200:50_000:3], name=kind.name[:-3])
    write_file(tmp_path / "all", kind, lines, name=kind.name[:-3])
    ingest(tmp_path / "all", tmp_path / "at once")
    ingest(tmp_path / "some", tmp_path / "catalog")
    monkeypatch.setattr(source_files, "SMALL_BYTES", 1)
    monkeypatch.setattr(rows, "ROWS_PER_CHUNK", 4_096)
    summary = ingest(tmp_path / "all", tmp_path / "catalog")
    n_there = 100 + len(range(200, 50_000, 3))
    assert counts(summary, kind.series) == (60_000, 60_000 - n_there, 0, 0, n_there)
    assert digest(tmp_path / "at once") == digest(tmp_path / "catalog")


def test_damage_found_early_in_a_stream_starts_it_again_with_care(tmp_path, monkeypatch):
    lines = AGG_TRADES.lines(300_000)
    lines[2] = lines[2].replace("true", "maybe").replace("false", "maybe")
    write_file(tmp_path / "source", AGG_TRADES, lines)
    monkeypatch.setattr(source_files, "SMALL_BYTES", 1)
    summary = ingest(tmp_path / "source", tmp_path / "catalog")
    assert counts(summary, "aggTrades") == (300_000, 299_999, 1, 0, 0)
    assert summary.issues[0].what == "is_buyer_maker must be true or false, was maybe"


def test_remains_of_a_run_that_cannot_be_removed_are_told(tmp_path):
    write_file(tmp_path / "source", KLINES, KLINES.lines(3))
    ingest(tmp_path / "source", tmp_path / "catalog")
    before = digest(tmp_path / "catalog")
    remains = tmp_path / "catalog" / ".staging"
    remains.write_text("")
    with pytest.raises(StoreError, match=r"must be a folder that can be written, .*staging"):
        ingest(tmp_path / "source", tmp_path / "catalog")
    remains.unlink()
    assert digest(tmp_path / "catalog") == before
    ingest(tmp_path / "source", tmp_path / "catalog")
