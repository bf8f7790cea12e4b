"""What is believed of inputs, and that what really happens is."""

import math

import numpy as np
import pytest

from liq_nautilus.core.plausibility import Plausibility
from liq_nautilus.core.plausible_series import unknown_snapshots

MINUTE = 60_000_000_000
STEP = 5 * MINUTE
HOUR = 60 * MINUTE


def bar(close: float, volume: float = math.nan, *, is_mark: bool = False) -> np.ndarray:
    return np.array([[close, close * 1.001, close * 0.999, close, volume, float(is_mark)]])


def believed(values, *, step=STEP, volume=math.nan, price=100.0) -> list[bool]:
    """Return which of some open interests, each after a bar, are believed."""
    judge, found = Plausibility(), []
    for i, value in enumerate(values):
        judge.bars(bar(price, volume))
        found.append(judge.open_interest(value, value * price, i * step, price))
    return found


@pytest.mark.parametrize("factor", [0.0, 1e-3, 0.1, 0.2, 5.0, 10.0, 1e4])
@pytest.mark.parametrize(("before", "length"), [(6, 1), (6, 3), (12, 116), (200, 116), (600, 300)])
def test_a_jump_and_back_is_not_believed_while_it_is_the_shorter_story(factor, before, length):
    values = [1000.0] * before + [1000.0 * factor] * length + [1000.0] * 5
    assert believed(values) == [True] * before + [False] * length + [True] * 5


def test_a_short_story_that_gave_way_is_believed_again_at_once():
    found = believed([1000.0] * 6 + [1.0] * 20 + [1000.0] * 5)
    assert found == [True] * 6 + [False] * 6 + [True] * 14 + [True] * 5


def test_a_first_row_that_is_wrong_is_given_up_after_two_that_agree():
    for factor in (1e-3, 0.1, 20.0, 1e3):
        assert believed([1000.0 * factor] + [1000.0] * 5) == [True, False, *[True] * 4]


def test_another_level_that_stays_is_believed_after_two_days_at_most():
    found = believed([1000.0] * 2000 + [100.0] * 800 + [1000.0] + [100.0] * 5)
    assert found[:2000] == [True] * 2000
    assert found.index(False) == 2000
    assert found.index(True, 2000) == 2000 + 575
    assert found[2000 + 575 :] == [True] * 225 + [False] + [True] * 5


@pytest.mark.parametrize("step", [STEP, HOUR])
def test_a_fall_of_forty_per_cent_within_an_hour_is_believed(step):
    n = HOUR // step
    falling = [1000.0 * 0.6 ** (i / n) for i in range(1, n + 1)]
    assert all(believed([1000.0] * 50 + falling + [600.0] * 20, step=step))


@pytest.mark.parametrize("factor", [20.0, 0.05])
def test_a_jump_that_was_traded_is_believed(factor):
    values = [1000.0] * 50 + [1000.0 * factor] * 10
    assert all(believed(values, volume=abs(factor - 1.0) * 1000.0))
    assert not all(believed(values, volume=abs(factor - 1.0) * 400.0))


def test_the_first_hours_of_a_listing_are_believed():
    # Grown from nothing by what is traded.
    values = [10.0, 400.0, 5_000.0, 20_000.0, 90_000.0, 150_000.0]
    assert all(believed(values, volume=100_000.0))


def test_the_end_of_a_delisting_is_believed_until_nothing_is_left():
    values = [1e6, 7e5, 2e5, 3e4, 4e3, 300.0, 0.0]
    assert believed(values, volume=6e5) == [True] * 6 + [False]


@pytest.mark.parametrize("price", [1e-7, 1.0, 1e5])
def test_coins_of_any_price_are_judged_alike(price):
    values = [1e9] * 5 + [1e6] + [1e9] * 5
    assert believed(values, price=price) == [True] * 5 + [False] + [True] * 5


def test_what_comes_after_a_long_silence_has_more_room():
    judge = Plausibility()
    assert judge.open_interest(1000.0, math.nan, 0, 100.0)
    assert not judge.open_interest(6_000.0, math.nan, HOUR, 100.0)
    judge = Plausibility()
    assert judge.open_interest(1000.0, math.nan, 0, 100.0)
    assert judge.open_interest(6_000.0, math.nan, 24 * HOUR, 100.0)


@pytest.mark.parametrize(
    ("factor", "wanted"), [(1.0, True), (0.6, True), (1.9, True), (0.49, False), (2.1, False)]
)
def test_value_over_quantity_must_be_a_price_that_was_paid(factor, wanted):
    judge = Plausibility()
    assert judge.open_interest(10.0, 10.0 * 50.0 * factor, 0, 50.0) is wanted
    assert judge.n_unknown["open_interest"] == (not wanted)


def test_of_many_contradicting_stories_the_least_supported_is_given_up():
    true, wrong = [1_000.0] * 3, [1e6, 1e6, 1e9, 1e12, 1e15, 1e18]
    kept = believed([*true, *wrong, *true])
    assert kept == [True] * 3 + [False] * 6 + [True] * 3


def test_a_value_that_is_not_stated_says_nothing_against_a_snapshot():
    assert Plausibility().open_interest(10.0, math.nan, 0, 50.0)
    assert Plausibility().open_interest(10.0, 0.0, 0, 50.0)
    assert Plausibility().open_interest(10.0, 500.0, 0, math.nan)


@pytest.mark.parametrize("factor", [1e-3, 0.09, 11.0, 1e6])
@pytest.mark.parametrize("at", [1, 5, 9])
def test_bars_far_from_all_others_are_not_believed(factor, at):
    rows = np.concatenate([bar(100.0) for _ in range(12)])
    rows[at, :4] *= factor
    judge = Plausibility()
    assert judge.bars(rows).tolist() == [i != at for i in range(12)]
    assert judge.n_unknown["bar"] == 1


def test_a_bar_that_reaches_far_beyond_its_own_ends_is_not_believed():
    rows = np.concatenate([bar(100.0) for _ in range(4)])
    rows[1, 2], rows[2, 1] = 0.5, 5000.0
    assert Plausibility().bars(rows).tolist() == [True, False, False, True]


def test_a_crash_of_ninety_per_cent_in_one_bar_is_believed():
    rows = np.concatenate([bar(100.0), bar(100.0), bar(12.0)])
    rows[1, :4] = (100.0, 100.0, 11.0, 12.0)
    assert Plausibility().bars(rows).all()


def test_prices_that_stay_elsewhere_are_believed_from_the_third_on():
    rows = np.concatenate([bar(100.0), *[bar(1e5) for _ in range(5)]])
    assert Plausibility().bars(rows).tolist() == [True, False, False, True, True, True]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2])
@pytest.mark.parametrize("length", [2, 9, 40])
def test_bars_one_by_one_and_at_once_are_judged_alike(share, length):
    rng = np.random.default_rng(3)
    factors = np.where(rng.random(400) < share, 10.0 ** rng.uniform(-4, 4, 400), 1.0)
    volumes = np.where(rng.random(400) < 0.1, math.nan, rng.uniform(0.0, 9.0, 400))
    marks = rng.random(400) < 0.2
    rows = np.concatenate(
        [bar(100.0 * f, volumes[i], is_mark=marks[i]) for i, f in enumerate(factors)]
    )
    # Those that reach far beyond their own ends too.
    rows[:, 1] *= np.where(rng.random(400) < share, 20.0, 1.0)
    whole, single = Plausibility(), Plausibility()
    parts = np.split(rows, range(length, 400, length))
    wanted = [bool(one) for part in parts for one in whole.bars(part)]
    assert [bool(single.bars(row[None])[0]) for row in rows] == wanted
    assert whole.state() == single.state()


def test_funding_rates_and_liquidations_beyond_all_that_was_seen_are_not_believed():
    judge = Plausibility()
    assert judge.funding(-0.03)
    assert not judge.funding(0.5)
    assert judge.liquidation(1e12, 100.0)  # nothing is known to measure it by
    judge.open_interest(1000.0, math.nan, 0, 100.0)
    assert judge.liquidation(2.0 * 1000.0 * 100.0, 100.0)
    assert not judge.liquidation(20.0 * 1000.0 * 100.0, 100.0)
    assert judge.n_unknown == {"bar": 0, "open_interest": 0, "funding": 1, "liquidation": 1}


def test_a_restored_judge_goes_on():
    values = [1000.0] * 5 + [1.0] * 3
    judge = Plausibility()
    for i, value in enumerate(values):
        judge.bars(bar(100.0, 1.0))
        judge.open_interest(value, math.nan, i * STEP, 100.0)
    other = Plausibility()
    other.restore(judge.state())
    assert other.state() == judge.state()
    for one in (judge, other):
        assert one.open_interest(1000.0, math.nan, 9 * STEP, 100.0)


def test_a_series_is_judged_as_the_map_would():
    ends = np.arange(1, 21) * STEP - 1_000_000
    rows = np.concatenate([bar(100.0, 1.0) for _ in range(20)])
    ts = np.arange(0, 20) * STEP
    contracts = np.full(20, 1000.0)
    contracts[[7, 12]] = (0.0, 1.0)
    contracts[15] = np.nan
    notional = contracts * 100.0
    notional[0] = 26.5
    found = unknown_snapshots(ts, contracts, notional, ends, rows)
    assert np.flatnonzero(found).tolist() == [0, 7, 12]
    alone = unknown_snapshots(ts, contracts, notional, ends[:0], rows[:0])
    assert np.flatnonzero(alone).tolist() == [7, 12]


@pytest.mark.parametrize("seed", range(12))
def test_a_series_is_judged_as_it_is_judged_when_it_comes(seed):
    dice = np.random.default_rng(seed)
    n = 120
    ts = np.arange(n) * 300 * 10**9
    price = 60_000.0 * np.exp(np.cumsum(dice.normal(0.0, 1e-3, n)))
    volume = dice.choice([0.0, np.nan, 1e3, 1e5], n)
    mark = dice.choice([0.0, 1.0], n, p=[0.9, 0.1])
    bars = np.stack([price, price * 1.001, price * 0.999, price, volume, mark], axis=1)
    contracts = 80_000.0 + dice.normal(0.0, 50.0, n)
    if seed % 3:
        bars[dice.integers(0, n, 4), :4] *= 50.0
        contracts[dice.integers(0, n, 9)] *= dice.choice([0.0, 10.0, np.nan, 0.01])
    notional = contracts * price * (dice.choice([1.0, 3.0], n) if seed % 2 else 1.0)
    kept = np.sort(dice.choice(n, 90, replace=False))
    found = unknown_snapshots(ts, contracts, notional, ts[kept], bars[kept])
    judge, last, done, wanted = Plausibility(), bars[kept][0, 0], 0, []
    for i in range(n):
        after = int(np.searchsorted(ts[kept], ts[i], side="right"))
        if after > done:
            believed = judge.bars(bars[kept][done:after])
            last = bars[kept][done:after][believed][-1, 3] if believed.any() else last
            done = after
        is_stated = np.isfinite(contracts[i])
        wanted.append(
            is_stated
            and not judge.open_interest(contracts[i], notional[i], int(ts[i]), float(last))
        )
    assert found.tolist() == wanted
    if not seed % 6:
        assert not found.any()
