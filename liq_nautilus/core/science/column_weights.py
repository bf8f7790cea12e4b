"""
Fits what cannot be observed, on training windows only.

The map is linear in the leverage shares, so these are fitted directly by maximum likelihood; what
shapes the map otherwise (turnover, closing, prior) is searched around that. The likelihood is
log-normal: ``log(y + c) = a + b log(prediction) + error``. Liquidated notional per interval spans
six orders of magnitude, and an error of a factor of two weighs the same in a quiet hour and in a
cascade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray

# About the smallest positions (quote): below it amounts do not differ in meaning.
SMALLEST_NOTIONAL = 1_000.0
# A weight leaves equal shares only as far as the data carries it; results are flat around this.
_SHRINKAGE = 0.1
_FLOOR = 1e-4
_MOST_ITERATIONS = 500


@dataclass(frozen=True, slots=True, eq=False)
class MixFit:
    """
    A fitted mix of a design's columns.

    Attributes
    ----------
    weights : ndarray of shape (k,)
        Shares, summing to 1.
    log_likelihood : float
        Per interval (nats), without the penalty.
    n : int
        Intervals fitted on.

    """

    weights: FloatArray
    log_likelihood: float
    n: int


def fit_mix(design: FloatArray, realised: FloatArray, shrinkage: float = _SHRINKAGE) -> MixFit:
    """
    Fit non-negative weights of a design's columns to realised notional by maximum likelihood.

    Parameters
    ----------
    design : ndarray of shape (n, k)
        What each column (a leverage tier, a distance band) held in the swept range, any unit.
    realised : ndarray of shape (n,)
        Notional (quote), >= 0.
    shrinkage : float, optional
        Weight of the penalty ``mean((log w + log k)**2)``, which draws towards equal shares.

    Returns
    -------
    MixFit
        Equal shares where the design is all zero.

    Raises
    ------
    ValueError
        If there are no intervals.

    """
    n, k = design.shape
    if n == 0:
        msg = "a mix must be fitted on at least one interval, found none; train on other windows"
        raise ValueError(msg)
    unit = float(design.mean()) or 1.0
    columns = design / unit
    logs = np.log(realised + SMALLEST_NOTIONAL)
    spread = float(logs.std()) or 1.0
    target = (logs - logs.mean()) / spread
    equal = np.full(k, -math.log(k))

    def loss(values: FloatArray) -> tuple[float, FloatArray]:
        weights = np.exp(values[:k])
        held = columns @ weights + _FLOOR
        z = np.log(held)
        error = values[k] + values[k + 1] * z - target
        away = values[:k] - equal
        gradient = np.empty(k + 2)
        pull = 2.0 * values[k + 1] * error / held / n
        gradient[:k] = weights * (columns.T @ pull) + 2.0 * shrinkage * away / k
        gradient[k] = 2.0 * error.mean()
        gradient[k + 1] = 2.0 * (error * z).mean()
        return float((error**2).mean() + shrinkage * (away**2).mean()), gradient

    bounds = [(-12.0, 8.0)] * k + [(-50.0, 50.0), (0.0, 10.0)]
    start = np.concatenate([equal, [0.0, 0.3]])
    options = {"maxiter": _MOST_ITERATIONS}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    weights = np.exp(found.x[:k])
    away = found.x[:k] - equal
    variance = max(float(found.fun) - shrinkage * float((away**2).mean()), 1e-12) * spread**2
    log_likelihood = -0.5 * (math.log(2.0 * math.pi * variance) + 1.0) - float(logs.mean())
    return MixFit(weights / weights.sum(), log_likelihood, n)


def fit_reported_share(orders: FloatArray, bars: FloatArray) -> float:
    """
    Return the share of liquidated notional that a thinned feed of single orders shows.

    Parameters
    ----------
    orders : ndarray of shape (n,)
        Notional of the feed's orders per interval (quote).
    bars : ndarray of shape (n,)
        All that was liquidated in the same interval (quote); NaN where unknown.

    Returns
    -------
    float
        In [0, 1]; NaN where nothing was liquidated.

    Notes
    -----
    For amounts thinned at a common rate the ratio of sums is the maximum likelihood estimate
    (Poisson in notional), whatever the distribution of single amounts.

    """
    usable = np.isfinite(orders) & np.isfinite(bars)
    total = float(bars[usable].sum())
    return min(float(orders[usable].sum()) / total, 1.0) if total > 0.0 else math.nan


@dataclass(frozen=True, slots=True)
class SearchStep:
    """
    One tried setting.

    Attributes
    ----------
    settings : dict of float
        Parameter values by name.
    score : float
        What is maximised.

    """

    settings: dict[str, float]
    score: float


def coordinate_search(
    objective: Callable[[dict[str, float]], float],
    candidates: Mapping[str, Sequence[float]],
    start: Mapping[str, float],
    n_rounds: int = 2,
) -> tuple[SearchStep, list[SearchStep]]:
    """
    Maximise an objective over a few parameters, one at a time over given values.

    Replays are costly and the objective is flat near its maximum: a coarse search finds it and,
    unlike a fine one, does not chase noise.

    Parameters
    ----------
    objective : callable
        From settings to a score; NaN counts as worst.
    candidates : mapping of sequences
        The values to try of each parameter.
    start : mapping
        The first setting, a value for each parameter.
    n_rounds : int, optional
        How often all parameters are gone through; it ends early when nothing improves.

    Returns
    -------
    SearchStep, list of SearchStep
        The best, and all that were tried, in order.

    """
    known: dict[tuple[float, ...], float] = {}
    tried: list[SearchStep] = []

    def score(settings: dict[str, float]) -> float:
        key = tuple(settings[name] for name in candidates)
        if key not in known:
            value = objective(dict(settings))
            known[key] = -math.inf if math.isnan(value) else value
            tried.append(SearchStep(dict(settings), known[key]))
        return known[key]

    best = dict(start)
    best_score = score(best)
    for _ in range(n_rounds):
        before = best_score
        for name, values in candidates.items():
            for value in values:
                changed = {**best, name: value}
                if score(changed) > best_score:
                    best, best_score = changed, score(changed)
        if best_score <= before:
            break
    return SearchStep(best, best_score), tried
