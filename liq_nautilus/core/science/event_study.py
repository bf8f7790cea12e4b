"""Returns after events against matched random times, and intervals by resampling whole days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from scipy.special import ndtr
from scipy.special import stdtrit

from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray

    type IntArray = npt.NDArray[np.int64]

# Fewer days are not resampled.
_FEWEST_DAYS = 5


@dataclass(frozen=True, slots=True)
class EventEffect:
    """
    What followed events over one horizon, beside what followed matched random times.

    Attributes
    ----------
    n_events : int
        Events with a known return.
    mean : float
        Mean directed log return after them (NaN without events).
    matched_mean : float
        The same after the matched times.
    difference : float
        `mean` less `matched_mean`.
    low, high : float
        The interval of the difference.

    """

    n_events: int
    mean: float
    matched_mean: float
    difference: float
    low: float
    high: float


def onsets(is_active: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """
    Return where spells begin.

    Parameters
    ----------
    is_active : ndarray of shape (n,)
        Whether the state holds.

    Returns
    -------
    ndarray
        The indices of the first element of every unbroken spell.

    Examples
    --------
    >>> onsets(np.array([True, True, False, True]))
    array([0, 3])

    """
    return np.flatnonzero(is_active & ~np.concatenate([[False], is_active[:-1]]))


def forward_returns(
    times: IntArray, ts_close: IntArray, closes: FloatArray, horizon_ns: int
) -> FloatArray:
    """
    Return log returns from moments over a horizon, at the closes known then.

    Parameters
    ----------
    times : ndarray of any shape
        Moments (UTC ns).
    ts_close, closes : ndarray of shape (n_bars,)
        Close times (UTC ns, rising) and prices.
    horizon_ns : int
        The horizon.

    Returns
    -------
    ndarray of the shape of `times`
        NaN where the bars do not reach from the moment to the horizon's end.

    """
    first = np.searchsorted(ts_close, times, side="right") - 1
    last = np.searchsorted(ts_close, times + horizon_ns, side="right") - 1
    is_known = (first >= 0) & (times + horizon_ns <= ts_close[-1])
    result = np.full(times.shape, np.nan)
    result[is_known] = np.log(closes[last[is_known]] / closes[first[is_known]])
    return result


def trailing_volatility(times: IntArray, ts_close: IntArray, closes: FloatArray) -> FloatArray:
    """
    Return the root mean square of bar log returns over the day before each moment.

    Parameters
    ----------
    times : ndarray of shape (n,)
        Moments (UTC ns).
    ts_close, closes : ndarray of shape (n_bars,)
        Close times (UTC ns, rising) and prices.

    Returns
    -------
    ndarray of shape (n,)
        0 where no bar came before.

    """
    squares = np.concatenate([[0.0, 0.0], np.cumsum(np.diff(np.log(closes)) ** 2)])
    last = np.searchsorted(ts_close, times, side="right")
    first = np.searchsorted(ts_close, times - DAY_NS, side="right")
    mean: FloatArray = (squares[last] - squares[first]) / np.maximum(last - first, 1)
    return np.sqrt(mean)


def trailing_move(times: IntArray, ts_close: IntArray, closes: FloatArray) -> FloatArray:
    """
    Return the log return over the hour before each moment.

    Parameters
    ----------
    times : ndarray of shape (n,)
        Moments (UTC ns).
    ts_close, closes : ndarray of shape (n_bars,)
        Close times (UTC ns, rising) and prices.

    Returns
    -------
    ndarray of shape (n,)
        0 where the bars do not reach back.

    """
    moves = forward_returns(times - HOUR_NS, ts_close, closes, HOUR_NS)
    return np.nan_to_num(moves)


def matched(
    event_feature: FloatArray, feature: FloatArray, n_matches: int, seed: int
) -> npt.NDArray[np.intp]:
    """
    Return random moments that are like the events in one feature.

    Parameters
    ----------
    event_feature : ndarray of shape (n,)
        What is matched, of the events.
    feature : ndarray of shape (m,)
        The same of the moments to draw from, m > 0.
    n_matches : int
        How many are drawn for every event, with replacement.
    seed : int
        Of the draw.

    Returns
    -------
    ndarray of shape (n, n_matches)
        Indices of moments, drawn among the tenth of them (at least 20) nearest in the feature.

    """
    rng = np.random.default_rng(seed)
    order = np.argsort(feature, kind="stable")
    n_near = min(max(feature.size // 10, 20), feature.size)
    centre = np.searchsorted(feature[order], event_feature)
    first = np.clip(centre - n_near // 2, 0, feature.size - n_near)
    near: IntArray = rng.integers(0, n_near, size=(event_feature.size, n_matches))
    chosen: npt.NDArray[np.intp] = order[first[:, None] + near]
    return chosen


def event_effect(
    event_times: IntArray,
    event_returns: FloatArray,
    matched_returns: FloatArray,
    n_resamples: int = 2_000,
    seed: int = 0,
) -> EventEffect:
    """
    Return mean returns after events and after matched times, with an interval of the difference.

    Parameters
    ----------
    event_times : ndarray of shape (n,)
        UTC ns: events of one UTC day are resampled together.
    event_returns : ndarray of shape (n,)
        Directed log returns; NaN ones are left out.
    matched_returns : ndarray of shape (n, n_matches)
        Those of the matched times, in the direction of their event; NaN ones are left out.
    n_resamples : int
        Of the bootstrap.
    seed : int
        Of the bootstrap.

    """
    n_known = np.isfinite(matched_returns).sum(axis=1) if matched_returns.size else np.zeros(0)
    known = np.flatnonzero(np.isfinite(event_returns) & (n_known > 0))
    if not known.size:
        return EventEffect(0, np.nan, np.nan, np.nan, np.nan, np.nan)
    returns = event_returns[known]
    usual = np.nanmean(matched_returns[known], axis=1)
    low, high = day_block_interval(
        event_times[known], returns - usual, statistic="mean", n_resamples=n_resamples, seed=seed
    )
    return EventEffect(
        n_events=int(known.size),
        mean=float(returns.mean()),
        matched_mean=float(usual.mean()),
        difference=float((returns - usual).mean()),
        low=low,
        high=high,
    )


def day_block_interval(
    times: IntArray,
    values: FloatArray,
    *,
    statistic: str = "sum",
    level: float = 0.95,
    n_resamples: int = 2_000,
    seed: int = 0,
) -> tuple[float, float]:
    """
    Return the bootstrap interval of a sum or a mean, resampling whole UTC days.

    Parameters
    ----------
    times : ndarray of shape (n,)
        UTC ns.
    values : ndarray of shape (n,)
        One per time.
    statistic : {"sum", "mean"}
        Of the values.
    level : float
        The interval's coverage, in (0, 1).
    n_resamples : int
        Of the bootstrap.
    seed : int
        Of the bootstrap.

    Returns
    -------
    tuple of float
        Both NaN for less than two days: one day tells nothing about days.

    Notes
    -----
    The expanded percentile interval (Hesterberg 2015, What Teachers Should Know About the
    Bootstrap, section 4.3): of few days a bootstrap draws too narrow a distribution, by
    ``sqrt((n - 1) / n)``, and normal quantiles stand where Student's belong. Percentiles farther
    out make up for both. Means of fewer than five days cannot reach beyond their extremes often
    enough, wherever they are cut off: there Student's interval stands in.

    Examples
    --------
    >>> day_block_interval(np.array([0, DAY_NS]), np.array([1.0, 1.0]))
    (2.0, 2.0)

    """
    days, index = np.unique(times // DAY_NS, return_inverse=True)
    if days.size < 2:
        return float("nan"), float("nan")
    sums = np.bincount(index, weights=values)
    counts = np.bincount(index).astype(float)
    if days.size < _FEWEST_DAYS:
        return _student_interval(sums, counts if statistic == "mean" else None, level)
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, days.size, size=(n_resamples, days.size))
    drawn: Any = sums[picks].sum(axis=1)
    if statistic == "mean":
        drawn = drawn / counts[picks].sum(axis=1)
    tail = 100.0 * _expanded_tail(0.5 * (1.0 - level), days.size)
    low, high = np.percentile(drawn, [tail, 100.0 - tail])
    return float(low), float(high)


def _expanded_tail(tail: float, n: int) -> float:
    # The share to cut off at either end so that n values give the coverage wanted.
    quantile = stdtrit(n - 1, tail)
    return float(ndtr(np.sqrt(n / (n - 1)) * quantile))


def _student_interval(
    sums: FloatArray, counts: FloatArray | None, level: float
) -> tuple[float, float]:
    # Of the sum, or with counts of the mean: a ratio, whose deviations are linearised.
    n = sums.size
    total = 1.0 if counts is None else counts.sum()
    usual = sums.mean() if counts is None else sums.sum() / total * counts
    error = np.sqrt(n / (n - 1) * np.sum((sums - usual) ** 2)) / total
    reach = -stdtrit(n - 1, 0.5 * (1.0 - level)) * error
    centre = sums.sum() / total
    return float(centre - reach), float(centre + reach)
