from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from support.catalogs import frame_of
from support.data_files import KINDS
from support.data_files import SECOND_SOURCES
from support.data_files import START_MS
from support.data_files import parsed
from support.data_files import write_bytes
from support.data_files import write_file

from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.data.kinds.bars import MARK_BARS
from liq_nautilus.data.kinds.bars import TAKER_VOLUME
from liq_nautilus.data.kinds.funding import FUNDING
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_ORDERS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.data.kinds.trades import TRADES
from liq_nautilus.data.reading.fingerprints import Fingerprint
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SchemaError
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.events import read_events
from liq_nautilus.nautilus.catalog.ingest_notes import FileRecord
from liq_nautilus.nautilus.catalog.ingest_notes import SeriesNotes
from liq_nautilus.nautilus.catalog.ingest_notes import read_records
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import finest_bar_interval
from liq_nautilus.nautilus.catalog.inventory import only_symbol
from liq_nautilus.nautilus.catalog.quality import CatalogQuality
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.nautilus.catalog.stored_files import StoredFile
from liq_nautilus.nautilus.catalog.targets import targets_of
from liq_nautilus.nautilus.ingest.encodings import Encodings
from liq_nautilus.nautilus.ingest.ingest import ingest
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.types import MarkPriceBar

START = START_MS * 1_000_000
MINUTE = 60_000_000_000
DAY = 1440 * MINUTE


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reading")
    for kind in KINDS.values():
        if kind.kind not in SECOND_SOURCES:
            write_file(folder / "source", kind, kind.lines(60))
    month = f"{START_MS},1.00,3.00,1.00,2.00,5.000,{START_MS + 31 * 86_400_000 - 1},0,0,0,0,0"
    write_file(folder / "source", KINDS["klines"], [month], name="BTCUSDT-1mo-2025-01")
    ingest(folder / "source", folder / "catalog")
    return folder / "catalog"


READERS = {
    "klines": (BARS, {"interval": "1m"}),
    "markPriceKlines": (MARK_BARS, {"interval": "1m"}),
    "taker": (TAKER_VOLUME, {"interval": "1m"}),
    "metrics": (OPEN_INTEREST, {}),
    "fundingRate": (FUNDING, {}),
    "aggTrades": (TRADES, {}),
    "liquidationSnapshot": (LIQUIDATION_ORDERS, {}),
    "liquidations": (LIQUIDATION_SUMS, {}),
}


def rows_of(name: str, catalog: Path, *window: int | None, **options: bool) -> pd.DataFrame:
    stored, interval = READERS[name]
    return frame_of(catalog, stored, *window, **interval, **options)


@pytest.mark.parametrize("name", READERS)
def test_window_is_closed_on_the_left_and_open_on_the_right(catalog, name):
    everything = rows_of(name, catalog)
    assert len(everything) == 60
    time = next(name for name in ("ts_open", "ts_known", "ts") if name in everything)
    first, last = int(everything[time].iloc[10]), int(everything[time].iloc[50])
    part = rows_of(name, catalog, first, last)
    assert part[time].tolist() == everything[time].iloc[10:50].tolist()
    assert part[time].dtype == np.int64


@pytest.mark.parametrize("name", READERS)
def test_read_without_rows_is_an_error_unless_allowed(catalog, tmp_path, name):
    with pytest.raises(DataGapError, match=r"must hold .* of BTCUSDT in the window asked for"):
        rows_of(name, catalog, START + 900 * DAY, START + 901 * DAY)
    empty = rows_of(name, catalog, START + 900 * DAY, None, required=False)
    nothing = rows_of(name, tmp_path / "nowhere", required=False)
    assert empty.empty
    assert nothing.empty
    full = rows_of(name, catalog)
    assert list(empty.columns) == list(nothing.columns) == list(full.columns)
    stored, interval = READERS[name]
    types = [
        [column.dtype for column in dict(read(Catalog(c), stored, "BTCUSDT", **options)).values()]
        for c, options in ((catalog, interval), (tmp_path, {**interval, "required": False}))
    ]
    assert types[0] == types[1]


def test_bars_have_the_floats_nearest_to_the_text(catalog):
    bars = frame_of(catalog, BARS, interval="1m")
    wanted = [parsed(KINDS["klines"], line) for line in KINDS["klines"].lines(60)]
    names = ["ts_close", "open", "high", "low", "close", "volume"]
    assert list(bars[names].itertuples(index=False, name=None)) == wanted
    assert (bars["ts_close"] - bars["ts_open"]).unique().tolist() == [MINUTE - 1_000_000]


def test_month_bar_opens_with_the_month(catalog):
    bars = frame_of(catalog, BARS, interval="1mo")
    assert bars["ts_open"].tolist() == [START]
    assert bars["ts_close"].tolist() == [START + 31 * DAY - 1_000_000]


def test_inventory_names_every_series(catalog):
    found = {series.kind: series for series in Catalog(catalog).series}
    assert sorted(found) == sorted(
        {kind.series for kind in KINDS.values()} - SECOND_SOURCES | {"klines-1mo"}
    )
    # Prices that never fit the bars: what the labels mean stays untold.
    assert (found["metrics"].n_rows, found["metrics"].first_ns) == (60, START + 5 * MINUTE)
    for name in ("klines-1m", "liquidations-1m", "markPriceKlines-1m"):
        assert (found[name].n_rows, found[name].first_ns) == (60, START)
    assert found["klines-1mo"].first_ns == START
    assert found["bookDepth"].n_rows == 6
    assert Catalog(catalog / "nowhere").series == ()
    assert Catalog(catalog).symbols == ["BTCUSDT"]


def test_only_symbol_is_found_or_asked_for(catalog, tmp_path):
    assert only_symbol(Catalog(catalog), None) == "BTCUSDT"
    assert only_symbol(Catalog(catalog), "BTCUSDT") == "BTCUSDT"
    with pytest.raises(DataGapError, match="must hold data of XYZ, it has BTCUSDT"):
        only_symbol(Catalog(catalog), "XYZ")
    # To ingest its files would be refused.
    for dated in ("BTCUSDT_261225", "ETHUSD_270326"):
        with pytest.raises(DataGapError, match=f"{dated} must be a perpetual.*leave it out"):
            only_symbol(Catalog(catalog), dated)
    with pytest.raises(DataGapError, match="must hold data, there was none"):
        only_symbol(Catalog(tmp_path), None)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        lines = KINDS["klines"].lines(3)
        write_file(tmp_path / "s", KINDS["klines"], lines, name=f"{symbol}-1m-2025-01-01")
    ingest(tmp_path / "s", tmp_path / "c")
    with pytest.raises(SettingError, match=r"--symbol must be given .* BTCUSDT, ETHUSDT"):
        only_symbol(Catalog(tmp_path / "c"), None)


def test_finest_interval_that_covers_the_window_is_chosen(catalog, tmp_path):
    assert finest_bar_interval(Catalog(catalog), "BTCUSDT", START, START + 60 * MINUTE) == "1m"
    assert finest_bar_interval(Catalog(catalog), "BTCUSDT") == "1mo"
    with pytest.raises(DataGapError, match="must hold bars of ETHUSDT"):
        finest_bar_interval(Catalog(catalog), "ETHUSDT")


def test_damaged_file_is_named(tmp_path):
    path = write_bytes(tmp_path, "x", b"PAR1", ".parquet")
    with pytest.raises(StoreError, match="must be a sound Parquet file"):
        StoredFile(path).read()


def test_bars_that_nautilus_does_not_know_are_refused():
    known = Encodings()
    with pytest.raises(SchemaError, match="must be known to Nautilus"):
        targets_of("klines", "0m", known.definition("BTCUSDT", None), known)


def test_every_kind_is_judged(catalog):
    reports = {report.series.kind: report for report in CatalogQuality(Catalog(catalog)).reports()}
    assert len(reports) == 11
    assert all(0 < report.quality.score <= 1 for report in reports.values())
    assert reports["metrics"].quality.total("n_missing") == 0
    with pytest.raises(DataGapError, match="had none"):
        CatalogQuality(Catalog(catalog)).reports(symbols=["ETHUSDT"])


def test_score_falls_with_what_is_missing(catalog, tmp_path):
    hour = CatalogQuality(Catalog(catalog)).score("BTCUSDT", START, START + 60 * MINUTE)
    day = CatalogQuality(Catalog(catalog)).score("BTCUSDT", START, START + DAY)
    assert 0 < day < hour <= 1
    assert CatalogQuality(Catalog(catalog)).score("ETHUSDT") == 0
    write_file(tmp_path / "s", KINDS["klines"], KINDS["klines"].lines(1440))
    ingest(tmp_path / "s", tmp_path / "c")
    assert 0 < CatalogQuality(Catalog(tmp_path / "c")).score("BTCUSDT") <= 0.4


def test_impossible_mark_bar_of_another_writer_is_found(tmp_path):
    ends = [START + i * MINUTE - 1_000_000 for i in range(1, 4)]
    bars = [
        MarkPriceBar(instrument_id("BTCUSDT"), 9.0, high, 8.0, 9.5, "1m", end, end)
        for high, end in zip([10.0, 7.0, float("nan")], ends, strict=True)
    ]
    ParquetDataCatalog(tmp_path).write_data(bars)
    (report,) = CatalogQuality(Catalog(tmp_path)).reports()
    assert report.quality.total("n_impossible") == 2


def test_records_of_faulty_files_are_listed_and_all_are_known(tmp_path):
    faulty = FileRecord("a.csv", 10, 1, 0, 1, n_bytes=5, checksum=7)
    clean = FileRecord("b.csv", 10, 0, 0, 0, n_bytes=6, checksum=8)
    (tmp_path / "staging").mkdir()
    folder = tmp_path / "series"
    folder.mkdir()

    def notes() -> SeriesNotes:
        return SeriesNotes(tmp_path, "metrics", "BTCUSDT", [folder])

    notes().write([faulty, clean], tmp_path / "staging")
    assert read_records(tmp_path, "metrics", "BTCUSDT") == [faulty, clean]
    assert [record.is_clean for record in (faulty, clean)] == [False, True]
    assert notes().known("b.csv", Fingerprint(6, 8)) == clean
    assert notes().known("b.csv", Fingerprint(6, 9)) is None
    assert notes().known("c.csv", Fingerprint(6, 8)) is None
    (folder / "more.parquet").touch()
    assert notes().known("b.csv", Fingerprint(6, 8)) is None
    assert notes().has("b.csv")
    notes().write([FileRecord("a.csv", 10, 0, 0, 0)], tmp_path / "staging")
    assert all(record.is_clean for record in read_records(tmp_path, "metrics", "BTCUSDT"))
    assert notes().known("b.csv", Fingerprint(6, 8)) is None
    (path,) = (tmp_path / "file_records").iterdir()
    path.write_text("nonsense")
    with pytest.raises(StoreError, match="the record of ingested files must be"):
        read_records(tmp_path, "metrics", "BTCUSDT")


def test_each_footer_and_each_file_is_read_once_for_a_question(tmp_path, monkeypatch):
    for kind in KINDS.values():
        if kind.kind not in SECOND_SOURCES:
            write_file(tmp_path / "source", kind, kind.lines(60))
    catalog = tmp_path / "catalog"
    ingest(tmp_path / "source", catalog)
    footers, reads, scans = [], [], []
    read_metadata, parquet_file, glob = pq.read_metadata, pq.ParquetFile, Path.glob
    monkeypatch.setattr(pq, "read_metadata", lambda p: footers.append(p) or read_metadata(p))
    monkeypatch.setattr(
        pq, "ParquetFile", lambda p, **options: reads.append(p) or parquet_file(p, **options)
    )
    monkeypatch.setattr(
        Path, "glob", lambda self, pattern: scans.append(self) or glob(self, pattern)
    )
    window = (START - 60 * MINUTE, START + 59 * MINUTE)
    assert list(read_events(Catalog(catalog), "BTCUSDT", *window))
    for looked_at in (footers, reads, scans):
        assert looked_at
        assert len(looked_at) == len(set(looked_at))
    # What the map is told of, and nothing else.
    told = {"bar", "custom_mark_price_bar", "custom_open_interest", "funding_rate_update"}
    told |= {"trade_tick", "custom_liquidation_volume"}
    assert {path.parent.parent.name for path in reads} == told
