"""What Binance's exchangeInfo lists, and which of it is a perpetual."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATED: Final = re.compile(r".+_\d{6}")


def exchange_info_entries(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """
    Return the entries of a response of Binance's exchangeInfo by symbol.

    Raises
    ------
    SchemaError
        If it is no such response.

    """
    try:
        return {str(entry["symbol"]): entry for entry in document["symbols"]}
    except (KeyError, TypeError) as e:
        raise SchemaError(exchange_info_message(e)) from e


def exchange_info_message(error: Exception) -> str:
    """Return the words for a response that lacks something."""
    return (
        "exchangeInfo must be Binance's response with `symbols`, each with symbol, baseAsset, "
        f"quoteAsset, precisions and filters; {type(error).__name__} on {error}; download it again "
        "from https://fapi.binance.com/fapi/v1/exchangeInfo"
    )


def is_perpetual(entry: Mapping[str, Any]) -> bool:
    """
    Return whether an entry is one of a perpetual, of coins or of anything else.

    Contracts that are being settled, as when a coin is delisted, state no type.

    Examples
    --------
    >>> kinds = ("TRADIFI_PERPETUAL", "NEXT_QUARTER", "")
    >>> [is_perpetual({"symbol": "XAUUSDT", "contractType": kind}) for kind in kinds]
    [True, False, True]

    """
    kind = str(entry.get("contractType") or "")
    return "PERPETUAL" in kind if kind else not is_dated(str(entry["symbol"]))


def check_is_perpetual(symbol: str, entry: Mapping[str, Any] | None) -> None:
    """
    Refuse contracts that end.

    Raises
    ------
    SchemaError
        If the symbol, or its entry in exchangeInfo, is one of a dated contract.

    """
    kind = "" if entry is None else str(entry.get("contractType", ""))
    if is_dated(symbol) if entry is None else not is_perpetual(entry):
        raise SchemaError(dated_message(symbol, kind))


def is_dated(symbol: str) -> bool:
    """
    Return whether a name is one of a dated contract.

    Examples
    --------
    >>> [is_dated(symbol) for symbol in ("BTCUSDT_250328", "BTCUSD_PERP", "BTCUSDT")]
    [True, False, False]

    """
    return _DATED.fullmatch(symbol) is not None


def dated_message(symbol: str, kind: str = "") -> str:
    """Return the words for a dated contract, of a type as exchangeInfo states it."""
    words = f" ({kind})" if kind else ""
    return (
        f"{symbol} must be a perpetual, was a dated contract{words}: it pays no funding and settles "
        "on its date, and the map knows neither; leave it out"
    )
