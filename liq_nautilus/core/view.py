"""Reading the map: the models' open positions as levels on one price grid."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.models.base import ExposureModel
    from liq_nautilus.core.models.base import LevelArrays
    from liq_nautilus.core.models.ensemble import Ensemble
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

_ROUNDING = 1e-12
# Edges are kept in blocks of so many native buckets.
_BLOCK = 4096


class Grid(NamedTuple):
    """
    Native price buckets around the current price.

    Attributes
    ----------
    first : int
        The first bucket, counted from a log price of 0.
    edges : ndarray of shape (n + 1,)
        Quote per base unit, ascending.
    middle : ndarray of shape (n,)
        The middle of each bucket.
    below, above : float
        In the bucket of the current price, the middle of the part below and of that above it.
    reference_price : float
        The current price.

    """

    first: int
    edges: FloatArray
    middle: FloatArray
    below: float
    above: float
    reference_price: float

    @property
    def n(self) -> int:
        """The number of buckets."""
        return self.middle.size

    @property
    def price(self) -> FloatArray:
        """
        The price that stands for a bucket, for longs and for shorts, shape (2, n).

        Its middle, but on the right side of the current price: interpolation may leave a hair of a
        row on the wrong side, which belongs to the border bucket.
        """
        return np.stack([np.minimum(self.middle, self.below), np.maximum(self.middle, self.above)])


def grid_around(reference_price: float, price_range: float, width: float) -> Grid:
    """
    Return the native buckets within a fraction of the current price.

    Parameters
    ----------
    reference_price : float
        Quote per base unit, > 0.
    price_range : float
        A fraction of the price, in (0, 1).
    width : float
        Log width of a bucket.

    Raises
    ------
    ValueError
        If the range is not in (0, 1).

    """
    if not 0.0 < price_range < 1.0:
        msg = f"a price range must be a fraction in (0, 1), was {price_range}"
        raise ValueError(msg)
    centre = math.log(reference_price) / width
    first = math.floor(centre + math.log1p(-price_range) / width)
    last = math.floor(centre + math.log1p(price_range) / width) + 1
    edges, middle = _edges(first, last, width)
    # The border bucket lies before a price that is an edge itself (to rounding).
    low = math.floor(centre - _ROUNDING / width)
    high = math.floor(centre + _ROUNDING / width) + 1
    below = 0.5 * (math.exp(low * width) + reference_price)
    above = 0.5 * (math.exp(high * width) + reference_price)
    return Grid(first, edges, middle, below, above, reference_price)


def _edges(first: int, last: int, width: float) -> tuple[FloatArray, FloatArray]:
    # A bucket's edges are a function of its number: what was computed once is only cut out.
    block = first // _BLOCK
    if last - first >= _BLOCK:
        return _computed_edges(first, last, width)
    edges, middle = _edge_block(block, width)
    begin, end = first - block * _BLOCK, last - block * _BLOCK
    return edges[begin : end + 1], middle[begin:end]


@functools.lru_cache(maxsize=16)
def _edge_block(block: int, width: float) -> tuple[FloatArray, FloatArray]:
    return _computed_edges(block * _BLOCK, (block + 2) * _BLOCK, width)


def _computed_edges(first: int, last: int, width: float) -> tuple[FloatArray, FloatArray]:
    edges = np.exp(np.arange(first, last + 1) * width)
    return edges, 0.5 * (edges[:-1] + edges[1:])


def ensemble_notional(ensemble: Ensemble, grid: Grid) -> FloatArray:
    """Return the ensemble's notional per native bucket, shape (2, n), and note disagreement."""
    notional, difference = ensemble.books.notional(grid, ensemble.weighing().scales)
    ensemble.note_difference(difference)
    return notional


@dataclass(frozen=True, slots=True, eq=False)
class ShownLevels:
    """
    The levels of several models one after another, in shown buckets.

    Attributes
    ----------
    slices : dict of str to slice
        Where each model's are.
    columns : ndarray of shape (4, n_levels)
        Price, notional, leverage and confidence.
    side : ndarray of shape (n_levels,)
        +1 long, -1 short.
    confidences : dict of str to float
        Of each model.

    """

    slices: dict[str, slice]
    columns: FloatArray
    side: SideArray
    confidences: dict[str, float]


def shown_levels(
    ensemble: Ensemble, grid: Grid, names: Sequence[str], bucket_size: float
) -> ShownLevels:
    """
    Return the levels of models and of the ensemble, all in one pass.

    Parameters
    ----------
    ensemble : Ensemble
        The models.
    grid : Grid
        Where.
    names : sequence of str
        The models (or the ensemble) that are wanted.
    bucket_size : float
        Width of a shown bucket (quote).

    """
    names_known = ensemble.all_names
    confidences = ensemble.all_confidences()
    columns, side, counts = ensemble.books.shown_levels(
        grid,
        ensemble.weighing().scales,
        [name in names for name in names_known],
        confidences,
        bucket_size,
    )
    slices, begin = {}, 0
    for name, count in zip(names_known, counts, strict=True):
        slices[name] = slice(begin, begin + count)
        begin += count
    return ShownLevels(slices, columns, side, dict(zip(names_known, confidences, strict=True)))


def native_levels(model: ExposureModel, grid: Grid) -> LevelArrays:
    """
    Return a model's native levels, one per bucket and tier: price, notional, side and leverage.

    Parameters
    ----------
    model : ExposureModel
        The model.
    grid : Grid
        Where.

    """
    parts = []
    for tier in range(model.leverages.size):
        weights = np.zeros_like(model.weights)
        weights[:, tier] = model.weights[:, tier]
        notional = model.density(grid.first, grid.n, weights) * grid.price
        parts.append(_flat(notional, grid, np.full((2, grid.n), model.leverages[tier])))
    return _joined(parts)


def ensemble_levels(ensemble: Ensemble, grid: Grid) -> LevelArrays:
    """Return the ensemble's native levels; arguments as `native_levels`."""
    parts = []
    for model, scale in zip(ensemble.models, ensemble.scales(), strict=True):
        if scale == 0.0:
            continue
        price, notional, side, leverage = native_levels(model, grid)
        parts.append((price, notional * scale, side, leverage))
    if not parts:
        empty = np.zeros(0)
        return empty, empty, np.zeros(0, dtype=np.int8), empty
    return _joined(parts)


def _joined(parts: list[LevelArrays]) -> LevelArrays:
    price, notional, side, leverage = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return price, notional, side, leverage


def _flat(notional: FloatArray, grid: Grid, leverage: FloatArray) -> LevelArrays:
    sides = np.repeat(np.array([LONG, SHORT], dtype=np.int8), grid.n)
    return grid.price.ravel(), notional.ravel(), sides, leverage.ravel()
