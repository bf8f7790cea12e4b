"""In which order a bar's price meets orders and liquidation prices."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderType
from support.hourly_runs import BTC
from support.hourly_runs import FLAT
from support.hourly_runs import SOL
from support.hourly_runs import E
from support.hourly_runs import mark_bar
from support.hourly_runs import run
from support.hourly_runs import trade
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import SECOND
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import Play
from support.trading_engine import Script
from support.trading_engine import ScriptConfig
from support.trading_engine import add_data
from support.trading_engine import bar_time
from support.trading_engine import hourly_bars
from support.trading_engine import make_bar
from support.trading_engine import make_engine
from support.trading_engine import play

from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.backtest.settlement import Settlement
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import instrument_id


# At 125x a long from 100,000 is liquidated at 99,598.394.
@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (99_700.0, (99_700.0, "order")),
        (99_598.4, (99_598.4, "order")),
        (99_598.3, (99_598.4, "liquidation")),
        (97_000.0, (99_598.4, "liquidation")),
    ],
)
def test_a_stop_and_the_liquidation_price_are_met_in_the_order_of_the_path(
    stop: float, expected: tuple
):
    fills, engine = run(
        [FLAT, FLAT, (E, E, 96_000.0, 96_500.0), (96_500.0,) * 4],
        {0: [("market", BTC, 0.1), ("stop", BTC, -0.1, stop)]},
        leverage=125,
    )
    assert [fill[1:] for fill in fills[1:]] == [expected]
    assert engine.cache.orders_open() == []


@pytest.mark.parametrize(("side", "name"), [(1, "low"), (-1, "high")])
def test_a_target_and_the_liquidation_price_in_one_bar_are_taken_the_worse_way(
    side: int, name: str
):
    both = (E, 112_000.0, 88_000.0, E)
    acts = {0: [("market", BTC, 0.1 * side), ("limit", BTC, -0.1 * side, E + side * 5_000.0)]}
    fills, engine = run([FLAT, both, FLAT], acts)
    assert [fill[2] for fill in fills] == ["order", "liquidation"], name
    assert engine.cache.orders_open() == []


def test_of_a_stop_and_a_target_in_one_bar_the_stop_is_met():
    both = (E, 106_000.0, 94_000.0, E)
    for side in (1, -1):
        orders = [("market", BTC, 0.1 * side), ("stop", BTC, -0.1 * side, E - side * 4_000.0)]
        orders.append(("limit", BTC, -0.1 * side, E + side * 4_000.0))
        fills, _ = run([FLAT, both], {0: orders})
        assert fills[1][1] == E - side * 4_000.0


def test_what_a_limit_adds_on_the_way_down_is_liquidated_by_the_low_after_it():
    # 10x from 95,000: liquidated at 85,843.4, which the low passes and the close does not.
    fills, _ = run([FLAT, (E, E, 84_000.0, 99_000.0)], {0: [("limit", BTC, 0.1, 95_000.0)]})
    assert [fill[1:] for fill in fills] == [(95_000.0, "order"), (85_843.4, "liquidation")]
    spared, _ = run([FLAT, (E, E, 86_000.0, 99_000.0)], {0: [("limit", BTC, 0.1, 95_000.0)]})
    assert len(spared) == 1


def test_an_addition_on_the_better_side_goes_along_to_the_worse_one():
    # 0.1 from 100,000 and 0.9 from 105,000, 10x: liquidated at 94,427.7.
    acts = {0: [("market", BTC, 0.1)], 1: [("entry", BTC, 0.9, 105_000.0)]}
    fills, _ = run([FLAT, FLAT, (E, 106_000.0, 93_000.0, 105_000.0)], acts)
    assert [fill[2] for fill in fills] == ["order", "order", "liquidation"]
    assert fills[2][1] == pytest.approx(94_427.8, abs=0.11)


def test_an_addition_to_a_short_on_the_better_side_goes_along_to_the_worse_one():
    # 0.1 from 100,000 and 0.9 from 95,000, 10x: liquidated at 104,631.5.
    acts = {0: [("market", BTC, -0.1)], 1: [("entry", BTC, -0.9, 95_000.0)]}
    fills, _ = run([FLAT, FLAT, (E, 107_000.0, 94_000.0, 95_000.0)], acts)
    assert [fill[2] for fill in fills] == ["order", "order", "liquidation"]
    assert fills[2][1] == pytest.approx(104_631.4, abs=0.11)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("kind", "distance", "is_added_first"),
    [
        # An addition that the bar reaches on the better side, just, not quite; on the worse side.
        ("entry", 0.1, True),
        ("entry", 4_000.0, True),
        ("entry", 6_000.0, True),
        ("entry", 6_000.1, False),
        ("limit", -2_000.0, False),
    ],
)
def test_only_additions_met_on_the_better_side_turn_the_way_round(
    side: int, kind: str, distance: float, is_added_first: bool
):
    worse, better = E - side * 6_000.0, E + side * 6_000.0
    orders = [
        (kind, BTC, side * 0.02, E + side * distance),
        ("limit", BTC, -side * 0.01, E + side * 1_000.0),
        ("entry", BTC, -side * 0.01, E - side * 3_000.0),
    ]
    rows = [FLAT, FLAT, (E, max(worse, better), min(worse, better), E)]
    fills, _ = run(rows, {0: [("market", BTC, side * 0.1)], 1: orders})
    first = next(price for quantity, price, _ in fills if abs(quantity) == 0.01)
    assert first == E + side * (1_000.0 if is_added_first else -3_000.0)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("kind", "level"), [("limit", 95_000.0), ("entry", 105_000.0)])
def test_an_order_at_the_very_extreme_of_a_bar_is_met(side: int, kind: str, level: float):
    level = E + side * (level - E)
    rows = [FLAT, (E, max(E, level), min(E, level), E), FLAT]
    fills, engine = run(rows, {0: [(kind, BTC, 0.1 * side, level)]})
    assert fills == [(0.1 * side, level, "order")]
    assert engine.cache.orders()[0].ts_last == bar_time(1)


@pytest.mark.parametrize("low", [90_361.5, 90_000.0])
def test_an_addition_at_the_very_liquidation_price_comes_first_and_moves_it(low: float):
    # 0.1 from 100,000 and 0.1 from 90,361.5: now it is at 86,026.9.
    orders = [("market", BTC, 0.1), ("limit", BTC, 0.1, 90_361.5)]
    fills, _ = run([FLAT, (E, E, low, low)], {0: orders})
    assert fills == [(0.1, E, "order"), (0.1, 90_361.5, "order")]


def test_orders_of_another_instrument_have_no_part_in_a_bar():
    # Its stop, without margin, lies where the price of the first one goes, and so does a sale.
    rows = [FLAT, (E, 105_000.0, 96_000.0, E)]
    data = [*hourly_bars(rows), *hourly_bars([FLAT] * 2, SOL)]
    stops = [("entry", SOL, 1_000.0, 101_000.0), ("entry", SOL, -0.1, 99_000.0)]
    acts = {bar_time(0): [*stops, ("entry", BTC, 0.1, 104_000.0)]}
    ledger, engine = play(Play(data, acts=acts, symbols=(BTC, SOL)))
    # All orders of its own buy: the high comes first.
    assert ledger.paths[BTC].price.tolist() == [E, 104_000.0, 104_000.0, 105_000.0, 96_000.0, E]
    assert ledger.paths[BTC].n_fills.tolist() == [0, 0, 1, 1, 1, 1]
    assert len(engine.cache.orders_open()) == 2


def test_a_trade_moves_orders_of_its_own_instrument_only():
    trades = [trade(START + HOUR + i * MINUTE, E + i * 1_000.0) for i in range(3)]
    data = [*hourly_bars([FLAT]), *hourly_bars([FLAT], SOL), *trades]
    acts = {bar_time(0): [("entry", BTC, 0.1, 101_000.0), ("entry", SOL, 1_000.0, 101_000.0)]}
    ledger, engine = play(Play(data, acts=acts, symbols=(BTC, SOL)))
    assert ledger.fills["symbol"].tolist() == [BTC]
    assert [order.instrument_id for order in engine.cache.orders_open()] == [instrument_id(SOL)]


@pytest.mark.parametrize(("side", "far"), [(1, 28_600.0), (-1, 30_400.0)])
def test_a_position_entered_where_its_mark_price_is_beyond_is_liquidated_there(
    side: int, far: float
):
    # Entered half way, where the mark price went half of its own: a long of 10x from 95,000 is
    # liquidated from 85,843 on and has nothing left at 85,500, a short from 105,000 at 115,500.
    last, mark = E - side * 10_000.0, E - side * far
    rows = [(E, *sorted((E, end), reverse=True), end) for end in (last, mark)]
    marks = [mark_bar(START + i * HOUR, HOUR, row, "1h") for i, row in enumerate((FLAT, rows[1]))]
    acts = {bar_time(0): [("limit", BTC, 0.1 * side, E - side * 5_000.0)]}
    ledger, _ = play(Play([*marks, *hourly_bars([FLAT, rows[0]])], acts=acts))
    assert ledger.fills["reason"].tolist() == ["order", "liquidation"]
    assert ledger.fills["price"].tolist() == [E - side * 5_000.0, E - side * far / 2.0]
    # The price does not go back for it.
    assert (np.diff(ledger.paths[BTC].price) * side <= 0.0).all()


def test_a_short_entered_by_a_stop_is_followed_by_the_high():
    fills, _ = run([FLAT, (E, 106_000.0, 94_000.0, E)], {0: [("entry", BTC, -0.1, 95_000.0)]})
    assert [fill[1:] for fill in fills] == [(95_000.0, "order"), (104_083.6, "liquidation")]


@pytest.mark.parametrize(
    ("low", "high", "is_low_first"),
    [(99_000.0, 107_000.0, True), (93_000.0, 101_000.0, False), (95_000.0, 105_000.0, False)],
)
def test_with_orders_both_ways_what_lies_nearer_comes_first(
    low: float, high: float, is_low_first: bool
):
    acts = {0: [("entry", BTC, 0.1, high - 500.0), ("entry", BTC, -0.1, low + 500.0)]}
    fills, _ = run([FLAT, (E, high, low, E)], acts)
    expected = [(-0.1, low + 500.0), (0.1, high - 500.0)]
    assert [fill[:2] for fill in fills] == (expected if is_low_first else expected[::-1])


class Answering(Script):
    """Send a stop as soon as something is filled."""

    trigger: float = 0.0

    def on_order_filled(self, event: Any) -> None:
        if event.order_type != OrderType.STOP_MARKET:
            quantity = float(event.last_qty) * (-1 if event.is_buy else 1)
            self.submit_order(self._order("stop", BTC, quantity, self.trigger))


@pytest.mark.parametrize(
    ("ts", "orders", "entries"),
    [
        (bar_time(0), [("market", BTC, 0.1)], {E}),
        (START + HOUR, [("market", BTC, 0.1)], {E}),
        (START + HOUR + 20 * MINUTE, [("market", BTC, 0.1)], {E}),
        (
            START + HOUR,
            [("limit", BTC, 0.1, 99_500.0), ("limit", BTC, 0.1, 99_000.0)],
            {99_500.0, 99_000.0},
        ),
    ],
)
def test_a_strategy_may_answer_a_fill_inside_a_bar(ts: int, orders: list, entries: set):
    # Filled at a close, an open or on the way: the stop is met in a later bar.
    rows = [FLAT, FLAT, (E, E, 98_500.0, 99_500.0), (99_500.0, E, 97_000.0, E)]
    engine = make_engine((BTC,), SettlementConfig())
    marks = [mark_bar(START + i * HOUR, HOUR, row, "1h") for i, row in enumerate(rows)]
    add_data(engine, [*hourly_bars(rows), *marks])
    strategy = Answering(ScriptConfig())
    strategy.trigger, strategy.acts = 98_000.0, {ts: orders}
    engine.add_strategy(strategy)
    engine.run()
    prices = {float(order.avg_px): order.ts_last for order in engine.cache.orders()}
    assert prices[98_000.0] == bar_time(3)
    assert set(prices) == {*entries, 98_000.0}


def test_of_a_short_and_a_long_the_larger_says_what_comes_first():
    engine = make_engine((BTC,), SettlementConfig())
    add_data(engine, hourly_bars([FLAT, (E, 101_000.0, 99_000.0, E)]))
    for number, quantity in enumerate((0.1, -0.3)):
        strategy = Script(ScriptConfig(strategy_id=f"S-{number}", order_id_tag=str(number)))
        strategy.acts = {bar_time(0): [("market", BTC, quantity)]}
        engine.add_strategy(strategy)
    fills = record_fills(engine)
    engine.run()
    path = read_ledger(engine, fills, VENUE, USDT).paths[BTC]
    assert path.price.tolist() == [E, 101_000.0, 99_000.0]
    assert path.n_fills.tolist() == [2, 2, 2]


def test_a_position_entered_by_a_stop_is_followed_by_the_other_extreme():
    # Flat, a buy stop above: its fill is followed by the low, not by the rest of the rise.
    fills, _ = run([FLAT, (E, 103_000.0, 90_000.0, E)], {0: [("entry", BTC, 0.1, 101_000.0)]})
    assert [fill[1:] for fill in fills] == [(101_000.0, "order"), (91_265.1, "liquidation")]


@pytest.mark.parametrize(
    "other",
    ["1-HOUR-LAST-EXTERNAL", "1-MINUTE-MID-EXTERNAL", "1-MINUTE-BID-EXTERNAL"],
)
def test_only_the_first_of_the_finest_bars_of_last_prices_move_something(other: str):
    # Coarser bars of the same time, equally fine ones that come later and bars of quotes.
    kinds = [
        BarType.from_str(f"{instrument_id(BTC)}-{name}")
        for name in ("1-MINUTE-LAST-EXTERNAL", other)
    ]
    bars = [make_bar(kinds[0], START + i * MINUTE, FLAT) for i in range(130)]
    step = kinds[1].spec.timedelta.value
    bars += [make_bar(kinds[1], START + i * step, (E, E, 85_000.0, E)) for i in range(2)]
    # Entered before the second of them comes.
    ts = START + 2 * step - MINUTE - 1_000_000
    ledger, _ = play(Play(bars, acts={ts: [("market", BTC, 0.1)]}))
    assert ledger.fills["reason"].tolist() == ["order"]


def test_where_trades_come_bars_do_not_go_the_way_again():
    # The stop was placed after the trade that would have met it; the bar's low is that trade.
    trades = [trade(START + HOUR + i * MINUTE, 98_000.0 if i == 5 else E) for i in range(1, 59)]
    rows = [FLAT, (E, E, 98_000.0, E), FLAT]
    at = START + HOUR + 10 * MINUTE
    orders = [("market", BTC, 0.1), ("stop", BTC, -0.1, 98_500.0)]
    fills, _ = run(rows, {}, extra=trades, venue={})
    assert fills == []
    ledger, _ = play(Play([*hourly_bars(rows), *trades], acts={at: orders}))
    assert ledger.fills["reason"].tolist() == ["order"]


@pytest.mark.parametrize(("at", "is_met"), [(HOUR - 1_000_000, True), (HOUR + 1, False)])
def test_a_bar_goes_its_way_where_the_last_trade_is_of_the_bar_before(at: int, is_met: bool):
    rows = [FLAT, (E, E, 98_000.0, 99_000.0), (99_000.0,) * 4]
    orders = [("market", BTC, 0.1), ("stop", BTC, -0.1, 98_500.0)]
    ledger, _ = play(Play([*hourly_bars(rows), trade(START + at, E)], acts={bar_time(0): orders}))
    assert ledger.fills["price"].tolist() == [E, 98_500.0][: 1 + is_met]


def test_an_order_between_two_prices_pays_the_next_one():
    rows = [FLAT, (101_000.0, 105_000.0, 99_000.0, 103_000.0), (103_500.0,) * 4]
    opened = START + HOUR
    # At the very opening, as after open interest or funding on the hour: the bar's open.
    for ts in (opened, opened + 47_000_000, opened + SECOND - 1_000_000):
        ledger, _ = play(Play(hourly_bars(rows), acts={ts: [("market", BTC, 0.1)]}))
        assert ledger.fills["price"].tolist() == [101_000.0]
    # Inside the bar: the first price after it that is known, which is the bar's close.
    for minutes in (1, 31, 59):
        ts = opened + minutes * MINUTE
        ledger, _ = play(Play(hourly_bars(rows), acts={ts: [("market", BTC, -0.1)]}))
        assert ledger.fills["price"].tolist() == [103_000.0]
        assert ledger.fills["ts"].tolist() == [bar_time(1)]


def test_an_order_on_a_price_is_filled_at_it():
    rows = [FLAT, (101_000.0, 105_000.0, 99_000.0, 103_000.0)]
    ledger, _ = play(Play(hourly_bars(rows), acts={bar_time(0): [("market", BTC, 0.1)]}))
    assert ledger.fills["ts"].tolist() == [bar_time(0)]
    assert ledger.fills["price"].tolist() == [E]


def test_with_latency_no_order_is_filled_at_the_price_it_was_decided_on():
    from nautilus_trader.backtest.models import LatencyModel

    rows = [FLAT, (101_000.0, 105_000.0, 99_000.0, 103_000.0)]
    venue = {"latency_model": LatencyModel(50_000_000)}
    acts = {bar_time(0): [("market", BTC, 0.1)]}
    ledger, _ = play(Play(hourly_bars(rows), acts=acts, venue=venue))
    assert ledger.fills["price"].tolist() == [101_000.0]


def test_an_order_that_waits_for_a_trade_pays_it():
    data = [trade(START + i * MINUTE, E + i) for i in range(1, 5)]
    acts = {START + 2 * MINUTE + 30 * SECOND: [("market", BTC, 0.1)]}
    ledger, _ = play(Play(data, acts=acts))
    assert ledger.fills["price"].tolist() == [E + 3]


def test_what_is_cancelled_on_its_way_arrives_before_the_cancel():
    opened = START + HOUR
    acts = {opened: [("market", BTC, 0.1), ("limit", BTC, 0.1, 95_000.0)]}
    acts[opened + 10 * MINUTE] = [("cancel", BTC)]
    rows = [FLAT, (101_000.0, 105_000.0, 99_000.0, 103_000.0), (103_000.0,) * 4]
    ledger, engine = play(Play(hourly_bars(rows), acts=acts))
    assert ledger.fills["price"].tolist() == [101_000.0]
    assert engine.cache.orders_open() == []
    assert engine.cache.orders_inflight() == []


def test_each_instrument_waits_for_its_own_price():
    # The order in SOL is sent on a bar of BTC, a moment before SOL's own bar of that time comes.
    btc = hourly_bars([FLAT, FLAT, FLAT])
    sol = hourly_bars([(200.0,) * 4, (200.0, 210.0, 200.0, 205.0), (206.0,) * 4], SOL)
    ledger, _ = play(Play([*btc, *sol], {1: [(SOL, 1.0)]}, symbols=(BTC, SOL)))
    assert ledger.fills["price"].tolist() == [205.0]


def test_liquidation_and_refusals_can_be_switched_off():
    settings = SettlementConfig(liquidation=False, refuse_orders=False)
    rows = [FLAT, (E, E, 50_000.0, 60_000.0), (60_000.0,) * 4]
    acts = {0: [("market", BTC, 2.0)]}
    fills, engine = run(rows, acts, settlement=settings, balance=1_000.0)
    assert [fill[2] for fill in fills] == ["order"]
    assert len(engine.cache.positions_open()) == 1
    module = Settlement(SettlementConfig(liquidation=False, refuse_orders=False, component_id="V"))
    engine = make_engine((BTC,), modules=[module])
    add_data(engine, hourly_bars(rows))
    engine.run()
    engine.reset()
    said: list[str] = []
    module.log_diagnostics(SimpleNamespace(info=said.append))
    assert said == ["0 funding payments, 0 liquidations"]
    assert module.id.value == "V"
