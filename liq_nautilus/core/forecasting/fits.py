"""What training windows say of forecasts: weights of the inputs, residuals, odds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
from scipy.special import expit

from liq_nautilus.core import kernels
from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.core.forecasting.inputs import N_COLUMNS
from liq_nautilus.core.forecasting.inputs import SIDES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray

QUANTILES: Final = (0.1, 0.5, 0.9, 0.99)
# Exponents beyond this say nothing more.
_LARGEST_EXPONENT: Final = 30.0
# How many numbers a side of a horizon has: see `HorizonFit`.
N_NUMBERS: Final = 2 * (1 + N_COLUMNS) + len(QUANTILES) + 1


@dataclass(frozen=True, slots=True, eq=False)
class HorizonFit:
    """
    What training windows say of one horizon; the first axis is longs, shorts, both.

    Attributes
    ----------
    location : ndarray of shape (3, 1 + N_COLUMNS)
        Constant and weights of the log share of open interest that is liquidated.
    odds : ndarray of shape (3, 1 + N_COLUMNS)
        Constant and weights of the log odds that the amount is unusual.
    quantiles : ndarray of shape (3, 4)
        The 10, 50, 90 and 99 % quantiles of the residuals of `location`.
    mean_factor : ndarray of shape (3,)
        Mean liquidated share over the mean of the exponential of `location`.

    """

    location: FloatArray
    odds: FloatArray
    quantiles: FloatArray
    mean_factor: FloatArray

    def log_share(self, columns: FloatArray) -> FloatArray:
        """Return the expected log share of each side, shape (3,), from columns (3, N_COLUMNS)."""
        share = kernels.weighted_inputs(self.location, columns)
        return np.minimum(np.maximum(share, -_LARGEST_EXPONENT), 0.0)

    def chance(self, columns: FloatArray) -> FloatArray:
        """Return the chance of an unusual amount, shape (3,), from columns (3, N_COLUMNS)."""
        chance: FloatArray = expit(kernels.weighted_inputs(self.odds, columns))
        return chance

    def numbers(self) -> list[float]:
        """Return everything as `N_NUMBERS` plain numbers per side, for `from_numbers`."""
        parts = (self.location, self.odds, self.quantiles, self.mean_factor[:, None])
        return [float(f"{number:.6g}") for number in np.hstack(parts).ravel().tolist()]

    @classmethod
    def from_numbers(cls, numbers: Sequence[float]) -> HorizonFit:
        """Return what `numbers` gave."""
        rows = np.array(numbers, dtype=np.float64).reshape(len(SIDES), N_NUMBERS)
        ends = np.cumsum([1 + N_COLUMNS, 1 + N_COLUMNS, len(QUANTILES)])
        location, odds, quantiles, mean_factor = map(
            np.ascontiguousarray, np.split(rows, ends, axis=1)
        )
        return cls(location, odds, quantiles, mean_factor[:, 0])


@dataclass(frozen=True, slots=True, eq=False)
class ForecastFit:
    """
    What forecasts are made with, by horizon.

    Attributes
    ----------
    with_past : dict of str to HorizonFit
        Where realised liquidations are known.
    without_past : dict of str to HorizonFit
        Where they are not.

    """

    with_past: dict[str, HorizonFit]
    without_past: dict[str, HorizonFit]

    def numbers(self) -> tuple[float, ...]:
        """Return everything as plain numbers, for `from_numbers`."""
        return tuple(
            number
            for fits in (self.with_past, self.without_past)
            for horizon in HORIZON_HOURS
            for number in fits[horizon].numbers()
        )

    @classmethod
    def from_numbers(cls, numbers: Sequence[float]) -> ForecastFit:
        """
        Return what `numbers` gave.

        Raises
        ------
        ValueError
            If there are not as many as there must be.

        """
        rows = np.array(numbers, dtype=np.float64)
        n = 2 * len(HORIZON_HOURS)
        expected = n * len(SIDES) * N_NUMBERS
        if rows.size != expected:
            msg = f"the numbers of a forecast must be {expected}, were {rows.size}"
            raise ValueError(msg)
        fits = [HorizonFit.from_numbers(part.tolist()) for part in rows.reshape(n, -1)]
        named = [
            dict(zip(HORIZON_HOURS, part, strict=True)) for part in (fits[: n // 2], fits[n // 2 :])
        ]
        return cls(*named)
