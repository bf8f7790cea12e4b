"""What a forecast is made of: volatility, drift, past liquidations, the hour and the map."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.forecasting.realised import RealisedTotals
from liq_nautilus.core.records import LONG
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Bars
    from liq_nautilus.core.records import FloatArray

HORIZON_HOURS: Final[dict[str, int]] = {"1h": 1, "4h": 4, "1d": 24}
SIDES: Final = ("long", "short", "both")
# Half-lives of the volatilities and of past liquidations.
_SPAN_HOURS: Final = np.array([1.0, 6.0, 24.0])
_SPANS_NS: Final = _SPAN_HOURS * HOUR_NS
# Half-life of the mean that the map's hazard is compared with: months differ in how much the map
# holds, by more than days do.
_USUAL_NS: Final = 36.0 * HOUR_NS
# Amounts are shares of the open interest; a share this small is as good as nothing.
LEAST_SHARE: Final = 1e-6
_LEAST_VOLATILITY: Final = 1e-5
_HARMONICS: Final = (1, 2, 3)
_DAY_NS: Final = 24 * HOUR_NS
# The first of January 1970 was a Thursday.
_FIRST_WEEKDAY: Final = 3
_SATURDAY: Final = 5
_PER_HOUR: Final = math.log(2.0) / _SPAN_HOURS
_PLACES: Final = {name: place for place, name in enumerate(HORIZON_HOURS)}
_ROOT_HOURS: Final = np.sqrt(np.array(list(HORIZON_HOURS.values()), dtype=np.float64))

# The columns of `ForecastInputs.columns`, by what they are made of.
GROUPS: Final[dict[str, slice]] = {
    "volatility": slice(0, 5),
    "past": slice(5, 11),
    "calendar": slice(11, 18),
    "map": slice(18, 21),
}
N_COLUMNS: Final = 21


class ForecastInputs:
    """
    Trailing statistics that a forecast is made from; work and memory do not grow with time.

    Attributes
    ----------
    realised : RealisedTotals
        Liquidations of the last days.

    """

    def __init__(self) -> None:
        self.realised = RealisedTotals()
        # Weighted variance and time, per half-life.
        self._variance = np.zeros((2, 3))
        # Weighted mean of the log price, its weight, and the newest log price.
        self._mean_price = np.zeros(3)
        # Past liquidations of longs and shorts, decayed to `_past_ts`, per half-life.
        self._past = np.zeros((2, 3))
        self._past_ts = 0
        self._past_since = 0
        # The log hazard of the last update by side, horizon and volatility, and the trailing mean
        # of those before, with its weight.
        self._newest = np.zeros((3, 3, 3))
        self._usual = np.zeros((3, 3, 3))
        self._usual_weight = 0.0
        self._usual_ts = 0
        # The volatility of the bars so far, asked for several times an update.
        self._volatility: FloatArray | None = None

    @property
    def has_volatility(self) -> bool:
        """Whether any bars came."""
        return bool(self._variance[1, 0] > 0.0)

    def volatility(self) -> FloatArray:
        """Return the standard deviation of an hour's log return, per half-life, shape (3,)."""
        if self._volatility is None:
            variance, time = self._variance
            self._volatility = np.maximum(np.sqrt(variance / time * HOUR_NS), _LEAST_VOLATILITY)
        return self._volatility

    def add_bars(self, bars: Bars) -> None:
        """Take in bars of last prices, in order; marks are left out."""
        kernels.trail_bars(bars, _SPANS_NS, self._variance, self._mean_price)
        self._volatility = None

    def add_realised(self, side: int, notional: float, ts_from: int, ts_to: int) -> None:
        """Take in realised liquidations; arguments as `RealisedTotals.add`."""
        self.realised.add(side, notional, ts_from, ts_to)
        if not self._past_since:
            self._past_since = self._past_ts = ts_from
        if ts_to > self._past_ts:
            self._past *= 0.5 ** ((ts_to - self._past_ts) / _SPANS_NS)
            self._past_ts = ts_to
        self._past[0 if side == LONG else 1] += notional

    def hazard(
        self, notional: FloatArray, price: FloatArray, reference: float, unit: FloatArray
    ) -> FloatArray:
        """
        Return what the map holds, weighted by the chance of being touched.

        Parameters
        ----------
        notional, price : ndarray of shape (2, n)
            Quote, and quote per base unit; longs then shorts.
        reference : float
            The current price.
        unit : ndarray of shape (2,)
            Open interest, scaled as the notional is (quote).

        Returns
        -------
        ndarray of shape (3, 3, 3)
            Log share of open interest by side (longs, shorts, both), horizon and volatility.

        Notes
        -----
        A level is touched with probability ``2 * Phi(-distance / volatility)``, as a driftless
        random walk is.

        """
        deviations = (_ROOT_HOURS[:, None] * self.volatility()).ravel()
        logs = kernels.log_hazard(notional, price, reference, unit, deviations, LEAST_SHARE)
        return logs.reshape(3, 3, 3)

    def remember(self, hazard: FloatArray, ts: int) -> None:
        """Take in the hazard of an update (ns): later ones are compared with the trailing mean."""
        if self._usual_ts:
            kept = 0.5 ** ((ts - self._usual_ts) / _USUAL_NS)
            self._usual *= kept
            self._usual += (1.0 - kept) * self._newest
            self._usual_weight = self._usual_weight * kept + (1.0 - kept)
        self._newest, self._usual_ts = hazard, ts

    def columns(
        self, ts: int, horizon: str, hazard: FloatArray, open_interest: float
    ) -> FloatArray:
        """
        Return the inputs of the regressions of one horizon.

        Parameters
        ----------
        ts : int
            UTC ns.
        horizon : str
            A key of `HORIZON_HOURS`.
        hazard : ndarray of shape (3, 3, 3)
            What `hazard` says of the moment.
        open_interest : float
            Quote.

        Returns
        -------
        ndarray of shape (3, N_COLUMNS)
            For longs, shorts and both. Past liquidations are as of what is known of them.

        """
        found = np.zeros((3, N_COLUMNS))
        trend = found[:, GROUPS["volatility"]]
        kernels.trend_columns(self.volatility(), self._mean_price, trend)
        found[:, GROUPS["calendar"]] = _calendar(ts // HOUR_NS * HOUR_NS)
        if self.realised.is_known(ts):
            self._fill_past(open_interest, found[:, GROUPS["past"]])
        if self._usual_weight > 0.0:
            place = _PLACES[horizon]
            usual = self._usual[:, place] / self._usual_weight
            found[:, GROUPS["map"]] = hazard[:, place] - usual
        return found

    def _fill_past(self, open_interest: float, out: FloatArray) -> None:
        # How fast was liquidated lately, as shares of open interest per hour, own side and other.
        filled = 1.0 - 0.5 ** ((self._past_ts - self._past_since) / _SPANS_NS)
        rates = self._past * (_PER_HOUR / filled)
        kernels.past_columns(rates, open_interest, LEAST_SHARE, out)

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        values = {name: getattr(self, "_" + name) for name in _STATE}
        copied = {
            name: value.copy() if isinstance(value, np.ndarray) else value
            for name, value in values.items()
        }
        return copied | {"realised": self.realised.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        for name in _STATE:
            value = state[name]
            setattr(self, "_" + name, np.array(value) if isinstance(value, np.ndarray) else value)
        self.realised.restore(state["realised"])
        self._volatility = None


@functools.lru_cache(maxsize=64)
def _calendar(ts: int) -> FloatArray:
    # The hour of the day as waves, and whether it is a weekend (UTC).
    angles = 2.0 * math.pi * (ts % _DAY_NS) / _DAY_NS * np.array(_HARMONICS)
    weekday = (ts // _DAY_NS + _FIRST_WEEKDAY) % 7
    return np.concatenate([np.sin(angles), np.cos(angles), [float(weekday >= _SATURDAY)]])


_STATE: Final = (
    "variance", "mean_price", "past", "past_ts", "past_since", "newest", "usual", "usual_weight",
    "usual_ts",
)  # fmt: skip


def checked_horizon(horizon: str) -> str:
    """
    Return a horizon that is known.

    Raises
    ------
    ValueError
        If it is not.

    """
    if horizon not in HORIZON_HOURS:
        msg = f"horizon must be one of {', '.join(HORIZON_HOURS)}, was {horizon}"
        raise ValueError(msg)
    return horizon
