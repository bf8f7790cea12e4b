import math
import pickle

import numpy as np
import pytest
from support.streams import DAY
from support.streams import HOUR
from support.streams import START
from support.streams import STEP
from support.streams import Bar
from support.streams import Funding
from support.streams import OpenInterest
from support.streams import World
from support.streams import apply_operation
from support.streams import made_up_days
from support.streams import run
from support.streams import same_answers
from support.streams import same_records
from support.streams import same_state
from support.streams import small_parameters

from liq_nautilus.core import feed
from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.tracker import LiquidationTracker

PRICE = 60_000.0
SINGLE_MODELS = ("binance_standard", "funding_adjusted", "py_liquidation_map")


def make(**changes):
    return LiquidationTracker(small_parameters(**changes))


def started(**changes):
    tracker = make(**changes)
    run(tracker, [])
    return tracker


def exposure(tracker, side, low, high, model="binance_standard"):
    """Return the open interest of a side that lies on its way to an end of the range."""
    return tracker.exposure_swept(low, high, model)[0 if side == 1 else 1]


def large_trade(tracker, price=PRICE, side=1, ts=START + 2 * STEP):
    tracker.on_trades(np.array([price]), np.array([20.0]), np.array([side], dtype=np.int8), ts)


def leverages_of(levels):
    """Return the leverages, those of neighbouring buckets once."""
    return sorted({round(float(leverage), 6) for leverage in levels.leverage})


def after(events, **changes):
    tracker = make(**changes)
    for event in feed.in_time_order(events):
        feed.apply_event(tracker, event)
    return tracker


def test_nothing_is_known_before_the_first_input():
    tracker = LiquidationTracker()
    assert tracker.parameters.n_buckets == 4096
    assert tracker.brackets == BracketTable.built_in("BTCUSDT")
    assert math.isnan(tracker.reference_price)
    assert math.isnan(tracker.bucket_size)
    assert tracker.signal().action == "WAIT"
    assert tracker.clusters().price_peak.size == 0
    for model in tracker.model_names:
        levels = tracker.levels(model)
        assert levels.price.size == 0
        assert not levels.is_valid
        assert tracker.notional_between(1, 1.0, 2.0, model) == 0.0


def test_inputs_before_any_price_are_remembered_or_skipped():
    tracker = make()
    tracker.on_open_interest(100.0, math.nan, START)
    tracker.on_funding(0.001, START)
    tracker.on_liquidation(1, 5.0, START - STEP, START, "bars")
    tracker.on_time(START + 1)
    assert tracker.ts == START + 1
    assert tracker.levels().price.size == 0
    assert tracker.signal().action == "WAIT"


@pytest.mark.parametrize("notional", [100.0 * PRICE, math.nan])
def test_open_interest_from_before_any_price_waits_for_the_first(notional):
    tracker = make()
    tracker.on_open_interest(100.0, notional, START)
    assert math.isnan(tracker.reference_price)
    tracker = LiquidationTracker.from_state(pickle.loads(pickle.dumps(tracker.state())))
    tracker.on_bar(PRICE, PRICE + 5, PRICE - 5, PRICE, START, START + STEP)
    assert tracker.bucket_size == 100.0
    assert tracker.levels("binance_standard").price.size > 0


@pytest.mark.parametrize("factor", [1e-9, 0.4, 2.5, 1_000.0])
def test_a_first_snapshot_at_a_price_nobody_paid_is_as_if_it_had_not_come(factor):
    tracker, without = make(), make()
    tracker.on_open_interest(100.0, 100.0 * PRICE * factor, START)
    for one in (tracker, without):
        one.on_bar(PRICE, PRICE + 5, PRICE - 5, PRICE, START, START + STEP)
        one.on_open_interest(101.0, 101.0 * PRICE, START + STEP)
    assert tracker.n_unknown["open_interest"] == 1
    assert same_records(tracker.levels(), without.levels())


@pytest.mark.parametrize(
    "glitch", [(0.0, 0.0), (0.1, 0.1), (0.001, 0.001), (40.0, 40.0), (1.0, 0.1)]
)
@pytest.mark.parametrize(("first", "length"), [(40, 1), (30, 7), (60, 116)])
def test_impossible_snapshots_leave_the_map_as_empty_ones_do(glitch, first, length):
    glitched, empty = make(), make()
    for i in range(first + length + 24):
        ts = START + i * STEP
        price = PRICE * (1.0 + 0.001 * math.sin(i))
        is_hit = first <= i < first + length
        for one in (glitched, empty):
            one.on_bar(price, price + 9, price - 9, price, ts - STEP, ts - 1_000_000, volume=3.0)
            if is_hit and one is glitched:
                one.on_open_interest(
                    (1_000.0 + i) * glitch[0], (1_000.0 + i) * price * glitch[1], ts
                )
            elif is_hit:
                one.on_time(ts)
            else:
                one.on_open_interest(1_000.0 + i, (1_000.0 + i) * price, ts)
    assert glitched.n_unknown["open_interest"] == length
    assert empty.n_unknown["open_interest"] == 0
    assert same_records(glitched.levels(), empty.levels())


def test_what_is_unknown_costs_confidence_as_a_gap_does():
    tracker = make(stale_intervals=2.0)
    for i in range(60):
        ts = START + i * HOUR
        tracker.on_bar(PRICE, PRICE + 9, PRICE - 9, PRICE, ts - HOUR, ts - 1_000_000, volume=3.0)
        tracker.on_open_interest(1_000.0 if i < 30 else 0.0, math.nan, ts)
    assert tracker.levels().confidence.max(initial=0.0) < 0.3
    assert tracker.signal().action == "WAIT"


@pytest.mark.parametrize(
    "prices",
    [
        (1.0, 2.0, 0.0, 1.0),
        (1.0, 0.5, 0.7, 1.0),
        (3.0, 2.0, 0.5, 1.0),
        (1.0, 2.0, 0.5, 0.1),
        (1.0, math.inf, 0.5, 1.0),
        (1.0, math.nan, 0.5, 1.0),
        (math.nan, 2.0, 0.5, 1.0),
    ],
)
def test_impossible_bars_are_refused(prices):
    with pytest.raises(ValueError, match="a bar must have 0 < low <= open, close <= high, was"):
        make().on_bar(*prices, START, START + STEP)


@pytest.mark.parametrize("contracts", [-1.0, math.nan, math.inf])
def test_impossible_open_interest_is_refused(contracts):
    with pytest.raises(ValueError, match="open interest must be finite and at least 0, was"):
        make().on_open_interest(contracts, 1.0, START)


def test_impossible_funding_is_refused():
    with pytest.raises(ValueError, match="a funding rate must be finite, was nan"):
        make().on_funding(math.nan, START)


@pytest.mark.parametrize(("side", "notional"), [(0, 1.0), (1, math.nan), (1, -1.0), (1, math.inf)])
def test_impossible_liquidations_are_refused(side, notional):
    with pytest.raises(ValueError, match=r"a liquidation must have side \+1 or -1 and a finite"):
        make().on_liquidation(side, notional, START, START, "bars")


def test_unknown_models_and_ranges_are_refused():
    tracker = started()
    with pytest.raises(ValueError, match=r"model must be one of binance_standard, .*, was best"):
        tracker.levels("best")
    with pytest.raises(ValueError, match=r"a range must have 0 < low <= high, was 2\.0 to 1\.0"):
        tracker.notional_between(1, 2.0, 1.0)
    with pytest.raises(ValueError, match="the ensemble has no tiers of its own"):
        tracker.notional_by_tier(1, 1.0, 2.0, "ensemble")
    with pytest.raises(ValueError, match=r"a price range must be a fraction in \(0, 1\), was 1"):
        tracker.levels(price_range=1.0)


def test_levels_are_a_frozen_answer_within_the_range():
    tracker = started()
    levels = tracker.levels("binance_standard", price_range=0.02)
    assert levels.model == "binance_standard"
    assert levels.ts_event == tracker.ts
    assert levels.reference_price == tracker.reference_price
    assert levels.params_hash == tracker.parameters.params_hash
    assert (np.abs(levels.price / levels.reference_price - 1.0) < 0.022).all()
    for side in (1, -1):
        own = levels.side == side
        # From the price outwards: bands are of all that is liquidated on the way.
        order = np.argsort(np.abs(levels.price[own] - PRICE))
        low, mean, high = (
            np.cumsum(values[own][order])
            for values in (levels.notional_low, levels.notional, levels.notional_high)
        )
        assert (low <= mean * (1 + 1e-9)).all()
        assert (mean <= high * (1 + 1e-9)).all()
    assert (np.diff(levels.price) >= 0.0).all()
    wide = tracker.levels("binance_standard")
    assert wide.notional.sum() > levels.notional.sum()


@pytest.mark.parametrize("model", LiquidationTracker.model_names)
def test_levels_hold_what_lies_between_their_ends(model):
    tracker = started()
    large_trade(tracker)
    run(tracker, [Funding(0.001), Bar(0.002, 0.001, 0.001, 100.0)], world_at(tracker))
    for by_leverage in (False, True):
        levels = tracker.levels(model, by_leverage=by_leverage)
        for side in (1, -1):
            low, high = 0.4 * tracker.reference_price, 1.6 * tracker.reference_price
            whole = tracker.notional_between(side, low, high, model)
            found = levels.notional[levels.side == side].sum()
            assert found == pytest.approx(whole, rel=2e-3)
            held = levels.exposure[levels.side == side].sum()
            assert held == pytest.approx(exposure(tracker, side, low, high, model), rel=2e-3)


def world_at(tracker):
    return World(price=tracker.reference_price, ts=tracker.ts)


def test_shown_buckets_can_be_chosen():
    tracker = started(bucket_size=500.0)
    assert tracker.bucket_size == 500.0
    assert (np.diff(np.floor(tracker.levels().price / 500.0)) >= 0.0).all()
    assert tracker.levels().price.size < 0.3 * started(bucket_size=100.0).levels().price.size


def test_levels_of_several_models_are_those_of_each():
    tracker = started()
    large_trade(tracker)
    for wanted in (tracker.model_names, ("ensemble", "binance_standard"), ()):
        found = tracker.levels_of(wanted, price_range=0.1)
        assert [levels.model for levels in found] == list(wanted)
        for levels in found:
            assert same_records(levels, tracker.levels(levels.model, price_range=0.1))
    assert [levels.price.size for levels in make().levels_of()] == [0] * 4


def test_one_wrong_bar_stops_all():
    tracker = started()
    before = tracker.state()
    right = (PRICE, PRICE, PRICE, PRICE, START, START + STEP, "last", 1.0)
    with pytest.raises(ValueError, match="a bar must have"):
        tracker.on_bars([right, (PRICE, PRICE, PRICE, 0.0, *right[4:])])
    assert same_state(tracker.state(), before)


def test_first_update_holds_the_open_interest_on_both_sides():
    tracker = started()
    for side in (1, -1):
        notional = exposure(tracker, side, 0.5 * PRICE, 1.5 * PRICE)
        # At liquidation prices, which lie below for longs and above for shorts.
        assert notional == pytest.approx(80_000.0 * PRICE, rel=0.1)


def test_tiers_are_linear_in_the_weights():
    tracker = started()
    by_tier = tracker.notional_by_tier(1, 0.9 * PRICE, PRICE, "binance_standard")
    whole = exposure(tracker, 1, 0.9 * PRICE, PRICE)
    assert by_tier @ np.array([0.3, 0.3, 0.2, 0.2]) == pytest.approx(whole)


def test_mark_prices_take_precedence_where_they_come():
    tracker = started()
    tracker.on_bar(PRICE, PRICE, PRICE, PRICE, START + STEP, START + 2 * STEP, "mark")
    held = exposure(tracker, 1, 0.5 * PRICE, PRICE)
    spike = (PRICE, PRICE, 0.9 * PRICE, 0.99 * PRICE, START + STEP, START + 2 * STEP)
    tracker.on_bar(*spike, "last", math.nan)
    assert tracker.reference_price == PRICE
    # The last price consumed nothing; turnover alone moved entries.
    left = exposure(tracker, 1, 0.5 * PRICE, PRICE)
    assert left == pytest.approx(held, rel=0.02)
    later = (PRICE, PRICE, 0.9 * PRICE, 0.99 * PRICE, START + 9 * STEP, START + 10 * STEP)
    tracker.on_bar(*later, "last", math.nan)
    assert tracker.reference_price == 0.99 * PRICE
    assert exposure(tracker, 1, 0.5 * PRICE, 0.99 * PRICE) < 0.7 * held


def test_swept_levels_count_as_predicted_liquidations():
    tracker = started(liquidated_shares_long=(0.125,) * 4, liquidated_shares_short=(0.125,) * 4)
    tracker.on_bar(PRICE, PRICE, 0.97 * PRICE, 0.98 * PRICE, START + STEP, START + 2 * STEP)
    _, predicted = tracker._watch.balance.hour(START + 2 * STEP)
    assert predicted[0] > 10.0 * predicted[1]
    assert predicted[0] == pytest.approx(0.5 * 0.5 * 80_000.0 * PRICE, rel=0.9)


@pytest.mark.parametrize(("source", "factor"), [("bars", 1.0), ("orders", 4.0)])
def test_thinned_feed_is_scaled_up(source, factor):
    tracker = make(reported_share=0.25)
    tracker.on_liquidation(-1, 100.0, START, START, source)
    realised, _ = tracker._watch.balance.hour(START + 1)
    assert realised.tolist() == [0.0, 100.0 * factor]


def test_volume_turns_positions_over_and_unknown_volume_takes_time():
    entries = (1.005 * PRICE, 1.01 * PRICE)
    gained = []
    for volume in (0.0, 8_000.0, math.nan):
        tracker = started(turnover_rate=0.5, turnover_per_hour=0.3)
        bar = (entries[0], entries[1], entries[0], entries[1], START + STEP, START + 2 * STEP)
        tracker.on_bar(*bar, "last", volume)
        gained.append(tracker._map.models[0].exposure.rows.closed.max())
    # A volume of zero while the price moved is unknown, too.
    assert gained[0] == pytest.approx(gained[2])
    assert gained[0] > 0.0
    assert 0.0 < gained[1] != gained[0]
    still = started(turnover_rate=0.5)
    still.on_bar(*([PRICE] * 4), START + STEP, START + 2 * STEP, "last", 0.0)
    assert still._map.models[0].exposure.rows.closed.max() == 0.0


def test_turnover_rate_is_what_was_seen_lately():
    tracker = make(turnover_per_hour=0.25)
    assert tracker.turnover_per_hour == 0.25
    run(tracker, [Bar(0.001, 0.0, 0.0, 2_000.0)] * 12)
    assert tracker.turnover_per_hour > 0.0


def test_trades_map_is_shared_only_where_there_are_large_trades():
    tracker = started()
    tracker.on_trades(np.ones(1), np.ones(1), np.ones(1, dtype=np.int8), START + 2 * STEP)
    assert tracker.levels("py_liquidation_map").price.size == 0
    large_trade(tracker)
    levels = tracker.levels("py_liquidation_map")
    assert leverages_of(levels) == [10.0, 25.0, 50.0, 100.0]
    for leverage, ratio in ((10.0, 0.9), (25.0, 0.96), (50.0, 0.98), (100.0, 0.99)):
        price = levels.price[np.isclose(levels.leverage, leverage)]
        np.testing.assert_allclose(price, PRICE * ratio, rtol=2e-3)
    assert levels.exposure.sum() == pytest.approx(20.0 * PRICE * 0.9575, rel=2e-3)
    assert (levels.side == 1).all()


def test_trades_alone_tell_a_price():
    tracker = make()
    large_trade(tracker, side=-1)
    assert tracker.reference_price == PRICE
    assert (tracker.levels("py_liquidation_map").side == -1).all()


def test_trades_beyond_the_price_leave_no_level_on_its_wrong_side():
    tracker = started()
    large_trade(tracker, price=1.03 * PRICE)
    levels = tracker.levels("py_liquidation_map")
    assert leverages_of(levels) == [10.0, 25.0]
    beyond = tracker.notional_between(1, PRICE * 1.002, 2 * PRICE, "py_liquidation_map")
    assert beyond == 0.0


@pytest.mark.parametrize(("consume", "expected"), [("path", [10, 25]), ("last", [10, 25, 50, 100])])
def test_crossed_and_recovered_levels_of_large_trades(consume, expected):
    tracker = started(consume=consume)
    large_trade(tracker)
    world = world_at(tracker)
    apply_operation(tracker, Bar(-0.03, 0.0, 0.0, 1.0), world)
    assert leverages_of(tracker.levels("py_liquidation_map")) == [10.0, 25.0]
    between = exposure(tracker, 1, 0.5 * PRICE, 2 * PRICE, "py_liquidation_map")
    assert between == pytest.approx(10.0 * PRICE * 0.93, rel=2e-3)
    apply_operation(tracker, Bar(0.03, 0.0, 0.0, 1.0), world)
    assert leverages_of(tracker.levels("py_liquidation_map")) == expected
    apply_operation(tracker, OpenInterest(1.0), world)
    assert tracker.levels().notional.sum() > 0.0


def test_large_shorts_are_hidden_beyond_the_price_too():
    tracker = started(consume="last")
    large_trade(tracker, side=-1)
    world = world_at(tracker)
    apply_operation(tracker, Bar(0.03, 0.0, 0.0, 1.0), world)
    assert leverages_of(tracker.levels("py_liquidation_map")) == [10.0, 25.0]
    low, high = 0.5 * PRICE, 2 * PRICE
    between = exposure(tracker, -1, low, high, "py_liquidation_map")
    assert between == pytest.approx(10.0 * PRICE * 1.07, rel=2e-3)


def test_confidence_warms_up():
    tracker = started(warm_up_hours=10.0)
    first = tracker.levels("binance_standard").confidence[0]
    assert first == pytest.approx(0.5 * 0.95, rel=1e-6)
    tracker = after(made_up_days(1), warm_up_hours=10.0)
    assert tracker.levels("binance_standard").confidence[0] == pytest.approx(0.95)
    assert started(warm_up_hours=0.0).levels().confidence[0] > 0.8


def test_silence_ends_in_wait_and_invalid_levels():
    tracker = after(made_up_days(1, has_trades=False), warm_up_hours=0.0)
    assert tracker.signal().action != "WAIT"
    action = tracker.signal()
    tracker.on_time(tracker.ts + STEP)
    assert tracker.signal() == action
    tracker.on_time(tracker.ts + HOUR)
    signal = tracker.signal()
    assert signal.action == "WAIT"
    assert signal.reason == "Stale or missing input"
    assert signal.ts_event == tracker.ts
    assert signal.confidence == 0.0
    assert not tracker.levels().is_valid
    tracker.on_time(tracker.ts + HOUR)
    assert tracker.signal() == signal


def test_bars_without_open_interest_end_in_wait():
    tracker = after(made_up_days(1, has_trades=False), warm_up_hours=0.0)
    world = world_at(tracker)
    for _ in range(20):
        apply_operation(tracker, Bar(0.0, 0.001, 0.001, 10.0), world)
    tracker.on_time(world.ts)
    assert tracker.signal().action == "WAIT"
    apply_operation(tracker, Funding(0.0), world)
    assert tracker.signal().reason == "Low model confidence"


def test_frozen_open_interest_ends_in_wait():
    tracker = after(made_up_days(1, has_trades=False), warm_up_hours=0.0)
    world = world_at(tracker)
    for _ in range(40):
        apply_operation(tracker, Bar(0.0, 0.001, 0.001, 10.0), world)
        tracker.on_open_interest(90_000.0, math.nan, world.ts)
    assert tracker.signal().action == "WAIT"
    assert tracker.signal().reason == "Low model confidence"
    tracker.on_open_interest(90_001.0, math.nan, world.ts + STEP)
    assert tracker.signal().action != "WAIT"


def test_all_actions_occur_in_a_lively_market():
    events = made_up_days(4, seed=3, volatility=0.002, has_trades=False)
    tracker = make(avoid_volatility_multiple=3.0)
    seen = set()
    for event in feed.in_time_order(events):
        feed.apply_event(tracker, event)
        seen.add(tracker.signal().action)
    assert seen == {"WAIT", "REVERSAL_OPPORTUNITY", "AVOID", "CLEAR"}


def test_disagreeing_models_are_less_trusted():
    tracker = after(made_up_days(1, has_trades=False), warm_up_hours=0.0, disagreement=1e-9)
    assert 0.3 < tracker.levels().confidence[0] < 0.7
    assert tracker.levels().is_valid
    strict = after(made_up_days(1, has_trades=False), disagreement=1e-9, invalid_confidence=0.69)
    assert not strict.levels().is_valid


def test_time_never_goes_back():
    tracker = started()
    tracker.on_time(START + HOUR)
    tracker.on_bar(*([PRICE] * 4), START, START + STEP)
    tracker.on_open_interest(80_000.0, math.nan, START + STEP)
    assert tracker.ts == START + HOUR


def test_bar_beyond_the_window_is_survived():
    tracker = started()
    world = world_at(tracker)
    for move in (-2.0, 3.0, -1.0):
        apply_operation(tracker, Bar(move, 0.3, 0.3, 500.0), world)
        apply_operation(tracker, OpenInterest(1.1), world)
        for model in SINGLE_MODELS:
            assert np.isfinite(tracker.levels(model).notional).all()


def test_price_on_the_edge_of_the_grid():
    tracker = make()
    for i in range(3):
        ts = START + i * STEP
        tracker.on_bar(1.0, 1.001, 0.999, 1.0, ts - STEP, ts, "last", 1e6)
        tracker.on_open_interest(1e8, 1e8, ts)
        tracker.on_funding(-0.0003, ts)
    levels = tracker.levels()
    assert (levels.price[levels.side == 1] < 1.0).all()
    assert (levels.price[levels.side == -1] > 1.0).all()


def leaves(value):
    if isinstance(value, dict):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def test_state_is_arrays_and_plain_values():
    state = after(made_up_days(1)).state()
    for leaf in leaves(state):
        assert isinstance(leaf, np.ndarray | int | float | str | None)
        if isinstance(leaf, np.ndarray):
            assert leaf.dtype != object


def flattened(value, prefix=""):
    out = {}
    for key, part in value.items():
        name = f"{prefix}{key}"
        out |= flattened(part, f"{name}/") if isinstance(part, dict) else {name: part}
    return out


def test_arrays_of_the_state_survive_npz(tmp_path):
    arrays = {
        key: part
        for key, part in flattened(after(made_up_days(1)).state()).items()
        if isinstance(part, np.ndarray)
    }
    np.savez(tmp_path / "state.npz", **arrays)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as read:
        for key, part in arrays.items():
            np.testing.assert_array_equal(read[key], part)


@pytest.mark.parametrize("changes", [{}, {"consume": "last", "funding_factor": 5.0}])
@pytest.mark.parametrize("cut", [0, 1, 2, 3, 150, 151, 152, 153, 400])
def test_restored_tracker_goes_on_bit_by_bit(cut, changes):
    events = list(feed.in_time_order(made_up_days(1, seed=6)))[:450]
    original = make(disagreement=0.0001, **changes)
    for event in events[:cut]:
        feed.apply_event(original, event)
    restored = LiquidationTracker.from_state(pickle.loads(pickle.dumps(original.state())))
    assert restored.parameters == original.parameters
    assert restored.brackets == original.brackets
    assert restored.ts == original.ts
    assert same_answers(restored, original)
    for event in events[cut:]:
        feed.apply_event(original, event)
        feed.apply_event(restored, event)
    for tracker in (original, restored):
        tracker.on_time(tracker.ts + 3 * STEP)
    assert same_answers(restored, original)
    assert same_state(restored.state(), original.state())


def test_same_input_gives_the_same_bits():
    first, second = (after(made_up_days(1, seed=2)) for _ in range(2))
    assert same_state(first.state(), second.state())
    assert same_answers(first, second)


def test_state_of_another_version_is_refused():
    state = started().state()
    state["version"] = 0
    with pytest.raises(ValueError, match="a tracker state must be of version 8, was 0"):
        LiquidationTracker.from_state(state)


def test_memory_does_not_grow_with_history():
    sizes = []
    tracker = make()
    for day in range(3):
        for event in feed.in_time_order(made_up_days(1, seed=day, start=START + day * DAY)):
            feed.apply_event(tracker, event)
        # Clusters are an answer, as many as there are; the map around the price has as many buckets
        # as fit.
        state = tracker.state()
        del state["watch"]["clusters"], state["watch"]["around"]
        arrays = [leaf for leaf in leaves(state) if isinstance(leaf, np.ndarray)]
        sizes.append((sum(1 for _ in leaves(state)), [array.shape for array in arrays]))
    assert sizes[0] == sizes[1] == sizes[2]


def test_volatility_of_a_random_walk_is_found_from_ranges():
    tracker = make(volatility_half_life_hours=200.0)
    assert math.isnan(tracker.volatility(1.0))
    rng = np.random.default_rng(2)
    steps = rng.normal(0.0, 0.01 / math.sqrt(400), (600, 400))
    paths = np.concatenate([np.zeros((600, 1)), np.cumsum(steps, axis=1)], axis=1)
    for i, path in enumerate(PRICE * np.exp(paths)):
        times = START + i * HOUR, START + (i + 1) * HOUR
        tracker.on_bar(path[0], path.max(), path.min(), path[-1], *times)
    # 400 steps see a little less than the whole range.
    assert tracker.volatility(1.0) == pytest.approx(0.01, rel=0.1)
    twice = 2.0 * tracker.volatility(1.0)
    assert tracker.volatility(4.0) == pytest.approx(twice)
