"""
How good a series is: gaps, impossible values, outliers, frozen stretches, bars without volume.

Everything here is arrays in, counts out; where the series comes from does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    type FloatArray = npt.NDArray[np.float64]
    type TimeArray = npt.NDArray[np.int64]
    type Mask = npt.NDArray[np.bool_]

# A step this many robust standard deviations (1.4826 x median absolute deviation) away from the
# median step is an outlier. Market data has fat tails: ten are reached in an ordinary month.
OUTLIER_DEVIATIONS: Final = 40.0
# A value that stays exactly equal so long, and for so many rows, is frozen.
FROZEN_NS: Final = 2 * HOUR_NS
_FROZEN_ROWS: Final = 3
_MAD_TO_DEVIATION: Final = 1.4826
# A bar without volume is a fact about the market or its source: it weighs less than a fault.
_ZERO_VOLUME_WEIGHT: Final = 0.25


@dataclass(frozen=True, slots=True)
class Samples:
    """
    A series to be judged.

    Attributes
    ----------
    ts : ndarray of shape (n_rows,)
        The time each row stands for (UTC nanoseconds), in stored order.
    step_ns : int
        The distance of rows; 0 when they come as they come, -1 when it is the usual one of the day.
    steps_of : ndarray of shape (n_rows,), optional
        The value whose relative steps are looked at for outliers and frozen stretches; positive.
    can_freeze : bool
        Whether an unchanged value is suspicious.
    is_impossible : ndarray of shape (n_rows,), optional
        Which rows cannot be true.
    volume : ndarray of shape (n_rows,), optional
        The traded volume.
    stated_steps : ndarray of shape (n_rows,), optional
        The distance to the next row as each row states it (ns); 0 where it states none.
    n_behind : ndarray of shape (n_rows,), optional
        How many rows of the series each row here stands for; one by default.
    n_absent : ndarray of shape (n_rows,), optional
        How many rows before each are known to be missing, from numbers that were left out.

    """

    ts: TimeArray
    step_ns: int
    steps_of: FloatArray | None = None
    can_freeze: bool = False
    is_impossible: Mask | None = None
    volume: FloatArray | None = None
    stated_steps: TimeArray | None = None
    n_behind: TimeArray | None = None
    n_absent: TimeArray | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time [start_ns, end_ns) and how many rows it is about."""

    start_ns: int
    end_ns: int
    n_rows: int


@dataclass(frozen=True, slots=True)
class DayQuality:
    """
    The counts of one UTC day.

    `n_expected` is 0 where rows come as they come; `n_absent` rows are missing by their numbers,
    `n_rejected` rows of its files were not taken.
    """

    day: int
    n_rows: int
    n_expected: int
    n_missing: int
    n_duplicate: int
    n_out_of_order: int
    n_impossible: int
    n_outlier: int
    n_frozen: int
    n_zero_volume: int
    score: float
    n_absent: int = 0
    n_rejected: int = 0


@dataclass(frozen=True, slots=True)
class SeriesQuality:
    """The quality of a series: by day, its gaps and doubtful stretches, one score in [0, 1]."""

    days: tuple[DayQuality, ...] = ()
    gaps: tuple[Stretch, ...] = ()
    frozen: tuple[Stretch, ...] = ()
    impossible: tuple[Stretch, ...] = ()
    missing_days: tuple[int, ...] = field(default=())
    score: float = 0.0

    def total(self, name: str) -> int:
        """Return the sum of a count over all days."""
        return sum(getattr(day, name) for day in self.days)


def assess(
    samples: Samples, start_ns: int | None = None, end_ns: int | None = None
) -> SeriesQuality:
    """
    Judge a series.

    Parameters
    ----------
    samples : Samples
        The series.
    start_ns, end_ns : int, optional
        The window [start, end) the series should fill (UTC nanoseconds); its own span by default.
        Rows outside do not count.

    """
    if not len(samples.ts):
        return SeriesQuality()
    masks = _masks(samples)
    order = np.argsort(samples.ts, kind="stable")
    ts = samples.ts[order]
    is_stated = samples.stated_steps is not None
    steps = _steps(samples, ts, order)
    gaps = _gaps(ts, steps, is_stated=is_stated)
    n_missing = _missing_of_days(gaps, ts, steps, (start_ns, end_ns)) if is_stated else None
    days = ts // DAY_NS
    numbers, starts = np.unique(days, return_index=True)
    ends = [*starts[1:].tolist(), len(ts)]
    judged = []
    for number, first, last in zip(numbers.tolist(), starts.tolist(), ends, strict=True):
        span = _expected_span(number, ts, start_ns, end_ns, int(steps[first]))
        counts = {name: int(mask[order[first:last]].sum()) for name, mask in masks.items()}
        day = _day(number, ts[first:last], int(steps[first]), span, counts)
        if n_missing is not None:
            day = _with_missing(day, n_missing.get(number, 0))
        if samples.n_absent is not None:
            mine = order[first:last]
            behind = last - first if samples.n_behind is None else samples.n_behind[mine].sum()
            day = _with_absent(day, int(behind), int(samples.n_absent[mine].sum()))
        judged.append(day)
    present = set(numbers.tolist())
    missing = [day for day in range(int(numbers[0]), int(numbers[-1]) + 1) if day not in present]
    return SeriesQuality(
        tuple(judged),
        tuple(gaps),
        tuple(stretches(samples.ts, masks["n_frozen"])),
        tuple(stretches(samples.ts, masks["n_impossible"])),
        tuple(missing),
        _score(judged, ts, start_ns, end_ns),
    )


def impossible_bars(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray
) -> Mask:
    """Return which bars cannot be true: high below low, or a price that is not above zero."""
    prices = np.stack([open_, high, low, close])
    is_ordered = (high >= prices.max(axis=0)) & (low <= prices.min(axis=0))
    return ~(is_ordered & np.all(prices > 0, axis=0) & np.all(np.isfinite(prices), axis=0))


def _masks(samples: Samples) -> dict[str, Mask]:
    none = np.zeros(len(samples.ts), dtype=bool)
    step = np.diff(samples.ts)
    return {
        "n_duplicate": np.append(False, step == 0),
        "n_out_of_order": np.append(False, step < 0),
        "n_impossible": none if samples.is_impossible is None else samples.is_impossible,
        "n_outlier": _outliers(samples),
        "n_frozen": _frozen(samples) if samples.can_freeze else none,
        "n_zero_volume": none if samples.volume is None else samples.volume == 0,
    }


def _outliers(samples: Samples) -> Mask:
    # Rows after a step that is huge against the series' own spread of steps; a step over a longer
    # time, or a gap, may be larger by the root of it.
    is_outlier = np.zeros(len(samples.ts), dtype=bool)
    if samples.steps_of is None or len(samples.ts) < _FROZEN_ROWS:
        return is_outlier
    times = np.maximum(np.diff(samples.ts), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.diff(np.log(samples.steps_of)) / np.sqrt(times / np.median(times))
    finite = steps[np.isfinite(steps)]
    if not len(finite):
        return is_outlier
    middle = np.median(finite)
    spread = _MAD_TO_DEVIATION * np.median(np.abs(finite - middle))
    if spread > 0:
        with np.errstate(invalid="ignore"):
            is_outlier[1:] = np.abs(steps - middle) > OUTLIER_DEVIATIONS * spread
    return is_outlier


def _frozen(samples: Samples) -> Mask:
    values = samples.steps_of
    is_frozen = np.zeros(len(samples.ts), dtype=bool)
    if values is None or len(values) < _FROZEN_ROWS:
        return is_frozen
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    ends = np.append(starts[1:], len(values))
    spans = samples.ts[ends - 1] - samples.ts[starts]
    for i in np.flatnonzero((ends - starts >= _FROZEN_ROWS) & (spans >= FROZEN_NS)):
        is_frozen[starts[i] : ends[i]] = True
    return is_frozen


def stretches(ts: TimeArray, mask: Mask) -> list[Stretch]:
    """
    Return the stretches of a series of which every row is meant.

    Parameters
    ----------
    ts : ndarray of shape (n_rows,)
        UTC nanoseconds.
    mask : ndarray of shape (n_rows,)
        Which rows are meant.

    Examples
    --------
    >>> stretches(np.arange(4), np.array([True, False, True, True]))[1]
    Stretch(start_ns=2, end_ns=3, n_rows=2)

    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    found = []
    for first, last in edges.reshape(-1, 2).tolist():
        found.append(Stretch(int(ts[first]), int(ts[last - 1]), last - first))
    return found


def _steps(samples: Samples, ts: TimeArray, order: TimeArray) -> TimeArray:
    # The distance of rows that holds at each of them.
    if samples.stated_steps is not None:
        stated = samples.stated_steps[order]
        return np.where(stated > 0, stated, _usual_step(ts))
    if samples.step_ns >= 0:
        return np.full(len(ts), samples.step_ns, dtype=np.int64)
    steps = np.zeros(len(ts), dtype=np.int64)
    whole = _usual_step(ts)
    days = ts // DAY_NS
    for day in np.unique(days):
        mine = days == day
        steps[mine] = _usual_step(ts[mine]) or whole
    return steps


def _usual_step(ts: TimeArray) -> int:
    distances = np.diff(ts)
    distances = distances[distances > 0]
    if not len(distances):
        return 0
    # Stamps jitter by milliseconds.
    return round(float(np.median(distances)) / SECOND_NS) * SECOND_NS


def _gaps(ts: TimeArray, steps: TimeArray, *, is_stated: bool) -> list[Stretch]:
    gaps = []
    # Where rows state another distance than those before, either may hold between the two.
    allowed = np.maximum(steps[:-1], steps[1:]) if is_stated else steps[:-1]
    for i in np.flatnonzero((np.diff(ts) > 1.5 * allowed) & (allowed > 0)).tolist():
        step = int(min(steps[i], steps[i + 1]) or steps[i])
        if is_stated:
            step = int(steps[i] or steps[i + 1])
        missing = round((int(ts[i + 1]) - int(ts[i])) / step) - 1
        if missing > 0:
            gaps.append(Stretch(int(ts[i]) + step, int(ts[i + 1]), missing))
    return gaps


def _missing_of_days(
    gaps: list[Stretch], ts: TimeArray, steps: TimeArray, window: tuple[int | None, int | None]
) -> dict[int, int]:
    # How many rows each day lacks, at the ends of the window as well.
    start, end = window
    slots = [g.start_ns + (g.end_ns - g.start_ns) // g.n_rows * np.arange(g.n_rows) for g in gaps]
    first, last = int(steps[0]), int(steps[-1])
    if start is not None and first:
        slots.append(int(ts[0]) - first * np.arange(1, (int(ts[0]) - start) // first + 1))
    if end is not None and last:
        slots.append(int(ts[-1]) + last * np.arange(1, (end - 1 - int(ts[-1])) // last + 1))
    days = np.concatenate([np.zeros(0, dtype=np.int64), *slots]) // DAY_NS
    return dict(zip(*(a.tolist() for a in np.unique(days, return_counts=True)), strict=True))


def _with_missing(day: DayQuality, n_missing: int) -> DayQuality:
    # Of rows that state when the next is due.
    n_distinct = day.n_rows - day.n_duplicate
    n_expected = n_distinct + n_missing
    whole = day.score / (1.0 - day.n_missing / day.n_expected) if day.n_expected else day.score
    score = whole * n_distinct / n_expected if day.n_missing < day.n_expected else 0.0
    return replace(day, n_expected=n_expected, n_missing=n_missing, score=score)


def _with_absent(day: DayQuality, n_rows: int, n_absent: int) -> DayQuality:
    return replace(day, n_absent=n_absent, score=day.score * n_rows / max(n_rows + n_absent, 1))


def with_rejected(quality: SeriesQuality, rejected: Mapping[int, tuple[int, int]]) -> SeriesQuality:
    """
    Return a quality that counts rows which were not taken.

    Parameters
    ----------
    quality : SeriesQuality
        Of the rows that were.
    rejected : mapping of int to tuple of int
        Of days since 1970: how many rows of the day's files were rejected, of how many.

    """
    if not quality.days or not rejected:
        return quality
    days = tuple(_with_rejected(day, *rejected.get(day.day, (0, 0))) for day in quality.days)
    before, after = (sum(day.score for day in some) for some in (quality.days, days))
    score = quality.score * after / before if before else 0.0
    return replace(quality, days=days, score=score)


def _with_rejected(day: DayQuality, n_rejected: int, n_rows: int) -> DayQuality:
    # What is absent by its number was counted already.
    share = max(n_rejected - day.n_absent, 0) / n_rows if n_rows else 0.0
    return replace(day, n_rejected=n_rejected, score=day.score * (1.0 - share))


def _expected_span(
    day: int, ts: TimeArray, start_ns: int | None, end_ns: int | None, step: int
) -> int:
    # How much of a day should be filled: all of it but for what lies outside the window, or
    # before the first and after the last row of the series.
    start = max(day * DAY_NS, int(ts[0]) if start_ns is None else start_ns)
    end = min((day + 1) * DAY_NS, int(ts[-1]) + step if end_ns is None else end_ns)
    return max(end - start, 0)


def _day(day: int, ts: TimeArray, step: int, span: int, counts: dict[str, int]) -> DayQuality:
    n_expected = round(span / step) if step else 0
    n_distinct = len(np.unique(ts))
    n_missing = max(n_expected - n_distinct, 0)
    n_zero = counts["n_zero_volume"]
    faults = counts["n_impossible"] + counts["n_outlier"] + counts["n_frozen"]
    faulty = min((faults + _ZERO_VOLUME_WEIGHT * n_zero) / len(ts), 1.0)
    complete = 1.0 - n_missing / n_expected if n_expected else 1.0
    return DayQuality(
        day=day,
        n_rows=len(ts),
        n_expected=n_expected,
        n_missing=n_missing,
        score=complete * (1.0 - faulty),
        **counts,
    )


def _score(
    days: list[DayQuality], ts: TimeArray, start_ns: int | None, end_ns: int | None
) -> float:
    # The mean over all days that should have rows.
    first = int(ts[0]) if start_ns is None else start_ns
    last = int(ts[-1]) if end_ns is None else max(end_ns - 1, first)
    n_days = last // DAY_NS - first // DAY_NS + 1
    return float(sum(day.score for day in days) / max(n_days, 1))
