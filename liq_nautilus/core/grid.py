"""The native price grid: buckets of equal width in the logarithm of the price."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray

# Within this fraction of the price lies the whole map.
MAP_RANGE = 0.6
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
        out = np.empty((2, self.middle.size))
        np.minimum(self.middle, self.below, out=out[0])
        np.maximum(self.middle, self.above, out=out[1])
        return out

    @property
    def border(self) -> tuple[int, int]:
        """The buckets that touch the current price from below and from above."""
        below = int(np.searchsorted(self.edges, self.reference_price)) - 1
        above = int(np.searchsorted(self.edges, self.reference_price, side="right")) - 1
        return below, above


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
