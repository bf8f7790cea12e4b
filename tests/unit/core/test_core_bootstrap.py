import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liq_nautilus.core.science.bootstrap import PairedScores
from liq_nautilus.core.science.bootstrap import spearman_difference
from liq_nautilus.core.science.bootstrap import weighted_spearman
from liq_nautilus.core.science.scoring import spearman
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

RANDOM = np.random.default_rng(7)


def paired(n_days: int, noise: float = 0.5, worse_noise: float = 2.0) -> PairedScores:
    n = 24 * n_days
    realised = RANDOM.normal(size=n)
    return PairedScores(
        np.arange(n, dtype=np.int64) * HOUR_NS,
        realised,
        realised + noise * RANDOM.normal(size=n),
        realised + worse_noise * RANDOM.normal(size=n),
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=25
    )
)
def test_weighted_spearman_is_that_of_the_repeated_rows(rows: list[tuple[int, int, int]]):
    a, b, times = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    repeat = times.astype(int)
    expected = spearman(np.repeat(a, repeat), np.repeat(b, repeat))
    found = weighted_spearman(a, b, times[None, :])[0]

    assert found == pytest.approx(expected, nan_ok=True, abs=1e-9)


def test_a_clear_difference_has_an_interval_above_zero_and_is_repeatable():
    windows = [paired(10), paired(6)]
    first, second = spearman_difference(windows), spearman_difference(windows)

    assert 0.0 < first.low < first.value < first.high
    assert first == second


def test_equal_predictions_differ_by_nothing():
    one = paired(5)
    same = PairedScores(one.ts, one.realised, one.better, one.better)
    found = spearman_difference([same])

    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_the_interval_covers_no_difference_nineteen_times_in_twenty():
    covered = 0
    for _ in range(100):
        found = spearman_difference([paired(20, 1.0, 1.0)], n_resamples=200)
        covered += found.low <= 0.0 <= found.high
    assert covered >= 85


def test_pooling_weighs_windows_by_their_intervals():
    small, large = paired(2), paired(8)
    pooled = spearman_difference([small, large]).value
    parts = [spearman_difference([one]).value for one in (small, large)]

    assert pooled == pytest.approx(0.2 * parts[0] + 0.8 * parts[1])


def test_less_than_two_days_have_no_interval():
    found = spearman_difference([paired(1)])
    assert math.isfinite(found.value)
    assert math.isnan(found.low)


def test_constants_and_nothing_have_no_difference():
    n = 48
    flat = PairedScores(np.arange(n) * HOUR_NS, np.zeros(n), np.zeros(n), np.zeros(n))
    found = spearman_difference([flat])
    assert math.isnan(found.value)
    assert math.isnan(found.low)

    empty = PairedScores(np.zeros(0, dtype=np.int64), *[np.zeros(0)] * 3)
    assert math.isnan(spearman_difference([empty]).value)
    assert math.isnan(spearman_difference([]).value)
    # An empty window beside others counts for nothing.
    one = paired(3)
    assert spearman_difference([empty, one]).value == spearman_difference([one]).value


def test_days_stay_together():
    # One extraordinary day among equal ones: single rows would average it away.
    n = 240
    realised = np.tile(np.arange(24.0), 10)
    better = realised.copy()
    better[:24] = -better[:24]
    worse = np.roll(realised, 7)
    found = spearman_difference([PairedScores(np.arange(n) * HOUR_NS, realised, better, worse)])
    assert found.high - found.low > 0.3
    assert DAY_NS == 24 * HOUR_NS
