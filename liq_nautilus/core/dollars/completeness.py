"""How much a feed leaves out that shows one liquidation a second, told by one that shows all."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import TimeArray

# By orders shown in a minute up to and with the one in question: 1, 2, 3-4, 5-8, ..., 33-60.
_MOST_SHOWN: Final = (1, 2, 4, 8, 16, 32, 60)
_MINUTE_SECONDS: Final = MINUTE_NS // SECOND_NS
# A share of fewer seconds would be that of single cascades, not of the feed.
LEAST_SECONDS: Final = 30


class ShownPart(NamedTuple):
    """
    What a thinned feed would have shown of a complete one, at one intensity.

    Attributes
    ----------
    n_shown : int
        The intensity: at most so many orders shown in a minute.
    total, shown : float
        Notional of all liquidations and of those it would have shown (quote).
    n_seconds : int
        Seconds with a liquidation that both were summed over.

    """

    n_shown: int
    total: float
    shown: float
    n_seconds: int

    @property
    def share(self) -> float:
        """The share that is shown, in (0, 1]; NaN where too little was heard to tell."""
        if self.n_seconds < LEAST_SECONDS or not self.total > 0.0:
            return math.nan
        return self.shown / self.total


class Completeness:
    """
    The share of liquidations that a feed of the largest one a second shows, by intensity.

    A complete feed is thinned by that rule, and what is left is compared with the whole, second by
    second. The intensity is the number of orders the thinned feed would have shown in the minute
    that ends with the second: that much can be seen of such a feed elsewhere, at once.
    """

    def __init__(self) -> None:
        n = len(_MOST_SHOWN)
        # Per intensity: notional of all orders and of those shown, and seconds.
        self._sums = np.zeros((2, n))
        self._n_seconds = np.zeros(n, dtype=np.int64)
        self._changed: set[int] = set()
        self._recent = _Minute()
        # The second that is open: its number, all of it and the largest order.
        self._second = -1
        self._total = self._largest = 0.0

    def add(self, notional: float, ts: int) -> None:
        """
        Take in one liquidation of the complete feed.

        Parameters
        ----------
        notional : float
            Quote, > 0.
        ts : int
            When it happened (UTC nanoseconds). One of a second that is over is left out.

        """
        second = ts // SECOND_NS
        if second < self._second:
            return
        if second > self._second:
            self._close()
            self._second = second
        self._total += notional
        self._largest = max(self._largest, notional)

    def changes(self) -> list[ShownPart]:
        """Return what has changed since the last call, of seconds that are over."""
        changed, self._changed = sorted(self._changed), set()
        return [self._part(column) for column in changed]

    def share(self, n_shown: int) -> float:
        """
        Return the share shown at an intensity, of seconds that are over.

        Parameters
        ----------
        n_shown : int
            How many orders the thinned feed shows in a minute (>= 1).

        Returns
        -------
        float
            In (0, 1]; NaN where too little was heard to tell.

        Examples
        --------
        >>> heard = Completeness()
        >>> for minute in range(31):
        ...     for notional in (60.0, 20.0):
        ...         heard.add(notional, minute * 60_000_000_000)
        >>> heard.share(1), heard.share(2)
        (0.75, nan)

        """
        return self._part(_column_of(n_shown)).share

    def resume(self, parts: Iterable[ShownPart]) -> None:
        """Go on from what `changes` of another one returned."""
        for part in parts:
            column = _column_of(part.n_shown)
            self._sums[:, column] = part.total, part.shown
            self._n_seconds[column] = part.n_seconds

    def _part(self, column: int) -> ShownPart:
        total, shown = self._sums[:, column].tolist()
        return ShownPart(_MOST_SHOWN[column], total, shown, int(self._n_seconds[column]))

    def _close(self) -> None:
        if not self._total:
            return
        column = _column_of(self._recent.note(self._second))
        self._sums[:, column] += self._total, self._largest
        self._n_seconds[column] += 1
        self._changed.add(column)
        self._total = self._largest = 0.0


class ShownShares:
    """
    What is known of a thinned feed that is heard: its intensity, and the share it shows at it.

    Nothing is known before `note` was told what a complete feed says of such feeds.
    """

    def __init__(self) -> None:
        self._parts: dict[int, ShownPart] = {}
        self._recent = _Minute()

    @property
    def parts(self) -> tuple[ShownPart, ...]:
        """What was told, by rising intensity."""
        return tuple(self._parts[column] for column in sorted(self._parts))

    def note(self, part: ShownPart) -> None:
        """Take in what was measured, in place of what was told of the same intensity before."""
        self._parts[_column_of(part.n_shown)] = part

    def share_of_order(self, ts: int) -> float:
        """
        Count an order and return which share of all liquidations it and its like are.

        Parameters
        ----------
        ts : int
            Its time (UTC nanoseconds), not before that of the last one.

        Returns
        -------
        float
            In (0, 1]; NaN where it is not known.

        """
        part = self._parts.get(_column_of(self._recent.note(ts // SECOND_NS)))
        return math.nan if part is None else part.share

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {
            "parts": [list(part) for part in self.parts],
            "recent": list(self._recent.seconds),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self._parts = {}
        for n_shown, total, shown, n_seconds in state["parts"]:
            self.note(ShownPart(int(n_shown), float(total), float(shown), int(n_seconds)))
        self._recent.seconds = deque(int(second) for second in state["recent"])


def shares_of_orders(ts: TimeArray, told: Iterable[tuple[int, ShownPart]]) -> FloatArray:
    """
    Return which share of all liquidations each order of a thinned feed stands for.

    Parameters
    ----------
    ts : ndarray of shape (n,)
        The orders' times (UTC nanoseconds), rising.
    told : iterable of tuple
        When something was measured (UTC nanoseconds, rising), and what.

    Returns
    -------
    ndarray of shape (n,)
        As a tracker that hears both would take them: in (0, 1]; NaN where it is not known yet.

    """
    shares, waiting = ShownShares(), deque(told)
    found = np.empty(ts.size)
    for i, moment in enumerate(ts.tolist()):
        while waiting and waiting[0][0] <= moment:
            shares.note(waiting.popleft()[1])
        found[i] = shares.share_of_order(moment)
    return found


class _Minute:
    # The different seconds of the last minute in which an order was shown.
    def __init__(self) -> None:
        self.seconds: deque[int] = deque()

    def note(self, second: int) -> int:
        seconds = self.seconds
        if not seconds or second > seconds[-1]:
            seconds.append(second)
        while seconds[0] <= seconds[-1] - _MINUTE_SECONDS:
            seconds.popleft()
        return len(seconds)


def _column_of(n_shown: int) -> int:
    return min(math.ceil(math.log2(n_shown)), len(_MOST_SHOWN) - 1)
