from dataclasses import replace

import pytest
from support.study_windows import made_up_window

from liq_nautilus.core.records import LONG
from liq_nautilus.studies.calibrating import Calibrator
from liq_nautilus.studies.location import LocationStudy


@pytest.fixture(scope="module")
def fit():
    return Calibrator().fit([])


def test_events_are_located_in_the_swept_range_of_their_interval(fit):
    window = made_up_window(2, orders=True, trades=True)
    found = LocationStudy(window, fit).entry(LONG)["location"]

    # One order per hour and side, in the middle of the range; the map needs a while.
    assert 40 <= found["events"] <= 48
    assert set(found["log_likelihood"]) == {
        "binance_standard", "funding_adjusted", "py_liquidation_map", "ensemble",
    }  # fmt: skip
    assert -3.0 < found["log_likelihood"]["ensemble"] < 3.0


def test_orders_outside_the_range_are_not_located(fit):
    window = made_up_window(2, orders=True)
    far = replace(window, orders=replace(window.orders, price=window.orders.price * 2))
    found = LocationStudy(far, fit).entry(LONG)["location"]

    assert found["events"] == 0
    assert found["log_likelihood"]["ensemble"] is None


def test_without_orders_location_is_null_with_the_reason(fit):
    entry = LocationStudy(made_up_window(2), fit).entry(LONG)
    assert entry["location"]["log_likelihood"] is None
    assert "no single liquidations" in entry["location"]["reason"]


def test_the_nearest_level_is_shown_beside_random_levels(fit):
    entry = LocationStudy(made_up_window(2), fit).entry(LONG)
    errors = entry["nearest_level"]["ensemble"]
    assert 0.0 < errors["mape"] < 0.1
    assert 0.0 < errors["mape_random"] < 0.1
    assert entry == LocationStudy(made_up_window(2), fit).entry(LONG)


def test_before_any_data_there_is_nothing_to_measure(fit):
    window = made_up_window(1)
    entry = LocationStudy(replace(window, events=()), fit).entry(LONG)
    assert entry["nearest_level"]["ensemble"] == {"mape": None, "mape_random": None}


def test_a_quiet_interval_is_not_measured(fit):
    window = made_up_window(1)
    window.labels.long_notional[:] = 0.0
    window.labels.short_notional[:] = 0.0
    entry = LocationStudy(window, fit).entry(LONG)
    assert entry["nearest_level"]["ensemble"]["mape"] is None
