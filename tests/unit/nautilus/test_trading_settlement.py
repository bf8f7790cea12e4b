from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace

import pandas as pd
import pytest
from nautilus_trader.model.currencies import BTC as COIN
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.enums import LiquiditySide
from nautilus_trader.model.enums import PositionAdjustmentType
from nautilus_trader.model.enums import TimeInForce
from nautilus_trader.model.events import OrderAccepted
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.events import OrderInitialized
from nautilus_trader.model.events import OrderSubmitted
from nautilus_trader.model.objects import Money
from nautilus_trader.model.objects import Price
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import Play
from support.trading_engine import Script
from support.trading_engine import ScriptConfig
from support.trading_engine import add_data
from support.trading_engine import bar_time
from support.trading_engine import custom
from support.trading_engine import flat_bars
from support.trading_engine import funding
from support.trading_engine import hourly_bars
from support.trading_engine import make_engine
from support.trading_engine import play

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.backtest.settlement import Settlement
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.types import MarkPriceBar

PRICE = 100_000.0
BTC = "BTCUSDT"
CRASH = [(PRICE,) * 4] * 2 + [(PRICE, PRICE, 80_000.0, 81_000.0)] * 2


def mark_bar(number: int, low: float, high: float, close: float) -> MarkPriceBar:
    ts = bar_time(number)
    return custom(MarkPriceBar(instrument_id(BTC), close, high, low, close, "1h", ts, ts))


def split_sums(ledger: object) -> None:
    pnl = ledger.pnl
    parts = pnl.price + pnl.fees + pnl.funding + pnl.liquidations
    assert abs(parts - pnl.total) <= Decimal("1e-8")


def test_funding_is_settled_once_per_hour_and_position():
    data = [*flat_bars(PRICE, 12)]
    # Eight hours in, with the jitter of the dump, and the same settlement again.
    data += [funding(START + 8 * HOUR + 3_000_000), funding(START + 8 * HOUR + 5_000_000)]
    ledger, engine = play(Play(data, {0: [(BTC, 1.0)], 10: [(BTC, -1.0)]}))
    assert ledger.funding["amount"].tolist() == [-10.0]
    assert ledger.pnl.funding == Decimal(-10)
    position = engine.cache.positions()[0]
    adjustments = position.adjustments
    assert [a.adjustment_type for a in adjustments] == [PositionAdjustmentType.FUNDING]
    assert adjustments[0].reason == "funding at 0.0001"
    (event,) = (e for e in engine.cache.account_for_venue(VENUE).events if e.info)
    assert event.is_reported
    assert event.ts_event == START + 8 * HOUR + 3_000_000
    assert event.info == {
        "reason": "funding",
        "instrument_id": str(position.instrument_id),
        "position_id": str(position.id),
        "rate": "0.0001",
        "price": PRICE,
        "quantity": "1.000",
        "amount": "-10",
    }
    assert position.realized_pnl.as_decimal() == ledger.pnl.total
    split_sums(ledger)


def test_shorts_receive_positive_funding_and_pay_negative():
    data = [*flat_bars(PRICE, 20), funding(START + 8 * HOUR), funding(START + 16 * HOUR, "-0.0002")]
    ledger, _ = play(Play(data, {0: [(BTC, -1.0)]}))
    assert ledger.funding["amount"].tolist() == [10.0, -20.0]
    split_sums(ledger)


def test_no_position_no_funding():
    data = [*flat_bars(PRICE, 12), funding(START + 8 * HOUR)]
    ledger, _ = play(Play(data))
    assert ledger.funding.empty
    assert ledger.pnl.total == 0


def test_funding_can_be_switched_off():
    data = [*flat_bars(PRICE, 12), funding(START + 8 * HOUR)]
    ledger, _ = play(Play(data, {0: [(BTC, 1.0)]}, settlement=SettlementConfig(funding=False)))
    assert ledger.funding.empty


def test_the_position_before_the_boundary_pays_not_the_one_flipped_to():
    data = [*flat_bars(PRICE, 12), funding(START + 8 * HOUR)]
    # Bar 7 closes a millisecond before the settlement; its order turns long into short.
    before, _ = play(Play(data, {0: [(BTC, 1.0)], 7: [(BTC, -2.0)]}))
    assert before.funding["amount"].tolist() == [10.0]
    # An order sent on the funding update itself comes too late.
    after, _ = play(Play(data, {0: [(BTC, 1.0)]}, on_funding_order=(BTC, -2.0)))
    assert after.funding["amount"].tolist() == [-10.0]


@pytest.mark.parametrize(("interval", "hours"), [(60, 3), (240, 8), (None, 5)])
def test_settlement_intervals(interval: int | None, hours: int):
    data = [*flat_bars(PRICE, 12), funding(START + hours * HOUR, interval=interval)]
    ledger, _ = play(Play(data, {0: [(BTC, 1.0)]}))
    assert len(ledger.funding) == 1


def test_announced_rates_between_settlements_are_not_settled():
    data = [
        *flat_bars(PRICE, 12),
        funding(START + 3 * HOUR, interval=480),
        funding(START + 4 * HOUR + 30 * MINUTE, interval=None),
    ]
    ledger, _ = play(Play(data, {0: [(BTC, 1.0)]}))
    assert ledger.funding.empty


@pytest.mark.parametrize(
    ("after_ns", "tolerance_secs", "n_settled"),
    [
        (0, 0.0, 1),
        (1, 0.0, 0),
        (60_000_000_000, 60.0, 1),
        (60_000_000_001, 60.0, 0),
        (5_000_000_000, 5.0, 1),
        (5_000_000_001, 5.0, 0),
        # Some milliseconds early is the same settlement, a minute early an announcement.
        (-5_000_000, 60.0, 1),
        (-1_000_000_000, 0.0, 1),
        (-1_000_000_001, 60.0, 0),
        (-60_000_000_000, 60.0, 0),
    ],
)
def test_an_update_settles_up_to_the_tolerance_and_no_longer(
    after_ns: int, tolerance_secs: float, n_settled: int
):
    data = [*flat_bars(PRICE, 12), funding(START + 8 * HOUR + after_ns)]
    settings = SettlementConfig(settlement_tolerance_secs=tolerance_secs)
    ledger, _ = play(Play(data, {0: [(BTC, 1.0)]}, settlement=settings))
    assert len(ledger.funding) == n_settled


def test_several_instruments_settle_each_at_its_own_price():
    data = [*flat_bars(PRICE, 12), *flat_bars(100.0, 12, "SOLUSDT")]
    data += [funding(START + 8 * HOUR), funding(START + 4 * HOUR, "0.001", "SOLUSDT", 240)]
    ledger, _ = play(Play(data, {1: [(BTC, 1.0), ("SOLUSDT", -10.0)]}, symbols=(BTC, "SOLUSDT")))
    assert ledger.funding[["symbol", "amount"]].to_numpy().tolist() == [
        ["SOLUSDT", 1.0],
        [BTC, -10.0],
    ]
    split_sums(ledger)


def test_each_wallet_covers_and_pays_for_what_settles_in_it():
    # What is held and ordered in one currency takes no margin from the other.
    coin_symbol = "BTCUSD_PERP"
    data = [*flat_bars(PRICE, 12), *flat_bars(PRICE, 12, coin_symbol)]
    data += [funding(START + 8 * HOUR), funding(START + 8 * HOUR, "0.0002", coin_symbol)]
    wallets = [Money(100_000, USDT), Money(1, COIN)]
    script = Play(
        data,
        {1: [(BTC, 1.0)], 2: [(coin_symbol, -50.0)]},
        acts={bar_time(1): [("limit", BTC, 1.0, 90_000.0)]},
        symbols=(BTC, coin_symbol),
        venue={"starting_balances": wallets, "base_currency": None},
    )
    ledger, engine = play(script)
    assert ledger.refusals == {}
    account = engine.cache.account_for_venue(VENUE)
    assert account.balance_total(USDT).as_double() == pytest.approx(100_000.0 - 50.0 - 10.0)
    # Fifty contracts of 100 dollars are a twentieth of a coin.
    paid = 0.05 * 0.0005
    assert account.balance_total(COIN).as_double() == pytest.approx(1.0 - paid + 0.05 * 0.0002)


def test_funding_beyond_the_wallet_leaves_nothing_locked():
    # Nobody is liquidated: the wallet goes below zero, and what is locked never exceeds it.
    data = [*flat_bars(PRICE, 12), funding(START + 8 * HOUR, "0.5")]
    settings = SettlementConfig(liquidation=False)
    script = Play(data, {0: [(BTC, 0.1)]}, settlement=settings, balance=1_100.0)
    _, engine = play(script)
    (event,) = (e for e in engine.cache.account_for_venue(VENUE).events if e.info)
    (balance,) = event.balances
    assert balance.total == balance.free == Money(1_095 - 5_000, USDT)
    assert balance.locked == Money(0, USDT)


def test_funding_is_at_the_mark_price_where_there_is_one():
    ts = START + 7 * HOUR + 58 * MINUTE
    update = MarkPriceUpdate(instrument_id(BTC), Price.from_str("110000.00"), ts, ts)
    data = [*flat_bars(PRICE, 12), update, funding(START + 8 * HOUR)]
    ledger, _ = play(Play(data, {0: [(BTC, 1.0)]}))
    assert ledger.funding["amount"].tolist() == [-11.0]


def test_isolated_long_is_liquidated_at_its_price_with_a_bounded_fee():
    ledger, engine = play(Play(hourly_bars(CRASH), {0: [(BTC, 0.1)]}))
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    # 10x long from 100,000 of the first bracket; rounded up to the tick.
    assert forced["price"].tolist() == [pytest.approx(90_361.5, abs=0.11)]
    margin = 1_000.0
    lost = 0.1 * (PRICE - forced["price"].iloc[0])
    left = margin - lost
    assert forced["fee"].iloc[0] == pytest.approx(left)
    assert forced["fee"].iloc[0] <= 0.0125 * 0.1 * forced["price"].iloc[0]
    assert float(ledger.pnl.liquidations) == pytest.approx(-margin)
    assert engine.cache.positions_open() == []
    split_sums(ledger)


def test_what_liquidates_is_an_order_of_the_exchange_itself():
    _, engine = play(Play(hourly_bars(CRASH), {0: [(BTC, 0.1)]}))
    entry, forced = sorted(engine.cache.orders(), key=lambda order: order.ts_init)
    assert str(forced.client_order_id) == str(forced.venue_order_id) == "LIQUIDATION-1"
    assert forced.is_reduce_only
    assert forced.time_in_force == TimeInForce.IOC
    assert forced.liquidity_side == LiquiditySide.TAKER
    assert forced.position_id == entry.position_id
    stages = [OrderInitialized, OrderSubmitted, OrderAccepted, OrderFilled]
    assert [type(event) for event in forced.events] == stages
    assert {event.ts_event for event in forced.events[1:]} == {bar_time(2)}


def test_a_run_after_a_reset_is_the_same_and_what_was_settled_is_said():
    said: list[str] = []
    logger = SimpleNamespace(info=said.append)
    module = Settlement(SettlementConfig())
    engine = make_engine((BTC,), modules=[module])
    crash = [(PRICE, PRICE, PRICE, PRICE)] * 9 + [(PRICE, PRICE, 80_000.0, 81_000.0)] * 2
    add_data(engine, [*hourly_bars(crash), funding(START + 8 * HOUR), funding(START + 12 * HOUR)])
    strategy = Script(ScriptConfig())
    strategy.acts = {bar_time(0): [("market", BTC, 0.1), ("market", BTC, 5e5)]}
    # One that waits for a bar's close, and one for a bar that does not come.
    strategy.acts[START + 2 * HOUR + MINUTE] = [("market", BTC, 0.001)]
    strategy.acts[START + 11 * HOUR + MINUTE] = [("market", BTC, 0.002)]
    engine.add_strategy(strategy)
    seen = []
    for _ in range(2):
        fills = record_fills(engine)
        engine.run()
        ledger = read_ledger(engine, fills, VENUE, USDT)
        seen.append((ledger.fills, ledger.funding, ledger.paths, ledger.refusals))
        module.log_diagnostics(logger)
        engine.reset()
        module.log_diagnostics(logger)
    first, second = seen
    pd.testing.assert_frame_equal(first[0], second[0])
    assert first[0]["reason"].tolist() == ["order", "order", "liquidation"]
    pd.testing.assert_frame_equal(first[1], second[1])
    assert first[2][BTC].price.tolist() == second[2][BTC].price.tolist()
    assert first[3] == second[3] == {"-2027": 1}
    done = ["1 funding payments, 1 liquidations", "brackets of BTCUSDT from 2026-01-01"]
    assert said == [*done, "0 funding payments, 0 liquidations"] * 2


@pytest.mark.parametrize("rate", [0.0, 0.001])
def test_the_clearance_fee_can_be_set(rate: float):
    settings = SettlementConfig(clearance_fee_rate=rate)
    ledger, _ = play(Play(hourly_bars(CRASH), {0: [(BTC, 0.1)]}, settlement=settings))
    forced = ledger.fills.iloc[-1]
    assert forced["reason"] == "liquidation"
    assert forced["fee"] == pytest.approx(rate * 0.1 * forced["price"])


def test_a_jump_is_settled_at_the_bankruptcy_price():
    crash = [(PRICE, PRICE, PRICE, PRICE)] * 2 + [(50_000.0, 50_000.0, 40_000.0, 45_000.0)] * 2
    ledger, engine = play(
        Play(hourly_bars(crash), {0: [(BTC, 0.1)]}, {0: (BTC, -0.1, 95_000.0)}, balance=1_500.0)
    )
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    assert forced["price"].tolist() == [90_000.0]
    assert forced["fee"].tolist() == [0.0]
    # The stop at 95,000 was jumped over and is gone with the position.
    assert len(ledger.fills) == 2
    account = engine.cache.account_for_venue(VENUE)
    assert account.balance_total(USDT).as_double() == pytest.approx(500.0 - 5.0)
    assert engine.cache.orders_open() == []
    split_sums(ledger)


def test_a_nearer_stop_comes_before_the_liquidation():
    ledger, _ = play(Play(hourly_bars(CRASH), {0: [(BTC, 0.1)]}, {0: (BTC, -0.1, 95_000.0)}))
    assert ledger.fills["price"].tolist() == [PRICE, 95_000.0]
    assert ledger.pnl.liquidations == 0


def test_short_is_liquidated_by_the_high():
    rally = [(PRICE, PRICE, PRICE, PRICE)] * 2 + [(PRICE, 120_000.0, PRICE, 119_000.0)] * 2
    ledger, _ = play(Play(hourly_bars(rally), {0: [(BTC, -0.1)]}))
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    assert forced["price"].tolist() == [pytest.approx(109_561.7, abs=0.11)]
    assert float(ledger.pnl.liquidations) == pytest.approx(-1_000.0)


def test_the_mark_price_decides_where_there_is_one():
    calm = [mark_bar(i, 99_000.0, PRICE, PRICE) for i in range(4)]
    spared, _ = play(Play([*calm, *hourly_bars(CRASH)], {0: [(BTC, 0.1)]}))
    assert spared.pnl.liquidations == 0
    marks = [mark_bar(0, PRICE, PRICE, PRICE), mark_bar(1, 80_000.0, PRICE, PRICE)]
    hit, _ = play(Play([*marks, *flat_bars(PRICE, 4)], {0: [(BTC, 0.1)]}))
    assert hit.fills["reason"].tolist()[-1] == "liquidation"


def test_a_low_before_the_entry_liquidates_nobody():
    rows = [(PRICE, PRICE, PRICE, PRICE), (PRICE, PRICE, 80_000.0, PRICE)]
    rows += [(PRICE, PRICE, PRICE, PRICE)] * 2
    ledger, _ = play(Play(hourly_bars(rows), {1: [(BTC, 0.1)]}))
    assert ledger.pnl.liquidations == 0


def test_liquidation_can_be_switched_off():
    settings = SettlementConfig(liquidation=False)
    ledger, _ = play(Play(hourly_bars(CRASH), {0: [(BTC, 0.1)]}, settlement=settings))
    assert ledger.pnl.liquidations == 0


def test_cross_margin_is_backed_by_the_whole_account():
    settings = SettlementConfig(margin="cross")
    rich, _ = play(Play(hourly_bars(CRASH), {0: [(BTC, 0.1)]}, settlement=settings))
    assert rich.pnl.liquidations == 0
    poor, engine = play(
        Play(hourly_bars(CRASH), {0: [(BTC, 0.1)]}, settlement=settings, balance=1_500.0)
    )
    assert poor.fills["reason"].tolist()[-1] == "liquidation"
    left = engine.cache.account_for_venue(VENUE).balance_total(USDT).as_double()
    assert 0.0 <= left < 1.0
    split_sums(poor)


def test_cross_margin_counts_the_other_positions():
    bars = hourly_bars(
        [(PRICE, PRICE, PRICE, PRICE)] * 3 + [(PRICE, PRICE, 88_000.0, 88_000.0)] * 2
    )
    others = hourly_bars(
        [(100.0, 100.0, 100.0, 100.0)] * 3 + [(100.0, 100.0, 60.0, 60.0)] * 2, "SOLUSDT"
    )
    script = Play(
        [*bars, *others],
        {1: [(BTC, 0.1), ("SOLUSDT", 20.0)]},
        settlement=SettlementConfig(margin="cross"),
        symbols=(BTC, "SOLUSDT"),
        balance=2_030.0,
    )
    ledger, engine = play(script)
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    assert set(forced["symbol"]) == {BTC, "SOLUSDT"}
    left = engine.cache.account_for_venue(VENUE).balance_total(USDT).as_double()
    assert left >= 0.0
    split_sums(ledger)


def test_funding_drains_the_isolated_margin():
    # 5 % of the notional leaves half of the margin of a 10x long: it is liquidated near -5 %.
    rows = [(PRICE, PRICE, PRICE, PRICE)] * 10 + [(PRICE, PRICE, 95_300.0, 95_500.0)] * 2
    data = [*hourly_bars(rows), funding(START + 8 * HOUR, "0.05")]
    ledger, _ = play(Play(data, {0: [(BTC, 0.1)]}))
    assert ledger.fills["reason"].tolist()[-1] == "liquidation"
    assert float(ledger.pnl.liquidations + ledger.pnl.funding) == pytest.approx(-1_000.0)


def test_brackets_come_from_a_file(tmp_path):
    rows = [
        {
            "bracket": 1,
            "initialLeverage": 20,
            "notionalCap": 1e12,
            "notionalFloor": 0,
            "maintMarginRatio": 0.05,
            "cum": 0.0,
        }
    ]
    path = tmp_path / "brackets.json"
    path.write_text(json.dumps([{"symbol": BTC, "brackets": rows}]))
    crash = [(PRICE, PRICE, PRICE, PRICE)] * 2 + [(PRICE, PRICE, 94_000.0, 94_500.0)] * 2
    settings = SettlementConfig(brackets_path=str(path))
    ledger, _ = play(Play(hourly_bars(crash), {0: [(BTC, 0.1)]}, settlement=settings))
    price = ledger.fills["price"].iloc[-1]
    assert price == pytest.approx(90_000.0 / 0.95, abs=0.11)


def test_an_unreadable_brackets_file_is_told(tmp_path):
    with pytest.raises(SettingError, match="brackets_path must be a readable JSON file"):
        Settlement(SettlementConfig(brackets_path=str(tmp_path / "none.json")))
