"""A catalog's series as events of the feed, for everything that runs without an engine."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import DAY_NS
from liq_nautilus.core.feed import Event
from liq_nautilus.core.feed import bar_event
from liq_nautilus.core.feed import event_order
from liq_nautilus.core.feed import funding_event
from liq_nautilus.core.feed import in_time_order
from liq_nautilus.core.feed import liquidation_event
from liq_nautilus.core.feed import open_interest_event
from liq_nautilus.core.feed import trades_event
from liq_nautilus.nautilus.catalog.inventory import finest_bar_interval
from liq_nautilus.nautilus.catalog.inventory import inventory
from liq_nautilus.nautilus.catalog.reading import read_bars
from liq_nautilus.nautilus.catalog.reading import read_funding
from liq_nautilus.nautilus.catalog.reading import read_liquidation_orders
from liq_nautilus.nautilus.catalog.reading import read_liquidation_volume
from liq_nautilus.nautilus.catalog.reading import read_mark_bars
from liq_nautilus.nautilus.catalog.reading import read_open_interest
from liq_nautilus.nautilus.catalog.reading import read_trades
from liq_nautilus.nautilus.config import OPEN_INTEREST_DELAY_SECS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

_MARK: Final = "markPriceKlines-"


def read_events(
    catalog: Path,
    symbol: str,
    start_ns: int,
    end_ns: int,
    *,
    bar: str | None = None,
    delay_secs: float = OPEN_INTEREST_DELAY_SECS,
    has_liquidations: bool = True,
    has_trades: bool = True,
) -> Iterator[Event]:
    """
    Return what the catalog knows of a window as the `LiquidationActor` would take it, in order.

    Parameters
    ----------
    catalog : Path
        The Parquet catalog.
    symbol : str
        Binance's name.
    start_ns, end_ns : int
        The window of the data's own times (UTC nanoseconds, end exclusive).
    bar : str, optional
        The interval of the bars; by default the finest that covers the window.
    delay_secs : float, optional
        How long after its stamp open interest is known (seconds).
    has_liquidations : bool, optional
        Whether realised liquidations are among the events.
    has_trades : bool, optional
        Whether trades are, which only `py_liquidation_map` and the ensemble need. They are read
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
    window = (start_ns, end_ns)
    interval = bar or finest_bar_interval(catalog, symbol, *window)
    delay_ns = round(delay_secs * SECOND_NS)
    events = list(bar_events(read_bars(catalog, symbol, interval, *window)))
    mark = finest_mark_bars(catalog, symbol, *window)
    if mark is not None:
        events += bar_events(mark, "mark")
    snapshots = read_open_interest(catalog, symbol, *window)
    events += open_interest_events(snapshots, delay_ns)
    events += funding_events(read_funding(catalog, symbol, *window, required=False))
    if has_liquidations:
        events += _liquidations(catalog, symbol, start_ns, end_ns)
    trades = _trades(catalog, symbol, start_ns, end_ns, events) if has_trades else ()
    return heapq.merge(in_time_order(events), trades, key=event_order)


def finest_mark_bars(catalog: Path, symbol: str, start_ns: int, end_ns: int) -> pd.DataFrame | None:
    """Return the window's mark-price bars of the interval with the most of them, if any."""
    intervals = [
        series.kind.removeprefix(_MARK)
        for series in inventory(catalog)
        if series.symbol == symbol and series.kind.startswith(_MARK)
    ]
    window = (start_ns, end_ns)
    frames = [
        read_mark_bars(catalog, symbol, interval, *window, required=False)
        for interval in intervals
    ]
    best = max(frames, key=len, default=None)
    return best if best is not None and len(best) else None


def bar_events(frame: pd.DataFrame, kind: str = "last") -> Iterator[Event]:
    """
    Yield bars as events.

    Parameters
    ----------
    frame : DataFrame
        As of `read_bars`; without a volume column the volume is unknown.
    kind : {"last", "mark"}
        Whose prices they are.

    """
    names = ["open", "high", "low", "close", "ts_open", "ts_close"]
    volumes = frame["volume"] if "volume" in frame else np.full(len(frame), np.nan)
    for row, volume in zip(frame[names].itertuples(index=False), volumes, strict=True):
        open_, high, low, close, ts_open, ts_close = row
        yield bar_event(
            open_, high, low, close, int(ts_open), int(ts_close), kind, volume=float(volume)
        )


def open_interest_events(frame: pd.DataFrame, delay_ns: int) -> Iterator[Event]:
    """Yield the snapshots of `read_open_interest` that state one, known after a delay."""
    columns = (frame["open_interest"], frame["open_interest_notional"], frame["ts"])
    for contracts, notional, ts in zip(*columns, strict=True):
        if np.isfinite(contracts):
            yield open_interest_event(float(contracts), float(notional), int(ts), delay_ns)


def funding_events(frame: pd.DataFrame) -> Iterator[Event]:
    """Yield the settlements of `read_funding`."""
    for ts, rate in zip(frame["ts"], frame["rate"], strict=True):
        yield funding_event(float(rate), int(ts))


def _liquidations(catalog: Path, symbol: str, start_ns: int, end_ns: int) -> Iterator[Event]:
    # Sums over all orders are worth more than the thinned feed; never both.
    window = (start_ns, end_ns)
    sums = read_liquidation_volume(catalog, symbol, *window, required=False)
    if len(sums):
        columns = ("ts_open", "ts_close", "long_notional", "short_notional")
        for opened, closed, long, short in zip(*(sums[name] for name in columns), strict=True):
            for side, notional in ((1, long), (-1, short)):
                yield liquidation_event(side, float(notional), int(opened), int(closed), "bars")
        return
    orders = read_liquidation_orders(catalog, symbol, *window, required=False)
    notionals = orders["quantity"] * orders["average_price"]
    for ts, side, notional in zip(orders["ts"], orders["position_side"], notionals, strict=True):
        yield liquidation_event(int(side), float(notional), int(ts), int(ts), "orders")


def _trades(
    catalog: Path, symbol: str, start_ns: int, end_ns: int, others: list[Event]
) -> Iterator[Event]:
    # One batch for all trades between two other events, as the actor makes them. An update waits
    # for all trades of its moment; other data comes before those of its moment.
    updates = np.array([event.ts_known for event in others if event.is_update], dtype=np.int64)
    arrivals = np.array([_arrived(event) for event in others], dtype=np.int64)
    first_day, last_day = start_ns // DAY_NS, -(-end_ns // DAY_NS)
    # A window may begin long before the data does.
    for day in range(max(first_day, int(arrivals.min()) // DAY_NS), last_day):
        window = (max(start_ns, day * DAY_NS), min(end_ns, (day + 1) * DAY_NS))
        frame = read_trades(catalog, symbol, *window, required=False)
        ts = frame["ts"].to_numpy(np.int64)
        cuts = (np.searchsorted(ts, arrivals, "left"), np.searchsorted(ts, updates, "right"))
        edges = np.unique(np.concatenate([[0], *cuts, [ts.size]]))
        prices = frame["price"].to_numpy(np.float64)
        quantities = frame["quantity"].to_numpy(np.float64)
        sides = frame["taker_side"].to_numpy(np.int8)
        for first, last in itertools.pairwise(edges):
            part = slice(first, last)
            yield trades_event(prices[part], quantities[part], sides[part], int(ts[last - 1]))


def _arrived(event: Event) -> int:
    # Open interest arrives with its stamp and is believed later; all else is known as it comes.
    return int(event.payload[2]) if event.kind == "open_interest" else event.ts_known
