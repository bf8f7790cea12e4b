"""
Bybit: the complete feed of liquidations.

The shapes are those of /docs/v5/websocket/public/all-liquidation and /docs/v5/ws/connect at
https://bybit-exchange.github.io as read on 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final
from typing import Literal

import msgspec

from liq_nautilus.nautilus.live.sources.messages import ForcedOrder
from liq_nautilus.nautilus.live.sources.messages import UnknownMessageError
from liq_nautilus.nautilus.live.sources.messages import decoded
from liq_nautilus.nautilus.live.sources.messages import moment
from liq_nautilus.nautilus.live.sources.messages import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from liq_nautilus.nautilus.live.sources.messages import Record

WEBSOCKET_URL: Final = "wss://stream.bybit.com"
# To be sent every 20 seconds, or the venue ends the connection.
HEARTBEAT: Final = '{"op":"ping"}'
HEARTBEAT_SECS: Final = 20

_TOPIC: Final = "allLiquidation."


class _Message(msgspec.Struct):
    topic: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    # Of answers to subscriptions and heartbeats.
    op: str | None = None
    success: bool | None = None


class _Liquidation(msgspec.Struct):
    T: int
    s: str
    S: Literal["Buy", "Sell"]
    v: str
    p: str


def liquidation_topic(symbol: str) -> str:
    """Return the topic of all liquidations of a symbol, pushed every half second."""
    return f"{_TOPIC}{symbol}"


def websocket_url(base: str) -> str:
    """Return the address of the public streams of USDT contracts."""
    return f"{base.rstrip('/')}/v5/public/linear"


def subscription(topics: Iterable[str], number_: int, *, is_on: bool = True) -> bytes:
    """Return the message that begins, or ends, subscriptions."""
    operation = "subscribe" if is_on else "unsubscribe"
    return msgspec.json.encode({"op": operation, "args": list(topics), "req_id": str(number_)})


def parse_message(raw: bytes) -> tuple[Record, ...]:
    """
    Return the liquidations of a message; none of an answer.

    `Buy` names the side of the position, a long; the price is the bankruptcy price, the only one
    stated.

    Raises
    ------
    MalformedMessageError, UnknownMessageError
        If it cannot be read, or is of another kind.

    """
    message: _Message = decoded(raw, _Message)
    if message.topic is None and message.op is not None:
        return ()
    if message.topic is None or not message.topic.startswith(_TOPIC):
        msg = f"a message must be of a topic {_TOPIC}SYMBOL, was {message.topic!r}"
        raise UnknownMessageError(msg)
    return tuple(_forced_order(item) for item in decoded(message.data, list[_Liquidation]))


def _forced_order(item: _Liquidation) -> ForcedOrder:
    price = number(item.p, "the bankruptcy price")
    side = 1 if item.S == "Buy" else -1
    quantity = number(item.v, "the size")
    return ForcedOrder(item.s, side, quantity, price, price, moment(item.T))
