import numpy as np
import pytest

from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.quality_rules import Stretch
from liq_nautilus.data.quality_rules import assess
from liq_nautilus.data.quality_rules import impossible_bars
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import MINUTE_NS

DAY = 20_000
START = DAY * DAY_NS
STEP = 5 * MINUTE_NS


def grid(n: int, step: int = STEP) -> np.ndarray:
    return START + np.arange(n) * step


def walk(n: int) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 1e-3, n)))


def test_sound_series_is_perfect():
    found = assess(Samples(grid(576), STEP, walk(576), can_freeze=True, volume=np.ones(576)))
    assert found.score == 1.0
    assert [day.day for day in found.days] == [DAY, DAY + 1]
    assert found.gaps == found.frozen == found.missing_days == ()


def test_empty_series_is_worth_nothing():
    assert assess(Samples(np.zeros(0, dtype=np.int64), STEP)).score == 0.0


def test_gap_counts_as_missing_rows():
    ts = np.delete(grid(288), [10, 11, 200])
    found = assess(Samples(ts, STEP))
    assert found.gaps == (
        Stretch(START + 10 * STEP, START + 12 * STEP, 2),
        Stretch(START + 200 * STEP, START + 201 * STEP, 1),
    )
    assert found.days[0].n_missing == 3
    assert found.score == pytest.approx(285 / 288)


def test_missing_days_are_named_and_weigh_like_days():
    ts = np.concatenate([grid(288), grid(288) + 3 * DAY_NS])
    found = assess(Samples(ts, STEP))
    assert found.missing_days == (DAY + 1, DAY + 2)
    assert found.score == pytest.approx(0.5)


def test_window_asks_for_more_than_there_is():
    found = assess(Samples(grid(144), STEP), START, START + 2 * DAY_NS)
    assert found.days[0].n_expected == 288
    assert found.score == pytest.approx(0.25)


def test_duplicate_and_out_of_order_rows_are_counted():
    ts = grid(20)
    ts[5], ts[9] = ts[4], ts[7] - MINUTE_NS
    found = assess(Samples(ts, STEP))
    assert (found.total("n_duplicate"), found.total("n_out_of_order")) == (1, 1)


def test_outlier_is_measured_by_the_series_itself():
    values = walk(1000)
    values[500] *= 1.5
    found = assess(Samples(grid(1000), STEP, values))
    assert found.total("n_outlier") == 2  # there and back
    calm = assess(Samples(grid(1000), STEP, np.exp(np.cumsum(np.full(1000, 0.1)))))
    assert calm.total("n_outlier") == 0
    assert assess(Samples(grid(50), STEP, np.full(50, 3.0))).total("n_outlier") == 0


def test_step_over_a_gap_may_be_larger():
    ts, values = grid(1000), walk(1000)
    ts[500:] += 100 * DAY_NS
    values[500:] *= 1.5
    assert assess(Samples(ts, STEP, values)).total("n_outlier") == 0


def test_frozen_stretch_is_found():
    values = walk(288)
    values[50:80] = values[50]  # two hours and more
    values[100:110] = values[100]  # not so long
    found = assess(Samples(grid(288), STEP, values, can_freeze=True))
    assert found.frozen == (Stretch(START + 50 * STEP, START + 79 * STEP, 30),)
    assert found.total("n_frozen") == 30
    assert assess(Samples(grid(288), STEP, values)).total("n_frozen") == 0


def test_bars_without_volume_weigh_less_than_faults():
    volume = np.ones(288)
    volume[:144] = 0
    found = assess(Samples(grid(288), STEP, volume=volume))
    assert found.total("n_zero_volume") == 144
    assert found.score == pytest.approx(1 - 0.125)


def test_impossible_rows_weigh_fully():
    is_impossible = np.zeros(288, dtype=bool)
    is_impossible[:72] = True
    assert assess(Samples(grid(288), STEP, is_impossible=is_impossible)).score == pytest.approx(
        0.75
    )


def test_step_can_be_the_usual_one_of_the_day():
    ts = np.concatenate([grid(288), START + DAY_NS + np.arange(24) * HOUR_NS])
    found = assess(Samples(np.delete(ts, 290), -1))
    assert [day.n_expected for day in found.days] == [288, 24]
    assert [day.n_missing for day in found.days] == [0, 1]
    single = assess(Samples(grid(1), -1))
    assert single.days[0].n_expected == 0


def test_irregular_series_has_no_gaps():
    found = assess(Samples(START + np.array([0, 5, 10**12]), 0))
    assert (found.gaps, found.score) == ((), 1.0)


def test_impossible_bars_are_told():
    good, zero, nan = [1.0, 2.0, 0.5, 1.5], [0.0, 0.0, 0.0, 0.0], [1.0, np.nan, 1.0, 1.0]
    crossed, outside = [1.0, 0.9, 0.5, 0.8], [1.0, 2.0, 0.5, 2.5]
    bars = np.array([good, zero, nan, crossed, outside]).T
    assert impossible_bars(*bars).tolist() == [False, True, True, True, True]
