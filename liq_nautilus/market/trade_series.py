"""Trades of a simulated market: of positions, of forced orders, and of everyone else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.market.book import LIQUIDATED
from liq_nautilus.market.book import STOPPED
from liq_nautilus.times import MILLISECOND_NS

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray
    from liq_nautilus.market.book import StepArray
    from liq_nautilus.market.liquidation_series import LiquidationOrders
    from liq_nautilus.market.record import MarketRecord

# Openings and closings that take liquidity; the others are the far side of somebody's trade.
_TAKER_SHARE = 0.5
# Mean number of trades of others a step, beside the one at its end.
_FURTHER_TRADES = 0.7
# How strongly takers follow the price: a deviation of about 0.12 of the 5-minute share of taker
# buys and a correlation of 0.4 to 0.5 with the return, as BTCUSDT has.
_FOLLOWING = 0.5
_FOLLOWING_SCALE = 0.5
_MEAN_FILLS = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """
    Trades as the venue aggregates them, arrays of shape (n_trades,) by time.

    Attributes
    ----------
    ts : ndarray
        When (UTC nanoseconds, whole milliseconds).
    price, quantity : ndarray
        Quote per base unit, base units.
    taker_side : ndarray
        +1 buy, -1 sell.
    n_fills : ndarray
        Single fills in the trade.

    """

    ts: StepArray
    price: FloatArray
    quantity: FloatArray
    taker_side: SideArray
    n_fills: StepArray


def draw_trades(market: MarketRecord, orders: LiquidationOrders) -> Trades:
    """
    Return all trades: every step has one at its end, at the step's last price.

    Parameters
    ----------
    market : MarketRecord
        The run.
    orders : LiquidationOrders
        Its forced orders, which are trades too.

    Returns
    -------
    Trades
        Prices lie between the last prices of two neighbouring steps; quantities are in whole
        steps, at least one.

    """
    rng = market.stream("trades")
    forced_step = (orders.ts - market.start_ns) // market.step_ns
    forced_place = (orders.ts - market.start_ns) / market.step_ns - forced_step
    parts = [
        _of_positions(market, rng),
        _of_others(market, rng),
        (forced_step, forced_place, orders.average_price, orders.quantity, -orders.position_side),
    ]
    step, place, price, quantity, side = (np.concatenate(part) for part in zip(*parts, strict=True))
    ts = market.start_ns + step * market.step_ns
    ts += np.minimum(place * market.step_ns, market.step_ns - 1).astype(np.int64)
    ts = ts // MILLISECOND_NS * MILLISECOND_NS
    order = np.argsort(ts, kind="stable")
    step_size = market.contract.step_size
    quantity = np.maximum(np.round(quantity / step_size), 1.0) * step_size
    return Trades(
        ts=ts[order],
        price=np.round(price[order], market.contract.price_decimals),
        quantity=np.round(quantity[order], market.contract.quantity_decimals),
        taker_side=side[order].astype(np.int8),
        n_fills=1 + rng.poisson(_MEAN_FILLS - 1.0, len(ts)),
    )


type _Part = tuple[StepArray, FloatArray, FloatArray, FloatArray, SideArray]


# Openings and closings that took liquidity, at the step's last price.
def _of_positions(market: MarketRecord, rng: np.random.Generator) -> _Part:
    positions = market.book.positions
    side = (1 - 2 * (np.arange(len(positions)) & 1)).astype(np.int8)
    opened = (positions["opened"] >= 0) & (positions["opened"] < market.n_steps)
    closed = (
        (positions["closed"] >= 0)
        & (positions["closed"] < market.n_steps)
        & (positions["reason"] != LIQUIDATED)
    )
    # Whoever trades with the move of the step is the taker more often than not.
    pull = _pull(market)
    opening_share = _TAKER_SHARE + side * pull[np.where(opened, positions["opened"], 0)]
    closing_share = _TAKER_SHARE - side * pull[np.where(closed, positions["closed"], 0)]
    opened &= rng.random(len(opened)) < opening_share
    closed &= (positions["reason"] == STOPPED) | (rng.random(len(closed)) < closing_share)
    step = np.concatenate([positions["opened"][opened], positions["closed"][closed]])
    quantity = np.concatenate([positions["quantity"][opened], positions["quantity"][closed]])
    place = rng.uniform(0.75, 0.999, len(step))
    taker = np.concatenate([side[opened], -side[closed]])
    return step, place, market.trace.last_price[step], quantity, taker


# How far the probability that takers buy lies above one half in each step.
def _pull(market: MarketRecord) -> FloatArray:
    last = market.trace.last_price
    moved = np.diff(np.log(last), prepend=np.log(market.start_last_price))
    pull = _FOLLOWING * np.tanh(moved / (_FOLLOWING_SCALE * moved.std()))
    return np.asarray(pull, dtype=np.float64)


# Trades that open and close nobody's position: along the step's path, and one at its end.
def _of_others(market: MarketRecord, rng: np.random.Generator) -> _Part:
    n, world = market.n_steps, market.world
    last = market.trace.last_price
    before = np.concatenate([[market.start_last_price], last[:-1]])
    volume = market.drivers.noise_activity * (
        world.noise_volume * market.contract.open_interest / world.steps_per_day
    )
    n_trades = 1 + rng.poisson(_FURTHER_TRADES, n)
    step = np.repeat(np.arange(n, dtype=np.int64), n_trades)
    weight = rng.exponential(1.0, len(step))
    quantity = volume[step] * weight / np.bincount(step, weights=weight)[step]
    place = rng.random(len(step)) * 0.75
    is_end = np.append(step[1:] != step[:-1], [True])
    place[is_end] = 1.0
    price = before[step] + (last - before)[step] * place
    taker = np.where(rng.random(len(step)) < 0.5 + _pull(market)[step], 1, -1).astype(np.int8)
    return step, place, price, quantity, taker
