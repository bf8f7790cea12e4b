"""Levels in the buckets that are shown, with their bands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray


@compiled
def band_edges(total: float, curves: FloatArray) -> tuple[float, float]:
    """
    Return the band of what is liquidated on the way from the current price.

    Parameters
    ----------
    total : float
        The expectation (quote, >= 0).
    curves : ndarray of shape (8,)
        As `liq_nautilus.core.levels.Bands` has them.

    Returns
    -------
    tuple of float
        Low and high (quote), around the expectation; both rise with it.

    """
    return _band_at(total, *_last_multiples(curves), curves)


@inlined
def _last_multiples(curves: FloatArray) -> tuple[float, float]:
    # The ends as multiples of the expectation where they stay as they are.
    return (
        _multiple(curves[1], curves[0], curves[3], curves[4]),
        _multiple(curves[5], curves[0], curves[6], curves[7]),
    )


@inlined
def _multiple(total: float, unit: float, factor: float, power: float) -> float:
    return factor * math.exp((power - 1.0) * math.log(total / unit))


@inlined
def _band_at(
    total: float, last_low: float, last_high: float, curves: FloatArray
) -> tuple[float, float]:
    # Both ends as multiples of the expectation, which stay as they are beyond what was ever seen.
    if total <= 0.0:
        return 0.0, 0.0
    low, high = last_low, last_high
    if total < curves[1]:
        low = _multiple(total, curves[0], curves[3], curves[4])
    if total < curves[5]:
        high = _multiple(total, curves[0], curves[6], curves[7])
    return max(min(low, 1.0) * total - curves[2], 0.0), max(high, 1.0) * total


@inlined
def _end_shown(out: FloatArray, place: int, sums: FloatArray) -> int:
    if sums[0] <= 0.0 and sums[3] <= 0.0:
        return place
    out[0, place] = sums[4] / sums[3] if sums[3] > 0.0 else sums[1] / sums[0]
    out[1, place] = sums[3]
    out[4, place] = sums[0]
    out[5, place] = sums[2] / sums[0] if sums[0] > 0.0 else 1.0
    sums[:] = 0.0
    return place + 1


@compiled
def shown_levels(
    parts: FloatArray,
    added: FloatArray,
    price: FloatArray,
    near: tuple[int, int],
    border: FloatArray,
    scale: FloatArray,
    bucket_size: float,
    curves: FloatArray,
) -> tuple[FloatArray, SideArray]:
    """
    Return levels in shown buckets, first of longs, then of shorts, ascending in price.

    Parameters
    ----------
    parts : ndarray of shape (3, 2, n)
        Per native bucket, of longs and of shorts: base quantity, the same times its leverage, and
        what is expected to be liquidated of it.
    added : ndarray of shape (2, n)
        Notional expected to be liquidated besides (quote).
    price : ndarray of shape (2, n)
        What stands for each native bucket (quote per base unit), ascending; longs lie below the
        current price and shorts above.
    near : tuple of int
        The buckets that touch the current price.
    border : ndarray of shape (2,)
        What they hold besides (quote).
    scale : ndarray of shape (2,)
        What notional, but not open interest, is multiplied with.
    bucket_size : float
        Quote per base unit.
    curves : ndarray of shape (8,)
        As in `band_edges`.

    Returns
    -------
    ndarray of shape (6, n_levels)
        Price (mean, weighted with notional), notional, low, high, exposure and leverage (mean,
        weighted with exposure; 1 without any).
    ndarray of shape (n_levels,)
        +1 long, -1 short.

    """
    out = np.empty((6, 2 * price.shape[1] + 2))
    # Exposure, its moments of price and of leverage, notional and its moment of price.
    sums = np.zeros(5)
    begin, n_longs = 0, 0
    for side in range(2):
        place, top = begin, -math.inf
        for k in range(price.shape[1]):
            at = price[side, k]
            exposure = parts[0, side, k] * at
            value = parts[2, side, k] * at + added[side, k]
            if k == near[side]:
                value += border[side]
            if value <= 0.0 and exposure <= 0.0:
                continue
            if at >= top:
                place = _end_shown(out, place, sums)
                top = (math.floor(at / bucket_size) + 1.0) * bucket_size
            sums[0] += exposure
            sums[1] += exposure * at
            sums[2] += parts[1, side, k] * at
            sums[3] += value * scale[side]
            sums[4] += value * scale[side] * at
        place = _end_shown(out, place, sums)
        _write_bands(side, begin, place, curves, out)
        n_longs = place if side == 0 else n_longs
        begin = place
    # Kept for long by whoever is told: no larger than what is in it.
    sides = np.full(begin, np.int8(-1))
    sides[:n_longs] = 1
    return out[:, :begin].copy(), sides


@inlined
def _write_bands(side: int, begin: int, end: int, curves: FloatArray, out: FloatArray) -> None:
    # Bands add up on the way from the current price: each level takes what it adds to both ends.
    total, low, high = 0.0, 0.0, 0.0
    last_low, last_high = _last_multiples(curves)
    for i in range(end - begin):
        k = end - 1 - i if side == 0 else begin + i
        total += out[1, k]
        new_low, new_high = _band_at(total, last_low, last_high, curves)
        out[2, k], out[3, k] = new_low - low, new_high - high
        low, high = new_low, new_high
