"""Opening positions, and noting where trading was so that they are opened there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined
from liq_nautilus.core.kernels.arguments import Entries

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Positions
    from liq_nautilus.core.kernels.arguments import Traded
    from liq_nautilus.core.records import FloatArray


@compiled
def open_all(positions: Positions, entries: Entries, amounts: FloatArray) -> None:
    """
    Open positions in every row.

    Parameters
    ----------
    positions : Positions
        Changed.
    entries : Entries
        Where.
    amounts : ndarray of shape (2, n_tiers)
        How much (base quantity).

    """
    for side in range(2):
        for tier in range(amounts.shape[1]):
            if amounts[side, tier] > 0.0:
                open_row(positions, side, tier, entries, amounts[side, tier])


@inlined
def open_row(positions: Positions, side: int, tier: int, entries: Entries, amount: float) -> None:
    """
    Open positions in one row; what lies beyond the window is lost.

    Parameters
    ----------
    positions : Positions
        Changed.
    side, tier : int
        Which row.
    entries : Entries
        Where.
    amount : float
        How much (base quantity).

    """
    mass, rows = positions
    first, weights = entries
    row, n_buckets, n_weights = rows[side, tier], mass.shape[2], weights.shape[0]
    # A shift between buckets is split over the two neighbours.
    shift = row.log_ratio - row.offset
    whole = math.floor(shift)
    part = shift - whole
    start = first + whole
    unit = amount / row.scale
    lost = 0.0
    for i in range(n_weights):
        value = unit * weights[i]
        upper = value * part
        lower = value - upper
        j = start + i
        if 0 <= j < n_buckets:
            mass[side, tier, j] += lower
        else:
            lost += lower
        if 0 <= j + 1 < n_buckets:
            mass[side, tier, j + 1] += upper
        else:
            lost += upper
    lost = min(lost * row.scale, amount)
    row.opened += amount
    row.expired += lost
    row.held += amount - lost
    begin = min(max(start, 0), n_buckets)
    end = min(max(start + n_weights + 1, 0), n_buckets)
    row.first, row.last = _widened(row.first, row.last, begin, end)


@inlined
def path_weights(points: FloatArray, out: FloatArray, first: int) -> None:
    """
    Add the time a path spends in each bucket, moving evenly from point to point.

    Parameters
    ----------
    points : ndarray of shape (n_points,)
        The path's corners, in buckets from the window's origin.
    out : ndarray of shape (n_out,)
        Added to, one in sum over the path.
    first : int
        The window bucket that `out` begins with.

    """
    length = 0.0
    for i in range(points.shape[0] - 1):
        length += abs(points[i + 1] - points[i])
    if length <= 0.0:
        out[math.floor(points[0]) - first] += 1.0
        return
    for i in range(points.shape[0] - 1):
        low = min(points[i], points[i + 1])
        high = max(points[i], points[i + 1])
        for j in range(math.floor(low), math.ceil(high)):
            share = min(high, j + 1.0) - max(low, float(j))
            if share > 0.0:
                out[j - first] += share / length


@inlined
def path_entries(open_: float, high: float, low: float, close: float) -> Entries:
    """Return a bar's entries, spread over its path by way of the nearer extreme (in buckets)."""
    points = np.array([open_, low, high, close])
    if close < open_:
        points[1], points[2] = high, low
    first = math.floor(low)
    weights = np.zeros(math.floor(high) - first + 1)
    path_weights(points, weights, first)
    return Entries(first, weights)


@inlined
def note_traded(traded: Traded, entries: Entries, amount: float) -> None:
    """
    Note where trading happened; what lies beyond the window is left out.

    Parameters
    ----------
    traded : Traded
        Added to.
    entries : Entries
        Where.
    amount : float
        How much, in any unit.

    """
    amounts, span = traded
    first, weights = entries
    begin = min(max(first, 0), amounts.shape[0])
    end = max(min(first + weights.shape[0], amounts.shape[0]), 0)
    for j in range(begin, end):
        amounts[j] += weights[j - first] * amount
    span[0], span[1] = _widened(span[0], span[1], begin, end)


@inlined
def _widened(first: int, last: int, begin: int, end: int) -> tuple[int, int]:
    # What is occupied from `first` to before `last` is from `begin` to before `end` too.
    if begin >= end:
        return first, last
    if first >= last:
        return begin, end
    return min(first, begin), max(last, end)


@compiled
def take_traded(traded: Traded, position: float) -> Entries:
    """
    Return and forget where trading was noted.

    Parameters
    ----------
    traded : Traded
        Emptied.
    position : float
        Where to open if no trading was noted: the current price, in buckets from the origin.

    """
    amounts, span = traded
    first, last = span[0], span[1]
    weights = amounts[first:last].copy()
    amounts[first:last] = 0.0
    span[0], span[1] = 0, 0
    total = 0.0
    for weight in weights:
        total += weight
    if total <= 0.0:
        return Entries(math.floor(position), np.ones(1))
    for i in range(weights.shape[0]):
        weights[i] /= total
    return Entries(first, weights)
