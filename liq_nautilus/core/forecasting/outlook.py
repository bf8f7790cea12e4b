"""What a signal needs to know of a forecast, and the map around the price it is made from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np
from scipy.special import erfc

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray


class Surroundings(NamedTuple):
    """
    What the map holds around the current price.

    Attributes
    ----------
    ts : int
        When (UTC ns).
    notional, price : ndarray of shape (2, n)
        What is liquidated if the price goes there (quote), and quote per base unit ascending;
        longs then shorts.
    scale : ndarray of shape (2,)
        What of `notional` comes from following realised liquidations.
    reference_price : float
        The current price.
    open_interest : float
        Quote.
    bucket_size : float
        The width of a shown bucket (quote).

    """

    ts: int
    notional: FloatArray
    price: FloatArray
    scale: FloatArray
    reference_price: float
    open_interest: float
    bucket_size: float


class Outlook(NamedTuple):
    """
    What a signal needs to know of the forecast.

    Attributes
    ----------
    chance : float
        Of an unusual amount of both sides over the signal's horizon; NaN when unknown.
    is_high : bool
        Whether it belongs to the highest of the last days.
    side : int
        Where it is high, the side of which more is expected: +1 long, -1 short.
    price, notional : float
        Where it is high, the level of that side that contributes most (quote).

    """

    chance: float
    is_high: bool
    side: int
    price: float
    notional: float


NO_OUTLOOK = Outlook(math.nan, is_high=False, side=0, price=math.nan, notional=math.nan)


class Contributions(NamedTuple):
    """
    Levels by what they add to what is expected, the largest first.

    Attributes
    ----------
    price, notional, probability_touched : ndarray of shape (n,)
        The notional-weighted mean price, what is liquidated if it is touched (quote) and the
        chance of that.
    side : ndarray of shape (n,)
        +1 long, -1 short.

    """

    price: FloatArray
    side: SideArray
    notional: FloatArray
    probability_touched: FloatArray


def touch_probability[Distance: (float, FloatArray)](
    distance: Distance, deviation: float
) -> Distance:
    """
    Return the chance that a driftless random walk reaches a log distance (reflection principle).

    Parameters
    ----------
    distance : float or ndarray of shape (n,)
        Log distance, >= 0.
    deviation : float
        Standard deviation of the log price over what is asked about (> 0).

    Notes
    -----
    ``2 * Phi(-distance / deviation)``.

    Examples
    --------
    >>> touch_probability(np.array([0.0, 0.01, 0.02]), 0.01).round(3)
    array([1.   , 0.317, 0.046])

    """
    chance: Distance = erfc(distance / deviation / math.sqrt(2.0))
    return chance


def no_contributions() -> Contributions:
    """Return no levels at all."""
    nothing = np.zeros(0)
    return Contributions(nothing, np.zeros(0, dtype=np.int8), nothing, nothing)


def find_contributions(around: Surroundings, deviation: float) -> Contributions:
    """
    Return the levels in shown buckets, the largest product of notional and chance first.

    Parameters
    ----------
    around : Surroundings
        The map.
    deviation : float
        Standard deviation of the log price over the horizon (> 0).

    """
    rows = []
    for side, notional, price in zip((LONG, SHORT), around.notional, around.price, strict=True):
        has_any = notional > 0.0
        held, at = notional[has_any], price[has_any]
        if held.size:
            bucket = np.floor(at / around.bucket_size)
            starts = np.concatenate([[0], 1 + np.flatnonzero(bucket[1:] != bucket[:-1])])
            total = np.add.reduceat(held, starts)
            mean = np.add.reduceat(held * at, starts) / total
            rows.append((mean, np.full(total.size, side, dtype=np.int8), total))
    if not rows:
        return no_contributions()
    mean, sides, total = (np.concatenate(column) for column in zip(*rows, strict=True))
    chance = touch_probability(np.abs(np.log(mean / around.reference_price)), deviation)
    order = np.argsort(-total * chance, kind="stable")
    return Contributions(mean[order], sides[order], total[order], chance[order])
