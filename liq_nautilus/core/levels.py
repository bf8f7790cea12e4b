"""Notional per shown price bucket and side, and its uncertainty."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

# The usual bucket of BTCUSDT; others get a power of ten near a thousandth of the price.
_SHOWN_BUCKET = {"BTCUSDT": 100.0}
# What bands are measured in (quote).
BAND_UNIT = 1e6
# So much is added to notional where logarithms are taken of it, and taken off the low end (quote).
LEAST_NOTIONAL = 100.0
# Logarithms beyond which nothing is told.
_FAR = 60.0


def shown_bucket_size(symbol: str, price: float) -> float:
    """
    Return the width of a shown price bucket (quote): 100 for BTCUSDT.

    Examples
    --------
    >>> shown_bucket_size("BTCUSDT", 61_000.0), shown_bucket_size("SOLUSDT", 150.0)
    (100.0, 0.1)

    """
    return _SHOWN_BUCKET.get(symbol, 10.0 ** round(math.log10(price / 1000.0)))


def bucket_levels(
    price: FloatArray,
    notional: FloatArray,
    side: SideArray,
    leverage: FloatArray,
    bucket_size: float,
    *,
    by_leverage: bool = False,
) -> tuple[FloatArray, FloatArray, SideArray, FloatArray]:
    """
    Sum levels into buckets of even width, per side.

    Parameters
    ----------
    price, notional, leverage : ndarray of shape (n,)
        Liquidation price (> 0), notional (quote, >= 0) and leverage of each level.
    side : ndarray of shape (n,)
        +1 long, -1 short.
    bucket_size : float
        Quote, > 0.
    by_leverage : bool, optional
        Keep leverages apart instead of averaging them, weighted with notional.

    Returns
    -------
    tuple of ndarray of shape (n_levels,)
        Price (notional-weighted mean of the bucket, ascending), notional, side, leverage; buckets
        without notional are left out, and the total is kept.

    """
    has_notional = notional > 0.0
    price, notional = price[has_notional], notional[has_notional]
    side, leverage = side[has_notional], leverage[has_notional]
    if not price.size:
        return price, notional, side, leverage
    bucket = np.floor(price / bucket_size).astype(np.int64)
    code = (bucket - bucket.min()) * 2 + (side == SHORT)
    if by_leverage:
        tiers, tier = np.unique(leverage, return_inverse=True)
        code = code * tiers.size + tier
    total = np.bincount(code, weights=notional)
    occupied = np.flatnonzero(total)
    total = total[occupied]
    mean_price = np.bincount(code, weights=notional * price)[occupied] / total
    if by_leverage:
        # The tier itself, not a mean of equals that rounding has moved: it can be asked for.
        mean_leverage = tiers[occupied % tiers.size]
        occupied = occupied // tiers.size
    else:
        mean_leverage = np.bincount(code, weights=notional * leverage)[occupied] / total
    out_side = np.where(occupied % 2 == 0, LONG, SHORT).astype(np.int8)
    order = np.argsort(mean_price, kind="stable")
    return mean_price[order], total[order], out_side[order], mean_leverage[order]


class Bands:
    """
    How far what is liquidated may lie from what is expected: 90 % bands.

    Bands speak of the way from the current price: ``low(m)`` and ``high(m)`` bound what is
    liquidated on the way to a price where ``m`` is expected in all. A level's band is what the
    level adds to both ends, so that bands of neighbouring levels add up. They come from real
    windows, as quantile regressions of realised on expected notional.

    Parameters
    ----------
    low, high : tuple of float
        The factor and the power of ``unit * factor * (m / unit) ** power``, unit a million (quote).
    reach : float
        The largest expectation there was (quote): beyond it the ends stay the same multiples. So
        they do where a curve would begin to rise faster (low) or slower (high) than what is
        expected: every level lies in its own band.

    """

    def __init__(self, low: tuple[float, ...], high: tuple[float, ...], reach: float) -> None:
        self.curves: FloatArray = np.array(
            [
                BAND_UNIT,
                min(reach, _knee(*low) if low[1] > 1.0 else reach),
                LEAST_NOTIONAL,
                *low,
                min(reach, _knee(*high) if high[1] < 1.0 else reach),
                *high,
            ]
        )

    def around(self, totals: FloatArray) -> tuple[FloatArray, FloatArray]:
        """
        Return the ends of the bands.

        Parameters
        ----------
        totals : ndarray of shape (n,)
            Expected from the current price on (quote, >= 0).

        Returns
        -------
        tuple of ndarray of shape (n,)
            Low, at most the expectation, and high, at least that (quote).

        """
        ends = np.array([kernels.band_edges(float(total), self.curves) for total in totals])
        return ends[:, 0], ends[:, 1]


def _knee(factor: float, power: float) -> float:
    # Where a curve rises as fast as what is expected (quote).
    exponent = math.log(factor * power) / (1.0 - power)
    return BAND_UNIT * math.exp(min(max(exponent, -_FAR), _FAR))
