"""Orders that rest at a simulated venue: where they are met, and what takes them off it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Final

from nautilus_trader.model.enums import OrderType

from liq_nautilus.nautilus.backtest.exchange import expire_order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.model.orders import Order

    from liq_nautilus.nautilus.backtest.venue.order_checks import OrderChecks

TRAILING: Final = (OrderType.TRAILING_STOP_MARKET, OrderType.TRAILING_STOP_LIMIT)


def level_of(order: Order) -> float:
    """Return the price at which an order is looked at next; NaN where it has none yet."""
    if _is_dormant(order):
        price = order.activation_price
    elif order.has_trigger_price and not getattr(order, "is_triggered", False):
        price = order.trigger_price
    else:
        price = getattr(order, "price", None)
    return math.nan if price is None else float(price.as_double())


def is_due(order: Order, ts: int) -> bool:
    """Return whether an order's time is over (UTC ns)."""
    return 0 < int(order.expire_time_ns) <= ts


def expire_due(exchange: SimulatedExchange, orders: Iterable[Order], ts: int) -> None:
    """Take off the venue the orders whose time is over (UTC ns): Nautilus fills them first."""
    for order in orders:
        if is_due(order, ts):
            expire_order(exchange, order)


def expire_unaffordable(
    exchange: SimulatedExchange,
    checks: OrderChecks | None,
    orders: Iterable[Order],
    way: tuple[float, float],
    ts: int,
) -> None:
    """
    Take off the venue the orders that are met on a way and whose margin is not there.

    Stops are judged here for the first time; limits again, since positions that were to pay for
    them may be gone.

    Parameters
    ----------
    exchange : SimulatedExchange
        The venue.
    checks : OrderChecks or None
        Judges them; None lets all pass.
    orders : iterable of Order
        The orders of one instrument.
    way : tuple of float
        The last price before (NaN: none) and after it (quote).
    ts : int
        When (UTC nanoseconds).

    """
    if checks is None:
        return
    lowest, highest = min(way), max(way)
    if math.isnan(way[0]):
        # The first price may lie beyond any of them.
        lowest, highest = -math.inf, math.inf
    met: list[Order] = []
    for order in orders:
        level = level_of(order)
        if _is_dormant(order) or not lowest <= level <= highest:
            continue
        price = level if order.has_price else way[1]
        if checks.refusal(order, price, ts, met_before=met) is None:
            met.append(order)
        else:
            expire_order(exchange, order)


def _is_dormant(order: Order) -> bool:
    # A trailing stop that follows the price only once its activation price is reached.
    return order.order_type in TRAILING and not order.is_activated
