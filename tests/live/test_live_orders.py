from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from typing import Any

import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderAccepted
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.objects import Quantity
from support.live_node import Watcher
from support.live_node import drive
from support.live_node import eventually
from support.live_node import options_for

from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.strategy import REVERSAL
from liq_nautilus.nautilus.strategy import TREND
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from pathlib import Path

    from nautilus_trader.model.events import AccountState
    from support.fake_exchange import FakeExchange

BTC = instrument_id("BTCUSDT")
# Averages of a few bars cross within seconds of the fake exchange's time.
QUICK = {"fast_period": 2, "slow_period": 4, "range_period": 3, "patience": 3}


# The rule holds still, so that positions are those of a test alone.
STILL = {"trade_from_ns": 2**62}


class Book:
    """What the node's account and orders did; the cache is empty once the node is gone."""

    def __init__(self, watcher: Watcher) -> None:
        self.cache = watcher.node.node.cache
        self.fills: list[OrderFilled] = []
        self.states: list[AccountState] = []
        self.filled: set[str] = set()
        self.accepted: set[str] = set()
        self._tags: list[tuple[str, ...]] = []
        msgbus = watcher.node.node.kernel.msgbus
        msgbus.subscribe("events.order.*", self._on_order)
        msgbus.subscribe("events.account.*", self.states.append)

    def _on_order(self, event: Any) -> None:
        # An order is initialised before the cache knows it.
        order = self.cache.order(event.client_order_id)
        tags = () if order is None else order.tags or ()
        if isinstance(event, OrderAccepted):
            self.accepted.update(tags)
        elif isinstance(event, OrderFilled):
            self.filled.update(tags)
            self.fills.append(event)
            self._tags.append(tuple(tags))

    def of(self, tag: str) -> list[OrderFilled]:
        pairs = zip(self.fills, self._tags, strict=True)
        return [fill for fill, tags in pairs if tag in tags]

    @property
    def positions(self) -> list:
        return self.cache.positions_open(instrument_id=BTC)

    @property
    def net_quantity(self) -> float:
        sides = {OrderSide.BUY: 1.0, OrderSide.SELL: -1.0}
        return sum(sides[fill.order_side] * fill.last_qty.as_double() for fill in self.fills)


def test_entries_have_stops_and_the_stop_of_the_node_flattens(exchange: FakeExchange):
    exchange.moves = 0.002
    books: list[Book] = []

    async def scenario(watcher: Watcher) -> None:
        book = Book(watcher)
        books.append(book)
        # The rule alone, so that no signal keeps it from trading.
        await eventually(lambda: {"stop", "take-profit"} <= book.accepted, "stops")
        await eventually(lambda: book.positions, "a position")

    drive(options_for(exchange, strategy={**QUICK, "use_signals": False}), scenario)
    (book,) = books
    assert TREND in book.filled
    assert "close" in book.filled
    assert book.fills[0].commission.as_double() > 0.0
    assert book.net_quantity == pytest.approx(0.0, abs=1e-9)


def test_a_reversal_signal_opens_a_position_against_the_cascade(exchange: FakeExchange):
    books: list[Book] = []
    sides: list[int] = []

    async def scenario(watcher: Watcher) -> None:
        book = Book(watcher)
        books.append(book)
        strategy = watcher.node.strategies["BTCUSDT"]
        await eventually(lambda: len(watcher.signals) >= 5, "signals")
        await eventually(strategy.indicators_initialized, "warm averages")
        await eventually(lambda: strategy._entry_id is None, "no entry on its way")
        # Against what the trend rule may hold: the same side is not opened twice.
        sides.append(-1 if strategy._side > 0 else 1)
        last = watcher.signals[-1].to_dict()
        del last["type"], last["schema_version"]
        values = {**last, "action": "REVERSAL_OPPORTUNITY", "position_side": sides[0]}
        strategy.on_liquidation_signal(LiquidationSignal.from_dict(values))
        await eventually(lambda: REVERSAL in book.filled, "an entry against the cascade")

    strategy = {"trade_from_ns": 0, "trade_reversals": True}
    drive(options_for(exchange, strategy=strategy), scenario)
    (book,) = books
    (side,) = {fill.order_side for fill in book.of(REVERSAL)}
    assert side == (OrderSide.BUY if sides[0] > 0 else OrderSide.SELL)
    assert book.net_quantity == pytest.approx(0.0, abs=1e-9)


def test_paper_settles_funding_as_backtests_do(exchange: FakeExchange):
    exchange.moves = 0.002
    books: list[Book] = []

    async def scenario(watcher: Watcher) -> None:
        book = Book(watcher)
        books.append(book)
        kernel = watcher.node.node.kernel
        await eventually(lambda: book.positions, "an entry")
        now = kernel.clock.timestamp_ns()
        hour = now // HOUR_NS * HOUR_NS + SECOND_NS
        update = FundingRateUpdate(BTC, Decimal("0.01"), hour, now)
        kernel.msgbus.send("DataEngine.process", update)
        await eventually(
            lambda: any((x.info or {}).get("reason") == "funding" for x in book.states), "funding"
        )

    drive(options_for(exchange, strategy={**QUICK, "use_signals": False}), scenario)
    (book,) = books
    (paid,) = [x.info for x in book.states if (x.info or {}).get("reason") == "funding"]
    assert paid["rate"] == "0.01"
    notional = float(paid["quantity"]) * float(paid["price"])
    assert abs(float(paid["amount"])) == pytest.approx(0.01 * notional, rel=1e-3)


async def bought(watcher: Watcher, book: Book, quantity: str) -> None:
    strategy = watcher.node.strategies["BTCUSDT"]
    await eventually(lambda: watcher.of(Bar) and watcher.of(MarkPriceUpdate), "prices")
    size = Quantity.from_str(quantity)
    strategy.submit_order(strategy.order_factory.market(BTC, OrderSide.BUY, size))
    await eventually(lambda: book.positions, "a position")


def test_a_paper_position_is_liquidated_where_its_margin_ends(exchange: FakeExchange):
    books: list[Book] = []
    exchange.moves = 0.0

    async def scenario(watcher: Watcher) -> None:
        book = Book(watcher)
        books.append(book)
        await bought(watcher, book, "0.400")
        entry = book.fills[0].last_px.as_double()
        # At 20x the margin is gone at 5 % less.
        exchange.prices["BTCUSDT"] = round(0.93 * entry, 1)
        await eventually(lambda: not book.positions, "the end of the position")

    drive(options_for(exchange, leverage=20, strategy=STILL), scenario)
    (book,) = books
    assert book.net_quantity == pytest.approx(0.0, abs=1e-9)
    closing = [fill for fill in book.fills if fill.order_side == OrderSide.SELL]
    assert {fill.info["reason"] for fill in closing} == {"liquidation"}
    opening = [fill for fill in book.fills if fill.order_side == OrderSide.BUY]
    assert sum(fill.last_qty.as_double() for fill in opening) == pytest.approx(0.4)
    paid = sum(fill.last_qty.as_double() * fill.last_px.as_double() for fill in opening)
    fees = sum(fill.commission.as_double() for fill in opening)
    balance = book.states[-1].balances[0].total.as_double()
    # What is lost is the margin, never more, and the fee of the entry.
    assert balance == pytest.approx(100_000.0 - paid / 20.0 - fees, abs=0.01)


def test_an_open_position_is_taken_over_with_its_stop_and_closed_without(exchange: FakeExchange):
    exchange.moves = 0.0
    books: list[Book] = []

    async def scenario(watcher: Watcher) -> None:
        book = Book(watcher)
        books.append(book)
        await bought(watcher, book, "0.100")
        strategy = watcher.node.strategies["BTCUSDT"]
        price = strategy.cache.instrument(BTC).make_price(90_000.0)
        stop = strategy.order_factory.stop_market(
            BTC, OrderSide.SELL, book.fills[0].last_qty, price, reduce_only=True
        )
        strategy.submit_order(stop)
        await eventually(lambda: strategy.cache.orders_open(instrument_id=BTC), "a stop")
        # A start that finds both.
        strategy._clear()
        assert strategy._side == 0
        strategy._take_over()
        assert strategy._side == 1
        assert book.positions
        strategy.cancel_order(stop)
        await eventually(lambda: not strategy.cache.orders_open(instrument_id=BTC), "no stop")
        strategy._clear()
        strategy._take_over()
        await eventually(lambda: not book.positions, "a closed position")

    drive(options_for(exchange, log_level="OFF", strategy=STILL), scenario)
    assert "close" in books[0].filled
    assert books[0].net_quantity == pytest.approx(0.0, abs=1e-9)


def test_a_stopped_paper_node_leaves_nothing_open_and_the_next_begins_anew(
    exchange: FakeExchange, tmp_path: Path
):
    exchange.moves = 0.0
    books: list[Book] = []

    async def scenario(watcher: Watcher) -> None:
        book = Book(watcher)
        books.append(book)
        assert book.positions == []
        await bought(watcher, book, "0.100")

    settings = {"state": str(tmp_path), "log_level": "OFF", "balance": 50_000.0}
    options = options_for(exchange, **settings, strategy=STILL)
    for _ in range(2):
        drive(options, scenario)
    for book in books:
        assert book.net_quantity == pytest.approx(0.0, abs=1e-9)
        first = book.states[0].balances[0].total.as_double()
        assert first == pytest.approx(50_000.0, rel=1e-3)
