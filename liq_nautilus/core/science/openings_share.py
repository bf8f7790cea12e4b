"""
What no map at the start of an interval can hold, predicted from the path.

Positions opened on the way: turnover goes on, the more so the farther the price travels, along a
path of which open, high and low are given: the favourable extreme first, then the adverse one. And
a background: positions whose effective leverage is not that of an isolated position (cross margin,
margin added or drained), spread evenly over the price. Neither needs any input from inside the
interval but the path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.expected_openings import USUAL_PATH
from liq_nautilus.core.expected_openings import swept_length as swept_on_path
from liq_nautilus.core.records import LONG

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import IntervalPaths

# The background's density is this part of open interest per log price; also only a unit.
_BACKGROUND = 3.0


def swept_length(paths: IntervalPaths, side: int, ratio: FloatArray) -> FloatArray:
    """
    Return the length of path on which positions are entered that the path itself liquidates.

    Parameters
    ----------
    paths : IntervalPaths
        The intervals.
    side : int
        +1 long, -1 short.
    ratio : ndarray of shape (n_tiers,)
        Liquidation price over entry price of each leverage tier.

    Returns
    -------
    ndarray of shape (n, n_tiers)
        Log price, >= 0.

    See Also
    --------
    core.expected_openings.swept_length : The same of one path.

    """
    best, worst = (paths.high, paths.low) if side == LONG else (paths.low, paths.high)
    return swept_on_path(paths.open[:, None], best[:, None], worst[:, None], ratio)


def opened_and_swept(
    paths: IntervalPaths,
    side: int,
    ratio: FloatArray,
    open_interest: FloatArray,
    turnover: FloatArray,
    multiple: FloatArray,
) -> FloatArray:
    """
    Return the notional opened inside each interval and liquidated in it, per tier at weight 1.

    Parameters
    ----------
    paths : IntervalPaths
        The intervals.
    side : int
        +1 long, -1 short.
    ratio : ndarray of shape (n_tiers,)
        Liquidation price over entry price.
    open_interest : ndarray of shape (n,)
        At the start (quote); NaN counts as none.
    turnover : ndarray of shape (n,)
        The fraction of open interest turned over per hour, as known at the start.
    multiple : ndarray of shape (n_tiers,)
        How much faster each tier turns over.

    Returns
    -------
    ndarray of shape (n, n_tiers)
        Quote.

    """
    opened = np.nan_to_num(open_interest)[:, None] * (
        1.0 - np.exp(-(turnover * paths.hours)[:, None] * multiple[None, :])
    )
    usual = USUAL_PATH * np.sqrt(paths.hours)[:, None]
    swept: FloatArray = opened * swept_length(paths, side, ratio) / usual
    return swept


def background(paths: IntervalPaths, side: int, open_interest: FloatArray) -> FloatArray:
    """
    Return what an even spread of positions over the price holds in the swept range.

    Parameters
    ----------
    paths : IntervalPaths
        The intervals.
    side : int
        +1 long, -1 short.
    open_interest : ndarray of shape (n,)
        At the start (quote); NaN counts as none.

    Returns
    -------
    ndarray of shape (n,)
        Quote, in a unit that its fitted weight makes good.

    """
    held: FloatArray = _BACKGROUND * np.nan_to_num(open_interest) * paths.adverse(side)
    return held
