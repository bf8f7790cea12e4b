"""What belongs to the highest of the last days."""

import math

import numpy as np
import pytest

from liq_nautilus.core.forecasting.memory import TrailingThreshold
from liq_nautilus.times import HOUR_NS

T = 490_000 * HOUR_NS
HALF = HOUR_NS // 2


def after(values, step=HALF, level=0.8):
    threshold = TrailingThreshold(level)
    for i, value in enumerate(values):
        threshold.add(value, T + i * step)
    return threshold


@pytest.mark.parametrize(("step", "n"), [(HALF, 100), (HOUR_NS, 60)])
def test_it_is_the_quantile_of_the_half_hours_before(step, n):
    values = np.random.default_rng(1).uniform(size=n)
    now = T + n * step
    assert after(values, step).value(now) == pytest.approx(np.quantile(values, 0.8))
    assert after(values, step, 0.3).value(now) == pytest.approx(np.quantile(values, 0.3))


def test_it_forgets_after_three_days():
    values = np.arange(200.0)
    assert after(values).value(T + 200 * HALF) == pytest.approx(np.quantile(values[-144:], 0.8))
    assert after(values).value(T + 260 * HALF) == pytest.approx(np.quantile(values[-84:], 0.8))
    assert after(values).value(T + 1000 * HALF) == math.inf


def test_of_half_an_hour_the_last_value_counts_and_not_before_it_is_over():
    values = np.arange(50.0)
    threshold, plain = after(values), after(values)
    for i in range(5):
        threshold.add(1e6 + i, T + 50 * HALF + i)
    now = T + 50 * HALF + 6
    assert threshold.value(now) == plain.value(now)
    expected = np.quantile(np.append(values, 1e6 + 4), 0.8)
    assert threshold.value(now + HALF) == pytest.approx(expected)


@pytest.mark.parametrize(("step", "fewest"), [(HALF, 48), (HOUR_NS, 24), (4 * HOUR_NS, 6)])
def test_less_than_a_day_says_nothing(step, fewest):
    now = T + 24 * HOUR_NS
    assert after(np.arange(fewest + 0.0), step).value(now) < math.inf
    assert after(np.arange(fewest + 0.0), step).value(now - HALF) == math.inf
    later = TrailingThreshold(0.8)
    for i in range(1, fewest):
        later.add(float(i), T + i * step)
    assert later.value(now) == math.inf


def test_few_values_say_nothing():
    assert after(np.arange(5.0), 12 * HOUR_NS).value(T + 60 * HOUR_NS) == math.inf
    assert after(np.arange(6.0), 11 * HOUR_NS).value(T + 60 * HOUR_NS) < math.inf
    assert TrailingThreshold(0.5).value(T) == math.inf


def test_unknown_values_and_gaps_do_not_count():
    values = np.arange(60.0)
    values[10:20] = np.nan
    known = values[np.isfinite(values)]
    assert after(values).value(T + 60 * HALF) == pytest.approx(np.quantile(known, 0.8))


def test_what_is_restored_goes_on_alike():
    first, second = after(np.arange(90.0)), after(np.zeros(30))
    now = T + 90 * HALF
    second.value(now)
    second.restore(first.state())
    assert second.value(now) == first.value(now)
