"""What became known on a day, and trackers that follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liq_nautilus.core.feed import Feed
from liq_nautilus.core.feed import in_time_order
from liq_nautilus.core.feed import time_event
from liq_nautilus.data.kinds import STORED_TYPES
from liq_nautilus.nautilus.catalog.events import event_options
from liq_nautilus.nautilus.catalog.inventory import finest_interval
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from liq_nautilus.core.feed import Event
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.tracker import LiquidationTracker
    from liq_nautilus.data.kinds import StoredType
    from liq_nautilus.nautilus.catalog.inventory import Catalog

    # Called at each stop: its time, and whether the map was computed anew there.
    type OnStop = Callable[[int, bool], None]


def day_events(
    catalog: Catalog, symbol: str, start_ns: int, parameters: TrackerParameters
) -> list[Event]:
    """
    Return what became known on a day, in order.

    The finest bars that cover the day are taken, so that what it tells does not depend on the days
    around it.

    Parameters
    ----------
    catalog : Catalog
        The Parquet catalog.
    symbol : str
        Binance's name.
    start_ns : int
        When the day begins (UTC nanoseconds).
    parameters : TrackerParameters
        What is assumed.

    """
    options = event_options(parameters)
    end_ns = start_ns + DAY_NS
    events: list[Event] = []
    held: set[str] = set()
    for stored in STORED_TYPES.values():
        if stored.events is None or stored.stands_in_for in held:
            continue
        window = (_first_stamp(stored, start_ns), end_ns)
        interval = finest_interval(catalog, stored, symbol, *window) if stored.has_interval else ""
        if interval is None:
            continue
        frame = read(catalog, stored, symbol, *window, interval=interval, required=False)
        if len(frame):
            held.add(stored.name)
        own = stored.events(frame, options)
        events += (event for event in own if start_ns <= event.ts_known < end_ns)
    return list(in_time_order(events))


def _first_stamp(stored: StoredType, start_ns: int) -> int:
    # Open interest is believed some time after its stamp, and sums that end where the day begins
    # are known in it; bars and trades are known when they are stamped.
    is_known_later = stored.closes_before_ns == 0 or not (stored.has_interval or stored.is_daily)
    return start_ns - DAY_NS if is_known_later else start_ns


def follow_day(
    tracker: LiquidationTracker,
    events: list[Event],
    start_ns: int,
    until_ns: int,
    on_stop: OnStop | None = None,
    step_ns: int = HOUR_NS,
) -> None:
    """
    Let a tracker follow the events of a day, and time pass at every hour of it.

    Parameters
    ----------
    tracker : LiquidationTracker
        It knows all that was known before the day.
    events : list of Event
        What became known in the day, in order.
    start_ns : int
        When the day begins (UTC nanoseconds).
    until_ns : int
        Up to when, inclusive.
    on_stop : callable, optional
        Called after each update of the map, and at each step of the day.
    step_ns : int, optional
        The steps, a part of an hour or hours.

    """
    feed = Feed(tracker)
    stops: dict[int, bool] = {}
    for ts in range(start_ns, until_ns + 1, HOUR_NS):
        feed.push(time_event(ts))
    for event in events:
        if event.ts_known > until_ns:
            break
        feed.push(event)
        if event.is_update:
            stops[event.ts_known] = True
    if on_stop is not None:
        for ts in range(start_ns, until_ns + 1, step_ns):
            stops.setdefault(ts, False)
        for ts in sorted(stops):
            feed.release(ts)
            on_stop(ts, stops[ts])
    feed.release(until_ns)
