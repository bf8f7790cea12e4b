"""Fits forecasts on training windows: ridge and logistic regressions on chosen inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from liq_nautilus.core.forecasting.fits import QUANTILES
from liq_nautilus.core.forecasting.fits import HorizonFit
from liq_nautilus.core.forecasting.inputs import GROUPS
from liq_nautilus.core.forecasting.inputs import LEAST_SHARE
from liq_nautilus.core.forecasting.inputs import N_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray

# Weight of the penalty on standardised coefficients, as a share of the number of moments.
PENALTY: Final = 0.3
# Odds are fitted per moment: the same for a likelihood of size one.
ODDS_PENALTY: Final = 0.03
# Longs and shorts are fitted together, both alone.
_TOGETHER: Final = ((0, 1), (2,))


class ForecastSample(NamedTuple):
    """
    What training windows say of one horizon and side.

    Attributes
    ----------
    columns : ndarray of shape (n, N_COLUMNS)
        The inputs at each moment.
    share : ndarray of shape (n,)
        The liquidated share of open interest over the horizon.
    threshold : ndarray of shape (n,)
        The share from which on it is unusual; NaN where that is not known.

    """

    columns: FloatArray
    share: FloatArray
    threshold: FloatArray


def fit_horizon(samples: Sequence[ForecastSample], groups: Sequence[str]) -> HorizonFit:
    """
    Fit one horizon.

    Parameters
    ----------
    samples : sequence of ForecastSample
        Of longs, of shorts and of both.
    groups : sequence of str
        The inputs to use, keys of `forecasting.inputs.GROUPS`. Odds leave out past liquidations
        where there are others.

    Notes
    -----
    Weights of longs and shorts are the same, since what drives them is, in a mirror; each side has
    its own constant.

    """
    used = _columns_of(groups)
    odds_used = _columns_of([name for name in groups if name != "past"] or groups)
    location, odds = np.zeros((3, 1 + N_COLUMNS)), np.zeros((3, 1 + N_COLUMNS))
    quantiles, mean_factor = np.zeros((3, len(QUANTILES))), np.ones(3)
    for sides in _TOGETHER:
        weights = _ridge([samples[side] for side in sides], used)
        for side in sides:
            columns, share, _ = samples[side]
            target = np.log(share + LEAST_SHARE)
            location[side, 1 + used] = weights
            location[side, 0] = (target - columns @ location[side, 1:]).mean()
            fitted = location[side, 0] + columns @ location[side, 1:]
            quantiles[side] = np.quantile(target - fitted, QUANTILES)
            mean_factor[side] = share.mean() / np.exp(fitted).mean()
            odds[side, np.append(0, 1 + odds_used)] = _logistic(samples[side], odds_used)
    return HorizonFit(location, odds, quantiles, mean_factor)


def _columns_of(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.concatenate([np.arange(N_COLUMNS)[GROUPS[name]] for name in groups])


def _ridge(samples: Sequence[ForecastSample], used: npt.NDArray[np.int64]) -> FloatArray:
    # Weights of the raw inputs; the penalty is on the standardised ones.
    inputs = np.vstack([_centred(one.columns[:, used]) for one in samples])
    target = np.concatenate([_centred(np.log(one.share + LEAST_SHARE)) for one in samples])
    deviation = _deviation(inputs)
    scaled = inputs / deviation
    matrix = scaled.T @ scaled + PENALTY * len(target) * np.eye(used.size)
    weights: FloatArray = np.linalg.solve(matrix, scaled.T @ target) / deviation
    return weights


def _logistic(sample: ForecastSample, used: npt.NDArray[np.int64]) -> FloatArray:
    # Constant and weights of the raw inputs.
    known = np.isfinite(sample.threshold)
    inputs = sample.columns[known][:, used]
    truth = (sample.share > sample.threshold)[known].astype(np.float64)
    mean, deviation = inputs.mean(axis=0), _deviation(inputs)
    scaled = np.column_stack([np.ones(len(inputs)), (inputs - mean) / deviation])

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        odds = scaled @ weights
        penalised = np.append(0.0, weights[1:])
        value = (np.logaddexp(0.0, odds) - truth * odds).mean()
        slope = scaled.T @ (expit(odds) - truth) / len(truth)
        penalty = 0.5 * ODDS_PENALTY * penalised @ penalised
        return float(value + penalty), slope + ODDS_PENALTY * penalised

    found = minimize(loss, np.zeros(scaled.shape[1]), jac=True, method="L-BFGS-B").x
    weights = found[1:] / deviation
    return np.append(found[0] - mean @ weights, weights)


def _centred(values: FloatArray) -> FloatArray:
    centred: FloatArray = values - values.mean(axis=0)
    return centred


def _deviation(inputs: FloatArray) -> FloatArray:
    # An input that never varied says nothing.
    deviation = inputs.std(axis=0)
    return np.where(deviation > 0.0, deviation, np.inf)
