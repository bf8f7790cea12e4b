import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.science.openings_share import background
from liq_nautilus.core.science.openings_share import opened_and_swept
from liq_nautilus.core.science.openings_share import swept_length
from liq_nautilus.core.science.paths import Bars
from liq_nautilus.core.science.paths import IntervalPaths
from liq_nautilus.core.science.paths import interval_paths
from liq_nautilus.times import HOUR_NS

RATIO = {LONG: np.array([0.8, 0.99, 0.996]), SHORT: np.array([1.2, 1.01, 1.004])}


def one_path(open_: float, high: float, low: float) -> IntervalPaths:
    bar = (np.array([value]) for value in (open_, high, low, open_, 0.0))
    bars = Bars(np.array([0]), np.array([HOUR_NS]), *bar)
    return interval_paths(np.array([0]), np.array([HOUR_NS]), bars)


def simulated_length(open_: float, best: float, worst: float, ratio: float, side: int) -> float:
    steps = 20_000
    legs = [np.linspace(np.log(open_), np.log(best), steps)] if best != open_ else []
    length = [abs(np.log(best / open_))] if best != open_ else []
    legs.append(np.linspace(np.log(best), np.log(worst), steps))
    length.append(abs(np.log(worst / best)))
    level = [leg + np.log(ratio) for leg in legs]
    hit = [(x > np.log(worst)) if side == LONG else (x < np.log(worst)) for x in level]
    return sum(h.mean() * n for h, n in zip(hit, length, strict=True))


@given(st.floats(0.0, 0.03), st.floats(0.0001, 0.03), st.sampled_from([LONG, SHORT]))
def test_length_is_that_of_positions_opened_one_by_one(up: float, down: float, side: int):
    high, low = (1 + up, 1 - down) if side == LONG else (1 + down, 1 - up)
    best, worst = (high, low) if side == LONG else (low, high)
    found = swept_length(one_path(1.0, high, low), side, RATIO[side])[0]
    slow = [simulated_length(1.0, best, worst, ratio, side) for ratio in RATIO[side]]

    assert found == pytest.approx(slow, abs=1e-5)


def test_a_price_that_stands_still_sweeps_nothing():
    assert not swept_length(one_path(1.0, 1.0, 1.0), LONG, RATIO[LONG]).any()


def test_openings_follow_open_interest_turnover_and_their_multiple():
    paths, ones = one_path(100.0, 101.0, 97.0), np.ones(3)
    arguments = (paths, LONG, RATIO[LONG])
    little = opened_and_swept(*arguments, np.array([1e6]), np.array([0.01]), ones)
    double = opened_and_swept(*arguments, np.array([2e6]), np.array([0.01]), ones)
    faster = opened_and_swept(*arguments, np.array([1e6]), np.array([0.01]), 2 * ones)
    endless = opened_and_swept(*arguments, np.array([1e6]), np.array([1e6]), ones)
    unknown = opened_and_swept(*arguments, np.array([np.nan]), np.array([0.01]), ones)

    np.testing.assert_allclose(double, 2 * little)
    assert np.all(faster[little > 0] > 1.9 * little[little > 0])
    # All of it is opened once per usual path of 1 % in an hour; here 5 % are travelled.
    assert 1e6 < endless.max() < 5e6
    assert not unknown.any()
    assert little[0, 0] == 0.0


def test_the_background_is_even():
    paths = one_path(100.0, 101.0, 98.0)
    down = background(paths, LONG, np.array([1e6]))
    up = background(paths, SHORT, np.array([1e6]))

    assert down == pytest.approx(2 * up)
    assert background(paths, LONG, np.array([np.nan])).tolist() == [0.0]
