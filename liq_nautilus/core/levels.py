"""Liquidation notional per shown price bucket and side, and its uncertainty."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.kernels.arguments import GammaTable
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Uncertainty
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

# The usual bucket of BTCUSDT; others get a power of ten near a thousandth of the price.
_SHOWN_BUCKET = {"BTCUSDT": 100.0}
# The band holds 90 % of the probability.
_BAND = (0.05, 0.95)
_SHAPES = np.logspace(-4.0, 4.0, 257)
_LOG_SHAPES = np.log(_SHAPES)


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


def uncertainty_bands(
    uncertainty: Uncertainty, notional: FloatArray, side: SideArray, leverage: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """
    Return the 90 % bands of levels.

    Parameters
    ----------
    uncertainty : Uncertainty
        How far levels may lie from their estimates.
    notional : ndarray of shape (n,)
        The estimates (quote, >= 0).
    side : ndarray of shape (n,)
        +1 long, -1 short.
    leverage : ndarray of shape (n,)
        Of each level.

    Returns
    -------
    tuple of ndarray of shape (n,)
        Low and high (quote).

    Notes
    -----
    A Gamma distribution of mean ``m`` and variance ``u*m + (d**2 + e**2) * m**2``, with the lump
    ``u``, the dispersion ``d`` and the error ``e``; its quantiles are interpolated in the logarithm
    of the shape. The low one is 0 where so few lumps are expected that a Poisson number of them is
    none with at least 5 %: ``exp(-m/u) >= 0.05``, since a Gamma distribution has no chance of
    nothing at all. The high one is never below the estimate: where a lump is rarer than one in
    twenty even that quantile would be nothing.

    """
    out = np.empty((2, notional.size))
    kernels.level_bands(notional, side, leverage, uncertainty, _gamma_table(), out)
    return out[0], out[1]


@functools.cache
def _gamma_table() -> GammaTable:
    # Quantiles over the mean, by shape; scipy is loaded when first needed.
    from scipy.special import gammaincinv  # noqa: PLC0415 - keeps importing core light

    quantiles = np.stack([gammaincinv(_SHAPES, share) / _SHAPES for share in _BAND])
    return GammaTable(_LOG_SHAPES, quantiles, -math.log(_BAND[0]))
