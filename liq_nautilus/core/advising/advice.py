"""What a tracker advises: clusters, signals, forecasts, and what a position risks."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from liq_nautilus.core.advising.position_risk import Crowd
from liq_nautilus.core.advising.position_risk import Position
from liq_nautilus.core.advising.position_risk import position_risk
from liq_nautilus.core.advising.watch import Watch
from liq_nautilus.core.forecasting.forecaster import no_forecast
from liq_nautilus.core.forecasting.inputs import checked_horizon
from liq_nautilus.core.published.map_answers import MapAnswers

if TYPE_CHECKING:
    from liq_nautilus.core.exchange.brackets import BracketTable
    from liq_nautilus.core.forecasting.forecaster import Forecaster
    from liq_nautilus.core.forecasting.outlook import Surroundings
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import Clusters
    from liq_nautilus.core.records import Forecast
    from liq_nautilus.core.records import PositionRisk
    from liq_nautilus.core.records import Signal


class MapAdvice(MapAnswers):
    """
    The map of one instrument and what follows from it; what moves it is `LiquidationTracker`.

    Parameters
    ----------
    parameters : TrackerParameters, optional
        What is assumed.
    brackets : BracketTable, optional
        The symbol's brackets; BTCUSDT's newest by default.

    """

    def __init__(
        self,
        parameters: TrackerParameters | None = None,
        *,
        brackets: BracketTable | None = None,
    ) -> None:
        super().__init__(parameters, brackets=brackets)
        self._watch = Watch(self.parameters)
        # Whether the price moved since the signal was decided.
        self._is_moved = False

    def clusters(self) -> Clusters:
        """Return the clusters found at the last open interest or funding update."""
        return self._watch.clusters

    def signal(self) -> Signal:
        """
        Return the signal.

        WAIT and REVERSAL_OPPORTUNITY are those of the last open interest or funding update, or WAIT
        if inputs went stale since; AVOID, CLEAR and the risk are as the price is now.
        """
        around = self.surroundings() if self._is_moved else None
        if around is None:
            return self._watch.signal
        return self._watch.signal_now(around)

    def forecast(self, horizon: str = "4h", *, has_levels: bool = True) -> Forecast:
        """
        Return how much will be liquidated over a horizon whose path nobody knows.

        Parameters
        ----------
        horizon : {"1h", "4h", "1d"}, optional
            From the newest input on.
        has_levels : bool, optional
            Whether the levels it is made of are told too, which takes nearly half of the time.

        Raises
        ------
        ValueError
            If the horizon is another.

        """
        around, venues = self.surroundings(), self.parameters.venues
        if around is None:
            return no_forecast(self.ts, checked_horizon(horizon), venues)
        return self.forecaster.forecast(around, horizon, venues, has_levels=has_levels)

    def position_risk(
        self, side: int, entry: float, stop: float, leverage: float, horizon: str = "4h"
    ) -> PositionRisk:
        """
        Return how much forced flow lies between a position and its end.

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        entry, stop : float
            Quote per base unit.
        leverage : float
            Of an isolated position (>= 1).
        horizon : {"1h", "4h", "1d"}, optional
            What chances are about.

        Raises
        ------
        ValueError
            As `liq_nautilus.core.advising.position_risk.position_risk`.

        """
        forecast = self.forecast(horizon)
        chance = forecast.sides["both"].probability_unusual
        crowd = Crowd(self.levels(), self.clusters(), chance, forecast.deviation)
        rate = self.brackets.brackets[0].maintenance_margin_rate
        return position_risk(Position(side, entry, stop, leverage, rate), crowd)

    @property
    def forecaster(self) -> Forecaster:
        """What makes the forecasts."""
        return self._watch.forecaster

    def surroundings(self) -> Surroundings | None:
        """Return the map around the current price; None before any."""
        if self._watch.around is not None and not self._is_moved:
            return self._watch.around._replace(ts=self.ts)
        if not self._map.has_price:
            return None
        size = self._map.bucket_size
        return self._watch.surroundings(self._published, self._market, self.ts, size)

    def state(self) -> dict[str, Any]:
        """Return everything that changes: arrays, plain numbers, nested dictionaries."""
        return {**super().state(), "watch": self._watch.state(), "is_moved": self._is_moved}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` of a map with the same parameters and brackets returned."""
        super().restore(state)
        self._watch.restore(state["watch"])
        self._is_moved = bool(state["is_moved"])
