"""Orders that bring about others, and orders whose price moves, inside one bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import pytest
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.enums import OrderType
from nautilus_trader.model.enums import TrailingOffsetType
from nautilus_trader.trading.strategy import Strategy
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
    from collections.abc import Callable
    from collections.abc import Sequence

    from nautilus_trader.backtest.engine import BacktestEngine
    from nautilus_trader.model.data import Bar

SYMBOL = "ETHUSDT"
P = 2_000.0


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

    def market(self) -> None:
        factory = self.strategy.order_factory
        self.strategy.submit_order(factory.market(self.instrument.id, self.to_open, self.size))

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


class Once(Strategy):
    """Sends orders on the first bar."""

    def __init__(self, bar_type: BarType, send: Callable[[Desk], None], sign: int) -> None:
        super().__init__()
        self._bar_type, self._send, self._sign = bar_type, send, sign

    def on_start(self) -> None:
        self.subscribe_bars(self._bar_type)

    def on_bar(self, bar: Bar) -> None:
        del bar
        self.unsubscribe_bars(self._bar_type)
        self._send(Desk(self, self._sign))


def run(
    rows: Sequence[tuple[float, float, float, float]],
    send: Callable[[Desk], None],
    spec: str = "15-MINUTE",
    sign: int = 1,
    balance: float = 1e5,
) -> tuple[list[tuple[int, float]], BacktestEngine]:
    """Play bars given in dollars in favour of a position: side (+1 opens) and price of fills."""
    bar_type = BarType.from_str(f"{instrument_id(SYMBOL)}-{spec}-LAST-EXTERNAL")
    step = int(bar_type.spec.timedelta.value)
    engine = make_engine((SYMBOL,), SettlementConfig(), balance=balance, leverage=20)
    bars = []
    for number, row in enumerate([(0.0,) * 4, *rows]):
        opened, best, worst, close = (P + sign * dollars for dollars in row)
        ends = (max(best, worst), min(best, worst))
        bars.append(make_bar(bar_type, START + number * step, (opened, *ends, close)))
    add_data(engine, bars)
    engine.add_strategy(Once(bar_type, send, sign))
    fills = record_fills(engine)
    engine.run()
    found = read_ledger(engine, fills, VENUE, USDT).fills
    told = [(sign * fill.side, sign * (fill.price - P)) for fill in found.itertuples()]
    return [(side, round(dollars, 2)) for side, dollars in told], engine


@pytest.mark.parametrize("spec", ["3-MINUTE", "4-HOUR"])
@pytest.mark.parametrize("sign", [1, -1])
def test_what_a_bracket_leaves_is_met_only_after_its_entry(spec: str, sign: int):
    # Entered against the way the price came; it goes on that way and never returns to the target.
    def send(desk: Desk) -> None:
        desk.bracket(OrderType.LIMIT, -20.0, -60.0, -10.0)

    rows = [(0.0, 0.0, -30.0, -28.0)]
    assert run(rows, send, spec, sign)[0] == [(1, -20.0)]
    # In the next bar it returns.
    assert run([*rows, (-28.0, -5.0, -30.0, -6.0)], send, spec, sign)[0] == [
        (1, -20.0),
        (-1, -10.0),
    ]
    # Or goes on as far as the stop, in the bar of the entry too.
    assert run([(0.0, 0.0, -70.0, -5.0)], send, spec, sign)[0] == [(1, -20.0), (-1, -60.0)]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_bracket_entered_at_the_market_where_it_is_touched_is_met_only_after(sign: int):
    def send(desk: Desk) -> None:
        desk.bracket(OrderType.MARKET_IF_TOUCHED, -20.0, -45.0, -8.0)

    assert run([(0.0, 0.0, -30.0, -25.0)], send, sign=sign)[0] == [(1, -20.0)]
    assert run([(0.0, 0.0, -50.0, -25.0)], send, sign=sign)[0] == [(1, -20.0), (-1, -45.0)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Never as far as the activation price.
        ([(0.0, 39.0, -8.0, 20.0), (20.0, 25.0, -9.0, -5.0)], []),
        # Followed from it on, to the best price, from which it turns by the offset.
        ([(0.0, 55.0, -8.0, 30.0)], [(-1, 45.0)]),
        # Activated in one bar and met in the next, also by a jump.
        ([(0.0, 42.0, -8.0, 41.0), (41.0, 41.0, 31.0, 33.0)], [(-1, 32.0)]),
        ([(0.0, 42.0, -8.0, 41.0), (25.0, 26.0, 20.0, 22.0)], [(-1, 25.0)]),
        # Jumped over: followed from where the price is found.
        ([(60.0, 61.0, 60.0, 60.5), (60.5, 60.5, 49.0, 50.0)], [(-1, 51.0)]),
    ],
)
def test_a_trailing_stop_waits_for_its_activation_price(rows: list, expected: list, sign: int):
    def send(desk: Desk) -> None:
        desk.market()
        desk.trailing(10, activation_price=desk.at(40.0), reduce_only=True)

    fills, _ = run(rows, send, sign=sign)
    assert fills[0] == (1, 0.0)
    assert fills[1:] == expected


@pytest.mark.parametrize("sign", [1, -1])
def test_a_trailing_entry_is_judged_where_it_triggers(sign: int):
    # The wallet cannot pay what it would open; reaching its activation price costs nothing yet.
    def send(desk: Desk) -> None:
        desk.trailing(10, activation_price=desk.at(40.0))

    activated, turned = (0.0, 42.0, 0.0, 38.0), (38.0, 38.0, 20.0, 25.0)
    for rows, status in (([activated], "ACCEPTED"), ([activated, turned], "EXPIRED")):
        fills, engine = run(rows, send, sign=sign, balance=10.0)
        assert (fills, [o.status_string() for o in engine.cache.orders()]) == ([], [status])
    assert run([activated, turned], send, sign=sign)[0] == [(-1, 32.0)]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_trailing_limit_is_not_filled_where_the_price_was_before_it_triggered(sign: int):
    # At the best price its trigger lies 10 and its limit 4 below it: met at 40, asks 46.
    def send(desk: Desk) -> None:
        desk.market()
        desk.trailing(10, kind="limit", limit_offset=4, reduce_only=True)

    rows = [(0.0, 50.0, -2.0, 30.0), (30.0, 45.0, 30.0, 44.0)]
    assert run(rows, send, sign=sign)[0] == [(1, 0.0)]
    assert run([*rows, (44.0, 47.0, 44.0, 47.0)], send, sign=sign)[0][1:] == [(-1, 46.0)]
