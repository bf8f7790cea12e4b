"""
Peaks of a density, by the algorithms of `scipy.signal.find_peaks` and `peak_widths`.

SciPy's own functions (BSD licence, https://scipy.org) serve as the oracle in the tests: peaks,
prominences and extents are equal bit by bit. Written again because importing `scipy.signal` costs a
second and 60 MB, and its Python layer more than the search itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import IndexArray
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray


@inlined
def smooth(values: FloatArray, kernel: FloatArray, out: FloatArray) -> None:
    """
    Convolve with an odd, symmetric kernel.

    Parameters
    ----------
    values : ndarray of shape (n,)
        What is smoothed; beyond its ends there is nothing.
    kernel : ndarray of shape (2 * reach + 1,)
        The weights.
    out : ndarray of shape (n + 2 * n_pad,)
        Takes the result, with `n_pad` >= reach buckets more at either end.

    """
    n, reach = values.shape[0], kernel.shape[0] // 2
    n_pad = (out.shape[0] - n) // 2
    out[:] = 0.0
    for i in range(kernel.shape[0]):
        begin = n_pad - reach + i
        target = out[begin : begin + n]
        for j in range(n):
            target[j] += kernel[i] * values[j]


@inlined
def find_peaks(values: FloatArray, peaks: IndexArray) -> int:
    """
    Find the local maxima; of a flat one the middle.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Searched but for the first and the last, which are no peaks.
    peaks : ndarray of shape (>= n // 2,)
        Takes their places, ascending.

    Returns
    -------
    int
        How many.

    """
    count, i, last = 0, 1, values.shape[0] - 1
    while i < last:
        if values[i - 1] < values[i]:
            ahead = i + 1
            while ahead < last and values[ahead] == values[i]:
                ahead += 1
            if values[ahead] < values[i]:
                peaks[count] = (i + ahead - 1) // 2
                count += 1
                i = ahead
        i += 1
    return count


@inlined
def prominence(values: FloatArray, peak: int) -> float:
    """Return how far a peak rises above the higher of the valleys that part it from higher ones."""
    height = values[peak]
    left = right = height
    i = peak
    while i >= 0 and values[i] <= height:
        left = min(left, values[i])
        i -= 1
    i = peak
    while i < values.shape[0] and values[i] <= height:
        right = min(right, values[i])
        i += 1
    rise: float = height - max(left, right)
    return rise


@inlined
def extent(values: FloatArray, peak: int, rise: float) -> tuple[float, float]:
    """Return where the slopes of a peak of prominence `rise` fall to half of it, interpolated."""
    height = values[peak] - rise * 0.5
    i = peak
    while i > 0 and height < values[i]:
        i -= 1
    left = float(i)
    if values[i] < height:
        left += (height - values[i]) / (values[i + 1] - values[i])
    i = peak
    while i < values.shape[0] - 1 and height < values[i]:
        i += 1
    right = float(i)
    if values[i] < height:
        right -= (height - values[i]) / (values[i - 1] - values[i])
    return left, right


@compiled
def find_clusters(
    notional: FloatArray, edges: FloatArray, kernel: FloatArray, least_prominence: float
) -> tuple[FloatArray, SideArray]:
    """
    Find the clusters of both sides.

    Parameters
    ----------
    notional : ndarray of shape (2, n)
        Quote per native bucket, longs then shorts.
    edges : ndarray of shape (n + 1,)
        The buckets' edges (quote per base unit).
    kernel : ndarray of shape (2 * reach + 1,)
        Weights of the smoothing.
    least_prominence : float
        A cluster's prominence is at least this share of its side's highest peak.

    Returns
    -------
    tuple of ndarray of shape (4, n_clusters) and of shape (n_clusters,)
        Low, high and densest price and notional; side (+1, -1) of each cluster.

    """
    n = notional.shape[1]
    # The empty buckets let a peak stand at the border.
    n_pad = kernel.shape[0]
    values = np.empty(n + 2 * n_pad)
    peaks = np.empty(values.shape[0] // 2 + 1, dtype=np.int64)
    out = np.empty((4, 2 * peaks.shape[0]))
    sides = np.empty(2 * peaks.shape[0], dtype=np.int8)
    count = 0
    for side in range(2):
        smooth(notional[side], kernel, values)
        n_peaks = find_peaks(values, peaks)
        highest = 0.0
        for i in range(n_peaks):
            highest = max(highest, values[peaks[i]])
        for i in range(n_peaks):
            # No peak rises more than it is high.
            if values[peaks[i]] < least_prominence * highest:
                continue
            rise = prominence(values, peaks[i])
            if rise < least_prominence * highest:
                continue
            left, right = extent(values, peaks[i], rise)
            low = min(max(math.floor(left) - n_pad, 0), n - 1)
            high = min(max(math.ceil(right) - n_pad + 1, low + 1), n)
            peak = min(max(peaks[i] - n_pad, 0), n - 1)
            out[0, count] = edges[low]
            out[1, count] = edges[high]
            out[2, count] = 0.5 * (edges[peak] + edges[peak + 1])
            inside = 0.0
            for k in range(low, high):
                inside += notional[side, k]
            out[3, count] = inside
            sides[count] = 1 - 2 * side
            count += 1
    return out[:, :count].copy(), sides[:count].copy()
