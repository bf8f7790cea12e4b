import math

import numpy as np
import pytest

from liq_nautilus.core.advising.signals import RULES
from liq_nautilus.core.advising.signals import LiquidationBalance
from liq_nautilus.core.advising.signals import SignalInputs
from liq_nautilus.core.advising.signals import decide_signal
from liq_nautilus.core.advising.signals import touch_probability
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.records import Clusters

MINUTE = 60_000_000_000
BIN = 5 * MINUTE
HOUR = 12 * BIN
T = 500_000 * HOUR
PARAMETERS = TrackerParameters(avoid_rule="cluster")


def clusters(rows=((65_900.0, 66_100.0, 66_000.0, 5e6, -1, 0.99),), price=65_500.0):
    low, high, peak, notional, side, significance = np.array(rows, dtype=np.float64).T
    return Clusters(
        T, price, low, high, peak, notional, side.astype(np.int8), significance, confidence=0.9
    )


def no_clusters():
    empty = np.zeros(0)
    return Clusters(T, 1.0, empty, empty, empty, empty, empty.astype(np.int8), empty, 0.9)


def decide(**changes):
    inputs = {
        "ts": T,
        "price": 65_500.0,
        "clusters": clusters(),
        "confidence": 0.9,
        "volatility": 0.01,
        "realised": np.zeros(2),
        "predicted": np.zeros(2),
        "realised_rank": np.zeros(2),
    }
    return decide_signal(SignalInputs(**(inputs | changes)), PARAMETERS)


CASCADE = {
    "realised": np.array([5e6, 1e6]),
    "predicted": np.array([2e6, 2e6]),
    "realised_rank": np.array([0.95, 0.99]),
}


def test_near_significant_cluster_says_avoid():
    signal = decide()
    assert signal.action == "AVOID"
    assert signal.reason == "Liquidation cluster at $66,000"
    assert signal.position_side == -1
    assert signal.cluster_price == 66_000.0
    assert signal.cluster_notional == 5e6
    assert signal.confidence == pytest.approx(
        touch_probability(math.log(65_900.0 / 65_500.0), 0.01), rel=1e-12
    )
    assert signal.ts_event == T


@pytest.mark.parametrize("confidence", [0.0, 0.49, math.nan])
def test_ignorance_comes_before_everything(confidence):
    signal = decide(confidence=confidence, **CASCADE)
    assert signal.action == "WAIT"
    assert signal.reason == "Low model confidence"
    assert signal.position_side == 0
    assert math.isnan(signal.cluster_price)


def test_reversal_comes_before_avoid_and_names_the_liquidated_side():
    signal = decide(**CASCADE)
    assert signal.action == "REVERSAL_OPPORTUNITY"
    assert signal.confidence == PARAMETERS.reversal_confidence == 0.5
    assert signal.position_side == 1
    assert signal.reason == "Liquidated longs of $5,000,000 in an hour, predicted $2,000,000"
    assert signal.cluster_price == 65_500.0
    assert signal.cluster_notional == 5e6


def test_reversal_takes_the_larger_side_that_exceeds():
    both = CASCADE | {"predicted": np.zeros(2)}
    assert decide(**both).position_side == 1
    shorts = CASCADE | {"predicted": np.array([9e6, 0.0])}
    signal = decide(**shorts)
    assert signal.position_side == -1
    assert signal.reason.startswith("Liquidated shorts of $1,000,000")


@pytest.mark.parametrize(
    "changes",
    [
        {"realised": np.array([2e6, 1e6])},
        {"realised_rank": np.array([0.89, 0.99])},
        {"realised": np.array([math.nan, 0.0])},
    ],
)
def test_usual_or_predicted_liquidations_are_no_reversal(changes):
    assert decide(**(CASCADE | changes)).action == "AVOID"


@pytest.mark.parametrize(
    "changes",
    [
        {"clusters": no_clusters()},
        {"clusters": clusters(((65_900.0, 66_100.0, 66_000.0, 5e6, -1, 0.9),))},
        # Beyond 2 % of the price, and beyond twice the volatility.
        {"clusters": clusters(((67_000.0, 67_200.0, 67_100.0, 5e6, -1, 0.99),)), "volatility": 1.0},
        {"volatility": 0.002},
        {"volatility": math.nan},
        {"volatility": 0.0},
    ],
)
def test_far_or_usual_clusters_are_clear(changes):
    signal = decide(**changes)
    assert signal.action == "CLEAR"
    assert signal.reason == "No significant cluster near"
    assert signal.confidence == 0.9
    assert signal.position_side == 0


def test_avoid_takes_the_nearest_cluster_by_its_near_edge():
    rows = (
        (64_000.0, 65_300.0, 64_800.0, 1e6, 1, 0.99),
        (65_900.0, 66_100.0, 66_000.0, 5e6, -1, 0.99),
        (65_480.0, 65_490.0, 65_485.0, 9e6, 1, 0.5),
    )
    signal = decide(clusters=clusters(rows))
    assert signal.position_side == 1
    assert signal.cluster_price == 64_800.0


@pytest.mark.parametrize(
    ("price", "text"),
    [(66_000.4, "$66,000"), (3_250.16, "$3,250.2"), (0.012345678, "$0.012346"), (1.5, "$1.5000")],
)
def test_reason_shows_five_digits(price, text):
    rows = ((price * 0.999, price * 1.001, price, 5e6, 1, 0.99),)
    signal = decide(clusters=clusters(rows, price), price=price * 1.002)
    assert signal.reason == f"Liquidation cluster at {text}"


@pytest.mark.parametrize("distance", [0.0, 0.005, 0.01, 0.03])
def test_touch_probability_agrees_with_simulated_walks(distance):
    rng = np.random.default_rng(4)
    n_steps, volatility = 1_000, 0.01
    steps = rng.normal(0.0, volatility / math.sqrt(n_steps), (4_000, n_steps))
    reached = np.cumsum(steps, axis=1).max(axis=1)
    # Walks in steps overshoot: the barrier is met a little later than by a continuous one.
    shifted = distance - 0.5826 * volatility / math.sqrt(n_steps)
    expected = (reached >= shifted).mean()
    assert touch_probability(distance, volatility) == pytest.approx(expected, abs=0.025)


def test_hour_holds_realised_and_predicted():
    balance = LiquidationBalance()
    balance.add_realised(1, 100.0, T + BIN - 1, T + BIN - 1)
    balance.add_realised(-1, 40.0, T + BIN, T + BIN)
    balance.add_predicted(np.array([7.0, 3.0]), T + BIN)
    realised, predicted = balance.hour(T + BIN + 1)
    np.testing.assert_allclose(realised, [100.0, 40.0])
    np.testing.assert_allclose(predicted, [7.0, 3.0])
    realised, predicted = balance.hour(T + 14 * BIN)
    assert not realised.any()
    assert not predicted.any()


def test_sums_over_an_interval_are_compared_with_what_was_predicted_for_it():
    balance = LiquidationBalance()
    balance.add_predicted(np.array([90.0, 0.0]), T + BIN)
    balance.add_realised(1, 80.0, T, T + HOUR)
    # The cascade came in the first five minutes, which a while later are no part of the last hour.
    for later in (0, 1, HOUR // 2, HOUR):
        balance.add_predicted(np.array([1.0, 0.0]), T + HOUR + max(later, 1))
        realised, predicted = balance.hour(T + HOUR + later)
        assert realised[0] == pytest.approx(80.0)
        assert predicted[0] == 90.0
    # The next interval should have come: of the time since then nothing is known.
    realised, predicted = balance.hour(T + 2 * HOUR + 1)
    assert realised[0] == 0.0
    assert predicted[0] == 2.0


def test_a_long_interval_holds_no_longer_than_memory():
    balance = LiquidationBalance()
    balance.add_realised(1, 1_200.0, T - 24 * HOUR, T)
    assert balance.hour(T + 2 * HOUR)[0][0] == pytest.approx(50.0)
    assert balance.hour(T + 3 * HOUR)[0][0] == 0.0


def test_interval_is_spread_evenly():
    balance = LiquidationBalance()
    balance.add_realised(1, 240.0, T, T + 2 * HOUR)
    realised, _ = balance.hour(T + 2 * HOUR)
    assert realised[0] == pytest.approx(120.0)


def test_bar_that_ends_with_a_bin_counts_in_it():
    balance = LiquidationBalance()
    for i in range(1, 13):
        balance.add_predicted(np.array([1.0, 2.0]), T + i * BIN)
        balance.add_realised(1, 1.0, T + (i - 1) * BIN, T + i * BIN)
        balance.add_realised(-1, 2.0, T + (i - 1) * BIN, T + i * BIN)
    realised, predicted = balance.hour(T + HOUR)
    np.testing.assert_allclose(realised, [12.0, 24.0])
    np.testing.assert_allclose(predicted, realised)


def test_interval_older_than_memory_keeps_its_share():
    balance = LiquidationBalance()
    balance.add_realised(1, 8_000.0, T, T + 80 * HOUR)
    realised, _ = balance.hour(T + 80 * HOUR)
    assert realised[0] == pytest.approx(100.0)
    balance.add_realised(1, 1_000.0, T, T + HOUR)
    again, _ = balance.hour(T + 80 * HOUR)
    assert again[0] == realised[0]


def test_late_interval_counts_where_it_was():
    balance = LiquidationBalance()
    balance.add_predicted(np.zeros(2), T + 2 * HOUR)
    balance.add_realised(-1, 50.0, T + HOUR, T + HOUR + BIN)
    realised, _ = balance.hour(T + 2 * HOUR)
    assert realised[1] == 50.0
    realised, _ = balance.hour(T + 2 * HOUR + BIN)
    assert realised[1] == 0.0


def test_rank_of_realised_liquidations_and_state():
    first, second = LiquidationBalance(), LiquidationBalance()
    for i in range(40):
        first.rank_realised(np.array([1e3, 1e5]), T + i * BIN)
    first.add_realised(1, 5.0, T + 40 * BIN, T + 41 * BIN)
    second.restore(first.state())
    for balance in (first, second):
        ranks = balance.rank_realised(np.array([1e4, 1e7]), T + 41 * BIN)
        np.testing.assert_allclose(ranks, [0.5, 1.0])
        assert balance.hour(T + 41 * BIN)[0].tolist() == [5.0, 0.0]


def test_the_simple_rules_avoid_any_cluster_and_name_its_bucket():
    simple = TrackerParameters.from_dict(RULES["simple"])
    rows = ((64_300.0, 64_500.0, 64_433.0, 1.0, 1, 0.0),)
    inputs = {
        "ts": T,
        "price": 65_500.0,
        "clusters": clusters(rows),
        "confidence": 0.9,
        "volatility": math.nan,
        "realised": np.zeros(2),
        "predicted": np.zeros(2),
        "realised_rank": np.zeros(2),
        "bucket_size": 100.0,
    }
    signal = decide_signal(SignalInputs(**inputs), simple)
    assert (signal.action, signal.reason) == ("AVOID", "Liquidation cluster at $64,400")
    assert (signal.cluster_price, signal.confidence) == (64_433.0, 0.9)
    known = decide_signal(SignalInputs(**(inputs | {"volatility": 0.01})), simple)
    assert known.confidence == pytest.approx(touch_probability(math.log(65_500 / 64_500), 0.01))
    # Within 2 %, whatever the volatility; the default asks for both.
    far = clusters(((63_000.0, 64_100.0, 63_900.0, 1.0, 1, 0.99),))
    assert decide_signal(SignalInputs(**(inputs | {"clusters": far})), simple).action == "CLEAR"
    assert decide_signal(SignalInputs(**inputs), PARAMETERS).action == "CLEAR"
    more = inputs | {"realised": np.array([2.0, 0.0]), "predicted": np.array([1.0, 0.0])}
    signal = decide_signal(SignalInputs(**more), simple)
    assert (signal.action, signal.confidence) == ("REVERSAL_OPPORTUNITY", 0.85)
    assert decide_signal(SignalInputs(**(inputs | {"confidence": 0.49})), simple).action == "WAIT"
