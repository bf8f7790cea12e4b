"""Bars that did not come by themselves are fetched, so that a lost stream leaves no hole."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

from liq_nautilus.nautilus.live.feeds.fetching import length_ns
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.data import BarType


class MissingBars(NamedTuple):
    """
    Bars that should have come.

    Attributes
    ----------
    bar_type : BarType
        Of which type.
    start_ns : int
        When the first one opened (UTC nanoseconds).

    """

    bar_type: BarType
    start_ns: int


class BarGuard:
    """
    Knows which bar is due.

    Parameters
    ----------
    bar_types : list of BarType
        What is watched.
    grace_secs : float
        How long after its close a bar may come by itself (seconds).
    ts_now : int
        Since when (UTC nanoseconds): the bar that is open then is the first one due.

    """

    def __init__(self, bar_types: list[BarType], grace_secs: float, ts_now: int) -> None:
        self._grace_ns = round(grace_secs * SECOND_NS)
        self._lengths = {bar_type: length_ns(bar_type) for bar_type in bar_types}
        # When the bar that is waited for opened.
        self._opened = {
            bar_type: ts_now // length * length for bar_type, length in self._lengths.items()
        }

    @property
    def bar_types(self) -> tuple[BarType, ...]:
        """What is watched."""
        return tuple(self._lengths)

    def see(self, bar: Bar) -> None:
        """Note a bar that came."""
        length = self._lengths.get(bar.bar_type)
        if length is not None:
            # A bar is stamped in the last millisecond before its end.
            opened = bar.ts_event // length * length + length
            self._opened[bar.bar_type] = max(self._opened[bar.bar_type], opened)

    def missing(self, ts_now: int) -> list[MissingBars]:
        """Return what is overdue at a time (UTC nanoseconds)."""
        return [
            MissingBars(bar_type, opened)
            for bar_type, opened in self._opened.items()
            if ts_now >= opened + self._lengths[bar_type] + self._grace_ns
        ]
