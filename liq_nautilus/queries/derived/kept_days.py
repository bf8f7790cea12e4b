"""The days a map goes through, each with a fingerprint of all it was computed from."""

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
    is_first : bool
        Whether the map begins with it.

    """

    day: int
    digest: str
    is_first: bool

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
    for index, first in enumerate(counted):
        is_first = not index or first - counted[index - 1] > GAP_DAYS
        if is_first:
            days.append(KeptDay(first, _link("", prints, first), is_first=True))
        else:
            _extend(days, first, prints)
    if days and (after := [day for day in prints if 0 < day - days[-1].day <= GAP_DAYS]):
        _extend(days, max(after), prints)
    return days


def _extend(days: list[KeptDay], until: int, prints: dict[int, DayPrint]) -> None:
    for day in range(days[-1].day + 1, until + 1):
        days.append(KeptDay(day, _link(days[-1].digest, prints, day), is_first=False))


def _link(before: str, prints: dict[int, DayPrint], day: int) -> str:
    own = prints[day].digest if day in prints else ""
    return print_of(f"{before} {day} {own}".encode())
