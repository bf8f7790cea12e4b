"""
Binance USDT-margined futures: addresses, subscriptions and messages.

The shapes are those of the pages below https://developers.binance.com/docs/derivatives/usds-margined-futures
as read on 2026-11-25; each parser names its page. Live market streams are routed below `/market`
since 2026, which NautilusTrader's own adapter follows as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Final
from typing import Literal

import msgspec

from liq_nautilus.nautilus.live.sources.messages import Candle
from liq_nautilus.nautilus.live.sources.messages import ForcedOrder
from liq_nautilus.nautilus.live.sources.messages import MalformedMessageError
from liq_nautilus.nautilus.live.sources.messages import MarkPriceReading
from liq_nautilus.nautilus.live.sources.messages import OpenInterestReading
from liq_nautilus.nautilus.live.sources.messages import SettledFunding
from liq_nautilus.nautilus.live.sources.messages import UnknownMessageError
from liq_nautilus.nautilus.live.sources.messages import count
from liq_nautilus.nautilus.live.sources.messages import decoded
from liq_nautilus.nautilus.live.sources.messages import moment
from liq_nautilus.nautilus.live.sources.messages import number
from liq_nautilus.nautilus.live.sources.messages import rate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from liq_nautilus.nautilus.live.sources.messages import Record

HTTP_URL: Final = "https://fapi.binance.com"
WEBSOCKET_URL: Final = "wss://fstream.binance.com"

OPEN_INTEREST_PATH: Final = "/fapi/v1/openInterest"
OPEN_INTEREST_HISTORY_PATH: Final = "/futures/data/openInterestHist"
FUNDING_PATH: Final = "/fapi/v1/fundingRate"
KLINES_PATH: Final = "/fapi/v1/klines"
TIME_PATH: Final = "/fapi/v1/time"

# Request weight per minute and address, https://developers.binance.com/docs/derivatives/
# usds-margined-futures/general-info; the header tells what all programs there have used.
WEIGHT_LIMIT: Final = 2_400
WEIGHT_HEADER: Final = "x-mbx-used-weight-1m"
# As the pages of the requests state them. Funding and open interest history have limits of their
# own (500 and 1,000 requests in five minutes), which one weight each never reaches.
WEIGHTS: Final = {
    OPEN_INTEREST_PATH: 1,
    OPEN_INTEREST_HISTORY_PATH: 1,
    FUNDING_PATH: 1,
    KLINES_PATH: 10,
    TIME_PATH: 1,
}
MOST_CANDLES: Final = 1_500
MOST_FUNDINGS: Final = 1_000
MOST_READINGS: Final = 500


class _Envelope(msgspec.Struct):
    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw()
    # Of a message outside the envelope, and of answers to a subscription.
    e: str | None = None
    id: int | None = None
    result: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct):
    e: str


class _Order(msgspec.Struct):
    s: str
    S: Literal["BUY", "SELL"]
    p: str
    ap: str
    z: str
    T: int


class _ForcedOrder(msgspec.Struct):
    o: _Order


class _MarkPrice(msgspec.Struct):
    E: int
    s: str
    p: str
    i: str
    r: str
    T: int


class _OpenInterest(msgspec.Struct):
    openInterest: str  # noqa: N815 - the venue's name
    symbol: str
    time: int


class _OpenInterestStatistics(msgspec.Struct):
    symbol: str
    sumOpenInterest: str  # noqa: N815 - the venue's name
    sumOpenInterestValue: str  # noqa: N815 - the venue's name
    # A number or a text of digits, as the page's example and its table differ.
    timestamp: int | str


class _Funding(msgspec.Struct):
    symbol: str
    fundingTime: int  # noqa: N815 - the venue's name
    fundingRate: str  # noqa: N815 - the venue's name


class _Time(msgspec.Struct):
    serverTime: int  # noqa: N815 - the venue's name


_Kline = tuple[int, str, str, str, str, str, int, str, int, str, str, str]


def forced_order_stream(symbol: str) -> str:
    """Return the stream of a symbol's forced orders: at most one each second."""
    return f"{symbol.lower()}@forceOrder"


def mark_price_stream(symbol: str) -> str:
    """Return the stream of a symbol's mark prices: one each second."""
    return f"{symbol.lower()}@markPrice@1s"


def websocket_url(base: str, streams: Iterable[str]) -> str:
    """Return the address of market streams; there must be at least one."""
    return f"{base.rstrip('/')}/market/stream?streams={'/'.join(streams)}"


def subscription(streams: Iterable[str], number_: int, *, is_on: bool = True) -> bytes:
    """Return the message that begins, or ends, subscriptions."""
    method = "SUBSCRIBE" if is_on else "UNSUBSCRIBE"
    return msgspec.json.encode({"method": method, "params": list(streams), "id": number_})


def parse_message(raw: bytes) -> tuple[Record, ...]:
    """
    Return the records of a stream's message; none of an answer to a subscription.

    Raises
    ------
    MalformedMessageError, UnknownMessageError
        If it cannot be read, or is of another kind.

    """
    envelope: _Envelope = decoded(raw, _Envelope)
    if envelope.id is not None and envelope.stream is None and envelope.e is None:
        return ()
    body = raw if envelope.stream is None else envelope.data
    event: _Event = decoded(body, _Event)
    if event.e == "forceOrder":
        return _forced_orders(body)
    if event.e == "markPriceUpdate":
        return (_mark_price(body),)
    msg = f"a message must be a forceOrder or a markPriceUpdate, was {event.e!r}"
    raise UnknownMessageError(msg)


def _forced_orders(raw: bytes | msgspec.Raw) -> tuple[ForcedOrder, ...]:
    # websocket-market-streams/Liquidation-Order-Streams. A SELL order closes a long; what counts is
    # the accumulated filled quantity, which an order that found no buyer leaves at zero.
    order = decoded(raw, _ForcedOrder).o
    quantity = count(order.z, "the filled quantity")
    if quantity == 0.0:
        return ()
    return (
        ForcedOrder(
            order.s,
            1 if order.S == "SELL" else -1,
            quantity,
            number(order.p, "the price"),
            number(order.ap, "the average price"),
            moment(order.T),
        ),
    )


def _mark_price(raw: bytes | msgspec.Raw) -> MarkPriceReading:
    # websocket-market-streams/Mark-Price-Stream. Rate and time are empty for delivery contracts.
    mark: _MarkPrice = decoded(raw, _MarkPrice)
    return MarkPriceReading(
        mark.s,
        number(mark.p, "the mark price"),
        number(mark.i, "the index price"),
        float(rate(mark.r)) if mark.r else math.nan,
        moment(mark.T) if mark.T else 0,
        moment(mark.E),
    )


def parse_open_interest(raw: bytes) -> OpenInterestReading:
    """Return the answer of `/fapi/v1/openInterest` (market-data/rest-api/Open-Interest)."""
    answer: _OpenInterest = decoded(raw, _OpenInterest)
    return OpenInterestReading(
        answer.symbol,
        count(answer.openInterest, "the open interest"),
        math.nan,
        moment(answer.time),
    )


def parse_open_interest_history(raw: bytes) -> list[OpenInterestReading]:
    """
    Return the answer of `/futures/data/openInterestHist`, oldest first.

    The page is market-data/rest-api/Open-Interest-Statistics; only 30 days are kept there.
    """
    rows: list[_OpenInterestStatistics] = decoded(raw, list[_OpenInterestStatistics])
    readings = [
        OpenInterestReading(
            row.symbol,
            count(row.sumOpenInterest, "the open interest"),
            count(row.sumOpenInterestValue, "the open interest's value"),
            moment(round(count(str(row.timestamp), "the time"))),
        )
        for row in rows
    ]
    return sorted(readings, key=lambda reading: reading.ts_event)


def parse_funding(raw: bytes) -> list[SettledFunding]:
    """Return the answer of `/fapi/v1/fundingRate` (.../Get-Funding-Rate-History), oldest first."""
    rows: list[_Funding] = decoded(raw, list[_Funding])
    settled = [
        SettledFunding(row.symbol, rate(row.fundingRate), moment(row.fundingTime)) for row in rows
    ]
    return sorted(settled, key=lambda funding: funding.ts_event)


def parse_klines(raw: bytes) -> list[Candle]:
    """Return the answer of `/fapi/v1/klines` (.../Kline-Candlestick-Data), oldest first."""
    rows: list[_Kline] = decoded(raw, list[_Kline])
    candles = []
    for row in rows:
        prices = [number(text, "a price") for text in row[1:5]]
        count(row[5], "the volume")
        if not prices[2] <= min(prices[0], prices[3]) <= max(prices[0], prices[3]) <= prices[1]:
            msg = f"a bar must have low <= open, close <= high, was {row[1:5]}"
            raise MalformedMessageError(msg)
        candles.append(Candle(*row[1:6], moment(row[0]), moment(row[6])))
    return sorted(candles, key=lambda candle: candle.ts_open)


def parse_time(raw: bytes) -> int:
    """Return the answer of `/fapi/v1/time` in UTC nanoseconds (.../Check-Server-Time)."""
    return moment(decoded(raw, _Time).serverTime)
