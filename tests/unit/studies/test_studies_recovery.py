import numpy as np
import pytest

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.market.simulation import simulate
from liq_nautilus.market.worlds import world
from liq_nautilus.studies import recovery
from liq_nautilus.studies.inputs.simulated import simulated_window
from liq_nautilus.times import DAY_NS


@pytest.fixture(scope="module")
def market():
    return simulate(world("other"), seed=1, days=2)


@pytest.fixture(scope="module")
def window(market):
    return simulated_window(market)


def test_distances_are_those_of_distributions():
    one, other = np.array([2.0, 0.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 5.0])
    assert recovery.total_variation(one, 3 * one) == 0.0
    assert recovery.total_variation(one, other) == 1.0
    assert recovery.wasserstein(one, other) == 3.0
    assert recovery.wasserstein(other, one) == 3.0
    assert recovery.wasserstein(one, np.zeros(4)) == 1.5
    assert recovery.total_variation(one, np.zeros(4)) == 0.75


def test_buckets_are_counted_outwards_from_the_price():
    prices = np.array([99_950.0, 100_010.0, 99_999.9, 99_800.0, 100_110.0, 100_099.0])
    long = recovery.outward_bucket(prices, 100_050.0, 100.0, LONG)
    short = recovery.outward_bucket(prices, 100_050.0, 100.0, SHORT)
    assert long.tolist() == [1, 0, 1, 2, -1, 0]
    assert short.tolist() == [-1, 0, -1, -2, 1, 0]


def test_the_edges_of_buckets_belong_to_them():
    for side in (LONG, SHORT):
        edges = recovery._distance_edges(100_050.0, 100.0, 5, side)
        prices = 100_050.0 * (1.0 - side * 0.5 * (edges[1:] + edges[:-1]))
        bucket = recovery.outward_bucket(prices, 100_050.0, 100.0, side)
        assert bucket.tolist() == [0, 1, 2, 3, 4]


def test_truth_is_what_the_price_would_liquidate(market):
    ts = market.start_ns + DAY_NS
    price = float(market.trace.mark_price[market.world.steps_per_day - 1])
    known = market.positions_at(ts)
    for side in (LONG, SHORT):
        truth = recovery.true_notional(market, ts, price, 100.0, side)
        reach = np.floor(price / 100.0) * 100.0 - side * (truth.size - (side == LONG)) * 100.0
        low, high = sorted((reach, price))
        mine = (known.side == side) & (known.liquidation_price > low)
        mine &= known.liquidation_price < high + 100.0
        stopped = mine & (side * (known.stop_price - known.liquidation_price) > 0.0)
        assert stopped.sum() > 0.2 * mine.sum()
        level = known.liquidation_price[mine & ~stopped]
        expected = (level * known.quantity[mine & ~stopped]).sum()
        assert truth.sum() == pytest.approx(expected, rel=0.02)


def test_a_window_holds_what_a_venue_publishes(market, window):
    volumes = market.liquidation_volume(60)
    assert window.labels.of(LONG) == pytest.approx(volumes.long_notional)
    assert len(window.bars) == 2 * 288
    kinds = {event.kind for event in window.events}
    assert kinds == {"bar", "mark", "open_interest", "funding"}
    assert window.orders.notional.sum() < volumes.long_notional.sum() + volumes.short_notional.sum()
    assert list(window.events) == sorted(window.events)


def test_a_map_that_knows_the_mix_beats_what_knows_only_distance(monkeypatch):
    # One day of warm-up: the full study runs among the slow tests.
    monkeypatch.setattr(recovery, "_FIRST_DAY_READ", 2)
    shapes = recovery.Shapes(np.full(10, 0.1), np.ones(5), np.array([0.8, 0.9, 0.96, 0.98, 0.99]),
                             np.ones(300))  # fmt: skip
    upper = recovery.Shapes(shapes.kernel, shapes.comb, 2.0 - shapes.ratio, shapes.profile)
    parameters = TrackerParameters(
        leverages=(5, 10, 25, 50, 100),
        leverage_weights_long=(0.15, 0.30, 0.25, 0.20, 0.10),
        leverage_weights_short=(0.15, 0.30, 0.25, 0.20, 0.10),
        turnover_rate=0.25,
    )
    trained = recovery.Trained(parameters, {LONG: shapes, SHORT: upper})
    found = recovery.recover("standard", 3, trained, days=3)

    for side in ("long", "short"):
        variation = found.total_variation
        assert variation[f"ensemble {side}"] < 0.5 * variation[f"distance_kernel {side}"]
        assert variation[f"ensemble {side}"] < 0.5 * variation[f"snapshot_comb {side}"]
        assert found.wasserstein[f"ensemble {side}"] < found.wasserstein[f"distance_kernel {side}"]
    assert 0.0 <= found.coverage <= 1.0
    assert found.reported_ratio == pytest.approx(1.0, abs=0.5)
