"""What a value must reach to belong to the highest of the last days."""

from __future__ import annotations

import math
from typing import Any
from typing import Final

import numpy as np

from liq_nautilus.times import HOUR_NS

_SLOT_NS: Final = HOUR_NS // 2
# Three days, one value for each half hour.
_N_SLOTS: Final = 144
# A shorter time, or fewer values, say nothing about what is high: a day, also of four hours each.
_LEAST_SLOTS: Final = 48
_FEWEST: Final = 6


class TrailingThreshold:
    """
    A quantile of a value over the last three days, each half hour counting once.

    Parameters
    ----------
    level : float
        Of the quantile, in (0, 1).

    """

    def __init__(self, level: float) -> None:
        self._level = level
        self._values = np.full(_N_SLOTS, np.nan)
        self._newest = 0
        # That of the slots before the newest, computed once.
        self._value = math.nan
        self._value_slot = -1

    def add(self, value: float, ts: int) -> None:
        """Take in the value at a time (UTC ns); within half an hour the last one stays."""
        slot = ts // _SLOT_NS
        if slot > self._newest:
            first = max(self._newest + 1, slot - _N_SLOTS + 1)
            self._values[np.arange(first, slot + 1) % _N_SLOTS] = np.nan
            self._newest = slot
        self._values[slot % _N_SLOTS] = value

    def value(self, ts: int) -> float:
        """Return the quantile of the half hours before a time (UTC ns); infinite before a day."""
        slot = ts // _SLOT_NS
        if slot != self._value_slot:
            self._value, self._value_slot = self._quantile(slot), slot
        return self._value

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {"values": self._values.copy(), "newest": self._newest}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self._values[:] = state["values"]
        self._newest = int(state["newest"])
        self._value_slot = -1

    def _quantile(self, slot: int) -> float:
        numbers = np.arange(max(slot, self._newest + 1) - _N_SLOTS, min(slot, self._newest + 1))
        values = self._values[numbers % _N_SLOTS]
        known = np.flatnonzero(np.isfinite(values))
        if known.size < _FEWEST or slot - numbers[known[0]] < _LEAST_SLOTS:
            return math.inf
        # As `numpy.quantile` has it, which takes ten times as long.
        place = self._level * (known.size - 1)
        return float(np.interp(place, np.arange(known.size), np.sort(values[known])))
