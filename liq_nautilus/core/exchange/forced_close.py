"""When a simulated position is liquidated, in which steps, at what prices, and what it costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.core.exchange.margin import liquidation_price

if TYPE_CHECKING:
    from collections.abc import Iterable

    from liq_nautilus.core.exchange.brackets import BracketTable


class Contract(NamedTuple):
    """
    How quantity and price of a perpetual make up its value.

    Attributes
    ----------
    is_inverse : bool
        Whether profit is paid in the base currency (COIN-M).
    multiplier : float
        Quote per contract where inverse, else base units per unit of quantity.

    """

    is_inverse: bool = False
    multiplier: float = 1.0

    def value(self, quantity: float, price: float) -> float:
        """Return the value of a quantity at a price, in the settlement currency."""
        if self.is_inverse:
            return quantity * self.multiplier / price
        return quantity * self.multiplier * price

    def price_of(self, quantity: float, value: float) -> float:
        """Return the price at which a quantity has a value: the inverse of `value`."""
        if not self.is_inverse:
            return value / (quantity * self.multiplier)
        return quantity * self.multiplier / value if value > 0.0 else math.inf

    def quantity_of(self, value: float, price: float) -> float:
        """Return the quantity that has a value at a price."""
        return value / self.value(1.0, price)

    def mean_price(self, quantity: float, price: float, added: float, added_price: float) -> float:
        """Return the entry price of two parts together: at it they have the value of both."""
        value = self.value(quantity, price) + self.value(added, added_price)
        return self.price_of(quantity + added, value)

    def pnl(self, side: int, quantity: float, entry_price: float, price: float) -> float:
        """Return the profit of a position closed at a price (settlement currency)."""
        gain = self.value(quantity, price) - self.value(quantity, entry_price)
        return side * (-gain if self.is_inverse else gain)


LINEAR: Final = Contract()


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """
    What decides over one open position.

    Attributes
    ----------
    side : int
        +1 long, -1 short.
    quantity : float
        Base units, or contracts where inverse; > 0.
    entry_price : float
        Average (quote per base unit).
    mark_price : float
        The current one.
    margin : float
        The isolated margin (settlement currency): the initial margin of what is still open, less
        the funding it paid.
    table : BracketTable
        The symbol's brackets, in the settlement currency.
    contract : Contract
        How quantity and price make up the value.

    """

    side: int
    quantity: float
    entry_price: float
    mark_price: float
    margin: float
    table: BracketTable
    contract: Contract = LINEAR

    @property
    def unrealised(self) -> float:
        """Return the unrealised P&L at the mark price (settlement currency)."""
        return self.pnl_at(self.mark_price)

    @property
    def maintenance_margin(self) -> float:
        """Return the maintenance margin at the mark price (settlement currency)."""
        return self.maintenance_at(self.quantity, self.mark_price)

    def maintenance_at(self, quantity: float, price: float) -> float:
        """Return the maintenance margin of a part of the position at a price."""
        value = np.array([self.contract.value(quantity, price)])
        return float(self.table.maintenance_margin(value)[0])

    def pnl_at(self, price: float) -> float:
        """Return the P&L if closed at `price` (settlement currency)."""
        return self.contract.pnl(self.side, self.quantity, self.entry_price, price)


class Backing(NamedTuple):
    """
    What backs a position (settlement currency).

    Attributes
    ----------
    until_liquidated : float
        Compared with the maintenance margin: the isolated margin; or the wallet balance with the
        other positions' unrealised P&L, less their maintenance margin.
    until_bankrupt : float
        What can be lost: the same, without taking off the others' maintenance margin.

    """

    until_liquidated: float
    until_bankrupt: float


class ForcedClose(NamedTuple):
    """
    One step of a liquidation.

    Attributes
    ----------
    quantity : float
        How much is closed.
    fill_price : float
        At what price.
    clearance_fee : float
        The fee on this step (settlement currency), never more than what is left.
    is_takeover : bool
        Whether the insurance fund takes the quantity over, at the bankruptcy price.
    shortfall : float
        What the insurance fund bears: the loss at the market price beyond all that backs the
        position (settlement currency, >= 0).

    """

    quantity: float
    fill_price: float
    clearance_fee: float
    is_takeover: bool = False
    shortfall: float = 0.0


class LiquidationRules(NamedTuple):
    """
    What a liquidation needs to know of the symbol.

    Attributes
    ----------
    clearance_fee_rate : float
        As a fraction of the liquidated value.
    tick : float
        The price step: fills are rounded towards the entry price, so that rounding never costs
        more than what backs the position.
    step : float
        The quantity step.

    """

    clearance_fee_rate: float
    tick: float
    step: float


def backing(
    position: OpenPosition, others: Iterable[OpenPosition], cross_balance: float | None
) -> Backing:
    """
    Return what backs a position: until it is liquidated, and until nothing is left.

    Parameters
    ----------
    position : OpenPosition
        The position.
    others : iterable of OpenPosition
        The account's other positions in the same currency.
    cross_balance : float or None
        The account's wallet balance under cross margin; None under isolated margin.

    """
    if cross_balance is None:
        return Backing(position.margin, position.margin)
    others = tuple(others)
    equity = cross_balance + sum(other.unrealised for other in others)
    return Backing(equity - sum(other.maintenance_margin for other in others), equity)


def trigger_price(position: OpenPosition, wallet_balance: float) -> float:
    """
    Return the mark price at which a position backed by `wallet_balance` is liquidated.

    Returns
    -------
    float
        Quote per base unit; 0 or infinity where no price does it.

    Notes
    -----
    In terms of its value ``v`` a linear position gains ``side * (v - v_entry)``, an inverse one
    ``-side * (v - v_entry)``: an inverse long is a linear short of its value in the base currency.
    That gives Binance's formula for COIN-M contracts,
    ``LP = Q*CM*(mmr + s) / (WB - TMM + UPNL + cum + s*Q*CM/E)``
    (https://www.binance.com/en/support/faq/ceccfcfb4e3a45e3b48b0b1bb1a8ae46).
    """
    contract = position.contract
    side = -position.side if contract.is_inverse else position.side
    value = liquidation_price(
        np.array([contract.value(position.quantity, position.entry_price)]),
        np.ones(1),
        np.array([side], dtype=np.int8),
        np.array([wallet_balance]),
        position.table,
    )
    return contract.price_of(position.quantity, float(value[0]))


def is_reached(side: int, price: float, trigger: float) -> bool:
    """Return whether a position of a side is liquidated at a mark price, given its trigger."""
    return price <= trigger if side > 0 else price >= trigger


def to_grid(price: float, side: int, tick: float) -> float:
    """Return a price rounded to the tick, up for a long and down for a short."""
    # Just less than a step, since a price that is on the grid must stay there.
    return side * tick * math.ceil(side * price / tick - 1e-9)


def liquidation_steps(
    position: OpenPosition, backed: Backing, price: float, rules: LiquidationRules
) -> list[ForcedClose]:
    """
    Return how a position that has reached its liquidation price is closed at a market price.

    Parameters
    ----------
    position : OpenPosition
        The position.
    backed : Backing
        What backs it.
    price : float
        The market price at which it can be reduced now.
    rules : LiquidationRules
        Fee and steps.

    Returns
    -------
    list of ForcedClose
        In order; their quantities sum to that of the position unless the margin is met before.

    Notes
    -----
    Binance reduces by an immediate-or-cancel order as far as the margin needs, and charges the
    clearance fee on what was liquidated; where the margin is met after loss and fee it stops, else
    the insurance fund takes the rest over at the bankruptcy price
    (https://www.binance.com/en/support/faq/360033525271). Here a position falls into the highest
    of the lower brackets in which the margin is met. Where it is met in none, one in the lowest
    bracket is closed whole; of a larger one so much is closed as the fee on it uses up what is
    left, and the rest is taken over.
    """
    book = _Reckoning(position, backed, price, rules)
    if book.is_bankrupt:
        return [book.takeover(position.quantity)]
    floors = [b.notional_floor for b in position.table.brackets if b.notional_floor <= book.value]
    for floor in reversed(floors):
        left = book.below(floor)
        if 0.0 < left < position.quantity and book.is_met(left):
            return [book.reduction(position.quantity - left)]
    if len(floors) == 1:
        return [book.reduction(position.quantity)]
    closed = book.affordable()
    steps = [book.reduction(closed)]
    if closed < position.quantity:
        steps.append(book.takeover(position.quantity - closed))
    return steps


class _Reckoning:
    # What a liquidation costs at one market price.

    def __init__(
        self, position: OpenPosition, backed: Backing, price: float, rules: LiquidationRules
    ) -> None:
        self._position = position
        self._rules = rules
        self._market = price
        bankruptcy = _bankruptcy_price(position, backed.until_bankrupt)
        self.is_bankrupt = position.side * (price - bankruptcy) <= 0
        self._fill = to_grid(bankruptcy if self.is_bankrupt else price, position.side, rules.tick)
        pnl = position.pnl_at(self._fill)
        self._equity = max(backed.until_bankrupt + pnl, 0.0)
        self._margin_equity = backed.until_liquidated + pnl
        self.value = position.contract.value(position.quantity, self._fill)

    def below(self, floor: float) -> float:
        # The largest quantity whose value lies below a bracket's floor.
        step = self._rules.step
        quantity = self._position.contract.quantity_of(floor, self._fill)
        return max(math.ceil(quantity / step - 1e-9) - 1, 0) * step

    def affordable(self) -> float:
        # The quantity whose fee uses up what is left.
        step = self._rules.step
        rate = self._rules.clearance_fee_rate
        if rate <= 0.0:
            return self._position.quantity
        quantity = self._position.contract.quantity_of(self._equity / rate, self._fill)
        return min(max(math.ceil(quantity / step), 1) * step, self._position.quantity)

    def is_met(self, left: float) -> bool:
        fee = self._fee(self._position.quantity - left)
        needed = self._position.maintenance_at(left, self._fill)
        return self._margin_equity - fee > needed and self._equity > fee

    def reduction(self, quantity: float) -> ForcedClose:
        return ForcedClose(quantity, self._fill, min(self._fee(quantity), self._equity))

    def takeover(self, quantity: float) -> ForcedClose:
        contract, side = self._position.contract, self._position.side
        shortfall = max(contract.pnl(side, quantity, self._market, self._fill), 0.0)
        return ForcedClose(quantity, self._fill, 0.0, is_takeover=True, shortfall=shortfall)

    def _fee(self, quantity: float) -> float:
        value = self._position.contract.value(quantity, self._fill)
        return self._rules.clearance_fee_rate * value


def _bankruptcy_price(position: OpenPosition, balance: float) -> float:
    contract = position.contract
    entry_value = contract.value(position.quantity, position.entry_price)
    side = -position.side if contract.is_inverse else position.side
    value = entry_value - side * balance
    if value <= 0.0:
        return math.inf if contract.is_inverse else 0.0
    return contract.price_of(position.quantity, value)
