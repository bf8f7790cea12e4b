"""The positions open at the start: those that survived the days before it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.market.book import FAVOURABLE
from liq_nautilus.market.book import NEVER
from liq_nautilus.market.book import Book
from liq_nautilus.market.book import empty_book
from liq_nautilus.market.book import enlist_all
from liq_nautilus.market.book import extended
from liq_nautilus.market.drivers import draw_drivers
from liq_nautilus.market.population import draw_candidates

if TYPE_CHECKING:
    from liq_nautilus.core.exchange.brackets import BracketTable
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.market.book import BoolArray
    from liq_nautilus.market.book import PositionArray
    from liq_nautilus.market.book import StepArray
    from liq_nautilus.market.worlds import Contract
    from liq_nautilus.market.worlds import WorldParameters

_STEP_SECONDS = 60
_STEP_DAYS = _STEP_SECONDS / 86_400
_BATCHES = 8


def initial_book(
    world: WorldParameters,
    contract: Contract,
    table: BracketTable,
    people: np.random.Generator,
    rng: np.random.Generator,
) -> Book:
    """
    Return a book with the positions that were opened before the start and are still open.

    Parameters
    ----------
    world : WorldParameters
        Sizes, leverages, the closing rule and how far back positions may reach.
    contract : Contract
        Price and open interest at the start.
    table : BracketTable
        The brackets.
    people : numpy.random.Generator
        The source of sizes and leverages.
    rng : numpy.random.Generator
        The source of the past price path, ages and survival.

    Returns
    -------
    Book
        Longs and shorts add up to the contract's open interest each, but for the last position.

    """
    past = _past_prices(world, contract, rng)
    n_batch = world.holders + world.leveraged_positions
    survivors: list[PositionArray] = [draw_candidates(0, world, contract, table, people)] * 2
    while min(side["quantity"].sum() for side in survivors) < contract.open_interest:
        drawn = draw_candidates(_BATCHES * n_batch, world, contract, table, people)
        alive = _relive(drawn, past, world, contract, rng)
        survivors = [
            np.concatenate([survivors[index], drawn[index::2][alive[index::2]]])
            for index in range(2)
        ]
    kept = [_until_full(side, contract.open_interest) for side in survivors]
    return _book_of(kept, contract.price)


# Interleave longs and shorts; the places left over by the fewer of them stay empty.
def _book_of(sides: list[PositionArray], price: float) -> Book:
    longest = max(len(side) for side in sides)
    positions = np.zeros(2 * longest, dtype=sides[0].dtype)
    positions["opened"] = positions["closed"] = NEVER
    book = empty_book(price)
    for index, side in enumerate(sides):
        positions[index : 2 * len(side) : 2] = side
        book.cursor[index] = 2 * longest + index
    book = extended(book, positions)
    for index, side in enumerate(sides):
        enlist_all(book, np.arange(len(side)) * 2 + index)
    return book


# Let candidates open at random times of the past; return who is still there at the start.
def _relive(
    positions: PositionArray,
    past: FloatArray,
    world: WorldParameters,
    contract: Contract,
    rng: np.random.Generator,
) -> BoolArray:
    n = len(positions)
    side = 1.0 - 2.0 * (np.arange(n) & 1)
    entered = rng.integers(0, len(past), n)
    entry = np.round(past[entered] / contract.tick_size) * contract.tick_size
    distance = side * (1.0 - positions["ratio"][:, 0]) * entry
    positions["quantity"] = positions["notional"] / entry
    positions["entry_price"] = entry
    positions["liquidation_price"] = positions["ratio"][:, 0] * entry
    positions["stop_price"] = entry - side * positions["stop_fraction"] * distance
    positions["trigger"][:, FAVOURABLE] = entry + side * positions["take_multiple"] * distance
    age_days = np.asarray((len(past) - entered) * _STEP_DAYS, dtype=np.float64)
    positions["opened"] = -np.ceil(age_days * world.steps_per_day).astype(np.int64)
    is_winning = side * (contract.price - entry) > 0.0
    lasting = rng.random(n) < _survival(world, positions["leverage"][:, 0], is_winning, age_days)
    return np.asarray(lasting & ~_was_triggered(positions, past, entered))


# Whether the path since the entry went through the liquidation price or another trigger.
def _was_triggered(positions: PositionArray, past: FloatArray, entered: StepArray) -> BoolArray:
    lowest = np.minimum.accumulate(past[::-1])[::-1][entered]
    highest = np.maximum.accumulate(past[::-1])[::-1][entered]
    is_long = np.arange(len(positions)) & 1 == 0
    liquidation, stop = positions["liquidation_price"], positions["stop_price"]
    take = positions["trigger"][:, FAVOURABLE]
    long_triggered = (lowest <= np.maximum(liquidation, stop)) | (highest >= take)
    short_triggered = (highest >= np.minimum(liquidation, stop)) | (lowest <= take)
    return np.asarray(np.where(is_long, long_triggered, short_triggered))


# The first positions that fit into the open interest.
def _until_full(positions: PositionArray, open_interest: float) -> PositionArray:
    return positions[: int(np.searchsorted(np.cumsum(positions["quantity"]), open_interest))]


# Prices of the minutes before the start, ending at the contract's price.
def _past_prices(
    world: WorldParameters, contract: Contract, rng: np.random.Generator
) -> FloatArray:
    drivers = draw_drivers(
        replace(world, step_seconds=_STEP_SECONDS),
        volatility_ratio=contract.volatility_ratio,
        n_steps=int(world.history_days / _STEP_DAYS),
        rng=rng,
    )
    path = np.cumsum(drivers.index_return)
    return np.asarray(contract.price * np.exp(path - path[-1]), dtype=np.float64)


# Probability that a position was not closed at will since it was opened.
def _survival(
    world: WorldParameters,
    leverage: FloatArray,
    is_winning: BoolArray,
    age_days: FloatArray,
) -> FloatArray:
    rate = world.turnover * np.where(is_winning, 1.0, world.loser_factor)
    rate = rate * np.clip((leverage / 10.0) ** world.closing_leverage_exponent, 0.25, 4.0)
    exponent = world.closing_age_exponent
    scaled = (age_days * world.turnover) ** exponent / (1.0 + exponent)
    return np.asarray(np.exp(-rate * age_days * scaled), dtype=np.float64)
