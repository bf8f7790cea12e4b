from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.indicators import AverageTrueRange
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.indicators import MovingAverageType
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import SECOND
from support.trading_engine import START
from support.trading_engine import make_bar
from support.trading_engine import make_engine
from support.trading_market import BTC
from support.trading_market import bar_type_of
from support.trading_market import run_strategy

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.backtest.rival_signals import LiquidationReplay
from liq_nautilus.nautilus.backtest.run_config import _strategy
from liq_nautilus.nautilus.config import LiquidationReplayConfig
from liq_nautilus.nautilus.config import LiquidationStrategyConfig
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.internals import instrument_topic
from liq_nautilus.nautilus.strategy import LiquidationStrategy
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationForecast
from liq_nautilus.nautilus.types import LiquidationLevels

if TYPE_CHECKING:
    from pathlib import Path

FAST = {"fast_period": 4, "slow_period": 12, "range_period": 12, "patience": 6}
STEP = 5 * MINUTE


def wave(n: int = 288, height: float = 0.02, noise: float = 0.0004) -> list:
    """A price that swings with a period of 12 hours."""
    rng = np.random.default_rng(3)
    swing = height * np.sin(2.0 * np.pi * np.arange(n) / 144.0)
    closes = 100_000.0 * np.exp(swing + np.cumsum(rng.standard_normal(n)) * noise)
    opens = np.concatenate([[100_000.0], closes[:-1]])
    return [
        make_bar(
            bar_type_of(),
            START + i * STEP,
            (o, max(o, c) * 1.0003, min(o, c) / 1.0003, c),
        )
        for i, (o, c) in enumerate(zip(opens, closes, strict=True))
    ]


def replay(path: Path, rows: list[tuple[int, str, int]]) -> LiquidationReplay:
    table = pd.DataFrame(rows, columns=["ts", "action", "position_side"])
    table["cluster_price"] = np.nan
    table["cluster_notional"] = np.nan
    table.to_parquet(path / "signals.parquet")
    return LiquidationReplay(
        LiquidationReplayConfig(instrument_id=BTC, table_path=str(path / "signals.parquet"))
    )


def every(action: str, n: int = 288, side: int = 0) -> list[tuple[int, str, int]]:
    return [(START + i * STEP + 60 * SECOND, action, side) for i in range(n)]


def test_the_rule_trades_crossings_with_brackets_and_ends_flat():
    ledger, strategy = run_strategy(wave(), use_signals=False, **FAST)
    assert set(ledger.positions["entry_reason"]) == {"trend"}
    assert set(ledger.positions["exit_reason"]) <= {"stop", "take-profit", "close"}
    assert len(ledger.positions) >= 3
    assert len(set(ledger.positions["tag"])) == len(ledger.positions)
    assert {-1, 1} == set(ledger.positions["side"])
    held = (ledger.fills["side"] * ledger.fills["quantity"]).sum()
    assert held == pytest.approx(0.0)
    assert strategy.cache.orders_open() == []
    # What stop and size promise: a loss at the stop of about a hundredth of equity.
    assert ledger.positions["pnl"].min() > -0.013 * 100_000.0


def test_the_quantity_follows_risk_and_leverage():
    small, _ = run_strategy(wave(), use_signals=False, **FAST, risk_fraction=0.001)
    usual, _ = run_strategy(wave(), use_signals=False, **FAST, risk_fraction=0.002)
    assert usual.positions["quantity"].iloc[0] == pytest.approx(
        2.0 * small.positions["quantity"].iloc[0], abs=0.002
    )
    capped, _ = run_strategy(wave(), use_signals=False, **FAST, max_leverage=0.1)
    first = capped.positions.iloc[0]
    assert first["quantity"] * first["entry_price"] <= 0.1 * 100_000.0


def test_too_small_an_order_is_not_sent():
    ledger, strategy = run_strategy(wave(), use_signals=False, **FAST, max_leverage=1e-6)
    assert ledger.fills.empty
    assert strategy.n_refused > 0


def test_nothing_is_traded_before_its_time():
    start = START + 12 * HOUR
    ledger, _ = run_strategy(wave(), use_signals=False, **FAST, trade_from_ns=start)
    assert ledger.fills["ts"].min() >= start


def test_without_signals_no_entry_when_signals_are_asked_for():
    ledger, _ = run_strategy(wave(), use_signals=True, **FAST)
    assert ledger.fills.empty


@pytest.mark.parametrize("action", ["WAIT", "AVOID"])
def test_wait_and_avoid_keep_out(tmp_path: Path, action: str):
    actor = replay(tmp_path, every(action))
    ledger, _ = run_strategy(wave(), extra_actors=(actor,), use_signals=True, **FAST)
    assert ledger.fills.empty


def test_clear_changes_nothing(tmp_path: Path):
    actor = replay(tmp_path, every("CLEAR"))
    gated, _ = run_strategy(wave(), extra_actors=(actor,), use_signals=True, **FAST)
    free, _ = run_strategy(wave(), use_signals=False, **FAST)
    pd.testing.assert_frame_equal(gated.fills, free.fills)


def test_an_entry_is_made_up_for_within_the_patience(tmp_path: Path):
    free, _ = run_strategy(wave(), use_signals=False, **FAST)
    crossing = int(free.positions["tag"].iloc[0])
    soon = [row for row in every("AVOID") if row[0] < crossing + 2 * STEP]
    actor = replay(tmp_path, [*soon, *[r for r in every("CLEAR") if r[0] >= crossing + 2 * STEP]])
    late, _ = run_strategy(wave(), extra_actors=(actor,), use_signals=True, **FAST)
    assert late.positions["tag"].iloc[0] == str(crossing)
    assert crossing < late.positions["ts_opened"].iloc[0] <= crossing + 4 * STEP
    gone = [row for row in every("AVOID") if row[0] < crossing + 20 * STEP]
    rest = [row for row in every("CLEAR") if row[0] >= crossing + 20 * STEP]
    actor = replay(tmp_path, [*gone, *rest])
    never, _ = run_strategy(wave(), extra_actors=(actor,), use_signals=True, **FAST)
    assert str(crossing) not in never.positions["tag"].tolist()


def test_a_reversal_enters_against_the_cascade_for_a_limited_time(tmp_path: Path):
    ts = START + 8 * HOUR
    rows = [(ts, "REVERSAL_OPPORTUNITY", 1), (ts + STEP, "REVERSAL_OPPORTUNITY", 1)]
    actor = replay(tmp_path, [*rows, (ts + 2 * STEP, "WAIT", 0)])
    ledger, _ = run_strategy(
        wave(noise=0.00001, height=0.0001),
        extra_actors=(actor,),
        use_signals=True,
        trade_reversals=True,
        reversal_stop_multiple=50.0,
        reversal_take_profit_multiple=50.0,
        reversal_hold_secs=3_600.0,
        **FAST,
    )
    taken = ledger.positions[ledger.positions["entry_reason"] == "reversal"]
    assert len(taken) == 1
    assert taken["side"].tolist() == [1]
    # On the hour, between two bars: filled at the open of the next, known when that one is over.
    assert taken["ts_opened"].iloc[0] == ts + STEP - 1_000_000
    assert taken["exit_reason"].tolist() == ["close"]
    assert ts + HOUR <= taken["ts_closed"].iloc[0] <= ts + HOUR + STEP


def test_a_reversal_closes_what_it_argues_against(tmp_path: Path):
    free, _ = run_strategy(wave(), use_signals=False, **FAST)
    trade = free.positions.iloc[0]
    ts = int(trade["ts_opened"]) + 60 * SECOND
    clear = [row for row in every("CLEAR") if row[0] < ts]
    turn = [(ts, "REVERSAL_OPPORTUNITY", -int(trade["side"]))]
    actor = replay(tmp_path, [*clear, *turn])
    options = {"extra_actors": (actor,), "use_signals": True, **FAST}
    ledger, _ = run_strategy(wave(), trade_reversals=True, **options)
    first, second = ledger.positions.iloc[0], ledger.positions.iloc[1]
    # Inside a bar: closed and turned round at its close.
    assert first["ts_closed"] == second["ts_opened"] == trade["ts_opened"] + STEP
    assert second["entry_reason"] == "reversal"
    assert second["side"] == -first["side"]


def test_reversals_are_not_traded_unless_asked_for(tmp_path: Path):
    rows = [(ts, "REVERSAL_OPPORTUNITY", -1) for ts, *_ in every("CLEAR")]
    actor = replay(tmp_path, rows)
    ledger, _ = run_strategy(wave(), extra_actors=(actor,), use_signals=True, **FAST)
    assert "reversal" not in ledger.positions["entry_reason"].tolist()


def sized(risk: float, unit: float = 1.0, **settings: object) -> tuple[float, float]:
    """Return the share and the stop of a strategy that heard one signal and knows the crowd."""
    config = LiquidationStrategyConfig(instrument_id=BTC, bar_type=bar_type_of(), **settings)
    strategy = LiquidationStrategy(config)
    placed = SimpleNamespace(stop_placement=97.0 * unit)
    strategy._signals = SimpleNamespace(
        last=SimpleNamespace(risk=risk), position_risk=lambda *_: placed
    )
    return strategy._share(), strategy._placed_stop(1, 100.0 * unit, 98.0 * unit)


def test_positions_are_scaled_by_risk_and_stops_placed_by_it_on_request():
    assert sized(0.3) == (1.0, 98.0)
    assert sized(0.3, scale_by_risk=True) == (0.7, 98.0)
    assert sized(math.nan, scale_by_risk=True) == (1.0, 98.0)
    assert sized(0.3, place_stops=True) == (1.0, 97.0)
    # Of coins worth a thousandth of a dollar too.
    assert sized(0.3, 1e-5, place_stops=True) == (1.0, 97.0 * 1e-5)


@pytest.mark.parametrize("stop", [0.0, -2.0])
def test_a_stop_that_no_price_reaches_is_left_where_it_is(stop: float):
    strategy = LiquidationStrategy(
        LiquidationStrategyConfig(instrument_id=BTC, bar_type=bar_type_of(), place_stops=True)
    )
    placed = SimpleNamespace(stop_placement=97.0)
    strategy._signals = SimpleNamespace(position_risk=lambda *_: placed)
    assert strategy._placed_stop(1, 100.0, stop) == stop
    assert strategy._placed_stop(1, 100.0, 1e-9) == 97.0


def test_without_signals_or_before_any_nothing_is_scaled_or_placed():
    config = LiquidationStrategyConfig(
        instrument_id=BTC, bar_type=bar_type_of(), scale_by_risk=True, place_stops=True
    )
    strategy = LiquidationStrategy(config)
    assert strategy._share() == 1.0
    assert strategy._placed_stop(-1, 100.0, 103.0) == 103.0
    strategy._signals = SimpleNamespace(last=None, position_risk=lambda *_: None)
    assert strategy._share() == 1.0
    assert strategy._placed_stop(-1, 100.0, 103.0) == 103.0


class Onlooker(Actor):
    """Note what is subscribed to when the first bar has come."""

    def on_start(self) -> None:
        self.subscribe_bars(bar_type_of())

    def on_bar(self, _: object) -> None:
        self.topics = self.msgbus.topics()


@pytest.mark.parametrize("place_stops", [False, True])
def test_a_strategy_follows_the_map_where_it_places_its_stops_by_it(place_stops):
    onlooker = Onlooker(ActorConfig(component_id="ONLOOKER"))
    run_strategy(wave(2), extra_actors=(onlooker,), place_stops=place_stops)
    for kind in (LiquidationLevels, LiquidationClusters, LiquidationForecast):
        assert (instrument_topic(kind, BTC) in onlooker.topics) == place_stops


def test_an_unknown_instrument_stops_the_strategy():
    engine = make_engine(settlement=SettlementConfig())
    sol = BTC.from_str("SOLUSDT-PERP.BINANCE")
    bar_type = bar_type_of().from_str(str(bar_type_of()).replace("BTC", "SOL"))
    strategy = LiquidationStrategy(LiquidationStrategyConfig(instrument_id=sol, bar_type=bar_type))
    engine.add_strategy(strategy)
    engine.add_data(wave(12))
    engine.run()
    assert strategy.is_stopped
    strategy.reset()
    assert strategy.n_refused == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fast_period": 0}, "fast_period must be at least 1, was 0"),
        ({"fast_period": 20, "slow_period": 20}, "slow_period must be above 20, was 20"),
        ({"risk_fraction": 1.5}, "risk_fraction must be at most 1, was 1.5"),
        ({"stop_multiple": 0.0}, "stop_multiple must be above 0, was 0"),
        (
            {"bar_type": bar_type_of().from_str("SOLUSDT-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL")},
            "bar_type must be one of BTCUSDT-PERP.BINANCE",
        ),
    ],
)
def test_wrong_settings_are_told(settings: dict, message: str):
    with pytest.raises(SettingError, match=message):
        LiquidationStrategyConfig(**{"instrument_id": BTC, "bar_type": bar_type_of(), **settings})


def test_settlement_settings_are_checked():
    with pytest.raises(SettingError, match="clearance_fee_rate must be at most 1"):
        SettlementConfig(clearance_fee_rate=1.5)


def indicators_until(bars: list, ts: int, fast: int, slow: int, period: int) -> tuple:
    averages = (ExponentialMovingAverage(fast), ExponentialMovingAverage(slow))
    width = AverageTrueRange(period, MovingAverageType.EXPONENTIAL)
    for bar in bars:
        if bar.ts_event <= ts:
            for indicator in (*averages, width):
                indicator.handle_bar(bar)
    return (*averages, width)


@pytest.mark.parametrize(
    ("stop", "target", "risk", "leverage"), [(1.5, 3.0, 0.01, 2.0), (0.7, 1.9, 0.004, 9.0)]
)
def test_an_entry_has_exactly_the_promised_stop_target_size_and_tags(
    stop: float, target: float, risk: float, leverage: float
):
    bars = wave()
    _, strategy = run_strategy(
        bars,
        use_signals=False,
        **FAST,
        stop_multiple=stop,
        take_profit_multiple=target,
        risk_fraction=risk,
        max_leverage=leverage,
    )
    orders = sorted(
        strategy.cache.orders(), key=lambda order: (order.ts_init, order.client_order_id)
    )
    entry, *children = (order for order in orders if order.tags != ["close"])
    ts = entry.ts_init
    fast, slow, width = indicators_until(bars, ts, 4, 12, 12)
    price = next(bar.close.as_double() for bar in bars if bar.ts_event == ts)
    side = 1 if fast.value > slow.value else -1
    assert entry.is_buy == (side > 0)
    distance = stop * width.value * 4**0.5
    size = min(risk * 100_000.0 / distance, leverage * 100_000.0 / price)
    assert entry.quantity.as_double() == pytest.approx(math.floor(size * 1_000.0) / 1_000.0)
    by_tag = {order.tags[0]: order for order in children[:2]}
    # Rounded to the tick of 0.1.
    found = by_tag["stop"].trigger_price.as_double()
    assert found == pytest.approx(price - side * distance, abs=0.051)
    found = by_tag["take-profit"].price.as_double()
    assert found == pytest.approx(price + side * target * width.value * 2.0, abs=0.051)
    assert not by_tag["take-profit"].is_post_only
    assert entry.tags == ["trend", str(ts)]


def test_positions_end_for_the_reason_they_say():
    ledger, _ = run_strategy(wave(), use_signals=False, **FAST)
    by_id = {"stop": 0, "take-profit": 0, "close": 0}
    for trip in ledger.positions.itertuples():
        last = ledger.fills[ledger.fills["ts"] == trip.ts_closed]["reason"].tolist()
        assert trip.exit_reason in last
        by_id[trip.exit_reason] += 1
    assert sum(by_id.values()) >= 3
    wide = {"stop_multiple": 60.0, "take_profit_multiple": 60.0}
    late, _ = run_strategy(wave(), use_signals=False, **FAST, **wide)
    assert set(late.positions["exit_reason"]) == {"close"}
    tight, _ = run_strategy(wave(), use_signals=False, **FAST, stop_multiple=0.05)
    assert set(tight.positions["exit_reason"]) >= {"stop"}
    near, _ = run_strategy(wave(), use_signals=False, **FAST, take_profit_multiple=0.05)
    assert set(near.positions["exit_reason"]) >= {"take-profit"}


@pytest.mark.parametrize(
    ("rules", "given", "expected"),
    [
        ("default", {}, False),
        ("simple", {}, True),
        ("default", {"trade_reversals": True}, True),
        ("simple", {"trade_reversals": False}, False),
    ],
)
def test_only_the_simple_rules_act_on_reversals_by_themselves(rules, given, expected):
    options = SimpleNamespace(rules=rules, strategy=given)
    scope = SimpleNamespace(bar="5m", start_ns=0, options=options)
    found = _strategy(scope, "BTCUSDT", 0, use_signals=True)
    assert found.config["trade_reversals"] is expected
