"""Closing positions at will, those at a loss at another rate than those in profit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Closing
    from liq_nautilus.core.kernels.arguments import Positions
    from liq_nautilus.core.kernels.arguments import Row
    from liq_nautilus.core.records import FloatArray

# A row is put right when its scale falls below this.
LEAST_SCALE = 0.5


@inlined
def close_row(positions: Positions, side: int, tier: int, amount: float, closing: Closing) -> None:
    """
    Close positions of one row, whatever their liquidation price.

    Parameters
    ----------
    positions : Positions
        Changed.
    side, tier : int
        Which row.
    amount : float
        How much (base quantity, > 0).
    closing : Closing
        How.

    """
    mass, rows = positions
    row = rows[side, tier]
    if closing.loser_ratio == 1.0:
        # All positions of the row alike.
        keep = 1.0 - min(amount / row.held, 1.0)
        kept = row.held * keep
        row.closed += row.held - kept
        row.held = kept
        row.scale *= keep
        if row.scale < LEAST_SCALE:
            put_right(mass[side, tier], row, closing.dust)
    else:
        split = math.floor(closing.position + (row.log_ratio - row.offset)) + 1
        _close_unevenly(mass[side, tier], row, side, amount, split, closing)


@compiled
def put_right(mass: FloatArray, row: Row, dust: float) -> None:
    """
    Take a row's scale into its masses, drop its dust, tighten its bounds, sum it anew.

    Parameters
    ----------
    mass : ndarray of shape (n_buckets,)
        The row's; changed.
    row : Row
        Changed.
    dust : float
        Buckets below this base quantity are emptied.

    """
    first, last, scale = row.first, row.last, row.scale
    total = 0.0
    for j in range(first, last):
        kept = mass[j] * scale
        if kept < dust:
            row.expired += kept
            kept = 0.0
        mass[j] = kept
        total += kept
    while first < last and mass[first] == 0.0:
        first += 1
    while last > first and mass[last - 1] == 0.0:
        last -= 1
    row.first, row.last = first, last
    row.scale, row.held = 1.0, total


@compiled
def _close_unevenly(
    mass: FloatArray, row: Row, side: int, amount: float, split: int, closing: Closing
) -> None:
    # Positions at a loss at another rate than those in profit: two factors, which need a pass.
    split = min(max(split, row.first), row.last)
    below = above = 0.0
    for j in range(row.first, split):
        below += mass[j]
    for j in range(split, row.last):
        above += mass[j]
    below, above = below * row.scale, above * row.scale
    amount = min(amount, below + above)
    winners, losers = (below, above) if side == 0 else (above, below)
    win_rate, lose_rate = _closing_rates(winners, losers, amount, closing.loser_ratio)
    keep_below = 1.0 - (win_rate if side == 0 else lose_rate)
    keep_above = 1.0 - (lose_rate if side == 0 else win_rate)
    for j in range(row.first, split):
        mass[j] *= keep_below
    for j in range(split, row.last):
        mass[j] *= keep_above
    row.closed += below + above - (below * keep_below + above * keep_above)
    put_right(mass, row, closing.dust)


@compiled
def _closing_rates(
    winners: float, losers: float, amount: float, loser_ratio: float
) -> tuple[float, float]:
    # Both fractions such that the amount leaves; when one kind is gone, the other makes it up.
    denominator = winners + loser_ratio * losers
    rate = amount / denominator if denominator > 0.0 else 1.0
    if loser_ratio * rate > 1.0 and winners > 0.0:
        return min(max((amount - losers) / winners, 0.0), 1.0), 1.0
    if rate < 1.0:
        return rate, min(loser_ratio * rate, 1.0)
    return 1.0, min(max(amount - winners, 0.0) / losers, 1.0) if losers > 0.0 else 0.0
