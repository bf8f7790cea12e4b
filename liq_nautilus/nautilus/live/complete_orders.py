"""The complete feed of forced orders beside Binance's thinned one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nautilus_trader.common.actor import Actor
from nautilus_trader.common.config import ActorConfig
from nautilus_trader.model.identifiers import ClientId

from liq_nautilus.nautilus.internals import subscribe_instrument_data
from liq_nautilus.nautilus.live.feeds.venues import bybit_instrument_id
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


class CompleteOrders(Actor):  # type: ignore[misc, unused-ignore]
    """
    Listen to all liquidations of Bybit, which publishes every one.

    Binance shows one order a second and symbol at most. What both say is recorded side by side, so
    that how much is missing at what intensity can be measured; the map takes Binance's alone.

    Parameters
    ----------
    config : CompleteOrdersConfig
        The settings.

    Attributes
    ----------
    n : Counter of str
        Orders heard, by instrument.

    """

    def __init__(self, config: CompleteOrdersConfig) -> None:
        super().__init__(config)
        self._settings = config
        self.n: Counter[str] = Counter()

    def on_start(self) -> None:
        """Subscribe to the orders of each symbol."""
        for symbol in self._settings.symbols:
            subscribe_instrument_data(
                self, LiquidationOrder, bybit_instrument_id(symbol), self._settings.client_id
            )

    def on_data(self, data: Data) -> None:
        """Count an order."""
        self.n[str(data.instrument_id)] += 1
