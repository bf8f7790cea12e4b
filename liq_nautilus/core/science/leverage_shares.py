"""
Fits what share of open interest each leverage tier holds, from what the path swept of it.

What the map held bar by bar in the swept ranges, times the shares, is the notional that should have
been liquidated. Realised notional scatters around it since positions come in lumps, so that the
likelihood is that of a Poisson process in units of a lump (quasi-Poisson: variance in proportion to
the mean). Only tiers whose levels the path reaches are seen: the others stay at the reported mix
they are drawn to, and say so by their error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from liq_nautilus.core.science.column_weights import SMALLEST_NOTIONAL

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray

# Standard deviations of log shares around the reported mix, and of a side's around the common ones.
_MIX_DEVIATION = 1.0
_SIDE_DEVIATION = 0.1
# Intervals in which less was expected say nothing about the size of errors (quote).
_LEAST_EXPECTED = 20_000.0
_FIRST_LUMP = 1e5
_FIRST_DISPERSION = 0.3
_LOG_SHARE = math.log(0.03)
_ROUNDS = 3
_MOST_ITERATIONS = 3_000


@dataclass(frozen=True, slots=True, eq=False)
class ShareFit:
    """
    Fitted shares of open interest.

    Attributes
    ----------
    shares : ndarray of shape (2, n_tiers)
        Of each tier, longs then shorts. Their sum is the share of open interest that is liquidated
        as the path says; the rest never is.
    errors : ndarray of shape (2, n_tiers)
        Standard deviation of the logarithm of each share (Laplace approximation).
    lump : float
        Variance of realised notional per notional expected (quote): the size of single positions.
    dispersion : float
        Relative standard deviation that stays however much is expected.
    log_likelihood : float
        Quasi-likelihood per interval (nats), up to a constant of the data.

    """

    shares: FloatArray
    errors: FloatArray
    lump: float
    dispersion: float
    log_likelihood: float


def fit_shares(swept: FloatArray, realised: FloatArray, mix: FloatArray) -> ShareFit:
    """
    Fit shares of both sides together by maximum a posteriori quasi-likelihood.

    Parameters
    ----------
    swept : ndarray of shape (n, 2, n_tiers)
        What each tier held in the ranges the path swept, if all were opened there (quote).
    realised : ndarray of shape (n, 2)
        Liquidated notional (quote, >= 0), longs then shorts.
    mix : ndarray of shape (n_tiers,)
        The reported shares that unseen tiers keep, relative to each other (> 0).

    Returns
    -------
    ShareFit
        With the reported mix where nothing was swept.

    Raises
    ------
    ValueError
        If there are no intervals.

    Notes
    -----
    The log share of a tier is ``a_side + log(mix) + d + e_side`` with ``d ~ N(0, 1)`` and
    ``e ~ N(0, 0.1)``: traders of both sides use nearly the same leverages. The quasi-likelihood is
    ``sum(y log(m) - m) / lump`` (Wedderburn 1974). The lump is estimated from the residuals.

    """
    n, _, k = swept.shape
    if n == 0:
        msg = "shares must be fitted on at least one interval, found none; train on other windows"
        raise ValueError(msg)
    prior = np.log(mix / mix.sum())
    values = np.zeros(2 + 3 * k)
    values[:2] = _LOG_SHARE
    lump, dispersion = _FIRST_LUMP, _FIRST_DISPERSION
    options = {"maxiter": _MOST_ITERATIONS, "maxfun": _MOST_ITERATIONS}
    for _ in range(_ROUNDS):
        found = minimize(
            _loss, values, (swept, realised, prior, lump),
            jac=True, method="L-BFGS-B", bounds=[(-30.0, 30.0)] * values.size, options=options,
        )  # fmt: skip
        values = found.x
        shares = _shares(values, prior)
        expected = _expected(swept, shares)
        lump, dispersion = fit_lumps(expected.ravel(), realised.ravel())
    likelihood = float((realised * np.log(expected) - expected).sum()) / lump / n
    return ShareFit(shares, _errors(swept, shares, lump), lump, dispersion, likelihood)


def fit_lumps(expected: FloatArray, realised: FloatArray) -> tuple[float, float]:
    """
    Fit the variance ``lump * m + (dispersion * m)**2`` of realised around expected notional.

    Parameters
    ----------
    expected, realised : ndarray of shape (n,)
        Quote.

    Returns
    -------
    tuple of float
        The lump (quote) and the dispersion; their starting values when too little was expected.

    Notes
    -----
    On the scale of square roots a variance in proportion to the mean is constant and tails weigh
    less: ``4 (sqrt(y) - sqrt(m))**2`` is taken as ``(lump + dispersion**2 m)`` times a chi-square
    variable of one degree of freedom.

    """
    is_told = expected > _LEAST_EXPECTED
    if np.count_nonzero(is_told) < 3:
        return _FIRST_LUMP, _FIRST_DISPERSION
    mean = expected[is_told]
    residual = 4.0 * (np.sqrt(realised[is_told]) - np.sqrt(mean)) ** 2

    def loss(logs: FloatArray) -> float:
        variance = math.exp(logs[0]) + math.exp(logs[1]) * mean
        return float(0.5 * (np.log(variance) + residual / variance).sum())

    start = np.log([_FIRST_LUMP, _FIRST_DISPERSION**2])
    bounds = [(math.log(1e2), math.log(1e9)), (math.log(1e-4), math.log(1e2))]
    logs = minimize(loss, start, method="Nelder-Mead", bounds=bounds).x
    return math.exp(logs[0]), math.exp(0.5 * logs[1])


def _shares(values: FloatArray, prior: FloatArray) -> FloatArray:
    k = prior.size
    own = values[2 + k :].reshape(2, k)
    shares: FloatArray = np.exp(values[:2, None] + prior + values[2 : 2 + k] + own)
    return shares


def _expected(swept: FloatArray, shares: FloatArray) -> FloatArray:
    # Below the smallest positions amounts do not differ in meaning.
    expected: FloatArray = (swept * shares).sum(axis=2) + SMALLEST_NOTIONAL
    return expected


def _loss(
    values: FloatArray, swept: FloatArray, realised: FloatArray, prior: FloatArray, lump: float
) -> tuple[float, FloatArray]:
    k = prior.size
    shares = _shares(values, prior)
    expected = _expected(swept, shares)
    common, own = values[2 : 2 + k], values[2 + k :]
    pull = (realised / expected - 1.0) / lump
    by_tier = (swept * pull[:, :, None]).sum(axis=0) * shares
    gradient = np.empty_like(values)
    gradient[:2] = -by_tier.sum(axis=1)
    gradient[2 : 2 + k] = common / _MIX_DEVIATION**2 - by_tier.sum(axis=0)
    gradient[2 + k :] = own / _SIDE_DEVIATION**2 - by_tier.ravel()
    penalty = 0.5 * ((common / _MIX_DEVIATION) ** 2).sum()
    penalty += 0.5 * ((own / _SIDE_DEVIATION) ** 2).sum()
    told = (realised * np.log(expected) - expected).sum() / lump
    return float(penalty - told), gradient


def _errors(swept: FloatArray, shares: FloatArray, lump: float) -> FloatArray:
    # The inverse of the expected information, read for each log share.
    k = shares.shape[1]
    expected = _expected(swept, shares)
    jacobian = np.zeros((2, k, 2 + 3 * k))
    for side in range(2):
        jacobian[side, :, side] = 1.0
        jacobian[side, :, 2 : 2 + k] = np.eye(k)
        jacobian[side, :, 2 + (side + 1) * k : 2 + (side + 2) * k] = np.eye(k)
    prior = [1e-6] * 2 + [_MIX_DEVIATION**-2] * k + [_SIDE_DEVIATION**-2] * (2 * k)
    information = np.diag(np.array(prior))
    for side in range(2):
        slope = swept[:, side] * shares[side]
        seen = (slope / expected[:, side, None]).T @ slope / lump
        information += jacobian[side].T @ seen @ jacobian[side]
    covariance = np.linalg.inv(information)
    variance = np.einsum("ski,ij,skj->sk", jacobian, covariance, jacobian)
    errors: FloatArray = np.sqrt(variance)
    return errors
