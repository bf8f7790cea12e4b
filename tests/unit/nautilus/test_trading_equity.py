"""What equity was inside bars: along the way on which the venue took prices and orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.model.currencies import BTC as COIN
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Money
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

from liq_nautilus.nautilus.backtest.equity import equity_curve
from liq_nautilus.nautilus.backtest.equity import max_drawdown
from liq_nautilus.nautilus.backtest.ledger import Ledger
from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instrument_id

E = 100_000.0
FLAT = (E, E, E, E)
BTC, SOL, COIN_BTC = "BTCUSDT", "SOLUSDT", "BTCUSD_PERP"
RATE = 0.0005


def frame(bars: list) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ts_close": [bar.ts_event for bar in bars],
            "close": [bar.close.as_double() for bar in bars],
        }
    )


def curve_of(rows: list, acts: dict[int, list], **settings: Any) -> pd.DataFrame:
    bars = hourly_bars(rows)
    script = {bar_time(number): sent for number, sent in acts.items()}
    data = [*bars, *settings.pop("extra", [])]
    ledger, _ = play(Play(data, acts=script, **{"leverage": 5, **settings}))
    return equity_curve(ledger, {BTC: frame(bars)}, START)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("size", [1.0, 0.3])
def test_a_target_is_met_after_the_worse_extreme(side: int, size: float):
    # Against the position by 2,000, then the target at 3,000, all in one bar.
    worse, better, target = E - side * 2_000.0, E + side * 4_000.0, E + side * 3_000.0
    bar = (E, max(worse, better), min(worse, better), E)
    orders = [("market", BTC, side * size), ("limit", BTC, -side * size, target)]
    curve = curve_of([FLAT, bar, FLAT], {0: orders})
    start = E - RATE * E * size
    closed = start + 3_000.0 * size - 0.0002 * target * size
    row = curve.iloc[2]
    assert row["low"] == pytest.approx(start - 2_000.0 * size)
    assert row["high"] == pytest.approx(start + 3_000.0 * size)
    assert row["equity"] == pytest.approx(closed)
    assert row["peak"] - row["trough"] == pytest.approx(2_000.0 * size)
    assert max_drawdown(curve) == pytest.approx((E - row["low"]) / E)


def test_what_a_limit_opens_goes_along_to_the_low_after_it():
    bar = (E, 100_500.0, 94_000.0, 98_000.0)
    curve = curve_of([FLAT, bar], {0: [("limit", BTC, 0.5, 95_000.0)]})
    fee = 0.0002 * 0.5 * 95_000.0
    row = curve.iloc[2]
    assert row["low"] == pytest.approx(E - fee - 500.0)
    assert row["equity"] == row["high"] - 0.0 == pytest.approx(E - fee + 1_500.0)


@pytest.mark.parametrize("side", [1, -1])
def test_a_bar_at_whose_close_a_position_is_left_was_held_through(side: int):
    bar = (E, 104_000.0, 95_000.0, 101_000.0)
    acts = {0: [("market", BTC, side * 1.0)], 1: [("close", BTC)]}
    curve = curve_of([FLAT, bar, (101_000.0, 120_000.0, 80_000.0, E)], acts)
    start = E - RATE * E
    extremes = sorted((start + side * (p - E)) for p in (95_000.0, 104_000.0))
    assert curve.iloc[2][["low", "high"]].tolist() == pytest.approx(extremes)
    # What came after it was gone does not count.
    after = curve.iloc[3]
    assert after["low"] == after["high"] == after["equity"] == curve["equity"].iloc[2]


def test_the_fall_from_a_high_inside_the_last_bar_counts():
    curve = curve_of([FLAT, (E, 110_000.0, 99_000.0, E)], {0: [("market", BTC, 1.0)]})
    start = E - RATE * E
    ends = [start + 10_000.0, start]
    assert curve[["peak", "trough"]].iloc[-1].tolist() == pytest.approx(ends)
    assert max_drawdown(curve) == pytest.approx(10_000.0 / (start + 10_000.0))


def test_a_flip_inside_a_bar_is_followed_on_both_sides():
    # Long 0.5; at the low's 98,000 a stop sells 1.0: short from there to the low, then to the high.
    orders = [("market", BTC, 0.5), ("entry", BTC, -1.0, 98_000.0)]
    curve = curve_of([FLAT, (E, 101_000.0, 97_000.0, 100_500.0)], {0: orders})
    start = E - RATE * 0.5 * E
    flipped = start - 1_000.0 - RATE * 98_000.0
    row = curve.iloc[2]
    assert row["high"] == pytest.approx(start)
    assert row["low"] == pytest.approx(flipped - 0.5 * 3_000.0)
    assert row["equity"] == pytest.approx(flipped - 0.5 * 2_500.0)
    # The deepest fall is from the opening to the high at the short's side.
    assert row["peak"] == pytest.approx(start)
    assert row["trough"] == row["low"]


def test_a_gap_costs_no_more_than_what_backs_the_position():
    curve = curve_of([FLAT, (60_000.0,) * 4], {0: [("market", BTC, 1.0)]})
    assert curve["low"].iloc[-1] == curve["equity"].iloc[-1]
    assert curve["equity"].iloc[-1] == pytest.approx(E - RATE * E - 20_000.0)


def test_a_liquidation_is_followed_to_its_price_and_no_further():
    rows = [FLAT, (E, 101_000.0, 60_000.0, 100_500.0), FLAT]
    curve = curve_of(rows, {0: [("market", BTC, 1.0)]})
    # 5x: closed at 80,321.3 or thereabouts; the clearance fee takes what is left.
    row = curve.iloc[2]
    assert row["low"] == row["equity"] == pytest.approx(E - RATE * E - 20_000.0, abs=0.2)
    assert row["high"] == pytest.approx(E - RATE * E)


def trades(prices: dict[int, float]) -> list[TradeTick]:
    instrument = built_in_instrument(BTC)
    return [
        TradeTick(
            instrument.id,
            instrument.make_price(price),
            instrument.make_qty(10.0),
            AggressorSide.BUYER,
            TradeId(str(minute)),
            START + minute * MINUTE,
            START + minute * MINUTE,
        )
        for minute, price in prices.items()
    ]


def test_where_trades_come_they_are_the_way():
    # In the second bar: a low before the entry, one after it, a high after the exit.
    prices = dict.fromkeys(range(60, 120), E)
    prices |= {61: 90_000.0, 75: 98_000.0, 76: 99_000.0, 77: 98_500.0, 95: 120_000.0}
    prices |= {121: 97_000.0, 122: E}
    at = [START + minute * MINUTE for minute in (70, 90, 120)]
    buy, sell = ("market", BTC, 1.0), ("market", BTC, -1.0)
    acts = {at[0]: [buy], at[1]: [sell], at[2]: [buy]}
    rows = [FLAT, (E, 120_000.0, 90_000.0, E), (E, E, 97_000.0, E)]
    bars = hourly_bars(rows)
    more = trades(dict.fromkeys(range(123, 180), E))
    data = [*bars, *trades(prices), *trades({120: E}), *more]
    ledger, _ = play(Play(data, acts=acts, leverage=5))
    curve = equity_curve(ledger, {BTC: frame(bars)}, START)
    start = E - RATE * E
    row = curve.iloc[2]
    assert row["low"] == pytest.approx(start - 2_000.0)
    assert row["high"] == pytest.approx(start)
    # Each bar has extremes of its own, also where they lie between those of the one before.
    assert curve["low"].iloc[3] == pytest.approx(E - 3 * RATE * E - 3_000.0)
    path = ledger.paths[BTC]
    assert len(path.ts) < 12
    assert np.all(np.diff(path.ts) >= 0)


def test_a_bar_among_trades_has_extremes_of_its_own_also_without_a_fill():
    prices = {1: E, 20: 98_000.0, 40: 101_000.0, 59: E, 61: 99_000.0, 100: 100_500.0, 119: E}
    bars = hourly_bars([(E, 101_000.0, 98_000.0, E), (99_000.0, 100_500.0, 99_000.0, E)])
    acts = {START + MINUTE: [("market", BTC, 1.0)]}
    ledger, _ = play(Play([*bars, *trades(prices)], acts=acts, leverage=5))
    curve = equity_curve(ledger, {BTC: frame(bars)}, START)
    moved = curve[["low", "high"]].to_numpy()[1:] - (E - RATE * E)
    assert moved == pytest.approx(np.array([[-2_000.0, 1_000.0], [-1_000.0, 500.0]]))


def test_several_symbols_fall_as_if_together():
    btc = hourly_bars([FLAT, (E, 101_000.0, 98_000.0, E)])
    sol = hourly_bars([(200.0,) * 4, (200.0, 202.0, 197.0, 200.0)], SOL)
    acts = {bar_time(0): [("market", BTC, 1.0), ("market", SOL, -100.0)]}
    script = Play([*btc, *sol], acts=acts, symbols=(BTC, SOL), leverage=5)
    ledger, _ = play(script)
    curve = equity_curve(ledger, {BTC: frame(btc), SOL: frame(sol)}, START)
    before = curve["equity"].iloc[1]
    assert curve["low"].iloc[2] == pytest.approx(before - 2_000.0 - 200.0)
    assert curve["high"].iloc[2] == pytest.approx(before + 1_000.0 + 300.0)
    # The long from its opening to the low, the short from 197 to the close.
    assert (curve["peak"] - curve["trough"]).iloc[2] == pytest.approx(2_000.0 + 300.0)


def test_funding_between_bars_belongs_to_the_way_after_it():
    rows = [FLAT] * 8 + [(E, E, 99_000.0, E)]
    extra = [funding(START + 8 * HOUR, "0.01")]
    curve = curve_of(rows, {0: [("market", BTC, 1.0)]}, extra=extra)
    start = E - RATE * E
    assert curve["low"].iloc[8:].tolist() == pytest.approx([start, start - 1_000.0 - 1_000.0])


def test_a_liquidation_between_bars_ends_the_way():
    # A mark price liquidates half an hour before the bar whose low goes further.
    ts = START + HOUR + 30 * MINUTE
    mark = MarkPriceUpdate(
        instrument_id(BTC), built_in_instrument(BTC).make_price(75_000.0), ts, ts
    )
    rows = [FLAT, (E, E, 60_000.0, 90_000.0), (90_000.0,) * 4]
    ticks = trades({89: E})
    curve = curve_of(rows, {0: [("market", BTC, 1.0)]}, extra=[*ticks, mark])
    assert curve["low"].min() == pytest.approx(E - RATE * E - 20_000.0, abs=1.0)


def test_coins_are_followed_by_the_inverse_formula():
    bars = hourly_bars([FLAT, (E, 102_000.0, 95_000.0, 101_000.0)], COIN_BTC)
    venue = {"starting_balances": [Money(1, COIN)], "base_currency": COIN}
    engine = make_engine((COIN_BTC,), SettlementConfig(), **venue)
    add_data(engine, bars)
    strategy = Script(ScriptConfig(symbols=(COIN_BTC,)))
    orders = [("market", COIN_BTC, 5.0), ("limit", COIN_BTC, -2.0, 101_500.0)]
    strategy.acts = {bar_time(0): orders}
    engine.add_strategy(strategy)
    fills = record_fills(engine)
    engine.run()
    ledger: Ledger = read_ledger(engine, fills, VENUE, COIN)
    row = equity_curve(ledger, {COIN_BTC: frame(bars)}, START).iloc[2]
    start = 1.0 - RATE * 500.0 / E
    assert row["low"] == pytest.approx(start + 500.0 * (1.0 / E - 1.0 / 95_000.0), abs=1e-7)
    sold = 200.0 * (1.0 / E - 1.0 / 101_500.0) - 0.0002 * 200.0 / 101_500.0
    held = 300.0 * (1.0 / E - 1.0 / 102_000.0)
    assert row["high"] == pytest.approx(start + sold + held, abs=1e-7)


def test_a_run_without_positions_has_no_way():
    bars = flat_bars(E, 3)
    ledger, _ = play(Play(bars))
    curve = equity_curve(ledger, {BTC: frame(bars)}, START)
    assert ledger.paths == {}
    assert max_drawdown(curve) == 0.0
    assert ledger.slippage is None
