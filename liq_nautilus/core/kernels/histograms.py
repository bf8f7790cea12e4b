"""Histograms that forget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import UsualClusters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray


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
    for i in range(values.shape[0]):
        out[i] = _rank(weights, values[i], bins_per_decade)


@inlined
def _rank(weights: FloatArray, value: float, bins_per_decade: int) -> float:
    if not value > 0.0:
        return 0.0
    bin_of_value = _histogram_bin(value, bins_per_decade, weights.shape[0])
    below, total = 0.0, 0.0
    for j in range(weights.shape[0]):
        total += weights[j]
        if j < bin_of_value:
            below += weights[j]
    share: float = (below + 0.5 * weights[bin_of_value]) / total if total > 0.0 else 0.0
    return share


@inlined
def _histogram_bin(value: float, bins_per_decade: int, n_bins: int) -> int:
    position = math.floor(math.log10(max(value, 1.0)) * bins_per_decade)
    return min(position, n_bins - 1)


@compiled
def judge_clusters(
    peaks: FloatArray,
    notional: FloatArray,
    sides: SideArray,
    price: float,
    usual: UsualClusters,
    significance: FloatArray,
    largest: FloatArray,
) -> None:
    """
    Rank clusters among those that were usual at their distance.

    Parameters
    ----------
    peaks, notional, sides : ndarray of shape (n,)
        Densest price, notional and side (+1 long, -1 short) of each.
    price : float
        The current price.
    usual : UsualClusters
        What is usual.
    significance : ndarray of shape (n,)
        Takes the rank of each.
    largest : ndarray of shape (2, 2)
        Takes the largest notional: near and far, of longs and of shorts; 0: none.

    """
    largest[:] = 0.0
    for i in range(peaks.shape[0]):
        distance = 0 if abs(peaks[i] / price - 1.0) <= usual.near_distance else 1
        side = 0 if sides[i] > 0 else 1
        weights = usual.near if distance == 0 else usual.far
        significance[i] = _rank(weights, notional[i], usual.bins_per_decade)
        largest[distance, side] = max(largest[distance, side], notional[i])
