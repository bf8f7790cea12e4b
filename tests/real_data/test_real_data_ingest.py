"""The whole of ../shared/data through `ingest`: every row is accounted for, twice over."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.catalogs import frame_of

from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.data.kinds.funding import FUNDING
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_ORDERS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import finest_bar_interval
from liq_nautilus.nautilus.catalog.quality import CatalogQuality
from liq_nautilus.nautilus.ingest.ingest import ingest

DATA = Path(__file__).parents[2] / "../shared/data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data is not there")
MINUTE = 60_000_000_000
DAY = 1440 * MINUTE


def ns(text: str) -> int:
    return int(np.datetime64(text, "ns").astype(np.int64))


def series_name(path: Path) -> tuple[str, str]:
    symbol, *rest = path.stem.split("-")
    if rest[0] == "liquidations":
        return f"liquidations-{rest[1]}", symbol
    return (f"klines-{rest[0]}" if "klines" in path.parts else rest[0]), symbol


def lines_of_files() -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for path in DATA.rglob("*.csv"):
        with path.open(newline="") as file:
            counts[series_name(path)] += sum(1 for _ in csv.reader(file)) - 1
    return counts


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        # Notes of what was read and when differ, the data may not.
        if path.is_file() and path.parent.name != "file_records"
    }


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    catalog = tmp_path_factory.mktemp("real") / "catalog"
    return catalog, ingest(DATA, catalog)


def test_every_row_is_kept(filled):
    _, summary = filled
    found = {
        (series, symbol): counts.kept
        for series, symbols in summary.kinds.items()
        for symbol, counts in symbols.items()
    }
    assert found == dict(lines_of_files())
    assert all(c.read == c.kept for symbols in summary.kinds.values() for c in symbols.values())
    assert summary.issues == []
    assert (summary.n_files_refused, summary.n_files_ignored) == (0, 2)


def test_inventory_counts_the_same_rows(filled):
    catalog, _ = filled
    found = {(series.kind, series.symbol): series.n_rows for series in Catalog(catalog).series}
    assert found == dict(lines_of_files())


def test_second_run_changes_nothing(filled):
    catalog, _ = filled
    before = digest(catalog)
    again = ingest(DATA, catalog)
    assert digest(catalog) == before
    for symbols in again.kinds.values():
        for counts in symbols.values():
            assert (counts.kept, counts.rejected, counts.duplicate) == (0, 0, 0)
            assert counts.already_present == counts.read > 0


def test_folders_one_after_the_other_give_the_same_bytes(filled, tmp_path):
    catalog, _ = filled
    ingest(DATA / "liquidation-bars", tmp_path / "catalog")
    ingest(DATA / "futures" / "um", tmp_path / "catalog")
    assert digest(tmp_path / "catalog") == digest(catalog)


def test_bars_of_the_halt_have_no_volume(filled):
    catalog, _ = filled
    bars = frame_of(catalog, BARS, ns("2025-01-29"), ns("2025-01-30"), interval="5m")
    halted = bars[bars["volume"] == 0]["ts_open"].to_numpy()
    assert halted.tolist() == [ns("2025-01-29T01:25"), ns("2025-01-29T01:30")]


@pytest.mark.parametrize(
    ("start", "end", "interval", "n_bars", "n_labels"),
    [
        ("2026-05-26", "2026-06-03", "5m", 2304, 384),
        ("2025-12-05", "2025-12-18", "5m", 3744, 312),
        ("2026-01-01", "2026-02-01", "1h", 744, 743),
    ],
)
def test_windows_are_complete(filled, start, end, interval, n_bars, n_labels):
    catalog, _ = filled
    window = (ns(start), ns(end))
    assert finest_bar_interval(Catalog(catalog), "BTCUSDT", *window) == interval
    bars = frame_of(catalog, BARS, *window, interval=interval)
    assert len(bars) == n_bars
    assert (bars["ts_open"].iloc[0], bars["ts_close"].iloc[-1] + 1_000_000) == window
    labels = frame_of(catalog, LIQUIDATION_SUMS, *window)
    assert len(labels) == n_labels
    assert labels["ts_close"].iloc[-1] == window[1]


def test_values_are_those_of_the_files(filled):
    catalog, _ = filled
    path = DATA / "futures/um/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2025-12-07.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    bars = frame_of(catalog, BARS, ns("2025-12-07"), ns("2025-12-08"), interval="5m")
    for name in ("open", "high", "low", "close", "volume"):
        assert bars[name].tolist() == [float(row[name]) for row in rows]
    assert (bars["ts_open"] // 1_000_000).tolist() == [int(row["open_time"]) for row in rows]
    assert (bars["ts_close"] // 1_000_000).tolist() == [int(row["close_time"]) for row in rows]


def test_metrics_funding_and_forced_orders_are_there(filled):
    catalog, _ = filled
    metrics = frame_of(catalog, OPEN_INTEREST, ns("2026-05-26"), ns("2026-06-03"))
    assert np.diff(metrics["ts"]).min() == 5 * MINUTE
    assert metrics["account_ratio"].isna().all()
    funding = frame_of(catalog, FUNDING, ns("2025-12-05"), ns("2025-12-18"))
    assert len(funding) == 39
    assert funding["rate"].iloc[0] == 0.00004837
    orders = frame_of(catalog, LIQUIDATION_ORDERS, symbol="SOLUSDT")
    first = next(orders.itertuples(index=False))
    assert tuple(first) == (1737911008694000000, 1, 1.0, 253.8762, 255.09)


def test_quality_finds_what_is_known_of_the_data(filled):
    catalog, _ = filled
    reports = {
        (r.series.symbol, r.series.kind): r.quality
        for r in CatalogQuality(Catalog(catalog)).reports()
    }
    bars = reports["BTCUSDT", "klines-5m"]
    zero = {day.day: day.n_zero_volume for day in bars.days if day.n_zero_volume}
    halt = ns("2025-01-29") // DAY
    assert zero.pop(halt) == 2
    # The source of window A had no volume at all.
    assert zero == {ns("2026-05-26") // DAY + i: 288 for i in range(8)}
    missing = (ns("2026-01-14T21:00"), ns("2026-01-14T22:00"), 1)
    for kind in ("metrics", "liquidations-1h"):
        gaps = [(gap.start_ns, gap.end_ns, gap.n_rows) for gap in reports["BTCUSDT", kind].gaps]
        assert missing in gaps
    assert reports["SOLUSDT", "klines-5m"].score > 0.99
    assert reports["BTCUSDT", "klines-1h"].total("n_missing") == 0


def test_windows_have_good_data(filled):
    catalog, _ = filled
    judge = CatalogQuality(Catalog(catalog))
    for start, end in (("2025-12-05", "2025-12-18"), ("2026-01-01", "2026-02-01")):
        assert judge.score("BTCUSDT", ns(start), ns(end)) > 0.98
    # Without volume the bars count for three quarters.
    window = (ns("2026-05-26"), ns("2026-06-03"))
    assert judge.score("BTCUSDT", *window) == pytest.approx(0.9, abs=0.01)
    assert judge.score("BTCUSDT", ns("2025-08-01"), ns("2025-08-08")) == 0
