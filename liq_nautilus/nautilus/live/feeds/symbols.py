"""How the venues are spoken to, and how Nautilus names what they call otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

from nautilus_trader.model.identifiers import InstrumentId

from liq_nautilus.nautilus.catalog.layout import VENUE
from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.nautilus.live.feeds.socket import Dialect
from liq_nautilus.nautilus.live.sources import binance
from liq_nautilus.nautilus.live.sources import bybit

if TYPE_CHECKING:
    from collections.abc import Callable

    from liq_nautilus.nautilus.live.live_config import LiquidationDataClientConfig
    from liq_nautilus.nautilus.live.sources.messages import Record

    type Parser = Callable[[bytes], tuple[Record, ...]]

BINANCE: Final = VENUE
BYBIT: Final = "BYBIT"

OPEN_INTEREST: Final = "open interest"
FORCED_ORDERS: Final = "forced orders"
MARK_PRICES: Final = "mark prices"
FUNDING: Final = "funding"
BARS: Final = "bars"

_LINEAR: Final = "-LINEAR"
# A connection that lets two heartbeats go unanswered is dead.
_SILENT_HEARTBEATS: Final = 2.5
PARSERS: Final[dict[str, Parser]] = {
    BINANCE: binance.parse_message,
    BYBIT: bybit.parse_message,
}


def dialects(config: LiquidationDataClientConfig) -> dict[str, Dialect]:
    """Return per venue how its WebSocket is spoken to."""
    return {
        BINANCE: Dialect(
            lambda topics: binance.websocket_url(config.base_url_ws, topics),
            binance.subscription,
            silence_secs=config.silence_secs,
        ),
        BYBIT: Dialect(
            lambda _topics: bybit.websocket_url(config.base_url_bybit),
            bybit.subscription,
            bybit.HEARTBEAT_SECS,
            bybit.HEARTBEAT,
            _SILENT_HEARTBEATS * bybit.HEARTBEAT_SECS,
        ),
    }


def bybit_instrument_id(symbol: str) -> InstrumentId:
    """Return Nautilus's id of a USDT perpetual at Bybit."""
    return InstrumentId.from_str(f"{symbol}{_LINEAR}.{BYBIT}")


def symbol_of(instrument_id: InstrumentId) -> str:
    """
    Return the venue's name of an instrument.

    Examples
    --------
    >>> symbol_of(bybit_instrument_id("BTCUSDT"))
    'BTCUSDT'

    """
    if instrument_id.venue.value == BYBIT:
        return str(instrument_id.symbol.value.removesuffix(_LINEAR))
    return binance_symbol(instrument_id)


def order_feed(venue: str) -> str:
    """Return what the feed of a venue's forced orders is called."""
    return FORCED_ORDERS if venue == BINANCE else f"{FORCED_ORDERS} of {venue}"


def order_topic(venue: str, symbol: str) -> str:
    """Return the topic of a symbol's forced orders at a venue."""
    if venue == BINANCE:
        return binance.forced_order_stream(symbol)
    return bybit.liquidation_topic(symbol)
