"""What a catalog's series become as events, from files to the last number."""

from pathlib import Path

import numpy as np
import pytest
from support.data_files import KINDS
from support.data_files import MINUTE_MS
from support.data_files import SECOND_SOURCES
from support.data_files import START_MS
from support.data_files import write_file

from liq_nautilus.core.feed import trade_batches
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_ORDERS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.data.kinds.trades import TRADES
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.catalog.events import event_options
from liq_nautilus.nautilus.catalog.events import read_events
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.ingest.ingest import ingest

START_NS = START_MS * 1_000_000
MINUTE_NS = MINUTE_MS * 1_000_000
HOUR_NS = 60 * MINUTE_NS
WITHOUT_LIQUIDATIONS = ("liquidations", "liquidationSnapshot")


def trade(i: int, seconds: float, notional: float = 200_000.0, *, is_sold: bool = False) -> str:
    ms = START_MS + round(seconds * 1000)
    size = notional / 100_000.0
    return f"{i},100000.0,{size:.3f},{i},{i},{ms},{'true' if is_sold else 'false'}"


@pytest.fixture
def source(tmp_path):
    """Write an hour of every kind but trades."""
    for name, kind in KINDS.items():
        if name not in SECOND_SOURCES | {"aggTrades"}:
            write_file(tmp_path / "source", kind, kind.lines(60))
    return tmp_path / "source"


def add_trades(source: Path, *lines: str) -> None:
    write_file(source, KINDS["aggTrades"], list(lines))


def events_of(source: Path, **options) -> list:
    ingest(source, source.parent / "catalog")
    catalog = Catalog(source.parent / "catalog")
    return list(read_events(catalog, "BTCUSDT", START_NS, START_NS + 30 * HOUR_NS, **options))


def kinds(found: list) -> set[str]:
    return {event.kind for event in found}


def test_everything_the_map_knows_is_told_in_order(source):
    add_trades(source, *(trade(i, 30.0 + i) for i in range(3)))
    found = events_of(source)
    wanted = {"mark", "bar", "trades", "liquidation", "funding", "open_interest"}
    assert kinds(found) == wanted
    order = [(event.ts_known, event.rank, event.key) for event in found]
    assert order == sorted(order)


def test_sums_are_taken_rather_than_orders(source):
    found = [event.payload for event in events_of(source) if event.kind == "liquidation"]
    assert {payload[4] for payload in found} == {"bars"}
    assert len(found) == 120
    assert found[0][:2] == (-1, 512.5)
    assert found[1][:2] == (1, 1000.0)


def test_orders_stand_in_where_there_are_no_sums(source):
    next((source / "liquidations").iterdir()).unlink()
    found = [event.payload for event in events_of(source) if event.kind == "liquidation"]
    assert {payload[4] for payload in found} == {"orders"}
    assert found[1] == (
        1,
        pytest.approx(0.02 * 94_051.10),
        START_NS + 61_003_000_000,
        START_NS + 61_003_000_000,
        "orders",
        (),
        None,
    )


def test_what_is_not_wanted_is_left_out(source):
    add_trades(source, trade(1, 5.0))
    found = events_of(source, without=(TRADES, LIQUIDATION_SUMS, LIQUIDATION_ORDERS))
    assert kinds(found) == {"mark", "bar", "funding", "open_interest"}


@pytest.mark.parametrize("missing", ["klines", "metrics"])
def test_without_bars_or_open_interest_there_are_no_events(source, missing):
    next((source / missing).iterdir()).unlink()
    with pytest.raises(DataGapError, match="must hold"):
        events_of(source)


@pytest.mark.parametrize("delay_secs", [0.0, 30.0, 90.5])
def test_open_interest_is_known_after_its_delay(source, delay_secs):
    found = events_of(source, options=event_options(delay_secs=delay_secs))
    delays = {e.ts_known - e.payload[2] for e in found if e.kind == "open_interest"}
    # What the labels mean cannot be told here.
    assert delays == {round((300.0 + delay_secs) * 1e9)}


def test_large_trades_of_a_minute_are_told_when_it_is_over(source):
    add_trades(
        source,
        trade(1, 10.0),
        trade(2, 59.9, is_sold=True),
        trade(3, 60.0),
        trade(4, 61.0, 99_000.0),
        trade(5, 119.0),
        trade(6, 200.0, 50_000.0),
    )
    found = [event for event in events_of(source) if event.kind == "trades"]
    assert [event.ts_known for event in found] == [
        START_NS + MINUTE_NS - 1,
        START_NS + 2 * MINUTE_NS - 1,
    ]
    assert [event.payload[2].tolist() for event in found] == [[1, -1], [1, 1]]
    assert [event.payload[3] - START_NS for event in found] == [59_900_000_000, 119_000_000_000]


def test_what_counts_as_large_is_a_parameter(source):
    add_trades(source, trade(1, 10.0, 40_000.0), trade(2, 20.0, 60_000.0))
    options = event_options()._replace(large_trade_notional=50_000.0)
    (batch,) = [e for e in events_of(source, options=options) if e.kind == "trades"]
    assert batch.payload[1].tolist() == [0.6]


def test_trades_of_several_days_are_all_told(source):
    add_trades(source, trade(1, 10.0))
    later = trade(2, 86_400.0 + 5.0)
    write_file(source, KINDS["aggTrades"], [later], name="BTCUSDT-aggTrades-2025-01-02")
    found = [event for event in events_of(source) if event.kind == "trades"]
    assert [event.payload[3] for event in found] == [START_NS + 10**10, START_NS + 86_405 * 10**9]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_batches_are_the_same_minute_by_minute_and_all_at_once(cut):
    rng = np.random.default_rng(cut)
    ts = np.sort(rng.integers(0, 4 * MINUTE_NS, 40))
    columns = (rng.uniform(90, 110, 40), np.full(40, 2_000.0), np.full(40, 1, dtype=np.int8), ts)
    whole = list(trade_batches(*columns, 200_000.0))
    first = ts < cut * MINUTE_NS
    parts = [
        list(trade_batches(*(c[mask] for c in columns), 200_000.0)) for mask in (first, ~first)
    ]
    assert [event[:3] for event in whole] == [event[:3] for part in parts for event in part]
    assert 1 <= len(whole) <= 4


def test_the_finest_mark_bars_that_cover_the_window_are_taken(source):
    # One bar of a day covers more than an hour of minutes, but the window is an hour.
    bar = f"{START_MS},94000,95000,93000,94500,0,{START_MS + 86_400_000 - 1},0,0,0,0,0"
    write_file(source, KINDS["markPriceKlines"], [bar], name="BTCUSDT-1d-2025-01-01")
    ingest(source, source.parent / "catalog")
    catalog = Catalog(source.parent / "catalog")
    hour = read_events(catalog, "BTCUSDT", START_NS, START_NS + HOUR_NS, bar="1m")
    assert [event.kind for event in hour].count("mark") == 60
    day = read_events(catalog, "BTCUSDT", START_NS, START_NS + 24 * HOUR_NS, bar="1m")
    assert [event.kind for event in day].count("mark") == 1
