"""How much a feed leaves out that shows one liquidation a second, told by one that shows all."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import SECOND_NS

# By orders shown in a minute: 1, 2, 3-4, 5-8, 9-16, 17-32, 33-60.
_N_CLASSES: Final = 7


class Completeness:
    """
    The share of liquidations that a feed of the largest one a second shows, by intensity.

    A complete feed is thinned by that rule, and what is left compared with the whole, minute by
    minute. The intensity is the number of orders the thinned feed would show in the minute: that
    much can be seen of such a feed elsewhere.
    """

    def __init__(self) -> None:
        # Per class: notional of all orders, and of those shown.
        self._sums = np.zeros((2, _N_CLASSES))
        # Of the minute that is open: its number, and per second all and the largest.
        self._minute = -1
        self._seconds: dict[int, tuple[float, float]] = {}

    def add(self, notional: float, ts: int) -> None:
        """
        Take in one liquidation of the complete feed.

        Parameters
        ----------
        notional : float
            Quote, > 0.
        ts : int
            When it happened (UTC nanoseconds). One of a minute that is over is left out.

        """
        minute = ts // MINUTE_NS
        if minute < self._minute:
            return
        if minute > self._minute:
            self._close()
            self._minute = minute
        total, largest = self._seconds.get(ts // SECOND_NS, (0.0, 0.0))
        self._seconds[ts // SECOND_NS] = (total + notional, max(largest, notional))

    def factor(self, n_shown: int) -> float:
        """
        Return by how much the notional shown is to be multiplied, of minutes that are over.

        Parameters
        ----------
        n_shown : int
            How many orders the thinned feed shows in a minute (>= 1).

        Returns
        -------
        float
            At least 1; NaN where no such minute was heard.

        Examples
        --------
        >>> heard = Completeness()
        >>> for notional, second in ((60.0, 0), (20.0, 0), (40.0, 30), (10.0, 60)):
        ...     heard.add(notional, second * 1_000_000_000)
        >>> heard.factor(2), heard.factor(1)
        (1.2, nan)

        """
        total, shown = self._sums[:, _class_of(n_shown)].tolist()
        return total / shown if shown > 0.0 else math.nan

    def _close(self) -> None:
        if not self._seconds:
            return
        column = _class_of(len(self._seconds))
        self._sums[:, column] += np.sum(list(self._seconds.values()), axis=0)
        self._seconds.clear()


def _class_of(n_shown: int) -> int:
    return min(math.ceil(math.log2(n_shown)), _N_CLASSES - 1)
