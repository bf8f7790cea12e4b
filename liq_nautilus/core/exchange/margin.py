"""
Binance's margin mathematics: brackets, liquidation price, bankruptcy price.

USDT-M futures in one-way mode. The liquidation price solves *equity = maintenance margin* at the
mark price, ``WB + s*Q*(p - E) = rate*Q*p - amount``, with the bracket taken at the notional *at the
liquidation price* (https://www.binance.com/en/support/faq/b3c689c1f50a44cabb3a84e663b81d93).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.exchange.contracts import is_coin_margined
from liq_nautilus.core.records import LONG

if TYPE_CHECKING:
    from liq_nautilus.core.exchange.brackets import BracketTable
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

# Maintenance rates by leverage, which `formula="simplified"` takes instead of brackets by size.
_SIMPLIFIED_LEVERAGE = np.array([5.0, 10.0, 25.0, 50.0, 100.0])
_SIMPLIFIED_RATE = np.array([0.004, 0.005, 0.01, 0.02, 0.05])


def liquidation_price(
    entry_price: FloatArray,
    quantity: FloatArray,
    side: SideArray,
    wallet_balance: FloatArray,
    table: BracketTable,
) -> FloatArray:
    """
    Return the mark price at which each position is liquidated.

    Parameters
    ----------
    entry_price : ndarray of shape (n,)
        Average entry price (quote per base unit, > 0).
    quantity : ndarray of shape (n,)
        Position size (base units, > 0).
    side : ndarray of shape (n,)
        +1 long, -1 short.
    wallet_balance : ndarray of shape (n,)
        What backs the position (quote): the isolated margin; for cross margin the wallet balance
        less the other positions' maintenance margin plus their unrealised P&L.
    table : BracketTable
        The symbol's brackets.

    Returns
    -------
    ndarray of shape (n,)
        Quote per base unit; 0.0 where a long cannot be liquidated. NaN in, NaN out.

    Notes
    -----
    ``LP = (WB + amount - s*Q*E) / (Q*rate - s*Q)`` for the one bracket that holds ``Q*LP``. Equity
    less maintenance margin is monotone in the price, so that bracket is unique.

    """
    index = np.zeros(np.shape(entry_price), dtype=np.int64)
    for bracket in table.brackets[:-1]:
        cap = bracket.notional_cap
        maintenance = bracket.maintenance_margin_rate * cap - bracket.maintenance_amount
        # A long still short of margin at the cap, or a short still alive there, goes beyond it.
        excess = wallet_balance + side * (cap - quantity * entry_price) - maintenance
        index += side * excess <= 0.0
    rate = np.array([bracket.maintenance_margin_rate for bracket in table.brackets])[index]
    amount = np.array([bracket.maintenance_amount for bracket in table.brackets])[index]
    price = (wallet_balance + amount - side * quantity * entry_price) / (quantity * (rate - side))
    floored: FloatArray = np.maximum(price, 0.0)
    return floored


def isolated_liquidation_price(
    entry_price: FloatArray,
    leverage: FloatArray,
    side: SideArray,
    quantity: FloatArray,
    table: BracketTable,
    settled_funding: FloatArray | float = 0.0,
) -> FloatArray:
    """
    Return the mark price at which each isolated position is liquidated.

    Parameters
    ----------
    entry_price : ndarray of shape (n,)
        Quote per base unit, > 0.
    leverage : ndarray of shape (n,)
        Initial leverage, >= 1: the margin is the entry notional over it.
    side : ndarray of shape (n,)
        +1 long, -1 short.
    quantity : ndarray of shape (n,)
        Base units, > 0.
    table : BracketTable
        The symbol's brackets.
    settled_funding : ndarray of shape (n,) or float, optional
        Funding paid out of the margin since entry (quote; negative: received).

    Returns
    -------
    ndarray of shape (n,)
        Quote per base unit; 0.0 where a long cannot be liquidated. NaN in, NaN out.

    Raises
    ------
    ValueError
        If a leverage is below 1.

    Examples
    --------
    >>> from liq_nautilus.core.exchange.brackets import BracketTable
    >>> table = BracketTable.built_in("BTCUSDT")
    >>> isolated_liquidation_price(
    ...     np.array([100_000.0]),
    ...     np.array([10.0]),
    ...     np.array([1], dtype=np.int8),
    ...     np.array([0.1]),
    ...     table,
    ... ).round(3)
    array([90361.446])

    """
    _check_leverage(leverage)
    margin = entry_price * quantity / leverage - settled_funding
    return liquidation_price(entry_price, quantity, side, margin, table)


def simplified_liquidation_price(
    entry_price: FloatArray,
    leverage: FloatArray,
    side: SideArray,
) -> FloatArray:
    """
    Return ``entry * (1 - side * (1 - rate) / leverage)``, a common shortcut, for comparison.

    It divides the maintenance rate by the leverage once too often: levels lie 24-40 basis points
    too far from entry.

    Parameters
    ----------
    entry_price, leverage : ndarray of shape (n,)
        Quote per base unit, > 0; leverage >= 1.
    side : ndarray of shape (n,)
        +1 long, -1 short.

    Returns
    -------
    ndarray of shape (n,)
        Quote per base unit.

    Raises
    ------
    ValueError
        If a leverage is below 1.

    """
    _check_leverage(leverage)
    rate = np.interp(leverage, _SIMPLIFIED_LEVERAGE, _SIMPLIFIED_RATE)
    # The rates end at 100x; above it 0.4 % is taken.
    rate = np.where(np.asarray(leverage) > _SIMPLIFIED_LEVERAGE[-1], 0.004, rate)
    return entry_price * (1.0 - side * (1.0 - rate) / leverage)


def bankruptcy_price(entry_price: FloatArray, leverage: FloatArray, side: SideArray) -> FloatArray:
    """
    Return the price at which each isolated position's margin is gone: ``E * (1 - s/L)``.

    Parameters
    ----------
    entry_price, leverage : ndarray of shape (n,)
        Quote per base unit, > 0; leverage >= 1.
    side : ndarray of shape (n,)
        +1 long, -1 short.

    Returns
    -------
    ndarray of shape (n,)
        Quote per base unit: what a forced order's `price` field shows.

    Raises
    ------
    ValueError
        If a leverage is below 1.

    """
    _check_leverage(leverage)
    return entry_price * (1.0 - side / leverage)


def liquidation_ratio(
    leverages: FloatArray,
    side: int,
    position_notional: float,
    table: BracketTable,
    formula: str = "exact",
) -> FloatArray:
    """
    Return liquidation price over entry price of a typical position at each leverage.

    At a fixed entry notional the ratio does not depend on the entry price, which is what lets a
    whole population be shifted on a logarithmic price grid.

    Parameters
    ----------
    leverages : ndarray of shape (n_tiers,)
        Each >= 1.
    side : int
        +1 long, -1 short.
    position_notional : float
        The typical position's entry notional (quote): it picks the bracket. Of COIN-M contracts,
        whose brackets are in coins, the lowest is taken.
    table : BracketTable
        The symbol's brackets.
    formula : {"exact", "simplified"}, optional
        Binance's formula or the shortcut of `simplified_liquidation_price`.

    Returns
    -------
    ndarray of shape (n_tiers,)
        In (0, 1) for longs, above 1 for shorts; at least 1e-3.

    """
    sides = np.full(leverages.shape, side, dtype=np.int8)
    entry = np.ones(leverages.shape)
    if is_coin_margined(table.symbol):
        price = _coin_margined_ratio(leverages, sides, position_notional, table)
    elif formula == "simplified":
        price = simplified_liquidation_price(entry, leverages, sides)
    else:
        quantity = np.full(leverages.shape, float(position_notional))
        price = isolated_liquidation_price(entry, leverages, sides, quantity, table)
    # A leverage at or beyond what the rate allows would be liquidated at once: keep a hair's width.
    limit = 1.0 - side * 1e-4
    price = np.minimum(price, limit) if side == LONG else np.maximum(price, limit)
    return np.maximum(price, 1e-3)


def _coin_margined_ratio(
    leverages: FloatArray, sides: SideArray, position_notional: float, table: BracketTable
) -> FloatArray:
    # By its value in coins an inverse long is a linear short: it loses as that value rises. How
    # many coins a typical position is worth depends on the price: the lowest bracket is taken.
    _check_leverage(leverages)
    value = np.full(leverages.shape, min(position_notional, table.brackets[0].notional_cap / 2.0))
    reversed_sides = (-sides).astype(np.int8)
    ones = np.ones(leverages.shape)
    at_end = liquidation_price(value, ones, reversed_sides, value / leverages, table)
    # A short of no leverage cannot lose its coins.
    ratio: FloatArray = value / np.maximum(at_end, value * 1e-3)
    return ratio


def _check_leverage(leverage: FloatArray) -> None:
    lowest = np.nanmin(np.asarray(leverage, dtype=np.float64), initial=np.inf)
    if lowest < 1.0:
        msg = f"leverage must be at least 1, was {lowest:g}"
        raise ValueError(msg)
