"""How any Nautilus strategy consults the current signal."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.core.advising.position_risk import Crowd
from liq_nautilus.core.advising.position_risk import Position
from liq_nautilus.core.advising.position_risk import position_risk
from liq_nautilus.core.records import AVOID
from liq_nautilus.core.records import REVERSAL_OPPORTUNITY
from liq_nautilus.core.records import WAIT
from liq_nautilus.nautilus.internals import instrument_topic
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationForecast
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.actor import Actor
    from nautilus_trader.model.identifiers import InstrumentId

    from liq_nautilus.core.records import PositionRisk

# What a position is held against, as it was published last.
_CROWD: Final = (LiquidationLevels, LiquidationClusters, LiquidationForecast)
DEFAULT_MAX_AGE_SECS: Final = 7_500.0
# AVOID looks within 2 % of a cluster's near edge; its peak may lie somewhat farther.
DEFAULT_AVOID_DISTANCE: Final = 0.03


class SignalConsumer:
    """
    The latest `LiquidationSignal` of one instrument, and what it allows.

    Make one in `on_start` of a strategy; from then on it follows the bus by itself.

    Parameters
    ----------
    component : Actor
        The strategy (or actor) that asks; it must be registered, as it is in `on_start`.
    instrument_id : InstrumentId
        The perpetual.
    max_age_secs : float, optional
        An older signal counts as WAIT (seconds). The default bears one missing hourly snapshot.
    avoid_distance : float, optional
        AVOID speaks about prices within this fraction of its cluster.
    on_signal : callable, optional
        Called with every new signal.
    follows_map : bool, optional
        Whether to follow levels, clusters and forecasts, of which `position_risk` is made. Where
        nobody follows them the actor does not make them, and a run takes two thirds of the time.

    Examples
    --------
    In a strategy::

        def on_start(self):
            self.signals = SignalConsumer(self, self.config.instrument_id)

        def on_bar(self, bar):
            if wants_to_buy and self.signals.may_enter(+1, bar.close.as_double()):
                ...

    """

    def __init__(
        self,
        component: Actor,
        instrument_id: InstrumentId,
        *,
        max_age_secs: float = DEFAULT_MAX_AGE_SECS,
        avoid_distance: float = DEFAULT_AVOID_DISTANCE,
        on_signal: Callable[[LiquidationSignal], Any] | None = None,
        follows_map: bool = True,
    ) -> None:
        self._clock = component.clock
        self._msgbus = component.msgbus
        self._topic = instrument_topic(LiquidationSignal, instrument_id)
        self._max_age_ns = round(max_age_secs * SECOND_NS)
        self._avoid_distance = avoid_distance
        self._on_signal = on_signal
        self.last: LiquidationSignal | None = None
        # `Actor.subscribe_data` would also send a command to a data client, which has no part in
        # what another component of the same node publishes.
        self._crowd: dict[type, Any] = {}
        self._followed = _CROWD if follows_map else ()
        self._handlers = {
            self._topic: self._receive,
            **{instrument_topic(cls, instrument_id): self._keep for cls in self._followed},
        }
        for topic, handler in self._handlers.items():
            self._msgbus.subscribe(topic=topic, handler=handler)

    def stop(self) -> None:
        """Follow the bus no longer."""
        for topic, handler in self._handlers.items():
            self._msgbus.unsubscribe(topic=topic, handler=handler)

    @property
    def age_ns(self) -> int | None:
        """The age of the last signal (nanoseconds); None before the first."""
        return None if self.last is None else self._clock.timestamp_ns() - self.last.ts_init

    @property
    def action(self) -> str:
        """The last signal's action; WAIT before the first and when it is too old."""
        age = self.age_ns
        if self.last is None or age is None or age > self._max_age_ns:
            return WAIT
        return self.last.action

    def may_enter(self, side: int, price: float) -> bool:
        """
        Return whether the signal allows to open a position.

        Parameters
        ----------
        side : int
            +1 to buy, -1 to sell.
        price : float
            The price at which it would be opened (quote per base unit).

        Returns
        -------
        bool
            Never under WAIT; under AVOID only away from the cluster; under REVERSAL_OPPORTUNITY
            only against the cascade; always under CLEAR.

        """
        action = self.action
        if self.last is None or action == WAIT:
            return False
        if action == AVOID:
            # A NaN cluster price forbids every price.
            return bool(abs(self.last.cluster_price / price - 1.0) > self._avoid_distance)
        if action == REVERSAL_OPPORTUNITY:
            return side == self.last.position_side
        return True

    def position_risk(
        self,
        side: int,
        entry: float,
        stop: float,
        leverage: float,
        *,
        maintenance_margin_rate: float = 0.004,
    ) -> PositionRisk | None:
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
        maintenance_margin_rate : float, optional
            A fraction of the notional, that of BTCUSDT's first bracket by default.

        Returns
        -------
        PositionRisk or None
            None before the actor has published levels, clusters and a forecast, of which chances
            are.

        Raises
        ------
        ValueError
            If the side is neither, a price not above 0, the stop not against the side, the leverage
            below 1, or the map is not followed.

        """
        if not self._followed:
            msg = "position_risk must have the map, which is not followed: set follows_map=True"
            raise ValueError(msg)
        if len(self._crowd) < len(_CROWD):
            return None
        levels, clusters, forecast = (self._crowd[cls] for cls in _CROWD)
        crowd = Crowd(
            levels.to_record(),
            clusters.to_record(),
            float(forecast.probability_unusual[-1]),
            forecast.deviation,
        )
        return position_risk(Position(side, entry, stop, leverage, maintenance_margin_rate), crowd)

    def _keep(self, datum: Any) -> None:  # noqa: ANN401 - one of several custom types
        if isinstance(datum, LiquidationLevels) and datum.model != "ensemble":
            return
        self._crowd[type(datum)] = datum

    def _receive(self, signal: LiquidationSignal) -> None:
        self.last = signal
        if self._on_signal is not None:
            self._on_signal(signal)
