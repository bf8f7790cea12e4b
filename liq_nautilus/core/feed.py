"""The one place that puts inputs in time order and applies the publication delay."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

import numpy as np

from liq_nautilus.times import MINUTE_NS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator

    from liq_nautilus.core.dollars.completeness import ShownPart
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.core.tracker import LiquidationTracker

# At equal times: the path first, then what it did to positions, then the counts.
_RANKS = {
    "mark": 0,
    "bar": 1,
    "trades": 2,
    "completeness": 3,
    "liquidation": 4,
    "funding": 5,
    "open_interest": 6,
    "time": 7,
}


# Large trades are told by the minute: few events, and none that is known too early.
TRADE_BATCH_NS = MINUTE_NS
# Binance states no publication time for open interest snapshots, neither of `metrics` files nor of
# https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Open-Interest-Statistics
# Live, a snapshot is had by polling /fapi/v1/openInterest, which has no stream: a poll a minute is
# usual. One minute is therefore an assumption on the safe side, not a measured delay.
OPEN_INTEREST_DELAY_SECS = 60.0
# Sums over an interval are published by those who collect them, some time after it has ended; a
# poll a minute is assumed here too. Single orders come as a stream, at once.
LIQUIDATION_DELAY_SECS = 60.0
# How far back a map is begun from nothing. Positions turn over within days: begun 7, 14 or 30 days
# before, the map of a month of BTCUSDT differed in less than 0.1 % of its exposure. What is slowest
# is the scale of the dollars, which follows realised liquidations with a half-life of 3 days: of
# what came before 14 days, less than 4 % of its weight is left.
WARM_UP_DAYS = 14.0
# Marks and bars: what comes before trades.
_LAST_BAR_RANK = 1


class Event(NamedTuple):
    """
    One input and the time from which it could be known.

    Attributes
    ----------
    ts_known : int
        UTC ns.
    rank : int
        The order among inputs known at the same time.
    key : tuple
        Breaks remaining ties by content, so that the order of arrival does not matter.
    kind : str
        mark, bar, trades, completeness, liquidation, funding, open_interest or time.
    payload : tuple
        The arguments of the tracker's method.

    """

    ts_known: int
    rank: int
    key: tuple[Any, ...]
    kind: str
    payload: tuple[Any, ...]

    @property
    def is_update(self) -> bool:
        """Whether levels, clusters and signal are computed anew after it."""
        return self.kind in _UPDATES


# By which events are ordered: time, rank and content.
event_order = itemgetter(0, 1, 2)
_UPDATES = frozenset({"open_interest", "funding"})
_METHODS = {
    "mark": "on_bar",
    "bar": "on_bar",
    "trades": "on_trades",
    "completeness": "on_completeness",
    "liquidation": "on_liquidation",
    "funding": "on_funding",
    "open_interest": "on_open_interest",
    "time": "on_time",
}


def _orderable(value: float) -> float:
    # NaN cannot be ordered; a volume or notional is never negative.
    return -1.0 if math.isnan(value) else value


def _event(kind: str, ts_known: int, payload: tuple[Any, ...], key: tuple[Any, ...]) -> Event:
    return Event(ts_known, _RANKS[kind], key, kind, payload)


def bar_event(
    open_: float,
    high: float,
    low: float,
    close: float,
    ts_open: int,
    ts_close: int,
    kind: str = "last",
    volume: float = math.nan,
) -> Event:
    """Return a bar (arguments as `LiquidationTracker.on_bar`), known at its close."""
    name = "mark" if kind == "mark" else "bar"
    return Event(
        ts_close,
        _RANKS[name],
        (ts_open, open_, high, low, close, _orderable(volume)),
        name,
        (open_, high, low, close, ts_open, ts_close, kind, volume),
    )


def trades_event(
    prices: FloatArray, quantities: FloatArray, taker_sides: SideArray, ts: int
) -> Event:
    """Return a batch of trades (arguments as `LiquidationTracker.on_trades`)."""
    payload = (prices, quantities, taker_sides, ts)
    key = (prices.tobytes(), quantities.tobytes(), taker_sides.tobytes())
    return _event("trades", ts, payload, key)


def trade_batches(
    prices: FloatArray,
    quantities: FloatArray,
    taker_sides: SideArray,
    ts: TimeArray,
    large_notional: float,
) -> Iterator[Event]:
    """
    Yield the large trades of each minute as one event, known when the minute is over.

    Where a batch ends follows from the clock alone, so that the same trades make the same events
    whatever else comes between them, and whether they come one by one or all at once.

    Parameters
    ----------
    prices, quantities : ndarray of shape (n,)
        Quote per base unit; base units.
    taker_sides : ndarray of shape (n,)
        +1 the taker bought, -1 sold.
    ts : ndarray of shape (n,)
        UTC ns, rising.
    large_notional : float
        Smaller trades are left out: they open no level of any model (quote).

    """
    large = np.flatnonzero(prices * quantities >= large_notional)
    minutes = ts[large] // TRADE_BATCH_NS
    starts = np.flatnonzero(np.diff(minutes, prepend=-1))
    for first, last in itertools.pairwise([*starts.tolist(), large.size]):
        rows = large[first:last]
        payload = (prices[rows], quantities[rows], taker_sides[rows], int(ts[rows[-1]]))
        key = tuple(values.tobytes() for values in payload[:3])
        yield _event("trades", batch_known_at(int(minutes[first]) * TRADE_BATCH_NS), payload, key)


def batch_known_at(ts: int) -> int:
    """
    Return when the batch is complete to which a trade of a moment belongs (UTC ns).

    Examples
    --------
    >>> batch_known_at(61_000_000_000)
    119999999999

    """
    return (ts // TRADE_BATCH_NS + 1) * TRADE_BATCH_NS - 1


def open_interest_event(contracts: float, notional: float, ts: int, delay_ns: int = 0) -> Event:
    """Return an open interest snapshot taken at `ts`, known `delay_ns` later."""
    key = (ts, contracts, _orderable(notional))
    return _event("open_interest", ts + delay_ns, (contracts, notional, ts), key)


def funding_event(rate: float, ts: int) -> Event:
    """Return a settled funding rate."""
    return _event("funding", ts, (rate, ts), (rate,))


def liquidation_event(
    position_side: int,
    notional: float,
    ts_from: int,
    ts_to: int,
    source: str,
    venues: tuple[str, ...] = (),
    *,
    share: float | None = None,
    delay_ns: int = 0,
) -> Event:
    """
    Return realised liquidations (arguments as `LiquidationTracker.on_liquidation`).

    They are known `delay_ns` after their end.
    """
    payload = (position_side, notional, ts_from, ts_to, source, venues, share)
    key = (ts_from, position_side, notional, source)
    return _event("liquidation", ts_to + delay_ns, payload, key)


def completeness_event(part: ShownPart, ts: int) -> Event:
    """Return what a complete feed says of thinned ones, as known at a time (UTC ns)."""
    return _event("completeness", ts, (*part, ts), tuple(part))


def time_event(ts: int) -> Event:
    """Return the passing of time."""
    return _event("time", ts, (ts,), ())


def apply_event(tracker: LiquidationTracker, event: Event) -> None:
    """Hand one event to the tracker."""
    getattr(tracker, _METHODS[event.kind])(*event.payload)


def in_time_order(events: Iterable[Event]) -> Iterator[Event]:
    """Yield events by the time they could be known, whatever order they came in."""
    yield from sorted(events, key=event_order)


class Feed:
    """
    Hands inputs to a tracker in the order in which they could be known.

    Parameters
    ----------
    tracker : LiquidationTracker
        Takes the events.

    """

    def __init__(self, tracker: LiquidationTracker) -> None:
        self.tracker = tracker
        # From `_start` on; in order but for what was pushed since the last look.
        self._pending: list[Event] = []
        self._start = 0
        self._is_sorted = True

    @property
    def next_ts(self) -> int | None:
        """When the next pending event becomes known (UTC ns)."""
        self._sort()
        return self._pending[self._start].ts_known if self._start < len(self._pending) else None

    def push(self, event: Event) -> None:
        """Take in an event, in any order."""
        pending = self._pending
        if self._is_sorted and pending and not event[0] > pending[-1][0]:
            self._is_sorted = False
        pending.append(event)

    def pending(self) -> list[Event]:
        """Return the events that are not known yet, in order."""
        self._sort()
        return self._pending[self._start :]

    def state(self) -> list[tuple[Any, ...]]:
        """Return what is pending, as plain values."""
        return [tuple(event) for event in self.pending()]

    def restore(self, state: Iterable[Iterable[Any]]) -> None:
        """Take over what `state` returned."""
        for ts_known, rank, key, kind, payload in state:
            self.push(Event(ts_known, rank, tuple(key), kind, tuple(payload)))

    def release(self, ts: int) -> list[Event]:
        """
        Apply all events known at or before a time, in order, and return them.

        One that the tracker refuses is gone, those after it are still pending.

        Parameters
        ----------
        ts : int
            UTC ns.

        """
        self._sort()
        pending = self._pending
        end = bisect_right(pending, ts, lo=self._start, key=_ts_known)
        released = pending[self._start : end]
        while self._start < end:
            if not self._apply_bars(end):
                self._start += 1
                apply_event(self.tracker, pending[self._start - 1])
        return released

    def _apply_bars(self, end: int) -> bool:
        # Bars that follow each other in one go, which is quicker and gives the same.
        pending, stop = self._pending, self._start
        while stop < end and pending[stop].rank <= _LAST_BAR_RANK:
            stop += 1
        if stop - self._start < 2:
            return False
        try:
            self.tracker.on_bars([event.payload for event in pending[self._start : stop]])
        except ValueError:
            # One of them is wrong, none was taken: each by itself.
            return False
        self._start = stop
        return True

    def _sort(self) -> None:
        if self._start > _LARGE and 2 * self._start > len(self._pending):
            del self._pending[: self._start]
            self._start = 0
        if not self._is_sorted:
            self._pending[self._start :] = sorted(self._pending[self._start :], key=event_order)
            self._is_sorted = True


_ts_known = itemgetter(0)
# So many events that are done are forgotten at once.
_LARGE = 256
