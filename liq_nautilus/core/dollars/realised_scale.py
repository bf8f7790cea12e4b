"""
Lets the map's dollars follow what was liquidated of late.

How much of what lies at a price is liquidated there differs between months by a factor of two to
three. Where realised liquidations come, the ratio of what was liquidated to what the map expected,
hour by hour, moves the scale: slowly, within bounds, and forgetting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from liq_nautilus.core.kernels.arguments import IndexArray
    from liq_nautilus.core.records import FloatArray

# Hours that are kept; sums that come later say nothing any more.
_MOST_WAITING = 96
# Sums may miss a millisecond of an hour.
_WHOLE = 0.999
# A feed of single orders that was silent for so long was off, not without liquidations.
_LONGEST_SILENCE = 6
# Log-price distances at which the curve of an hour is kept: closer where the price is.
DISTANCES: FloatArray = 0.25 * np.linspace(0.0, 1.0, 61) ** 2


class RealisedScale:
    """
    What the map's notional is multiplied with, per side.

    Parameters
    ----------
    half_life_hours : float
        After this time an hour weighs half.
    prior_hours : float
        The scale of 1 weighs as much as so many hours.
    bound : float
        The scale stays between this and its inverse (>= 1).

    Attributes
    ----------
    values : ndarray of shape (2,)
        The scale of longs and of shorts.
    is_following : bool
        Whether any realised liquidations came.

    """

    def __init__(self, half_life_hours: float, prior_hours: float, bound: float) -> None:
        self._keep = 0.5 ** (1.0 / half_life_hours)
        self._prior = prior_hours
        self._bound = bound
        self.values = np.ones(2)
        self.is_following = False
        # Realised and expected notional and hours, weighted, of each side.
        self._sums = np.zeros((3, 2))
        # By hour: expected, realised and the share of the hour that realised sums cover.
        self._waiting: dict[int, FloatArray] = {}
        self._hour = -1
        self._price = 0.0
        self._reach = np.zeros(2)
        self._curve = np.zeros((2, DISTANCES.size))
        self._newest_order = -1

    def hours(self, times: IndexArray) -> Iterator[slice]:
        """Yield runs of bars (opening and closing times, shape (n, 2), ns) opening in one hour."""
        if not self.is_following:
            yield slice(0, len(times))
            return
        hour = times[:, 0] // HOUR_NS
        cuts = np.flatnonzero(np.diff(hour)) + 1
        for begin, end in zip((0, *cuts), (*cuts, len(times)), strict=True):
            yield slice(int(begin), int(end))

    def needs_curve(self, ts: int) -> bool:
        """Return whether an hour begins for which what is expected must be noted."""
        return self.is_following and ts // HOUR_NS > self._hour

    def begin_hour(self, ts: int, price: float, curve: FloatArray) -> None:
        """
        Note what is expected as an hour begins.

        Parameters
        ----------
        ts : int
            UTC ns.
        price : float
            The current price (quote per base unit).
        curve : ndarray of shape (2, n)
            The notional expected, unscaled, to be liquidated of longs and of shorts on a move
            against them to the distances of `DISTANCES` (quote).

        """
        self._close_hour()
        self._hour = ts // HOUR_NS
        self._price, self._curve = price, curve
        self._reach = np.zeros(2)

    def note_path(self, low: float, high: float) -> None:
        """Take in that the price went from `low` to `high` in the hour (quote per base unit)."""
        if self._hour < 0:
            return
        reach = np.log([self._price / low, high / self._price])
        self._reach = np.maximum(self._reach, reach)

    def add_sum(self, side: int, notional: float, ts_from: int, ts_to: int) -> None:
        """
        Take in all that was liquidated of one side in an interval, spread evenly over it.

        Parameters
        ----------
        side : int
            0 long, 1 short.
        notional : float
            Quote.
        ts_from, ts_to : int
            UTC ns; the end is exclusive.

        """
        self.is_following = True
        for hour in range(ts_from // HOUR_NS, (ts_to - 1) // HOUR_NS + 1):
            begin, end = max(ts_from, hour * HOUR_NS), min(ts_to, (hour + 1) * HOUR_NS)
            share = (end - begin) / HOUR_NS
            row = self._row(hour)
            row[1, side] += notional * (end - begin) / (ts_to - ts_from)
            row[2, side] += share
            self._settle(hour, side)

    def add_order(self, side: int, notional: float, ts: int) -> None:
        """Take in a single order, made up for those its feed leaves out; see `add_sum`."""
        self.is_following = True
        hour = ts // HOUR_NS
        # Since a later order came, the hours before are over.
        if 0 <= hour - self._newest_order <= _LONGEST_SILENCE:
            for past in range(self._newest_order, hour):
                self._row(past)[2] = 1.0
                for index in range(2):
                    self._settle(past, index)
        self._newest_order = max(self._newest_order, hour)
        self._row(hour)[1, side] += notional

    def state(self) -> dict[str, Any]:
        """Return everything that changes; its size does not."""
        hours = np.full(_MOST_WAITING, -1, dtype=np.int64)
        rows = np.zeros((_MOST_WAITING, 3, 2))
        for i, (hour, row) in enumerate(self._waiting.items()):
            hours[i], rows[i] = hour, row
        return {
            "values": self.values.copy(),
            "is_following": self.is_following,
            "sums": self._sums.copy(),
            "hours": hours,
            "rows": rows,
            "hour": self._hour,
            "price": self._price,
            "reach": self._reach.copy(),
            "curve": self._curve.copy(),
            "newest_order": self._newest_order,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.values[:] = state["values"]
        self.is_following = bool(state["is_following"])
        self._sums = np.array(state["sums"])
        rows = zip(state["hours"].tolist(), state["rows"], strict=True)
        self._waiting = {hour: np.array(row) for hour, row in rows if hour >= 0}
        self._hour = int(state["hour"])
        self._price = float(state["price"])
        self._reach = np.array(state["reach"])
        self._curve = np.array(state["curve"])
        self._newest_order = int(state["newest_order"])

    def _row(self, hour: int) -> FloatArray:
        # Expected (NaN: not known yet), realised, covered; each of both sides.
        if hour not in self._waiting:
            self._waiting[hour] = np.array([[np.nan, np.nan], [0.0, 0.0], [0.0, 0.0]])
            while len(self._waiting) > _MOST_WAITING:
                del self._waiting[min(self._waiting)]
        return self._waiting[hour]

    def _close_hour(self) -> None:
        if self._hour < 0:
            return
        row = self._row(self._hour)
        for side in range(2):
            row[0, side] = np.interp(self._reach[side], DISTANCES, self._curve[side])
            self._settle(self._hour, side)

    def _settle(self, hour: int, side: int) -> None:
        expected, realised, covered = self._waiting[hour][:, side]
        if covered < _WHOLE or not expected > 0.0:
            return
        # Counted once: an hour is over when both are known.
        self._waiting[hour][0, side] = np.nan
        sums = self._sums[:, side]
        sums *= self._keep
        sums += (realised, expected, 1.0)
        ratio = sums[0] / sums[1]
        scale = (sums[2] * ratio + self._prior) / (sums[2] + self._prior)
        self.values[side] = min(max(scale, 1.0 / self._bound), self._bound)
