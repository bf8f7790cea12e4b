"""A backtest engine on hand-made bars, and a strategy that follows a script."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING
from typing import Any

import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.engine import BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import BarType
from nautilus_trader.model.data import CustomData
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.enums import AccountType
from nautilus_trader.model.enums import OmsType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.enums import OrderType
from nautilus_trader.model.enums import TimeInForce
from nautilus_trader.model.enums import TrailingOffsetType
from nautilus_trader.model.identifiers import ClientId
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.trading.strategy import Strategy

from liq_nautilus.nautilus.backtest.ledger import Ledger
from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.backtest.settlement import Settlement
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.types import CustomRecord
from liq_nautilus.nautilus.types import data_type

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# 2026-01-01T00:00Z
START = 1_767_225_600 * SECOND
VENUE = Venue("BINANCE")
_CHANGEABLE = (OrderType.LIMIT, OrderType.STOP_MARKET)


def hourly_bar_type(symbol: str = "BTCUSDT") -> BarType:
    return BarType.from_str(f"{instrument_id(symbol)}-1-HOUR-LAST-EXTERNAL")


def make_bar(bar_type: BarType, ts_open: int, ohlc: Sequence[float], volume: float = 10.0) -> Bar:
    instrument = built_in_instrument(_symbol(bar_type))
    ts = ts_open + bar_type.spec.timedelta.value - 1_000_000
    prices = [instrument.make_price(value) for value in ohlc]
    return Bar(bar_type, *prices, instrument.make_qty(volume), ts, ts)


def hourly_bars(rows: Sequence[Sequence[float]], symbol: str = "BTCUSDT") -> list[Bar]:
    bar_type = hourly_bar_type(symbol)
    return [make_bar(bar_type, START + i * HOUR, ohlc) for i, ohlc in enumerate(rows)]


def flat_bars(price: float, n: int, symbol: str = "BTCUSDT") -> list[Bar]:
    return hourly_bars([(price, price, price, price)] * n, symbol)


def funding(
    ts: int, rate: str = "0.0001", symbol: str = "BTCUSDT", interval: int | None = 480
) -> FundingRateUpdate:
    return FundingRateUpdate(instrument_id(symbol), Decimal(rate), ts, ts, interval, None)


def custom(datum: CustomRecord) -> CustomData:
    return CustomData(data_type(type(datum), datum.instrument_id), datum)


class ScriptConfig(StrategyConfig, frozen=True, kw_only=True):
    symbols: tuple[str, ...] = ("BTCUSDT",)


class Script(Strategy):
    """Send market orders (signed quantities) and stops at given moments, on bars or on funding."""

    def __init__(self, config: ScriptConfig) -> None:
        super().__init__(config)
        self.orders: dict[int, list[tuple[str, float]]] = {}
        self.stops: dict[int, tuple[str, float, float]] = {}
        self.on_funding_order: tuple[str, float] | None = None
        # What is sent at given moments (UTC ns): kind, symbol, signed quantity, price.
        self.acts: dict[int, list[tuple]] = {}
        self.events: list[Any] = []

    def on_start(self) -> None:
        for ts in self.acts:
            self.clock.set_time_alert_ns(f"act-{ts}", ts, self._act)
        for symbol in self.config.symbols:
            self.subscribe_bars(hourly_bar_type(symbol))
            self.subscribe_funding_rates(instrument_id(symbol))

    def on_bar(self, bar: Bar) -> None:
        for symbol, quantity in self.orders.pop(bar.ts_event, []):
            self._send(symbol, quantity)
        if bar.ts_event in self.stops:
            symbol, quantity, trigger = self.stops.pop(bar.ts_event)
            instrument = self.cache.instrument(instrument_id(symbol))
            self.submit_order(
                self.order_factory.stop_market(
                    instrument.id,
                    OrderSide.BUY if quantity > 0 else OrderSide.SELL,
                    instrument.make_qty(abs(quantity)),
                    instrument.make_price(trigger),
                    reduce_only=True,
                )
            )

    def on_event(self, event: Any) -> None:
        self.events.append(event)

    def _act(self, event: Any) -> None:
        # Named after its time, since alerts that are due already are stamped with the present one.
        for kind, symbol, *rest in self.acts[int(event.name.removeprefix("act-"))]:
            if kind == "cancel":
                self.cancel_all_orders(instrument_id(symbol))
            elif kind == "close":
                self.close_all_positions(instrument_id(symbol))
            elif kind == "change":
                self._change(symbol, *rest)
            elif kind == "bracket":
                self.submit_order_list(self._bracket(symbol, *rest))
            else:
                self.submit_order(self._order(kind, symbol, *rest))

    def _change(self, symbol: str, quantity: float, price: float) -> None:
        # An order that rests; trailing stops have no price of their own to change.
        resting = self.cache.orders_open(instrument_id=instrument_id(symbol))
        names = {o.client_order_id: o for o in resting if o.order_type in _CHANGEABLE}
        for name in sorted(names, key=str)[:1]:
            order = names[name]
            instrument = self.cache.instrument(order.instrument_id)
            at = {"price" if order.has_price else "trigger_price": instrument.make_price(price)}
            self.modify_order(order, instrument.make_qty(abs(quantity)), **at)

    def _bracket(self, symbol: str, quantity: float, price: float) -> Any:
        # A limit with a stop and a target 1 % away from it.
        instrument, side = self.cache.instrument(instrument_id(symbol)), 1 if quantity > 0 else -1
        return self.order_factory.bracket(
            instrument_id=instrument.id,
            order_side=OrderSide.BUY if quantity > 0 else OrderSide.SELL,
            quantity=instrument.make_qty(abs(quantity)),
            entry_order_type=OrderType.LIMIT,
            entry_price=instrument.make_price(price),
            sl_trigger_price=instrument.make_price(price * (1.0 - 0.01 * side)),
            tp_price=instrument.make_price(price * (1.0 + 0.01 * side)),
        )

    def _order(self, kind: str, symbol: str, quantity: float, price: float = 0.0) -> Any:
        instrument = self.cache.instrument(instrument_id(symbol))
        side = OrderSide.BUY if quantity > 0 else OrderSide.SELL
        size = instrument.make_qty(abs(quantity))
        if kind == "market":
            return self.order_factory.market(instrument.id, side, size)
        if kind == "limit":
            at = instrument.make_price(price)
            return self.order_factory.limit(instrument.id, side, size, at)
        if kind == "until":
            at, expires = instrument.make_price(price), self.clock.utc_now() + pd.Timedelta("90min")
            return self.order_factory.limit(
                instrument.id, side, size, at, TimeInForce.GTD, expire_time=expires
            )
        if kind == "trailing":
            return self.order_factory.trailing_stop_market(
                instrument.id,
                side,
                size,
                trailing_offset=Decimal(100),
                trailing_offset_type=TrailingOffsetType.BASIS_POINTS,
                activation_price=instrument.make_price(price),
            )
        trigger = instrument.make_price(price)
        return self.order_factory.stop_market(
            instrument.id, side, size, trigger, reduce_only=kind == "stop"
        )

    def on_funding_rate(self, update: FundingRateUpdate) -> None:
        if self.on_funding_order is not None:
            self._send(*self.on_funding_order)
            self.on_funding_order = None

    def _send(self, symbol: str, quantity: float) -> None:
        instrument = self.cache.instrument(instrument_id(symbol))
        side = OrderSide.BUY if quantity > 0 else OrderSide.SELL
        size = instrument.make_qty(abs(quantity))
        self.submit_order(self.order_factory.market(instrument.id, side, size))


@dataclass
class Play:
    """What is run: data, orders by bar number, settings."""

    data: list[Any]
    orders: dict[int, list[tuple[str, float]]] = field(default_factory=dict)
    stops: dict[int, tuple[str, float, float]] = field(default_factory=dict)
    on_funding_order: tuple[str, float] | None = None
    acts: dict[int, list[tuple]] = field(default_factory=dict)
    settlement: SettlementConfig | None = None
    symbols: tuple[str, ...] = ("BTCUSDT",)
    balance: float = 100_000.0
    leverage: int = 10
    venue: dict[str, Any] = field(default_factory=dict)


def bar_time(number: int) -> int:
    return START + (number + 1) * HOUR - 1_000_000


def make_engine(
    symbols: Sequence[str] = ("BTCUSDT",),
    settlement: SettlementConfig | None = None,
    balance: float = 100_000.0,
    leverage: int = 10,
    strategies: Sequence[Strategy] = (),
    **venue: Any,
) -> BacktestEngine:
    engine = BacktestEngine(
        BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    )
    for strategy in strategies:
        engine.add_strategy(strategy)
    modules = [] if settlement is None else [Settlement(settlement)]
    engine.add_venue(
        VENUE,
        account_type=AccountType.MARGIN,
        **{
            "oms_type": OmsType.NETTING,
            "starting_balances": [Money(balance, USDT)],
            "base_currency": USDT,
            "default_leverage": Decimal(leverage),
            "modules": modules,
            **venue,
        },
    )
    for symbol in symbols:
        engine.add_instrument(built_in_instrument(symbol))
    return engine


def add_data(engine: BacktestEngine, data: Sequence[Any]) -> None:
    for datum in sorted(data, key=lambda x: x.ts_init):
        engine.add_data([datum], client_id=ClientId("CATALOG"), sort=False)
    engine.sort_data()


def play(script: Play) -> tuple[Ledger, BacktestEngine]:
    engine = make_engine(
        script.symbols,
        script.settlement or SettlementConfig(),
        script.balance,
        script.leverage,
        **script.venue,
    )
    add_data(engine, script.data)
    strategy = Script(ScriptConfig(symbols=script.symbols))
    strategy.orders = {bar_time(i): orders for i, orders in script.orders.items()}
    strategy.stops = {bar_time(i): stop for i, stop in script.stops.items()}
    strategy.on_funding_order = script.on_funding_order
    strategy.acts = script.acts
    engine.add_strategy(strategy)
    fills = record_fills(engine)
    engine.run()
    return read_ledger(engine, fills, VENUE, USDT), engine


def _symbol(bar_type: BarType) -> str:
    return binance_symbol(bar_type.instrument_id)
