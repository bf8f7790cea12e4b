"""What the venue refuses, and what backs a position."""

from __future__ import annotations

from typing import Any

import pytest
from nautilus_trader.common.component import MessageBus
from nautilus_trader.common.component import TestClock
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.events import OrderEvent
from nautilus_trader.model.events import OrderInitialized
from nautilus_trader.model.events import OrderRejected
from nautilus_trader.model.events import OrderSubmitted
from nautilus_trader.model.identifiers import TraderId
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import Play
from support.trading_engine import Script
from support.trading_engine import ScriptConfig
from support.trading_engine import add_data
from support.trading_engine import bar_time
from support.trading_engine import flat_bars
from support.trading_engine import funding
from support.trading_engine import hourly_bars
from support.trading_engine import make_engine
from support.trading_engine import play

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.backtest.exchange import take_endpoint
from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import built_in_instrument

BTC, SOL = "BTCUSDT", "SOLUSDT"
E = 100_000.0
FLAT = (E, E, E, E)
CROSS = SettlementConfig(margin="cross")


def orders(acts: dict[int, list], rows: list | None = None, **settings: Any) -> tuple[Any, list]:
    script = {bar_time(number): sent for number, sent in acts.items()}
    data = settings.pop("data", hourly_bars(rows or [FLAT] * 4))
    ledger, engine = play(Play(data, acts=script, **settings))
    sent = sorted(engine.cache.orders(), key=lambda order: (order.ts_init, order.client_order_id))
    return ledger, sent


def reason(order: Any) -> str:
    assert order.status == OrderStatus.REJECTED
    return str(order.last_event.reason)


# 10x on 1,000: a notional of 10,000 needs all of it, and the fee of 5 more.
@pytest.mark.parametrize(
    ("balance", "quantity", "is_refused"),
    [
        (1_000.0, 10.0, True),
        (1_000.0, 0.1, True),
        (1_005.0, 0.1, False),
        (1_004.9, 0.1, True),
        (1_005.0, -0.1, False),
        (1_004.9, -0.1, True),
    ],
)
@pytest.mark.parametrize("settlement", [SettlementConfig(), CROSS])
def test_an_order_without_margin_is_refused(
    balance: float, quantity: float, is_refused: bool, settlement: SettlementConfig
):
    acts = {0: [("market", BTC, quantity)]}
    ledger, sent = orders(acts, balance=balance, settlement=settlement)
    assert ledger.fills.empty == is_refused
    if is_refused:
        assert reason(sent[0]).startswith("-2019 margins and costs must be covered by the wallet's")
        assert ledger.pnl.total == 0
        assert ledger.refusals == {"-2019": 1}


@pytest.mark.parametrize(
    ("symbol", "leverage", "value", "is_refused"),
    [
        # 2026: up to 300,000 at 125x, to 3 million at 75x, to 12 million at 50x.
        (BTC, 125, 299_000.0, False),
        (BTC, 125, 900_000.0, True),
        (BTC, 75, 2_900_000.0, False),
        (BTC, 75, 3_100_000.0, True),
        (BTC, 50, 10_000_000.0, False),
        (BTC, 151, 1_000.0, True),
        (SOL, 100, 19_000.0, False),
        (SOL, 100, 21_000.0, True),
    ],
)
def test_a_position_above_the_leverages_limit_is_refused(
    symbol: str, leverage: int, value: float, is_refused: bool
):
    price = E if symbol == BTC else 200.0
    data = hourly_bars([(price,) * 4] * 3, symbol)
    acts = {0: [("market", symbol, value / price)]}
    play_with = {"balance": 1e7, "leverage": leverage, "symbols": (symbol,), "data": data}
    ledger, sent = orders(acts, **play_with)
    assert ledger.fills.empty == is_refused
    if is_refused:
        assert reason(sent[0]).startswith("-2027 the position must be at most")


# On a price and between two: refused at the next one.
@pytest.mark.parametrize(
    ("ts", "ts_refused"), [(bar_time(0), bar_time(0)), (START + HOUR + MINUTE, bar_time(1))]
)
def test_the_strategy_is_told_of_a_refusal(ts: int, ts_refused: int):
    engine = make_engine((BTC,), SettlementConfig(), balance=1_000.0)
    add_data(engine, hourly_bars([FLAT, FLAT]))
    strategy = Script(ScriptConfig())
    strategy.acts = {ts: [("market", BTC, 10.0)]}
    engine.add_strategy(strategy)
    engine.run()
    told = [event for event in strategy.events if isinstance(event, OrderEvent)]
    assert [type(event) for event in told] == [OrderInitialized, OrderSubmitted, OrderRejected]
    assert told[-1].reason.split()[0] == "-2019"
    assert [event.ts_event for event in told[1:]] == [ts, ts_refused]


class Eager(Script):
    """Send as much again as soon as a position is opened."""

    def on_position_opened(self, event: Any) -> None:
        self.submit_order(self._order("market", BTC, float(event.last_qty)))


@pytest.mark.parametrize("is_added_first", [True, False])
def test_what_was_just_filled_holds_its_margin(is_added_first: bool):
    # The venue knows of a position before its strategy does, whichever was added first.
    strategy = Eager(ScriptConfig())
    strategy.acts = {bar_time(0): [("market", BTC, 0.06)]}
    strategies = [strategy] if is_added_first else []
    engine = make_engine((BTC,), SettlementConfig(), 1_000.0, strategies=strategies)
    if not is_added_first:
        engine.add_strategy(strategy)
    add_data(engine, hourly_bars([FLAT, FLAT]))
    engine.run()
    first, second = sorted(engine.cache.orders(), key=lambda order: order.client_order_id)
    assert first.status == OrderStatus.FILLED
    assert reason(second).startswith("-2019")


def test_a_resting_limit_keeps_its_margin_from_others():
    # Two limits of 6,000 each at 10x need 1,206 of the wallet.
    acts = {0: [("limit", BTC, 0.06, 90_000.0), ("limit", BTC, 0.06, 90_000.0)]}
    _, sent = orders(acts, balance=1_000.0)
    assert [order.status for order in sent] == [OrderStatus.ACCEPTED, OrderStatus.REJECTED]
    # One that lies the other way needs none beside it, only one position can come of both.
    acts = {0: [("market", BTC, 0.09)], 1: [("limit", BTC, -0.09, 110_000.0)]}
    _, sent = orders(acts, balance=1_000.0)
    assert sent[1].status == OrderStatus.ACCEPTED


def test_orders_of_one_moment_count_together():
    acts = {0: [("market", BTC, 0.06), ("market", BTC, 0.06)]}
    ledger, sent = orders(acts, balance=1_000.0)
    assert ledger.fills["quantity"].tolist() == [0.06]
    assert sent[1].status == OrderStatus.REJECTED


def test_two_orders_that_wait_do_not_vouch_for_each_other():
    # Between two prices a sale and a purchase, each far beyond the wallet: both are refused.
    script = {bar_time(0) + 30 * 60 * 10**9: [("market", BTC, -1.0), ("market", BTC, 1.0)]}
    ledger, engine = play(Play(hourly_bars([FLAT] * 4), acts=script, balance=1_000.0))
    assert ledger.fills.empty
    assert ledger.refusals == {"-2019": 2}
    assert len(engine.cache.orders()) == 2


def test_closing_reducing_and_turning_round_need_no_second_margin():
    acts = {0: [("market", BTC, 0.099)], 1: [("market", BTC, -0.198)], 2: [("market", BTC, 0.099)]}
    ledger, sent = orders(acts, balance=1_005.0)
    assert [order.status for order in sent] == [OrderStatus.FILLED] * 3
    assert ledger.positions["side"].tolist() == [1, -1]
    # Turning round into more than there is margin for is refused.
    acts = {0: [("market", BTC, 0.099)], 1: [("market", BTC, -0.3)]}
    _, sent = orders(acts, balance=1_005.0)
    assert sent[1].status == OrderStatus.REJECTED


def test_margin_that_other_positions_hold_is_not_free():
    btc, sol = hourly_bars([FLAT] * 4), hourly_bars([(200.0,) * 4] * 4, SOL)
    acts = {0: [("market", BTC, 0.06)], 1: [("market", SOL, 25.0)]}
    _, sent = orders(acts, data=[*btc, *sol], symbols=(BTC, SOL), balance=1_000.0)
    assert reason(sent[1]).startswith("-2019")
    acts = {0: [("market", BTC, 0.06)], 1: [("market", SOL, 15.0)]}
    _, sent = orders(acts, data=[*btc, *sol], symbols=(BTC, SOL), balance=1_000.0)
    assert sent[1].status == OrderStatus.FILLED


def test_an_entry_by_stop_without_margin_expires_where_it_triggers():
    rows = [FLAT, (E, 103_000.0, E, 103_000.0), (103_000.0,) * 4]
    acts = {0: [("entry", BTC, 1.0, 102_000.0), ("entry", BTC, 1.0, 104_000.0)]}
    ledger, sent = orders(acts, rows, balance=1_000.0)
    assert ledger.fills.empty
    assert [order.status for order in sent] == [OrderStatus.EXPIRED, OrderStatus.ACCEPTED]
    ledger, sent = orders({0: [("entry", BTC, 0.05, 102_000.0)]}, rows, balance=1_000.0)
    assert ledger.fills["price"].tolist() == [102_000.0]


@pytest.mark.parametrize("side", [1, -1])
def test_of_stops_met_together_only_those_without_margin_expire(side: int):
    far = E + side * 3_000.0
    rows = [FLAT, (E, max(E, far), min(E, far), far), (far,) * 4]
    sent = [
        ("limit", BTC, -0.001 * side, E + side * 9_000.0),
        ("entry", BTC, side * 1.0, E + side * 2_000.0),
        ("entry", BTC, side * 0.05, E + side * 1_000.0),
    ]
    ledger, found = orders({0: sent}, rows, balance=1_000.0)
    assert ledger.fills["price"].tolist() == [E + side * 1_000.0]
    assert [order.status for order in found] == [
        OrderStatus.ACCEPTED,
        OrderStatus.EXPIRED,
        OrderStatus.FILLED,
    ]


def test_funding_paid_is_released_in_proportion():
    # 50x: 2,000 of margin, 1,000 of it paid. A fifth keeps 200 and is alive at 100,000.
    data = [*flat_bars(E, 12), funding(START + 8 * HOUR, "0.01")]
    acts = {0: [("market", BTC, 1.0)], 8: [("market", BTC, -0.8)]}
    ledger, _ = orders(acts, data=data, leverage=50)
    assert "liquidation" not in set(ledger.fills["reason"])
    # It dies where (200 - 0.2 * fall) meets 0.4 % of the value: at 99,397.6.
    fall = hourly_bars([FLAT] * 12 + [(E, E, 99_000.0, 99_100.0)])
    ledger, _ = orders(acts, data=[*fall, data[-1]], leverage=50)
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    assert forced["price"].tolist() == [99_397.6]
    assert float(ledger.pnl.liquidations) == pytest.approx(-200.0)


def test_funding_received_is_released_in_proportion():
    data = [*hourly_bars([FLAT] * 12 + [(E, E, 95_000.0, 95_100.0)])]
    data.append(funding(START + 8 * HOUR, "-0.01"))
    acts = {0: [("market", BTC, 1.0)], 8: [("market", BTC, -0.8)]}
    ledger, _ = orders(acts, data=data, leverage=50)
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    # Margin (2,000 + 1,000) / 5: (0.2 * 100,000 - 600) / (0.2 * 0.996).
    assert forced["price"].tolist() == [97_389.6]


def test_funding_takes_no_more_than_the_margin_holds():
    # 3 % of 100x: three times the margin.
    data = [*flat_bars(E, 12), funding(START + 8 * HOUR, "0.03")]
    ledger, _ = orders({0: [("market", BTC, 0.1)]}, data=data, leverage=100)
    assert ledger.funding["amount"].tolist() == [-100.0]
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    assert forced["price"].tolist() == [E]
    assert float(ledger.pnl.total) == pytest.approx(-100.0 - 5.0)


def test_an_addition_and_a_reduction_move_the_margin():
    # 0.1 at 100,000 and 0.1 at 98,000 of 10x: 1,980 back 0.2 from 99,000 on average.
    rows = [FLAT, (98_000.0,) * 4, (98_000.0,) * 4, (98_000.0, 98_000.0, 80_000.0, 81_000.0)]
    acts = {0: [("market", BTC, 0.1)], 1: [("market", BTC, 0.1)], 2: [("market", BTC, -0.15)]}
    ledger, _ = orders(acts, rows)
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    assert forced["price"].iloc[0] == pytest.approx(99_000.0 * 0.9 / 0.996, abs=0.11)


def test_margin_is_released_again_after_another_position_was_liquidated():
    # SOL at 10x from 200, halved after BTC was taken: dies where 10 % of what is left is gone.
    btc = hourly_bars([FLAT, (E, E, 80_000.0, 81_000.0), *[(81_000.0,) * 4] * 3])
    sol = hourly_bars([*[(200.0,) * 4] * 4, (200.0, 200.0, 175.0, 176.0)], SOL)
    script = {0: [("market", BTC, 0.1), ("market", SOL, 20.0)], 2: [("market", SOL, -10.0)]}
    ledger, _ = orders(script, data=[*btc, *sol], symbols=(BTC, SOL))
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    assert forced["symbol"].tolist() == [BTC, SOL]
    assert float(ledger.pnl.liquidations) == pytest.approx(-1_000.0 - 0.1 * 10.0 * 200.0, abs=0.02)


def test_before_any_price_an_order_is_nautiluss_to_judge():
    script = {START + MINUTE: [("market", BTC, 0.1), ("limit", BTC, 0.1, 99_000.0)]}
    data = [funding(START), *hourly_bars([FLAT, (E, E, 98_000.0, E)])]
    ledger, engine = play(Play(data, acts=script))
    assert ledger.fills["price"].tolist() == [99_000.0]
    assert ledger.fills["ts"].tolist() == [bar_time(1)]
    market, _ = sorted(engine.cache.orders(), key=lambda order: order.client_order_id)
    assert reason(market).startswith("no market")


def test_a_position_of_an_instrument_without_last_prices_counts_at_its_entry():
    # SOL is filled by quotes alone: it neither helps nor harms what is left for BTC.
    instrument = built_in_instrument(SOL)
    size = instrument.make_qty(100.0)
    quotes = [
        QuoteTick(instrument.id, *[instrument.make_price(200.0)] * 2, size, size, ts, ts)
        for ts in (START + HOUR, START + 2 * HOUR)
    ]
    btc = hourly_bars([FLAT, FLAT, FLAT, (E, E, 80_000.0, 81_000.0)])
    bought = {0: ("market", BTC, 0.05), 1: ("market", SOL, 10.0), 2: ("market", BTC, 0.05)}
    acts = {number: [order] for number, order in bought.items()}
    settings = {"symbols": (BTC, SOL), "balance": 1_500.0, "settlement": CROSS}
    ledger, _ = orders(acts, data=[*btc, *quotes], **settings)
    assert ledger.fills["symbol"].tolist() == [BTC, SOL, BTC, BTC]
    assert ledger.fills["reason"].tolist() == ["order", "order", "order", "liquidation"]


def test_large_positions_are_reduced_bracket_by_bracket():
    # Short 119 at 10x: 12.96 million at 108,930.6; below 12 million the margin is met again.
    rows = [FLAT, FLAT, (E, 108_940.0, E, 108_000.0), (108_000.0,) * 4]
    ledger, _ = orders({0: [("market", BTC, -119.0)]}, rows, balance=1e8)
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    assert forced["tag"].tolist() == ["reduction"]
    price, quantity = forced["price"].iloc[0], forced["quantity"].iloc[0]
    assert (119.0 - quantity) * price < 12e6 < (119.0 - quantity + 0.002) * price
    assert forced["fee"].iloc[0] == pytest.approx(0.0125 * quantity * price)
    held = (ledger.fills["side"] * ledger.fills["quantity"]).sum()
    assert held == pytest.approx(-119.0 + quantity)


def test_what_is_left_of_a_reduced_position_is_backed_by_what_is_left_of_its_margin():
    rows = [FLAT, FLAT, (E, 108_940.0, E, 108_000.0), (108_000.0, 130_000.0, E, E)]
    ledger, _ = orders({0: [("market", BTC, -119.0)]}, rows, balance=1e8)
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    assert forced["quantity"].sum() == pytest.approx(119.0)
    assert forced["tag"].tolist()[0] == "reduction"
    assert float(ledger.pnl.liquidations) == pytest.approx(-0.1 * 119.0 * E, rel=1e-6)


def test_what_waits_is_rejected_when_the_position_is_liquidated():
    # Sent inside a bar that ends far below: neither the addition nor a limit comes about.
    later = START + HOUR + MINUTE
    data = hourly_bars([FLAT, (E, E, 80_000.0, 81_000.0), (81_000.0,) * 4])
    script = {bar_time(0): [("market", BTC, 0.1)]}
    script[later] = [("market", BTC, 0.1), ("limit", BTC, 0.1, 70_000.0)]
    ledger, engine = play(Play(data, acts=script))
    assert ledger.fills["reason"].tolist() == ["order", "liquidation"]
    waiting = [order for order in engine.cache.orders() if order.ts_init == later]
    assert [reason(order) for order in waiting] == ["-2023 the account is being liquidated"] * 2
    assert {order.ts_last for order in waiting} == {bar_time(1)}
    assert ledger.refusals == {"-2023": 2}


def test_what_no_lower_bracket_backs_is_closed_in_part_and_taken_over():
    rows = [FLAT, FLAT, (E, E, 90_000.0, 92_000.0), (92_000.0,) * 4]
    ledger, _ = orders({0: [("market", BTC, 50.0)]}, rows, balance=1e8)
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    assert forced["tag"].tolist() == ["reduction", "takeover"]
    assert forced["quantity"].sum() == pytest.approx(50.0)
    assert forced["fee"].iloc[1] == 0.0
    entry = ledger.fills[ledger.fills["reason"] == "order"]
    margin = (entry["price"] * entry["quantity"]).sum() / 10.0
    assert float(ledger.pnl.liquidations) == pytest.approx(-margin, rel=1e-6)


def test_under_cross_margin_the_orders_of_all_instruments_are_cancelled():
    btc = hourly_bars([FLAT, FLAT, (E, E, 85_000.0, 86_000.0), (86_000.0,) * 4])
    sol = hourly_bars([(200.0,) * 4] * 4, SOL)
    acts = {0: [("market", BTC, 0.1)], 1: [("limit", SOL, 1.0, 150.0)]}
    _, sent = orders(acts, data=[*btc, *sol], symbols=(BTC, SOL), balance=1_300.0, settlement=CROSS)
    assert sent[1].status == OrderStatus.CANCELED
    isolated = SettlementConfig()
    _, sent = orders(
        acts, data=[*btc, *sol], symbols=(BTC, SOL), balance=1_300.0, settlement=isolated
    )
    assert sent[1].status == OrderStatus.ACCEPTED


def test_two_strategies_in_one_instrument_count_once():
    for other_side, price_pnl in ((1, 200.0), (-1, 0.0)):
        engine = make_engine((BTC,), SettlementConfig())
        add_data(engine, hourly_bars([FLAT, FLAT, (E, 101_000.0, E, 101_000.0)]))
        for number, side in enumerate((1, other_side)):
            strategy = Script(ScriptConfig(strategy_id=f"S-{number}", order_id_tag=str(number)))
            strategy.acts = {bar_time(0): [("market", BTC, 0.1 * side)]}
            engine.add_strategy(strategy)
        fills = record_fills(engine)
        engine.run()
        ledger = read_ledger(engine, fills, VENUE, USDT)
        assert float(ledger.pnl.price) == pytest.approx(price_pnl)
        assert len(ledger.positions) == 2


def test_another_version_of_nautilus_is_told_of():
    bus = MessageBus(TraderId("T-1"), TestClock())
    with pytest.raises(SettingError, match=r"must have the endpoint ExecEngine\.execute"):
        take_endpoint(bus, "ExecEngine.execute", print)
