"""Orders that change, expire, turn round or let others loose: their margin and their time."""

from __future__ import annotations

import pytest
from nautilus_trader.model.currencies import BTC
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import ContingencyType
from nautilus_trader.model.enums import OmsType
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.identifiers import OrderListId
from nautilus_trader.model.objects import AccountBalance
from nautilus_trader.model.objects import Money
from nautilus_trader.model.orders import OrderList
from support.desk import QUARTER
from support.desk import SYMBOL
from support.desk import Desk
from support.desk import P
from support.desk import Sending
from support.desk import run
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import Play
from support.trading_engine import Script
from support.trading_engine import ScriptConfig
from support.trading_engine import add_data
from support.trading_engine import bar_time
from support.trading_engine import funding
from support.trading_engine import hourly_bar_type
from support.trading_engine import hourly_bars
from support.trading_engine import make_bar
from support.trading_engine import make_engine
from support.trading_engine import play

from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.backtest.venue.fill_model import SlippageFillModel
from liq_nautilus.nautilus.backtest.venue.fill_model import SlippageFillModelConfig
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import instrument_id


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("after", "expected"),
    [
        # Over before the bar that comes to the price; inside it, where nobody knows; with it.
        (QUARTER // 2, []),
        (2 * QUARTER - MINUTE, []),
        (2 * QUARTER, [(1, -20.0)]),
    ],
)
def test_an_order_is_not_filled_after_its_time(after: int, expected: list, sign: int):
    def send(desk: Desk) -> None:
        desk.rest(-20.0, **desk.until(after))

    rows = [(0.0,) * 4, (0.0, 0.0, -30.0, -5.0), (-5.0, 0.0, -40.0, 0.0)]
    fills, engine = run(rows, send, sign=sign)
    assert fills == expected
    statuses = [order.status_string() for order in engine.cache.orders()]
    assert statuses == (["FILLED"] if expected else ["EXPIRED"])


def test_an_order_whose_time_ends_in_a_bar_may_pay_its_open():
    def send(desk: Desk) -> None:
        desk.rest(-20.0, **desk.until(QUARTER + MINUTE))

    rows = [(0.0,) * 4, (-25.0, 0.0, -25.0, -5.0)]
    assert run(rows, send)[0] == [(1, -20.0)]


def test_a_trade_after_an_orders_time_does_not_fill_it():
    def send(desk: Desk) -> None:
        desk.rest(-20.0, **desk.until(3 * MINUTE))

    rows = [(0.0, 0.0, -30.0, 0.0)]
    for minutes, expected in ((4, []), (2, [(1, -20.0)])):
        trades = [(MINUTE, 0.0), (minutes * MINUTE, -30.0), (5 * MINUTE, 0.0)]
        assert run(rows, send, trades=trades)[0] == expected


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("size", "dollars", "expected"),
    [
        # A wallet of 1,000 at 20x pays for 9.9 coins at most.
        (9.0, -10.0, (9.0, -10.0)),
        (11.0, -10.0, (1.5, -20.0)),
        (300.0, -20.0, (1.5, -20.0)),
    ],
)
def test_a_changed_order_needs_its_margin_as_a_new_one_does(
    size: float, dollars: float, expected: tuple[float, float], sign: int
):
    def send(desk: Desk) -> None:
        desk.rest(-20.0)

    def change(desk: Desk) -> None:
        quantity = desk.instrument.make_qty(size)
        desk.strategy.modify_order(desk.resting, quantity, price=desk.at(dollars))

    rows = [(0.0,) * 4, (0.0, 0.0, -25.0, -5.0)]
    fills, engine = run(rows, [send, change], sign=sign, balance=1_000.0)
    [order] = engine.cache.orders()
    assert fills == [(1, expected[1])]
    assert float(order.filled_qty) == expected[0]
    rejected = [e.reason for e in order.events if type(e).__name__ == "OrderModifyRejected"]
    assert [reason[:5] for reason in rejected] == ([] if size == expected[0] else ["-2019"])


def test_a_changed_stop_is_judged_where_it_triggers():
    def send(desk: Desk) -> None:
        desk.rest(20.0, 0.5)

    def change(desk: Desk) -> None:
        desk.strategy.modify_order(desk.resting, desk.instrument.make_qty(50.0))

    fills, engine = run([(0.0,) * 4, (0.0, 25.0, 0.0, 25.0)], [send, change], balance=1_000.0)
    assert fills == []
    assert [order.status_string() for order in engine.cache.orders()] == ["EXPIRED"]


@pytest.mark.parametrize(("size", "expected"), [(9.0, [(1, 25.0)]), (11.0, [])])
def test_a_stop_that_a_trade_triggers_needs_its_margin(size: float, expected: list):
    def send(desk: Desk) -> None:
        desk.rest(20.0, size)

    trades = [(MINUTE, 1.0), (2 * MINUTE, 25.0)]
    fills, _ = run([(0.0, 30.0, 0.0, 25.0)], send, trades=trades, balance=1_000.0)
    assert fills[:1] == expected


@pytest.mark.parametrize(("size", "status"), [(9.0, "FILLED"), (11.0, "EXPIRED")])
def test_a_stop_sent_before_any_price_needs_its_margin_when_the_first_one_comes(
    size: float, status: str
):
    def send(desk: Desk) -> None:
        desk.rest(20.0, size)

    engine = make_engine((SYMBOL,), SettlementConfig(), balance=1_000.0, leverage=20)
    bar_type = BarType.from_str(f"{instrument_id(SYMBOL)}-1-HOUR-LAST-EXTERNAL")
    bars = [make_bar(bar_type, START, (P + 30.0,) * 4, 1e6)]
    add_data(engine, [funding(START, symbol=SYMBOL), *bars])
    engine.add_strategy(Sending(bar_type, [send], 1, at_start=True))
    engine.run()
    assert [order.status_string() for order in engine.cache.orders()] == [status]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("turned", "n_fills"), [(-5.0, 2), (-10.0, 1)])
def test_turning_round_at_a_loss_needs_what_is_left_to_be_enough(
    turned: float, n_fills: int, sign: int
):
    # 5 coins at 20x hold 500 of 600; 60 dollars lower 300 are gone.
    def send(desk: Desk) -> None:
        desk.market(5.0)

    def turn(desk: Desk) -> None:
        desk.market(turned)

    rows = [(0.0, 0.0, -60.0, -60.0), (-60.0,) * 4]
    fills, engine = run(rows, [send, turn], sign=sign, balance=600.0)
    assert len(fills) == n_fills
    reasons = [
        e.reason[:5] for o in engine.cache.orders() for e in o.events if hasattr(e, "reason")
    ]
    assert reasons == (["-2019"] if n_fills == 1 else [])


def test_what_an_order_brings_about_needs_its_margin_when_it_is_met():
    # The entry is small; what it lets loose is not.
    def send(desk: Desk) -> None:
        entry = desk.made(
            0.5,
            -10.0,
            "A",
            contingency_type=ContingencyType.OTO,
            linked_order_ids=[ClientOrderId("B")],
        )
        child = desk.made(400.0, -20.0, "B", parent_order_id=entry.client_order_id)
        desk.strategy.submit_order_list(OrderList(OrderListId("1"), [entry, child]))

    fills, engine = run([(0.0, 0.0, -30.0, -25.0)], send, balance=1_000.0)
    assert fills == [(1, -10.0)]
    assert sorted(o.status_string() for o in engine.cache.orders()) == ["EXPIRED", "FILLED"]


def test_a_quantity_in_dollars_is_refused_as_such():
    def send(desk: Desk) -> None:
        desk.market(500.0, quote_quantity=True)

    _, engine = run([(0.0,) * 4], send)
    [order] = engine.cache.orders()
    assert order.last_event.reason == "-1106 the quantity must be in base units, was in quote"


@pytest.mark.parametrize("sign", [1, -1])
def test_in_hedge_mode_each_side_needs_its_margin(sign: int):
    # 4 coins at 20x hold 400 of 700: not enough for as many the other way.
    def send(desk: Desk) -> None:
        desk.market(4.0)

    def turn(desk: Desk) -> None:
        desk.market(-4.0)

    def close(desk: Desk) -> None:
        [position] = desk.strategy.cache.positions_open()
        desk.market(-4.0, position_id=position.id)

    hedging, rows = {"oms_type": OmsType.HEDGING, "balance": 700.0}, [(0.0,) * 4] * 3
    assert run(rows, [send, turn], sign=sign, **hedging)[0] == [(1, 0.0)]
    fills, engine = run(rows, [send, turn, close], sign=sign, **hedging)
    assert fills == [(1, 0.0), (-1, 0.0)]
    assert engine.cache.positions_open() == []
    # In one-way mode the other side closes.
    assert run(rows, [send, turn], sign=sign, balance=700.0)[0] == [(1, 0.0), (-1, 0.0)]


def test_a_resting_order_keeps_its_fee_too():
    # Two of 4.9 coins hold 980 of 1,000 at 20x, and pay 5 each when they are filled.
    def send(desk: Desk) -> None:
        desk.rest(-1.0, 4.9)

    def again(desk: Desk) -> None:
        desk.market(4.9)

    rows = [(0.0,) * 4] * 2
    assert run(rows, [send, again], balance=989.0)[0] == []
    assert run(rows, [send, again], balance=990.0)[0] == [(1, 0.0)]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_limit_is_judged_again_when_what_was_to_pay_for_it_is_gone(sign: int):
    # Turning round at 100 dollars of profit: 4 coins bring 400; without them 10.6 cost above 1,000.
    def send(desk: Desk) -> None:
        desk.market(4.0)

    def turn(desk: Desk) -> None:
        desk.rest(100.0, 10.6, is_opposite=True)

    def close(desk: Desk) -> None:
        desk.market(-4.0)

    up = (0.0, 110.0, 0.0, 105.0)
    rows = [(0.0,) * 4, (0.0,) * 4, up]
    fills, engine = run(rows, [send, turn], sign=sign, balance=1_000.0)
    assert fills == [(1, 0.0), (-1, 100.0)]
    fills, engine = run(rows, [send, turn, close], sign=sign, balance=1_000.0)
    assert fills == [(1, 0.0), (-1, 0.0)]
    assert sorted(o.status_string() for o in engine.cache.orders()) == [
        "EXPIRED",
        "FILLED",
        "FILLED",
    ]


@pytest.mark.parametrize("sign", [1, -1])
def test_of_limits_met_together_each_needs_its_margin_beside_the_others(sign: int):
    # Nearly half the wallet is gone when all three are met: one of 4 coins and that of 1 remain.
    def send(desk: Desk) -> None:
        desk.rest(-20.0, 4.0)
        desk.rest(-20.0, 4.0)
        desk.rest(-20.0, 1.0)

    def lose(desk: Desk) -> None:
        left = Money(515, USDT)
        balance = AccountBalance(left, Money(0, USDT), left)
        desk.strategy.portfolio.account(VENUE).update_balances([balance])

    rows = [(0.0,) * 4, (0.0, 0.0, -30.0, -5.0)]
    assert run(rows, [send], sign=sign, balance=1_000.0)[0] == [(1, -20.0)] * 3
    assert run(rows, [send, lose], sign=sign, balance=1_000.0)[0] == [(1, -20.0)] * 2


def test_a_market_order_needs_the_margin_of_what_it_will_pay():
    # 4.9 coins at 20x hold 490 and pay 4.9; slippage of a share of the range comes on top.
    def send(desk: Desk) -> None:
        desk.market(4.9)

    rows = [(0.0, 200.0, -200.0, 0.0)]
    model = SlippageFillModel(SlippageFillModelConfig(range_share=0.05))
    for balance, n_fills in ((496.0, 0), (650.0, 1)):
        fills, _ = run(rows, [lambda _: None, send], balance=balance, fill_model=model)
        assert len(fills) == n_fills
    assert run(rows, [lambda _: None, send], balance=496.0)[0] == [(1, 0.0)]
    # What is only asked is not counted among the orders that paid.
    assert (model.n_walked, model.n_assumed) == (0, 1)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("after", "price"),
    [
        # On the price; with the next bar, at its open; inside it, at its close.
        (-1_000_000, 0.0),
        (0, 6.0),
        (4 * MINUTE, 15.0),
    ],
)
def test_a_change_between_two_prices_pays_the_next_one(after: int, price: float, sign: int):
    # A limit far behind the price is moved beyond it.
    def send(desk: Desk) -> None:
        desk.rest(-80.0)
        change = lambda _: desk.strategy.modify_order(desk.resting, price=desk.at(50.0))  # noqa: E731 - handed on once
        desk.strategy.clock.set_time_alert_ns("change", START + 2 * QUARTER + after, change)

    rows = [(0.0,) * 4, (6.0, 20.0, 1.0, 15.0), (15.0,) * 4]
    assert run(rows, send, sign=sign)[0] == [(1, price)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("turned", [-3.0, -1.5])
def test_a_reduce_only_order_never_adds_to_a_position_that_turned(turned: float, sign: int):
    # Turned round, or closed, the stop is no longer on the side that it protects.
    def send(desk: Desk) -> None:
        desk.market(1.5)
        desk.rest(-30.0, 1.5, is_opposite=True, reduce_only=True)

    def turn(desk: Desk) -> None:
        desk.market(turned)

    rows = [(0.0,) * 4, (0.0, 0.0, -40.0, -20.0)]
    assert run(rows, [send], sign=sign)[0] == [(1, 0.0), (-1, -30.0)]
    fills, engine = run(rows, [send, turn], sign=sign)
    assert fills == [(1, 0.0), (-1, 0.0)]
    assert engine.cache.orders_open() == []


def test_a_liquidation_under_cross_margin_leaves_orders_of_another_wallet_alone():
    prices = {"BTCUSDT": 100_000.0, "SOLUSDT": 200.0, "BTCUSD_PERP": 100_000.0}
    bars = []
    for symbol, price in prices.items():
        low = 85_000.0 if symbol == "BTCUSDT" else price
        bars += hourly_bars([(price,) * 4, (price,) * 4, (price, price, low, low)], symbol)
    acts = {
        bar_time(0): [("market", "BTCUSDT", 0.1), ("limit", "SOLUSDT", 1.0, 150.0)],
        bar_time(1): [("limit", "BTCUSD_PERP", 1.0, 60_000.0)],
    }
    script = Play(
        bars,
        acts=acts,
        settlement=SettlementConfig(margin="cross"),
        symbols=tuple(prices),
        venue={
            "starting_balances": [Money(1_300.0, USDT), Money(1.0, BTC)],
            "base_currency": None,
        },
    )
    _, engine = play(script)
    resting = [order.instrument_id for order in engine.cache.orders_open()]
    assert resting == [instrument_id("BTCUSD_PERP")]
    assert engine.cache.positions_open() == []


@pytest.mark.parametrize("sign", [1, -1])
def test_coin_margined_parts_are_paid_for_what_each_was_opened_at(sign: int):
    # In coins a part from 80,000 and one from 120,000 are worth what 96,000 for both is; the mean
    # weighted with contracts, which Nautilus reckons with, is 100,000.
    symbol, prices = "BTCUSD_PERP", [80_000.0, 120_000.0, 90_000.0, 90_000.0]
    bars = [
        make_bar(hourly_bar_type(symbol), START + i * HOUR, (price,) * 4, 1e6)
        for i, price in enumerate(prices)
    ]
    orders = {0: [(symbol, 30.0 * sign)], 1: [(symbol, 30.0 * sign)], 2: [(symbol, -20.0 * sign)]}
    wallet = {"starting_balances": [Money(2.0, BTC)], "base_currency": BTC}
    engine = make_engine((symbol,), SettlementConfig(), leverage=2, **wallet)
    add_data(engine, bars)
    strategy = Script(ScriptConfig(symbols=(symbol,)))
    strategy.orders = {bar_time(i): sent for i, sent in orders.items()}
    engine.add_strategy(strategy)
    fills = record_fills(engine)
    engine.run()
    ledger = read_ledger(engine, fills, VENUE, BTC)

    def gain(contracts: float) -> float:
        return sign * contracts * 100.0 * (1.0 / 96_000.0 - 1.0 / 90_000.0)

    fees = 0.0005 * 100.0 * (30.0 / 80_000.0 + 30.0 / 120_000.0 + 20.0 / 90_000.0)
    wallet_now = engine.cache.account_for_venue(VENUE).balance_total(BTC).as_double()
    assert wallet_now == pytest.approx(2.0 - fees + gain(20.0), abs=3e-8)
    assert float(ledger.pnl.price) == pytest.approx(gain(60.0), abs=3e-8)
    assert float(ledger.pnl.total) == pytest.approx(gain(60.0) - fees, abs=3e-8)
