from dataclasses import replace

import numpy as np
import pytest
from support.study_windows import made_up_window

from liq_nautilus.core.feed import Feed
from liq_nautilus.core.feed import bar_event
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.records import LONG
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.studies.inputs.windows import bar_by_bar
from liq_nautilus.studies.map_readings import EVEN_UNIT
from liq_nautilus.studies.map_readings import replay
from liq_nautilus.studies.map_readings import tier_multiples
from liq_nautilus.studies.map_readings import turnover_known
from liq_nautilus.times import HOUR_NS

PARAMETERS = TrackerParameters()


@pytest.fixture(scope="module")
def window():
    return made_up_window(3)


@pytest.fixture(scope="module")
def readings(window):
    return replay(window, PARAMETERS, ("funding_adjusted", "ensemble"))


def test_reading_is_what_the_tracker_says_at_the_interval_start(window, readings):
    i = 40
    tracker = LiquidationTracker(PARAMETERS, brackets=window.brackets)
    feed = Feed(tracker)
    for event in window.events:
        feed.push(event)
    feed.release(int(window.paths.ts_open[i]))
    price = tracker.reference_price
    paths = window.paths
    longs, shorts = tracker.swept(paths.low[i], paths.high[i], "funding_adjusted")
    found = readings.models["funding_adjusted"][i]

    np.testing.assert_allclose(found, [longs.expected, shorts.expected])
    assert longs.expected > 0.0
    below = tracker.notional_between(
        LONG, min(paths.low[i], price * 0.999999), price, "funding_adjusted"
    )
    assert found[0] == pytest.approx(below, rel=1e-3)
    on_path = tracker.expected_liquidations(
        paths.open[i], paths.high[i], paths.low[i], paths.hours[i]
    )
    np.testing.assert_allclose(readings.models["scenario"][i], [one.expected for one in on_path])
    ensemble = tracker.swept(paths.low[i], paths.high[i])
    assert readings.low[i].tolist() == [one.low for one in ensemble]
    assert readings.high[i].tolist() == [one.high for one in ensemble]


def test_the_columns_times_what_is_liquidated_are_the_model(readings):
    shares = [*PARAMETERS.liquidated_shares_long, PARAMETERS.background_share_long / EVEN_UNIT]
    design = readings.design(PARAMETERS.openings_share)[:, 0]
    expected = readings.models["funding_adjusted"][:, 0]
    np.testing.assert_allclose(design @ shares, expected, rtol=1e-9)


def test_nothing_after_an_interval_changes_its_readings(window, readings):
    i = 30
    cut = int(window.paths.ts_close[i])
    changed = []
    for event in window.events:
        if event.ts_known > cut and event.kind == "bar":
            open_, _, _, _, ts_open, ts_close, *_ = event.payload
            changed.append(bar_event(open_, open_, open_ / 2, open_, ts_open, ts_close))
        elif event.ts_known <= cut:
            changed.append(event)
    other = replay(replace(window, events=tuple(changed)), PARAMETERS)

    np.testing.assert_array_equal(readings.tiers[: i + 1], other.tiers[: i + 1])


def test_nothing_but_the_path_inside_an_interval_changes_its_reading(window, readings):
    # Open interest, volume and funding from inside interval 30 are made different.
    i = 30
    start, end = int(window.paths.ts_open[i]), int(window.paths.ts_close[i])
    kept = [event for event in window.events if not start < event.ts_known <= end]
    other = replay(replace(window, events=tuple(kept)), PARAMETERS)

    np.testing.assert_array_equal(readings.tiers[i], other.tiers[i])
    assert not np.array_equal(readings.tiers[i + 1], other.tiers[i + 1])


def test_bar_by_bar_reads_each_bar_on_the_state_before_it(window, readings):
    fine, firsts = bar_by_bar(window)
    found = replay(fine, PARAMETERS)
    summed = found.summed(firsts)

    assert len(fine.paths) == len(window.bars) == 4 * len(window.paths)
    assert fine.paths.ts_close[-1] == window.paths.ts_close[-1]
    np.testing.assert_allclose(summed.tiers[30], found.tiers[120:124].sum(axis=0))
    assert summed.tiers.shape == readings.tiers.shape
    # The first bar of an interval sees the same state, but only its own path.
    assert np.all(found.tiers[120] <= readings.tiers[30] + 1e-6)


def test_the_placebo_is_the_map_of_another_day_moved_with_the_price(window, readings):
    day = 24
    tracker = LiquidationTracker(PARAMETERS, brackets=window.brackets)
    feed = Feed(tracker)
    for event in window.events:
        feed.push(event)
    feed.release(int(window.paths.ts_open[40 - day]))
    # All that was known then: positions, open interest, turnover and volatility.
    price, paths = tracker.reference_price, window.paths
    moved = [price * values[40] / paths.open[40] for values in (paths.high, paths.low)]
    expected = tracker.expected_liquidations(price, *moved, paths.hours[40])
    np.testing.assert_allclose(readings.shifted[40], [one.expected for one in expected])
    assert not np.allclose(readings.shifted[30:], readings.models["scenario"][30:])


def test_before_any_data_nothing_is_read():
    bare = made_up_window(2)
    late = tuple(event for event in bare.events if event.ts_known > bare.start + 30 * HOUR_NS)
    found = replay(replace(bare, events=late), PARAMETERS)

    assert not found.tiers[:29].any()
    assert not found.shifted[29].any()


def test_turnover_comes_from_volume_where_it_is_known(window):
    usual = turnover_known(window, PARAMETERS)
    bare = turnover_known(made_up_window(3, volume=False), PARAMETERS)

    # Before the first open interest is known there is nothing to relate volume to.
    assert usual[0] == PARAMETERS.turnover_per_hour
    assert np.all(bare == PARAMETERS.turnover_per_hour)
    assert np.all(usual[1:] != PARAMETERS.turnover_per_hour)
    # About 150 base units per quarter of an hour on 80,000.
    assert usual[1:].mean() == pytest.approx(PARAMETERS.turnover_rate * 4 * 168 / 80_000, rel=0.3)


def test_tiers_turn_over_at_their_multiple():
    multiple = tier_multiples(replace(PARAMETERS, turnover_leverage_exponent=1.0))
    assert multiple[PARAMETERS.leverages.index(25)] == pytest.approx(1.0)
    assert multiple[PARAMETERS.leverages.index(50)] == pytest.approx(2.0)
