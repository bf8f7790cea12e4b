"""Trailing statistics of bars, and what a random walk touches, against slow and plain sums."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from liq_nautilus.core.kernels.arguments import Bars

HOUR = 3_600_000_000_000
HALF_LIVES = np.array([1.0, 6.0]) * HOUR


def bars(n, minutes=7, seed=3, *, marks=()):
    rng = np.random.default_rng(seed)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, n)))
    high, low = close * np.exp(rng.uniform(0, 0.02, n)), close * np.exp(-rng.uniform(0, 0.02, n))
    values = np.column_stack([close, high, low, close, np.ones(n), np.zeros(n)])
    values[list(marks), 5] = 1.0
    step = minutes * HOUR // 60
    begin = 5 * HOUR + step * np.arange(n)
    return Bars(values, np.column_stack([begin, begin + step]).astype(np.int64))


def trailed(kernel, some):
    variance, mean_price = np.zeros((2, 2)), np.zeros(3)
    kernel("trail_bars")(some, HALF_LIVES, variance, mean_price)
    return variance, mean_price


@pytest.mark.parametrize("minutes", [1, 60])
def test_bars_are_weighed_by_age(kernel, minutes):
    some = bars(40, minutes)
    variance, mean_price = trailed(kernel, some)
    step = minutes * HOUR / 60
    age = step * np.arange(39, -1, -1)
    ranges = np.log(some.values[:, 1] / some.values[:, 2]) ** 2 / (4.0 * math.log(2.0))
    for k, half_life in enumerate(HALF_LIVES):
        weight = 0.5 ** (age / half_life)
        assert variance[0, k] == pytest.approx((weight * ranges).sum())
        assert variance[1, k] == pytest.approx((weight * step).sum())
    weight = 0.5 ** (age / HOUR) * (1.0 - 0.5 ** (step / HOUR))
    logs = np.log(some.values[:, 3])
    assert mean_price == pytest.approx([(weight * logs).sum(), weight.sum(), logs[-1]])


def test_marks_are_left_out(kernel):
    with_marks = bars(10, marks=(2, 9))
    kept = with_marks.values[:, 5] == 0.0
    without = Bars(with_marks.values[kept], with_marks.times[kept])
    for found, expected in zip(trailed(kernel, with_marks), trailed(kernel, without), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_bar_without_length_counts_its_range(kernel):
    one = bars(1)
    one.times[:, 1] = one.times[:, 0]
    variance, _ = trailed(kernel, one)
    assert variance[0, 0] > 0.0
    assert variance[1, 0] == 1.0


LEAST = 1e-6


@pytest.mark.parametrize("reference", [3.1e-5, 64_000.0])
def test_hazard_is_the_log_sum_over_the_reflection_principle(kernel, reference):
    rng = np.random.default_rng(1)
    distance = np.sort(rng.uniform(0.0, 0.2, 60))
    price = reference * np.exp(np.stack([-distance, distance]))
    notional = rng.uniform(0.0, 1e6, (2, 60)) * (rng.uniform(size=(2, 60)) > 0.2)
    deviations = np.array([1e-5, 0.004, 0.05])
    unit = np.array([2e9, 3e9])
    found = kernel("log_hazard")(notional, price, reference, unit, deviations, LEAST)
    chance = 2.0 * norm.cdf(-distance[:, None] / deviations)
    touched = notional @ chance / unit[:, None]
    expected = np.log(np.vstack([touched, touched.sum(axis=0)]) + LEAST)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_levels_out_of_reach_are_not_touched(kernel):
    price = np.array([[50.0], [200.0]])
    found = kernel("log_hazard")(np.ones((2, 1)), price, 100.0, np.ones(2), np.array([0.05]), LEAST)
    np.testing.assert_array_equal(found, math.log(LEAST))


def test_ranges_are_weighed_by_age_in_hours(kernel):
    some, sums = bars(40, marks=(3, 11)), np.zeros(2)
    kernel("trail_ranges")(some, 6.0, sums)
    variance, _ = trailed(kernel, some)
    assert sums[0] == pytest.approx(variance[0, 1])
    assert sums[1] == pytest.approx(variance[1, 1] / HOUR)


@pytest.mark.parametrize("drift", [0.02, -0.03])
def test_trend_is_told_against_each_side_and_in_its_favour(kernel, drift):
    volatility, out = np.array([0.02, 0.015, 0.01]), np.full((3, 5), np.nan)
    kernel("trend_columns")(volatility, np.array([0.5 * 4.0, 0.5, 4.0 + drift]), out)
    np.testing.assert_allclose(out[:, :3], np.tile(np.log(volatility), (3, 1)))
    up, down = max(drift, 0.0) * 100.0, max(-drift, 0.0) * 100.0
    np.testing.assert_allclose(out[:, 3:], [[down, up], [up, down], [up + down, 0.0]])


@pytest.mark.parametrize("bucket_size", [0.5, 2.0])
def test_most_touched_is_the_bucket_with_the_largest_product(kernel, bucket_size):
    rng = np.random.default_rng(int(bucket_size * 10))
    price = np.sort(rng.uniform(101.0, 120.0, 80))
    notional = rng.uniform(0.0, 1.0, 80) * (rng.uniform(size=80) > 0.3)
    found = kernel("most_touched")(notional, price, 100.0, bucket_size, 0.06)
    rows = []
    for bucket in np.unique(np.floor(price / bucket_size)):
        inside = np.floor(price / bucket_size) == bucket
        total = notional[inside].sum()
        if total > 0.0:
            mean = (notional * price)[inside].sum() / total
            rows.append((total * 2.0 * norm.cdf(-math.log(mean / 100.0) / 0.06), mean, total))
    assert found == pytest.approx(max(rows)[1:])


def test_nothing_is_most_touched_where_nothing_lies(kernel):
    price, notional = kernel("most_touched")(np.zeros(3), np.arange(1.0, 4.0), 2.0, 1.0, 0.1)
    assert math.isnan(price)
    assert notional == 0.0


def test_weighted_inputs_are_a_constant_and_a_product(kernel):
    rng = np.random.default_rng(5)
    weights, columns = rng.normal(size=(3, 6)), rng.normal(size=(3, 5))
    found = kernel("weighted_inputs")(weights, columns)
    np.testing.assert_allclose(found, weights[:, 0] + (weights[:, 1:] * columns).sum(axis=1))


def test_past_is_told_against_the_longest_span_and_of_the_other_side(kernel):
    rates, out = np.array([[5.0, 3.0, 2.0], [1.0, 0.0, 4.0]]) * 1e6, np.full((3, 6), np.nan)
    kernel("past_columns")(rates, 1e9, 1e-6, out)
    both = np.vstack([rates, rates.sum(axis=0)])
    logs = np.log(both / 1e9 + 1e-6)
    own = np.column_stack([logs[:, 0] - logs[:, 2], logs[:, 1] - logs[:, 2], logs[:, 2]])
    np.testing.assert_allclose(out[:, :3], own)
    np.testing.assert_allclose(out[:, 3:], [own[1], own[0], np.zeros(3)])


def test_amounts_are_shares_of_the_unit_and_quantiles_do_not_cross(kernel):
    share, factor = np.log([0.01, 0.002]), np.array([1.5, 2.0])
    residuals = np.array([[-1.0, 0.0, 1.0, 2.0], [-30.0, 1.0, 0.5, 1.2]])
    found = kernel("side_amounts")(share, factor, residuals, LEAST, 5e9)
    np.testing.assert_allclose(found[:, 0], [0.015 * 5e9, 0.004 * 5e9])
    np.testing.assert_allclose(found[0, 1:], 5e9 * (0.01 * np.exp([-1.0, 0.0, 1.0, 2.0]) - LEAST))
    second, fourth = (5e9 * (0.002 * math.exp(r) - LEAST) for r in (1.0, 1.2))
    np.testing.assert_allclose(found[1, 1:], [0.0, second, second, fourth])
