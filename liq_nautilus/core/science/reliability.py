"""How often what was said with a confidence came true."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.science.event_study import day_block_interval

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray

N_BINS = 10


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """
    The claims whose confidence lies in one bin.

    Attributes
    ----------
    from_confidence, to_confidence : float
        The bin; its upper end belongs to the next one.
    n : int
        Claims.
    mean_confidence, observed : float
        Their mean confidence, and the share that came true.
    low, high : float
        The 95 % day-block bootstrap interval of `observed`; NaN for less than two days.

    """

    from_confidence: float
    to_confidence: float
    n: int
    mean_confidence: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """
    How far confidences can be believed.

    Attributes
    ----------
    n : int
        Claims; without any the rest is NaN.
    mean_confidence, observed : float
        Their mean confidence, and the share that came true.
    low, high : float
        The 95 % day-block bootstrap interval of `observed`; NaN for less than two days.
    brier : float
        The mean squared difference of confidence and outcome.
    skill : float
        ``1 - brier / brier of the constant`` `observed`: what telling claims apart is worth, 0 for
        the share itself (known only afterwards). NaN where all or none came true.
    calibration_error : float
        The expected calibration error: the mean over bins, weighted by their claims, of the
        difference between confidence and observed share.
    bins : tuple of ReliabilityBin
        Bins that hold claims, rising.

    """

    n: int
    mean_confidence: float
    observed: float
    low: float
    high: float
    brier: float
    skill: float
    calibration_error: float
    bins: tuple[ReliabilityBin, ...]


def measure_reliability(
    times: npt.NDArray[np.int64], confidence: FloatArray, came_true: FloatArray
) -> Reliability:
    """
    Return how far confidences can be believed.

    Parameters
    ----------
    times : ndarray of shape (n,)
        When something was claimed (UTC ns): claims of a UTC day are resampled together.
    confidence : ndarray of shape (n,)
        In [0, 1].
    came_true : ndarray of shape (n,)
        1 or 0; NaN, where nobody knows, is left out.

    Examples
    --------
    >>> found = measure_reliability(
    ...     np.zeros(4, dtype=np.int64), np.full(4, 0.75), np.array([1.0, 1.0, 1.0, 0.0])
    ... )
    >>> found.observed, found.calibration_error, found.brier, found.skill
    (0.75, 0.0, 0.1875, 0.0)

    """
    is_known = np.isfinite(came_true)
    ts, stated, outcome = times[is_known], confidence[is_known], came_true[is_known]
    if not stated.size:
        nan = math.nan
        return Reliability(0, nan, nan, nan, nan, nan, nan, nan, ())
    number = np.minimum((stated * N_BINS).astype(int), N_BINS - 1)
    bins = tuple(
        _bin(int(i), ts[number == i], stated[number == i], outcome[number == i])
        for i in np.unique(number)
    )
    observed = float(outcome.mean())
    brier = float(np.mean((stated - outcome) ** 2))
    spread = observed * (1.0 - observed)
    low, high = share_interval(ts, outcome)
    return Reliability(
        n=int(stated.size),
        mean_confidence=float(stated.mean()),
        observed=observed,
        low=low,
        high=high,
        brier=brier,
        skill=1.0 - brier / spread if spread > 0.0 else math.nan,
        calibration_error=sum(one.n * abs(one.mean_confidence - one.observed) for one in bins)
        / stated.size,
        bins=bins,
    )


def share_interval(times: npt.NDArray[np.int64], came_true: FloatArray) -> tuple[float, float]:
    """
    Return the 95 % interval of the share that came true, resampling whole days.

    Parameters
    ----------
    times : ndarray of shape (n,)
        UTC ns.
    came_true : ndarray of shape (n,)
        1 or 0.

    """
    low, high = np.clip(day_block_interval(times, came_true, statistic="mean"), 0.0, 1.0)
    return float(low), float(high)


def _bin(
    number: int, ts: npt.NDArray[np.int64], stated: FloatArray, outcome: FloatArray
) -> ReliabilityBin:
    low, high = share_interval(ts, outcome)
    return ReliabilityBin(
        from_confidence=number / N_BINS,
        to_confidence=(number + 1) / N_BINS,
        n=int(stated.size),
        mean_confidence=float(stated.mean()),
        observed=float(outcome.mean()),
        low=low,
        high=high,
    )
