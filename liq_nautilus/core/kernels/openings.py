"""How much of what will be opened is liquidated on the way to a price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
from scipy import special

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Spread
    from liq_nautilus.core.records import FloatArray

# Beyond so many standard deviations no excursion is expected.
_REACH: Final = 6.0
# The mean excess over a threshold and its slope, in standard deviations, are read from tables:
# between two entries a cubic with both values and slopes is right to 1e-11, several times as fast.
_STEPS: Final = 128
_THRESHOLDS: Final = np.arange(_REACH * _STEPS + 2.0) / _STEPS
_SLOPES: Final = -special.erfc(_THRESHOLDS / math.sqrt(2.0))
_EXCESS: Final = math.sqrt(2.0 / math.pi) * np.exp(-0.5 * _THRESHOLDS**2) + _THRESHOLDS * _SLOPES


@inlined
def _excess(threshold: float, deviation: float) -> float:
    # The mean of max(f - threshold, 0) for an excursion f = |N(0, deviation**2)|.
    if threshold <= 0.0:
        return deviation * math.sqrt(2.0 / math.pi) - threshold
    place = threshold / deviation * _STEPS
    if place > _REACH * _STEPS:
        return 0.0
    k = int(place)
    t = place - k
    rest = 1.0 - t
    ends = (1.0 + 2.0 * t) * rest * rest * _EXCESS[k] + t * t * (3.0 - 2.0 * t) * _EXCESS[k + 1]
    slopes = rest * t * (rest * _SLOPES[k] - t * _SLOPES[k + 1]) / _STEPS
    return float(deviation * (ends + slopes))


@compiled
def opened_per_path(notional: float, turnover: float, multiple: FloatArray) -> FloatArray:
    """
    Return what is opened per length of path at each leverage.

    Parameters
    ----------
    notional : float
        The open interest per length of path (quote per log price).
    turnover : float
        The fraction of it that turns over meanwhile at the usual leverage (>= 0).
    multiple : ndarray of shape (n_tiers,)
        How much faster each tier turns over.

    Returns
    -------
    ndarray of shape (n_tiers,)
        Quote per log price.

    """
    return notional * (1.0 - np.exp(-turnover * multiple))


@compiled
def expected_swept_length(
    adverse: FloatArray, distances: FloatArray, deviation: float, out: FloatArray
) -> None:
    """
    Write the expected length of path on which entries lie that the path liquidates.

    Parameters
    ----------
    adverse : ndarray of shape (n,)
        How far the price goes against the side (log price, >= 0).
    distances : ndarray of shape (n_tiers,)
        Between entry and liquidation (log price, > 0).
    deviation : float
        The standard deviation of the log price over the horizon (> 0).
    out : ndarray of shape (n, n_tiers)
        Takes the lengths (log price).

    Notes
    -----
    The price first goes ``f`` in favour, then ``f + a`` against the side. Of the way out, entries
    beyond ``d - a`` are swept, of the way back those more than ``d`` from its end:
    ``E max(f - max(d - a, 0), 0) + E max(f + a - d, 0)`` with ``f`` half-normal, as the maximum of
    a Brownian path is.

    """
    for i in range(adverse.shape[0]):
        for k in range(distances.shape[0]):
            rest = distances[k] - adverse[i]
            out[i, k] = _excess(max(rest, 0.0), deviation) + _excess(rest, deviation)


@compiled
def add_openings(
    side: int,
    position: float,
    width: float,
    distances: FloatArray,
    rates: FloatArray,
    even: float,
    deviation: float,
    out: FloatArray,
) -> float:
    """
    Add what is expected to be opened and liquidated, and an even spread, to a side's buckets.

    Parameters
    ----------
    side : int
        0 long, below the current price; 1 short, above it.
    position : float
        The current price, in buckets from the first of `out`.
    width : float
        Log width of a bucket.
    distances, rates : ndarray of shape (n_tiers,)
        Between entry and liquidation (log price); notional per length of path swept (quote).
    even : float
        Notional per log price of the even spread (quote).
    deviation : float
        As in `expected_swept_length`.
    out : ndarray of shape (n,)
        Notional per bucket (quote); added to.

    Returns
    -------
    float
        What is expected to be liquidated without any move against the side, on the way back from
        an excursion (quote). It is in no bucket.

    """
    n = out.shape[0]
    step = 1 if side == 1 else -1
    start = math.floor(position) if side == 1 else math.ceil(position) - 1
    first_part = (start + 1.0 - position if side == 1 else position - start) * width
    # How much faster the sum of all rates grows from a bucket on.
    begun = np.zeros(n)
    border = 0.0
    for k in range(distances.shape[0]):
        before = 2.0 * _excess(distances[k], deviation)
        border += rates[k] * before
        # Buckets that no excursion reaches are passed over.
        passed = max(math.floor((distances[k] - _REACH * deviation - first_part) / width), 0)
        j = start + step * passed
        at = first_part + passed * width
        while 0 <= j < n:
            rest = distances[k] - at
            back = _excess(rest, deviation)
            swept = back + (back if rest >= 0.0 else _excess(0.0, deviation))
            out[j] += rates[k] * (swept - before)
            before = swept
            j += step
            at += width
            if rest <= 0.0:
                break
        # All that is opened farther up is swept: the length grows as the move does.
        if 0 <= j < n:
            begun[j] += rates[k]
    j, part, rate = start, first_part, even
    while 0 <= j < n:
        rate += begun[j]
        out[j] += rate * part
        j += step
        part = width
    return border


@compiled
def add_spread(
    spread: Spread, position: float, width: float, out: FloatArray
) -> tuple[float, float]:
    """
    Add what will be opened and liquidated to the buckets of both sides.

    Parameters
    ----------
    spread : Spread
        What will be opened.
    position, width : float
        As in `add_openings`.
    out : ndarray of shape (2, n)
        Notional per bucket (quote); added to.

    Returns
    -------
    tuple of float
        Of longs and of shorts what `add_openings` returns.

    """
    border = np.empty(2)
    for side in range(2):
        border[side] = add_openings(
            side,
            position,
            width,
            spread.distances[side],
            spread.rates[side],
            spread.even[side],
            spread.deviation,
            out[side],
        )
    return border[0], border[1]
