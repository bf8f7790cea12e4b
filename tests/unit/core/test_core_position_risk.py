"""What a position risks: flow before its end, chances, and where a stop would be placed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from support.streams import made_up_days
from support.streams import small_parameters

from liq_nautilus.core import feed
from liq_nautilus.core.advising.position_risk import Crowd
from liq_nautilus.core.advising.position_risk import Position
from liq_nautilus.core.advising.position_risk import position_risk
from liq_nautilus.core.forecasting.outlook import touch_probability
from liq_nautilus.core.records import Clusters
from liq_nautilus.core.records import Levels
from liq_nautilus.core.tracker import LiquidationTracker


def levels(price, notional, side):
    columns = [np.array(notional, dtype=float)] * 4
    n = len(price)
    return Levels(
        "ensemble",
        1,
        100.0,
        np.array(price),
        *columns,
        np.array(side, dtype=np.int8),
        np.ones(n),
        np.ones(n),
        is_valid=True,
        params_hash="x",
        venues=("BINANCE",),
    )


def clusters(*rows):
    """Return clusters from rows of low, high, side and significance."""
    low, high, side, significance = np.array(rows or np.zeros((0, 4)), dtype=float).T
    notional = np.ones(low.size)
    return Clusters(
        1, 100.0, low, high, 0.5 * (low + high), notional, side.astype(np.int8), significance, 0.9
    )


CROWD = Crowd(
    levels(
        [90.0, 95.0, 97.0, 99.0, 101.0, 104.0, 112.0], [1, 2, 4, 8, 16, 32, 64], [1] * 4 + [-1] * 3
    ),
    clusters((94.0, 96.0, 1, 0.9), (89.0, 91.0, 1, 0.9), (103.0, 105.0, -1, 0.9)),
    0.2,
    0.03,
)


def test_flow_between_is_that_of_the_same_side_before_the_stop():
    risk = position_risk(Position(1, 100.0, 96.0, 5.0), CROWD)
    assert risk.end_price == 96.0
    assert risk.notional_between == 12.0
    assert risk.probability_unusual == 0.2
    assert risk.probability_touched == pytest.approx(touch_probability(math.log(100 / 96), 0.03))
    short = position_risk(Position(-1, 100.0, 105.0, 5.0), CROWD)
    assert short.notional_between == 48.0
    assert short.end_price == 105.0


@pytest.mark.parametrize("side", [1, -1])
def test_a_liquidation_before_the_stop_is_the_end(side):
    risk = position_risk(Position(side, 100.0, 100.0 - side * 20.0, 25.0, 0.005), CROWD)
    expected = 100.0 * (1.0 - side / 25.0) / (1.0 - side * 0.005)
    assert risk.end_price == risk.liquidation_price == pytest.approx(expected)
    assert abs(risk.end_price - 100.0) < 4.0


def test_without_leverage_a_long_cannot_be_liquidated():
    assert Position(1, 100.0, 50.0, 1.0).liquidation_price == 0.0


@pytest.mark.parametrize(
    ("side", "stop", "expected"),
    [
        # Inside a cluster, or beyond its near edge: beyond its far one.
        (1, 95.0, 94.0 * (1 - 5e-4)),
        (1, 96.0, 94.0 * (1 - 5e-4)),
        (-1, 104.5, 105.0 * (1 + 5e-4)),
        # Before any cluster, or already beyond: where it is.
        (1, 97.0, 97.0),
        (1, 92.0, 92.0),
        (-1, 108.0, 108.0),
    ],
)
def test_a_stop_is_placed_beyond_the_last_cluster_that_begins_before_it(side, stop, expected):
    risk = position_risk(Position(side, 100.0, stop, 2.0), CROWD)
    assert risk.stop_placement == pytest.approx(expected)


def test_insignificant_clusters_and_those_of_the_other_side_do_not_move_a_stop():
    weak = CROWD._replace(clusters=clusters((94.0, 96.0, 1, 0.4), (94.0, 96.0, -1, 0.9)))
    assert position_risk(Position(1, 100.0, 95.0, 2.0), weak).stop_placement == 95.0


def test_no_stop_is_placed_beyond_the_liquidation_price():
    # Liquidated at about 94.9.
    risk = position_risk(Position(1, 100.0, 95.5, 18.5), CROWD)
    assert 94.0 < risk.liquidation_price < 95.5
    assert risk.stop_placement == 95.5


def test_unknown_chances_are_told_as_unknown():
    unknown = CROWD._replace(chance=math.nan, deviation=math.nan)
    risk = position_risk(Position(1, 100.0, 95.0, 2.0), unknown)
    assert math.isnan(risk.probability_touched)
    assert math.isnan(risk.probability_unusual)
    assert risk.notional_between == 14.0


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"side": 0}, "side"),
        ({"stop": 101.0}, "lies against it"),
        ({"stop": 100.0}, "lies against it"),
        ({"entry": -1.0}, "above 0"),
        ({"stop": 0.0}, "above 0"),
        ({"stop": math.nan}, "above 0"),
        ({"leverage": 0.5}, "leverage must be at least 1, was 0.5"),
        ({"leverage": math.nan}, "leverage must be at least 1"),
    ],
)
def test_what_is_no_position_is_refused(changes, match):
    position = Position(1, 100.0, 95.0, 10.0)._replace(**changes)
    with pytest.raises(ValueError, match=match):
        position_risk(position, CROWD)


def test_a_tracker_answers_from_its_map():
    tracker = LiquidationTracker(small_parameters())
    for event in feed.in_time_order(made_up_days(2)):
        feed.apply_event(tracker, event)
    price = tracker.reference_price
    near = tracker.position_risk(1, price, 0.98 * price, 10.0)
    far = tracker.position_risk(1, price, 0.94 * price, 10.0)
    assert 0.0 < near.notional_between < far.notional_between
    assert near.probability_touched > far.probability_touched > 0.0
    forecast = tracker.forecast("4h")
    assert near.probability_unusual == forecast.sides["both"].probability_unusual
    longer = tracker.position_risk(1, price, 0.98 * price, 10.0, "1d")
    assert longer.probability_touched > near.probability_touched
    below = tracker.levels()
    inside = (below.side == 1) & (below.price >= 0.98 * price)
    assert near.notional_between == pytest.approx(below.notional[inside].sum())
    assert replace(near, side=-1).side == -1
