"""The settings of what runs on a node only."""

from __future__ import annotations

from nautilus_trader.config import LiveDataClientConfig
from nautilus_trader.model.data import BarType  # noqa: TC002 - msgspec reads the annotation

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.config import LiquidationActorConfig
from liq_nautilus.nautilus.live.sources import binance
from liq_nautilus.nautilus.live.sources import bybit
from liq_nautilus.nautilus.live.sources import okx


class LiveLiquidationActorConfig(LiquidationActorConfig, frozen=True, kw_only=True):
    """
    The settings of a `LiveLiquidationActor`: those of a `LiquidationActor`, and where it is saved.

    Parameters
    ----------
    state_path : str, optional
        The file that keeps the map over a restart; without it nothing is kept.
    state_interval_secs : float
        How often it is written (seconds, > 0), besides at the stop.

    Raises
    ------
    SettingError
        If a value is out of its range.

    """

    state_path: str | None = None
    state_interval_secs: float = 60.0

    def __post_init__(self) -> None:
        """Check ranges, also where `parse` was not used."""
        super().__post_init__()
        if not self.state_interval_secs > 0.0:
            msg = f"state_interval_secs must be above 0, was {self.state_interval_secs:g}"
            raise SettingError(msg)


class LiquidationDataClientConfig(LiveDataClientConfig, frozen=True, kw_only=True):
    """
    The settings of a `LiquidationDataClient`.

    Parameters
    ----------
    base_url_http : str
        Binance's REST interface, without a path.
    base_url_ws : str
        Binance's WebSocket, without a path.
    base_url_bybit : str
        Bybit's WebSocket, without a path.
    base_url_okx_http, base_url_okx_ws : str
        OKX's REST interface and WebSocket, without paths.
    open_interest_secs : float
        How often open interest is asked for (seconds, > 0).
    silence_secs : float
        A stream without a word for so long is connected anew (seconds, > 0). Mark prices come each
        second.
    tolerance_secs : float
        A message stamped later than this after its arrival is refused (seconds, >= 0).
    guarded_bars : list of BarType
        Bars that are fetched from the REST interface when they do not come by themselves.
    bar_grace_secs : float
        How long after its close a guarded bar may come by itself (seconds, > 0).

    Raises
    ------
    SettingError
        If a value is out of its range.

    """

    base_url_http: str = binance.HTTP_URL
    base_url_ws: str = binance.WEBSOCKET_URL
    base_url_bybit: str = bybit.WEBSOCKET_URL
    base_url_okx_http: str = okx.HTTP_URL
    base_url_okx_ws: str = okx.WEBSOCKET_URL
    open_interest_secs: float = 10.0
    silence_secs: float = 15.0
    tolerance_secs: float = 10.0
    guarded_bars: list[BarType] = []  # noqa: RUF012 - msgspec copies it
    bar_grace_secs: float = 3.0

    def __post_init__(self) -> None:
        """Check ranges, also where `parse` was not used."""
        for name in ("open_interest_secs", "silence_secs", "bar_grace_secs"):
            value = getattr(self, name)
            if not value > 0.0:
                msg = f"{name} must be above 0, was {value:g}"
                raise SettingError(msg)
        if not self.tolerance_secs >= 0.0:
            msg = f"tolerance_secs must be at least 0, was {self.tolerance_secs:g}"
            raise SettingError(msg)
