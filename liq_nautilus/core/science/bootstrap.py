"""Paired day-block bootstrap of differences between rank correlations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray

N_RESAMPLES = 1000
_FEWEST_DAYS = 2


@dataclass(frozen=True, slots=True, eq=False)
class PairedScores:
    """
    Two predictions of one window and what came true.

    Attributes
    ----------
    ts : ndarray of shape (n,)
        The start of each interval (UTC ns): intervals of a day are resampled together.
    realised, better, worse : ndarray of shape (n,)
        Realised notional and the two predictions (any units).

    """

    ts: npt.NDArray[np.int64]
    realised: FloatArray
    better: FloatArray
    worse: FloatArray


@dataclass(frozen=True, slots=True)
class Difference:
    """
    A difference of two rank correlations with its 95 % interval.

    Attributes
    ----------
    value, low, high : float
        NaN where it cannot be had (low and high: fewer than two days).

    """

    value: float
    low: float
    high: float


def spearman_difference(
    windows: Sequence[PairedScores], *, n_resamples: int = N_RESAMPLES, seed: int = 20_260
) -> Difference:
    """
    Return by how much one prediction ranks better than another, over one or more windows.

    Parameters
    ----------
    windows : sequence of PairedScores
        Correlations are taken within a window and averaged with the windows' numbers of
        intervals as weights, so that windows of different regimes do not rank against each other.
    n_resamples : int, optional
        How often days are drawn, with replacement, within each window.
    seed : int, optional
        Of the draws.

    Returns
    -------
    Difference
        The difference, and the 2.5 % and 97.5 % quantiles over the draws.

    """
    blocks = [_days(one.ts) for one in windows]
    once = [np.ones((1, days.max(initial=-1) + 1)) for days in blocks]
    value = float(_mean_differences(windows, blocks, once)[0])
    if sum(weights.shape[1] for weights in once) < _FEWEST_DAYS:
        return Difference(value, np.nan, np.nan)
    random = np.random.default_rng(seed)
    drawn = [
        random.multinomial(w.shape[1], np.full(w.shape[1], 1.0 / w.shape[1]), n_resamples)
        if w.shape[1]
        else np.zeros((n_resamples, 0))
        for w in once
    ]
    draws = _mean_differences(windows, blocks, [w.astype(np.float64) for w in drawn])
    known = draws[np.isfinite(draws)]
    if known.size == 0:
        return Difference(value, np.nan, np.nan)
    low, high = np.quantile(known, [0.025, 0.975])
    return Difference(value, float(low), float(high))


def weighted_spearman(first: FloatArray, second: FloatArray, weights: FloatArray) -> FloatArray:
    """
    Return rank correlations of a series whose rows occur several times.

    Parameters
    ----------
    first, second : ndarray of shape (n,)
        Any units; NaN counts as the lowest rank.
    weights : ndarray of shape (n_draws, n)
        How often each row occurs in each draw.

    Returns
    -------
    ndarray of shape (n_draws,)
        NaN where a draw is constant or empty.

    """
    a, b = _weighted_ranks(first, weights), _weighted_ranks(second, weights)
    total = weights.sum(axis=1, keepdims=True)
    total = np.where(total > 0.0, total, np.nan)
    a -= (a * weights).sum(axis=1, keepdims=True) / total
    b -= (b * weights).sum(axis=1, keepdims=True) / total
    scale = np.sqrt((a * a * weights).sum(axis=1) * (b * b * weights).sum(axis=1))
    shared = (a * b * weights).sum(axis=1)
    result: FloatArray = np.divide(
        shared, scale, out=np.full(scale.size, np.nan), where=scale > 0.0
    )
    return result


def _weighted_ranks(values: FloatArray, weights: FloatArray) -> FloatArray:
    # A row that occurs w times takes w places; equal values share the mean of their places.
    known = np.where(np.isnan(values), -np.inf, values)
    _, group = np.unique(known, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    size = np.add.reduceat(weights[:, order], starts, axis=1)
    end = np.cumsum(size, axis=1)
    place = end - 0.5 * size + 0.5
    ranked: FloatArray = place[:, group]
    return ranked


def _days(ts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    # The number of each interval's day, counted from 0 over the days that occur.
    return np.unique(ts // DAY_NS, return_inverse=True)[1].astype(np.int64)


def _mean_differences(
    windows: Sequence[PairedScores],
    blocks: Sequence[npt.NDArray[np.int64]],
    day_weights: Sequence[FloatArray],
) -> FloatArray:
    n_draws = day_weights[0].shape[0] if day_weights else 1
    total, counted = np.zeros(n_draws), np.zeros(n_draws)
    for one, days, weights in zip(windows, blocks, day_weights, strict=True):
        if days.size == 0:
            continue
        rows = weights[:, days]
        difference = weighted_spearman(one.better, one.realised, rows) - weighted_spearman(
            one.worse, one.realised, rows
        )
        is_known = np.isfinite(difference)
        size = np.where(is_known, rows.sum(axis=1), 0.0)
        total += np.where(is_known, difference, 0.0) * size
        counted += size
    means: FloatArray = np.divide(total, counted, out=np.full(n_draws, np.nan), where=counted > 0.0)
    return means
