"""The complete feed of forced orders beside Binance's thinned one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nautilus_trader.common.actor import Actor
from nautilus_trader.common.config import ActorConfig
from nautilus_trader.model.identifiers import ClientId

from liq_nautilus.core.dollars.completeness import Completeness
from liq_nautilus.nautilus.internals import subscribe_instrument_data
from liq_nautilus.nautilus.live.feeds.symbols import bybit_instrument_id
from liq_nautilus.nautilus.live.feeds.symbols import symbol_of
from liq_nautilus.nautilus.types import LiquidationOrder

if TYPE_CHECKING:
    from nautilus_trader.core.data import Data


class CompleteOrdersConfig(ActorConfig, frozen=True, kw_only=True):
    """
    The settings of `CompleteOrders`.

    Parameters
    ----------
    symbols : tuple of str
        Bybit's names of USDT perpetuals.
    client_id : ClientId
        The data client that brings the orders.

    """

    symbols: tuple[str, ...]
    client_id: ClientId


class CompleteOrders(Actor):  # type: ignore[misc, unused-ignore] # untyped base
    """
    Listen to all liquidations of Bybit, which publishes every one.

    Binance shows the largest order of a second and symbol. What both say is recorded side by side,
    and `completeness` tells how much such a feed leaves out; the map takes Binance's alone, made up
    by the parameters' `reported_share`.

    Parameters
    ----------
    config : CompleteOrdersConfig
        The settings.

    Attributes
    ----------
    n : Counter of str
        Orders heard, by symbol.
    completeness : dict of str to Completeness
        By how much a thinned feed is to be made up, by symbol.

    """

    def __init__(self, config: CompleteOrdersConfig) -> None:
        super().__init__(config)
        self._settings = config
        self.n: Counter[str] = Counter()
        self.completeness = {symbol: Completeness() for symbol in config.symbols}

    def on_start(self) -> None:
        """Subscribe to the orders of each symbol."""
        for symbol in self._settings.symbols:
            subscribe_instrument_data(
                self, LiquidationOrder, bybit_instrument_id(symbol), self._settings.client_id
            )

    def on_data(self, data: Data) -> None:
        """Take in an order."""
        symbol = symbol_of(data.instrument_id)
        self.n[symbol] += 1
        self.completeness[symbol].add(data.quantity * data.bankruptcy_price, data.ts_event)
