"""What a simulation module does to a simulated exchange: move its account, close a position."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import CancelAllOrders
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import LiquiditySide
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.enums import PositionAdjustmentType
from nautilus_trader.model.enums import TimeInForce
from nautilus_trader.model.events import PositionAdjusted
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.identifiers import VenueOrderId
from nautilus_trader.model.objects import AccountBalance
from nautilus_trader.model.objects import Money
from nautilus_trader.model.orders import MarketOrder

from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import FundingRateUpdate
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.objects import Price
    from nautilus_trader.model.objects import Quantity
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position

    from liq_nautilus.core.exchange.forced_close import ForcedClose

# What the ledger looks for in account events and order tags.
FUNDING: Final = "funding"
LIQUIDATION: Final = "liquidation"
# How a liquidating order came about: at the market, or by the insurance fund.
REDUCTION: Final = "reduction"
TAKEOVER: Final = "takeover"


class BarPrices(NamedTuple):
    """Prices and volume of a bar, as Nautilus's own types."""

    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity


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


def take_endpoint(
    msgbus: MessageBus, endpoint: str, handler: Callable[[Any], None]
) -> Callable[[Any], None]:
    """
    Put a handler at an endpoint of the message bus and return the one that stood there.

    Raises
    ------
    SettingError
        If the bus has no such endpoint, as another version of NautilusTrader may.

    """
    if endpoint not in msgbus.endpoints():
        msg = (
            f"NautilusTrader's message bus must have the endpoint {endpoint}, it has not; pin 1.231"
        )
        raise SettingError(msg)
    # The bus asks for the handler to be removed and tells nobody which one it has.
    found = _Anything()
    msgbus.deregister(endpoint, found)
    msgbus.register(endpoint, handler)
    handler_before: Callable[[Any], None] = found.compared_with
    return handler_before


class _Anything:
    # Equals anything, and knows what it was compared with.
    compared_with: Any = None

    def __eq__(self, other: object) -> bool:
        self.compared_with = other
        return True

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, message: object) -> None:
        raise NotImplementedError


def submit_order(exchange: SimulatedExchange, order: Order, ts: int) -> None:
    """Tell that an order is on its way to the venue."""
    exchange.exec_client.generate_order_submitted(*_ids(order), ts)


def reject_order(exchange: SimulatedExchange, order: Order, reason: str, ts: int) -> None:
    """Tell that the venue refuses an order."""
    if order.status == OrderStatus.INITIALIZED:
        submit_order(exchange, order, ts)
    if not order.is_closed:
        exchange.exec_client.generate_order_rejected(*_ids(order), reason, ts)


def reject_change(exchange: SimulatedExchange, order: Order, reason: str, ts: int) -> None:
    """Tell that the venue leaves an order as it is."""
    ids = (order.strategy_id, order.instrument_id, order.client_order_id, order.venue_order_id)
    exchange.exec_client.generate_order_modify_rejected(*ids, reason, ts)


def match_bar(
    exchange: SimulatedExchange, instrument_id: InstrumentId, prices: BarPrices, ts: int
) -> None:
    """
    Let the venue match an instrument's orders along a bar: open, high, low, close.

    Once it was called for an instrument the venue ignores the bars of the data: it matches by the
    bars of the shortest interval it has seen, and these claim to be of a millisecond.

    Parameters
    ----------
    exchange : SimulatedExchange
        The venue.
    instrument_id : InstrumentId
        The instrument.
    prices : BarPrices
        Prices and volume.
    ts : int
        When (UTC nanoseconds).

    """
    bar = Bar(_path_bar_type(instrument_id), *prices, ts, ts)
    exchange.get_matching_engine(instrument_id).process_bar(bar)


@functools.cache
def _path_bar_type(instrument_id: InstrumentId) -> BarType:
    return BarType.from_str(f"{instrument_id}-1-MILLISECOND-LAST-EXTERNAL")


def expire_order(exchange: SimulatedExchange, order: Order) -> None:
    """Take an order off the venue that it cannot execute."""
    exchange.get_matching_engine(order.instrument_id).expire_order(order)


def cancel_orders(
    exchange: SimulatedExchange, holder: Position, instrument_id: InstrumentId, ts: int
) -> None:
    """
    Cancel all orders that rest at the venue in an instrument.

    Parameters
    ----------
    exchange : SimulatedExchange
        The venue.
    holder : Position
        On whose behalf.
    instrument_id : InstrumentId
        The instrument.
    ts : int
        When (UTC nanoseconds).

    """
    command = CancelAllOrders(
        trader_id=holder.trader_id,
        strategy_id=holder.strategy_id,
        instrument_id=instrument_id,
        order_side=OrderSide.NO_ORDER_SIDE,
        command_id=UUID4(),
        ts_init=ts,
    )
    engine = exchange.get_matching_engine(instrument_id)
    engine.process_cancel_all(command, exchange.exec_client.account_id)


def close_by_force(
    exchange: SimulatedExchange,
    position: Position,
    closing: ForcedClose,
    ts: int,
    name: str,
    *,
    mispriced: float,
) -> None:
    """
    Close a position, or a part of it, at a given price and fee.

    Parameters
    ----------
    exchange : SimulatedExchange
        The venue.
    position : Position
        What is closed.
    closing : ForcedClose
        Quantity, price and fee.
    ts : int
        When (UTC nanoseconds).
    name : str
        The order's id, unique in the run.
    mispriced : float
        What it is paid beyond what Nautilus reckons (settlement currency).

    """
    instrument = exchange.instruments[position.instrument_id]
    price = instrument.make_price(closing.fill_price)
    quantity = instrument.make_qty(closing.quantity)
    pnl = position.calculate_pnl(position.avg_px_open, price.as_double(), quantity).as_decimal()
    pnl += Money(mispriced, position.settlement_currency).as_decimal()
    order = _forced_order(position, quantity, closing, ts, name)
    ids, client, venue_order_id = _ids(order), exchange.exec_client, VenueOrderId(name)
    exchange.cache.add_order(order)
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
        {
            "reason": LIQUIDATION,
            "pnl": str(pnl),
            "shortfall": closing.shortfall,
        },
    )


def _ids(order: Order) -> tuple[Any, Any, Any]:
    return order.strategy_id, order.instrument_id, order.client_order_id


def _forced_order(
    position: Position, quantity: Quantity, closing: ForcedClose, ts: int, name: str
) -> MarketOrder:
    return MarketOrder(
        trader_id=position.trader_id,
        strategy_id=position.strategy_id,
        instrument_id=position.instrument_id,
        client_order_id=ClientOrderId(name),
        order_side=OrderSide.SELL if position.is_long else OrderSide.BUY,
        quantity=quantity,
        init_id=UUID4(),
        ts_init=ts,
        time_in_force=TimeInForce.IOC,
        reduce_only=True,
        tags=[LIQUIDATION, TAKEOVER if closing.is_takeover else REDUCTION],
    )
