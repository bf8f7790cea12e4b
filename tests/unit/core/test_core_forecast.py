"""The tracker's forecast and the outlook its signals are decided on."""

import functools
import math

import numpy as np
import pytest
from support.streams import DAY
from support.streams import HOUR
from support.streams import START
from support.streams import STEP
from support.streams import made_up_days
from support.streams import run
from support.streams import same_records
from support.streams import small_parameters

from liq_nautilus.core import feed
from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.forecasting.inputs import GROUPS
from liq_nautilus.core.records import SideForecast
from liq_nautilus.core.tracker import LiquidationTracker

SIDES = ("long", "short", "both")


def after(events, tracker=None, **changes):
    if tracker is None:
        tracker = LiquidationTracker(small_parameters(**changes))
    for event in feed.in_time_order(events):
        feed.apply_event(tracker, event)
    return tracker


def hourly(days, seed=1, scale=1.0, start=START):
    """Return sums of liquidations of every hour."""
    rng = np.random.default_rng(seed)
    events = []
    for hour in range(24 * days):
        begin = start + hour * HOUR
        for side in (1, -1):
            notional = scale * float(rng.lognormal(13.0, 1.5))
            events.append(feed.liquidation_event(side, notional, begin, begin + HOUR, "bars"))
    return events


def made_up(days, **options):
    events = made_up_days(days, **options)
    return [event for event in events if event.kind != "liquidation"]


def values(forecast, side="both"):
    return [getattr(forecast.sides[side], name) for name in SideForecast.__slots__]


def test_nothing_is_forecast_before_a_price():
    forecast = LiquidationTracker().forecast("1h")
    assert forecast.horizon == "1h"
    assert math.isnan(forecast.reference_price)
    assert list(forecast.sides) == list(SIDES)
    assert all(np.isnan(values(forecast, side)).all() for side in SIDES)
    assert forecast.price.size == forecast.side.size == forecast.notional.size == 0
    assert forecast.venues == ("BINANCE", "BYBIT", "OKX")


def test_nothing_is_forecast_before_open_interest():
    tracker = LiquidationTracker(small_parameters())
    tracker.on_bar(100.0, 101.0, 99.0, 100.5, START, START + STEP)
    forecast = tracker.forecast()
    assert forecast.reference_price == 100.5
    assert np.isnan(values(forecast)).all()
    assert math.isnan(tracker.signal().risk)


@pytest.mark.parametrize("is_priced", [False, True])
def test_other_horizons_are_refused(is_priced):
    tracker = LiquidationTracker(small_parameters())
    if is_priced:
        run(tracker, [])
    with pytest.raises(ValueError, match="horizon must be one of 1h, 4h, 1d, was 3h"):
        tracker.forecast("3h")


@pytest.mark.parametrize("horizon", ["1h", "4h", "1d"])
def test_a_forecast_says_how_much_and_how_sure(horizon):
    tracker = after(made_up(3) + hourly(3))
    forecast = tracker.forecast(horizon)
    assert forecast.ts_event == tracker.ts
    assert forecast.reference_price == tracker.reference_price
    for side in SIDES:
        one = forecast.sides[side]
        assert 0.0 <= one.q10 <= one.q50 <= one.q90 <= one.q99
        assert one.expected > 0.0
        assert 0.0 < one.probability_unusual < 1.0
        assert one.threshold_unusual > 0.0


@pytest.mark.parametrize("horizon", ["1h", "4h", "1d"])
def test_a_forecast_without_its_levels_says_the_same(horizon):
    tracker = after(made_up(3) + hourly(3))
    whole = tracker.forecast(horizon)
    told = tracker.forecast(horizon, has_levels=False)
    assert (whole.sides, whole.deviation) == (told.sides, told.deviation)
    assert whole.price.size > 0
    assert told.price.size == told.side.size == told.notional.size == 0


def test_without_liquidations_no_threshold_is_known():
    forecast = after(made_up(2)).forecast("4h")
    for side in SIDES:
        one = forecast.sides[side]
        assert math.isnan(one.threshold_unusual)
        assert one.expected > 0.0
        assert 0.0 < one.probability_unusual < 1.0


def test_longer_horizons_expect_more():
    tracker = after(made_up(3) + hourly(3))
    expected = [tracker.forecast(horizon).sides["both"].q50 for horizon in ("1h", "4h", "1d")]
    assert expected == sorted(expected)


def test_levels_that_contribute_are_those_of_the_map():
    tracker = after(made_up(2))
    forecast = tracker.forecast("1d")
    levels = tracker.levels()
    assert 0 < forecast.price.size <= 20
    worth = forecast.notional * forecast.probability_touched
    assert (np.diff(worth) <= 0.0).all()
    for price, side, notional in zip(forecast.price, forecast.side, forecast.notional, strict=True):
        assert (price < forecast.reference_price) == (side == 1)
        bucket = np.floor(price / tracker.bucket_size)
        own = (levels.side == side) & (np.floor(levels.price / tracker.bucket_size) == bucket)
        # The level at the price itself also holds what is liquidated without any move.
        assert notional <= levels.notional[own].sum() * (1.0 + 1e-9)


def test_what_came_true_moves_what_is_expected():
    low = after(made_up(6) + hourly(6, scale=0.2)).forecast("1h").sides["both"]
    high = after(made_up(6) + hourly(6, scale=5.0)).forecast("1h").sides["both"]
    assert high.expected > 2.0 * low.expected
    assert high.q90 > 2.0 * low.q90
    assert high.threshold_unusual == pytest.approx(25.0 * low.threshold_unusual)


def test_the_future_changes_nothing():
    days = 3
    events = list(feed.in_time_order(made_up(days) + hourly(days)))
    cut = START + 2 * DAY + 5 * HOUR
    before = [event for event in events if event.ts_known <= cut]
    whole = LiquidationTracker(small_parameters())
    seen = None
    for event in events:
        if seen is None and event.ts_known > cut:
            seen = whole.forecast("4h"), whole.signal()
        feed.apply_event(whole, event)
    alone = after(before)
    assert seen is not None
    assert seen[0].sides == alone.forecast("4h").sides
    assert same_records(seen[1], alone.signal())


@pytest.mark.parametrize("factor", [1e-7, 40.0])
def test_forecasts_do_not_depend_on_the_unit_of_price(factor):
    def told(scale):
        brackets = BracketTable.built_in("BTCUSDT")
        tracker = LiquidationTracker(small_parameters(), brackets=brackets)
        for event in feed.in_time_order(made_up(2, has_trades=False) + hourly(2)):
            if event.kind == "bar":
                open_, high, low, close, *rest, volume = event.payload
                prices = (scale * one for one in (open_, high, low, close))
                tracker.on_bar(*prices, *rest, volume / scale)
            elif event.kind == "open_interest":
                contracts, notional, ts = event.payload
                tracker.on_open_interest(contracts / scale, notional, ts)
            else:
                feed.apply_event(tracker, event)
        return tracker

    for horizon in ("1h", "4h", "1d"):
        plain, scaled = told(1.0).forecast(horizon), told(factor).forecast(horizon)
        for side in SIDES:
            # Native buckets lie elsewhere.
            np.testing.assert_allclose(values(scaled, side), values(plain, side), rtol=0.02)


def test_a_saved_tracker_forecasts_as_one_that_went_on():
    events = list(feed.in_time_order(made_up(3) + hourly(3)))
    half = len(events) * 2 // 3
    whole = after(events[:half])
    again = LiquidationTracker.from_state(whole.state())
    for tracker in (whole, again):
        for event in events[half:]:
            feed.apply_event(tracker, event)
    for horizon in ("1h", "4h", "1d"):
        assert whole.forecast(horizon).sides == again.forecast(horizon).sides
    assert same_records(whole.signal(), again.signal())


def test_the_same_map_is_looked_at_anew_once_prices_moved():
    tracker = after(made_up(2))
    around = tracker.surroundings()
    before = tracker.forecaster.columns(around, "4h")
    price, ts = tracker.reference_price, tracker.ts
    tracker.on_bar(price, 1.2 * price, 0.9 * price, price, ts, ts + HOUR, "last", 5.0)
    fresh = LiquidationTracker.from_state(tracker.state())
    found = tracker.forecaster.columns(around, "4h")
    assert np.array_equal(found, fresh.forecaster.columns(around, "4h"))
    assert not np.array_equal(found[:, GROUPS["map"]], before[:, GROUPS["map"]])


def test_asking_changes_nothing():
    events = list(feed.in_time_order(made_up(2) + hourly(2)))
    asked, plain = (LiquidationTracker(small_parameters()) for _ in range(2))
    for event in events:
        feed.apply_event(asked, event)
        feed.apply_event(plain, event)
        if event.kind == "funding":
            asked.forecast("4h")
            asked.signal()
    assert asked.forecast("1d").sides == plain.forecast("1d").sides
    assert same_records(asked.signal(), plain.signal())


@functools.cache
def signals_of(days=3, **changes):
    """Return the signal and the forecast of every half hour after two days."""
    tracker = LiquidationTracker(small_parameters(**changes))
    found = []
    for event in feed.in_time_order(made_up(days) + hourly(days)):
        feed.apply_event(tracker, event)
        is_due = event.ts_known > START + 2 * DAY and event.ts_known % (HOUR // 2) == 0
        if event.kind == "open_interest" and is_due:
            found.append((tracker.signal(), tracker.forecast("4h")))
    return found


def test_avoid_stands_for_its_share_of_the_time_and_says_why():
    found = signals_of(days=4, reversal_significance=1.0)
    avoids = [(signal, forecast) for signal, forecast in found if signal.action == "AVOID"]
    assert 0.05 < len(avoids) / len(found) < 0.4
    for signal, forecast in avoids:
        assert signal.confidence == signal.risk
        own = forecast.side == signal.position_side
        assert signal.cluster_price == pytest.approx(forecast.price[own][0])
        assert signal.cluster_notional == pytest.approx(forecast.notional[own][0])
        more = forecast.sides["long"].expected >= forecast.sides["short"].expected
        assert signal.position_side == (1 if more else -1)
        assert f"{signal.risk:.0%} chance of unusual liquidations" in signal.reason


def test_clear_claims_that_nothing_unusual_comes():
    clears = [signal for signal, _ in signals_of() if signal.action == "CLEAR"]
    assert clears
    for signal in clears:
        assert signal.confidence == 1.0 - signal.risk
        assert signal.position_side == 0
        assert math.isnan(signal.cluster_price)


def test_avoid_has_the_highest_risks():
    found = [signal for signal, _ in signals_of(days=4, reversal_significance=1.0)]
    mean = {
        action: np.mean([one.risk for one in found if one.action == action])
        for action in ("AVOID", "CLEAR")
    }
    assert mean["AVOID"] > mean["CLEAR"]


def test_every_signal_has_its_risk():
    found = [signal for signal, _ in signals_of(reversal_significance=0.3)]
    assert {"REVERSAL_OPPORTUNITY"} < {signal.action for signal in found}
    assert all(0.0 < signal.risk < 1.0 for signal in found)
    waiting = signals_of(wait_confidence=1.0)[0][0]
    assert waiting.action == "WAIT"
    assert 0.0 < waiting.risk < 1.0


def test_the_risk_follows_the_price_between_updates():
    tracker = after(made_up(2) + hourly(2), reversal_significance=1.0)
    before, price, ts = tracker.signal(), tracker.reference_price, tracker.ts
    tracker.on_bar(price, 1.05 * price, price, 1.04 * price, ts, ts + STEP)
    after_move = tracker.signal()
    assert after_move.risk != before.risk
    assert after_move.risk == tracker.forecast("4h").sides["both"].probability_unusual
    assert after_move.ts_event == tracker.ts


def test_staleness_keeps_the_risk_it_had():
    tracker = after(made_up(2) + hourly(2))
    tracker.on_time(tracker.ts + 2 * DAY)
    signal = tracker.signal()
    assert signal.action == "WAIT"
    assert signal.risk == tracker.signal().risk > 0.0


@pytest.mark.parametrize(("hours", "horizon"), [(0.5, "1h"), (4.0, "4h"), (30.0, "1d")])
def test_signals_speak_of_the_nearest_horizon(hours, horizon):
    tracker = after(made_up(2) + hourly(2), signal_horizon_hours=hours)
    price, ts = tracker.reference_price, tracker.ts
    tracker.on_bar(price, price, price, price, ts, ts + STEP)
    expected = tracker.forecast(horizon).sides["both"].probability_unusual
    assert tracker.signal().risk == expected


def test_coin_margined_contracts_are_forecast_in_dollars():
    tracker = LiquidationTracker(
        small_parameters(venues=("BINANCE",)), brackets=BracketTable.built_in("BTCUSD_PERP")
    )
    for event in feed.in_time_order(made_up(2, has_trades=False)):
        if event.kind == "open_interest":
            # 80,000 coins at 60,000 are 48 million contracts of 100 dollars.
            tracker.on_open_interest(event.payload[0] * 600.0, math.nan, event.payload[2])
        elif event.kind == "bar":
            feed.apply_event(tracker, event)
    other = after(made_up(2, has_trades=False))
    found, expected = tracker.forecast("4h").sides, other.forecast("4h").sides
    for side in SIDES:
        assert found[side].expected == pytest.approx(expected[side].expected, rel=0.3)


def test_made_up_prices_of_any_kind_give_a_forecast():
    tracker = LiquidationTracker(small_parameters())
    # Marks alone say no volatility.
    tracker.on_bar(100.0, 101.0, 99.0, 100.0, START, START + STEP, "mark")
    tracker.on_open_interest(1e5, 1e7, START + STEP)
    assert np.isnan(values(tracker.forecast("1h"))).all()
    signal = tracker.signal()
    assert math.isnan(signal.risk)
    if signal.action == "CLEAR":
        assert signal.confidence > 0.0
