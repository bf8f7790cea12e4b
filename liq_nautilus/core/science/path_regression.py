"""The path-only regression, the strongest opponent: quadratic in ranks, fitted by ridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.science.scoring import ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray

# Chosen by leaving out one window at a time, for the path-only regression itself.
_RIDGE = 1.0
_N_QUANTILES = 101


@dataclass(frozen=True, slots=True, eq=False)
class RankRegression:
    """
    Rank of realised notional as a quadratic of the inputs' ranks.

    Attributes
    ----------
    quantiles : ndarray of shape (n_inputs, 101)
        The training distribution of each input: ranks of new data are taken in it.
    coefficients : ndarray of shape (n_terms,)
        Constant, inputs, products of the first `n_crossed`, then squares of the others.
    n_crossed : int
        Inputs that enter with all their products.

    """

    quantiles: FloatArray
    coefficients: FloatArray
    n_crossed: int

    def predict(self, inputs: FloatArray) -> FloatArray:
        """
        Return a positive score that rises with the expected rank.

        Parameters
        ----------
        inputs : ndarray of shape (n, n_inputs)
            As in training.

        Returns
        -------
        ndarray of shape (n,)
            ``exp`` of the expected rank (in [0, 1] or a little beyond).

        """
        score: FloatArray = np.exp(
            _terms(_ranks_in(self.quantiles, inputs), self.n_crossed) @ self.coefficients
        )
        return score

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "quantiles": self.quantiles.tolist(),
            "coefficients": self.coefficients.tolist(),
            "n_crossed": self.n_crossed,
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> RankRegression:
        """Return a regression from what `to_dict` gave."""
        return cls(
            np.array(document["quantiles"], dtype=np.float64),
            np.array(document["coefficients"], dtype=np.float64),
            int(document["n_crossed"]),
        )


def fit_rank_regression(
    inputs: Sequence[FloatArray], realised: Sequence[FloatArray], n_crossed: int
) -> RankRegression:
    """
    Fit the regression on training windows.

    Parameters
    ----------
    inputs : sequence of ndarray of shape (n_k, n_inputs)
        The inputs of each window.
    realised : sequence of ndarray of shape (n_k,)
        Realised notional of each window (quote). Ranks are taken within a window, so that windows
        of different interval length and market regime can be trained on together.
    n_crossed : int
        How many of the inputs, from the first, enter with all their products; the others enter
        linearly and squared.

    """
    together = np.vstack(inputs)
    target = np.concatenate([(ranks(one) - 0.5) / one.size for one in realised])
    quantiles = np.quantile(together, np.linspace(0.0, 1.0, _N_QUANTILES), axis=0).T.copy()
    terms = _terms(_ranks_in(quantiles, together), n_crossed)
    penalty = np.full(terms.shape[1], _RIDGE)
    penalty[0] = 1e-9
    coefficients = np.linalg.solve(terms.T @ terms + np.diag(penalty), terms.T @ target)
    return RankRegression(quantiles, coefficients, n_crossed)


def _ranks_in(quantiles: FloatArray, inputs: FloatArray) -> FloatArray:
    # The middle of the span of equal quantiles, so that ties of the training data stay ties.
    columns = []
    for row, values in zip(quantiles, inputs.T, strict=True):
        low = np.searchsorted(row, values, side="left")
        high = np.searchsorted(row, values, side="right")
        between = np.interp(values, row, np.arange(row.size))
        columns.append(np.where(high - low > 1, 0.5 * (low + high - 1), between) / (row.size - 1))
    return np.column_stack(columns)


def _terms(ranked: FloatArray, n_crossed: int) -> FloatArray:
    crossed = [ranked[:, i] * ranked[:, j] for i in range(n_crossed) for j in range(i, n_crossed)]
    squared = [ranked[:, i] ** 2 for i in range(n_crossed, ranked.shape[1])]
    return np.column_stack([np.ones(ranked.shape[0]), ranked, *crossed, *squared])
