"""When a simulated position is liquidated, at what price, and what it costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.margin import liquidation_price

if TYPE_CHECKING:
    from collections.abc import Iterable

    from liq_nautilus.core.brackets import BracketTable


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """
    What decides over one open position.

    Attributes
    ----------
    side : int
        +1 long, -1 short.
    quantity : float
        Base units, > 0.
    entry_price : float
        Average (quote per base unit).
    mark_price : float
        The current one.
    margin : float
        The isolated margin (quote): the entry notional over the leverage, less paid funding.
    table : BracketTable
        The symbol's brackets.

    """

    side: int
    quantity: float
    entry_price: float
    mark_price: float
    margin: float
    table: BracketTable

    @property
    def unrealised(self) -> float:
        """Return the unrealised P&L at the mark price (quote)."""
        return self.pnl_at(self.mark_price)

    @property
    def maintenance_margin(self) -> float:
        """Return the maintenance margin at the mark price (quote)."""
        notional = np.array([self.quantity * self.mark_price])
        return float(self.table.maintenance_margin(notional)[0])

    def pnl_at(self, price: float) -> float:
        """Return the P&L if closed at `price` (quote)."""
        return self.side * self.quantity * (price - self.entry_price)


@dataclass(frozen=True, slots=True)
class ForcedClose:
    """
    One liquidation.

    Attributes
    ----------
    trigger_price : float
        The mark price at which equity equals the maintenance margin.
    fill_price : float
        Where the position is closed: the trigger, or where the price jumped beyond it, but never
        beyond the bankruptcy price, at which the venue's insurance fund takes the position over.
    clearance_fee : float
        The fee (quote), never more than what the margin leaves.

    """

    trigger_price: float
    fill_price: float
    clearance_fee: float


def backing(
    position: OpenPosition, others: Iterable[OpenPosition], cross_balance: float | None
) -> tuple[float, float]:
    """
    Return what backs a position: until it is liquidated, and until nothing is left.

    Parameters
    ----------
    position : OpenPosition
        The position.
    others : iterable of OpenPosition
        The account's other positions.
    cross_balance : float or None
        The account's wallet balance under cross margin; None under isolated margin.

    Returns
    -------
    tuple of float
        Quote, both the isolated margin; or the wallet balance with the others' unrealised P&L,
        less and not less their maintenance margin.

    """
    if cross_balance is None:
        return position.margin, position.margin
    others = tuple(others)
    equity = cross_balance + sum(other.unrealised for other in others)
    return equity - sum(other.maintenance_margin for other in others), equity


def trigger_price(position: OpenPosition, wallet_balance: float) -> float:
    """Return the mark price at which a position backed by `wallet_balance` is liquidated."""
    price = liquidation_price(
        np.array([position.entry_price]),
        np.array([position.quantity]),
        np.array([position.side], dtype=np.int8),
        np.array([wallet_balance]),
        position.table,
    )
    return float(price[0])


def forced_close(
    position: OpenPosition,
    backing_balances: tuple[float, float],
    open_price: float,
    extreme_price: float,
    clearance_fee_rate: float,
    tick: float,
) -> ForcedClose | None:
    """
    Return the liquidation of a position over one stretch of mark prices, or None.

    Parameters
    ----------
    position : OpenPosition
        The position as it was at the start of the stretch.
    backing_balances : tuple of float
        What backs it (the answer of `backing`).
    open_price : float
        The first mark price of the stretch.
    extreme_price : float
        Its lowest for a long, its highest for a short.
    clearance_fee_rate : float
        As a fraction of the liquidated notional.
    tick : float
        The price step: the fill is rounded towards the entry price, so that rounding never costs
        more than what backs the position.

    """
    side, quantity = position.side, position.quantity
    wallet_balance, last_balance = backing_balances
    trigger = trigger_price(position, wallet_balance)
    if side * (extreme_price - trigger) > 0 or (side > 0 and trigger <= 0):
        return None
    bankruptcy = position.entry_price - side * last_balance / quantity
    fill = open_price if side * (open_price - trigger) < 0 else trigger
    if side * (fill - bankruptcy) < 0:
        fill = bankruptcy
    # Just less than a step, since a price that is on the grid must stay there.
    fill = side * tick * math.ceil(side * fill / tick - 1e-9)
    left = max(last_balance + position.pnl_at(fill), 0.0)
    return ForcedClose(trigger, fill, min(clearance_fee_rate * quantity * fill, left))
