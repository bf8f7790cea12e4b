"""
OKX: recent liquidations of its perpetuals, a part of all.

The shapes are those of the liquidation orders channel, of `GET /api/v5/public/instruments` and of
the WebSocket overview at https://www.okx.com/docs-v5/en/ (anchors
public-data-websocket-liquidation-orders-channel, public-data-rest-api-get-instruments,
overview-websocket-overview) as of 2026-07-19. The channel is public and needs no keys. Its page
says that it "doesn't represent the total number of liquidations on OKX", and once said that it
shows at most one order per contract and second; nobody says how many it leaves out. So it is a
thinned feed of an unknown share, and tells nothing of how complete others are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import Literal

import msgspec

from liq_nautilus.nautilus.live.sources.messages import ForcedOrder
from liq_nautilus.nautilus.live.sources.messages import MalformedMessageError
from liq_nautilus.nautilus.live.sources.messages import UnknownMessageError
from liq_nautilus.nautilus.live.sources.messages import decoded
from liq_nautilus.nautilus.live.sources.messages import moment
from liq_nautilus.nautilus.live.sources.messages import number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

HTTP_URL: Final = "https://www.okx.com"
WEBSOCKET_URL: Final = "wss://ws.okx.com:8443"
INSTRUMENTS_PATH: Final = "/api/v5/public/instruments"
# The venue ends a connection on which nothing was said for 30 seconds.
HEARTBEAT: Final = "ping"
HEARTBEAT_SECS: Final = 20

# There is one channel for all perpetuals.
TOPIC: Final = "liquidation-orders"
_PERPETUAL: Final = "SWAP"
_ANSWER: Final = b"pong"


class _Argument(msgspec.Struct):
    channel: str


class _Message(msgspec.Struct):
    # Of answers to subscriptions.
    event: str | None = None
    arg: _Argument | None = None
    data: msgspec.Raw = msgspec.Raw()
    msg: str = ""


class _Detail(msgspec.Struct):
    side: Literal["buy", "sell"]
    posSide: Literal["long", "short", "net"]  # noqa: N815 - the venue's name
    bkPx: str  # noqa: N815 - the venue's name
    sz: str
    ts: str


class _Liquidations(msgspec.Struct):
    instId: str  # noqa: N815 - the venue's name
    details: list[_Detail]


class _Instrument(msgspec.Struct):
    instId: str  # noqa: N815 - the venue's name
    ctVal: str  # noqa: N815 - the venue's name
    ctMult: str  # noqa: N815 - the venue's name
    ctType: str  # noqa: N815 - the venue's name


class _Instruments(msgspec.Struct):
    code: str
    data: list[_Instrument] = []


def symbol_at(name: str) -> str:
    """
    Return Binance's name of a perpetual of OKX.

    Examples
    --------
    >>> symbol_at("BTC-USDT-SWAP")
    'BTCUSDT'

    """
    return name.removesuffix(f"-{_PERPETUAL}").replace("-", "")


def name_of(symbol: str) -> str:
    """
    Return OKX's name of a USDT perpetual with a name of Binance.

    Examples
    --------
    >>> name_of("BTCUSDT")
    'BTC-USDT-SWAP'

    """
    return f"{symbol.removesuffix('USDT')}-USDT-{_PERPETUAL}"


def websocket_url(base: str) -> str:
    """Return the address of the public channels."""
    return f"{base.rstrip('/')}/ws/v5/public"


def subscription(topics: Iterable[str], number_: int, *, is_on: bool = True) -> bytes:
    """Return the message that begins, or ends, subscriptions."""
    arguments = [{"channel": topic, "instType": _PERPETUAL} for topic in topics]
    operation = "subscribe" if is_on else "unsubscribe"
    return msgspec.json.encode({"id": str(number_), "op": operation, "args": arguments})


def parse_message(raw: bytes, contracts: Mapping[str, float]) -> tuple[ForcedOrder, ...]:
    """
    Return the liquidations of a message; none of an answer.

    A position's own mode names its side; in net mode a sell order closes a long. The price is that
    at which the venue's liquidation account took the position over, the only one stated.

    Parameters
    ----------
    raw : bytes
        The message.
    contracts : mapping of str to float
        What a contract holds (base units), by Binance's name of the perpetual. The channel speaks
        of all perpetuals: those that are not in it are left out.

    Raises
    ------
    MalformedMessageError, UnknownMessageError
        If it cannot be read, or is of another kind.

    """
    if raw == _ANSWER:
        return ()
    message: _Message = decoded(raw, _Message)
    if message.event == "error":
        msg = f"a subscription must be taken by OKX, was not: {message.msg}"
        raise UnknownMessageError(msg)
    if message.event is not None:
        return ()
    if message.arg is None or message.arg.channel != TOPIC:
        found = None if message.arg is None else message.arg.channel
        msg = f"a message must be of the channel {TOPIC}, was {found!r}"
        raise UnknownMessageError(msg)
    orders: list[ForcedOrder] = []
    for item in decoded(message.data, list[_Liquidations]):
        symbol = symbol_at(item.instId)
        if symbol in contracts:
            orders += (_forced_order(symbol, one, contracts[symbol]) for one in item.details)
    return tuple(orders)


def parse_instruments(raw: bytes) -> dict[str, float]:
    """
    Return what a contract of each perpetual settled in its quote holds, by Binance's name.

    Others, whose contracts are dollars, are left out.
    """
    answer: _Instruments = decoded(raw, _Instruments)
    if answer.code != "0":
        msg = f"the answer of {INSTRUMENTS_PATH} must have code 0, was {answer.code!r}"
        raise MalformedMessageError(msg)
    return {
        symbol_at(one.instId): number(one.ctVal, "ctVal") * number(one.ctMult, "ctMult")
        for one in answer.data
        if one.ctType == "linear"
    }


def instruments_query() -> dict[str, Any]:
    """Return what `INSTRUMENTS_PATH` is asked for."""
    return {"instType": _PERPETUAL}


def _forced_order(symbol: str, detail: _Detail, contract: float) -> ForcedOrder:
    price = number(detail.bkPx, "the bankruptcy price")
    if detail.posSide == "net":
        side = 1 if detail.side == "sell" else -1
    else:
        side = 1 if detail.posSide == "long" else -1
    quantity = number(detail.sz, "the size") * contract
    ts = moment(round(number(detail.ts, "the time")))
    return ForcedOrder(symbol, side, quantity, price, price, ts)
