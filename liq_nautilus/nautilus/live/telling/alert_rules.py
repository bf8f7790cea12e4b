"""What is worth telling of what a node publishes, and when: no Nautilus clock, no sending."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

from nautilus_trader.common.config import ActorConfig

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import REVERSAL_OPPORTUNITY
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.live.feeds.status import FeedStatus
from liq_nautilus.nautilus.live.telling.wording import price_words
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationForecast
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

NEAR: Final = "near"
CASCADE: Final = "cascade"
FORECAST: Final = "forecast"
INPUT: Final = "input"
KINDS: Final = (NEAR, CASCADE, FORECAST, INPUT)
# Of which a forecast speaks, in its order.
_SIDES: Final = ("longs", "shorts", "longs and shorts")
_HOURS: Final = 24


class AlertsConfig(ActorConfig, frozen=True, kw_only=True):
    """
    What is told, and how often.

    Parameters
    ----------
    kinds : tuple of str
        What is told: "near" (a significant cluster within `distance`), "cascade" (a signal of
        REVERSAL_OPPORTUNITY), "forecast" (an unusual amount is likely to be liquidated) and "input"
        (a feed was lost, or is heard again).
    distance : float
        How near a cluster must be, as a fraction of the price (> 0).
    significance : float
        How often, lately, a side's largest cluster was smaller, in [0, 1].
    probability : float
        A forecast is told from this chance of an unusual amount on, in [0, 1].
    cooldown_secs : float
        For so long the same is not told again (seconds, >= 0): clusters, cascades or forecasts of a
        side, the loss of a feed. A feed's return is told whenever its loss was.
    quiet_hours : tuple of int
        The hour of UTC at which silence begins and the one at which it ends, over midnight where
        the first is the later one; none without it. What becomes of an input is told even then.
    is_dry : bool
        Whether alerts are only printed, into the node's log.

    Raises
    ------
    SettingError
        If a value is out of its range.

    """

    kinds: tuple[str, ...] = KINDS
    distance: float = 0.01
    significance: float = 0.95
    probability: float = 0.5
    cooldown_secs: float = 900.0
    quiet_hours: tuple[int, ...] = ()
    is_dry: bool = False

    def __post_init__(self) -> None:
        """Check ranges, also where `parse` was not used."""
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            msg = f"alerts.kinds must be among {', '.join(KINDS)}, was {', '.join(unknown)}"
            raise SettingError(msg)
        if not self.distance > 0.0:
            msg = f"alerts.distance must be above 0, was {self.distance:g}"
            raise SettingError(msg)
        for name in ("significance", "probability"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                msg = f"alerts.{name} must be within 0 and 1, was {value:g}"
                raise SettingError(msg)
        if not self.cooldown_secs >= 0.0:
            msg = f"alerts.cooldown_secs must be at least 0, was {self.cooldown_secs:g}"
            raise SettingError(msg)
        hours = self.quiet_hours
        if hours and not (len(set(hours)) == len(hours) == 2 and _are_hours(hours)):
            msg = f"alerts.quiet_hours must be two different hours of 0 to 23, was {list(hours)}"
            raise SettingError(msg)


class Alert(NamedTuple):
    """
    Something to be told.

    Attributes
    ----------
    kind : str
        Of `KINDS`.
    topic : str
        What it is about: the same topic is not told twice within the cooldown.
    text : str
        One line for a person.

    """

    kind: str
    topic: str
    text: str


class AlertRules:
    """
    From published data to alerts that are worth telling now.

    Parameters
    ----------
    config : AlertsConfig
        The settings.

    """

    def __init__(self, config: AlertsConfig) -> None:
        self._config = config
        self._told_ns: dict[str, int] = {}
        # Feeds whose loss was told and whose return was not yet.
        self._lost: set[str] = set()

    def judge(self, datum: Any) -> list[Alert]:  # noqa: ANN401 - whatever is published
        """Return what is to be told of a datum, at its `ts_init`."""
        if isinstance(datum, LiquidationClusters):
            found = list(self._near(datum))
        elif isinstance(datum, LiquidationForecast):
            found = list(self._forecast(datum))
        elif isinstance(datum, LiquidationSignal):
            found = list(_cascade(datum))
        elif isinstance(datum, FeedStatus):
            return self._input(datum)
        else:
            return []
        return [
            alert
            for alert in found
            if not self._is_quiet(datum.ts_init) and self._may_tell(alert, datum.ts_init)
        ]

    def _near(self, clusters: LiquidationClusters) -> Iterator[Alert]:
        config, price = self._config, clusters.reference_price
        for i, significance in enumerate(clusters.significance.tolist()):
            peak = float(clusters.price_peak[i])
            distance = abs(peak / price - 1.0)
            if significance >= config.significance and distance <= config.distance:
                side = "long" if clusters.side[i] == LONG else "short"
                yield Alert(
                    NEAR,
                    f"{NEAR} {clusters.instrument_id} {side}",
                    f"{clusters.instrument_id}: {side}s of ${clusters.notional[i]:,.0f} at "
                    f"{price_words(peak)}, {distance:.2%} from {price_words(price)}",
                )

    def _forecast(self, forecast: LiquidationForecast) -> Iterator[Alert]:
        for i, side in enumerate(_SIDES):
            chance = float(forecast.probability_unusual[i])
            # Unknown chances are NaN and never reached.
            if chance >= self._config.probability:
                yield Alert(
                    FORECAST,
                    f"{FORECAST} {forecast.instrument_id} {forecast.horizon} {side}",
                    f"{forecast.instrument_id}: an unusual amount of {side} is liquidated within "
                    f"{forecast.horizon} with a chance of {chance:.0%}, "
                    f"${forecast.expected[i]:,.0f} on average",
                )

    def _input(self, status: FeedStatus) -> list[Alert]:
        name = f"{status.instrument_id} {status.feed}"
        topic = f"{INPUT} {name}"
        text = f"{status.instrument_id}: {status.feed} {status.condition}, {status.reason}"
        alert = Alert(INPUT, topic, text)
        if status.condition == "lost":
            if not self._may_tell(alert, status.ts_init):
                return []
            self._lost.add(name)
            return [alert]
        if name not in self._lost:
            # The first word of a feed, or the return of one that went for a moment.
            return []
        self._lost.discard(name)
        return [alert]

    def _may_tell(self, alert: Alert, ts: int) -> bool:
        if alert.kind not in self._config.kinds:
            return False
        told = self._told_ns.get(alert.topic)
        if told is not None and ts - told < round(self._config.cooldown_secs * SECOND_NS):
            return False
        self._told_ns[alert.topic] = ts
        return True

    def _is_quiet(self, ts: int) -> bool:
        if not self._config.quiet_hours:
            return False
        begin, end = self._config.quiet_hours
        hour = ts // HOUR_NS % _HOURS
        return begin <= hour < end if begin < end else hour >= begin or hour < end


def _cascade(signal: LiquidationSignal) -> Iterator[Alert]:
    if signal.action == REVERSAL_OPPORTUNITY:
        topic = f"{CASCADE} {signal.instrument_id} {signal.position_side}"
        yield Alert(CASCADE, topic, f"{signal.instrument_id}: {signal.reason}")


def _are_hours(hours: tuple[int, ...]) -> bool:
    return all(0 <= hour < _HOURS for hour in hours)
