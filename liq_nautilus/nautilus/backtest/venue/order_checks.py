"""Which orders the venue refuses: too little margin, or a position above the leverage's limit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import OmsType
from nautilus_trader.model.enums import OrderType

from liq_nautilus.nautilus.backtest.venue.margin_account import ABOVE_MAX_POSITION
from liq_nautilus.nautilus.backtest.venue.margin_account import MARGIN_INSUFFICIENT
from liq_nautilus.nautilus.backtest.venue.margin_account import NOT_REDUCING
from liq_nautilus.nautilus.backtest.venue.margin_account import NOT_REQUIRED
from liq_nautilus.nautilus.backtest.venue.margin_account import Refusal
from liq_nautilus.nautilus.backtest.venue.margin_account import contract_of
from liq_nautilus.nautilus.instruments import binance_symbol

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Sequence

    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.model.identifiers import ClientOrderId
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.objects import Quantity
    from nautilus_trader.model.orders import Order

    from liq_nautilus.core.exchange.bracket_source import BracketSource
    from liq_nautilus.nautilus.backtest.venue.margin_account import Holding
    from liq_nautilus.nautilus.backtest.venue.margin_account import MarginAccount
    from liq_nautilus.nautilus.backtest.venue.market_prices import MarketPrices

# Of what money is compared with: sums of doubles.
_ROUNDING = 1e-9


class OrderChecks:
    """
    Judges orders as they reach the venue.

    The cost of an order is the initial margin of what it opens, its open loss against the mark
    price and the taker fee; it must be covered by what the wallet holds beyond the margins of
    positions and resting limit orders
    (https://www.binance.com/en/support/faq/87fa7ee33b574f7084d42bd2ce2e463b). Orders that only
    reduce cost nothing; stops are judged when they trigger.

    Parameters
    ----------
    exchange : SimulatedExchange
        The venue.
    account : MarginAccount
        Its positions.
    brackets : BracketSource
        Which brackets apply.
    prices : callable
        Returns the prices of an instrument.

    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        account: MarginAccount,
        brackets: BracketSource,
        prices: Callable[[InstrumentId], MarketPrices],
    ) -> None:
        self._exchange = exchange
        self._account = account
        self._brackets = brackets
        self._prices = prices
        self._expected_slippage = getattr(exchange.fill_model, "expected_slippage", None)
        # What was let through: orders that still wait are judged when their turn comes.
        self._sent: set[ClientOrderId] = set()

    def clear(self) -> None:
        """Forget what was let through."""
        self._sent.clear()

    def note_sent(self, order: Order) -> None:
        """Count an order among what the venue has to deal with."""
        self._sent.add(order.client_order_id)

    def refusal(
        self,
        order: Order,
        price: float,
        ts: int,
        *,
        quantity: Quantity | None = None,
        met_before: Sequence[Order] | None = None,
    ) -> Refusal | None:
        """
        Return why an order is refused, or None.

        Parameters
        ----------
        order : Order
            The order.
        price : float
            At which it would be filled (quote); NaN before any price, then nothing is judged.
        ts : int
            When (UTC nanoseconds).
        quantity : Quantity or None, optional
            What it is to be changed to; None: as it is.
        met_before : sequence of Order or None, optional
            Of an order that is being met: those that are met with it and come first. What else
            rests or waits needs its margin when its own turn comes.

        """
        if order.is_quote_quantity:
            return Refusal(NOT_REQUIRED, "the quantity must be in base units, was in quote")
        if order.is_reduce_only:
            return self._unless_it_reduces(order) if met_before is not None else None
        if math.isnan(price):
            return None
        others = self._others(order) if met_before is None else met_before
        plan = self._plan(order, others, is_met=met_before is not None)
        before = plan.quantity
        price = self._slipped(order, price)
        plan.apply(_signed(order, quantity), price)
        if abs(plan.quantity) <= abs(before) and plan.quantity * before >= 0.0:
            return None
        refusal = self._above_limit(order, plan, price, ts)
        if refusal is None:
            plan.margin += self._reserved(order, others, ts)
            refusal = self._above_wallet(order, plan, price, ts)
        return refusal

    def _above_limit(self, order: Order, plan: _Plan, price: float, ts: int) -> Refusal | None:
        symbol = binance_symbol(order.instrument_id)
        leverage = plan.leverage
        limit = self._brackets.at(symbol, ts).largest_notional(leverage)
        value = plan.contract.value(abs(plan.quantity), price)
        if value <= limit:
            return None
        text = (
            f"the position must be at most {limit:,.8g} at a leverage of {leverage:g}x, would be "
            f"{value:,.8g} {order.instrument_id}; lower the leverage or the size"
        )
        return Refusal(ABOVE_MAX_POSITION, text)

    def _above_wallet(self, order: Order, plan: _Plan, price: float, ts: int) -> Refusal | None:
        mark = self._prices(order.instrument_id).mark_at(ts)
        # A limit may come before any price.
        mark = price if math.isnan(mark) else mark
        side = 1 if order.is_buy else -1
        loss = max(-plan.contract.pnl(side, abs(plan.ordered), price, mark), 0.0)
        cost = plan.margin + plan.fees + loss
        wallet = self._wallet(order, ts) + plan.realised
        if cost <= wallet + _ROUNDING * abs(wallet):
            return None
        text = (
            f"margins and costs must be covered by the wallet's {wallet:,.8g}, would be "
            f"{cost:,.8g}; order less or raise the leverage"
        )
        return Refusal(MARGIN_INSUFFICIENT, text)

    def _unless_it_reduces(self, order: Order) -> Refusal | None:
        # Nautilus lets a reduce-only order that rests fill on whatever side the position is by now.
        side = 1 if order.is_buy else -1
        for holding in self._account.holdings(order.instrument_id).values():
            if holding.position.strategy_id == order.strategy_id and holding.side != side:
                return None
        return Refusal(NOT_REDUCING, "the order must reduce a position, there is none it would")

    def _slipped(self, order: Order, price: float) -> float:
        # What a market or stop order will pay, as far as the fill model says.
        if order.has_price or self._expected_slippage is None:
            return price
        instrument = self._exchange.instruments[order.instrument_id]
        side, quantity = (1 if order.is_buy else -1), order.leaves_qty.as_double()
        slip: float = self._expected_slippage(instrument, side, quantity, price)
        return max(price + side * slip, float(instrument.price_increment.as_double()))

    def _plan(self, order: Order, others: Iterable[Order], *, is_met: bool) -> _Plan:
        # The position an order changes, as it will be once what was already ordered is done.
        plan = _Plan(self._exchange, self._account, order.instrument_id)
        for holding in self._account.holdings(order.instrument_id).values():
            if self._is_own(order, holding):
                plan.start(holding)
        for other in others:
            is_coming = _is_coming(other) and (_is_market(other) or other.side == order.side)
            if self._goes_along(order, other) and (is_met or is_coming):
                price = self._price_of(other)
                plan.apply(_signed(other), price, only_reduces=other.is_reduce_only)
        return plan

    def _is_own(self, order: Order, holding: Holding) -> bool:
        # Whether an order changes a position; in hedge mode it says so, or opens one of its own.
        if self._exchange.oms_type == OmsType.HEDGING:
            named = self._exchange.cache.position_id(order.client_order_id)
            return bool(named == holding.position.id)
        return bool(holding.position.strategy_id == order.strategy_id)

    def _goes_along(self, order: Order, other: Order) -> bool:
        # Whether two orders change the same position.
        is_same = (order.instrument_id, order.strategy_id) == (
            other.instrument_id,
            other.strategy_id,
        )
        return is_same and bool(self._exchange.oms_type != OmsType.HEDGING)

    def _reserved(self, order: Order, others: Iterable[Order], ts: int) -> float:
        # The margins of all other positions and orders on their way that the same wallet covers,
        # and what these orders will pay.
        total = 0.0
        instruments = self._exchange.instruments
        currency = instruments[order.instrument_id].get_settlement_currency()
        for holding in self._account.settling_in(currency):
            is_there = holding.position.instrument_id == order.instrument_id
            if not (is_there and self._is_own(order, holding)):
                total += self._initial_margin(holding, ts)
        for other in others:
            instrument = instruments[other.instrument_id]
            is_covered = instrument.get_settlement_currency() == currency
            if is_covered and _is_coming_anew(other) and not self._goes_along(order, other):
                value = contract_of(instrument).value(
                    other.leaves_qty.as_double(), self._price_of(other)
                )
                share = 1.0 / self._account.leverage(other.instrument_id)
                total += value * (share + float(instrument.taker_fee))
        return total

    def _price_of(self, order: Order) -> float:
        # At which an order that waits or rests will be filled.
        if order.has_price:
            return float(order.price.as_double())
        return self._prices(order.instrument_id).last

    def _initial_margin(self, holding: Holding, ts: int) -> float:
        if not self._account.is_cross:
            return holding.margin
        instrument_id = holding.position.instrument_id
        state = self._account.state(holding, self._prices(instrument_id), ts)
        value = state.contract.value(state.quantity, state.mark_price)
        return value / self._account.leverage(instrument_id)

    def _wallet(self, order: Order, ts: int) -> float:
        # Under cross margin profits and losses that are still open count too.
        instrument = self._exchange.instruments[order.instrument_id]
        wallet = self._account.balance(instrument)
        if not self._account.is_cross:
            return wallet
        currency = instrument.get_settlement_currency()
        return wallet + sum(
            self._account.state(
                holding, self._prices(holding.position.instrument_id), ts
            ).unrealised
            for holding in self._account.settling_in(currency)
        )

    def _others(self, order: Order) -> list[Order]:
        cache, venue = self._exchange.cache, self._exchange.id
        found = [
            *(
                other
                for other in cache.orders_inflight(venue=venue)
                if other.client_order_id in self._sent
            ),
            *cache.orders_open(venue=venue),
        ]
        linked = {order.client_order_id, *(order.linked_order_ids or ())}
        return [other for other in found if other.client_order_id not in linked]


class _Plan:
    # A position as orders will change it.

    def __init__(
        self, exchange: SimulatedExchange, account: MarginAccount, instrument_id: InstrumentId
    ) -> None:
        instrument = exchange.instruments[instrument_id]
        self.contract = contract_of(instrument)
        self.leverage = account.leverage(instrument_id)
        self._fee_rate = float(instrument.taker_fee)
        self._entry = math.nan
        # The last order's signed quantity, and what the position is after it.
        self.ordered = self.quantity = 0.0
        self.margin = self.realised = self.fees = 0.0

    def start(self, holding: Holding) -> None:
        self.quantity = holding.side * holding.quantity
        self.margin = holding.margin
        self._entry = holding.entry

    def apply(self, signed: float, price: float, *, only_reduces: bool = False) -> None:
        self.ordered = signed
        self.fees += self._fee_rate * self.contract.value(abs(signed), price)
        if self.quantity * signed < 0.0:
            signed = self._reduce(signed, price)
        if signed and not only_reduces:
            self.margin += self.contract.value(abs(signed), price) / self.leverage
            self._entry = price if self.quantity == 0.0 else self._entry
            self.quantity += signed

    def _reduce(self, signed: float, price: float) -> float:
        # Returns what is left of the order once the position is closed.
        side = 1 if self.quantity > 0 else -1
        part = min(abs(signed), abs(self.quantity))
        self.realised += self.contract.pnl(side, part, self._entry, price)
        self.margin *= 1.0 - part / abs(self.quantity)
        self.quantity -= side * part
        return signed + side * part


def _signed(order: Order, changed: Quantity | None = None) -> float:
    quantity: float = order.leaves_qty.as_double()
    if changed is not None:
        quantity = max(changed.as_double() - order.filled_qty.as_double(), 0.0)
    return quantity if order.is_buy else -quantity


def _is_market(order: Order) -> bool:
    return bool(order.order_type == OrderType.MARKET)


def _is_conditional(order: Order) -> bool:
    return bool(order.order_type not in (OrderType.MARKET, OrderType.LIMIT))


def _is_coming_anew(order: Order) -> bool:
    return not order.is_reduce_only and not _is_conditional(order)


def _is_coming(order: Order) -> bool:
    # Children of an order that is not filled yet, and stops, may never come.
    return order.parent_order_id is None and not _is_conditional(order)
