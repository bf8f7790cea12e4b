"""
What a liquidation costs: Binance's clearance fee, as a fraction of the liquidated value.

Figures of `liquidationFee` in answers of /fapi/v1/exchangeInfo
(https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Exchange-Information).
"""

from __future__ import annotations

from typing import Final

_RATES: Final = {
    "BTC": 0.0125,
    "ETH": 0.0125,
    "XRP": 0.0125,
    "BCH": 0.015,
    "LTC": 0.015,
    "TRX": 0.01,
    "EOS": 0.01,
}
# Of other coins: the largest rate that was found.
_DEFAULT_RATE: Final = 0.02
_QUOTES: Final = ("USDT", "USDC", "BUSD", "USD_PERP")


def clearance_fee_rate(symbol: str) -> float:
    """
    Return the clearance fee rate of a symbol.

    Examples
    --------
    >>> clearance_fee_rate("BTCUSDT"), clearance_fee_rate("LTCUSDC"), clearance_fee_rate("NEARUSDT")
    (0.0125, 0.015, 0.02)

    """
    for quote in _QUOTES:
        if symbol.endswith(quote):
            return _RATES.get(symbol.removesuffix(quote), _DEFAULT_RATE)
    return _DEFAULT_RATE
