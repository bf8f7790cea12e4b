"""The uncertainty bands of levels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import GammaTable
    from liq_nautilus.core.kernels.arguments import Uncertainty
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

# Shapes beyond any table.
_LEAST_SHAPE = 1e-300
_LARGEST_SHAPE = 1e300


@compiled
def level_bands(
    notional: FloatArray,
    sides: SideArray,
    leverage: FloatArray,
    uncertainty: Uncertainty,
    table: GammaTable,
    out: FloatArray,
) -> None:
    """
    Write the uncertainty bands of levels.

    Parameters
    ----------
    notional, sides, leverage : ndarray of shape (n,)
        The means (quote, >= 0); +1 long, -1 short; the leverage of each level.
    uncertainty : Uncertainty
        How far they may lie off.
    table : GammaTable
        The quantiles.
    out : ndarray of shape (2, n)
        Takes low and high (quote).

    """
    # One simple pass after another: a compiler takes several levels at a time through each.
    low, high = out[0], out[1]
    tiers, errors, dispersion = uncertainty.leverages, uncertainty.errors, uncertainty.dispersion
    tier = 0
    for i in range(notional.shape[0]):
        lump = uncertainty.lumps[0 if sides[i] > 0 else 1]
        tier = _tier_below(leverage[i], tiers, tier)
        error = _between(leverage[i], tiers, errors, tier)
        variance_ratio = lump + (error * error + dispersion * dispersion) * notional[i]
        is_sure = variance_ratio == 0.0
        low[i] = _LARGEST_SHAPE if is_sure else max(notional[i] / variance_ratio, _LEAST_SHAPE)
        high[i] = table.lumps_of_none * lump
    _look_up(notional, table, low, high)


@inlined
def _look_up(notional: FloatArray, table: GammaTable, low: FloatArray, high: FloatArray) -> None:
    # From shapes and the least notional that is something to the band itself.
    log_shapes, quantiles = table.log_shapes, table.quantiles
    last = log_shapes.shape[0] - 1
    per_log = last / (log_shapes[last] - log_shapes[0])
    for i in range(notional.shape[0]):
        low[i] = (math.log(low[i]) - log_shapes[0]) * per_log
    for i in range(notional.shape[0]):
        at, least, mean = min(max(low[i], 0.0), float(last)), high[i], notional[i]
        cell = min(math.floor(at), last - 1)
        part = at - cell
        low[i] = mean * (quantiles[0, cell] * (1.0 - part) + quantiles[0, cell + 1] * part)
        high[i] = mean * (quantiles[1, cell] * (1.0 - part) + quantiles[1, cell + 1] * part)
        if mean < least:
            low[i] = 0.0
        high[i] = max(high[i], mean)


@inlined
def _tier_below(leverage: float, tiers: FloatArray, tier: int) -> int:
    # Levels follow each other in price, and so nearly in leverage: the search begins where the
    # last one ended.
    while tier > 0 and leverage < tiers[tier]:
        tier -= 1
    while tier < tiers.shape[0] - 1 and leverage >= tiers[tier + 1]:
        tier += 1
    return tier


@inlined
def _between(x: float, places: FloatArray, values: FloatArray, cell: int) -> float:
    # Interpolated, and held beyond the ends.
    found: float = values[cell]
    if cell < places.shape[0] - 1 and x > places[cell]:
        part = (x - places[cell]) / (places[cell + 1] - places[cell])
        found += part * (values[cell + 1] - values[cell])
    return found
