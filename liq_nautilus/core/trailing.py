"""Trailing statistics that forget: their work and memory do not grow with the history."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from liq_nautilus.core.records import FloatArray

# Ten bins per decade from 1 to 10^14 of whatever is counted.
BINS_PER_DECADE = 10
_N_BINS = 140
# Fewer observations than this say nothing about what is usual.
_FEWEST = 30.0
_NOTHING = np.zeros(_N_BINS)


class TrailingDistribution:
    """
    The distribution of positive values seen lately, older ones weighing less.

    Parameters
    ----------
    half_life_hours : float
        After this time an observation weighs half.

    """

    def __init__(self, half_life_hours: float) -> None:
        self._half_life_ns = half_life_hours * HOUR_NS
        self._weights = np.zeros(_N_BINS)
        self._count = 0.0
        self._ts = 0

    def add(self, values: FloatArray, ts: int) -> None:
        """Take in values (shape (n,)) seen at a time (ns)."""
        decay = 0.5 ** ((ts - self._ts) / self._half_life_ns) if self._count else 1.0
        self._ts = ts
        self._count += kernels.add_to_histogram(self._weights, decay, values, BINS_PER_DECADE)

    def rank(self, values: FloatArray) -> FloatArray:
        """
        Return the share of trailing values that were smaller, shape (n,); 0 with too little seen.

        Within a bin of a tenth of a decade, ties count half.
        """
        ranks = np.empty(values.shape)
        kernels.rank_in_histogram(self.usual, values, BINS_PER_DECADE, ranks)
        return ranks

    @property
    def usual(self) -> FloatArray:
        """The histogram that values are ranked in; all 0 with too little seen."""
        return self._weights if self._count >= _FEWEST else _NOTHING

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {"weights": self._weights.copy(), "count": self._count, "ts": self._ts}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self._weights[:] = state["weights"]
        self._count = float(state["count"])
        self._ts = int(state["ts"])


class TrailingRate:
    """
    The exponentially weighted rate per hour at which something accrues.

    Attributes
    ----------
    sums : ndarray of shape (2,)
        For `kernels.accrue`: what accrued and the time it took (ns), both weighted.

    """

    def __init__(self) -> None:
        self.sums = np.zeros(2)

    @property
    def per_hour(self) -> float:
        """The rate; NaN before anything came."""
        amount, time = self.sums.tolist()
        return amount / time * HOUR_NS if time > 0.0 else math.nan

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {"sums": self.sums.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.sums[:] = state["sums"]


class Freshness:
    """
    How fresh one input is, judged by its own rhythm.

    Parameters
    ----------
    usual_ns : int
        The interval between updates to expect until it is known.
    stale_intervals : float
        An input this many intervals old is worth nothing.

    """

    def __init__(self, usual_ns: int, stale_intervals: float) -> None:
        self._interval = float(usual_ns)
        self._stale_intervals = stale_intervals
        self._ts: int | None = None
        self._changed: int | None = None
        self._value = math.nan

    def add(self, ts: int, value: float = math.nan) -> None:
        """Take in an update (ns) and, where a frozen value matters, its value."""
        if self._ts is not None and ts > self._ts:
            # A gap is no new rhythm.
            step = min(float(ts - self._ts), 2.0 * self._interval)
            self._interval += 0.2 * (step - self._interval)
        self._ts = ts if self._ts is None else max(ts, self._ts)
        if value != self._value or self._changed is None:
            self._changed = ts
            self._value = value

    def add_all(self, times: Iterable[int]) -> None:
        """Take in updates (ns) without values."""
        newest, interval = self._ts, self._interval
        for ts in times:
            if newest is None:
                newest = ts
            elif ts > newest:
                # A gap is no new rhythm.
                step = min(float(ts - newest), 2.0 * interval)
                interval += 0.2 * (step - interval)
                newest = ts
            self._changed = ts
        self._ts, self._interval = newest, interval

    def score(self, ts: int, frozen_ns: float = math.inf) -> float:
        """Return 1 while fresh, falling to 0 when stale, or frozen for longer than `frozen_ns`."""
        if self._ts is None or self._changed is None:
            return 0.0
        if ts - self._changed > frozen_ns:
            return 0.0
        age = (ts - self._ts) / self._interval
        slope = max(self._stale_intervals - 2.0, 1e-9)
        return min(1.0, max(0.0, 1.0 - (age - 2.0) / slope))

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {
            "interval": self._interval,
            "ts": self._ts,
            "changed": self._changed,
            "value": self._value,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self._interval = float(state["interval"])
        self._ts = state["ts"]
        self._changed = state["changed"]
        self._value = float(state["value"])
