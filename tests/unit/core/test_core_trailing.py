import math

import numpy as np
import pytest

from liq_nautilus.core import kernels
from liq_nautilus.core.trailing import Freshness
from liq_nautilus.core.trailing import TrailingDistribution
from liq_nautilus.core.trailing import TrailingRate
from liq_nautilus.times import HOUR_NS


def test_rank_is_the_share_of_smaller_values():
    distribution = TrailingDistribution(24.0)
    rng = np.random.default_rng(1)
    values = rng.lognormal(10.0, 2.0, 4_000)
    for i, value in enumerate(values):
        distribution.add(np.array([value]), i)
    asked = np.array([100.0, 1e4, 1e5, 1e6])
    expected = [(values < value).mean() for value in asked]
    # A value is known to a tenth of a decade.
    np.testing.assert_allclose(distribution.rank(asked), expected, atol=0.04)
    assert distribution.rank(np.array([0.0, -1.0])).tolist() == [0.0, 0.0]


def test_too_little_says_nothing():
    distribution = TrailingDistribution(24.0)
    assert distribution.rank(np.array([5.0])).tolist() == [0.0]
    for i in range(29):
        distribution.add(np.array([1.0, 0.0]), i)
    assert distribution.rank(np.array([5.0])).tolist() == [0.0]
    distribution.add(np.array([1.0]), 30)
    assert distribution.rank(np.array([5.0])).tolist() == [1.0]


def test_old_values_weigh_less():
    distribution = TrailingDistribution(1.0)
    for i in range(40):
        distribution.add(np.array([1e3]), i)
    distribution.add(np.full(40, 1e6), HOUR_NS)
    # 40 ones of half weight below 40 of full weight.
    assert distribution.rank(np.array([1e5]))[0] == pytest.approx(1.0 / 3.0, abs=1e-6)


def test_what_is_forgotten_ranks_nothing():
    distribution = TrailingDistribution(1.0)
    distribution.add(np.full(40, 5.0), 0)
    distribution.add(np.zeros(1), 10_000 * HOUR_NS)
    assert distribution.rank(np.array([7.0])).tolist() == [0.0]


def test_rate_is_per_hour_and_forgets():
    rate = TrailingRate()
    assert math.isnan(rate.per_hour)
    for _ in range(100):
        kernels.accrue(rate.sums, 0.5, HOUR_NS // 4, 2.0 * HOUR_NS)
    assert rate.per_hour == pytest.approx(2.0)
    kernels.accrue(rate.sums, 0.0, 2 * HOUR_NS, 2.0 * HOUR_NS)
    assert 0.5 < rate.per_hour < 1.5


def test_fresh_input_ages_by_its_own_rhythm():
    freshness = Freshness(4_000, 6.0)
    assert freshness.score(0) == 0.0
    for i in range(60):
        freshness.add(i * 1000, float(i))
    last = 59_000
    assert freshness.score(last) == 1.0
    assert freshness.score(last + 1_900) == 1.0
    assert freshness.score(last + 4_000) == pytest.approx(0.5, abs=0.01)
    assert freshness.score(last + 7_000) == 0.0


def test_gap_does_not_become_the_rhythm():
    freshness = Freshness(1000, 6.0)
    freshness.add(0)
    freshness.add(1_000_000)
    assert freshness.score(1_000_000 + 10_000) == 0.0


def test_late_update_does_not_turn_time_back():
    freshness = Freshness(1000, 6.0)
    freshness.add(10_000)
    freshness.add(4_000)
    assert freshness.score(11_000) == 1.0


def test_frozen_value_is_not_believed():
    freshness = Freshness(1000, 6.0)
    for i in range(100):
        freshness.add(i * 1000, 5.0)
    assert freshness.score(99_000) == 1.0
    assert freshness.score(99_000, frozen_ns=50_000) == 0.0
    freshness.add(100_000, 6.0)
    assert freshness.score(100_000, frozen_ns=50_000) == 1.0


def test_unknown_values_are_never_frozen():
    freshness = Freshness(1000, 6.0)
    for i in range(100):
        freshness.add(i * 1000)
    assert freshness.score(99_000, frozen_ns=50_000) == 1.0


@pytest.mark.parametrize(
    ("make", "feed"),
    [
        (lambda: TrailingDistribution(5.0), lambda x: x.add(np.full(40, 7.0), 9)),
        (TrailingRate, lambda x: kernels.accrue(x.sums, 3.0, 9, 5.0)),
        (lambda: Freshness(1000, 6.0), lambda x: (x.add(5, 1.0), x.add(900, 2.0))),
    ],
)
def test_state_restores_everything(make, feed):
    first, second = make(), make()
    feed(first)
    second.restore(first.state())
    feed(first)
    feed(second)
    assert str(first.state()) == str(second.state())
