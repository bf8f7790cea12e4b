"""Levels as they are shown: in buckets of even width, per model and side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined
from liq_nautilus.core.kernels.densities import add_model

if TYPE_CHECKING:
    from liq_nautilus.core.grid import Grid
    from liq_nautilus.core.kernels.arguments import Books
    from liq_nautilus.core.kernels.arguments import IndexArray
    from liq_nautilus.core.kernels.arguments import Showing
    from liq_nautilus.core.kernels.arguments import Window
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray


@compiled
def shown_levels(
    books: Books, showing: Showing, grid: Grid, window: Window, counts: IndexArray
) -> tuple[FloatArray, SideArray]:
    """
    Return the levels of several models, and of their scaled sum, in shown buckets.

    Parameters
    ----------
    books : Books
        The open positions.
    showing : Showing
        Which levels are wanted, and how.
    grid : Grid
        The native buckets.
    window : Window
        Where the books' buckets lie, and the current price.
    counts : ndarray of shape (n_models + 1,)
        Takes the number of levels of each.

    Returns
    -------
    tuple of ndarray of shape (4, n_levels) and of shape (n_levels,)
        Price (notional-weighted mean of the bucket), notional (quote), mean leverage and
        confidence; side. Model after model, of each longs and then shorts, ascending in price.

    """
    n_models, is_wanted = len(books.positions), showing.is_wanted
    # Of longs the quantity and its sum of leverages, then of shorts.
    parts = np.zeros((n_models + 1, 2, 2, grid.middle.shape[0]))
    for m in range(n_models):
        if is_wanted[m] or (showing.scales[m] != 0.0 and is_wanted[n_models]):
            weights = books.shares[m]
            add_model(books, m, weights, grid, window, parts[m, 0])
            add_model(books, m, weights * books.leverages[m], grid, window, parts[m, 1])
            _add_scaled(parts[m], showing.scales[m], parts[n_models])
    span = grid.middle[-1] - grid.middle[0]
    size = 2 * (n_models + 1) * (math.floor(span / showing.bucket_size) + 3)
    out, sides = np.empty((4, size)), np.empty(size, dtype=np.int8)
    place = 0
    for m in range(n_models + 1):
        counts[m] = 0
        for side in range(2):
            if is_wanted[m]:
                count = _add_shown(parts[m], side, grid, showing.bucket_size, out, place)
                sides[place : place + count] = 1 - 2 * side
                out[3, place : place + count] = showing.confidences[m]
                place += count
                counts[m] += count
    # Kept for long by whoever is told: no larger than what is in it.
    return out[:, :place].copy(), sides[:place].copy()


@inlined
def _add_scaled(part: FloatArray, scale: float, out: FloatArray) -> None:
    if scale == 0.0:
        return
    for i in range(2):
        for side in range(2):
            source, target = part[i, side], out[i, side]
            for k in range(source.shape[0]):
                target[k] += scale * source[k]


@inlined
def _add_shown(
    part: FloatArray, side: int, grid: Grid, bucket_size: float, out: FloatArray, place: int
) -> int:
    # The native buckets ascend in price: a shown bucket is a run of them. Longs lie below the
    # current price and shorts above: so do the prices that stand for a bucket.
    quantity, of_leverages, middle = part[0, side], part[1, side], grid.middle
    end, top = place, -math.inf
    total = moment = of_leverage = 0.0
    for k in range(quantity.shape[0]):
        if quantity[k] <= 0.0:
            continue
        price = min(middle[k], grid.below) if side == 0 else max(middle[k], grid.above)
        if price >= top:
            end = _end_shown(moment, total, of_leverage, out, end)
            top = (math.floor(price / bucket_size) + 1.0) * bucket_size
            total = moment = of_leverage = 0.0
        value = quantity[k] * price
        moment += value * price
        total += value
        of_leverage += of_leverages[k] * price
    return _end_shown(moment, total, of_leverage, out, end) - place


@inlined
def _end_shown(moment: float, total: float, of_leverage: float, out: FloatArray, place: int) -> int:
    if total == 0.0:
        return place
    out[0, place], out[1, place], out[2, place] = moment / total, total, of_leverage / total
    return place + 1
