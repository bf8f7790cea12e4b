"""Totals of realised liquidations over any horizon, and what amount is unusual."""

import numpy as np
import pytest

from liq_nautilus.core.forecasting.realised import RealisedTotals
from liq_nautilus.times import HOUR_NS

T = 490_000 * HOUR_NS
MINUTE = HOUR_NS // 60


def filled(amounts, interval=HOUR_NS, start=T):
    """Return totals after sums of longs, and half as much of shorts."""
    totals = RealisedTotals()
    for i, amount in enumerate(amounts):
        begin = start + i * interval
        totals.add(1, amount, begin, begin + interval)
        totals.add(-1, 0.5 * amount, begin, begin + interval)
    return totals


@pytest.mark.parametrize("interval", [HOUR_NS // 12, HOUR_NS // 2, HOUR_NS, 4 * HOUR_NS])
def test_totals_are_the_sums_of_their_intervals(interval):
    amounts = np.arange(1.0, 9.0)
    totals = filled(amounts, interval)
    assert totals.through == T + 8 * interval
    found = totals.total(T + 2 * interval, T + 5 * interval)
    np.testing.assert_allclose(found, [12.0, 6.0, 18.0])


def test_a_sum_is_spread_evenly_over_its_interval():
    totals = filled([12.0])
    np.testing.assert_allclose(totals.total(T, T + HOUR_NS // 4), [3.0, 1.5, 4.5])


def test_single_orders_count_where_they_happened():
    totals = RealisedTotals()
    totals.add(-1, 7.0, T + 6 * MINUTE, T + 6 * MINUTE)
    np.testing.assert_allclose(totals.total(T, T + 5 * MINUTE), 0.0)
    np.testing.assert_allclose(totals.total(T + 5 * MINUTE, T + 10 * MINUTE), [0.0, 7.0, 7.0])


def test_what_is_older_than_four_days_is_forgotten():
    totals = filled([5.0])
    totals.add(1, 1.0, T + 200 * HOUR_NS, T + 201 * HOUR_NS)
    np.testing.assert_allclose(totals.total(T, T + HOUR_NS), 0.0)
    assert totals.total(T + 200 * HOUR_NS, T + 201 * HOUR_NS)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("interval", [HOUR_NS // 2, HOUR_NS])
@pytest.mark.parametrize("horizon", [1, 4, 24])
def test_unusual_is_the_ninth_tenth_of_the_totals_that_ended_in_three_days(interval, horizon):
    per_hour = HOUR_NS // interval
    rng = np.random.default_rng(4)
    amounts = rng.lognormal(size=100 * per_hour)
    found = filled(amounts, interval).unusual(horizon * HOUR_NS)
    n = horizon * per_hour
    sums = np.convolve(amounts, np.ones(n), mode="valid")[-72 * per_hour :]
    expected = np.quantile(sums, 0.9)
    np.testing.assert_allclose(found, [expected, 0.5 * expected, 1.5 * expected])


def test_unusual_needs_a_day_of_totals():
    assert np.isnan(filled(np.ones(24)).unusual(HOUR_NS)).all()
    assert np.isfinite(filled(np.ones(25)).unusual(HOUR_NS)).all()
    assert np.isnan(filled(np.ones(27)).unusual(4 * HOUR_NS)).all()
    assert np.isfinite(filled(np.ones(28)).unusual(4 * HOUR_NS)).all()


def test_unusual_follows_what_comes():
    totals = filled(np.ones(48))
    before = totals.unusual(HOUR_NS)
    for i in range(48, 60):
        totals.add(1, 100.0, T + i * HOUR_NS, T + (i + 1) * HOUR_NS)
    assert totals.unusual(HOUR_NS)[0] > before[0]


def test_liquidations_are_known_after_a_day_and_while_they_come():
    assert not RealisedTotals().is_known(T)
    assert not filled(np.ones(23)).is_known(T + 23 * HOUR_NS)
    totals = filled(np.ones(24))
    end = T + 24 * HOUR_NS
    assert totals.is_known(end)
    assert totals.is_known(end + 3 * HOUR_NS)
    assert not totals.is_known(end + 3 * HOUR_NS + 1)
    quick = filled(np.ones(48), HOUR_NS // 2)
    assert quick.is_known(end + 90 * MINUTE)
    assert not quick.is_known(end + 90 * MINUTE + 1)


def test_what_is_restored_goes_on_alike():
    first = filled(np.arange(60.0))
    first.unusual(HOUR_NS)
    second = filled(np.ones(30))
    second.unusual(HOUR_NS)
    second.restore(first.state())
    for totals in (first, second):
        totals.add(1, 50.0, T + 60 * HOUR_NS, T + 61 * HOUR_NS)
    np.testing.assert_array_equal(first.unusual(HOUR_NS), second.unusual(HOUR_NS))
    assert first.state().keys() == second.state().keys()
    assert second.is_known(T + 61 * HOUR_NS)
