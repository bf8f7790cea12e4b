"""
What no map of open positions holds, and still is liquidated on the way to a price.

Positions that will be opened: turnover goes on, the more so the farther the price travels, and who
enters near the favourable extreme is liquidated before those who hold now. And a background:
positions whose effective leverage is not that of an isolated position (cross margin, margin added
or drained), spread evenly over the price.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np

from liq_nautilus.core import kernels

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Bars
    from liq_nautilus.core.records import FloatArray

# The log price travelled in an hour of usual turnover; in t hours sqrt(t) as much. Only a unit: the
# share of openings is fitted.
USUAL_PATH = 0.01
_LEAST_DEVIATION = 1e-6


class Market(NamedTuple):
    """
    What is known of the market when the map is read.

    Attributes
    ----------
    price : float
        The current price (quote per base unit, > 0).
    open_interest : float
        Notional (quote); NaN when unknown.
    turnover_per_hour : float
        The fraction of open interest turned over per hour lately.
    volatility : float
        Standard deviation of the log price per hour, of the last hours; NaN when unknown.

    """

    price: float
    open_interest: float
    turnover_per_hour: float
    volatility: float

    @property
    def held(self) -> float:
        """Open interest (quote), of which nothing is expected where it is unknown: 0."""
        return 0.0 if math.isnan(self.open_interest) else self.open_interest

    def opened(self, hours: float, multiple: FloatArray) -> FloatArray:
        """
        Return what is opened per length of path over some hours.

        Parameters
        ----------
        hours : float
            The time it takes (> 0).
        multiple : ndarray of shape (n_tiers,)
            How much faster each tier turns over.

        Returns
        -------
        ndarray of shape (n_tiers,)
            Quote per log price, at weight 1; 0 where open interest is unknown.

        """
        if math.isnan(self.open_interest):
            return np.zeros(multiple.size)
        path = USUAL_PATH * math.sqrt(hours)
        turnover = self.turnover_per_hour * hours
        opened: FloatArray = kernels.opened_per_path(self.open_interest / path, turnover, multiple)
        return opened

    def deviation(self, hours: float) -> float:
        """Return the standard deviation of the log price over some hours; tiny when unknown."""
        found = self.volatility * math.sqrt(hours)
        return max(_LEAST_DEVIATION, found)


class RecentVolatility:
    """
    The volatility of the last bars, from their ranges (Parkinson 1980), older ones weighing less.

    Parameters
    ----------
    half_life_hours : float
        After this time a bar weighs half.

    """

    def __init__(self, half_life_hours: float) -> None:
        self._half_life = half_life_hours
        # Variance and the time it took (hours), weighted.
        self._sums = np.zeros(2)

    def add_bars(self, bars: Bars) -> None:
        """Take in bars in the order in which they came; marks come beside last prices."""
        kernels.trail_ranges(bars, self._half_life, self._sums)

    @property
    def per_hour(self) -> float:
        """The standard deviation of the log price over an hour; NaN before any bar."""
        variance, hours = self._sums.tolist()
        return math.sqrt(variance / hours) if hours > 0.0 else math.nan

    def state(self) -> dict[str, float]:
        """Return everything that changes."""
        variance, hours = self._sums.tolist()
        return {"variance": variance, "hours": hours}

    def restore(self, state: dict[str, float]) -> None:
        """Take over what `state` returned."""
        self._sums[:] = state["variance"], state["hours"]


def swept_length[Price: (float, FloatArray)](
    start: Price, best: Price, worst: Price, ratio: FloatArray
) -> FloatArray:
    """
    Return the length of path on which positions are entered that the path itself liquidates.

    Parameters
    ----------
    start, best, worst : float or ndarray of shape (n, 1)
        Where a path begins and its extremes in favour of and against the side (quote per base
        unit); the one in favour comes first.
    ratio : ndarray of shape (n_tiers,)
        Liquidation price over entry price of each leverage tier, below 1 for longs.

    Returns
    -------
    ndarray of shape (n_tiers,) or (n, n_tiers)
        Log price, >= 0.

    Notes
    -----
    In logarithms, for longs, from open o to high h, then to low l: of a length of
    ``(h - o) + (h - l)`` the entries above ``l + distance`` are swept, on the way up and down.

    """
    favourable, adverse = np.abs(np.log(best / start)), np.abs(np.log(worst / start))
    rest = np.abs(np.log(ratio)) - adverse
    swept_out = np.maximum(favourable - np.maximum(rest, 0.0), 0.0)
    swept_back = np.maximum(favourable - rest, 0.0)
    length: FloatArray = swept_out + swept_back
    return length


def expected_swept_length(adverse: FloatArray, ratio: FloatArray, deviation: float) -> FloatArray:
    """
    Return `swept_length` with the favourable extreme replaced by what volatility lets expect.

    Parameters
    ----------
    adverse : ndarray of shape (n,)
        How far the price goes against the side (log price, >= 0).
    ratio : ndarray of shape (n_tiers,)
        As in `swept_length`.
    deviation : float
        The standard deviation of the log price over the horizon (> 0).

    Returns
    -------
    ndarray of shape (n, n_tiers)
        Log price, >= 0.

    """
    out = np.empty((adverse.size, ratio.size))
    kernels.expected_swept_length(adverse, np.abs(np.log(ratio)), deviation, out)
    return out
