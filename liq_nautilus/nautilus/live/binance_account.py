"""Whose account at Binance the keys of the environment open, asked before anybody trades."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import msgspec
from nautilus_trader.adapters.binance.futures.schemas.account import BinanceFuturesAccountInfo
from nautilus_trader.adapters.binance.http.client import BinanceHttpClient
from nautilus_trader.adapters.binance.http.error import BinanceClientError
from nautilus_trader.adapters.binance.http.error import BinanceServerError
from nautilus_trader.common.component import LiveClock
from nautilus_trader.core.nautilus_pyo3 import HttpError
from nautilus_trader.core.nautilus_pyo3 import HttpMethod
from nautilus_trader.core.nautilus_pyo3 import HttpTimeoutError

from liq_nautilus.errors import LiqNautilusError
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_VARIABLES: Final = ("BINANCE_API_KEY", "BINANCE_API_SECRET")
# https://developers.binance.com/docs/derivatives/usds-margined-futures/account/rest-api/
# Account-Information-V3, without its `canTrade`, which v2 of it states.
_PATH: Final = "/fapi/v2/account"
_PATIENCE_SECS: Final = 20.0


class BinanceAccount(NamedTuple):
    """
    An account of USDT-margined futures.

    Attributes
    ----------
    key : str
        The API key, but for its middle.
    balance, available : float
        The wallet, and what of it can be used for new positions (USDT).

    """

    key: str
    balance: float
    available: float

    def describe(self) -> str:
        """Return one line for a person."""
        return (
            f"Binance account: key {self.key}, balance {self.balance:,.2f} USDT, of which "
            f"{self.available:,.2f} available"
        )


async def read_account(base_url: str, environment: Mapping[str, str]) -> BinanceAccount:
    """
    Ask Binance whose account the keys open.

    Parameters
    ----------
    base_url : str
        The address of its REST interface, without a path.
    environment : mapping of str to str
        Where the keys are.

    Raises
    ------
    SettingError
        If a key is missing, is wrong, or may not trade.
    LiqNautilusError
        If Binance does not answer.

    """
    missing = [name for name in KEY_VARIABLES if not environment.get(name)]
    if missing:
        msg = f"--live needs {' and '.join(missing)} in the environment, not set; set them"
        raise SettingError(msg)
    key, secret = (environment[name].strip() for name in KEY_VARIABLES)
    clock = LiveClock()
    client = BinanceHttpClient(clock, key, secret, base_url.rstrip("/"))
    stamp = {"timestamp": str(clock.timestamp_ms())}
    request = client.sign_request(HttpMethod.GET, _PATH, stamp)
    try:
        raw = await asyncio.wait_for(request, _PATIENCE_SECS)
        found = msgspec.json.decode(raw, type=BinanceFuturesAccountInfo)
    except BinanceClientError as e:
        msg = (
            f"{' and '.join(KEY_VARIABLES)} must be the keys of a Binance futures account that may "
            f"be read from here, Binance answered {e.status}: {_reason(e.message)}; correct them"
        )
        raise SettingError(msg) from e
    except (BinanceServerError, HttpError, HttpTimeoutError, TimeoutError, OSError) as e:
        msg = f"{base_url} must say whose account the keys open, it did not: {e}; try again later"
        raise LiqNautilusError(msg) from e
    except msgspec.MsgspecError as e:
        msg = f"{base_url} must answer with an account, it did not: {e}; look at endpoints.http"
        raise SettingError(msg) from e
    if not found.canTrade:
        msg = "the API key must be allowed to trade futures, it is not; allow it at Binance"
        raise SettingError(msg)
    numbers = (found.totalWalletBalance, found.availableBalance)
    return BinanceAccount(client.api_key_masked, *(float(text or "nan") for text in numbers))


def _reason(message: object) -> str:
    return str(message.get("msg", message)) if isinstance(message, dict) else str(message)
