"""What a market order pays on an order book of which only sums of depth are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray


def walked_distance(distance: FloatArray, depth: FloatArray, quantity: float) -> float:
    """
    Return how far from the best price an order is filled, on average.

    Parameters
    ----------
    distance : ndarray of shape (n,)
        Distances from the best price, rising (fractions of it, > 0).
    depth : ndarray of shape (n,)
        The quantity offered within each distance, not falling.
    quantity : float
        The order's, > 0.

    Returns
    -------
    float
        A fraction of the price; NaN where nothing is offered.

    Notes
    -----
    Between two distances the quantity is taken to be spread evenly; beyond the last one it goes on
    as in the last stretch that offers any.

    Examples
    --------
    >>> within = np.array([0.01, 0.02])
    >>> walked_distance(within, np.array([100.0, 300.0]), 50.0)
    0.0025

    """
    distance, depth = np.append(0.0, distance), np.append(0.0, depth)
    offered = np.diff(depth)
    known = np.flatnonzero(offered > 0.0)
    if not known.size:
        return float("nan")
    steepness = np.zeros(offered.size)
    steepness[known] = np.diff(distance)[known] / offered[known]
    taken = np.clip(quantity - depth[:-1], 0.0, offered)
    cost = float((taken * (distance[:-1] + 0.5 * steepness * taken)).sum())
    rest = max(quantity - float(depth[-1]), 0.0)
    cost += rest * (float(distance[-1]) + 0.5 * float(steepness[known[-1]]) * rest)
    return cost / quantity
