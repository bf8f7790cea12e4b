"""What holds for every model after any sequence of inputs."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from support import oracles
from support import streams

from liq_nautilus.core.levels import Bands
from liq_nautilus.core.levels import bucket_levels
from liq_nautilus.core.tracker import LiquidationTracker

CONSUME = st.sampled_from(["path", "last"])
FACTOR = st.sampled_from([0.0, 20.0])


def tracker_after(told, consume="path", factor=0.0):
    parameters = streams.small_parameters(consume=consume, funding_factor=factor)
    tracker = LiquidationTracker(parameters)
    world = streams.run(tracker, told)
    return tracker, world


@settings(max_examples=50)
@given(streams.OPERATIONS, CONSUME, FACTOR)
def test_longs_lie_below_and_shorts_above_the_price(told, consume, factor):
    tracker, _ = tracker_after(told, consume, factor)
    price = tracker.reference_price
    for model, by_leverage in itertools.product(tracker.model_names, (False, True)):
        levels = tracker.levels(model, by_leverage=by_leverage)
        assert levels.reference_price == price
        assert (levels.price[levels.side == 1] < price).all()
        assert (levels.price[levels.side == -1] > price).all()
        assert set(levels.side.tolist()) <= {1, -1}
        assert (levels.notional + levels.exposure > 0.0).all()
        assert (np.diff(levels.price) >= 0.0).all()
        assert (levels.notional >= 0.0).all()
        assert (levels.exposure >= 0.0).all()
        assert (levels.notional_low >= -1e-6).all()
        assert (levels.notional_high >= -1e-6).all()
        assert ((levels.confidence >= 0.0) & (levels.confidence <= 1.0)).all()
        assert levels.is_valid == (tracker._ensemble.named(model).confidence_score() >= 0.3)
        # Within the native bucket of the price only the part on the right side counts.
        beyond = price * np.exp([2.1e-3, -2.1e-3])
        assert tracker.notional_between(1, beyond[0], 3.0 * price, model) == 0.0
        assert tracker.notional_between(-1, 0.3 * price, beyond[1], model) == 0.0


@settings(max_examples=80)
@given(streams.OPERATIONS)
def test_positions_are_conserved_by_every_model(told):
    tracker, _ = tracker_after(told)
    for model in tracker._map.models:
        known = model.exposure.rows
        left = known.opened - known.closed - known.consumed - known.expired
        scale = max(float(known.opened.max()), 1.0)
        np.testing.assert_allclose(model.exposure.total, left, atol=1e-9 * scale)
        assert (model.exposure.mass >= 0.0).all()
        assert model.held == pytest.approx(
            float((model.exposure.total * model.weights).sum()), abs=1e-9 * scale
        )


@settings(max_examples=60)
@given(streams.OPERATIONS, st.floats(0.5, 1.6))
def test_no_row_holds_more_than_the_open_interest(told, factor):
    tracker, world = tracker_after(told)
    before = world.contracts
    exposures = [model.exposure for model in tracker._map.models[:2]]
    held = [it.total for it in exposures]
    lost = [it.rows.consumed + it.rows.expired for it in exposures]
    streams.apply_operation(tracker, streams.OpenInterest(factor), world)
    for it, rows, gone in zip(exposures, held, lost, strict=True):
        assert (it.total <= world.contracts * (1.0 + 1e-9)).all()
        clipped = it.rows.consumed + it.rows.expired - gone
        expected = rows * min(world.contracts / before, 1.0) + max(world.contracts - before, 0.0)
        np.testing.assert_allclose(it.total + clipped, expected, rtol=1e-9, atol=1e-6)


@settings(max_examples=50)
@given(streams.OPERATIONS, st.lists(st.floats(0.6, 1.6), min_size=3, max_size=5, unique=True))
def test_notional_is_additive_in_the_range(told, cuts):
    tracker, _ = tracker_after(told)
    prices = [tracker.reference_price * cut for cut in sorted(cuts)]
    for model, side in itertools.product(tracker.model_names, (1, -1)):
        whole = tracker.notional_between(side, prices[0], prices[-1], model)
        parts = [
            tracker.notional_between(side, low, high, model)
            for low, high in itertools.pairwise(prices)
        ]
        assert sum(parts) == pytest.approx(whole, rel=1e-9, abs=1e-3)
        assert min(parts) >= 0.0


@settings(max_examples=50)
@given(streams.OPERATIONS)
def test_ensemble_is_the_weighted_mean_of_its_models(told):
    tracker, _ = tracker_after(told)
    low, high = 0.6 * tracker.reference_price, 1.5 * tracker.reference_price
    shares, scales = tracker._ensemble.shares(), tracker._ensemble.scales()
    assert sum(shares) == pytest.approx(1.0)
    has_trades = tracker.levels("py_liquidation_map").price.size > 0
    if not has_trades:
        assert shares == pytest.approx((0.625, 0.375, 0.0), abs=1e-12)
    for side in (1, -1):
        index = 0 if side == 1 else 1
        parts = [
            scale * tracker.exposure_swept(low, high, model)[index]
            for scale, model in zip(scales, tracker.model_names, strict=False)
        ]
        found = tracker.exposure_swept(low, high)[index]
        assert found == pytest.approx(sum(parts), rel=1e-9, abs=1e-6)


@settings(max_examples=40)
@given(streams.OPERATIONS, streams.OPERATIONS)
def test_restored_tracker_goes_on_bit_by_bit(before, after):
    original, world = tracker_after(before)
    restored = LiquidationTracker.from_state(pickle.loads(pickle.dumps(original.state())))
    assert streams.same_answers(original, restored)
    twin = streams.World(world.price, world.contracts, world.ts)
    streams.run(original, after, world)
    streams.run(restored, after, twin)
    assert streams.same_answers(original, restored)
    assert streams.same_state(original.state(), restored.state())


@settings(max_examples=60)
@given(streams.OPERATIONS)
def test_clusters_and_signal_are_sound(told):
    tracker, _ = tracker_after(told)
    clusters, signal = tracker.clusters(), tracker.signal()
    assert (clusters.price_low < clusters.price_peak).all()
    assert (clusters.price_peak < clusters.price_high).all()
    assert (clusters.notional >= 0.0).all()
    assert ((clusters.significance >= 0.0) & (clusters.significance <= 1.0)).all()
    assert signal.action in {"AVOID", "REVERSAL_OPPORTUNITY", "WAIT", "CLEAR"}
    assert 0.0 <= signal.confidence <= 1.0
    if signal.action in {"WAIT", "CLEAR"}:
        assert signal.position_side == 0
        assert np.isnan(signal.cluster_price)
    else:
        assert signal.position_side in {1, -1}
        assert signal.cluster_notional > 0.0


level_rows = st.lists(
    st.tuples(
        st.floats(0.01, 1e5),
        st.one_of(st.just(0.0), st.floats(1e-3, 1e9)),
        st.sampled_from([1, -1]),
        st.sampled_from([5.0, 10.0, 25.0]),
    ),
    max_size=30,
)


@given(level_rows, st.floats(0.01, 1e3), st.booleans())
def test_buckets_conserve_notional_and_order(rows, size, by_leverage):
    price, notional, side, leverage = (
        np.array([row[i] for row in rows], dtype=np.float64) for i in range(4)
    )
    side = side.astype(np.int8)
    found = bucket_levels(price, notional, side, leverage, size, by_leverage=by_leverage)
    expected = oracles.slow_bucket_levels(price, notional, side, leverage, size, by_leverage)
    assert len(expected) == found[0].size
    assert found[1].sum() == pytest.approx(notional.sum(), rel=1e-9)
    assert (np.diff(found[0]) >= 0.0).all()
    for which in (1, -1):
        assert found[1][found[2] == which].sum() == pytest.approx(
            notional[side == which].sum(), rel=1e-9
        )
    for values in zip(*found, strict=True):
        matches = [
            known
            for (_, known_side, known_leverage), known in expected.items()
            if known_side == values[2]
            and known_leverage in {None, values[3]}
            and known == pytest.approx((values[1], values[0], values[3]), rel=1e-9)
        ]
        assert matches


@given(
    st.lists(st.floats(0.0, 1e10), min_size=2, max_size=10),
    st.floats(0.01, 1.0), st.floats(1.0, 2.0), st.floats(1.0, 20.0), st.floats(0.2, 1.0),
)  # fmt: skip
def test_bands_hold_the_expectation_and_rise_with_it(totals, low, low_power, high, high_power):
    totals = np.sort(np.array(totals))
    below, above = Bands((low, low_power), (high, high_power), 1e8).around(totals)
    assert (below <= totals).all()
    assert (above >= totals).all()
    assert (below >= 0.0).all()
    assert (np.diff(below) >= -1e-6).all()
    assert (np.diff(above) >= -1e-6).all()
