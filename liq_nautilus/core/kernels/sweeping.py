"""What the path does to open positions: it consumes those whose liquidation price it crosses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from liq_nautilus.compiling import inlined

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Books
    from liq_nautilus.core.kernels.arguments import Positions
    from liq_nautilus.core.kernels.arguments import Row
    from liq_nautilus.core.records import FloatArray


@inlined
def sweep(positions: Positions, low: float, high: float) -> None:
    """
    Remove the positions whose liquidation price the path crossed.

    Parameters
    ----------
    positions : Positions
        Changed; each row takes what was removed from it as `swept`.
    low, high : float
        The path's low (longs at or above it go) and high (shorts at or below it go) in buckets
        from the window's origin; the bucket that holds an edge goes in proportion.

    """
    mass, rows = positions
    for tier in range(mass.shape[1]):
        longs, shorts = rows[0, tier], rows[1, tier]
        _sweep_longs(mass, longs, tier, low - longs.offset)
        _sweep_shorts(mass, shorts, tier, high - shorts.offset)


@inlined
def _sweep_longs(mass: FloatArray, row: Row, tier: int, edge: float) -> None:
    row.swept = 0.0
    if edge < row.last:
        cell = math.floor(edge)
        removed = 0.0
        for j in range(max(cell + 1, row.first), row.last):
            removed += mass[0, tier, j]
            mass[0, tier, j] = 0.0
        if 0 <= cell < mass.shape[2]:
            part = mass[0, tier, cell] * (cell + 1 - edge)
            mass[0, tier, cell] -= part
            removed += part
        row.last = max(cell + 1, row.first)
        if removed != 0.0:
            _book_consumed(mass, row, 0, tier, removed)


@inlined
def _sweep_shorts(mass: FloatArray, row: Row, tier: int, edge: float) -> None:
    row.swept = 0.0
    if edge > row.first:
        cell = math.floor(edge)
        removed = 0.0
        for j in range(row.first, min(cell, row.last)):
            removed += mass[1, tier, j]
            mass[1, tier, j] = 0.0
        if 0 <= cell < mass.shape[2]:
            part = mass[1, tier, cell] * (edge - cell)
            mass[1, tier, cell] -= part
            removed += part
        row.first = min(cell, row.last)
        if removed != 0.0:
            _book_consumed(mass, row, 1, tier, removed)


@inlined
def _book_consumed(mass: FloatArray, row: Row, side: int, tier: int, removed: float) -> None:
    quantity = removed * row.scale
    row.swept = quantity
    row.consumed += quantity
    if 2.0 * quantity > row.held:
        # The small rest of a large sum would be its rounding: sum it anew.
        total = 0.0
        for j in range(row.first, row.last):
            total += mass[side, tier, j]
        row.held = total * row.scale
    else:
        row.held -= quantity


@inlined
def sweep_all(books: Books, low: float, high: float) -> None:
    """
    Remove what a path crossed in the models that paths sweep.

    Parameters
    ----------
    books : Books
        Changed.
    low, high : float
        The path's ends, in buckets from the window's origin.

    """
    for m in range(books.n_swept):
        sweep(books.positions[m], low, high)
