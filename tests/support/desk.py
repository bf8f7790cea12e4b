"""A desk at which a strategy writes any kind of order, and a run in dollars from 2,000."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import pandas as pd
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.enums import OrderType
from nautilus_trader.model.enums import TimeInForce
from nautilus_trader.model.enums import TrailingOffsetType
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.identifiers import OrderListId
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.orders import LimitOrder
from nautilus_trader.trading.strategy import Strategy
from support.trading_engine import MINUTE
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import add_data
from support.trading_engine import make_bar
from support.trading_engine import make_engine

from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instrument_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.backtest.engine import BacktestEngine
    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.orders import Order

SYMBOL = "ETHUSDT"
P = 2_000.0
QUARTER = 15 * MINUTE


@dataclass
class Desk:
    """What a test needs to write an order."""

    strategy: Strategy
    sign: int

    def __post_init__(self) -> None:
        self.instrument = built_in_instrument(SYMBOL)
        self.to_open = OrderSide.BUY if self.sign > 0 else OrderSide.SELL
        self.to_close = OrderSide.SELL if self.sign > 0 else OrderSide.BUY
        self.size = self.instrument.make_qty(1.5)

    def at(self, dollars: float) -> Any:
        """A price so many dollars in the position's favour (less than 0: against it)."""
        return self.instrument.make_price(P + self.sign * dollars)

    @property
    def resting(self) -> Order:
        """The one order at the venue."""
        [order] = self.strategy.cache.orders_open()
        return order

    def market(self, size: float = 1.5, **more: Any) -> None:
        factory, quantity = self.strategy.order_factory, self.instrument.make_qty(abs(size))
        side = self.to_open if size > 0.0 else self.to_close
        position_id = more.pop("position_id", None)
        order = factory.market(self.instrument.id, side, quantity, **more)
        self.strategy.submit_order(order, position_id)

    def rest(
        self, dollars: float, size: float = 1.5, *, is_opposite: bool = False, **more: Any
    ) -> None:
        """Trade at a price, at a better one than the present by a limit, else by a stop."""
        make, side = self.strategy.order_factory.limit, self.to_open
        if is_opposite:
            side = self.to_close
        if (dollars > 0.0) != is_opposite:
            make = self.strategy.order_factory.stop_market
        quantity = self.instrument.make_qty(size)
        order = make(self.instrument.id, side, quantity, self.at(dollars), **more)
        self.strategy.submit_order(order)

    def made(self, size: float, dollars: float, name: str, **more: Any) -> LimitOrder:
        """A limit order of a list."""
        return LimitOrder(
            self.strategy.trader_id,
            self.strategy.id,
            self.instrument.id,
            ClientOrderId(name),
            self.to_open,
            self.instrument.make_qty(size),
            self.at(dollars),
            UUID4(),
            self.strategy.clock.timestamp_ns(),
            order_list_id=OrderListId("1"),
            **more,
        )

    def until(self, ns: int) -> dict[str, Any]:
        """A time so long after the first bar, for an order to expire."""
        expires = pd.Timestamp(START + QUARTER + ns, tz="UTC")
        return {"time_in_force": TimeInForce.GTD, "expire_time": expires}

    def bracket(self, entry: OrderType, entry_at: float, stop: float, target: float) -> None:
        key = "entry_price" if entry == OrderType.LIMIT else "entry_trigger_price"
        orders = self.strategy.order_factory.bracket(
            instrument_id=self.instrument.id,
            order_side=self.to_open,
            quantity=self.size,
            entry_order_type=entry,
            sl_trigger_price=self.at(stop),
            tp_price=self.at(target),
            **{key: self.at(entry_at)},
        )
        self.strategy.submit_order_list(orders)

    def trailing(self, offset: float, **more: Any) -> None:
        factory, kind = self.strategy.order_factory, more.pop("kind", "market")
        make = factory.trailing_stop_market if kind == "market" else factory.trailing_stop_limit
        order = make(
            instrument_id=self.instrument.id,
            order_side=self.to_close,
            quantity=self.size,
            trailing_offset=offset,
            trailing_offset_type=TrailingOffsetType.PRICE,
            **more,
        )
        self.strategy.submit_order(order)


Send = Callable[[Desk], None]


def trade(ts: int, price: float) -> TradeTick:
    instrument = built_in_instrument(SYMBOL)
    at, size = instrument.make_price(price), instrument.make_qty(1_000.0)
    return TradeTick(instrument.id, at, size, AggressorSide.NO_AGGRESSOR, TradeId(str(ts)), ts, ts)


class Sending(Strategy):
    """Sends orders, on the first bar and the bars after it."""

    def __init__(
        self, bar_type: BarType, sends: Sequence[Send], sign: int, *, at_start: bool = False
    ) -> None:
        super().__init__()
        self._bar_type, self._sends, self._sign = bar_type, list(sends), sign
        self._at_start = at_start

    def on_start(self) -> None:
        self.subscribe_bars(self._bar_type)
        if self._at_start:
            self._send_next()

    def on_bar(self, bar: Bar) -> None:
        del bar
        self._send_next()

    def _send_next(self) -> None:
        if self._sends:
            self._sends.pop(0)(Desk(self, self._sign))


def run(
    rows: Sequence[tuple[float, float, float, float]],
    send: Send | Sequence[Send],
    spec: str = "15-MINUTE",
    sign: int = 1,
    balance: float = 1e5,
    trades: Sequence[tuple[int, float]] = (),
    **venue: Any,
) -> tuple[list[tuple[int, float]], BacktestEngine]:
    """
    Return side (+1 opens) and price of the fills of a run.

    All prices are dollars in favour of a position from 2,000; trades come so many nanoseconds after
    the first bar.
    """
    bar_type = BarType.from_str(f"{instrument_id(SYMBOL)}-{spec}-LAST-EXTERNAL")
    step = int(bar_type.spec.timedelta.value)
    engine = make_engine((SYMBOL,), SettlementConfig(), balance=balance, leverage=20, **venue)
    bars = []
    for number, row in enumerate([(0.0,) * 4, *rows]):
        opened, best, worst, close = (P + sign * dollars for dollars in row)
        ends = (max(best, worst), min(best, worst))
        bars.append(make_bar(bar_type, START + number * step, (opened, *ends, close), 1e6))
    ticks = [trade(START + step + after, P + sign * dollars) for after, dollars in trades]
    add_data(engine, [*bars, *ticks])
    sends = [send] if callable(send) else send
    engine.add_strategy(Sending(bar_type, sends, sign))
    fills = record_fills(engine)
    engine.run()
    found = read_ledger(engine, fills, VENUE, USDT).fills
    told = [(sign * fill.side, sign * (fill.price - P)) for fill in found.itertuples()]
    return [(side, round(dollars, 2)) for side, dollars in told], engine
