"""Significant concentrations of liquidation notional."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core import kernels

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

    # price_low, price_high, price_peak, notional, side
    type ClusterArrays = tuple[FloatArray, FloatArray, FloatArray, FloatArray, SideArray]

# A peak must rise above its surroundings by this share of the side's highest one.
_PROMINENCE = 0.1


def find_clusters(notional: FloatArray, edges: FloatArray, smoothing: float) -> ClusterArrays:
    """
    Find the peaks of a density of liquidation notional.

    Parameters
    ----------
    notional : ndarray of shape (2, n)
        Quote per native bucket, longs then shorts.
    edges : ndarray of shape (n + 1,)
        The buckets' edges (quote per base unit, ascending).
    smoothing : float
        Standard deviation of the Gaussian smoothing, in buckets (> 0).

    Returns
    -------
    tuple of ndarray of shape (n_clusters,)
        Low, high and densest price, notional and side of each cluster, ascending in price. A
        cluster reaches to where the smoothed density falls to half its prominence
        (`scipy.signal.peak_widths`); its notional is what lies inside.

    """
    columns, side = kernels.find_clusters(notional, edges, _gaussian(smoothing), _PROMINENCE)
    return columns[0], columns[1], columns[2], columns[3], side


@functools.cache
def _gaussian(deviation: float) -> FloatArray:
    reach = math.ceil(3.0 * deviation)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    normalised: FloatArray = weights / weights.sum()
    return normalised
