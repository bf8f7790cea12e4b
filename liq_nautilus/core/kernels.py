"""
The inner loops of the exposure, compiled by numba.

Positions are held per side (0 long, 1 short) and leverage tier in buckets of the *logarithm of the
liquidation price*: bucket ``j`` of the window covers ``[(origin + j) * width, (origin + j + 1) *
width)`` of ``log(price) - offset``, where the row's offset is what settled funding has moved it.
All arrays are C-contiguous float64; `bounds` holds, per row, the first and the one-past-last bucket
that may be occupied, so that work follows what is occupied and not the window.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from liq_nautilus.core.records import FloatArray

    type IndexArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

# Rows of the ledger.
OPENED = 0
CLOSED = 1
CONSUMED = 2
EXPIRED = 3


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compile a kernel on first use and keep the result on disk; `.py_func` is the plain one."""
    return cast("F", numba.njit(cache=True)(function))


@compiled
def consume(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    low_edge: FloatArray,
    high_edge: FloatArray,
    swept: FloatArray,
) -> None:
    """
    Remove the positions whose liquidation price the path crossed.

    Parameters
    ----------
    mass : ndarray of shape (2, n_tiers, n_buckets)
        Base quantity; changed.
    bounds : ndarray of shape (2, n_tiers, 2)
        Occupied buckets; changed.
    ledger : ndarray of shape (4, 2, n_tiers)
        Running totals; changed.
    low_edge, high_edge : ndarray of shape (n_tiers,)
        The path's low (longs at or above it go) and high (shorts at or below it go) in buckets
        from the window's origin; the bucket that holds an edge goes in proportion.
    swept : ndarray of shape (2, n_tiers)
        Takes the quantity removed from each row.

    """
    n_buckets = mass.shape[2]
    for tier in range(mass.shape[1]):
        edge = low_edge[tier]
        cell = math.floor(edge)
        removed = 0.0
        for j in range(max(cell + 1, bounds[0, tier, 0], 0), bounds[0, tier, 1]):
            removed += mass[0, tier, j]
            mass[0, tier, j] = 0.0
        if 0 <= cell < n_buckets:
            part = mass[0, tier, cell] * (cell + 1 - edge)
            mass[0, tier, cell] -= part
            removed += part
        bounds[0, tier, 1] = max(min(bounds[0, tier, 1], cell + 1), bounds[0, tier, 0])
        swept[0, tier] = removed
        ledger[2, 0, tier] += removed

        edge = high_edge[tier]
        cell = math.floor(edge)
        removed = 0.0
        for j in range(bounds[1, tier, 0], min(cell, bounds[1, tier, 1], n_buckets)):
            removed += mass[1, tier, j]
            mass[1, tier, j] = 0.0
        if 0 <= cell < n_buckets:
            part = mass[1, tier, cell] * (edge - cell)
            mass[1, tier, cell] -= part
            removed += part
        bounds[1, tier, 0] = min(max(bounds[1, tier, 0], cell), bounds[1, tier, 1])
        swept[1, tier] = removed
        ledger[2, 1, tier] += removed


@compiled
def trade(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    price_position: FloatArray,
    shift: FloatArray,
    entry_first: int,
    entry_weights: FloatArray,
    target: float,
    turnover: FloatArray,
    loser_ratio: float,
    dust: float,
) -> None:
    """
    Close positions and open others.

    Parameters
    ----------
    mass, bounds, ledger
        As in `consume`; changed.
    price_position : ndarray of shape (2, n_tiers)
        Where a position entered at the current price lies (buckets from the origin): longs beyond
        it and shorts before it are at a loss.
    shift : ndarray of shape (2, n_tiers)
        From an entry price's bucket to its liquidation price's, in buckets.
    entry_first : int
        The bucket of the first entry weight.
    entry_weights : ndarray of shape (n_entries,)
        Where positions are opened, summing to 1.
    target : float
        What each row must hold afterwards (base quantity); NaN: what it held, turned over.
    turnover : ndarray of shape (n_tiers,)
        The fraction closed and opened again where `target` is NaN.
    loser_ratio : float
        Closing rate of positions at a loss relative to those in profit.
    dust : float
        Buckets below this quantity are emptied.

    """
    for side in range(2):
        for tier in range(mass.shape[1]):
            first, last = bounds[side, tier, 0], bounds[side, tier, 1]
            split = math.floor(price_position[side, tier]) + 1
            split = min(max(split, first), last)
            below = mass[side, tier, first:split].sum()
            above = mass[side, tier, split:last].sum()
            total = below + above
            if math.isnan(target):
                closing = turnover[tier] * total
                opening = closing
            else:
                closing = max(total - target, 0.0)
                opening = max(target - total, 0.0)
            if closing > 0.0:
                winners, losers = (below, above) if side == 0 else (above, below)
                win_rate, lose_rate = _closing_rates(winners, losers, closing, loser_ratio)
                _close(
                    mass[side, tier],
                    bounds[side, tier],
                    ledger[:, side, tier],
                    split,
                    1.0 - (win_rate if side == 0 else lose_rate),
                    1.0 - (lose_rate if side == 0 else win_rate),
                    dust,
                )
            if opening > 0.0:
                _deposit(
                    mass[side, tier],
                    bounds[side, tier],
                    ledger[:, side, tier],
                    shift[side, tier],
                    entry_first,
                    entry_weights,
                    opening,
                )


@compiled
def _closing_rates(
    winners: float, losers: float, closing: float, loser_ratio: float
) -> tuple[float, float]:
    # Both fractions such that `closing` leaves; when one kind is gone, the other makes it up.
    denominator = winners + loser_ratio * losers
    rate = closing / denominator if denominator > 0.0 else 1.0
    if loser_ratio * rate > 1.0 and winners > 0.0:
        return min(max((closing - losers) / winners, 0.0), 1.0), 1.0
    if rate < 1.0:
        return rate, min(loser_ratio * rate, 1.0)
    return 1.0, min(max(closing - winners, 0.0) / losers, 1.0) if losers > 0.0 else 0.0


@compiled
def _close(
    row: FloatArray,
    row_bounds: IndexArray,
    row_ledger: FloatArray,
    split: int,
    keep_below: float,
    keep_above: float,
    dust: float,
) -> None:
    first, last = row_bounds[0], row_bounds[1]
    for j in range(first, last):
        before = row[j]
        kept = before * (keep_below if j < split else keep_above)
        row_ledger[1] += before - kept
        if kept < dust:
            row_ledger[3] += kept
            kept = 0.0
        row[j] = kept
    while first < last and row[first] == 0.0:
        first += 1
    while last > first and row[last - 1] == 0.0:
        last -= 1
    row_bounds[0], row_bounds[1] = first, last


@compiled
def deposit(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    shift: FloatArray,
    entry_first: int,
    entry_weights: FloatArray,
    amounts: FloatArray,
) -> None:
    """Open `amounts` (shape (2, n_tiers), base quantity) at the entry weights; as in `trade`."""
    for side in range(2):
        for tier in range(mass.shape[1]):
            if amounts[side, tier] > 0.0:
                _deposit(
                    mass[side, tier],
                    bounds[side, tier],
                    ledger[:, side, tier],
                    shift[side, tier],
                    entry_first,
                    entry_weights,
                    amounts[side, tier],
                )


@compiled
def _deposit(
    row: FloatArray,
    row_bounds: IndexArray,
    row_ledger: FloatArray,
    shift: float,
    entry_first: int,
    entry_weights: FloatArray,
    amount: float,
) -> None:
    # A shift between buckets is split over the two neighbours.
    whole = math.floor(shift)
    part = shift - whole
    n_buckets = row.shape[0]
    start = entry_first + whole
    for i in range(entry_weights.shape[0]):
        value = amount * entry_weights[i]
        j = start + i
        if 0 <= j < n_buckets:
            row[j] += value * (1.0 - part)
        else:
            row_ledger[3] += value * (1.0 - part)
        if 0 <= j + 1 < n_buckets:
            row[j + 1] += value * part
        else:
            row_ledger[3] += value * part
    row_ledger[0] += amount
    begin = min(max(start, 0), n_buckets)
    end = min(max(start + entry_weights.shape[0] + 1, 0), n_buckets)
    if row_bounds[0] >= row_bounds[1]:
        row_bounds[0], row_bounds[1] = begin, end
    elif begin < end:
        row_bounds[0] = min(row_bounds[0], begin)
        row_bounds[1] = max(row_bounds[1], end)


@compiled
def density(
    mass: FloatArray,
    bounds: IndexArray,
    offset: FloatArray,
    weights: FloatArray,
    first: int,
    out: FloatArray,
) -> None:
    """
    Sum the rows, weighted, into buckets of the liquidation price itself.

    Parameters
    ----------
    mass, bounds
        As in `consume`.
    offset : ndarray of shape (2, n_tiers)
        What funding has moved each row, in buckets.
    weights : ndarray of shape (2, n_tiers)
        The share of each tier.
    first : int
        The window bucket that `out` begins with.
    out : ndarray of shape (2, n_out)
        Base quantity per bucket; added to.

    """
    n_out = out.shape[1]
    for side in range(2):
        for tier in range(mass.shape[1]):
            weight = weights[side, tier]
            if weight == 0.0:
                continue
            whole = math.floor(offset[side, tier])
            part = offset[side, tier] - whole
            begin = max(bounds[side, tier, 0], first - whole - 1)
            end = min(bounds[side, tier, 1], first + n_out - whole)
            for j in range(begin, end):
                value = weight * mass[side, tier, j]
                k = j + whole - first
                if 0 <= k < n_out:
                    out[side, k] += value * (1.0 - part)
                if 0 <= k + 1 < n_out:
                    out[side, k + 1] += value * part


@compiled
def quantity_between(
    row: FloatArray,
    bounds: IndexArray,
    low_edge: float,
    high_edge: float,
    price_at_origin: float,
    width: float,
) -> float:
    """
    Return the notional of one row between two edges (buckets from the origin).

    Parameters
    ----------
    row : ndarray of shape (n_buckets,)
        Base quantity.
    bounds : ndarray of shape (2,)
        Occupied buckets.
    low_edge, high_edge : float
        In buckets from the origin; a bucket that holds an edge counts in proportion.
    price_at_origin : float
        The liquidation price at the window's first edge.
    width : float
        Log width of a bucket.

    """
    total = 0.0
    begin = max(math.floor(low_edge), bounds[0])
    end = min(math.ceil(high_edge), bounds[1])
    for j in range(begin, end):
        share = min(high_edge, j + 1.0) - max(low_edge, float(j))
        if share > 0.0 and row[j] > 0.0:
            total += row[j] * share * price_at_origin * math.exp((j + 0.5) * width)
    return total


@compiled
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


@compiled
def add_to_histogram(
    weights: FloatArray, decay: float, values: FloatArray, bins_per_decade: int
) -> int:
    """
    Age a histogram of positive values and add to it.

    Parameters
    ----------
    weights : ndarray of shape (n_bins,)
        Logarithmic bins from 1 up; changed.
    decay : float
        What the present weights are multiplied by.
    values : ndarray of shape (n,)
        Those not above 0 are left out.
    bins_per_decade : int
        The width of the bins.

    Returns
    -------
    int
        How many values counted.

    """
    for i in range(weights.shape[0]):
        weights[i] *= decay
    count = 0
    for value in values:
        if value > 0.0:
            weights[_histogram_bin(value, bins_per_decade, weights.shape[0])] += 1.0
            count += 1
    return count


@compiled
def rank_in_histogram(
    weights: FloatArray, values: FloatArray, bins_per_decade: int, out: FloatArray
) -> None:
    """Write to `out` (shape (n,)) the share of weight below each value, ties counting half."""
    total = weights.sum()
    for i in range(values.shape[0]):
        if values[i] > 0.0 and total > 0.0:
            j = _histogram_bin(values[i], bins_per_decade, weights.shape[0])
            out[i] = (weights[:j].sum() + 0.5 * weights[j]) / total


@compiled
def _histogram_bin(value: float, bins_per_decade: int, n_bins: int) -> int:
    position = math.floor(math.log10(max(value, 1.0)) * bins_per_decade)
    return min(position, n_bins - 1)


@compiled
def cluster_extents(
    notional: FloatArray,
    edges: FloatArray,
    peaks: IndexArray,
    heights: FloatArray,
    prominences: FloatArray,
    left: FloatArray,
    right: FloatArray,
    starts: tuple[int, int],
    least_prominence: float,
    out: FloatArray,
) -> int:
    """
    Turn the peaks of both sides' smoothed densities, laid in one row, into clusters.

    Parameters
    ----------
    notional : ndarray of shape (2, n)
        Quote per native bucket, longs then shorts.
    edges : ndarray of shape (n + 1,)
        The buckets' edges (quote per base unit).
    peaks, heights, prominences, left, right : ndarray of shape (n_peaks,)
        Each peak's place in the row, height, prominence and extent, ascending.
    starts : tuple of int
        Where longs and shorts begin in the row.
    least_prominence : float
        A cluster's prominence is at least this share of its side's highest peak.
    out : ndarray of shape (5, n_peaks)
        Takes low, high and densest price, notional and side (+1, -1) of each cluster.

    Returns
    -------
    int
        The number of clusters.

    """
    n = notional.shape[1]
    highest = [0.0, 0.0]
    for i in range(peaks.shape[0]):
        side = 0 if peaks[i] < starts[1] - (starts[1] - starts[0] - n) // 2 else 1
        highest[side] = max(highest[side], heights[i])
    count = 0
    for i in range(peaks.shape[0]):
        side = 0 if peaks[i] < starts[1] - (starts[1] - starts[0] - n) // 2 else 1
        if prominences[i] < least_prominence * highest[side]:
            continue
        start = starts[side]
        low = min(max(math.floor(left[i]) - start, 0), n - 1)
        high = min(max(math.ceil(right[i]) - start + 1, low + 1), n)
        peak = min(max(peaks[i] - start, 0), n - 1)
        out[0, count] = edges[low]
        out[1, count] = edges[high]
        out[2, count] = 0.5 * (edges[peak] + edges[peak + 1])
        out[3, count] = notional[side, low:high].sum()
        out[4, count] = 1.0 - 2.0 * side
        count += 1
    return count
