"""What horizons that have ended say of a forecast's quantiles and mean."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.core.forecasting.fits import QUANTILES
from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.core.forecasting.inputs import LEAST_SHARE
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from liq_nautilus.core.forecasting.fits import HorizonFit
    from liq_nautilus.core.forecasting.realised import RealisedTotals
    from liq_nautilus.core.records import FloatArray

_LEVELS: Final = np.array(QUANTILES)
# What was forecast is compared with what came true every half hour at most.
_STEP_NS: Final = HOUR_NS // 2
# So many forecasts more may wait than a horizon has.
_MOST_LATE: Final = 16
# How far an ended horizon moves a quantile, as a share of the residuals' spread. Half-hourly
# horizons of a day overlap 48 times, so that they count accordingly less.
_QUANTILE_GAIN: Final = 0.03
# Half-life of the correction of the mean, and how many days of forecasts outweigh it.
_MEAN_HALF_LIFE_NS: Final = 7 * 24 * HOUR_NS
_MEAN_PRIOR_DAYS: Final = 2.0
_LARGEST_CORRECTION: Final = 4.0


class Made(NamedTuple):
    """
    A forecast to be compared with what comes true.

    Attributes
    ----------
    ts : int
        When it was made (UTC ns).
    share : ndarray of shape (3,)
        The log share of open interest that was forecast.
    open_interest : float
        Quote.

    """

    ts: int
    share: FloatArray
    open_interest: float


class Correction:
    """
    Corrects the forecasts of one horizon slowly by what came true: adaptive conformal inference.

    Parameters
    ----------
    horizon : str
        A key of `HORIZON_HOURS`.

    Attributes
    ----------
    offsets : ndarray of shape (3, 4)
        Added to the quantiles of the residuals.

    Notes
    -----
    Of Gibbs and Candes (2021): a quantile at level a moves up by ``gain * a`` when the value
    lies above it, and down by ``gain * (1 - a)`` when below, so that in the long run it holds a
    share a of the values, whatever their distribution becomes.

    """

    def __init__(self, horizon: str) -> None:
        self._horizon_ns = HORIZON_HOURS[horizon] * HOUR_NS
        # Liquidations may be told late; what waits for them is bounded.
        self._most = self._horizon_ns // _STEP_NS + _MOST_LATE
        self._pending: deque[Made] = deque(maxlen=self._most)
        self._weight = min(1.0, 2.0 * _STEP_NS / self._horizon_ns)
        self._newest = 0
        self.offsets = np.zeros((3, len(QUANTILES)))
        # Realised and forecast shares, decayed, and their weight in days.
        self._sums = np.zeros((2, 3))
        self._days = 0.0

    def is_due(self, ts: int) -> bool:
        """Return whether a forecast of this time (UTC ns) is to be remembered."""
        return ts // _STEP_NS > self._newest // _STEP_NS

    def remember(self, made: Made) -> None:
        """Remember a forecast until its horizon has ended."""
        self._newest = made.ts
        self._pending.append(made)

    def settle(self, realised: RealisedTotals, fit: HorizonFit) -> None:
        """Learn from the forecasts whose horizon has ended."""
        while self._pending and self._pending[0].ts + self._horizon_ns <= realised.through:
            made = self._pending.popleft()
            total = realised.total(made.ts, made.ts + self._horizon_ns)
            self._learn(made, total, fit)

    def mean_factor(self) -> FloatArray:
        """Return what expectations are multiplied with, shape (3,)."""
        if self._days <= 0.0:
            return np.ones(3)
        prior = self._sums[1] * _MEAN_PRIOR_DAYS / self._days
        factor = (self._sums[0] + prior) / np.maximum(self._sums[1] + prior, LEAST_SHARE**2)
        corrected: FloatArray = np.clip(factor, 1.0 / _LARGEST_CORRECTION, _LARGEST_CORRECTION)
        return corrected

    def state(self) -> dict[str, Any]:
        """Return everything that changes; its size does not."""
        times = np.zeros(self._most, dtype=np.int64)
        shares, held = np.zeros((self._most, 3)), np.zeros(self._most)
        for i, made in enumerate(self._pending):
            times[i], shares[i], held[i] = made
        return {
            "ts": times,
            "shares": shares,
            "open_interest": held,
            "newest": self._newest,
            "offsets": self.offsets.copy(),
            "sums": self._sums.copy(),
            "days": self._days,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        rows = zip(
            state["ts"].tolist(), state["shares"], state["open_interest"].tolist(), strict=True
        )
        kept = (Made(ts, np.array(share), held) for ts, share, held in rows if ts)
        self._pending = deque(kept, maxlen=self._most)
        self._newest = int(state["newest"])
        self.offsets = np.array(state["offsets"])
        self._sums = np.array(state["sums"])
        self._days = float(state["days"])

    def _learn(self, made: Made, total: FloatArray, fit: HorizonFit) -> None:
        share = total / made.open_interest
        residual = np.log(share + LEAST_SHARE) - made.share
        is_below = residual[:, None] <= fit.quantiles + self.offsets
        spread = fit.quantiles[:, 2:3] - fit.quantiles[:, 0:1]
        gain = _QUANTILE_GAIN * self._weight * spread
        self.offsets = self.offsets + gain * (_LEVELS - is_below)
        kept = 0.5 ** (_STEP_NS / _MEAN_HALF_LIFE_NS)
        expected = np.exp(made.share) * fit.mean_factor
        self._sums = self._sums * kept + np.stack([share, expected])
        self._days = self._days * kept + _STEP_NS / (24 * HOUR_NS)
