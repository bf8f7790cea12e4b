"""What a simulation module does to a simulated exchange: move its account, close a position."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import CancelAllOrders
from nautilus_trader.model.enums import LiquiditySide
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.enums import PositionAdjustmentType
from nautilus_trader.model.enums import TimeInForce
from nautilus_trader.model.events import PositionAdjusted
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.identifiers import VenueOrderId
from nautilus_trader.model.objects import AccountBalance
from nautilus_trader.model.objects import Money
from nautilus_trader.model.orders import MarketOrder

if TYPE_CHECKING:
    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.model.data import FundingRateUpdate
    from nautilus_trader.model.position import Position

    from liq_nautilus.core.forced_close import ForcedClose

# What the ledger looks for in account events and order tags.
FUNDING: Final = "funding"
LIQUIDATION: Final = "liquidation"


def adjust_account(
    exchange: SimulatedExchange, amount: Money, ts: int, info: dict[str, Any]
) -> None:
    """
    Add an amount to the account.

    As `SimulatedExchange.adjust_account`, but stamped with the datum's time and with a reason.

    Parameters
    ----------
    exchange : SimulatedExchange
        The venue.
    amount : Money
        What is added; negative takes away.
    ts : int
        When (UTC nanoseconds).
    info : dict
        Goes into the account's event.

    """
    account = exchange.get_account()
    balance = account.balance(amount.currency)
    total = balance.total.as_decimal() + amount.as_decimal()
    locked = min(balance.locked.as_decimal(), max(total, Decimal(0)))
    parts = (Money(value, amount.currency) for value in (total, locked, total - locked))
    exchange.exec_client.generate_account_state(
        balances=[AccountBalance(*parts)],
        margins=list(account.margins().values()),
        reported=True,
        ts_event=ts,
        info=info,
    )


def funding_adjustment(
    position: Position, amount: Money, update: FundingRateUpdate
) -> PositionAdjusted:
    """Return the event that moves a position's realised P&L by a funding payment."""
    return PositionAdjusted(
        trader_id=position.trader_id,
        strategy_id=position.strategy_id,
        instrument_id=position.instrument_id,
        position_id=position.id,
        account_id=position.account_id,
        adjustment_type=PositionAdjustmentType.FUNDING,
        quantity_change=None,
        pnl_change=amount,
        reason=f"funding at {update.rate}",
        event_id=UUID4(),
        ts_event=update.ts_event,
        ts_init=update.ts_init,
    )


def close_by_force(
    exchange: SimulatedExchange, position: Position, closing: ForcedClose, ts: int, name: str
) -> None:
    """
    Cancel an instrument's orders and close a position at a given price and fee.

    Parameters
    ----------
    exchange : SimulatedExchange
        The venue.
    position : Position
        What is closed, whole.
    closing : ForcedClose
        Price and fee.
    ts : int
        When (UTC nanoseconds).
    name : str
        The order's id, unique in the run.

    """
    _cancel_orders(exchange, position, ts)
    instrument = exchange.instruments[position.instrument_id]
    price = instrument.make_price(closing.fill_price)
    pnl = position.calculate_pnl(position.avg_px_open, price.as_double(), position.quantity)
    order = _forced_order(position, ts, name)
    ids = (order.strategy_id, order.instrument_id, order.client_order_id)
    client, venue_order_id = exchange.exec_client, VenueOrderId(name)
    exchange.cache.add_order(order, position.id)
    client.generate_order_submitted(*ids, ts)
    client.generate_order_accepted(*ids, venue_order_id, ts)
    client.generate_order_filled(
        *ids,
        venue_order_id,
        position.id,
        TradeId(name),
        order.side,
        order.order_type,
        order.quantity,
        price,
        instrument.quote_currency,
        Money(closing.clearance_fee, position.settlement_currency),
        LiquiditySide.TAKER,
        ts,
        {"reason": LIQUIDATION, "trigger": closing.trigger_price, "pnl": str(pnl.as_decimal())},
    )


def _cancel_orders(exchange: SimulatedExchange, position: Position, ts: int) -> None:
    command = CancelAllOrders(
        trader_id=position.trader_id,
        strategy_id=position.strategy_id,
        instrument_id=position.instrument_id,
        order_side=OrderSide.NO_ORDER_SIDE,
        command_id=UUID4(),
        ts_init=ts,
    )
    engine = exchange.get_matching_engine(position.instrument_id)
    engine.process_cancel_all(command, exchange.exec_client.account_id)


def _forced_order(position: Position, ts: int, name: str) -> MarketOrder:
    return MarketOrder(
        trader_id=position.trader_id,
        strategy_id=position.strategy_id,
        instrument_id=position.instrument_id,
        client_order_id=ClientOrderId(name),
        order_side=OrderSide.SELL if position.is_long else OrderSide.BUY,
        quantity=position.quantity,
        init_id=UUID4(),
        ts_init=ts,
        time_in_force=TimeInForce.IOC,
        reduce_only=True,
        tags=[LIQUIDATION],
    )
