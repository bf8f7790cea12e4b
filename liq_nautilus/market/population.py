"""Who trades: candidates with size, leverage and orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.exchange.margin import isolated_liquidation_price
from liq_nautilus.market.book import NEVER
from liq_nautilus.market.book import POSITION

if TYPE_CHECKING:
    from liq_nautilus.core.exchange.brackets import BracketTable
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray
    from liq_nautilus.market.book import BoolArray
    from liq_nautilus.market.book import PositionArray
    from liq_nautilus.market.worlds import Contract
    from liq_nautilus.market.worlds import WorldParameters

# Sizes stop this far inside the venue's cap: the notional grows when the price moves.
_BELOW_CAP = 0.95


def draw_candidates(
    n_per_side: int,
    world: WorldParameters,
    contract: Contract,
    table: BracketTable,
    rng: np.random.Generator,
) -> PositionArray:
    """
    Draw traders who may open a position: size, leverage and orders.

    Parameters
    ----------
    n_per_side : int
        Candidates to draw of each side.
    world : WorldParameters
        Their sizes, leverages and orders.
    contract : Contract
        The scale.
    table : BracketTable
        The brackets that cap the sizes and set the liquidation prices.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    ndarray of shape (2 * n_per_side,)
        Records of dtype `POSITION`, longs and shorts in turn, none of them opened.

    """
    n = 2 * n_per_side
    side = np.tile(np.array([1, -1], dtype=np.int8), n_per_side)
    is_holder = rng.random(n) < _holder_probability(world)
    leverage = _draw_leverages(world, is_holder, rng)
    notional = _draw_notionals(world, contract, side, is_holder, rng)
    notional = np.minimum(notional, _BELOW_CAP * _largest_notional(leverage.max(axis=1), table))
    # At a fixed entry notional the liquidation price is proportional to the entry price, so the
    # exact formula runs once here, on an entry price of 1.
    ratio = np.stack(
        [
            isolated_liquidation_price(np.ones(n), leverage[:, regime], side, notional, table)
            for regime in range(2)
        ],
        axis=1,
    )
    stop = np.where(rng.random(n) < world.stop_share, rng.uniform(*world.stop_range, n), np.inf)
    take = np.where(rng.random(n) < world.take_share, rng.uniform(*world.take_range, n), np.inf)
    stop[is_holder] = take[is_holder] = np.inf
    candidates = np.zeros(n, dtype=POSITION)
    candidates["notional"], candidates["leverage"], candidates["ratio"] = notional, leverage, ratio
    candidates["stop_fraction"], candidates["take_multiple"] = stop, take
    candidates["opened"] = candidates["closed"] = NEVER
    candidates["bucket"] = -1
    return candidates


# Share of openings, by number, that are holders: they are fewer and larger.
def _holder_probability(world: WorldParameters) -> float:
    return world.holders / (world.holders + world.leveraged_positions)


def _draw_leverages(
    world: WorldParameters, is_holder: BoolArray, rng: np.random.Generator
) -> FloatArray:
    n = len(is_holder)
    draw = rng.random(n)
    columns = []
    for weights in (world.leverage_weights, world.wild_leverage_weights):
        # One draw for both columns: an excited opener takes the next leverages of the same person.
        index = np.minimum(np.searchsorted(np.cumsum(weights), draw), len(weights) - 1)
        columns.append(np.array(world.leverages)[index])
    leverage = np.stack(columns, axis=1)
    held = rng.choice(np.array(world.holder_leverages), n)
    leverage[is_holder] = held[is_holder, np.newaxis]
    return leverage


def _draw_notionals(
    world: WorldParameters,
    contract: Contract,
    side: SideArray,
    is_holder: BoolArray,
    rng: np.random.Generator,
) -> FloatArray:
    interest = contract.open_interest * contract.price
    mean = np.where(
        is_holder,
        interest * world.holder_share / world.holders,
        interest * (1.0 - world.holder_share) / world.leveraged_positions,
    )
    root = np.sqrt(world.short_size_ratio)
    mean *= np.where(side > 0, 1.0 / root, root)
    size = np.exp(world.size_sd * rng.standard_normal(len(side)) - 0.5 * world.size_sd**2)
    return np.asarray(mean * size, dtype=np.float64)


# The cap of the largest bracket that still allows each leverage.
def _largest_notional(leverage: FloatArray, table: BracketTable) -> FloatArray:
    allowed = np.array([bracket.max_leverage for bracket in table.brackets])
    caps = np.array([bracket.notional_cap for bracket in table.brackets])
    index = np.searchsorted(-allowed, -leverage, side="right") - 1
    return np.asarray(caps[np.maximum(index, 0)], dtype=np.float64)
