"""
How much will be liquidated over a horizon whose path nobody knows.

The logarithm of the liquidated share of open interest is linear in what `forecasting.inputs` gives;
its residuals' quantiles and the mean are those of training windows, corrected slowly by what came
true since. The chance of an unusual amount is a logistic regression on the same inputs but past
liquidations, which did not help it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.forecasting.corrections import Correction
from liq_nautilus.core.forecasting.corrections import Made
from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.core.forecasting.inputs import LEAST_SHARE
from liq_nautilus.core.forecasting.inputs import SIDES
from liq_nautilus.core.forecasting.inputs import ForecastInputs
from liq_nautilus.core.forecasting.inputs import checked_horizon
from liq_nautilus.core.forecasting.memory import TrailingThreshold
from liq_nautilus.core.forecasting.outlook import NO_OUTLOOK
from liq_nautilus.core.forecasting.outlook import Contributions
from liq_nautilus.core.forecasting.outlook import Outlook
from liq_nautilus.core.forecasting.outlook import find_contributions
from liq_nautilus.core.forecasting.outlook import no_contributions
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.records import Forecast
from liq_nautilus.core.records import SideForecast
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from liq_nautilus.core.forecasting.fits import ForecastFit
    from liq_nautilus.core.forecasting.fits import HorizonFit
    from liq_nautilus.core.forecasting.outlook import Surroundings
    from liq_nautilus.core.kernels.arguments import Bars
    from liq_nautilus.core.records import FloatArray

_BOTH = 2
# So many levels are named with a forecast.
_MOST_LEVELS = 20


class Forecaster:
    """
    Forecast one instrument's liquidations, and learn slowly from what came true.

    Parameters
    ----------
    fit : ForecastFit
        What training windows said.
    signal_hours : float
        The horizon of signals; the nearest of the forecast's is taken.
    avoid_share : float
        The share of the last days' chances that is called high.

    Attributes
    ----------
    inputs : ForecastInputs
        Feed them; then tell `update` that an update is complete.

    """

    def __init__(self, fit: ForecastFit, signal_hours: float, avoid_share: float) -> None:
        self._fit = fit
        self.inputs = ForecastInputs()
        self.signal_horizon = min(
            HORIZON_HOURS, key=lambda name: abs(math.log(HORIZON_HOURS[name] / signal_hours))
        )
        self._high = TrailingThreshold(1.0 - avoid_share)
        self._corrections = {horizon: Correction(horizon) for horizon in HORIZON_HOURS}
        # The hazard of the map that was looked at last, until the next bars.
        self._looked_at: tuple[FloatArray, FloatArray] | None = None

    def update(self, around: Surroundings) -> Outlook:
        """Take in that an update is complete: remember what is forecast now, learn from before."""
        if not self.can_forecast(around):
            return NO_OUTLOOK
        hazard = self._hazard(around)
        outlook = self._outlook(around, hazard)
        self._high.add(outlook.chance, around.ts)
        self.inputs.remember(hazard, around.ts)
        self._learn(around, hazard)
        return outlook

    def outlook(self, around: Surroundings) -> Outlook:
        """Return what a signal needs to know of the forecast; nothing is remembered."""
        if not self.can_forecast(around):
            return NO_OUTLOOK
        return self._outlook(around, self._hazard(around))

    def sides(self, around: Surroundings, horizon: str) -> dict[str, SideForecast]:
        """
        Return what is expected of each side from now on.

        Parameters
        ----------
        around : Surroundings
            The map around the price, and when.
        horizon : str
            A key of `HORIZON_HOURS`.

        Returns
        -------
        dict of str to SideForecast
            Of "long", "short" and "both".

        """
        columns = self.columns(around, horizon)
        fit, is_known = self._fit_now(around.ts, horizon)
        correction = self._corrections[horizon] if is_known else Correction(horizon)
        share = fit.log_share(columns)
        factor = fit.mean_factor * correction.mean_factor()
        residuals = fit.quantiles + correction.offsets
        amounts = kernels.side_amounts(share, factor, residuals, LEAST_SHARE, around.open_interest)
        threshold = np.full(3, np.nan)
        if is_known:
            threshold = self.inputs.realised.unusual(HORIZON_HOURS[horizon] * HOUR_NS)
        rows = zip(amounts.tolist(), fit.chance(columns).tolist(), threshold.tolist(), strict=True)
        forecasts = (SideForecast(*[*row, chance, usual]) for row, chance, usual in rows)
        return dict(zip(SIDES, forecasts, strict=True))

    def columns(self, around: Surroundings, horizon: str) -> FloatArray:
        """Return what `sides` is made from, shape (3, N_COLUMNS); arguments as there."""
        hazard = self._hazard(around)
        return self.inputs.columns(around.ts, horizon, hazard, around.open_interest)

    def forecast(
        self,
        around: Surroundings,
        horizon: str,
        venues: tuple[str, ...],
        *,
        has_levels: bool = True,
    ) -> Forecast:
        """
        Return what is expected and, on request, which levels it is made of; arguments as `sides`.

        Raises
        ------
        ValueError
            If the horizon is not known.

        """
        checked_horizon(horizon)
        if not self.can_forecast(around):
            return no_forecast(around.ts, horizon, venues, around.reference_price)
        deviation = self._deviation(horizon)
        levels = find_contributions(around, deviation) if has_levels else no_contributions()
        most = Contributions._make(column[:_MOST_LEVELS] for column in levels)
        sides = self.sides(around, horizon)
        price = around.reference_price
        return Forecast(around.ts, horizon, price, sides, *most, venues, deviation)

    def can_forecast(self, around: Surroundings) -> bool:
        """Return whether map and volatility are known."""
        return self.inputs.has_volatility and around.open_interest > 0.0

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {
            "inputs": self.inputs.state(),
            "high": self._high.state(),
            "corrections": {name: one.state() for name, one in self._corrections.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.inputs.restore(state["inputs"])
        self._high.restore(state["high"])
        for name, one in self._corrections.items():
            one.restore(state["corrections"][name])
        self._looked_at = None

    def add_bars(self, bars: Bars) -> None:
        """Take in bars, in order; marks are left out."""
        self.inputs.add_bars(bars)
        self._looked_at = None

    def _deviation(self, horizon: str) -> float:
        # Of the log price over a horizon, from the last hours.
        return float(self.inputs.volatility()[1]) * math.sqrt(HORIZON_HOURS[horizon])

    def _hazard(self, around: Surroundings) -> FloatArray:
        if self._looked_at is None or self._looked_at[0] is not around.notional:
            # What was liquidated of late is an input of its own, not one more of the map.
            unit = around.scale * around.open_interest
            hazard = self.inputs.hazard(around.notional, around.price, around.reference_price, unit)
            self._looked_at = around.notional, hazard
        return self._looked_at[1]

    def _fit_now(self, ts: int, horizon: str) -> tuple[HorizonFit, bool]:
        is_known = self.inputs.realised.is_known(ts)
        fits = self._fit.with_past if is_known else self._fit.without_past
        return fits[horizon], is_known

    def _outlook(self, around: Surroundings, hazard: FloatArray) -> Outlook:
        horizon = self.signal_horizon
        columns = self.inputs.columns(around.ts, horizon, hazard, around.open_interest)
        fit, _ = self._fit_now(around.ts, horizon)
        chance = float(fit.chance(columns)[_BOTH])
        if not chance >= self._high.value(around.ts):
            return NO_OUTLOOK._replace(chance=chance)
        longs, shorts = (np.exp(fit.log_share(columns)) * fit.mean_factor)[:_BOTH].tolist()
        side = LONG if longs >= shorts else SHORT
        index = 0 if side == LONG else 1
        price, notional = kernels.most_touched(
            around.notional[index],
            around.price[index],
            around.reference_price,
            around.bucket_size,
            self._deviation(horizon),
        )
        return Outlook(chance, is_high=True, side=side, price=price, notional=notional)

    def _learn(self, around: Surroundings, hazard: FloatArray) -> None:
        if not self.inputs.realised.is_known(around.ts):
            return
        for horizon, correction in self._corrections.items():
            fit = self._fit.with_past[horizon]
            correction.settle(self.inputs.realised, fit)
            if correction.is_due(around.ts):
                columns = self.inputs.columns(around.ts, horizon, hazard, around.open_interest)
                made = Made(around.ts, fit.log_share(columns), around.open_interest)
                correction.remember(made)


def no_forecast(
    ts: int, horizon: str, venues: tuple[str, ...], price: float = math.nan
) -> Forecast:
    """Return the forecast of who knows nothing yet: all NaN, no levels."""
    nothing, unknown = np.zeros(0), SideForecast(*[math.nan] * len(SideForecast.__slots__))
    sides = dict.fromkeys(SIDES, unknown)
    no_side = np.zeros(0, dtype=np.int8)
    return Forecast(ts, horizon, price, sides, nothing, no_side, nothing, nothing, venues)
