from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import BarType
from nautilus_trader.model.data import CustomData
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Price
from nautilus_trader.model.objects import Quantity
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import SECOND
from support.trading_engine import START
from support.trading_engine import custom
from support.trading_engine import make_engine
from support.trading_market import BTC
from support.trading_market import all_same
from support.trading_market import bar_type_of
from support.trading_market import make_actor
from support.trading_market import open_interest
from support.trading_market import random_market
from support.trading_market import run_actor

from liq_nautilus.core.records import WAIT
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.actor import LiquidationActor
from liq_nautilus.nautilus.config import OPEN_INTEREST_DELAY_SECS
from liq_nautilus.nautilus.config import LiquidationActorConfig
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.nautilus.types import MarkPriceBar

if TYPE_CHECKING:
    from pathlib import Path

MODELS = LiquidationTracker.model_names


def test_every_update_publishes_levels_of_all_models_clusters_and_a_signal():
    data = random_market(0.5)
    actor, recorder = run_actor(data)
    # 143 snapshots, whose delay ends before the data does, and a funding rate.
    assert actor.n_updates == 143 + 1
    assert len(recorder.levels) == 4 * actor.n_updates
    assert [levels.model for levels in recorder.levels[:4]] == list(MODELS)
    assert len(recorder.clusters) == actor.n_updates
    assert len(recorder.signals) == actor.n_signals >= actor.n_updates
    assert all(levels.instrument_id == BTC for levels in recorder.levels)


def test_open_interest_counts_only_after_its_delay():
    data = random_market(0.25)
    _, recorder = run_actor(data)
    late = {(s.ts_init % (5 * MINUTE)) // SECOND for s in recorder.signals}
    assert late == {round(OPEN_INTEREST_DELAY_SECS)}
    _, prompt = run_actor(data, open_interest_delay_secs=0.0)
    assert {s.ts_init % (5 * MINUTE) for s in prompt.signals} == {0}
    assert len(prompt.signals) == len(recorder.signals) + 1


@pytest.mark.parametrize("delay_secs", [0.0, 60.0, 150.0, 300.0, 600.0])
@pytest.mark.parametrize("stale_check_secs", [60.0, 300.0])
def test_every_release_is_published_whatever_else_falls_on_its_moment(
    delay_secs: float, stale_check_secs: float
):
    actor, recorder = run_actor(
        random_market(0.5), open_interest_delay_secs=delay_secs, stale_check_secs=stale_check_secs
    )
    snapshots = {START + i * 5 * MINUTE + round(delay_secs) * SECOND for i in range(1, 145)}
    known = {ts for ts in snapshots if ts <= START + 12 * HOUR} | {START + 8 * HOUR}
    assert {levels.ts_init for levels in recorder.levels} == known
    assert actor.n_updates == len(known)


def test_a_map_that_was_looked_at_before_its_moment_is_over_is_published_all_the_same():
    data = random_market(0.25)
    engine, actor, recorder = make_actor(data, open_interest_delay_secs=0.0)
    engine.kernel.msgbus.subscribe("data.OpenInterest*", lambda datum: actor.tracker.ts)
    engine.run()
    assert len({levels.ts_init for levels in recorder.levels}) == 72


def test_what_comes_later_changes_nothing_before():
    data = random_market(1.0)
    cut = START + 12 * HOUR
    _, whole = run_actor(data)
    _, part = run_actor([x for x in data if x.ts_init <= cut])
    for name in ("levels", "clusters", "signals"):
        before = [x for x in getattr(whole, name) if x.ts_init <= cut]
        known = [x for x in getattr(part, name) if x.ts_init <= cut]
        assert before
        assert all_same(before, known)


def test_a_different_future_changes_nothing_before():
    cut = START + 12 * HOUR
    one, other = random_market(1.0, seed=1), random_market(1.0, seed=2)
    mixed = [x for x in one if x.ts_init <= cut] + [x for x in other if x.ts_init > cut]
    _, straight = run_actor(one)
    _, turned = run_actor(mixed)
    before = [x for x in straight.signals if x.ts_init <= cut]
    assert all_same(before, [x for x in turned.signals if x.ts_init <= cut])


def test_the_order_of_arrival_within_a_moment_does_not_matter():
    data = random_market(0.5)
    rng = np.random.default_rng(0)
    shuffled = [data[i] for i in rng.permutation(len(data))]
    _, one = run_actor(data)
    _, other = run_actor(shuffled)
    assert all_same(one.levels, other.levels)
    assert all_same(one.signals, other.signals)


def test_the_same_input_twice_gives_the_same_output():
    data = random_market(0.5)
    _, one = run_actor(data)
    _, other = run_actor(data)
    assert all_same(one.levels, other.levels)
    assert all_same(one.clusters, other.clusters)
    assert all_same(one.signals, other.signals)


def test_a_bad_datum_is_skipped_and_counted():
    data = random_market(0.25)
    bad = [open_interest(START + 2 * HOUR + 1, -1.0), open_interest(START + 3 * HOUR + 1, -2.0)]
    actor, recorder = run_actor([*data, *bad])
    assert actor.n_skipped == 2
    # The last snapshot's minute of delay ends after the data.
    assert actor.n_updates == 71
    assert len(recorder.signals) == 71


def test_silence_ends_in_wait():
    data = random_market(1.0)
    stop = START + 12 * HOUR
    bars_only = [x for x in data if x.ts_init <= stop or hasattr(x, "bar_type")]
    _, recorder = run_actor(bars_only)
    after = [s for s in recorder.signals if s.ts_init > stop + MINUTE]
    assert [s.action for s in after] == ["WAIT"]


def test_forecasts_of_the_horizons_asked_for_are_published():
    actor, recorder = run_actor(random_market(0.25), publish_forecasts=("1h", "1d"))
    horizons = [forecast.horizon for forecast in recorder.forecasts]
    assert horizons == ["1h", "1d"] * actor.n_updates
    last = actor.tracker.forecast("1d")
    found = recorder.forecasts[-1]
    # Bars have come since.
    for name in ("expected", "q99", "probability_unusual"):
        expected = [getattr(one, name) for one in last.sides.values()]
        np.testing.assert_allclose(getattr(found, name), expected, rtol=0.1)
    assert found.venues == "BINANCE+BYBIT+OKX"


def test_a_move_between_updates_is_told_when_it_changes_the_signal(monkeypatch):
    actor, _ = run_actor(random_market(0.25), stale_check_secs=60.0)
    actor._look(START + 60 * HOUR)
    signal = actor.tracker.signal()
    counts = []
    for minute, action in enumerate(("AVOID", "AVOID", "CLEAR", "AVOID")):
        moved = replace(signal, action=action)
        monkeypatch.setattr(LiquidationTracker, "signal", lambda _, moved=moved: moved)
        actor._look(START + 60 * HOUR + (minute + 2) * MINUTE)
        counts.append(actor.n_signals)
    assert np.diff(counts).tolist() == [0, 1, 1]


def trade(ts: int, number: int) -> TradeTick:
    side = AggressorSide.SELLER if number % 2 else AggressorSide.BUYER
    price, size = Price.from_str("100000.00"), Quantity.from_str("5.000")
    return TradeTick(BTC, price, size, side, TradeId(str(number)), ts, ts)


def test_trades_reach_the_trade_map():
    data = random_market(0.25)
    trades = [trade(START + HOUR + i * SECOND, i) for i in range(50)]
    _, without = run_actor([*data, *trades])
    _, taken = run_actor([*data, *trades], use_trades=True)
    assert sum(x.notional.sum() for x in without.levels if x.model == "py_liquidation_map") == 0.0
    assert sum(x.notional.sum() for x in taken.levels if x.model == "py_liquidation_map") > 0.0


def mark_data(price: float) -> list:
    ts = START + 2 * HOUR - 1_000_000
    value = Price.from_str(f"{price:.2f}")
    return [
        MarkPriceUpdate(BTC, value, START + HOUR, START + HOUR),
        MarkPriceUpdate(BTC, value, ts + 1, ts + 1),
        custom(MarkPriceBar(BTC, price, price, price, price, "5m", ts, ts)),
    ]


@pytest.mark.parametrize("kind", ["bars", "updates", "none"])
def test_mark_prices_move_the_map_in_place_of_last_prices(kind: str):
    data = [x for x in random_market(0.25) if x.ts_init <= START + 2 * HOUR]
    actor, _ = run_actor([*data, *mark_data(97_000.0)], mark_prices=kind)
    assert (actor.tracker.reference_price == 97_000.0) == (kind != "none")


def test_forced_orders_are_taken_where_they_are_wanted():
    data = random_market(0.5)
    ts = START + 11 * HOUR + 50 * MINUTE
    order = custom(LiquidationOrder(BTC, 1, 1e4, 99_000.0, 99_100.0, ts, ts))
    without, _ = run_actor(data, liquidations="orders")
    ignored, _ = run_actor([*data, order], liquidations="none")
    taken, _ = run_actor([*data, order], liquidations="orders")
    states = [pickle.dumps(actor.tracker.state()) for actor in (without, ignored, taken)]
    assert states[0] == states[1] != states[2]


def make(**settings: object) -> LiquidationActor:
    return LiquidationActor(
        LiquidationActorConfig(instrument_id=BTC, bar_type=bar_type_of(), **settings)
    )


def test_parameters_come_inline_or_from_a_file(tmp_path: Path):
    path = tmp_path / "params.json"
    path.write_text(json.dumps({"parameters": {"turnover_rate": 0.3}}))
    assert make(parameters={"turnover_rate": 0.3}).tracker.parameters.turnover_rate == 0.3
    assert make(parameters_path=str(path)).tracker.parameters.turnover_rate == 0.3
    brackets = [{"bracket": 1, "initialLeverage": 20, "notionalCap": 1e12, "notionalFloor": 0}]
    brackets[0] |= {"maintMarginRatio": 0.05, "cum": 0.0}
    file = tmp_path / "brackets.json"
    file.write_text(json.dumps([{"symbol": "BTCUSDT", "brackets": brackets}]))
    assert len(make(brackets_path=str(file)).tracker.brackets.brackets) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"publish_models": ["crystal_ball"]}, "publish_models must be among .*crystal_ball"),
        (
            {"parameters": {"turnover": 1}},
            "parameters must hold parameters of the map, one is",
        ),
        (
            {"parameters_path": "/nowhere.json"},
            "parameters_path must be a readable JSON file",
        ),
        (
            {"brackets_path": "/nowhere.json"},
            "brackets_path must be a readable JSON file",
        ),
        ({"open_interest_delay_secs": -1.0}, "open_interest_delay_secs must be at least 0, was -1"),
        ({"stale_check_secs": 0.0}, "stale_check_secs must be above 0, was 0"),
        ({"publish_range": 0.0}, "publish_range must be above 0"),
        ({"parameters": {}, "parameters_path": "x"}, "must not both be given"),
    ],
)
def test_wrong_settings_are_told_at_construction(settings: dict, message: str):
    with pytest.raises(SettingError, match=message):
        make(**settings)


@pytest.mark.parametrize("after_ns", [10 * SECOND, 4 * MINUTE, 5 * MINUTE + 1])
def test_a_node_stopped_while_inputs_wait_publishes_what_an_uninterrupted_one_does(after_ns: int):
    data = [
        *random_market(0.5),
        *(trade(START + 5 * HOUR + i * MINUTE + 7 * SECOND, i) for i in range(30)),
    ]
    cut = START + 5 * HOUR + 10 * MINUTE + after_ns
    settings = {"open_interest_delay_secs": 420.0, "use_trades": True}
    _, whole = run_actor(data, **settings)
    first, before = run_actor([x for x in data if x.ts_init <= cut], **settings)
    saved = first.save()
    engine, second, after = make_actor([x for x in data if x.ts_init > cut], **settings)
    second.load(saved)
    engine.run()
    # One that fell due while the node was down comes late, so what they say is compared.
    published = sorted((x.model, x.notional.tobytes()) for x in whole.levels)
    pieces = sorted((x.model, x.notional.tobytes()) for x in before.levels + after.levels)
    assert pieces == published
    late = {x.ts_init for x in after.levels} - {x.ts_init for x in whole.levels}
    assert len(late) <= 1


def test_a_restarted_actor_goes_on_where_it_stopped():
    data = random_market(0.5)
    actor, _ = run_actor(data)
    saved = actor.on_save()
    assert isinstance(saved["tracker"], bytes)
    fresh = make()
    fresh.on_load({})
    assert fresh.tracker.ts == 0
    fresh.on_load(saved)
    assert fresh.tracker.ts == actor.tracker.ts
    one, other = fresh.tracker.levels(), actor.tracker.levels()
    assert np.array_equal(one.notional, other.notional)
    assert fresh.tracker.signal() == actor.tracker.signal() or np.isnan(
        fresh.tracker.signal().cluster_price
    )
    different = make(parameters={"turnover_rate": 0.9})
    different.on_load(saved)
    assert different.tracker.ts == 0


def test_actors_of_two_symbols_need_no_names_of_their_own():
    eth = instrument_id("ETHUSDT")
    engine = make_engine(("BTCUSDT", "ETHUSDT"))
    bar_type = BarType.from_str(f"{eth}-5-MINUTE-LAST-EXTERNAL")
    engine.add_actor(make())
    engine.add_actor(LiquidationActor(LiquidationActorConfig(instrument_id=eth, bar_type=bar_type)))
    names = [str(actor.id) for actor in engine.trader.actors()]
    assert names == [f"LiquidationActor-{BTC}", f"LiquidationActor-{eth}"]
    named = LiquidationActorConfig(instrument_id=eth, bar_type=bar_type, component_id="MINE")
    assert str(LiquidationActor(named).id) == "MINE"


@pytest.mark.parametrize(("kind", "missing"), [(Bar, "bars"), (CustomData, "OpenInterest")])
def test_inputs_that_never_come_are_told_within_hours(kind, missing):
    data = [x for x in random_market(0.25) if not isinstance(x, kind)]
    actor, recorder = run_actor(data)
    assert actor.missing_inputs == (missing,)
    assert {signal.action for signal in recorder.signals} <= {WAIT}


def test_nothing_is_missing_where_all_came():
    actor, _ = run_actor(random_market(0.25))
    assert actor.missing_inputs == ()
