"""How much will be liquidated over a horizon, asked of a catalog."""

from __future__ import annotations

import math
from dataclasses import asdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

import pyarrow as pa

from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.queries.answer import SIDE_NAMES
from liq_nautilus.queries.answer import Answer
from liq_nautilus.queries.answer import known
from liq_nautilus.queries.asking import open_map
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import Forecast
    from liq_nautilus.core.records import PositionRisk
    from liq_nautilus.core.tracker import LiquidationTracker
    from liq_nautilus.queries.time_windows import When


@dataclass(frozen=True, slots=True, eq=False)
class ForecastAnswer(Answer):
    """
    How much will be liquidated over a horizon, and which levels contribute most.

    Attributes
    ----------
    symbol : str
        Binance's name.
    forecast : Forecast
        The core's record.
    params_hash : str
        Of the parameters.
    position_risk : PositionRisk or None
        What a position risks, where one was named.

    """

    symbol: str
    forecast: Forecast
    params_hash: str
    position_risk: PositionRisk | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON of `liq-nautilus forecast`."""
        found = self.forecast
        risk = self.position_risk
        mine = {} if risk is None else {"position_risk": _plain(risk)}
        return {
            "symbol": self.symbol,
            "timestamp": iso(found.ts_event),
            "current_price": found.reference_price,
            "horizon": found.horizon,
            "venues": list(found.venues),
            "sides": {
                side: {name: known(value) for name, value in asdict(one).items()}
                for side, one in found.sides.items()
            },
            "contributions": self.to_arrow().to_pylist(),
            "params_hash": self.params_hash,
            **mine,
        }

    def to_arrow(self) -> pa.Table:
        """Return the levels that contribute most, the largest first."""
        found = self.forecast
        return pa.table(
            {
                "price": found.price,
                "side": [SIDE_NAMES[side] for side in found.side.tolist()],
                "notional": found.notional,
                "probability_touched": found.probability_touched,
            }
        )


class AskedPosition(NamedTuple):
    """
    A position whose risk is asked for.

    Attributes
    ----------
    side : int
        +1 long, -1 short.
    entry : float or None
        Quote per base unit; None for the current price.
    stop : float
        Quote per base unit.
    leverage : float
        Of an isolated position (>= 1).

    """

    side: int
    entry: float | None
    stop: float
    leverage: float


def forecast(
    catalog: Path | str,
    symbol: str | None = None,
    horizon: str = "1h",
    *,
    at: When | None = None,
    position: AskedPosition | None = None,
    parameters: TrackerParameters | None = None,
    brackets: object | None = None,
) -> ForecastAnswer:
    """
    Return how much will be liquidated over a horizon whose path nobody knows.

    Parameters
    ----------
    catalog : Path or str
        The Parquet catalog.
    symbol : str, optional
        Binance's name; by default the only symbol of the catalog.
    horizon : {"1h", "4h", "1d"}, optional
        From the moment on.
    at : str, datetime or int, optional
        The moment: ISO 8601 (UTC), a datetime or UTC nanoseconds; by default that of the newest
        input.
    position : AskedPosition, optional
        Tell also what this position risks.
    parameters : TrackerParameters, optional
        What is assumed.
    brackets : object, optional
        A parsed `leverageBracket` response of Binance in place of the built-in brackets.

    Raises
    ------
    DataGapError
        If the catalog lacks what the map needs.
    SettingError
        If the horizon, the moment or the position is wrong, or the symbol must be named.

    """
    if horizon not in HORIZON_HOURS:
        msg = f"--horizon must be one of {', '.join(HORIZON_HOURS)}, was {horizon}"
        raise SettingError(msg)
    kept, at_ns = open_map(catalog, symbol, at, parameters=parameters, brackets=brackets)
    moment = kept.newest_ns() if at_ns is None else at_ns
    tracker = kept.tracker_at(moment)
    found = tracker.forecast(horizon)
    if not math.isfinite(found.sides["both"].expected):
        msg = (
            f"{kept.basis.catalog} must hold bars and open interest of {kept.basis.symbol} before "
            f"{iso(moment)}; choose a later moment"
        )
        raise DataGapError(msg)
    risk = None if position is None else _risk(tracker, position, horizon)
    return ForecastAnswer(kept.basis.symbol, found, kept.basis.params_hash, risk)


def _risk(tracker: LiquidationTracker, asked: AskedPosition, horizon: str) -> PositionRisk:
    entry = tracker.reference_price if asked.entry is None else asked.entry
    try:
        return tracker.position_risk(asked.side, entry, asked.stop, asked.leverage, horizon)
    except ValueError as e:
        raise SettingError(str(e)) from e


def _plain(risk: PositionRisk) -> dict[str, Any]:
    return {
        name: SIDE_NAMES[value] if name == "side" else known(value)
        for name, value in asdict(risk).items()
    }
