"""
The days a map goes through, each with a fingerprint of all it was computed from.

A map is begun anew with each month, warmed up by the days before it: so no moment needs more than a
month and its warm-up to be followed, however long the data are, and what an older day says changes
nothing of the months it does not reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.core.feed import WARM_UP_DAYS
from liq_nautilus.queries.derived.day_prints import print_of
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from liq_nautilus.queries.derived.day_prints import DayPrint

# After so long without open interest nothing of the map before is left: positions turn over within
# days.
GAP_DAYS: Final = int(WARM_UP_DAYS)


class KeptDay(NamedTuple):
    """
    A day of the map's history.

    Attributes
    ----------
    day : int
        Since 1970.
    digest : str
        Of all it was computed from, the days before included.
    warm_up : int
        So many of the days before it are what the map is warmed up by that begins with it; -1 if
        the map of the day before goes on.

    """

    day: int
    digest: str
    warm_up: int = -1

    @property
    def is_first(self) -> bool:
        """Whether a map begins with it."""
        return self.warm_up >= 0

    @property
    def name(self) -> str:
        """The ISO date."""
        return str(np.datetime64(self.day, "D"))

    @property
    def start_ns(self) -> int:
        """When it begins (UTC ns)."""
        return self.day * DAY_NS


def days_of(prints: dict[int, DayPrint]) -> list[KeptDay]:
    """
    Return the days a map goes through, gaps included, each with what it depends on.

    Parameters
    ----------
    prints : dict of int to DayPrint
        By day since 1970.

    """
    counted = [day for day, print_ in prints.items() if print_.has_open_interest]
    days: list[KeptDay] = []
    start = 0
    for index, first in enumerate(counted):
        is_first = not index or first - counted[index - 1] > GAP_DAYS
        if is_first:
            start = first
            days.append(KeptDay(first, _link("", prints, first), 0))
        else:
            _extend(days, start, first, prints)
    if days and (after := [day for day in prints if 0 < day - days[-1].day <= GAP_DAYS]):
        _extend(days, start, max(after), prints)
    return days


def _extend(days: list[KeptDay], start: int, until: int, prints: dict[int, DayPrint]) -> None:
    # `start` is the day before which nothing is left of an earlier map.
    for day in range(days[-1].day + 1, until + 1):
        before, warm_up = days[-1].digest, -1
        if _month(day) != _month(day - 1):
            warm_up, before = min(day - start, GAP_DAYS), ""
            for earlier in range(day - warm_up, day):
                before = _link(before, prints, earlier)
        days.append(KeptDay(day, _link(before, prints, day), warm_up))


def _month(day: int) -> str:
    return str(np.datetime64(day, "D"))[: len("2026-01")]


def _link(before: str, prints: dict[int, DayPrint], day: int) -> str:
    own = prints[day].digest if day in prints else ""
    return print_of(f"{before} {day} {own}".encode())
