import numpy as np
import pytest

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.science.paths import Bars
from liq_nautilus.core.science.paths import covered_intervals
from liq_nautilus.core.science.paths import interval_paths
from liq_nautilus.core.science.paths import path_features
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

MILLISECOND = 1_000_000


def hourly(prices: list[tuple[float, float, float, float]]) -> Bars:
    n = len(prices)
    ts = np.arange(n, dtype=np.int64) * HOUR_NS
    columns = np.array(prices, dtype=np.float64).reshape(n, 4).T
    return Bars(ts, ts + HOUR_NS - MILLISECOND, *columns, np.zeros(n))


FLAT = (100.0, 100.0, 100.0, 100.0)


def test_path_of_an_interval_is_that_of_its_bars_and_extremes_are_those_before():
    bars = hourly([(100, 110, 95, 100), FLAT, FLAT, FLAT, FLAT, (100, 103, 98, 99), FLAT])
    paths = interval_paths(np.array([5 * HOUR_NS]), np.array([7 * HOUR_NS]), bars)

    assert (paths.open[0], paths.high[0], paths.low[0]) == (100.0, 103.0, 98.0)
    assert (paths.high_4h[0], paths.low_4h[0]) == (100.0, 100.0)
    assert (paths.high_24h[0], paths.low_24h[0]) == (110.0, 95.0)
    assert (paths.first_bar[0], paths.last_bar[0]) == (5, 7)
    assert paths.hours[0] == 2.0
    assert len(paths) == 1


def test_moves_are_named_by_whom_they_hurt():
    bars = hourly([(100, 103, 98, 99)])
    paths = interval_paths(np.array([0]), np.array([HOUR_NS]), bars)

    assert paths.adverse(LONG)[0] == pytest.approx(0.02)
    assert paths.adverse(SHORT)[0] == pytest.approx(0.03)
    assert paths.favourable(LONG)[0] == pytest.approx(0.03)
    assert paths.favourable(SHORT)[0] == pytest.approx(0.02)


def test_without_bars_before_extremes_are_the_open_and_volatility_is_zero():
    paths = interval_paths(np.array([0]), np.array([HOUR_NS]), hourly([(100, 103, 98, 99)]))

    assert paths.high_24h[0] == paths.low_4h[0] == 100.0
    assert paths.volatility_24h[0] == 0.0


def test_volatility_is_per_hour():
    up = (100.0, 101.0, 100.0, 101.0)
    bars = hourly([up] * 25)
    paths = interval_paths(np.array([DAY_NS]), np.array([DAY_NS + HOUR_NS]), bars)

    assert paths.volatility_24h[0] == pytest.approx(np.log(1.01), rel=1e-5)


def test_an_interval_without_a_bar_is_refused():
    with pytest.raises(ValueError, match="every interval must have a bar"):
        interval_paths(np.array([5 * HOUR_NS]), np.array([6 * HOUR_NS]), hourly([FLAT]))


def test_intervals_are_covered_by_whole_bars_only():
    bars = hourly([FLAT] * 4)
    ts_open = np.array([0, 2 * HOUR_NS, 3 * HOUR_NS, 9 * HOUR_NS])
    ts_close = np.array([2 * HOUR_NS, 2 * HOUR_NS + HOUR_NS // 2, 5 * HOUR_NS, 10 * HOUR_NS])

    # Whole; a bar that reaches beyond; half missing; none at all.
    assert covered_intervals(ts_open, ts_close, bars).tolist() == [True, False, False, False]
    assert len(bars) == 4


def test_features_of_both_sides_differ_in_the_moves_alone():
    bars = hourly([(100, 110, 95, 100), (100, 103, 98, 99)])
    paths = interval_paths(np.array([HOUR_NS]), np.array([2 * HOUR_NS]), bars)
    of_longs, of_shorts = path_features(paths, LONG), path_features(paths, SHORT)

    assert of_longs.shape == (1, 7)
    assert of_longs[0, :2].tolist() == of_shorts[0, 1::-1].tolist()
    assert of_longs[0, 2:].tolist() == of_shorts[0, 2:].tolist()
    # Over the square root of the hours: four before and the interval's.
    assert of_longs[0, 2] == pytest.approx(0.12 / 5.0**0.5)
    assert of_longs[0, 4] == pytest.approx(0.08 / 5.0**0.5)
    assert of_longs[0, 3] == pytest.approx(0.12 / 5.0)


def test_the_future_of_an_interval_does_not_change_its_path():
    past = [(100, 110, 95, 100), (100, 103, 98, 99)]
    at = np.array([HOUR_NS]), np.array([2 * HOUR_NS])
    before = path_features(interval_paths(*at, hourly(past)), LONG)
    after = path_features(interval_paths(*at, hourly([*past, (99, 300, 1, 50)])), LONG)

    np.testing.assert_array_equal(before, after)
