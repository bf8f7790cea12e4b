"""What one contract of a COIN-M perpetual is, which settles in its coin and is worth dollars."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray

COIN_MARGINED_SUFFIX: Final = "USD_PERP"
# https://www.binance.com/en/support/faq/coin-m-futures-contract-specifications-a4470430e3164c13932be8967961aede
_VALUE_OF_BTC: Final = 100.0
_VALUE_OF_OTHERS: Final = 10.0


def is_coin_margined(symbol: str) -> bool:
    """Return whether a symbol of Binance settles in its coin."""
    return symbol.endswith(COIN_MARGINED_SUFFIX)


def contract_value(symbol: str) -> float | None:
    """
    Return the dollars one contract is worth; None where quantities are base units.

    Examples
    --------
    >>> contract_value("BTCUSD_PERP"), contract_value("ETHUSD_PERP"), contract_value("BTCUSDT")
    (100.0, 10.0, None)

    """
    if not is_coin_margined(symbol):
        return None
    return _VALUE_OF_BTC if symbol.startswith("BTCUSD_") else _VALUE_OF_OTHERS


def order_notional[Number: (float, Any)](symbol: str, quantity: Number, price: Number) -> Number:
    """
    Return the dollars a quantity is worth at a price.

    Parameters
    ----------
    symbol : str
        Binance's name.
    quantity : float or array
        Base units; contracts of COIN-M symbols.
    price : float or array
        Quote per base unit.

    Examples
    --------
    >>> order_notional("BTCUSDT", 2.0, 60_000.0), order_notional("BTCUSD_PERP", 2.0, 60_000.0)
    (120000.0, 200.0)

    """
    value = contract_value(symbol)
    return quantity * (price if value is None else value)


class ContractUnits:
    """
    Turns contracts into the base quantity the map is kept in, and back into dollars.

    A COIN-M position is a number of dollars, whatever the price does. The map keeps base units, so
    contracts are turned into coins at one price, the first, and a coin of the map is worth that
    price wherever it lies: nothing seems to be opened or closed because the price moved.

    Parameters
    ----------
    symbol : str
        Binance's name.

    Attributes
    ----------
    first_price : float or None
        At which contracts are turned into coins; None before any price.

    """

    def __init__(self, symbol: str) -> None:
        self._value = contract_value(symbol)
        self.first_price: float | None = None

    @property
    def is_coin_margined(self) -> bool:
        """Whether quantities come in contracts."""
        return self._value is not None

    def note_price(self, price: float) -> None:
        """Take in a price; the first one stays."""
        if self.first_price is None:
            self.first_price = price

    def base_units[Quantity: (float, FloatArray)](self, quantity: Quantity) -> Quantity:
        """Return a quantity (base units or contracts, a number or an array) in base units."""
        if self._value is None or self.first_price is None:
            return quantity
        return quantity * (self._value / self.first_price)

    @property
    def unit_price(self) -> float:
        """What a base unit of the map is worth wherever it lies (quote); 0: the price there."""
        if self._value is None or self.first_price is None:
            return 0.0
        return self.first_price

    def contract_worth(self, price: float) -> float:
        """Return what one of the contracts that open interest counts is worth (quote)."""
        return price if self._value is None else self._value

    def worth(self, price: float) -> float:
        """Return what a base unit of the map is worth at a price (quote)."""
        return self.unit_price or price

    def in_dollars(self, notional: FloatArray, price: FloatArray) -> FloatArray:
        """Return what the map holds (quantity times price, shape (..., n)) in the quote."""
        if not self.unit_price:
            return notional
        dollars: FloatArray = notional * (self.unit_price / price)
        return dollars
