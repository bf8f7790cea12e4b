"""A catalog that other Nautilus programs write to as well: what is theirs is left alone."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.identifiers import Symbol
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Price
from nautilus_trader.model.objects import Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from support.catalogs import frame_of
from support.data_files import KINDS
from support.data_files import START_MS
from support.data_files import digest
from support.data_files import write_file

from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.definitions import read_definitions
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import finest_bar_interval
from liq_nautilus.nautilus.catalog.layout import Span
from liq_nautilus.nautilus.catalog.layout import file_name
from liq_nautilus.nautilus.catalog.layout import named_span
from liq_nautilus.nautilus.catalog.quality import CatalogQuality
from liq_nautilus.nautilus.catalog.stored_files import StoredFile
from liq_nautilus.nautilus.ingest.ingest import ingest
from liq_nautilus.nautilus.types import OpenInterest

START = START_MS * 1_000_000
MINUTE = 60_000_000_000
DAY = 1440 * MINUTE


def other_instrument(name: str) -> CurrencyPair | CryptoPerpetual:
    if name == "fx":
        return TestInstrumentProvider.default_fx_ccy("AUD/USD")
    made = {"spot": TestInstrumentProvider.btcusdt_binance, "perpetual": None}.get(name)
    if made is not None:
        return made()
    values = CryptoPerpetual.to_dict(TestInstrumentProvider.btcusdt_perp_binance())
    venue = InstrumentId.from_str("BTCUSDT-LINEAR.BYBIT")
    changed = CryptoPerpetual.from_dict({**values, "id": str(venue)})
    assert changed.raw_symbol == Symbol("BTCUSDT")
    return changed


def other_bars(bar_type: str, first: int = START) -> list[Bar]:
    price, size = Price(100.0, 2), Quantity(1.0, 3)
    return [
        Bar(BarType.from_str(bar_type), price, price, price, price, size, ts, ts)
        for ts in range(first, first + 5 * MINUTE, MINUTE)
    ]


def ingest_all(folder: Path) -> Path:
    for name in ("klines", "metrics", "fundingRate"):
        write_file(folder / "source", KINDS[name], KINDS[name].lines(60))
    ingest(folder / "source", folder / "catalog")
    return folder / "catalog"


@pytest.mark.parametrize("name", ["spot", "fx", "bybit"])
def test_ingestion_has_its_own_instrument_whatever_else_is_there(tmp_path, name):
    ParquetDataCatalog(tmp_path / "catalog").write_data([other_instrument(name)])
    before = digest(tmp_path / "catalog")
    catalog = ingest_all(tmp_path)
    assert before.items() <= digest(catalog).items()
    assert list(read_definitions(catalog)) == ["BTCUSDT"]
    assert read_definitions(catalog)["BTCUSDT"].identifier == "BTCUSDT-PERP.BINANCE"
    assert len(frame_of(catalog, OPEN_INTEREST)) == 60
    folders = {path.parent.name for path in (catalog / "data").rglob("*.parquet")}
    assert {name for name in folders if "BTCUSDT-PERP.BINANCE" in name} >= {"BTCUSDT-PERP.BINANCE"}
    assert "BTCUSDT.BINANCE" not in {
        path.parent.name for path in (catalog / "data" / "custom_open_interest").rglob("*.parquet")
    }


@pytest.mark.parametrize(
    "bar_type",
    [
        "BTCUSDT-PERP.BINANCE-3-MINUTE-LAST-INTERNAL",
        "BTCUSDT-PERP.BINANCE-1-MINUTE-MID-EXTERNAL",
        "BTCUSDT.BINANCE-1-MINUTE-LAST-EXTERNAL",
        "AUDUSD.SIM-1-MINUTE-LAST-EXTERNAL",
        "BTCUSDT-LINEAR.BYBIT-5-MINUTE-LAST-EXTERNAL",
    ],
)
def test_series_of_others_are_left_alone(tmp_path, bar_type):
    catalog = ingest_all(tmp_path)
    alone = Catalog(catalog).series
    ParquetDataCatalog(catalog).write_data(other_bars(bar_type))
    before = digest(catalog)
    shared = Catalog(catalog)
    assert shared.series == alone
    assert shared.symbols == ["BTCUSDT"]
    assert finest_bar_interval(shared, "BTCUSDT") == "1m"
    assert len(CatalogQuality(shared).reports()) == len(alone)
    ingest(tmp_path / "source", catalog)
    assert digest(catalog) == before


def series_of(catalog: Path, cls: type, identifier: str) -> list[int]:
    data = ParquetDataCatalog(catalog).query(cls, identifiers=[identifier])
    return [getattr(item, "data", item).ts_init for item in data]


BAR_TYPE = "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL"
PERPETUAL = "BTCUSDT-PERP.BINANCE"
SERIES = ((Bar, BAR_TYPE), (OpenInterest, PERPETUAL))
DAY_ROWS = 1440


def write_days(folder: Path, *days: int) -> Path:
    for day in days:
        name = str(np.datetime64(START + day * DAY, "ns").astype("datetime64[D]"))
        bars = KINDS["klines"].lines(DAY_ROWS, day * DAY_ROWS)
        write_file(folder, KINDS["klines"], bars, name=f"BTCUSDT-1m-{name}")
        rows = KINDS["metrics"].lines(288, day * 288)
        write_file(folder, KINDS["metrics"], rows, name=f"BTCUSDT-metrics-{name}")
    return folder


@pytest.mark.parametrize("days", [(0, 1), (3,), (30, 31, 32)])
def test_names_promise_what_was_ingested(tmp_path, days):
    ingest(write_days(tmp_path / "source", *days), tmp_path / "catalog")
    store = ParquetDataCatalog(tmp_path / "catalog")
    last = START + (days[-1] + 1) * DAY - 1_000_000
    assert store.query_last_timestamp(Bar, BAR_TYPE).value == last
    asked = (START + 40 * DAY, START + 41 * DAY)
    assert store.get_missing_intervals_for_request(*asked, Bar, BAR_TYPE) == [asked]
    first = START + days[0] * DAY + MINUTE - 1_000_000
    assert store.get_intervals(Bar, BAR_TYPE)[0][0] == first
    assert store.get_missing_intervals_for_request(first, last, Bar, BAR_TYPE) == []
    later = other_bars(BAR_TYPE, first=last + MINUTE)
    store.write_data(later)
    assert series_of(tmp_path / "catalog", Bar, BAR_TYPE)[-5:] == [bar.ts_init for bar in later]


def rearrange(catalog: Path, way: str) -> None:
    store = ParquetDataCatalog(catalog)
    if way == "days":
        store.consolidate_data_by_period(Bar, BAR_TYPE, period=pd.Timedelta(days=1))
        store.consolidate_data_by_period(OpenInterest, PERPETUAL, period=pd.Timedelta(days=1))
    elif way == "hours":
        store.consolidate_catalog_by_period(period=pd.Timedelta(hours=5))
    elif way == "one":
        store.consolidate_catalog(ensure_contiguous_files=False)
    elif way == "names":
        store.reset_all_file_names()
    else:
        last = store.query_last_timestamp(Bar, BAR_TYPE).value
        store.write_data(other_bars(BAR_TYPE, first=last + 7 * MINUTE))


@pytest.mark.parametrize("way", ["days", "hours", "one", "names", "appended"])
@pytest.mark.parametrize("first", [(0, 1), (29, 30, 31)])
def test_ingestion_goes_on_after_another_program_rearranged_the_catalog(tmp_path, way, first):
    source, catalog = tmp_path / "source", tmp_path / "catalog"
    ingest(write_days(source, *first), catalog)
    before = {cls: series_of(catalog, cls, name) for cls, name in SERIES}
    rearrange(catalog, way)
    n_more = 5 if way == "appended" else 0
    for cls, name in SERIES:
        kept = series_of(catalog, cls, name)[: len(before[cls])]
        assert kept == before[cls], cls
    again = ingest(source, catalog)
    assert {c.kept for kind in again.kinds.values() for c in kind.values()} == {0}
    # A day behind, one before, and one between.
    more = [first[0] + 5, first[-1] + 2]
    summary = ingest(write_days(source, *more), catalog)
    assert summary.issues == []
    n_days = len(first) + len(more)
    counts = summary.kinds["metrics"]["BTCUSDT"]
    assert (counts.kept, counts.already_present) == (288 * len(more), 288 * len(first))
    for cls, name in SERIES:
        rows = series_of(catalog, cls, name)
        assert rows == sorted(set(rows))
    bars = series_of(catalog, Bar, BAR_TYPE)
    assert len(bars) == DAY_ROWS * n_days + n_more
    for path in (catalog / "data" / "bar").rglob("*.parquet"):
        first_ns, last_ns = StoredFile(path).span
        promise = named_span(path)
        assert promise.first_ns <= first_ns
        assert last_ns <= promise.last_ns


@pytest.mark.parametrize("day", [0, 5])
def test_run_killed_before_a_file_was_named_is_completed(tmp_path, day):
    source = write_days(tmp_path / "source", 2, 3)
    for name in ("catalog", "undisturbed"):
        ingest(source, tmp_path / name)
    write_days(source, day)
    (path,) = (tmp_path / "catalog/data/bar").rglob("*.parquet")
    ingest(source, tmp_path / "undisturbed")
    ingest(source, tmp_path / "catalog")
    (named,) = (tmp_path / "catalog/data/bar").rglob("*.parquet")
    assert named.name != path.name
    named.rename(path)
    (tmp_path / "catalog" / ".staging").mkdir()
    assert ingest(source, tmp_path / "catalog").kinds["klines-1m"]["BTCUSDT"].kept == 0
    assert digest(tmp_path / "catalog") == digest(tmp_path / "undisturbed")


def test_files_that_overlap_are_refused(tmp_path):
    catalog = tmp_path / "catalog"
    ingest(write_days(tmp_path / "source", 2, 3), catalog)
    (path,) = (catalog / "data/bar").rglob("*.parquet")
    span = named_span(path)
    shutil.copy(path, path.with_name(file_name(Span(span.first_ns + 5, span.last_ns))))
    with pytest.raises(StoreError, match="must not overlap, 2025"):
        ingest(write_days(tmp_path / "source", 4), catalog)


@pytest.mark.parametrize("hours", [24, 6])
@pytest.mark.parametrize("first", [3, 28])
def test_a_catalog_consolidated_by_periods_is_so_again_after_more_came(tmp_path, hours, first):
    source, catalog = tmp_path / "source", tmp_path / "catalog"
    store = ParquetDataCatalog(catalog)
    for days in ((first, first + 1), (first + 2, first + 3, first + 4)):
        ingest(write_days(source, *days), catalog)
        # It asks for names that meet, as those it gives do.
        store.consolidate_data_by_period(Bar, BAR_TYPE, period=pd.Timedelta(hours=hours))
    spans = store.get_intervals(Bar, BAR_TYPE)
    assert all(end + 1 == start for (_, end), (start, _) in itertools.pairwise(spans))
    assert store.get_missing_intervals_for_request(*spans[0], Bar, BAR_TYPE) == []
    again = ingest(source, catalog)
    assert {c.kept for kind in again.kinds.values() for c in kind.values()} == {0}
    assert store.get_intervals(Bar, BAR_TYPE) == spans
