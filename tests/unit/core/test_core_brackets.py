"""Brackets change at their dates, for what is open and for what will be opened."""

from __future__ import annotations

import numpy as np
import pytest

from liq_nautilus.core.exchange.bracket_source import BracketSource
from liq_nautilus.core.exchange.bracket_source import in_force
from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.exchange.brackets import brackets_of
from liq_nautilus.core.exchange.margin import isolated_liquidation_price
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.tracker import LiquidationTracker

HOUR = 3_600 * 10**9
NEW_YEAR = 1_767_225_600 * 10**9
E = 90_000.0
# Of this size a position fell from the second bracket of 2024 into the first of 2026.
NOTIONAL = 200_000.0
OLD = BracketTable.built_in("BTCUSDT", NEW_YEAR - 1)
NEW = BracketTable.built_in("BTCUSDT", NEW_YEAR)


def tracker_of(table: BracketTable, leverage: float = 50.0) -> LiquidationTracker:
    parameters = {
        "leverages": [leverage],
        "leverage_weights_long": [1.0],
        "leverage_weights_short": [1.0],
        "position_notional": NOTIONAL,
        "grid_bps": 1.0,
        "bucket_size": 2.0,
        "prior_spread": 1e-4,
        "turnover_rate": 0.0,
        "turnover_per_hour": 0.0,
    }
    return LiquidationTracker(TrackerParameters.from_dict(parameters), brackets=table)


def feed(tracker: LiquidationTracker, start: int, hours: int, contracts: float = 1_000.0) -> None:
    for i in range(hours):
        ts = start + i * HOUR
        tracker.on_bar(E, E, E, E, ts, ts + HOUR - 10**6, volume=1.0)
        tracker.on_open_interest(contracts + i, float("nan"), ts + HOUR)


def level(tracker: LiquidationTracker, side: int) -> float:
    levels = tracker.levels("binance_standard")
    of_side = levels.side == side
    weights = levels.exposure[of_side]
    return float(levels.price[of_side] @ weights / weights.sum())


def formula(table: BracketTable, side: int, leverage: float) -> float:
    sides = np.array([side], dtype=np.int8)
    one = (np.array([E]), np.array([leverage]), sides, np.array([NOTIONAL / E]), table)
    return float(isolated_liquidation_price(*one)[0])


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("leverage", [20.0, 75.0])
def test_a_map_goes_over_to_the_brackets_of_the_new_year(side: int, leverage: float):
    tracker = tracker_of(brackets_of("BTCUSDT", None), leverage)
    feed(tracker, NEW_YEAR - 7 * HOUR, 6)
    assert level(tracker, side) == pytest.approx(formula(OLD, side, leverage), rel=1e-4)
    assert tracker.brackets.valid_from == OLD.valid_from
    # The same positions, and those opened then. Open interest of midnight is the new year's.
    feed(tracker, NEW_YEAR - HOUR, 1, 1_006.0)
    assert level(tracker, side) == pytest.approx(formula(NEW, side, leverage), rel=1e-4)
    feed(tracker, NEW_YEAR, 6, 1_200.0)
    assert level(tracker, side) == pytest.approx(formula(NEW, side, leverage), rel=1e-4)
    assert tracker.brackets == NEW
    assert abs(formula(NEW, side, leverage) / formula(OLD, side, leverage) - 1.0) > 5e-4


def test_an_interval_read_at_once_changes_over_at_its_date():
    whole, parts = (tracker_of(brackets_of("BTCUSDT", None)) for _ in range(2))
    bars = [
        (E, E, E, E, ts, ts + HOUR - 10**6, "last", 1.0)
        for ts in range(NEW_YEAR - 4 * HOUR, NEW_YEAR + 4 * HOUR, HOUR)
    ]
    for tracker in (whole, parts):
        feed(tracker, NEW_YEAR - 9 * HOUR, 5)
    whole.on_bars(bars)
    for bar in bars:
        parts.on_bars([bar])
    assert whole.levels().notional.tolist() == parts.levels().notional.tolist()
    assert whole.brackets == parts.brackets == NEW


def test_what_openings_are_expected_where_goes_by_the_brackets_in_force():
    dated, fixed = tracker_of(brackets_of("BTCUSDT", None)), tracker_of(NEW)
    for tracker in (dated, fixed):
        # Data of the new year alone: nothing is left of the table before.
        feed(tracker, NEW_YEAR + HOUR, 30)
    for model in dated.model_names:
        ours, theirs = dated.levels(model), fixed.levels(model)
        np.testing.assert_allclose(ours.price, theirs.price, rtol=1e-12)
        np.testing.assert_allclose(ours.notional, theirs.notional, rtol=1e-9)
    tiers = [t.openings_to(0.95 * E, 1.05 * E).by_tier for t in (dated, fixed)]
    np.testing.assert_allclose(tiers[0], tiers[1], rtol=1e-12)


def test_whom_the_change_leaves_short_of_margin_is_gone():
    # A little under water, longs of 100x live by a rate of .4 % and not by one of .9 %.
    tracker = tracker_of(NEW, 100.0)
    feed(tracker, NEW_YEAR, 3)
    low, ts = 0.996 * E, NEW_YEAR + 3 * HOUR
    tracker.on_bar(E, E, low, low, ts, ts + HOUR - 10**6, volume=0.0)
    before = tracker.exposure_swept(0.9 * low, 1.1 * low, "binance_standard")
    strict = BracketTable.from_rows("BTCUSDT", "", ((125, 1e12, 0.009),))
    tracker._map.set_brackets(strict)
    after = tracker.exposure_swept(0.9 * low, 1.1 * low, "binance_standard")
    assert before[0] > 5e7
    assert after[0] < 0.01 * before[0]
    assert after[1] == pytest.approx(before[1], rel=0.01)


def test_a_saved_map_goes_on_over_the_change():
    tracker = tracker_of(brackets_of("BTCUSDT", None))
    feed(tracker, NEW_YEAR - 6 * HOUR, 6)
    again = LiquidationTracker.from_state(tracker.state())
    for one in (tracker, again):
        feed(one, NEW_YEAR, 3)
    later = LiquidationTracker.from_state(again.state())
    assert later.brackets == NEW
    for one in (again, later):
        assert one.levels().price.tolist() == tracker.levels().price.tolist()
        assert one.levels().notional.tolist() == tracker.levels().notional.tolist()


def test_a_given_table_and_a_default_stay():
    row = {"initialLeverage": 20, "notionalCap": 1e12, "notionalFloor": 0, "cum": 0}
    document = [{"symbol": "BTCUSDT", "brackets": [row | {"maintMarginRatio": 0.03}]}]
    given = brackets_of("BTCUSDT", document)
    default = brackets_of("NEWCOINUSDT", None)
    for table in (given, default):
        for ts in (0, NEW_YEAR - 1, NEW_YEAR, 2 * NEW_YEAR):
            assert in_force(table, ts).table == table
    assert given.description == "BTCUSDT: given"
    assert default.description == "NEWCOINUSDT: no table known, a conservative default"
    tracker = tracker_of(given)
    feed(tracker, NEW_YEAR - 3 * HOUR, 6)
    assert tracker.brackets == given


def test_the_exchange_and_the_map_know_the_same_dates():
    source = BracketSource()
    for ts in (0, NEW_YEAR - 1, NEW_YEAR, NEW_YEAR + 1):
        found = source.dated("BTCUSDC", ts)
        expected = BracketTable.built_in("BTCUSDC", ts)
        assert found.table == in_force(brackets_of("BTCUSDC", None), ts).table == expected
        assert found.since_ns <= ts < found.until_ns
    assert in_force(NEW, 0).table == NEW
