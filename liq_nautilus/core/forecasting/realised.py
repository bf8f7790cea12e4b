"""Realised liquidations of the last days: totals over any horizon, and what amount is unusual."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.records import LONG
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray

BIN_NS = HOUR_NS // 12
# Three days of totals over a day.
_MEMORY_NS = 72 * HOUR_NS
_N_BINS = (_MEMORY_NS + 25 * HOUR_NS) // BIN_NS
# Amounts are called unusual from this quantile of the totals that ended lately,
UNUSUAL_QUANTILE = 0.9
# of which at least a day must be there.
_LEAST_NS = 24 * HOUR_NS
# Single orders have no interval of their own: their totals are looked at every half hour.
_ORDERS_STEP_NS = HOUR_NS // 2
# Sums that are this many of their intervals late are no longer coming.
_LATE_INTERVALS = 3


class RealisedTotals:
    """
    Liquidated notional of longs, of shorts and of both, in bins of five minutes.

    Memory is fixed: four days. What is known reaches to the end of the newest interval where sums
    over intervals come, and to the present where single orders do.

    Attributes
    ----------
    through : int
        Until when liquidations are known (UTC ns); 0 before any came.

    """

    def __init__(self) -> None:
        self._bins = np.zeros((2, _N_BINS))
        self._newest = 0
        self._since = 0
        self._span = 0
        self.through = 0
        self._thresholds: dict[int, tuple[int, FloatArray]] = {}

    def add(self, side: int, notional: float, ts_from: int, ts_to: int) -> None:
        """
        Take in the liquidated notional of one side, spread evenly over its interval.

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        notional : float
            Quote.
        ts_from, ts_to : int
            UTC ns; equal for a single order.

        """
        self._forget_until(ts_to)
        if not self._since:
            self._since = ts_from
        if ts_to > ts_from:
            self._span = ts_to - ts_from
        self.through = max(self.through, ts_to)
        last = max(ts_to - 1, ts_from) // BIN_NS
        first = max(ts_from // BIN_NS, self._newest - _N_BINS + 1)
        share = notional / (last - ts_from // BIN_NS + 1)
        self._bins[0 if side == LONG else 1, np.arange(first, last + 1) % _N_BINS] += share

    def is_known(self, ts: int) -> bool:
        """Return whether liquidations have come for a day and still come (UTC ns)."""
        if not self.through or self.through - self._since < _LEAST_NS:
            return False
        return ts - self.through <= _LATE_INTERVALS * max(self._span, _ORDERS_STEP_NS)

    def total(self, ts_from: int, ts_to: int) -> FloatArray:
        """
        Return what was liquidated in a stretch of the last four days.

        Parameters
        ----------
        ts_from, ts_to : int
            UTC ns, taken back to whole bins.

        Returns
        -------
        ndarray of shape (3,)
            Of longs, of shorts and of both (quote).

        """
        numbers = np.arange(ts_from // BIN_NS, ts_to // BIN_NS)
        kept = numbers[(numbers > self._newest - _N_BINS) & (numbers <= self._newest)]
        return _with_both(self._bins[:, kept % _N_BINS].sum(axis=1))

    def unusual(self, horizon_ns: int) -> FloatArray:
        """
        Return the total over a horizon from which on it is unusual.

        That is the 90th percentile of the totals over the same horizon that ended in the 72 hours
        before what is known ends, one for each interval of the sums (or each half hour).

        Parameters
        ----------
        horizon_ns : int
            Nanoseconds.

        Returns
        -------
        ndarray of shape (3,)
            Of longs, of shorts and of both (quote); NaN with less than 24 hours of them.

        """
        kept = self._thresholds.get(horizon_ns)
        if kept is not None and kept[0] == self.through:
            return kept[1]
        found = self._unusual(horizon_ns)
        self._thresholds[horizon_ns] = (self.through, found)
        return found

    def _unusual(self, horizon_ns: int) -> FloatArray:
        step = self._span or _ORDERS_STEP_NS
        first = max(self._since + horizon_ns, self.through - _MEMORY_NS + 1)
        ends = np.arange(self.through, first - 1, -step)
        if self.through - first < _LEAST_NS or not ends.size:
            return np.full(3, np.nan)
        oldest = int(ends[-1]) - horizon_ns
        numbers = np.arange(oldest // BIN_NS, self.through // BIN_NS)
        sums = np.zeros((2, numbers.size + 1))
        np.cumsum(self._bins[:, numbers % _N_BINS], axis=1, out=sums[:, 1:])
        end = ends // BIN_NS - numbers[0]
        begin = (ends - horizon_ns) // BIN_NS - numbers[0]
        totals = _with_both(sums[:, end] - sums[:, begin])
        quantile: FloatArray = np.quantile(totals, UNUSUAL_QUANTILE, axis=1)
        return quantile

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {
            "bins": self._bins.copy(),
            "newest": self._newest,
            "since": self._since,
            "span": self._span,
            "through": self.through,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self._bins[:] = state["bins"]
        self._newest = int(state["newest"])
        self._since = int(state["since"])
        self._span = int(state["span"])
        self.through = int(state["through"])
        self._thresholds.clear()

    def _forget_until(self, ts: int) -> None:
        newest = ts // BIN_NS
        if newest > self._newest:
            first = max(self._newest + 1, newest - _N_BINS + 1)
            self._bins[:, np.arange(first, newest + 1) % _N_BINS] = 0.0
            self._newest = newest


def _with_both(sums: FloatArray) -> FloatArray:
    return np.concatenate([sums, sums.sum(axis=0, keepdims=True)])
