"""What `liq-nautilus live` is told: a JSON file in which lines that begin with // are comments."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import msgspec

from liq_nautilus.core.feed import WARM_UP_DAYS
from liq_nautilus.data.bracket_files import read_brackets
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.instruments import settlement_currency
from liq_nautilus.nautilus.live.sources import binance
from liq_nautilus.nautilus.live.sources import bybit
from liq_nautilus.nautilus.live.sources import okx
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import INTERVALS
from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    from pathlib import Path

# Futures have no shorter bars than a minute; longer ones than a day would move the map too seldom.
_BARS: Final = tuple(name for name in INTERVALS if MINUTE_NS <= interval_ns(name) <= DAY_NS)
# The highest that Binance offers for any symbol.
_MOST_LEVERAGE: Final = 150


class Endpoints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    Where the venues are reached.

    Attributes
    ----------
    http, websocket : str
        Binance's USDT-margined futures.
    bybit : str
        Bybit's WebSocket.
    okx_http, okx : str
        OKX's REST interface and WebSocket.

    """

    http: str = binance.HTTP_URL
    websocket: str = binance.WEBSOCKET_URL
    bybit: str = bybit.WEBSOCKET_URL
    okx_http: str = okx.HTTP_URL
    okx: str = okx.WEBSOCKET_URL


class RecordingOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    What is recorded.

    Attributes
    ----------
    path : str
        The catalog that receives all that comes and all that is published.
    flush_secs : float
        How often it is written: a killed node loses no more than that.
    roll_secs : float
        How long a file is; only the newest one is written again.
    retention_days : float, optional
        Older files are deleted; none without it.

    """

    path: str
    flush_secs: float = 5.0
    roll_secs: float = 600.0
    retention_days: float | None = None

    def __post_init__(self) -> None:
        """Check ranges."""
        for name in ("flush_secs", "roll_secs", "retention_days"):
            value = getattr(self, name)
            if value is not None and not value > 0.0:
                msg = f"recording.{name} must be above 0, was {value:g}"
                raise SettingError(msg)


class LiveOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """
    What a node is made of.

    Attributes
    ----------
    symbols : list of str
        Binance's names.
    bar : str
        The interval of the bars, such as 1m.
    trade : bool
        Whether the strategy runs.
    balance : float
        What the paper account begins with (USDT).
    leverage : int
        The leverage of all symbols.
    catalog : str, optional
        The catalog whose end the map begins from.
    warm_up_days : float
        How far back it begins (days).
    state : str, optional
        The folder that keeps the maps over a restart.
    recording : RecordingOptions, optional
        What is recorded; nothing without it.
    open_interest_secs : float
        How often open interest is asked for.
    bybit : bool
        Whether Bybit's complete feed of liquidations is heard and recorded beside Binance's thinned
        one, to tell which share of its liquidations Binance shows; the map takes Binance's alone.
    okx : bool
        Whether OKX's liquidations, a part of all, are heard and recorded; the map does not take
        them.
    actor, strategy, settlement : dict
        Settings that replace the usual ones.
    endpoints : Endpoints
        Where the venues are reached.
    alerts : dict, optional
        What is told, by the names of `AlertsConfig`, to the addresses of Apprise in the environment
        variable LIQ_NAUTILUS_ALERT_URLS; nothing without it.
    log_level : str
        Of the node's log.

    """

    symbols: list[str]
    bar: str = "1m"
    trade: bool = True
    balance: float = 100_000.0
    leverage: int = 10
    catalog: str | None = None
    warm_up_days: float = WARM_UP_DAYS
    state: str | None = None
    recording: RecordingOptions | None = None
    open_interest_secs: float = 10.0
    bybit: bool = True
    okx: bool = True
    actor: dict[str, Any] = {}
    strategy: dict[str, Any] = {}
    settlement: dict[str, Any] = {}
    endpoints: Endpoints = Endpoints()
    alerts: dict[str, Any] | None = None
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        """Check ranges."""
        if not self.symbols:
            msg = "symbols must name at least one symbol, was empty"
            raise SettingError(msg)
        if len(set(self.symbols)) < len(self.symbols):
            msg = f"symbols must differ, was {', '.join(self.symbols)}"
            raise SettingError(msg)
        _require_settled_in_usdt(self.symbols)
        if self.bar not in _BARS:
            msg = f"bar must be one of {', '.join(_BARS)}, was {self.bar!r}"
            raise SettingError(msg)
        for name in ("balance", "leverage", "open_interest_secs"):
            value = getattr(self, name)
            if not value > 0:
                msg = f"{name} must be above 0, was {value:g}"
                raise SettingError(msg)
        if self.leverage > _MOST_LEVERAGE:
            msg = f"leverage must be at most {_MOST_LEVERAGE}, was {self.leverage}"
            raise SettingError(msg)
        if not self.warm_up_days >= 0.0:
            msg = f"warm_up_days must be at least 0, was {self.warm_up_days:g}"
            raise SettingError(msg)


def _require_settled_in_usdt(symbols: list[str]) -> None:
    # The data client, the adapter and the paper account are those of USDT-margined futures.
    for symbol in symbols:
        currency = settlement_currency(symbol)
        if currency != "USDT":
            msg = (
                f"symbols of a live node must settle in USDT, {symbol} settles in {currency}; "
                "leave it out (backtests take it)"
            )
            raise SettingError(msg)


def read_options(path: Path) -> LiveOptions:
    """
    Return the options of a file.

    Raises
    ------
    SettingError
        If it cannot be read, or a setting is unknown or wrong.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        msg = f"CONFIG must be a readable JSON file, was {path} ({e}); give another"
        raise SettingError(msg) from e
    # Blank lines keep the numbers of lines in messages right.
    lines = ["" if line.lstrip().startswith("//") else line for line in text.splitlines()]
    try:
        return msgspec.json.decode("\n".join(lines), type=LiveOptions)
    except msgspec.DecodeError as e:
        msg = f"CONFIG must hold the settings of a live node, {path} does not: {e}"
        raise SettingError(msg) from e


def with_brackets(options: LiveOptions, path: Path | None) -> LiveOptions:
    """
    Return options whose maps and paper account go by the brackets of a file, where one is given.

    Raises
    ------
    SettingError
        If the file cannot be read or lacks the brackets of a symbol.

    """
    if path is None:
        return options
    for symbol in options.symbols:
        read_brackets(path, symbol, "--brackets")
    given = {"brackets_path": str(path)}
    return msgspec.structs.replace(
        options, actor={**options.actor, **given}, settlement={**options.settlement, **given}
    )
