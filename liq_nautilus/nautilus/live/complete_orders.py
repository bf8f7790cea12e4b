"""The complete feed of forced orders beside thinned ones, and what it tells of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from typing import Final

from nautilus_trader.common.actor import Actor
from nautilus_trader.common.config import ActorConfig
from nautilus_trader.model.identifiers import ClientId

from liq_nautilus.core.dollars.completeness import Completeness
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.internals import instrument_topic
from liq_nautilus.nautilus.internals import subscribe_instrument_data
from liq_nautilus.nautilus.live.feeds.symbols import BYBIT
from liq_nautilus.nautilus.live.feeds.symbols import instrument_id_at
from liq_nautilus.nautilus.live.feeds.symbols import symbol_of
from liq_nautilus.nautilus.types import LiquidationCompleteness
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from nautilus_trader.core.data import Data

# Bybit alone publishes every liquidation.
COMPLETE: Final = BYBIT
# So often, at most, what it tells of thinned feeds is published.
PUBLISH_NS: Final = 10 * SECOND_NS


class CompleteOrdersConfig(ActorConfig, frozen=True, kw_only=True):
    """
    The settings of `CompleteOrders`.

    Parameters
    ----------
    symbols : tuple of str
        Binance's names, which are those of Bybit's USDT perpetuals too.
    venues : tuple of str
        Whose orders are heard beside Binance's.
    client_id : ClientId
        The data client that brings the orders.

    """

    symbols: tuple[str, ...]
    venues: tuple[str, ...]
    client_id: ClientId


class CompleteOrders(Actor):  # type: ignore[misc, unused-ignore] # untyped base
    """
    Listen to other venues' liquidations beside Binance's.

    Binance shows the largest order of a second and symbol; Bybit publishes every one, and so tells
    how much such a feed leaves out, which is published as `LiquidationCompleteness` of Binance's
    instrument. The map takes Binance's orders alone, made up by that share. OKX shows an unknown
    share of its own: its orders are heard to be recorded, and tell nothing of others.

    Parameters
    ----------
    config : CompleteOrdersConfig
        The settings.

    Attributes
    ----------
    n : Counter of tuple
        Orders heard, by venue and symbol.
    completeness : dict of str to Completeness
        How much a thinned feed shows, by symbol.

    """

    def __init__(self, config: CompleteOrdersConfig) -> None:
        super().__init__(config)
        self._settings = config
        self._published_ns = dict.fromkeys(config.symbols, 0)
        self.n: Counter[tuple[str, str]] = Counter()
        self.completeness = {symbol: Completeness() for symbol in config.symbols}

    def on_start(self) -> None:
        """Subscribe to the orders of each symbol."""
        settings = self._settings
        for symbol in settings.symbols:
            for venue in settings.venues:
                subscribe_instrument_data(
                    self, LiquidationOrder, instrument_id_at(venue, symbol), settings.client_id
                )

    def on_stop(self) -> None:
        """Nothing is left to do: the client ends its streams itself."""

    def on_data(self, data: Data) -> None:
        """Take in an order."""
        symbol, venue = symbol_of(data.instrument_id), data.instrument_id.venue.value
        self.n[venue, symbol] += 1
        if venue != COMPLETE:
            return
        self.completeness[symbol].add(data.quantity * data.bankruptcy_price, data.ts_event)
        if data.ts_init >= self._published_ns[symbol] + PUBLISH_NS:
            self._published_ns[symbol] = data.ts_init
            self._publish(symbol, data.ts_init)

    def _publish(self, symbol: str, ts: int) -> None:
        # Stamped as the order that made it known: a replay hears it at the same place.
        binance = instrument_id(symbol)
        topic = instrument_topic(LiquidationCompleteness, binance)
        for part in self.completeness[symbol].changes():
            told = LiquidationCompleteness.from_record(part, binance, COMPLETE, ts)
            self.msgbus.publish(topic=topic, msg=told)
