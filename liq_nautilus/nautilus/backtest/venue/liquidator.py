"""Liquidation at a simulated venue: who has reached which price, and what is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liq_nautilus.core.exchange.clearance_fees import clearance_fee_rate
from liq_nautilus.core.exchange.forced_close import LiquidationRules
from liq_nautilus.core.exchange.forced_close import is_reached
from liq_nautilus.core.exchange.forced_close import liquidation_steps
from liq_nautilus.core.exchange.forced_close import trigger_price
from liq_nautilus.nautilus.backtest.exchange import cancel_orders
from liq_nautilus.nautilus.backtest.exchange import close_by_force
from liq_nautilus.nautilus.instruments import binance_symbol

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.model.identifiers import InstrumentId

    from liq_nautilus.core.exchange.forced_close import ForcedClose
    from liq_nautilus.core.exchange.forced_close import OpenPosition
    from liq_nautilus.nautilus.backtest.venue.margin_account import Holding
    from liq_nautilus.nautilus.backtest.venue.margin_account import MarginAccount
    from liq_nautilus.nautilus.backtest.venue.market_prices import MarketPrices
    from liq_nautilus.nautilus.backtest.venue.order_gate import OrderGate


class Liquidator:
    """
    Liquidates positions as Binance does: orders cancelled, position reduced, rest taken over.

    Parameters
    ----------
    exchange : SimulatedExchange
        The venue.
    account : MarginAccount
        Its positions.
    gate : OrderGate
        Holds orders that are still on their way.
    prices : callable
        Returns the prices of an instrument.
    fee_rate : float or None
        The clearance fee of all symbols; None for each symbol's own.

    Attributes
    ----------
    n_liquidations : int
        How many positions were liquidated, wholly or in part.

    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        account: MarginAccount,
        gate: OrderGate,
        prices: Callable[[InstrumentId], MarketPrices],
        fee_rate: float | None,
    ) -> None:
        self._exchange = exchange
        self._account = account
        self._gate = gate
        self._prices = prices
        self._fee_rate = fee_rate
        self._n_orders = 0
        self.n_liquidations = 0

    def clear(self) -> None:
        """Forget what was counted."""
        self._n_orders = self.n_liquidations = 0

    def trigger(self, holding: Holding, ts: int) -> float:
        """Return the mark price at which a position is liquidated as things stand."""
        prices = self._prices(holding.position.instrument_id)
        if not self._account.is_cross:
            return self._account.isolated_trigger(holding, prices, ts)
        state = self._account.state(holding, prices, ts)
        backed = self._account.backing(state, self._others(holding, ts), prices.instrument)
        return trigger_price(state, backed.until_liquidated)

    def judge(self, holding: Holding, mark: float, market: float, ts: int) -> bool:
        """
        Liquidate a position if it has reached its liquidation price.

        Parameters
        ----------
        holding : Holding
            The position.
        mark : float
            The mark price (quote).
        market : float
            The last price; the position is closed at the worse of both.
        ts : int
            When (UTC nanoseconds).

        Returns
        -------
        bool
            Whether something was closed.

        """
        if not is_reached(holding.side, mark, self.trigger(holding, ts)):
            return False
        return self.liquidate(holding, worse(holding.side, mark, market), ts)

    def liquidate(self, holding: Holding, market: float, ts: int) -> bool:
        """Liquidate a position at a market price; return whether something was closed."""
        position = holding.position
        instrument = self._exchange.instruments[position.instrument_id]
        state = self._account.state(holding, self._prices(position.instrument_id), ts)
        backed = self._account.backing(state, self._others(holding, ts), instrument)
        self._cancel_orders(holding, ts)
        rate = self._fee_rate
        if rate is None:
            rate = clearance_fee_rate(binance_symbol(position.instrument_id))
        tick = instrument.price_increment.as_double()
        rules = LiquidationRules(rate, tick, instrument.size_increment.as_double())
        steps = liquidation_steps(state, backed, market, rules)
        self._account.begin_force()
        for step in steps:
            self._close(holding, state, step, ts)
        self._account.end_force()
        self.n_liquidations += bool(steps)
        return bool(steps)

    def _close(self, holding: Holding, state: OpenPosition, step: ForcedClose, ts: int) -> None:
        self._n_orders += 1
        pnl = state.contract.pnl(state.side, step.quantity, state.entry_price, step.fill_price)
        close_by_force(
            self._exchange,
            holding.position,
            step,
            ts,
            f"LIQUIDATION-{self._n_orders}",
            mispriced=holding.mispriced * step.quantity / holding.quantity,
        )
        self._account.pay_margin(holding, pnl - step.clearance_fee)

    def _cancel_orders(self, holding: Holding, ts: int) -> None:
        # Under cross margin all orders that the same wallet backs are in the way of its margin.
        concerned = [holding.position.instrument_id]
        if self._account.is_cross:
            currency = holding.position.settlement_currency
            concerned = [
                instrument_id
                for instrument_id, instrument in self._exchange.instruments.items()
                if instrument.get_settlement_currency() == currency
            ]
        for instrument_id in concerned:
            self._gate.drop(instrument_id, ts)
            cancel_orders(self._exchange, holding.position, instrument_id, ts)

    def _others(self, holding: Holding, ts: int) -> list[OpenPosition]:
        if not self._account.is_cross:
            return []
        return [
            self._account.state(other, self._prices(other.position.instrument_id), ts)
            for other in self._account.settling_in(holding.position.settlement_currency)
            if other is not holding
        ]


def worse(side: int, price: float, other: float) -> float:
    """Return the worse of two prices at which a position of a side is closed."""
    return min(price, other) if side > 0 else max(price, other)
