"""What is kept of a map: it equals what is computed afresh, and follows the data."""

import logging
import multiprocessing
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.query_catalog import DAY_NS
from support.query_catalog import HOUR_NS
from support.query_catalog import START_NS
from support.query_catalog import make_catalog
from support.trading_files import write_files

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.ingest.ingest import ingest
from liq_nautilus.queries import asking
from liq_nautilus.queries.derived import derived_files
from liq_nautilus.queries.derived import kept_map
from liq_nautilus.queries.derived import kept_moments as moments
from liq_nautilus.queries.derived.basis import MapBasis
from liq_nautilus.queries.derived.day_prints import DayPrint
from liq_nautilus.queries.derived.day_prints import day_prints
from liq_nautilus.queries.derived.day_replay import day_events
from liq_nautilus.queries.derived.day_replay import follow_day
from liq_nautilus.queries.derived.kept_map import KeptMap
from liq_nautilus.queries.derived.kept_map import days_of
from liq_nautilus.queries.time_windows import Window

# The last liquidation bar ends, and is stamped, where the fifth day begins.
DAYS = [f"2026-01-0{day}" for day in range(1, 6)]


def map_of(catalog, parameters=None):
    return KeptMap.open(MapBasis.of(catalog, "BTCUSDT", parameters))


def followed(kept):
    told = []
    kept.follow(progress=told.append)
    return told


@pytest.fixture
def own_catalog(catalog, tmp_path):
    # What one test changes, no other sees.
    shutil.copytree(catalog, tmp_path / "catalog", ignore=shutil.ignore_patterns("derived"))
    return tmp_path / "catalog"


@pytest.mark.parametrize("hours", [30.0, 48.0, 71.99, 90.123])
def test_a_state_that_was_kept_goes_on_as_one_that_was_not(own_catalog, hours):
    at_ns = START_NS + round(hours * HOUR_NS)
    kept = map_of(own_catalog)
    assert followed(kept) == DAYS
    assert followed(kept) == []
    tracker = LiquidationTracker(brackets=kept.basis.brackets)
    files, parameters = Catalog(own_catalog), tracker.parameters
    starts = range(START_NS, at_ns + 1, DAY_NS)
    events = [e for ts in starts for e in day_events(files, "BTCUSDT", ts, parameters)]
    follow_day(tracker, events, START_NS, at_ns)
    tracker.on_time(at_ns)
    found = kept.tracker_at(at_ns)
    for one, other in zip(found.levels_of(), tracker.levels_of(), strict=True):
        np.testing.assert_allclose(one.notional, other.notional, rtol=1e-12)
        np.testing.assert_allclose(one.price, other.price, rtol=1e-12)
        assert np.array_equal(one.confidence, other.confidence)
    assert repr(found.signal()) == repr(tracker.signal())


def test_a_day_that_is_added_leaves_the_days_before(tmp_path):
    files = write_files(tmp_path / "files", days=3, seed=3)
    ingest(files, tmp_path / "catalog", end_ns=START_NS + 2 * DAY_NS)
    # A sum that ends with the second day is stamped where the third begins.
    assert followed(map_of(tmp_path / "catalog")) == DAYS[:3]
    before = [day.digest for day in map_of(tmp_path / "catalog").days[:2]]
    ingest(files, tmp_path / "catalog")
    kept = map_of(tmp_path / "catalog")
    assert [day.digest for day in kept.days[:2]] == before
    assert followed(kept) == DAYS[2:4]


def test_a_changed_day_takes_all_after_it_along(own_catalog, tmp_path):
    followed(map_of(own_catalog))
    level = asking.levels(own_catalog).columns["volume"].sum()
    (file,) = (own_catalog / "data" / "custom_liquidation_volume").glob("*/*.parquet")
    rows = kept_rows(file)
    ts = rows["ts_init"].to_numpy()
    dropped = (ts >= START_NS + 2 * DAY_NS) & (ts < START_NS + 3 * DAY_NS)
    write_rows(file, rows.filter(~dropped))
    assert followed(map_of(own_catalog)) == DAYS[2:]
    # Past liquidations set the scale of what is expected.
    assert asking.levels(own_catalog).columns["volume"].sum() != pytest.approx(level, rel=1e-6)
    (file,) = (own_catalog / "data" / "custom_open_interest").glob("*/*.parquet")
    rows = kept_rows(file)
    write_rows(file, rows.filter(rows["ts_init"].to_numpy() < START_NS + 3 * DAY_NS))
    changed = asking.levels(own_catalog).columns["volume"].sum()
    assert changed != pytest.approx(level, rel=1e-6)


def kept_rows(file):
    import pyarrow.parquet as pq

    return pq.ParquetFile(file).read()


def write_rows(file, rows):
    import pyarrow.parquet as pq

    pq.write_table(rows, file)


def test_rewriting_the_same_rows_changes_nothing(own_catalog):
    before = day_prints(Catalog(own_catalog), "BTCUSDT")
    for file in (own_catalog / "data" / "bar").glob("*/*.parquet"):
        write_rows(file, kept_rows(file))
    assert day_prints(Catalog(own_catalog), "BTCUSDT") == before


def test_everything_kept_may_be_deleted_at_any_time(own_catalog):
    expected = asking.levels(own_catalog).to_json()
    heat = asking.heatmap(own_catalog).to_json()
    for folder in ("density-1h", "states", "asked", "."):
        moments._MEMORY._moments.clear()
        kept = map_of(own_catalog)
        shutil.rmtree(kept.basis.folder / folder)
        assert asking.levels(own_catalog).to_json() == expected
        assert asking.heatmap(own_catalog).to_json() == heat
    assert derived_files.clear(own_catalog) > 0
    assert asking.heatmap(own_catalog).to_json() == heat


@pytest.mark.parametrize("folder", ["states", "asked"])
def test_damaged_files_are_computed_again(own_catalog, folder):
    expected = asking.levels(own_catalog).to_json()
    for path in (map_of(own_catalog).basis.folder / folder).iterdir():
        path.write_bytes(path.read_bytes()[:100])
    moments._MEMORY._moments.clear()
    assert asking.levels(own_catalog).to_json() == expected


@pytest.mark.parametrize("damaged", [[1], [3], [1, 2, 3]])
def test_after_damaged_states_the_map_is_followed_from_the_last_good_one(own_catalog, damaged):
    expected = asking.levels(own_catalog).to_json()
    states = sorted((map_of(own_catalog).basis.folder / "states").iterdir())
    for number in damaged:
        states[number].write_bytes(states[number].read_bytes()[:100])
    moments._MEMORY._moments.clear()
    shutil.rmtree(map_of(own_catalog).basis.folder / "asked")
    assert asking.levels(own_catalog).to_json() == expected


def test_levels_alone_keep_nothing_else(own_catalog):
    asking.levels(own_catalog)
    folder = map_of(own_catalog).basis.folder
    assert {path.name for path in folder.glob("[!.]*")} == {"states", "asked"}
    assert followed(map_of(own_catalog)) == DAYS


def test_a_month_begins_with_fourteen_days_of_warm_up(tmp_path):
    # 40 days from New Year on: February is warmed up by the days from 18 January.
    catalog = make_catalog(tmp_path, days=40)
    kept = map_of(catalog)
    assert [(day.name, day.warm_up) for day in kept.days if day.is_first] == [
        ("2026-01-01", 0),
        ("2026-02-01", 14),
    ]
    at_ns = START_NS + 33 * DAY_NS + 5 * HOUR_NS
    found = kept.tracker_at(at_ns)
    tracker = LiquidationTracker(brackets=kept.basis.brackets)
    files, parameters = Catalog(catalog), tracker.parameters
    begin = START_NS + 17 * DAY_NS
    starts = range(begin, at_ns + 1, DAY_NS)
    events = [e for ts in starts for e in day_events(files, "BTCUSDT", ts, parameters)]
    follow_day(tracker, events, begin, at_ns)
    tracker.on_time(at_ns)
    assert found.levels().notional.tolist() == tracker.levels().notional.tolist()
    # Of January nothing else was needed.
    names = {path.name.partition(".")[0] for path in (kept.basis.folder / "states").iterdir()}
    assert names == {"2026-02-01-begun", "2026-02-01", "2026-02-02"}
    assert kept.tracker_at(at_ns).levels().notional.tolist() == found.levels().notional.tolist()


def test_old_days_change_nothing_of_later_months():
    prints = {day: DayPrint(str(day), has_open_interest=True) for day in range(20_500, 20_600)}
    before = {day.day: day.digest for day in days_of(prints)}
    prints[20_540] = DayPrint("changed", has_open_interest=True)
    after = {day.day: day.digest for day in days_of(prints)}
    changed = [day for day in before if before[day] != after[day]]
    # 20,540 is 28 March 2026.
    assert changed[0] == 20_540
    assert str(np.datetime64(changed[-1], "D")) == "2026-04-30"
    prints[20_520] = DayPrint("changed", has_open_interest=True)
    later = {day.day: day.digest for day in days_of(prints)}
    assert {str(np.datetime64(d, "D"))[:7] for d in after if after[d] != later[d]} == {"2026-03"}


def test_what_is_kept_is_told_without_the_maps_machinery(catalog):
    asking.levels(catalog)
    script = (
        "import sys; from liq_nautilus import levels, signals; "
        f"levels({str(catalog)!r}).to_json(); signals({str(catalog)!r}).to_json(); "
        "print({'numba', 'scipy', 'pandas', 'nautilus_trader', 'plotly'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("set()\n", 0), done.stderr


def test_parameters_do_not_mix(own_catalog):
    usual = map_of(own_catalog)
    other = map_of(own_catalog, TrackerParameters(turnover_rate=0.5))
    assert usual.basis.folder != other.basis.folder
    followed(usual)
    assert followed(other) == DAYS


@pytest.mark.parametrize("end", [None, START_NS + 2 * DAY_NS + 5 * HOUR_NS])
def test_a_picture_follows_each_day_once(own_catalog, caplog, end):
    window = Window(start=START_NS, end=end)
    with caplog.at_level(logging.INFO, "liq_nautilus"):
        asking.heatmap(own_catalog, window=window)
        asking.heatmap(own_catalog, window=window)
    told = [record.getMessage() for record in caplog.records if "followed" in record.message]
    until = DAYS[-1] if end is None else DAYS[2]
    assert told == [f"followed BTCUSDT from {DAYS[0]} to {until}"]


def test_what_is_kept_is_bounded(own_catalog, monkeypatch):
    monkeypatch.setattr(moments, "_KEPT", 3)
    followed(map_of(own_catalog, TrackerParameters(turnover_rate=0.5)))
    kept = map_of(own_catalog)
    followed(kept)
    for hour in range(5):
        asking.levels(own_catalog, at=START_NS + DAY_NS + hour * HOUR_NS)
    assert len(list((kept.basis.folder / "asked").iterdir())) == 3
    whole = derived_files.size_of(own_catalog / "derived")
    own = derived_files.size_of(kept.basis.folder)
    freed = derived_files.shrink(own_catalog, own + 100_000, keep=kept.basis.folder)
    assert freed >= whole - own - 100_000
    # What is in use goes last.
    assert derived_files.size_of(kept.basis.folder) == own


def test_a_catalog_that_cannot_be_written_can_be_asked(own_catalog, tmp_path, monkeypatch):
    expected = asking.levels(own_catalog).to_json()
    derived_files.clear(own_catalog)
    monkeypatch.setattr(derived_files.os, "access", lambda path, mode: False)
    monkeypatch.setattr(derived_files.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    assert asking.levels(own_catalog).to_json() == expected
    assert not (own_catalog / "derived").exists()


def test_a_full_disk_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match="must be a folder that can be written"):
        derived_files.write_bytes(tmp_path / "file" / "x", b"x")


def _ask(catalog, queue):
    queue.put(asking.levels(catalog).to_json())


def test_several_processes_compute_the_same(own_catalog):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_ask, args=(own_catalog, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = {queue.get(timeout=120) for _ in workers}
    for worker in workers:
        worker.join()
    assert found == {asking.levels(own_catalog).to_json()}
    assert not list((own_catalog / "derived").rglob("*.tmp"))


def test_a_long_gap_begins_a_new_map():
    prints = {
        day: DayPrint(str(day), has_open_interest=day != 3) for day in (1, 2, 3, 4, 19, 20, 40)
    }
    days = days_of(prints)
    assert [day.day for day in days if day.is_first] == [1, 19, 40]
    assert [day.day for day in days] == [1, 2, 3, 4, 19, 20, 40]
    short = {day: DayPrint(str(day), has_open_interest=True) for day in (1, 15)}
    assert [day.day for day in days_of(short)] == list(range(1, 16))
    after = {1: DayPrint("a", has_open_interest=True), 3: DayPrint("b", has_open_interest=False)}
    assert [day.day for day in days_of(after)] == [1, 2, 3]
    assert days_of({1: DayPrint("a", has_open_interest=False)}) == []


def test_another_symbol_has_another_map(tmp_path):
    catalog = make_catalog(tmp_path, days=2)
    make_catalog(tmp_path, "SOLUSDT", days=2, seed=5)
    bitcoin = asking.levels(catalog, "BTCUSDT")
    solana = asking.levels(catalog, "SOLUSDT")
    assert bitcoin.current_price > 100 * solana.current_price
    with pytest.raises(asking.SettingError, match="--symbol must be given"):
        asking.levels(catalog)


def test_nothing_is_left_of_days_that_are_gone(own_catalog, tmp_path):
    kept = map_of(own_catalog)
    followed(kept)
    for name in kept_map.DAY_FOLDERS:
        assert (kept.basis.folder / name / "2026-01-04.parquet").exists()
    for file in (own_catalog / "data").glob("*/*/*.parquet"):
        if file.parts[-3] == "crypto_perpetual":
            continue
        rows = kept_rows(file)
        write_rows(file, rows.filter(rows["ts_init"].to_numpy() < START_NS + 2 * DAY_NS))
    followed(map_of(own_catalog))
    assert len(list(kept.basis.folder.glob("density-1h/*"))) == 2
    kept = map_of(own_catalog)
    assert [day.name for day in kept.days] == ["2026-01-01", "2026-01-02"]
