import numpy as np
import pytest

from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.quality_rules import Stretch
from liq_nautilus.data.quality_rules import assess
from liq_nautilus.data.quality_rules import impossible_bars
from liq_nautilus.data.quality_rules import with_rejected
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


HOURS = {8: 8 * 3600 * 10**9, 4: 4 * 3600 * 10**9, 1: 3600 * 10**9}


def settlements(*stretches):
    """Return times and stated steps of stretches of (hours, number of settlements), with jitter."""
    steps = np.array([HOURS[hours] for hours, n in stretches for _ in range(n)])
    ts = START + np.concatenate([[0], np.cumsum(steps[:-1])]) + np.arange(len(steps)) % 9 * 10**6
    return ts, steps


@pytest.mark.parametrize(
    "stretches",
    [
        [(8, 30), (4, 60), (1, 24), (4, 30)],
        [(1, 40), (8, 10)],
        [(4, 13), (1, 7), (8, 9), (1, 50), (4, 2)],
        [(8, 40)],
    ],
)
def test_intervals_that_rows_state_leave_no_gaps_and_lost_rows_are_found(stretches):
    ts, steps = settlements(*stretches)
    found = assess(Samples(ts, -1, stated_steps=steps))
    assert (found.gaps, found.score, found.total("n_missing")) == ((), 1.0, 0)
    for lost in (3, len(ts) // 2 + 1, len(ts) - 3):
        if steps[lost - 1] != steps[lost + 1]:
            continue
        kept = np.arange(len(ts)) != lost
        found = assess(Samples(ts[kept], -1, stated_steps=steps[kept]))
        assert found.total("n_missing") == 1
        assert [gap.n_rows for gap in found.gaps] == [1]
        assert found.score < 1.0


def test_window_that_stated_rows_do_not_fill_lowers_the_score():
    ts, steps = settlements((8, 9))
    window = START - DAY_NS, START + 4 * DAY_NS
    found = assess(Samples(ts, -1, stated_steps=steps), *window)
    assert found.score == pytest.approx(3 / 5)
    assert assess(Samples(ts, -1, stated_steps=np.zeros(9, dtype=np.int64))).score == 1.0


@pytest.mark.parametrize(("n_behind", "n_absent"), [(100, 100), (30, 10), (7, 0)])
def test_numbers_left_out_count_as_absent(n_behind, n_absent):
    one = np.full(144, n_behind), np.full(144, n_absent)
    ts = START + np.arange(144) * 600 * 10**9
    samples = Samples(ts, 600 * 10**9, n_behind=one[0], n_absent=one[1])
    found = assess(samples)
    assert found.total("n_absent") == 144 * n_absent
    assert found.score == pytest.approx(n_behind / (n_behind + n_absent))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_rejected_rows_count_on_their_day(share):
    ts = grid(2 * 288)
    whole = assess(Samples(ts, STEP))
    day = int(ts[0]) // DAY_NS
    found = with_rejected(whole, {day: (round(share * 288), 288)})
    assert [one.n_rejected for one in found.days] == [round(share * 288), 0]
    assert found.score == pytest.approx(1 - share / 2)
    absent = with_rejected(
        assess(Samples(ts, STEP, n_absent=np.ones(len(ts), dtype=np.int64))), {day: (288, 288)}
    )
    assert absent.days[0].score == absent.days[1].score == pytest.approx(0.5)
