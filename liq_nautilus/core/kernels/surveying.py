"""What several models hold together, how far they differ, and what will be opened besides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined
from liq_nautilus.core.kernels.densities import density
from liq_nautilus.core.kernels.densities import hide_beyond
from liq_nautilus.core.kernels.openings import add_spread

if TYPE_CHECKING:
    from liq_nautilus.core.grid import Grid
    from liq_nautilus.core.kernels.arguments import Books
    from liq_nautilus.core.kernels.arguments import Spread
    from liq_nautilus.core.kernels.arguments import Window
    from liq_nautilus.core.records import FloatArray

# Models that all hold what will be opened, and whose open positions alone differ by less (as a
# fraction of the price), are not compared with it: they hold about as much, and what all have in
# common brings them together.
_ALIKE: Final = 0.01


@compiled
def combined_notional(
    books: Books,
    scales: FloatArray,
    grid: Grid,
    window: Window,
    opened: FloatArray,
    unit_price: float,
    out: FloatArray,
) -> float:
    """
    Sum several models' notional per native bucket, and compare where they see its bulk.

    Parameters
    ----------
    books : Books
        The open positions.
    scales : ndarray of shape (n_models,)
        What each counts; those of 0 are left out.
    grid : Grid
        The buckets.
    window : Window
        Where the books' buckets lie, and the current price.
    opened : ndarray of shape (2, 2)
        Of longs and of shorts the notional that will be opened besides (quote), and the same times
        its price. The levels of models that trade hold it, and their means.
    unit_price : float
        What a base unit is worth wherever it lies (quote); 0: the price there.
    out : ndarray of shape (2, n)
        Takes the sum (quote), without what will be opened.

    Returns
    -------
    float
        By how much the models' notional-weighted mean prices of longs, or of shorts, differ at most
        (quote); 0 where only one of them has any.

    """
    nothing = np.zeros(2)
    part = np.empty_like(out)
    lowest, highest = np.full(2, np.inf), np.full(2, -np.inf)
    is_known = np.ones(2, dtype=np.bool_)
    out[:] = 0.0
    for m in range(len(books.positions)):
        if scales[m] == 0.0:
            continue
        part[:] = 0.0
        add_model(books, m, books.shares[m], grid, window, part)
        for side in range(2):
            besides = opened[side] if m < len(books.multiples) else nothing
            mean = _add_notional(part[side], side, scales[m], grid, besides, unit_price, out[side])
            if math.isnan(mean):
                is_known[side] = False
            else:
                lowest[side] = min(lowest[side], mean)
                highest[side] = max(highest[side], mean)
    largest = 0.0
    for side in range(2):
        if is_known[side]:
            largest = max(largest, highest[side] - lowest[side])
    return largest


@inlined
def add_model(
    books: Books, model: int, weights: FloatArray, grid: Grid, window: Window, out: FloatArray
) -> None:
    """
    Sum one model's rows into the buckets of a grid, without what it hides.

    Parameters
    ----------
    books : Books
        The open positions.
    model : int
        Which.
    weights : ndarray of shape (2, n_tiers)
        What each row counts.
    grid : Grid
        The buckets.
    window : Window
        Where the books' buckets lie, and the current price.
    out : ndarray of shape (2, n)
        Base quantity per bucket; of zeros, added to.

    """
    density(books.positions[model], weights, grid.first - window.origin, out)
    if model == books.hidden:
        hide_beyond(out, window.origin + window.position - grid.first)


@inlined
def _add_notional(
    quantity: FloatArray,
    side: int,
    scale: float,
    grid: Grid,
    besides: FloatArray,
    unit_price: float,
    out: FloatArray,
) -> float:
    # The notional of one side, scaled, and its mean price; NaN where there is none.
    total, moment = besides[0], besides[1]
    for k in range(out.shape[0]):
        price = _price_at(grid, side, k)
        value = quantity[k] * (unit_price if unit_price > 0.0 else price)
        out[k] += scale * value
        total += value
        moment += value * price
    return moment / total if total > 0.0 else math.nan


@compiled
def survey(
    books: Books,
    scales: FloatArray,
    grid: Grid,
    part: tuple[int, int],
    window: Window,
    spread: Spread,
    scale: FloatArray,
    unit_price: float,
    out: FloatArray,
) -> tuple[float, float, float]:
    """
    Read several models' notional, with what will be opened, on a part of a grid.

    Parameters
    ----------
    books, scales, grid, window
        As in `combined_notional`.
    part : tuple of int
        The first bucket of the part and the one past its last.
    spread : Spread
        What will be opened.
    scale : ndarray of shape (2,)
        What notional is multiplied with.
    unit_price : float
        What a base unit is worth wherever it lies (quote); 0: the price there.
    out : ndarray of shape (2, n)
        Takes the notional of the part (quote).

    Returns
    -------
    tuple of float
        The difference as in `combined_notional`, and of longs and of shorts what is liquidated
        without any move against them (quote).

    """
    n = grid.middle.shape[0]
    whole, opened = np.empty((2, n)), np.zeros((2, 2))
    difference, first, last = math.inf, part[0], part[1]
    # Whether all that count hold what will be opened.
    if not np.any(scales[len(books.multiples) :] > 0.0):
        difference = combined_notional(books, scales, grid, window, opened, unit_price, whole)
    is_compared = difference > _ALIKE * grid.reference_price
    if is_compared:
        first, last = 0, n
    added = np.zeros((2, last - first))
    position = window.origin + window.position - grid.first - first
    border = add_spread(spread, position, window.width, added)
    if is_compared:
        _add_moments(added, border, grid, opened)
        difference = combined_notional(books, scales, grid, window, opened, unit_price, whole)
    for side in range(2):
        for k in range(part[0], part[1]):
            out[side, k - part[0]] = (whole[side, k] + added[side, k - first]) * scale[side]
    return difference, border[0] * scale[0], border[1] * scale[1]


@inlined
def _add_moments(
    added: FloatArray, border: tuple[float, float], grid: Grid, out: FloatArray
) -> None:
    # Of longs and of shorts what is opened, and the same times its price.
    for side in range(2):
        out[side, 0] += border[side]
        out[side, 1] += border[side] * (grid.below if side == 0 else grid.above)
        for k in range(added.shape[1]):
            out[side, 0] += added[side, k]
            out[side, 1] += added[side, k] * _price_at(grid, side, k)


@inlined
def _price_at(grid: Grid, side: int, k: int) -> float:
    # As `Grid.price` has it.
    middle: float = grid.middle[k]
    return min(middle, grid.below) if side == 0 else max(middle, grid.above)
