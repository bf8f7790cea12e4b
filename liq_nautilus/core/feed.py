"""The one place that puts inputs in time order and applies the publication delay."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Iterator

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray
    from liq_nautilus.core.tracker import LiquidationTracker

# At equal times: the path first, then what it did to positions, then the counts.
_RANKS = {
    "mark": 0,
    "bar": 1,
    "trades": 2,
    "liquidation": 3,
    "funding": 4,
    "open_interest": 5,
    "time": 6,
}


@dataclass(frozen=True, order=True, slots=True)
class Event:
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
        mark, bar, trades, liquidation, funding, open_interest or time.
    payload : tuple
        The arguments of the tracker's method.

    """

    ts_known: int
    rank: int
    key: tuple[Any, ...]
    kind: str = field(compare=False)
    payload: tuple[Any, ...] = field(compare=False)

    @property
    def is_update(self) -> bool:
        """Whether levels, clusters and signal are computed anew after it."""
        return self.kind in {"open_interest", "funding"}


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
    payload = (open_, high, low, close, ts_open, ts_close, kind, volume)
    name = "mark" if kind == "mark" else "bar"
    return _event(name, ts_close, payload, (ts_open, open_, high, low, close, _orderable(volume)))


def trades_event(
    prices: FloatArray, quantities: FloatArray, taker_sides: SideArray, ts: int
) -> Event:
    """Return a batch of trades (arguments as `LiquidationTracker.on_trades`)."""
    payload = (prices, quantities, taker_sides, ts)
    key = (prices.tobytes(), quantities.tobytes(), taker_sides.tobytes())
    return _event("trades", ts, payload, key)


def open_interest_event(contracts: float, notional: float, ts: int, delay_ns: int = 0) -> Event:
    """Return an open interest snapshot taken at `ts`, known `delay_ns` later."""
    key = (ts, contracts, _orderable(notional))
    return _event("open_interest", ts + delay_ns, (contracts, notional, ts), key)


def funding_event(rate: float, ts: int) -> Event:
    """Return a settled funding rate."""
    return _event("funding", ts, (rate, ts), (rate,))


def liquidation_event(
    position_side: int, notional: float, ts_from: int, ts_to: int, source: str
) -> Event:
    """Return realised liquidations (arguments as `LiquidationTracker.on_liquidation`)."""
    payload = (position_side, notional, ts_from, ts_to, source)
    return _event("liquidation", ts_to, payload, (ts_from, position_side, notional, source))


def time_event(ts: int) -> Event:
    """Return the passing of time."""
    return _event("time", ts, (ts,), ())


def apply_event(tracker: LiquidationTracker, event: Event) -> None:
    """Hand one event to the tracker."""
    methods: dict[str, Callable[..., None]] = {
        "mark": tracker.on_bar,
        "bar": tracker.on_bar,
        "trades": tracker.on_trades,
        "liquidation": tracker.on_liquidation,
        "funding": tracker.on_funding,
        "open_interest": tracker.on_open_interest,
        "time": tracker.on_time,
    }
    methods[event.kind](*event.payload)


def in_time_order(events: Iterable[Event]) -> Iterator[Event]:
    """Yield events by the time they could be known, whatever order they came in."""
    yield from sorted(events)


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
        self._pending: list[Event] = []

    @property
    def next_ts(self) -> int | None:
        """When the next pending event becomes known (UTC ns)."""
        return self._pending[0].ts_known if self._pending else None

    def push(self, event: Event) -> None:
        """Take in an event, in any order."""
        heapq.heappush(self._pending, event)

    def release(self, ts: int) -> list[Event]:
        """
        Apply all events known at or before a time, in order, and return them.

        Parameters
        ----------
        ts : int
            UTC ns.

        """
        released: list[Event] = []
        while self._pending and self._pending[0].ts_known <= ts:
            event = heapq.heappop(self._pending)
            apply_event(self.tracker, event)
            released.append(event)
        return released
