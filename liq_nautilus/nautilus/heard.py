"""What an actor hears from Nautilus, as events of the feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from nautilus_trader.model.enums import AggressorSide

from liq_nautilus.core.dollars.covered_venues import named_venues
from liq_nautilus.core.exchange.contracts import order_notional
from liq_nautilus.core.feed import bar_event
from liq_nautilus.core.feed import batch_known_at
from liq_nautilus.core.feed import completeness_event
from liq_nautilus.core.feed import liquidation_event
from liq_nautilus.core.feed import open_interest_event
from liq_nautilus.core.feed import trade_batches
from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import opened_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.data import TradeTick

    from liq_nautilus.core.feed import Event
    from liq_nautilus.nautilus.types import LiquidationCompleteness
    from liq_nautilus.nautilus.types import LiquidationOrder
    from liq_nautilus.nautilus.types import LiquidationVolume
    from liq_nautilus.nautilus.types import MarkPriceBar
    from liq_nautilus.nautilus.types import OpenInterest

    # Price, quantity, taker's side, time (UTC nanoseconds).
    type LargeTrade = tuple[float, float, int, int]


def event_of_bar(bar: Bar, interval_ns: int) -> Event:
    """Return a bar of last prices as an event; its length is in nanoseconds."""
    return bar_event(
        bar.open.as_double(),
        bar.high.as_double(),
        bar.low.as_double(),
        bar.close.as_double(),
        # Binance stamps a bar's close one millisecond before the next one opens.
        bar.ts_event + MILLISECOND_NS - interval_ns,
        bar.ts_event,
        volume=bar.volume.as_double(),
    )


def event_of_mark_bar(bar: MarkPriceBar) -> Event:
    """Return a bar of mark prices as an event."""
    start = opened_at(bar.ts_event + MILLISECOND_NS, bar.interval)
    return bar_event(bar.open, bar.high, bar.low, bar.close, start, bar.ts_event, "mark")


def event_of_open_interest(data: OpenInterest, delay_ns: int) -> Event:
    """Return open interest as an event that is known some time after it was stamped or came."""
    delay_ns += data.ts_init - data.ts_event
    return open_interest_event(
        data.open_interest, data.open_interest_notional, data.ts_event, delay_ns
    )


def event_of_order(order: LiquidationOrder) -> Event:
    """Return a forced order as an event."""
    symbol, ts = binance_symbol(order.instrument_id), order.ts_event
    notional = order_notional(symbol, order.quantity, order.average_price)
    return liquidation_event(order.position_side, notional, ts, ts, "orders")


def event_of_completeness(data: LiquidationCompleteness) -> Event:
    """Return what a complete feed tells of a thinned one as an event."""
    return completeness_event(data.to_record(), data.ts_event)


def events_of_volume(data: LiquidationVolume, delay_ns: int) -> tuple[Event, Event]:
    """Return the sums of an interval's liquidations as events, longs and shorts."""
    start, venues = opened_at(data.ts_event, data.interval), named_venues(data.source)
    longs, shorts = (
        liquidation_event(side, notional, start, data.ts_event, "bars", venues, delay_ns=delay_ns)
        for side, notional in ((1, data.long_notional), (-1, data.short_notional))
    )
    return longs, shorts


class LargeTrades:
    """
    Large trades whose minute is not over.

    Parameters
    ----------
    least_notional : float
        Smaller ones are left out (quote).

    Attributes
    ----------
    waiting : list of tuple
        Price, quantity, taker's side and time of each.

    """

    def __init__(self, least_notional: float) -> None:
        self._least = least_notional
        self.waiting: list[LargeTrade] = []

    def add(self, tick: TradeTick) -> None:
        """Keep a trade if it is large."""
        price, size = tick.price.as_double(), tick.size.as_double()
        if price * size >= self._least:
            side = -1 if tick.aggressor_side == AggressorSide.SELLER else 1
            self.waiting.append((price, size, side, tick.ts_event))

    def known_at(self, ts: int) -> Iterable[Event]:
        """Give away the trades of minutes that are over at a time (UTC nanoseconds), as events."""
        n = len(self.waiting)
        while n and batch_known_at(self.waiting[n - 1][3]) > ts:
            n -= 1
        if not n:
            return ()
        batch, self.waiting = self.waiting[:n], self.waiting[n:]
        prices, quantities, sides, times = (np.array(column) for column in zip(*batch, strict=True))
        return trade_batches(prices, quantities, sides.astype(np.int8), times, self._least)
