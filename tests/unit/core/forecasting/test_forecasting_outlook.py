"""Which levels a forecast is made of."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from liq_nautilus.core.forecasting.outlook import Surroundings
from liq_nautilus.core.forecasting.outlook import find_contributions
from liq_nautilus.core.forecasting.outlook import touch_probability


def around(notional, price, reference=100.0, bucket_size=1.0):
    return Surroundings(
        ts=1,
        notional=np.array(notional),
        price=np.array(price),
        scale=np.ones(2),
        reference_price=reference,
        open_interest=1e9,
        bucket_size=bucket_size,
    )


def test_levels_are_summed_in_buckets_and_ordered_by_what_they_add():
    found = find_contributions(
        around(
            [[10.0, 5.0, 5.0, 0.0], [0.0, 0.0, 30.0, 40.0]],
            [[96.5, 98.2, 98.8, 99.6], [100.2, 100.8, 102.1, 109.9]],
        ),
        0.02,
    )
    np.testing.assert_array_equal(found.side, [-1, 1, 1, -1])
    np.testing.assert_allclose(found.price, [102.1, 98.5, 96.5, 109.9])
    np.testing.assert_allclose(found.notional, [30.0, 10.0, 10.0, 40.0])
    chance = 2.0 * norm.cdf(-np.abs(np.log(found.price / 100.0)) / 0.02)
    np.testing.assert_allclose(found.probability_touched, chance)
    assert (np.diff(found.notional * found.probability_touched) <= 0.0).all()


@pytest.mark.parametrize("side", [0, 1])
def test_one_side_may_hold_nothing(side):
    notional = np.zeros((2, 2))
    notional[side] = 1.0, 2.0
    found = find_contributions(around(notional, [[98.0, 99.0], [101.0, 102.0]]), 0.01)
    assert found.side.tolist() == [1, 1] if side == 0 else [-1, -1]


def test_nothing_contributes_where_nothing_lies():
    found = find_contributions(around(np.zeros((2, 2)), [[98.0, 99.0], [101.0, 102.0]]), 0.01)
    assert [column.size for column in found] == [0, 0, 0, 0]
    assert found.side.dtype == np.int8


def test_a_price_below_the_first_bucket_is_a_bucket_too():
    found = find_contributions(around([[1.0, 2.0], [0.0, 0.0]], [[0.2, 0.9]] * 2, 1.0), 0.5)
    np.testing.assert_allclose(found.notional, [3.0])


def test_numbers_and_arrays_are_touched_alike():
    distance = np.array([0.0, 0.003, 0.2])
    found = touch_probability(distance, 0.01)
    assert [touch_probability(one, 0.01) for one in distance.tolist()] == found.tolist()
    assert found[1] == pytest.approx(math.erfc(0.3 / math.sqrt(2.0)))
