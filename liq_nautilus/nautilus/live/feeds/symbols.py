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
from liq_nautilus.nautilus.live.sources import okx

if TYPE_CHECKING:
    from liq_nautilus.nautilus.live.live_config import LiquidationDataClientConfig

BINANCE: Final = VENUE
BYBIT: Final = "BYBIT"
OKX: Final = "OKX"
# Whose forced orders are heard.
VENUES: Final = (BINANCE, BYBIT, OKX)

OPEN_INTEREST: Final = "open interest"
FORCED_ORDERS: Final = "forced orders"
MARK_PRICES: Final = "mark prices"
FUNDING: Final = "funding"
BARS: Final = "bars"

_LINEAR: Final = "-LINEAR"
# A connection that lets two heartbeats go unanswered is dead.
_SILENT_HEARTBEATS: Final = 2.5


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
        OKX: Dialect(
            lambda _topics: okx.websocket_url(config.base_url_okx_ws),
            okx.subscription,
            okx.HEARTBEAT_SECS,
            okx.HEARTBEAT,
            _SILENT_HEARTBEATS * okx.HEARTBEAT_SECS,
        ),
    }


def instrument_id_at(venue: str, symbol: str) -> InstrumentId:
    """
    Return Nautilus's id of a USDT perpetual at Bybit or OKX, by Binance's name.

    Examples
    --------
    >>> str(instrument_id_at(BYBIT, "BTCUSDT")), str(instrument_id_at(OKX, "BTCUSDT"))
    ('BTCUSDT-LINEAR.BYBIT', 'BTC-USDT-SWAP.OKX')

    """
    name = f"{symbol}{_LINEAR}" if venue == BYBIT else okx.name_of(symbol)
    return InstrumentId.from_str(f"{name}.{venue}")


def symbol_of(instrument_id: InstrumentId) -> str:
    """
    Return the name by which a perpetual is known here, which is Binance's.

    Examples
    --------
    >>> [symbol_of(instrument_id_at(venue, "BTCUSDT")) for venue in (BYBIT, OKX)]
    ['BTCUSDT', 'BTCUSDT']

    """
    if instrument_id.venue.value == BYBIT:
        return str(instrument_id.symbol.value.removesuffix(_LINEAR))
    if instrument_id.venue.value == OKX:
        return okx.symbol_at(instrument_id.symbol.value)
    return binance_symbol(instrument_id)


def order_feed(venue: str) -> str:
    """Return what the feed of a venue's forced orders is called."""
    return FORCED_ORDERS if venue == BINANCE else f"{FORCED_ORDERS} of {venue}"


def order_topic(venue: str, symbol: str) -> str:
    """Return the topic of a symbol's forced orders at a venue; OKX has one for all."""
    if venue == BINANCE:
        return binance.forced_order_stream(symbol)
    if venue == OKX:
        return okx.TOPIC
    return bybit.liquidation_topic(symbol)
