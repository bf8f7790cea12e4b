"""
Predicted against realised liquidations: rank correlations, deviance, likelihood of locations.

Every figure conditions on the path: given the range that was swept, how much notional did the
prediction say lay there? Scales are fitted on training windows only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.stats import rankdata

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray

# Between Poisson (1) and Gamma (2): intervals without any liquidation have a likelihood.
TWEEDIE_POWER = 1.5
# A prediction of nothing is taken as this part of the mean prediction: zero has no logarithm.
_FLOOR = 1e-4
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class PowerScale:
    """
    From a prediction of any unit to expected notional: ``factor * (prediction + floor) ** power``.

    Attributes
    ----------
    factor, power : float
        Fitted.
    floor : float
        Added to predictions, in their unit.

    """

    factor: float
    power: float
    floor: float

    def apply(self, prediction: FloatArray) -> FloatArray:
        """Return the expected notional (quote) of predictions of shape (n,)."""
        expected: FloatArray = (
            self.factor * (np.maximum(prediction, 0.0) + self.floor) ** self.power
        )
        return expected


def spearman(first: FloatArray, second: FloatArray) -> float:
    """
    Return the rank correlation of two series.

    Parameters
    ----------
    first, second : ndarray of shape (n,)
        Any units; NaN counts as the lowest rank.

    Returns
    -------
    float
        In [-1, 1]; NaN if fewer than two values, or one series is constant.

    Examples
    --------
    >>> spearman(np.array([1.0, 2.0, 9.0]), np.array([3.0, 4.0, 5.0]))
    1.0

    """
    return correlation(ranks(first), ranks(second))


def partial_spearman(prediction: FloatArray, realised: FloatArray, given: FloatArray) -> float:
    """
    Return the rank correlation of two series with a third one's ranks held fixed.

    Parameters
    ----------
    prediction, realised, given : ndarray of shape (n,)
        Any units.

    Returns
    -------
    float
        In [-1, 1]; NaN if nothing is left to correlate.

    """
    a, b, c = ranks(prediction), ranks(realised), ranks(given)
    ab, ac, bc = correlation(a, b), correlation(a, c), correlation(b, c)
    left = (1.0 - ac * ac) * (1.0 - bc * bc)
    # Ranks that are a function of the third's leave rounding behind, not information.
    return (ab - ac * bc) / math.sqrt(left) if left > 1e-9 else math.nan


def ranks(values: FloatArray) -> FloatArray:
    """Return average ranks from 1; NaN counts as the lowest."""
    ranked: FloatArray = rankdata(np.where(np.isnan(values), -np.inf, values))
    return ranked


def correlation(first: FloatArray, second: FloatArray) -> float:
    """Return the correlation of two series of shape (n,); NaN if one is constant or empty."""
    if first.size < 2:
        return math.nan
    a, b = first - first.mean(), second - second.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0.0 else math.nan


def tweedie_deviance(realised: FloatArray, expected: FloatArray) -> float:
    """
    Return the mean unit deviance of a Tweedie distribution of power 1.5.

    Parameters
    ----------
    realised : ndarray of shape (n,)
        Notional (quote), >= 0.
    expected : ndarray of shape (n,)
        Notional (quote), > 0.

    Notes
    -----
    ``2 * (y^(2-p) / ((1-p)(2-p)) - y mu^(1-p) / (1-p) + mu^(2-p) / (2-p))``; for p = 1.5 that is
    ``4 * (sqrt(y) - sqrt(mu))**2 / sqrt(mu)``.

    """
    root = np.sqrt(expected)
    return float(np.mean(4.0 * (np.sqrt(realised) - root) ** 2 / root))


def explained_deviance(realised: FloatArray, expected: FloatArray) -> float:
    """
    Return the share of the Tweedie deviance that a prediction explains.

    Parameters
    ----------
    realised, expected : ndarray of shape (n,)
        Notional (quote).

    Returns
    -------
    float
        1 is perfect, 0 as good as the mean of the scored intervals themselves (which is known only
        afterwards), negative is worse; NaN if nothing was liquidated or expected.

    """
    usable = np.isfinite(expected) & (expected > 0.0)
    if realised.size == 0 or not usable.all() or not realised.sum() > 0.0:
        return math.nan
    mean = np.full(realised.size, realised.mean())
    null = tweedie_deviance(realised, mean)
    return 1.0 - tweedie_deviance(realised, expected) / null if null > 0.0 else math.nan


def fit_scale(prediction: FloatArray, realised: FloatArray) -> PowerScale:
    """
    Fit the scale of a prediction to realised notional by Tweedie likelihood.

    Parameters
    ----------
    prediction : ndarray of shape (n,)
        Any unit, >= 0.
    realised : ndarray of shape (n,)
        Notional (quote), >= 0.

    Raises
    ------
    ValueError
        If there are fewer than eight intervals, or nothing was liquidated.

    """
    if realised.size < _FEWEST or not realised.sum() > 0.0:
        msg = (
            f"a scale must be fitted on at least {_FEWEST} intervals with some liquidation, "
            f"found {realised.size}; train on longer windows"
        )
        raise ValueError(msg)
    positive = np.maximum(np.nan_to_num(prediction), 0.0)
    unit = float(positive.mean()) or 1.0
    floor = _FLOOR * unit
    logs = np.log((positive + floor) / unit)
    target = np.sqrt(realised / realised.mean())

    def loss(values: FloatArray) -> tuple[float, FloatArray]:
        root = np.exp(0.5 * np.clip(values[0] + values[1] * logs, -30.0, 30.0))
        deviance = 4.0 * (target - root) ** 2 / root
        slope = 2.0 * (root - target**2 / root)
        return float(deviance.mean()), np.array([slope.mean(), (slope * logs).mean()])

    fitted = minimize(
        loss, np.array([0.0, 0.5]), jac=True, method="L-BFGS-B", bounds=[(-20, 20), (0.0, 6.0)]
    )
    power = float(fitted.x[1])
    factor = math.exp(float(fitted.x[0])) * float(realised.mean()) / unit**power
    return PowerScale(factor, power, floor)


def location_log_likelihood(
    held: FloatArray, swept: FloatArray, width: FloatArray, notional: FloatArray
) -> float:
    """
    Return by how much a map beats a uniform guess of where events lay, per liquidated USD.

    Parameters
    ----------
    held : ndarray of shape (n_events,)
        The map's notional in the bucket of each event (quote).
    swept : ndarray of shape (n_events,)
        The map's notional in the range its interval swept (quote).
    width : ndarray of shape (n_events,)
        The bucket's share of that range, in (0, 1].
    notional : ndarray of shape (n_events,)
        What was liquidated (quote), >= 0.

    Returns
    -------
    float
        The notional-weighted mean of ``log(density / uniform density)`` (nats); 0 is no better than
        uniform. The map is mixed with one part in twenty of uniform, so that an event where it
        held nothing has a likelihood. NaN without events.

    """
    if not notional.sum() > 0.0:
        return math.nan
    share = np.divide(held, swept, out=width.astype(np.float64), where=swept > 0.0)
    ratio = 0.95 * share / width + 0.05
    return float(np.average(np.log(ratio), weights=notional))
