"""Slippage, latency and fees by configuration, and the named sets of rules."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nautilus_trader.common.component import TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import CustomData
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import StrategyId
from nautilus_trader.model.identifiers import TraderId
from support.trading_engine import START
from support.trading_engine import Play
from support.trading_engine import bar_time
from support.trading_engine import hourly_bars
from support.trading_engine import play

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions
from liq_nautilus.nautilus.backtest.backtest_options import options_from_document
from liq_nautilus.nautilus.backtest.run_config import _ruled
from liq_nautilus.nautilus.backtest.venue.execution_models import execution_models
from liq_nautilus.nautilus.backtest.venue.fill_model import SlippageFillModel
from liq_nautilus.nautilus.backtest.venue.fill_model import SlippageFillModelConfig
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.types import BookDepth
from liq_nautilus.nautilus.types import data_type
from liq_nautilus.times import SECOND_NS

E = 100_000.0
FLAT = (E, E, E, E)
BTC = "BTCUSDT"
HERE = Path("catalog")


def options(**given: object) -> BacktestOptions:
    return options_from_document({}, catalog=HERE, out=Path("out"), **given)


def slipped(rows: list, acts: dict[int, list], **config: float) -> list[float]:
    model = SlippageFillModel(SlippageFillModelConfig(**config))
    script = {bar_time(number): sent for number, sent in acts.items()}
    ledger, _ = play(Play(hourly_bars(rows), acts=script, venue={"fill_model": model}))
    return ledger.fills["price"].tolist()


def test_market_orders_pay_a_share_of_the_recent_range():
    wide = (E, 101_000.0, 99_000.0, E)
    acts = {1: [("market", BTC, 0.1)], 2: [("market", BTC, -0.1)]}
    # A tick, and a twentieth of 2,000 with one more for the order's tenth of the volume.
    paid = 0.1 + 0.05 * 2_000.0 * (1.0 + 0.1)
    prices = slipped([wide, wide, wide, wide], acts)
    assert prices == pytest.approx([E + paid, E - paid], abs=0.11)
    assert slipped([FLAT] * 4, acts) == pytest.approx([E + 0.1, E - 0.1])


def test_the_range_follows_within_a_few_bars_and_limits_pay_their_price():
    model = SlippageFillModel(SlippageFillModelConfig(half_life_bars=1.0))
    instrument = built_in_instrument(BTC)
    for bar in hourly_bars([FLAT, (E, 101_000.0, E, E)]):
        model.note_bar(bar)
    assert model.slippage(instrument, 1, 0.0, E) == pytest.approx(0.1 + 0.05 * 500.0)
    acts = {0: [("limit", BTC, 0.1, 99_000.0), ("stop", BTC, -0.1, 98_000.0)]}
    rows = [(E, 100_500.0, 99_500.0, E), (E, E, 98_500.0, 99_000.0), FLAT]
    assert slipped(rows, acts) == [99_000.0]


def test_a_stop_slips_beyond_its_trigger():
    rows = [(E, 101_000.0, 99_000.0, E)] * 2 + [(E, E, 95_000.0, 96_000.0)]
    acts = {1: [("market", BTC, 0.1), ("stop", BTC, -0.1, 97_000.0)]}
    prices = slipped(rows, acts)
    assert prices[1] == pytest.approx(97_000.0 - 0.1 - 0.05 * 2_000.0 * 1.1, abs=0.11)


def book(ts: int, depth: list[float], symbol: str = BTC) -> BookDepth:
    percentage = np.array([-2.0, -1.0, 1.0, 2.0])
    offered = np.array(depth)
    return BookDepth(instrument_id(symbol), percentage, offered, offered * E, ts, ts)


@pytest.mark.parametrize(
    ("quantity", "depth", "paid"),
    [
        # Evenly within the first percent: half of how far the order reaches.
        (10.0, [500.0, 100.0, 200.0, 300.0], 0.5 * 0.01 * 10.0 / 200.0),
        (-10.0, [500.0, 100.0, 200.0, 300.0], 0.5 * 0.01 * 10.0 / 100.0),
        # Into the second percent, and beyond all that is known.
        (-150.0, [300.0, 100.0, 1.0, 1.0], (100 * 0.005 + 50 * 0.01125) / 150.0),
        (3.0, [9.0, 9.0, 1.0, 2.0], (0.005 + 0.015 + 0.025) / 3.0),
        # Nothing within the first percent.
        (1.0, [9.0, 9.0, 0.0, 2.0], 0.0125),
    ],
)
def test_an_order_walks_the_book(quantity: float, depth: list[float], paid: float):
    model = SlippageFillModel(SlippageFillModelConfig())
    (bar,) = hourly_bars([(E, 101_000.0, 99_000.0, E)])
    model.note_bar(bar)
    model.note_depth(book(bar.ts_init, depth))
    instrument, side = built_in_instrument(BTC), 1 if quantity > 0 else -1
    found = model.slippage(instrument, side, abs(quantity), E)
    assert found == pytest.approx(0.1 + paid * E)
    assert (model.n_walked, model.n_assumed) == (1, 0)


@pytest.mark.parametrize(
    ("age_secs", "depth", "symbol", "is_walked"),
    [
        (300, [9.0] * 4, BTC, True),
        (301, [9.0] * 4, BTC, False),
        (0, [0.0] * 4, BTC, False),
        (0, [9.0] * 4, "SOLUSDT", False),
    ],
)
def test_an_old_or_empty_book_is_none(
    age_secs: int, depth: list[float], symbol: str, is_walked: bool
):
    model = SlippageFillModel(SlippageFillModelConfig())
    (bar,) = hourly_bars([(E, 101_000.0, 99_000.0, E)])
    model.note_depth(book(bar.ts_init - age_secs * SECOND_NS, depth, symbol))
    model.note_bar(bar)
    found = model.slippage(built_in_instrument(BTC), 1, 0.9, E)
    # The bar's volume is 10.
    walked, assumed = 0.1 + 0.5 * 0.01 * E * 0.1, 0.1 + 0.05 * 2_000.0 * (1.0 + 0.3)
    assert found == pytest.approx(walked if is_walked else assumed, rel=1e-3)
    assert (model.n_walked, model.n_assumed) == ((1, 0) if is_walked else (0, 1))


def test_a_run_that_is_fed_books_pays_by_them():
    model = SlippageFillModel(SlippageFillModelConfig())
    acts = {bar_time(1): [("market", BTC, 0.4)], bar_time(3): [("market", BTC, -0.4)]}
    wide = (E, 101_000.0, 99_000.0, E)
    books = [
        CustomData(data_type(BookDepth, one.instrument_id), one)
        for one in (book(bar_time(i) - SECOND_NS, [4.0, 2.0, 1.0, 4.0]) for i in (1, 3))
    ]
    data = sorted([*hourly_bars([wide] * 5), *books], key=lambda datum: datum.ts_init)
    ledger, _ = play(Play(data, acts=acts, venue={"fill_model": model}))
    assert ledger.slippage == {"walked": 2, "assumed": 0}
    bought, sold = ledger.fills["price"]
    assert bought == pytest.approx(E + 0.1 + 0.5 * 0.01 * 0.4 * E, abs=0.11)
    assert sold == pytest.approx(E - 0.1 - 0.5 * 0.01 * 0.2 * E, abs=0.11)
    assert (model.n_walked, model.n_assumed) == (2, 0)


def test_a_run_says_how_many_orders_paid_an_assumed_slippage():
    # A book for the first order only; a limit needs none, a stop does.
    model = SlippageFillModel(SlippageFillModelConfig())
    (one,) = (book(bar_time(1) - SECOND_NS, [4.0, 2.0, 1.0, 4.0]),)
    depth = CustomData(data_type(BookDepth, one.instrument_id), one)
    rows = [FLAT] * 3 + [(E, E, 97_000.0, E), FLAT, FLAT]
    data = sorted([*hourly_bars(rows), depth], key=lambda datum: datum.ts_init)
    acts = {
        bar_time(1): [("market", BTC, 0.4), ("stop", BTC, -0.1, 98_000.0)],
        bar_time(2): [("limit", BTC, 0.1, 99_000.0)],
        bar_time(4): [("close", BTC)],
    }
    ledger, _ = play(Play(data, acts=acts, venue={"fill_model": model}))
    assert len(ledger.fills) == 4
    assert ledger.slippage == {"walked": 1, "assumed": 2}


def test_pythons_own_generator_is_not_seeded_anew():
    random.seed(5)
    wanted = SlippageFillModel(SlippageFillModelConfig(random_seed=5)) and random.random()
    random.seed(5)
    assert random.random() == wanted


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"range_share": -0.1}, r"range_share must be at least 0, was -0\.1"),
        ({"half_life_bars": 0.0}, "half_life_bars must be above 0, was 0"),
        ({"max_depth_age_secs": -1.0}, "max_depth_age_secs must be at least 0, was -1"),
    ],
)
def test_wrong_slippage_is_told(settings: dict, message: str):
    with pytest.raises(SettingError, match=message):
        SlippageFillModelConfig(**settings)


def test_models_come_from_the_options():
    usual = execution_models(options())
    assert set(usual) == {"fill_model"}
    assert usual["fill_model"].fill_model_path.endswith(":SlippageFillModel")
    assert execution_models(options(fill_model={})) == {}
    fill = {
        "path": "nautilus_trader.backtest.models:FillModel",
        "config_path": "nautilus_trader.backtest.config:FillModelConfig",
        "config": {"prob_slippage": 0.5, "random_seed": 3},
    }
    fee = {
        "path": "nautilus_trader.backtest.models:FixedFeeModel",
        "config_path": "nautilus_trader.backtest.config:FixedFeeModelConfig",
        "config": {"commission": "1 USDT"},
    }
    found = execution_models(options(fill_model=fill, fee_model=fee, latency_ms=50.0))
    assert found["fill_model"].config == fill["config"]
    (mild,) = execution_models(options(fill_model={"config": {"range_share": 0.01}})).values()
    assert mild.fill_model_path == usual["fill_model"].fill_model_path
    assert mild.config == {"range_share": 0.01}
    assert found["fee_model"].fee_model_path == fee["path"]
    assert found["latency_model"].config == {"base_latency_nanos": 50_000_000}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fill_model": {"path": "a:B"}}, "fill_model must name its config_path"),
        ({"fee_model": {"config": {}}}, "fee_model must name its path and config_path"),
        ({"fill_model": {"path": "a:B", "config_path": "a:C"}}, "must have a random_seed"),
    ],
)
def test_a_model_must_be_whole(given: dict, message: str):
    with pytest.raises(SettingError, match=message):
        execution_models(options(**given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rules": "hard"}, "rules must be one of default, simple, was 'hard'"),
        ({"latency_ms": -1.0}, "latency_ms must be at least 0"),
    ],
)
def test_wrong_options_are_told(given: dict, message: str):
    with pytest.raises(SettingError, match=message):
        options(**given)
    with pytest.raises(SettingError, match="fill_model must be a JSON object"):
        options_from_document({"fill_model": 3}, catalog=HERE, out=Path("out"))


def test_rules_take_the_place_of_a_files_parameters(tmp_path: Path):
    path = tmp_path / "params.json"
    path.write_text(json.dumps({"parameters": {"turnover_rate": 0.3, "avoid_distance": 0.5}}))
    config = _ruled({"parameters_path": str(path)}, {"avoid_distance": 0.02})
    assert config == {
        "parameters": {"turnover_rate": 0.3, "avoid_distance": 0.02},
        "parameters_path": None,
    }
    given = _ruled({"parameters": {"turnover_rate": 0.1}}, {"wait_confidence": 0.5})
    assert given["parameters"] == {"turnover_rate": 0.1, "wait_confidence": 0.5}


def test_before_any_bar_only_a_tick_is_paid():
    model = SlippageFillModel(SlippageFillModelConfig())
    assert model.slippage(built_in_instrument(BTC), 1, 1.0, E) == pytest.approx(0.1)


def order_of(side: OrderSide, kind: str = "market", quantity: float = 1.0) -> Any:
    factory = OrderFactory(TraderId("T-1"), StrategyId("S-1"), TestClock())
    instrument = built_in_instrument(BTC)
    size, price = instrument.make_qty(quantity), instrument.make_price(E)
    if kind == "market":
        return factory.market(instrument.id, side, size)
    if kind == "stop_market":
        return factory.stop_market(instrument.id, side, size, price)
    if kind == "limit":
        return factory.limit(instrument.id, side, size, price)
    return factory.stop_limit(instrument.id, side, size, price, price)


@pytest.mark.parametrize("side", [OrderSide.BUY, OrderSide.SELL])
@pytest.mark.parametrize("kind", ["market", "stop_market"])
def test_an_order_finds_all_it_wants_at_one_price_on_the_tick(side: OrderSide, kind: str):
    # A tick, and on average half of the tenth of a percent that 5 of the 50 within it reach.
    model = SlippageFillModel(SlippageFillModelConfig())
    model.note_depth(book(START, [9.0, 50.0, 50.0, 90.0]))
    instrument = built_in_instrument(BTC)
    bid, ask = instrument.make_price(99_999.9), instrument.make_price(E)
    found = model.get_orderbook_for_fill_simulation(instrument, order_of(side, kind, 5.0), bid, ask)
    best = E if side == OrderSide.BUY else 99_999.9
    paid = 0.1 + 0.5 * 0.01 * 0.1 * best
    assert found.best_ask_price().as_double() == pytest.approx(E + paid, abs=0.1)
    assert found.best_bid_price().as_double() == pytest.approx(99_999.9 - paid, abs=0.1)
    # Never less than its slippage, never a tick more.
    assert 0.0 <= found.best_ask_price().as_double() - (E + paid) + 1e-9 < 0.1
    assert 0.0 <= 99_999.9 - paid - found.best_bid_price().as_double() + 1e-9 < 0.1
    assert min(found.best_ask_size(), found.best_bid_size()) >= 1_000_000
    assert (model.n_walked, model.n_assumed) == (1, 0)


def test_slippage_on_the_tick_stays_there_and_no_price_falls_below_one():
    model = SlippageFillModel(SlippageFillModelConfig())
    instrument = built_in_instrument(BTC)
    bid, ask = instrument.make_price(E), instrument.make_price(E + 0.3)
    found = model.get_orderbook_for_fill_simulation(instrument, order_of(OrderSide.BUY), bid, ask)
    assert (str(found.best_bid_price()), str(found.best_ask_price())) == ("99999.90", "100000.40")
    (wide,) = hourly_bars([(E, 400 * E, 0.1, E)])
    model.note_bar(wide)
    low = instrument.make_price(0.4)
    found = model.get_orderbook_for_fill_simulation(instrument, order_of(OrderSide.SELL), low, ask)
    assert found.best_bid_price().as_double() == pytest.approx(0.1)


@pytest.mark.parametrize("kind", ["limit", "stop_limit"])
def test_limits_meet_the_market_itself(kind: str):
    model = SlippageFillModel(SlippageFillModelConfig())
    instrument = built_in_instrument(BTC)
    price = instrument.make_price(E)
    order = order_of(OrderSide.BUY, kind)
    assert model.get_orderbook_for_fill_simulation(instrument, order, price, price) is None
    assert (model.n_walked, model.n_assumed) == (0, 0)


@pytest.mark.parametrize(("volume", "impact"), [(0.0, 0.0), (0.25, 2.0), (1.0, 1.0)])
def test_an_orders_share_of_the_volume_counts_however_small_that_is(volume: float, impact: float):
    model, instrument = SlippageFillModel(SlippageFillModelConfig()), built_in_instrument(BTC)
    (bar,) = hourly_bars([(E, E + 1_000.0, E, E)])
    prices = (bar.open, bar.high, bar.low, bar.close)
    model.note_bar(
        Bar(bar.bar_type, *prices, instrument.make_qty(volume), bar.ts_event, bar.ts_init)
    )
    assert model.slippage(instrument, 1, 1.0, E) == pytest.approx(0.1 + 50.0 * (1.0 + impact))


@pytest.mark.parametrize("half_life", [1.0, 2.0])
def test_the_mean_range_forgets_by_half_lives_and_by_instrument(half_life: float):
    config = SlippageFillModelConfig(half_life_bars=half_life, range_share=1.0)
    model = SlippageFillModel(config)
    kept = 0.5 ** (1.0 / half_life)
    expected = 0.0
    for number, spread in enumerate((1_000.0, 4_000.0, 0.0)):
        (bar,) = hourly_bars([(E, E + spread, E, E)])
        model.note_bar(bar)
        model.note_bar(hourly_bars([(200.0, 270.0, 200.0, 200.0)], "SOLUSDT")[0])
        expected = spread if number == 0 else kept * expected + (1.0 - kept) * spread
        # The bar's volume is 10: a fourth of it adds a half.
        paid = model.slippage(built_in_instrument(BTC), -1, 2.5, E)
        assert paid == pytest.approx(0.1 + expected * 1.5)
    assert model.n_assumed == 3
    tick = built_in_instrument("SOLUSDT").price_increment.as_double()
    assert model.slippage(built_in_instrument("SOLUSDT"), 1, 0.0, E) == pytest.approx(tick + 70.0)


def test_settings_at_their_bounds_are_taken():
    config = SlippageFillModelConfig(range_share=0.0, max_depth_age_secs=0.0, half_life_bars=1e-9)
    assert SlippageFillModel(config).slippage(built_in_instrument(BTC), 1, 1.0, E) == 0.1
