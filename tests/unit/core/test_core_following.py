import numpy as np
import pytest

from liq_nautilus.core.dollars.realised_scale import DISTANCES
from liq_nautilus.core.dollars.realised_scale import RealisedScale

HOUR = 3_600_000_000_000
START = 470_000 * HOUR
CURVE = np.stack([1e9 * DISTANCES, 5e8 * DISTANCES])


def follower(**changes):
    return RealisedScale(**({"half_life_hours": 24.0, "prior_hours": 12.0, "bound": 4.0} | changes))


def live(scale, hours, factors, start=START, low=99.0, high=101.0, step=HOUR):
    """Let hours go by in which so many times the expected amounts are liquidated."""
    scale.is_following = True
    for hour in range(hours):
        ts = start + hour * HOUR
        if scale.needs_curve(ts):
            scale.begin_hour(ts, 100.0, CURVE)
        scale.note_path(low, high)
        expected = (1e9 * np.log(100.0 / low), 5e8 * np.log(high / 100.0))
        for side, factor in enumerate(factors):
            for begin in range(ts, ts + HOUR, step):
                scale.add_sum(side, factor * expected[side] * step / HOUR, begin, begin + step)
    scale.begin_hour(start + hours * HOUR, 100.0, CURVE)
    return scale


def test_it_stays_at_one_until_something_is_known():
    scale = follower()
    assert scale.values.tolist() == [1.0, 1.0]
    assert not scale.is_following
    assert not scale.needs_curve(START)
    times = np.array([[START, START + HOUR], [START + 2 * HOUR, START + 3 * HOUR]])
    assert list(scale.hours(times)) == [slice(0, 2)]
    scale.note_path(99.0, 101.0)
    assert scale.values.tolist() == [1.0, 1.0]


def test_it_moves_to_the_ratio_of_realised_to_expected_as_evidence_grows():
    short, long = live(follower(), 3, (2.0, 0.5)), live(follower(), 400, (2.0, 0.5))
    assert 1.0 < short.values[0] < long.values[0] < 2.0
    assert 1.0 > short.values[1] > long.values[1] > 0.5
    # Hours weigh 1 / (1 - keep) in all, against the prior's.
    weight = 1.0 / (1.0 - 0.5 ** (1.0 / 24.0))
    assert long.values[0] == pytest.approx((2.0 * weight + 12.0) / (weight + 12.0), rel=1e-3)


def test_it_forgets():
    changed = live(live(follower(), 400, (3.0, 1.0)), 24, (1.0, 1.0), START + 401 * HOUR)
    assert changed.values[0] < live(follower(), 400, (3.0, 1.0)).values[0]


def test_it_stays_within_its_bounds():
    assert live(follower(bound=2.0), 400, (50.0, 0.0)).values.tolist() == [2.0, 0.5]


@pytest.mark.parametrize("step", [HOUR // 2, HOUR // 12])
def test_parts_of_an_hour_count_as_the_hour(step):
    whole, parts = live(follower(), 5, (2.0, 0.5)), live(follower(), 5, (2.0, 0.5), step=step)
    np.testing.assert_allclose(parts.values, whole.values)


def test_an_hour_of_which_a_part_is_unknown_says_nothing():
    scale = follower()
    scale.is_following = True
    scale.begin_hour(START, 100.0, CURVE)
    scale.note_path(99.0, 101.0)
    scale.add_sum(0, 1e9, START, START + HOUR // 2)
    scale.begin_hour(START + HOUR, 100.0, CURVE)
    assert scale.values.tolist() == [1.0, 1.0]
    scale.add_sum(0, 1e9, START + HOUR // 2, START + HOUR)
    assert scale.values[0] > 1.0
    assert scale.values[1] == 1.0


def test_an_interval_of_several_hours_is_spread_over_them():
    scale = follower()
    scale.is_following = True
    for hour in range(4):
        scale.begin_hour(START + hour * HOUR, 100.0, CURVE)
        scale.note_path(99.0, 101.0)
    scale.begin_hour(START + 4 * HOUR, 100.0, CURVE)
    scale.add_sum(0, 4 * 2.0 * 1e9 * np.log(100.0 / 99.0), START, START + 4 * HOUR)
    hourly = live(follower(), 4, (2.0, 0.0)).values[0]
    assert scale.values[0] == pytest.approx(hourly)


def test_single_orders_count_when_a_later_one_shows_that_the_hour_is_over():
    scale = follower()
    scale.is_following = True
    scale.add_order(0, 1.0, START - HOUR + 5)
    scale.begin_hour(START, 100.0, CURVE)
    scale.note_path(99.0, 101.0)
    scale.add_order(0, 1e8, START + 5)
    scale.begin_hour(START + HOUR, 100.0, CURVE)
    assert scale.values.tolist() == [1.0, 1.0]
    scale.add_order(1, 1.0, START + HOUR + 5)
    assert scale.values[0] > 1.0 > scale.values[1]


def test_a_feed_that_was_silent_for_long_says_nothing_of_the_time_between():
    scale = follower()
    scale.is_following = True
    scale.add_order(0, 1.0, START)
    scale.begin_hour(START + HOUR, 100.0, CURVE)
    scale.note_path(99.0, 101.0)
    scale.begin_hour(START + 20 * HOUR, 100.0, CURVE)
    scale.add_order(0, 1.0, START + 20 * HOUR)
    assert scale.values.tolist() == [1.0, 1.0]


def test_bars_of_an_hour_go_together():
    scale = follower()
    scale.is_following = True
    opens = START + np.array([0, 1, 5, 6, 7, 12]) * (HOUR // 6)
    times = np.column_stack([opens, opens + HOUR // 6])
    assert list(scale.hours(times)) == [slice(0, 3), slice(3, 5), slice(5, 6)]


def test_what_waits_is_bounded():
    scale = follower()
    for hour in range(500):
        scale.add_sum(0, 1.0, START + hour * HOUR, START + (hour + 1) * HOUR)
    assert scale.state()["hours"].size == 96
    assert scale.state()["hours"].max() == START // HOUR + 499


def test_a_restored_scale_goes_on():
    original = live(follower(), 7, (2.0, 0.7))
    restored = follower()
    kept = restored.values
    restored.restore(original.state())
    assert kept.tolist() == original.values.tolist()
    for scale in (original, restored):
        live(scale, 5, (3.0, 0.2), START + 8 * HOUR)
    assert restored.values.tolist() == original.values.tolist()
