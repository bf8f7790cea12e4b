"""The map of inverse contracts, disagreement over the whole map, buckets of a bounded number."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest

from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.tracker import LiquidationTracker

if TYPE_CHECKING:
    from liq_nautilus.core.records import Levels

MINUTE = 60 * 10**9
START = 1_767_225_600 * 10**9
E = 100_000.0


def fed(tracker: LiquidationTracker, prices: list[float], open_interest: float) -> None:
    for i, (start, end) in enumerate(itertools.pairwise(prices)):
        ts = START + 5 * i * MINUTE
        bar = (start, max(start, end), min(start, end), end, ts, ts + 5 * MINUTE - 10**6)
        tracker.on_bar(*bar, volume=100.0)
        tracker.on_open_interest(open_interest, float("nan"), ts + 5 * MINUTE)


def test_levels_of_coin_margined_contracts_are_in_dollars():
    # 4 million contracts of 100 USD are 400 million long and as many short.
    coin = LiquidationTracker(brackets=BracketTable.built_in("BTCUSD_PERP"))
    fed(coin, [E] * 20, 4e6)
    linear = LiquidationTracker(brackets=BracketTable.built_in("BTCUSDT", START))
    fed(linear, [E] * 20, 4_000.0)
    for side in (1, -1):
        sums = [
            float(levels.exposure[levels.side == side].sum())
            for levels in (tracker.levels("binance_standard") for tracker in (coin, linear))
        ]
        assert sums[0] <= 4e8
        assert sums[0] == pytest.approx(sums[1], rel=0.15)
    # The same number of contracts at another price is no trade.
    before = coin.levels("binance_standard").exposure.sum()
    for i in range(20):
        price = E * (1.0 + 0.0005 * i)
        ts = START + (1_000 + 5 * i) * MINUTE
        coin.on_bar(price, price, price, price, ts, ts + 5 * MINUTE - 10**6, volume=0.0)
        coin.on_open_interest(4e6, float("nan"), ts + 5 * MINUTE)
    assert coin.levels("binance_standard").exposure.sum() == pytest.approx(before, rel=0.1)
    again = LiquidationTracker.from_state(coin.state())
    assert again.levels().notional.tolist() == coin.levels().notional.tolist()


@pytest.mark.parametrize(("contracts", "is_large"), [(2_000.0, True), (999.0, False)])
def test_trades_of_coin_margined_contracts_count_by_their_dollars(contracts, is_large):
    # 1,000 contracts of 100 USD are the smallest large trade, at whatever price.
    for price in (E, 0.2 * E):
        tracker = LiquidationTracker(brackets=BracketTable.built_in("BTCUSD_PERP"))
        prices = np.array([price, price])
        sides = np.array([1, -1], dtype=np.int8)
        tracker.on_trades(prices, np.array([contracts, contracts]), sides, START)
        tracker.on_bar(price, price, price, price, START, START + MINUTE, volume=1.0)
        held = tracker.levels("py_liquidation_map").exposure.sum()
        assert held == pytest.approx(2.0 * 100.0 * contracts if is_large else 0.0, rel=0.25)


def levels_sum(levels: Levels, side: int, name: str = "notional") -> float:
    return float(getattr(levels, name)[levels.side == side].sum())


@pytest.mark.parametrize("last", [0.6 * E, E, 1.7 * E])
def test_all_that_is_said_of_coin_margined_contracts_is_in_dollars(last: float):
    tracker = LiquidationTracker(brackets=BracketTable.built_in("ETHUSD_PERP"))
    # 30 million contracts of 10 USD, told far from where the price then goes.
    fed(tracker, [*np.geomspace(E, last, 60), *[last] * 20], 3e7)
    reach = 0.4
    low, high = (1.0 - reach) * last, (1.0 + reach) * last
    for model in ("binance_standard", "funding_adjusted", "ensemble"):
        near = tracker.levels(model, price_range=reach)
        exposed = tracker.exposure_swept(low, high, model)
        swept = tracker.swept(low, high, model)
        between = [
            tracker.notional_between(1, low, last, model),
            tracker.notional_between(-1, last, high, model),
        ]
        for index, side in enumerate((1, -1)):
            assert 0.0 < levels_sum(near, side, "exposure") <= 3e8
            assert exposed[index] == pytest.approx(levels_sum(near, side, "exposure"), rel=2e-3)
            expected = pytest.approx(levels_sum(near, side), rel=2e-2)
            assert swept[index].expected == expected
            assert between[index] == expected
        by_leverage = tracker.levels(model, by_leverage=True, price_range=reach)
        assert by_leverage.notional.sum() == pytest.approx(near.notional.sum())
        assert by_leverage.exposure.sum() == pytest.approx(near.exposure.sum())
    clusters = tracker.clusters()
    levels = tracker.levels()
    size = tracker.bucket_size
    for i, side in enumerate(clusters.side):
        inside = (levels.side == side) & (levels.price > clusters.price_low[i] - size)
        inside &= levels.price < clusters.price_high[i] + size
        core = inside & (levels.price > clusters.price_low[i] + size)
        core &= levels.price < clusters.price_high[i] - size
        assert levels.notional[core].sum() <= 1.001 * clusters.notional[i]
        assert clusters.notional[i] <= 1.001 * levels.notional[inside].sum()
    assert clusters.side.size
    tiers = tracker.notional_by_tier(1, low, last)
    assert 0.0 < tiers.max() <= 3e8 * (1.0 + 1e-9)


def test_what_a_path_swept_of_coin_margined_contracts_is_in_dollars():
    # From 50,000 to 100,000 and back by a tenth: contracts of 100 USD stay as many dollars.
    tracker = LiquidationTracker(brackets=BracketTable.built_in("BTCUSD_PERP"))
    fed(tracker, [*np.geomspace(0.5 * E, E, 60), *[E] * 20], 1e6)
    expected = sum(
        tracker.notional_between(1, 0.9 * E, E, model)
        - tracker.openings_to(0.9 * E, E).even[0] * tracker.parameters.background_share_long
        for model in ("binance_standard", "funding_adjusted")
    )
    ts = START + 400 * MINUTE
    tracker.on_bar(E, E, 0.9 * E, 0.9 * E, ts, ts + 5 * MINUTE - 10**6, volume=0.0)
    _, predicted = tracker._watch.balance.hour(ts + 5 * MINUTE)
    assert 0.3 * expected / 2.0 < predicted[0] < 1.1 * expected / 2.0


@pytest.mark.parametrize(
    ("leverage", "disagrees"),
    [
        (3, True),
        (5, True),
        (10, True),
        (13, True),
        (17, True),
        (22, True),
        (25, False),
        (50, False),
    ],
)
def test_models_disagree_over_the_whole_map_as_published(leverage: int, disagrees: bool):
    parameters = {
        "leverages": [leverage],
        "leverage_weights_long": [1.0],
        "leverage_weights_short": [1.0],
        "turnover_rate": 0.0,
        "turnover_per_hour": 0.0,
        "prior_spread": 1e-4,
    }
    tracker = LiquidationTracker(TrackerParameters.from_dict(parameters))
    fed(tracker, [E] * 301, 1_000.0)
    ts = START + 1_501 * MINUTE
    sides = np.array([1, -1], dtype=np.int8)
    tracker.on_trades(np.array([E, E]), np.array([2.0, 2.0]), sides, ts)
    tracker.on_open_interest(1_001.0, float("nan"), ts + MINUTE)
    differences = []
    for side in (1, -1):
        means = []
        for model in tracker.model_names[:3]:
            levels = tracker.levels(model)
            on_side = levels.side == side
            weighted = levels.price[on_side] @ levels.notional[on_side]
            means.append(weighted / levels.notional[on_side].sum())
        differences.append((max(means) - min(means)) / E)
    disagrees = leverage < 25
    assert (max(differences) > 0.05) == disagrees
    # What is told apart is what is published, to a hundredth of a per cent.
    told = tracker.state()["map"]["ensemble"]["difference"]
    assert told == pytest.approx(max(differences), abs=1e-4)
    assert (tracker.levels().confidence[0] < 0.7) == disagrees


@pytest.mark.parametrize("wrong", [1e-9, 1e-3, 1e9])
@pytest.mark.parametrize("symbol", ["SOLUSDT", "BTCUSDT"])
def test_a_wrong_first_price_leaves_few_levels(wrong: float, symbol: str):
    tracker = LiquidationTracker(brackets=BracketTable.built_in(symbol, START))
    tracker.on_open_interest(1e5, 1e5 * wrong, START - MINUTE)
    assert all(len(levels.price) < 100_000 for levels in tracker.levels_of())
    fed(tracker, [200.0] * 5, 1e5)
    found = tracker.levels_of()
    assert all(len(levels.price) < 5_000 for levels in found)
    assert tracker.bucket_size == (0.1 if symbol == "SOLUSDT" else 100.0)


def test_the_bucket_goes_along_with_the_price():
    tracker = LiquidationTracker(brackets=BracketTable.built_in("SOLUSDT"))
    fed(tracker, list(np.geomspace(1.0, 1_000.0, 400)), 1e5)
    assert tracker.bucket_size == 1.0
    given = LiquidationTracker(
        TrackerParameters.from_dict({"bucket_size": 1e-6}),
        brackets=BracketTable.built_in("SOLUSDT"),
    )
    fed(given, [1_000.0] * 3, 1e5)
    assert given.bucket_size == pytest.approx(0.02)


@pytest.mark.parametrize(("share", "n_unknown"), [(9.0, 0), (11.0, 1)])
@pytest.mark.parametrize(("symbol", "worth"), [("BTCUSD_PERP", 100.0), ("ETHUSD_PERP", 10.0)])
def test_liquidated_contracts_are_measured_by_the_dollars_held(symbol, worth, share, n_unknown):
    tracker = LiquidationTracker(brackets=BracketTable.built_in(symbol))
    fed(tracker, [E] * 3, 4e6)
    tracker.on_liquidation(1, share * 4e6 * worth, START + MINUTE, START + MINUTE, "orders")
    assert tracker.n_unknown["liquidation"] == n_unknown


@pytest.mark.parametrize(("factor", "n_unknown"), [(1.0, 0), (1.9, 0), (2.1, 1), (0.4, 1)])
def test_contracts_that_are_not_worth_their_dollars_are_not_believed(factor, n_unknown):
    tracker = LiquidationTracker(brackets=BracketTable.built_in("BTCUSD_PERP"))
    fed(tracker, [E] * 3, 4e6)
    tracker.on_open_interest(4e6, factor * 4e8, START + 60 * MINUTE)
    assert tracker.n_unknown["open_interest"] == n_unknown


@pytest.mark.parametrize(("n_wrong", "factor"), [(1, 0.001), (4, 0.01), (9, 0.2), (3, 30.0)])
def test_wrong_first_snapshots_leave_nothing_behind(n_wrong, factor):
    # As if they had not come: what follows was no trade.
    prices = E * np.exp(np.cumsum(np.random.default_rng(7).normal(0.0, 0.0008, 120)))
    trackers = LiquidationTracker(), LiquidationTracker()
    for i, (start, end) in enumerate(itertools.pairwise(prices.tolist())):
        ts = START + 5 * i * MINUTE
        for tracker, is_told in zip(trackers, (True, i >= n_wrong), strict=True):
            bar = (start, max(start, end), min(start, end), end, ts, ts + 5 * MINUTE - 10**6)
            tracker.on_bar(*bar, volume=10.0)
            if is_told:
                held = (8e4 + i) * (factor if i < n_wrong else 1.0)
                tracker.on_open_interest(held, held * end, ts + 5 * MINUTE)
    assert trackers[0].n_unknown["open_interest"] == n_wrong
    found, wanted = (tracker.levels().exposure.sum() for tracker in trackers)
    assert found == pytest.approx(wanted, rel=0.01)
