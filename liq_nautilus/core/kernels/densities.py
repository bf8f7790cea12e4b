"""Sums of open positions: by price on a grid, and between two prices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Positions
    from liq_nautilus.core.kernels.arguments import Row
    from liq_nautilus.core.kernels.arguments import Window
    from liq_nautilus.core.records import FloatArray


@inlined
def density(positions: Positions, weights: FloatArray, first: int, out: FloatArray) -> None:
    """
    Sum the rows, weighted, into buckets of the liquidation price itself.

    Parameters
    ----------
    positions : Positions
        The open positions.
    weights : ndarray of shape (2, n_tiers)
        The share of each tier.
    first : int
        The window bucket that `out` begins with.
    out : ndarray of shape (2, n_out)
        Base quantity per bucket; added to.

    """
    add_parts(positions, weights[np.newaxis], first, out[np.newaxis])


@inlined
def _add_row(mass: FloatArray, row: Row, weight: float, first: int, out: FloatArray) -> None:
    # Bucket j of the row lies on j + whole and the next. A bucket of `out` is gathered from two
    # neighbours, which a compiler can do several at a time; the row's ends have one only.
    if row.first >= row.last:
        return
    whole = math.floor(row.offset)
    part = row.offset - whole
    shift = first - whole
    lower, upper = weight * (1.0 - part), weight * part
    start, stop = row.first - shift, row.last - shift
    if 0 <= start < out.shape[0]:
        out[start] += lower * mass[start + shift]
    if 0 <= stop < out.shape[0]:
        out[stop] += upper * mass[stop + shift - 1]
    begin, end = max(start + 1, 0), min(stop, out.shape[0])
    if begin < end:
        source, before = (
            mass[begin + shift : end + shift],
            mass[begin + shift - 1 : end + shift - 1],
        )
        target = out[begin:end]
        for k in range(source.shape[0]):
            target[k] += lower * source[k] + upper * before[k]


@compiled
def add_parts(positions: Positions, weights: FloatArray, first: int, out: FloatArray) -> None:
    """
    Sum the rows, weighted in several ways, into buckets of the liquidation price itself.

    Parameters
    ----------
    positions : Positions
        The open positions.
    weights : ndarray of shape (n_parts, 2, n_tiers)
        What each tier counts.
    first : int
        The window bucket that `out` begins with.
    out : ndarray of shape (n_parts, 2, n_out)
        Sums per bucket; added to.

    """
    mass, rows = positions
    for side in range(2):
        for tier in range(mass.shape[1]):
            row = rows[side, tier]
            for part in range(weights.shape[0]):
                weight = weights[part, side, tier] * row.scale
                if weight != 0.0:
                    _add_row(mass[side, tier], row, weight, first, out[part, side])


@inlined
def hide_beyond(out: FloatArray, position: float) -> None:
    """
    Hide what lies beyond a price: longs above it and shorts below.

    Parameters
    ----------
    out : ndarray of shape (2, n_out)
        A density; changed.
    position : float
        The price, in buckets from the first of `out`; its own bucket counts in proportion.

    """
    cell = math.floor(position)
    part = position - cell
    for k in range(out.shape[1]):
        if k == cell:
            out[0, k] *= part
            out[1, k] *= 1.0 - part
        elif k > cell:
            out[0, k] = 0.0
        else:
            out[1, k] = 0.0


@compiled
def quantity_between(
    mass: FloatArray,
    row: Row,
    low_edge: float,
    high_edge: float,
    window: Window,
    unit_price: float,
) -> float:
    """
    Return the notional of one row between two liquidation prices (quote).

    Parameters
    ----------
    mass : ndarray of shape (n_buckets,)
        The row's.
    row : Row
        What else is known of it.
    low_edge, high_edge : float
        In buckets from the window's origin; a bucket that holds an edge counts in proportion.
    window : Window
        Where the buckets lie.
    unit_price : float
        What a base unit is worth wherever it lies (quote); 0: the price there.

    """
    low_edge, high_edge = low_edge - row.offset, high_edge - row.offset
    price_at_origin = math.exp((window.origin + row.offset) * window.width)
    total = 0.0
    begin = max(math.floor(low_edge), row.first)
    end = min(math.ceil(high_edge), row.last)
    for j in range(begin, end):
        share = min(high_edge, j + 1.0) - max(low_edge, float(j))
        if share > 0.0 and mass[j] > 0.0:
            price = unit_price
            if price <= 0.0:
                price = price_at_origin * math.exp((j + 0.5) * window.width)
            total += mass[j] * share * price
    notional: float = row.scale * total
    return notional


@compiled
def notional_to(
    positions: Positions,
    shares: FloatArray,
    edges: FloatArray,
    window: Window,
    unit_price: float,
    out: FloatArray,
) -> None:
    """
    Sum the notional, weighted, of each side from one liquidation price to others.

    Parameters
    ----------
    positions : Positions
        The open positions.
    shares : ndarray of shape (2, n_tiers)
        What each tier counts.
    edges : ndarray of shape (2, n + 1)
        In buckets from the window's origin: where longs and shorts begin, then where each sum ends,
        farther and farther (down for longs, up for shorts).
    window : Window
        Where the buckets lie.
    unit_price : float
        What a base unit is worth wherever it lies (quote); 0: the price there.
    out : ndarray of shape (2, n)
        Takes the sums (quote).

    """
    mass, rows = positions
    out[:] = 0.0
    for side in range(2):
        for tier in range(mass.shape[1]):
            if shares[side, tier] == 0.0:
                continue
            total = 0.0
            for k in range(out.shape[1]):
                near, far = edges[side, k], edges[side, k + 1]
                low, high = (far, near) if side == 0 else (near, far)
                row = rows[side, tier]
                total += quantity_between(mass[side, tier], row, low, high, window, unit_price)
                out[side, k] += shares[side, tier] * total
