"""
A catalog's series as events of the feed: the one way in which data becomes what the map is told.

Backtests give the same series to the `LiquidationActor`, which makes the same events of them.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from liq_nautilus.core.feed import OPEN_INTEREST_DELAY_SECS
from liq_nautilus.core.feed import event_order
from liq_nautilus.core.feed import in_time_order
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.data.kinds import STORED_TYPES
from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.data.kinds.stored import EventOptions
from liq_nautilus.nautilus.catalog.inventory import finest_bar_interval
from liq_nautilus.nautilus.catalog.inventory import finest_interval
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Iterator

    from liq_nautilus.core.feed import Event
    from liq_nautilus.data.frames import Frame
    from liq_nautilus.data.kinds import StoredType
    from liq_nautilus.nautilus.catalog.inventory import Catalog


def read_events(
    catalog: Catalog,
    symbol: str,
    start_ns: int,
    end_ns: int,
    *,
    bar: str | None = None,
    options: EventOptions | None = None,
    without: Collection[StoredType] = (),
) -> Iterator[Event]:
    """
    Return what a catalog knows of a window as the `LiquidationActor` would take it, in order.

    Parameters
    ----------
    catalog : Catalog
        The Parquet catalog.
    symbol : str
        Binance's name.
    start_ns, end_ns : int
        The window of the data's own times (UTC nanoseconds, end exclusive).
    bar : str, optional
        The interval of the bars; by default the finest that covers the window. Of mark prices and
        liquidation bars it is always that one.
    options : EventOptions, optional
        What events are made by.
    without : collection of StoredType, optional
        What is left out. Trades, which only `py_liquidation_map` and the ensemble need, are read
        day by day.

    Returns
    -------
    iterator of Event
        By the time they could be known.

    Raises
    ------
    DataGapError
        If bars or open interest are missing.

    """
    chosen = (options or event_options())._replace(symbol=symbol)
    interval = bar or finest_bar_interval(catalog, symbol, start_ns, end_ns)
    events: list[Event] = []
    streams: list[Iterator[Event]] = []
    held: set[str] = set()
    for stored in STORED_TYPES.values():
        if stored.events is None or stored in without or stored.stands_in_for in held:
            continue
        if stored.is_daily:
            streams.append(_by_day(catalog, stored, symbol, start_ns, end_ns, chosen))
            continue
        own = interval if stored is BARS else None
        frame = read_window(catalog, stored, symbol, start_ns, end_ns, interval=own)
        if len(frame):
            held.add(stored.name)
        events += stored.events(frame, chosen)
    return heapq.merge(in_time_order(events), *streams, key=event_order)


def event_options(
    parameters: TrackerParameters | None = None, delay_secs: float = OPEN_INTEREST_DELAY_SECS
) -> EventOptions:
    """
    Return what events are made by, for a map of given parameters.

    Parameters
    ----------
    parameters : TrackerParameters, optional
        What is assumed.
    delay_secs : float, optional
        How long after its stamp open interest is known (seconds).

    """
    large = (parameters or TrackerParameters()).large_trade_notional
    return EventOptions(round(delay_secs * SECOND_NS), large)


def read_window(
    catalog: Catalog,
    stored: StoredType,
    symbol: str,
    start_ns: int,
    end_ns: int,
    *,
    interval: str | None = None,
) -> Frame:
    """
    Return the rows of a window which the map is told of.

    Parameters
    ----------
    catalog : Catalog
        Where they are.
    stored : StoredType
        Of which type.
    symbol : str
        Binance's symbol.
    start_ns, end_ns : int
        The window in UTC nanoseconds, end exclusive.
    interval : str, optional
        Of which bars; by default the finest that cover the window.

    Raises
    ------
    DataGapError
        If there are none, of a type that no map can do without.

    """
    window = (start_ns, end_ns)
    if interval is None and stored.has_interval:
        interval = finest_interval(catalog, stored, symbol, *window)
    is_required = stored.is_needed
    return read(catalog, stored, symbol, *window, interval=interval or "", required=is_required)


def _by_day(
    catalog: Catalog,
    stored: StoredType,
    symbol: str,
    start_ns: int,
    end_ns: int,
    options: EventOptions,
) -> Iterator[Event]:
    # So that memory holds a day. A window may begin long before the data does, and end after it.
    files = catalog.files(stored, symbol, "", start_ns, end_ns)
    if not files or stored.events is None:
        return
    first = max(start_ns, files[0].name_span.first_ns) // DAY_NS
    last = min(end_ns - 1, files[-1].name_span.last_ns) // DAY_NS
    for day in range(first, last + 1):
        window = (max(start_ns, day * DAY_NS), min(end_ns, (day + 1) * DAY_NS))
        yield from stored.events(read(catalog, stored, symbol, *window, required=False), options)
