"""Trailing statistics of bars, and how much of the map a random walk is likely to touch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
from scipy import special

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined
from liq_nautilus.core.kernels.advancing import accrue
from liq_nautilus.core.kernels.advancing import range_variance
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Bars
    from liq_nautilus.core.records import FloatArray

# Beyond so many standard deviations nothing is touched.
_FARTHEST: Final = 8.0
# The chance of being touched is read from a table, which is ten times as fast as computing it and
# right to a millionth.
_STEPS: Final = 512
_TOUCHED: Final = special.erfc(np.arange(_FARTHEST * _STEPS + 2.0) / _STEPS / math.sqrt(2.0))


@compiled
def trail_bars(
    bars: Bars, half_lives: FloatArray, variance: FloatArray, mean_price: FloatArray
) -> None:
    """
    Take bars of last prices into exponentially weighted statistics; marks are left out.

    Parameters
    ----------
    bars : Bars
        In the order in which they came.
    half_lives : ndarray of shape (n,)
        Of the variances (ns); the first is that of the mean price too.
    variance : ndarray of shape (2, n)
        Weighted squared ranges over ``4 ln 2`` (Parkinson 1980) and the time they took (ns);
        changed.
    mean_price : ndarray of shape (3,)
        Weighted log close, its weight, and the newest log close; changed.

    """
    values, times = bars
    for i in range(values.shape[0]):
        if values[i, 5] != 0.0:
            continue
        duration = float(max(times[i, 1] - times[i, 0], 1))
        ranged = range_variance(values[i, 1], values[i, 2])
        for k in range(half_lives.size):
            accrue(variance[:, k], ranged, duration, half_lives[k])
        keep = 0.5 ** (duration / half_lives[0])
        mean_price[2] = math.log(values[i, 3])
        mean_price[0] = mean_price[0] * keep + (1.0 - keep) * mean_price[2]
        mean_price[1] = mean_price[1] * keep + (1.0 - keep)


@compiled
def trail_ranges(bars: Bars, half_life_hours: float, sums: FloatArray) -> None:
    """
    Take bars of last prices into an exponentially weighted variance; marks are left out.

    Parameters
    ----------
    bars : Bars
        In the order in which they came.
    half_life_hours : float
        After this time a bar weighs half.
    sums : ndarray of shape (2,)
        Weighted squared ranges over ``4 ln 2`` (Parkinson 1980) and the time they took (hours);
        changed.

    """
    values, times = bars
    for i in range(values.shape[0]):
        if values[i, 5] == 0.0:
            hours = max(times[i, 1] - times[i, 0], 1) / HOUR_NS
            accrue(sums, range_variance(values[i, 1], values[i, 2]), hours, half_life_hours)


@inlined
def _touched(scaled: float) -> float:
    # 2 * Phi(-scaled), for scaled >= 0.
    if not scaled < _FARTHEST:
        return 0.0
    place = scaled * _STEPS
    whole = int(place)
    part = place - whole
    return float(_TOUCHED[whole] * (1.0 - part) + _TOUCHED[whole + 1] * part)


@compiled
def log_hazard(
    notional: FloatArray,
    price: FloatArray,
    reference: float,
    unit: FloatArray,
    deviations: FloatArray,
    least: float,
) -> FloatArray:
    """
    Return the log of what a driftless random walk is expected to touch.

    Parameters
    ----------
    notional, price : ndarray of shape (2, n)
        Quote, and quote per base unit; longs then shorts.
    reference : float
        The current price.
    unit : ndarray of shape (2,)
        What notional is measured in (quote).
    deviations : ndarray of shape (m,)
        Standard deviations of the log price over what is asked about (> 0).
    least : float
        Added before logarithms are taken.

    Returns
    -------
    ndarray of shape (3, m)
        Of longs, shorts and both: each bucket's notional times ``2 * Phi(-distance / deviation)``,
        by the reflection principle, summed.

    """
    out = np.zeros((3, deviations.size))
    steepness = 1.0 / deviations
    for side in range(2):
        for k in range(notional.shape[1]):
            held = notional[side, k] / unit[side]
            if held > 0.0:
                distance = abs(math.log(price[side, k] / reference))
                for m in range(deviations.size):
                    out[side, m] += held * _touched(distance * steepness[m])
    for m in range(deviations.size):
        out[2, m] = math.log(out[0, m] + out[1, m] + least)
        out[0, m] = math.log(out[0, m] + least)
        out[1, m] = math.log(out[1, m] + least)
    return out


@compiled
def most_touched(
    notional: FloatArray, price: FloatArray, reference: float, bucket_size: float, deviation: float
) -> tuple[float, float]:
    """
    Return the shown bucket with the largest product of notional and chance of being touched.

    Parameters
    ----------
    notional, price : ndarray of shape (n,)
        Of one side: quote, and quote per base unit ascending.
    reference : float
        The current price.
    bucket_size : float
        The width of a shown bucket (quote).
    deviation : float
        Standard deviation of the log price over what is asked about (> 0).

    Returns
    -------
    tuple of float
        Its notional-weighted mean price and its notional (quote); NaN and 0 where there is none.

    """
    best, best_price, best_notional = 0.0, math.nan, 0.0
    k = 0
    while k < notional.size:
        bucket = math.floor(price[k] / bucket_size)
        total = value = 0.0
        while k < notional.size and math.floor(price[k] / bucket_size) == bucket:
            total += notional[k]
            value += notional[k] * price[k]
            k += 1
        if total > 0.0:
            mean = value / total
            worth = total * _touched(abs(math.log(mean / reference)) / deviation)
            if worth > best:
                best, best_price, best_notional = worth, mean, total
    return best_price, best_notional


@compiled
def weighted_inputs(weights: FloatArray, columns: FloatArray) -> FloatArray:
    """
    Return constants plus weighted inputs.

    Parameters
    ----------
    weights : ndarray of shape (n, 1 + m)
        A constant and weights per row.
    columns : ndarray of shape (n, m)
        The inputs.

    Returns
    -------
    ndarray of shape (n,)

    """
    out = weights[:, 0].copy()
    for i in range(columns.shape[0]):
        for k in range(columns.shape[1]):
            out[i] += weights[i, 1 + k] * columns[i, k]
    return out


@compiled
def side_amounts(
    share: FloatArray, factor: FloatArray, residuals: FloatArray, least: float, unit: float
) -> FloatArray:
    """
    Return what is expected of each side, and the quantiles of it, which do not cross.

    Parameters
    ----------
    share : ndarray of shape (n,)
        The log share that is expected.
    factor : ndarray of shape (n,)
        The mean over its exponential.
    residuals : ndarray of shape (n, m)
        What lies between a quantile and it, in logarithms, the lowest quantile first.
    least : float
        What was added to shares before logarithms were taken.
    unit : float
        What shares are of (quote).

    Returns
    -------
    ndarray of shape (n, 1 + m)
        Expectation and quantiles (quote, >= 0).

    """
    n, m = residuals.shape
    out = np.empty((n, 1 + m))
    for i in range(n):
        out[i, 0] = math.exp(share[i]) * factor[i] * unit
        highest = 0.0
        for k in range(m):
            highest = max(highest, math.exp(share[i] + residuals[i, k]) - least)
            out[i, 1 + k] = highest * unit
    return out


@compiled
def trend_columns(volatility: FloatArray, mean_price: FloatArray, out: FloatArray) -> None:
    """
    Fill in how much prices move, and how far they went against each side.

    Parameters
    ----------
    volatility : ndarray of shape (3,)
        Standard deviation of an hour's log return, over the shortest span first.
    mean_price : ndarray of shape (3,)
        As in `trail_bars`.
    out : ndarray of shape (3, 5)
        For longs, shorts and both: log volatilities, and the drift against the side and in its
        favour, in standard deviations of the longest span (for both its size and 0); changed.

    """
    drift = (mean_price[2] - mean_price[0] / mean_price[1]) / volatility[2]
    up, down = max(drift, 0.0), max(-drift, 0.0)
    out[0, 3], out[0, 4] = down, up
    out[1, 3], out[1, 4] = up, down
    out[2, 3], out[2, 4] = abs(drift), 0.0
    for k in range(3):
        for m in range(3):
            out[k, m] = math.log(volatility[m])


@compiled
def past_columns(rates: FloatArray, open_interest: float, least: float, out: FloatArray) -> None:
    """
    Fill in how fast was liquidated lately.

    Parameters
    ----------
    rates : ndarray of shape (2, 3)
        Quote per hour of longs and shorts, over the shortest span first.
    open_interest : float
        Quote.
    least : float
        Added to shares before logarithms are taken.
    out : ndarray of shape (3, 6)
        For longs, shorts and both: the log share of the two shorter spans against that of the
        longest, that itself, and the same of the other side (0 for both); changed.

    """
    for side in range(3):
        longest = 0.0
        for k in range(2, -1, -1):
            rate = rates[side, k] if side < 2 else rates[0, k] + rates[1, k]
            share = math.log(rate / open_interest + least)
            if k == 2:
                longest = share
            out[side, k] = share if k == 2 else share - longest
    for k in range(3):
        out[0, 3 + k], out[1, 3 + k], out[2, 3 + k] = out[1, k], out[0, k], 0.0
