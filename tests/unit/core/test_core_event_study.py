from __future__ import annotations

import numpy as np
import pytest

from liq_nautilus.core.science.event_study import day_block_interval
from liq_nautilus.core.science.event_study import event_effect
from liq_nautilus.core.science.event_study import forward_returns
from liq_nautilus.core.science.event_study import matched
from liq_nautilus.core.science.event_study import onsets
from liq_nautilus.core.science.event_study import trailing_move
from liq_nautilus.core.science.event_study import trailing_volatility
from liq_nautilus.times import DAY_NS

HOUR = DAY_NS // 24


def hourly(n: int = 240, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.arange(1, n + 1) * HOUR, 100.0 * np.exp(np.cumsum(rng.standard_normal(n) * 0.01))


def test_onsets_are_the_first_of_each_spell():
    states = np.array([False, True, True, False, True])
    assert onsets(states).tolist() == [1, 4]
    assert onsets(np.zeros(3, dtype=bool)).size == 0


def test_forward_returns_use_the_closes_known_then():
    ts_close, closes = np.array([10, 20, 30]), np.array([1.0, 2.0, 4.0])
    times = np.array([5, 10, 15, 20, 25])
    found = forward_returns(times, ts_close, closes, 10)
    assert np.isnan(found[[0, 4]]).all()
    assert found[1:4] == pytest.approx(np.log([2.0, 2.0, 2.0]))
    assert forward_returns(times.reshape(5, 1), ts_close, closes, 10).shape == (5, 1)


def test_trailing_volatility_is_the_root_mean_square_of_the_day_before():
    ts_close, closes = hourly()
    times = np.array([0, 100 * HOUR, 100 * HOUR + 1])
    found = trailing_volatility(times, ts_close, closes)
    returns = np.diff(np.log(closes))
    expected = np.sqrt(np.mean(returns[75:99] ** 2))
    assert found[0] == 0.0
    assert found[1:] == pytest.approx([expected, expected])


def test_the_trailing_move_is_that_of_the_hour_before():
    ts_close, closes = np.arange(4) * HOUR, np.array([1.0, 2.0, 4.0, 3.0])
    found = trailing_move(np.array([0, HOUR, 3 * HOUR]), ts_close, closes)
    assert found == pytest.approx([0.0, np.log(2.0), np.log(0.75)])


def test_matched_moments_are_like_their_events():
    feature = np.random.default_rng(1).random(1_000)
    events = np.array([0.1, 0.9])
    drawn = matched(events, feature, 50, seed=2)
    assert drawn.shape == (2, 50)
    assert np.abs(feature[drawn] - events[:, None]).max() < 0.12
    assert (drawn == matched(events, feature, 50, seed=2)).all()
    few = matched(np.array([0.0, 9.0]), np.arange(3.0), 5, seed=0)
    assert set(few.ravel()) <= {0, 1, 2}


def test_an_effect_is_found_where_there_is_one():
    rng = np.random.default_rng(3)
    times = np.arange(60) * DAY_NS // 3
    others = rng.standard_normal((60, 10)) * 0.01
    effect = event_effect(times, rng.standard_normal(60) * 0.01 + 0.02, others)
    assert effect.low > 0.0
    assert effect.low < effect.difference < effect.high
    assert effect.difference == pytest.approx(effect.mean - effect.matched_mean)
    nothing = event_effect(times, rng.standard_normal(60) * 0.01, others)
    assert nothing.low < 0.0 < nothing.high


def test_unknown_returns_are_left_out():
    times = np.array([0, DAY_NS, 2 * DAY_NS])
    returns = np.array([1.0, np.nan, 3.0])
    others = np.array([[0.0, np.nan], [0.0, 0.0], [1.0, 3.0]])
    effect = event_effect(times, returns, others)
    assert effect.n_events == 2
    assert (effect.mean, effect.matched_mean) == (2.0, 1.0)
    none = event_effect(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros((0, 5)))
    assert none.n_events == 0
    assert np.isnan(none.difference)


def test_the_interval_resamples_whole_days():
    times = np.repeat(np.arange(10) * DAY_NS, 24)
    values = np.repeat(np.array([1.0, -1.0] * 5), 24)
    low, high = day_block_interval(times, values)
    # Days of 24 equal hours: far wider than if hours were independent.
    assert low < -24.0 * 3
    assert high > 24.0 * 3
    mean = day_block_interval(times, values, statistic="mean")
    assert mean == pytest.approx((low / 240.0, high / 240.0))
    assert day_block_interval(times, values) == (low, high)
    assert np.isnan(day_block_interval(times[:24], values[:24])).all()
    narrow = day_block_interval(times, values, level=0.5)
    assert low < narrow[0] < narrow[1] < high


@pytest.mark.parametrize("n_days", [2, 4, 7])
@pytest.mark.parametrize("statistic", ["sum", "mean"])
def test_the_interval_of_few_days_covers_as_often_as_it_says(n_days: int, statistic: str):
    # Plain percentiles cover 50, 78 and 86 % of the time here.
    days = np.arange(n_days) * DAY_NS
    draws = np.random.default_rng(5).standard_normal((1_000, n_days))
    intervals = [
        day_block_interval(days, values, statistic=statistic, n_resamples=500) for values in draws
    ]
    covers = np.mean([low <= 0.0 <= high for low, high in intervals])
    assert 0.91 <= covers <= 0.97


def test_the_mean_of_few_days_weighs_values_alike():
    times = np.array([0, 0, 0, 1, 2]) * DAY_NS
    values = np.array([1.0, 1.0, 1.0, 4.0, 2.0])
    low, high = day_block_interval(times, values, statistic="mean")
    assert low + high == pytest.approx(2.0 * values.mean())
    deviations = np.array([3.0, 4.0, 2.0]) - values.mean() * np.array([3.0, 1.0, 1.0])
    error = np.sqrt(1.5 * np.sum(deviations**2)) / 5.0
    assert high - low == pytest.approx(2.0 * 4.302653 * error)
    total = day_block_interval(times, values)
    assert sum(total) == pytest.approx(2.0 * values.sum())
