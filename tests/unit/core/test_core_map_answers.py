"""What a map answers before it knows anything, and of questions and inputs that are wrong."""

import math

import numpy as np
import pytest

from liq_nautilus.core.models.liquidation_map import LiquidationMap
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import MINUTE_NS

START = 1_767_225_600 * 10**9
PRICE = 60_000.0


def bar(i, price=PRICE, width=0.002):
    ts = START + i * 5 * MINUTE_NS
    return (price, price * (1 + width), price * (1 - width), price, ts, ts + 5 * MINUTE_NS - 10**6)


def traded(n=60, notional=None, venues=()):
    """Return a tracker after some bars, each hour told how much was liquidated in it."""
    tracker = LiquidationTracker()
    for i in range(n):
        tracker.on_bar(*bar(i), volume=500.0)
        tracker.on_open_interest(80_000.0 + 50.0 * i, math.nan, bar(i)[5])
        if notional is not None and i % 12 == 11:
            end = START + (i + 1) * 5 * MINUTE_NS
            told = (notional, end - HOUR_NS, end)
            for side in (LONG, SHORT):
                tracker.on_liquidation(side, *told, source="bars", venues=venues)
    return tracker


def test_before_any_price_nothing_is_expected():
    tracker = LiquidationTracker()
    assert all(side.expected == 0.0 for side in tracker.swept(50_000.0, 70_000.0))
    on_path = tracker.expected_liquidations(PRICE, 61_000.0, 59_000.0, 1.0)
    assert all(side.expected == 0.0 for side in on_path)
    assert not tracker.exposure_swept(50_000.0, 70_000.0).any()
    assert math.isnan(tracker.reference_price)
    assert not tracker.is_valid


@pytest.mark.parametrize(
    "path",
    [
        (PRICE, 59_000.0, 58_000.0, 1.0),
        (PRICE, 61_000.0, 60_500.0, 1.0),
        (PRICE, 61_000.0, 0.0, 1.0),
        (PRICE, math.inf, 59_000.0, 1.0),
        (PRICE, 61_000.0, 59_000.0, 0.0),
    ],
)
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ValueError, match="a path must have 0 < low <= open <= high"):
        traded(3).expected_liquidations(*path)


def test_a_wider_range_holds_more_exposure_and_a_later_excursion_is_larger():
    tracker = traded()
    near = tracker.exposure_swept(0.95 * PRICE, 1.05 * PRICE)
    far = tracker.exposure_swept(0.8 * PRICE, 1.2 * PRICE)
    assert (far > near).all()
    assert (near > 0.0).all()
    assert tracker.expected_excursion(4.0) == pytest.approx(2.0 * tracker.expected_excursion(1.0))


@pytest.mark.parametrize("factor", [1e-3, 1e3])
@pytest.mark.parametrize("at", [20, 41])
def test_a_bar_nobody_believes_is_as_if_it_had_not_come(factor, at):
    one, other = LiquidationTracker(), LiquidationTracker()
    for i in range(60):
        one.on_bar(*bar(i), volume=500.0)
        other.on_bar(*bar(i), volume=500.0)
        if i == at:
            one.on_bar(*bar(i, PRICE * factor), volume=500.0)
        for tracker in (one, other):
            tracker.on_open_interest(80_000.0 + 50.0 * i, math.nan, bar(i)[5])
    assert one.levels().notional.tolist() == other.levels().notional.tolist()


@pytest.mark.parametrize(
    ("notional", "venues", "counts"),
    [
        (1e8, (), True),
        (1e8, TrackerParameters().venues, True),
        (1e15, (), False),
        (1e8, ("BYBIT",), False),
        (1e8, ("BINANCE", "BYBIT"), False),
    ],
)
def test_dollars_follow_only_what_is_believed_and_of_the_maps_venues(notional, venues, counts):
    told, untold = traded(120, notional, venues), traded(120)
    is_moved = told.levels().notional.tolist() != untold.levels().notional.tolist()
    assert is_moved == counts


@pytest.mark.parametrize("side", [LONG, SHORT])
def test_what_is_hidden_beyond_the_price_is_in_no_tier(side):
    model = LiquidationMap(TrackerParameters(consume="last"))
    model.exposure.set_price(PRICE)
    model.on_large_trades(np.array([PRICE]), np.array([[5.0], [5.0]]))
    below, above = 0.5 * PRICE, 1.5 * PRICE
    ends = np.log([[below], [above]])
    # The price has gone beyond half of the levels of either side.
    model.exposure.set_price(PRICE * (0.97 if side == LONG else 1.03))
    start = np.full((2, 1), math.log(PRICE))
    shares = np.ones((2, model.leverages.size))
    index = 0 if side == LONG else 1
    low, high = (below, PRICE) if side == LONG else (PRICE, above)
    by_tier = model.notional_by_tier(side, low, high)
    expected = model.notional_to(shares, np.column_stack([start, ends]))[index, 0]
    assert by_tier.sum() == pytest.approx(expected)
    assert 0.0 < by_tier.sum() < 0.9 * 5.0 * PRICE * model.leverages.size
