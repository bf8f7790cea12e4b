"""Forced orders of a simulated market: all of them, those a venue shows, and interval sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray
    from liq_nautilus.market.book import StepArray
    from liq_nautilus.market.record import MarketRecord

# The orders that close one position follow each other within about this time.
_SPREAD_SECONDS = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class LiquidationOrders:
    """
    Forced orders, arrays of shape (n_orders,) by time.

    Attributes
    ----------
    ts : ndarray
        When (UTC nanoseconds, whole milliseconds).
    position_side : ndarray
        The positions being liquidated: +1 long, -1 short.
    quantity : ndarray
        Base units.
    bankruptcy_price, average_price : ndarray
        The order's limit and what it was filled at (quote per base unit).

    """

    ts: StepArray
    position_side: SideArray
    quantity: FloatArray
    bankruptcy_price: FloatArray
    average_price: FloatArray

    def take(self, index: StepArray) -> LiquidationOrders:
        """Return some of the orders, by index."""
        return LiquidationOrders(
            self.ts[index],
            self.position_side[index],
            self.quantity[index],
            self.bankruptcy_price[index],
            self.average_price[index],
        )


@dataclass(frozen=True, slots=True, eq=False)
class LiquidationVolumes:
    """
    Liquidated notional per interval, arrays of shape (n_intervals,).

    Attributes
    ----------
    ts_open, ts_close : ndarray
        UTC nanoseconds; the end is exclusive.
    long_notional, short_notional : ndarray
        Of long and of short positions (quote).

    """

    ts_open: StepArray
    ts_close: StepArray
    long_notional: FloatArray
    short_notional: FloatArray


def draw_orders(market: MarketRecord) -> LiquidationOrders:
    """
    Return every forced order: each liquidated position is closed by one or several.

    Parameters
    ----------
    market : MarketRecord
        The run.

    Returns
    -------
    LiquidationOrders
        In time order; a position's orders begin when the mark price, taken as straight within
        the step, was at the liquidation price.

    """
    rng = market.stream("orders")
    steps, positions = market.liquidated_positions()
    share = _crossing_share(market, steps, positions.liquidation_price)
    n_orders = 1 + rng.poisson(market.world.orders_per_liquidation - 1.0, len(steps))
    step_size = market.contract.step_size
    n_orders = np.minimum(n_orders, np.maximum(positions.quantity // step_size, 1)).astype(np.int64)
    owner = np.repeat(np.arange(len(steps)), n_orders)
    quantity = _split(positions.quantity, owner, step_size, rng)
    seconds = share[owner] * market.world.step_seconds + rng.exponential(
        _SPREAD_SECONDS, len(owner)
    )
    # All orders of a position belong to its step, so that bars and prices agree.
    within = np.minimum(seconds * SECOND_NS, market.step_ns - MILLISECOND_NS)
    ts = market.start_ns + steps[owner] * market.step_ns + within.astype(np.int64)
    bankrupt = positions.entry_price - positions.side * positions.margin / positions.quantity
    decimals = market.contract.price_decimals + 1
    orders = LiquidationOrders(
        ts // MILLISECOND_NS * MILLISECOND_NS,
        positions.side[owner],
        np.round(quantity, market.contract.quantity_decimals),
        np.round(bankrupt[owner], decimals),
        np.round(market.trace.last_price[steps[owner]], market.contract.price_decimals),
    )
    return orders.take(np.argsort(orders.ts, kind="stable"))


def largest_per_second(orders: LiquidationOrders) -> LiquidationOrders:
    """
    Return the orders a venue's forced-order stream shows: the largest of each second.

    Parameters
    ----------
    orders : LiquidationOrders
        All orders of one symbol, by time.

    Returns
    -------
    LiquidationOrders
        At most one a second; the earliest of equally large ones.

    """
    second = orders.ts // SECOND_NS
    order = np.lexsort((-orders.quantity, second))
    is_first = np.ones(len(order), dtype=bool)
    is_first[1:] = second[order][1:] != second[order][:-1]
    return orders.take(order[is_first])


def volumes(
    orders: LiquidationOrders, start_ns: int, end_ns: int, minutes: int
) -> LiquidationVolumes:
    """
    Return the notional liquidated in every interval.

    Parameters
    ----------
    orders : LiquidationOrders
        All forced orders.
    start_ns, end_ns : int
        The run (UTC nanoseconds).
    minutes : int
        The length of an interval.

    Returns
    -------
    LiquidationVolumes
        Intervals without any liquidation are 0.

    """
    interval = minutes * MINUTE_NS
    n = int((end_ns - start_ns) // interval)
    index = (orders.ts - start_ns) // interval
    notional = orders.quantity * orders.average_price
    sums = [
        np.bincount(index, weights=notional * (orders.position_side == side), minlength=n)[:n]
        for side in (1, -1)
    ]
    ts_open = start_ns + np.arange(n, dtype=np.int64) * interval
    return LiquidationVolumes(ts_open, ts_open + interval, sums[0], sums[1])


# Where within its step the mark price was at the liquidation price, in [0, 1].
def _crossing_share(
    market: MarketRecord, steps: StepArray, liquidation_price: FloatArray
) -> FloatArray:
    mark = market.trace.mark_price
    after = mark[steps]
    before = np.where(steps > 0, mark[np.maximum(steps - 1, 0)], market.start_mark_price)
    move = after - before
    still = move == 0.0
    share = np.where(still, 0.0, (liquidation_price - before) / np.where(still, 1.0, move))
    # Outside for positions whose liquidation price jumped over the mark price at a settlement.
    return np.clip(share, 0.0, 1.0)


# Quantities of the orders that close each position: uneven, in whole steps where that is possible.
def _split(
    quantity: FloatArray, owner: StepArray, step_size: float, rng: np.random.Generator
) -> FloatArray:
    weight = rng.exponential(1.0, len(owner))
    total = np.bincount(owner, weights=weight, minlength=len(quantity))
    part = quantity[owner] * weight / total[owner]
    return np.asarray(np.maximum(np.round(part / step_size), 1.0) * step_size, dtype=np.float64)
