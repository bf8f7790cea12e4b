"""Fits the bands of what is liquidated to real windows, as quantiles of what was expected."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array
from scipy.sparse import eye_array
from scipy.sparse import hstack

from liq_nautilus.core.levels import BAND_UNIT
from liq_nautilus.core.levels import LEAST_NOTIONAL

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray

# Enough rows for two numbers; more only take time.
_MOST_ROWS = 4_000
# Bands reach as far as all but this share of the expectations.
_BEYOND = 0.001


def fit_band(expected: FloatArray, realised: FloatArray, share: float) -> tuple[float, float]:
    """
    Fit one end of a band by quantile regression in logarithms (Koenker and Bassett 1978).

    Parameters
    ----------
    expected, realised : ndarray of shape (n,)
        Notional per interval (quote, >= 0).
    share : float
        The quantile, in (0, 1).

    Returns
    -------
    tuple of float
        The factor and the power of ``unit * factor * (m / unit) ** power``; see
        `liq_nautilus.core.levels.Bands`.

    Raises
    ------
    ValueError
        If nothing was expected in any interval.

    """
    is_told = expected > 0.0
    if not is_told.any():
        msg = "a band must be fitted on intervals with expectations above 0, found none"
        raise ValueError(msg)
    rows = np.flatnonzero(is_told)
    rows = rows[:: max(rows.size // _MOST_ROWS, 1)]
    x = np.log(expected[rows] / BAND_UNIT)
    y = np.log((realised[rows] + LEAST_NOTIONAL) / BAND_UNIT)
    n = rows.size
    # Constant and slope are free; what lies above and below the line costs by the share.
    cost = np.concatenate([np.zeros(2), np.full(n, share), np.full(n, 1.0 - share)]) / n
    line = csr_array(np.column_stack([np.ones(n), x]))
    both = hstack([line, eye_array(n), -eye_array(n)])
    bounds = [(None, None), (1e-3, None), *[(0.0, None)] * (2 * n)]
    found = linprog(cost, A_eq=both, b_eq=y, bounds=bounds, method="highs")
    return math.exp(found.x[0]), float(found.x[1])


def band_reach(expected: FloatArray) -> float:
    """Return up to which expectation (quote) bands are known from the ones they are fitted on."""
    return float(np.quantile(expected, 1.0 - _BEYOND))
