"""
Built-in notional brackets of Binance futures, versioned by date.

Figures read off Binance's `leverageBracket` responses
(https://developers.binance.com/docs/derivatives/usds-margined-futures/account/rest-api/Notional-and-Leverage-Brackets);
the maintenance amounts follow from the rates. Tables change: `BracketTable.from_binance` reads a
newer response. Notionals are in the settlement currency; that of COIN-M contracts is the coin.
"""

from __future__ import annotations

from typing import Final

from liq_nautilus.core.exchange.contracts import is_coin_margined

# One row per bracket: maximum leverage, notional cap, maintenance margin rate.
type Rows = tuple[tuple[float, float, float], ...]
# Rows, and the ISO date from which they are known to hold.
type Version = tuple[str, Rows]

_M: Final = 1e6
# Says in place of a date that a symbol has no table of its own.
DEFAULT_DATE: Final = "default"
# Of symbols without a table of their own. No built-in table of a USDT-M contract asks for more
# margin or allows less leverage at any size, so nobody is liquidated too late or lent too much.
DEFAULT_ROWS: Final[Rows] = (
    (50, 5_000, 0.015), (25, 25_000, 0.02), (20, 50_000, 0.025), (10, 250_000, 0.05),
    (5, 500_000, 0.1), (4, 1 * _M, 0.125), (2, 2 * _M, 0.25), (1, 5 * _M, 0.5),
)  # fmt: skip
# Of COIN-M contracts without a table: caps are in coins, which are worth anything, so one rate.
DEFAULT_COIN_ROWS: Final[Rows] = ((20, 1e15, 0.025),)
# Stablecoins of one dollar: a symbol settled in one has the table of the same coin in USDT.
_LIKE_USDT: Final = ("USDC", "BUSD")
# The tail that every large table shares: brackets differ in their caps only.
BUILT_IN: Final[dict[str, tuple[Version, ...]]] = {
    "BTCUSDT": (
        (
            "2024-10-24",
            (
                (125, 50_000, 0.004), (100, 600_000, 0.005), (75, 3 * _M, 0.0065),
                (50, 12 * _M, 0.01), (25, 70 * _M, 0.02), (20, 100 * _M, 0.025),
                (10, 230 * _M, 0.05), (5, 480 * _M, 0.1), (4, 600 * _M, 0.125),
                (3, 800 * _M, 0.15), (2, 1_200 * _M, 0.25), (1, 1_800 * _M, 0.5),
            ),
        ),
        (
            # Rows 1-3 corroborated, the rest from one source.
            "2026-01-01",
            (
                (150, 300_000, 0.004), (100, 800_000, 0.005), (75, 3 * _M, 0.0065),
                (50, 12 * _M, 0.01), (25, 70 * _M, 0.02), (20, 100 * _M, 0.025),
                (10, 230 * _M, 0.05), (5, 480 * _M, 0.1), (4, 600 * _M, 0.125),
                (3, 800 * _M, 0.15), (2, 1_200 * _M, 0.25), (1, 1_800 * _M, 0.5),
            ),
        ),
    ),
    "ETHUSDT": (
        (
            "2024-10-24",
            (
                (125, 50_000, 0.004), (100, 600_000, 0.005), (75, 3 * _M, 0.0065),
                (50, 12 * _M, 0.01), (25, 50 * _M, 0.02), (20, 65 * _M, 0.025),
                (10, 150 * _M, 0.05), (5, 320 * _M, 0.1), (4, 400 * _M, 0.125),
                (3, 530 * _M, 0.15), (2, 800 * _M, 0.25), (1, 1_200 * _M, 0.5),
            ),
        ),
    ),
    "SOLUSDT": (
        (
            "2024-10-24",
            (
                (100, 20_000, 0.005), (75, 100_000, 0.0065), (50, 800_000, 0.01),
                (25, 4 * _M, 0.02), (20, 8 * _M, 0.025), (10, 40 * _M, 0.05),
                (5, 80 * _M, 0.1), (4, 100 * _M, 0.125), (2, 200 * _M, 0.25), (1, 400 * _M, 0.5),
            ),
        ),
    ),
    "BNBUSDT": (
        (
            "2024-10-24",
            (
                (75, 10_000, 0.005), (50, 50_000, 0.006), (40, 200_000, 0.01),
                (25, 1.5 * _M, 0.02), (20, 3 * _M, 0.025), (10, 15 * _M, 0.05),
                (5, 30 * _M, 0.1), (4, 37.5 * _M, 0.125), (2, 75 * _M, 0.25), (1, 150 * _M, 0.5),
            ),
        ),
    ),
    "XRPUSDT": (
        (
            "2024-10-24",
            (
                (75, 10_000, 0.005), (50, 20_000, 0.0065), (40, 160_000, 0.01),
                (25, 800_000, 0.02), (20, 1.6 * _M, 0.025), (10, 8 * _M, 0.05),
                (5, 16 * _M, 0.1), (4, 20 * _M, 0.125), (2, 40 * _M, 0.25), (1, 80 * _M, 0.5),
            ),
        ),
    ),
    "DOGEUSDT": (
        (
            "2024-10-24",
            (
                (75, 10_000, 0.005), (50, 50_000, 0.007), (40, 750_000, 0.01),
                (25, 800_000, 0.02), (20, 1.6 * _M, 0.025), (10, 8 * _M, 0.05),
                (5, 16 * _M, 0.1), (4, 20 * _M, 0.125), (2, 40 * _M, 0.25), (1, 80 * _M, 0.5),
            ),
        ),
    ),
    "ADAUSDT": (
        (
            "2024-10-24",
            (
                (75, 10_000, 0.005), (50, 50_000, 0.01), (40, 100_000, 0.015),
                (25, 500_000, 0.02), (20, 1 * _M, 0.025), (10, 5 * _M, 0.05),
                (5, 10 * _M, 0.1), (4, 20 * _M, 0.125), (2, 30 * _M, 0.25), (1, 50 * _M, 0.5),
            ),
        ),
    ),
    "NEARUSDT": (
        (
            "2024-10-24",
            (
                (75, 10_000, 0.01), (50, 100_000, 0.015), (25, 500_000, 0.02),
                (20, 1 * _M, 0.025), (10, 5 * _M, 0.05), (5, 10 * _M, 0.1),
                (4, 12.5 * _M, 0.125), (2, 25 * _M, 0.25), (1, 50 * _M, 0.5),
            ),
        ),
    ),
    "1000PEPEUSDT": (
        (
            "2024-10-24",
            (
                (75, 20_000, 0.0065), (50, 200_000, 0.01), (40, 300_000, 0.015),
                (25, 1.5 * _M, 0.02), (20, 3 * _M, 0.025), (10, 15 * _M, 0.05),
                (5, 30 * _M, 0.1), (4, 37.5 * _M, 0.125), (2, 75 * _M, 0.25), (1, 150 * _M, 0.5),
            ),
        ),
    ),
    # The rates and amounts of https://www.binance.com/en/support/faq/ceccfcfb4e3a45e3b48b0b1bb1a8ae46:
    # 12.5 % and 11.605 BTC at 300 BTC.
    "BTCUSD_PERP": (
        (
            "2023-06-25",
            (
                (125, 5, 0.004), (100, 10, 0.005), (50, 20, 0.01), (20, 50, 0.025),
                (10, 100, 0.05), (5, 200, 0.1), (4, 400, 0.125), (3, 1_000, 0.15),
                (2, 1_500, 0.25), (1, 1e15, 0.5),
            ),
        ),
    ),
}  # fmt: skip


def built_in_versions(symbol: str) -> tuple[Version, ...]:
    """
    Return the built-in tables of a symbol by date; one of `DEFAULT_DATE` where there are none.

    Parameters
    ----------
    symbol : str
        Binance's name. A symbol in USDC or BUSD has the table of the same coin in USDT.

    """
    if symbol in BUILT_IN:
        return BUILT_IN[symbol]
    for quote in _LIKE_USDT:
        twin = f"{symbol.removesuffix(quote)}USDT"
        if symbol.endswith(quote) and twin in BUILT_IN:
            return BUILT_IN[twin]
    return ((DEFAULT_DATE, DEFAULT_COIN_ROWS if is_coin_margined(symbol) else DEFAULT_ROWS),)
