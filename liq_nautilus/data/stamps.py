"""
What the label of a snapshot means: its own moment, or the start of an interval at whose end it was.

Copies of the same day of Binance's `metrics` differ in this, and neither their dates nor their
labels tell. The snapshot does: its value over its quantity is the price of the moment at which it
was taken, but for a difference between mark and last price that hardly changes within a day. So
both moments are held against the bars. The right one leaves a small part of what the price usually
moves in between, the wrong one leaves all of it.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    import numpy.typing as npt

    type FloatArray = npt.NDArray[np.float64]
    type TimeArray = npt.NDArray[np.int64]

# An error below half the usual (median) move is near. Of normal moves 26 % are so by chance; a
# moment is the right one where as many errors are near as chance gives once in 30,000 times.
_NEAR: Final = 0.5
_CHANCE_OF_NEAR: Final = 0.264
_DEVIATIONS: Final = 4.0
# Fewer prices than these tell nothing.
_FEWEST: Final = 6


class Meaning(IntEnum):
    """What a label means."""

    UNDECIDED = -1
    AT_LABEL = 0
    LATER = 1


class Prices(NamedTuple):
    """
    What a price was at some moments.

    Attributes
    ----------
    ts : ndarray of shape (n,)
        The moments (UTC nanoseconds, rising).
    logs : ndarray of shape (n,)
        The logarithms of the prices.

    """

    ts: TimeArray
    logs: FloatArray

    def at(self, ts: TimeArray) -> FloatArray:
        """Return the logarithms at some moments, NaN where none is known."""
        if not len(self.ts):
            return np.full(len(ts), np.nan)
        found = np.minimum(np.searchsorted(self.ts, ts), len(self.ts) - 1)
        return np.where(self.ts[found] == ts, self.logs[found], np.nan)

    def usual_move(self, first_ns: int, last_ns: int, length_ns: int) -> float:
        """Return the median move (log) of a stretch of time within so many nanoseconds."""
        chosen = slice(*np.searchsorted(self.ts, [first_ns, last_ns]))
        ts, logs = self.ts[chosen], self.logs[chosen]
        if len(ts) <= _FEWEST:
            return 0.0
        # A walk moves by the square root of time.
        return float(np.median(np.abs(np.diff(logs)) * np.sqrt(length_ns / np.diff(ts))))


def bar_prices(
    opened: TimeArray, closed: TimeArray, opens: FloatArray, closes: FloatArray
) -> Prices:
    """
    Return the prices at which bars open and close.

    Parameters
    ----------
    opened, closed : ndarray of shape (n,)
        When each bar began and ended (UTC nanoseconds, exclusive).
    opens, closes : ndarray of shape (n,)
        Their prices, > 0. Where one bar follows another, the close counts.

    """
    ts, first = np.unique(np.concatenate([closed, opened]), return_index=True)
    return Prices(ts, np.log(np.concatenate([closes, opens]))[first])


def meanings(
    labels: TimeArray, valued_at: FloatArray, prices: Prices, lead_ns: int
) -> npt.NDArray[np.int8]:
    """
    Return what the labels of a file mean, day by day.

    A day that does not tell means what the nearest day of the file means that does.

    Parameters
    ----------
    labels : ndarray of shape (n_rows,)
        UTC nanoseconds.
    valued_at : ndarray of shape (n_rows,)
        Value over quantity of each row; NaN where it has none.
    prices : Prices
        What the price was.
    lead_ns : int
        How much later than its label a snapshot may have been taken (ns).

    Returns
    -------
    ndarray of shape (n_rows,)
        A `Meaning` for each row.

    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(valued_at)
    days, day_of = np.unique(labels // DAY_NS, return_inverse=True)
    found = np.asarray(
        [
            _meaning(labels[day_of == i], logs[day_of == i], prices, lead_ns)
            for i in range(len(days))
        ],
        dtype=np.int8,
    )
    known = np.flatnonzero(found != Meaning.UNDECIDED)
    if not known.size:
        return np.full(len(labels), Meaning.UNDECIDED, dtype=np.int8)
    nearest = known[np.argmin(np.abs(days[:, None] - days[known]), axis=1)]
    return found[nearest][day_of]


def meaning_beside(
    labels: TimeArray, quantities: FloatArray, known: Mapping[int, float], lead_ns: int
) -> Meaning:
    """
    Return what labels mean given snapshots of which the moment is known.

    Parameters
    ----------
    labels, quantities : ndarray of shape (n_rows,)
        UTC nanoseconds; base units or contracts.
    known : mapping of int to float
        The quantity at each moment that is known.
    lead_ns : int
        How much later than its label a snapshot may have been taken (ns).

    """
    votes: Counter[Meaning] = Counter()
    for label, quantity in zip(labels.tolist(), quantities.tolist(), strict=True):
        at_label, later = known.get(label) == quantity, known.get(label + lead_ns) == quantity
        if at_label != later:
            votes[Meaning.AT_LABEL if at_label else Meaning.LATER] += 1
    return next(iter(votes)) if len(votes) == 1 else Meaning.UNDECIDED


def tally(found: npt.NDArray[np.int8]) -> dict[str, int]:
    """
    Return how many rows have each meaning, by the names of the meanings.

    Examples
    --------
    >>> tally(np.array([0, 0, -1], dtype=np.int8))
    {'undecided': 1, 'at_label': 2}

    """
    return {m.name.lower(): int(n) for m in Meaning if (n := np.count_nonzero(found == m))}


def files_by_meaning(tallies: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """
    Return how many files have rows of each meaning.

    Examples
    --------
    >>> files_by_meaning([{"at_label": 288}, {"later": 200, "undecided": 3}, {"later": 9}])
    {'at_label': 1, 'later': 2, 'undecided': 1}

    """
    counts = Counter(name for one in tallies for name in one)
    return {m.name.lower(): counts[m.name.lower()] for m in sorted(Meaning, key=lambda m: m % 3)}


def _meaning(labels: TimeArray, logs: FloatArray, prices: Prices, lead_ns: int) -> Meaning:
    span = int(labels.min()) - DAY_NS // 2, int(labels.max()) + DAY_NS // 2
    move = prices.usual_move(*span, lead_ns)
    at_label, later = (_errors(logs - prices.at(labels + ahead)) for ahead in (0, lead_ns))
    is_at_label, is_later = _are_near(at_label, move), _are_near(later, move)
    if is_at_label and is_later:
        # In quiet hours the wrong moment is near as well, but not so near.
        sizes = float(np.median(at_label)), float(np.median(later))
        is_at_label, is_later = sizes[0] < _NEAR * sizes[1], sizes[1] < _NEAR * sizes[0]
    if is_at_label == is_later:
        return Meaning.UNDECIDED
    return Meaning.AT_LABEL if is_at_label else Meaning.LATER


def _errors(differences: FloatArray) -> FloatArray:
    # The sizes of errors, but for what they have in common.
    known = differences[np.isfinite(differences)]
    return np.abs(known - np.median(known)) if len(known) else known


def _are_near(errors: FloatArray, move: float) -> bool:
    # Whether errors are small against the usual move.
    n = len(errors)
    if n < _FEWEST or move <= 0.0:
        return False
    near = np.count_nonzero(errors < _NEAR * move)
    spread = np.sqrt(n * _CHANCE_OF_NEAR * (1.0 - _CHANCE_OF_NEAR))
    return bool(near - n * _CHANCE_OF_NEAR >= _DEVIATIONS * spread)
