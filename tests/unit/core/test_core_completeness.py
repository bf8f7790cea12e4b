from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liq_nautilus.core.dollars.completeness import LEAST_SECONDS
from liq_nautilus.core.dollars.completeness import Completeness
from liq_nautilus.core.dollars.completeness import ShownPart
from liq_nautilus.core.dollars.completeness import ShownShares
from liq_nautilus.core.dollars.completeness import shares_of_orders
from liq_nautilus.core.feed import Feed
from liq_nautilus.core.feed import completeness_event
from liq_nautilus.core.feed import liquidation_event
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import SECOND_NS

START = 1_790_000_040 * SECOND_NS // MINUTE_NS * MINUTE_NS
# One order in each of many seconds that lie far apart: an intensity of one.
ALONE = [(second * 61, notionals) for second, notionals in enumerate([(5.0, 7.0, 8.0)] * 40)]


def heard_of(seconds: list[tuple[int, tuple[float, ...]]]) -> Completeness:
    heard = Completeness()
    for second, notionals in seconds:
        for i, notional in enumerate(notionals):
            heard.add(notional, START + second * SECOND_NS + i)
    return heard


def test_the_largest_of_each_second_is_what_a_thinned_feed_shows():
    heard = heard_of(ALONE)
    assert heard.share(1) == 8.0 / 20.0
    (part,) = heard.changes()
    # The last second is not over.
    assert part == ShownPart(1, 39 * 20.0, 39 * 8.0, 39)
    assert heard.changes() == []
    # What comes late for a second that is over is left out.
    heard.add(1e9, START)
    assert heard.share(1) == 8.0 / 20.0


@pytest.mark.parametrize("n_seconds", [1, LEAST_SECONDS - 1, LEAST_SECONDS])
def test_a_share_of_few_seconds_is_unknown(n_seconds: int):
    heard = heard_of(ALONE[: n_seconds + 1])
    assert math.isnan(heard.share(1)) == (n_seconds < LEAST_SECONDS)
    assert [math.isnan(heard.share(n)) for n in (2, 5, 60)] == [True] * 3


def slow_sums(orders: list[tuple[int, float]]) -> dict[int, list[float]]:
    # By the class of the number of different seconds in the minute up to each: the same, slowly.
    by_second: dict[int, list[float]] = {}
    for second, notional in orders:
        by_second.setdefault(second, []).append(notional)
    sums: dict[int, list[float]] = {}
    for second in sorted(by_second)[:-1]:
        n = sum(second - 60 < other <= second for other in by_second)
        most = next(m for m in (1, 2, 4, 8, 16, 32, 60) if n <= m)
        total, shown, count = sums.get(most, [0.0, 0.0, 0])
        own = by_second[second]
        sums[most] = [total + sum(own), shown + max(own), count + 1]
    return sums


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(1.0, 1e7)), min_size=1, max_size=200))
def test_the_sums_are_those_of_the_slow_way(steps: list[tuple[int, float]]):
    seconds = np.cumsum([step for step, _ in steps]).tolist()
    orders = [(second, notional) for second, (_, notional) in zip(seconds, steps, strict=True)]
    heard = Completeness()
    for second, notional in orders:
        heard.add(notional, START + second * SECOND_NS)
    found = {part.n_shown: list(part[1:]) for part in heard.changes()}
    wanted = slow_sums(orders)
    assert set(found) == set(wanted)
    for n_shown, sums in wanted.items():
        assert found[n_shown] == pytest.approx(sums)
        share = heard.share(n_shown)
        assert math.isnan(share) or 0.0 < share <= 1.0


def test_it_goes_on_where_another_stopped():
    whole, first, second = heard_of(ALONE), heard_of(ALONE[:20]), Completeness()
    second.resume(first.changes())
    # The second that was open at the stop is lost.
    for at, notionals in ALONE[20:]:
        for notional in notionals:
            second.add(notional, START + at * SECOND_NS)
    assert second.changes()[0].n_seconds == whole.changes()[0].n_seconds - 1
    assert second.share(1) == whole.share(1)


# -- The feed that is heard ------------------------------------------------------------------------


def test_a_thinned_feed_is_made_up_by_its_own_intensity():
    shares = ShownShares()
    for n_shown, share in ((1, 0.8), (2, 0.5), (4, 0.25)):
        shares.note(ShownPart(n_shown, 100.0, 100.0 * share, LEAST_SECONDS))
    seconds = [0, 10, 20, 30, 40, 200]
    found = [shares.share_of_order(START + second * SECOND_NS) for second in seconds]
    # Five in a minute was never heard; a minute later there is one again.
    assert found[:4] == [0.8, 0.5, 0.25, 0.25]
    assert math.isnan(found[4])
    assert found[5] == 0.8
    again = ShownShares()
    again.restore(shares.state())
    assert again.parts == shares.parts
    assert again.share_of_order(START + 230 * SECOND_NS) == 0.5


def test_shares_of_many_orders_know_nothing_of_what_is_measured_later():
    part = ShownPart(1, 10.0, 4.0, LEAST_SECONDS)
    times = START + np.arange(4) * MINUTE_NS
    found = shares_of_orders(times, [(int(times[2]), part), (int(times[3]) + 1, part)])
    np.testing.assert_array_equal(found, [np.nan, np.nan, 0.4, 0.4])


# -- The tracker -----------------------------------------------------------------------------------


def told(tracker: LiquidationTracker, share: float, n_shown: int = 1) -> None:
    tracker.on_completeness(n_shown, 1e6, share * 1e6, LEAST_SECONDS, START)


def realised_of(tracker: LiquidationTracker, ts: int) -> tuple[float, float]:
    balance = tracker._watch.balance
    return float(balance.hour(ts)[0].sum()), balance.completeness(ts)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_orders_are_made_up_by_what_was_measured(share: float):
    tracker = LiquidationTracker(TrackerParameters(reported_share=0.36))
    told(tracker, share)
    tracker.on_liquidation(-1, 1_000.0, START, START, "orders")
    assert realised_of(tracker, START + 1) == (pytest.approx(1_000.0 / share), pytest.approx(share))


def test_an_unknown_share_is_assumed_and_said():
    tracker = LiquidationTracker(TrackerParameters(reported_share=0.25))
    tracker.on_liquidation(1, 1_000.0, START, START, "orders")
    realised, completeness = realised_of(tracker, START + 1)
    assert realised == 4_000.0
    assert math.isnan(completeness)
    # While less than half is known beside it.
    told(tracker, 0.5)
    later = START + 2 * MINUTE_NS
    tracker.on_liquidation(1, 1_900.0, later, later, "orders")
    assert math.isnan(realised_of(tracker, later)[1])
    tracker.on_liquidation(-1, 300.0, START, START + SECOND_NS, "bars")
    assert realised_of(tracker, later) == (8_100.0, pytest.approx(2_200.0 / 4_100.0))


@pytest.mark.parametrize("source", ["orders", "bars"])
def test_a_share_that_is_given_counts(source: str):
    tracker = LiquidationTracker()
    told(tracker, 0.5)
    tracker.on_liquidation(1, 100.0, START, START + SECOND_NS, source, share=0.2)
    assert realised_of(tracker, START + SECOND_NS) == (pytest.approx(500.0), pytest.approx(0.2))


def test_sums_are_all_there_was():
    tracker = LiquidationTracker()
    told(tracker, 0.5)
    tracker.on_liquidation(1, 100.0, START, START + SECOND_NS, "bars")
    assert realised_of(tracker, START + SECOND_NS) == (100.0, 1.0)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, math.nan])
def test_what_is_no_share_is_refused(share: float):
    tracker = LiquidationTracker()
    with pytest.raises(ValueError, match=r"must be in \(0, 1\], was"):
        tracker.on_liquidation(1, 1.0, START, START, "orders", share=share)


def test_a_restored_tracker_makes_up_alike():
    random, events = Random(3), []
    for i in range(60):
        ts = START + i * 7 * SECOND_NS
        part = ShownPart(2 ** (i % 5), 100.0 * (i + 1), 40.0 * (i + 1), LEAST_SECONDS + i)
        events += [
            completeness_event(part, ts),
            liquidation_event(random.choice((1, -1)), 1e3 * i, ts, ts, "orders"),
        ]
    whole = Feed(LiquidationTracker())
    for event in events:
        whole.push(event)
    # What is pending goes through a file: tuples come back as lists.
    half = Feed(LiquidationTracker())
    for event in events:
        half.push(event)
    half.release(events[60].ts_known)
    kept = [[*event[:2], list(event[2]), event[3], list(event[4])] for event in half.state()]
    again = Feed(LiquidationTracker.from_state(half.tracker.state()))
    again.restore(kept)
    for feed in (whole, again):
        feed.release(events[-1].ts_known)
    at = events[-1].ts_known
    assert realised_of(again.tracker, at) == realised_of(whole.tracker, at)
    assert again.tracker.shown_parts == whole.tracker.shown_parts
    assert 0.0 < realised_of(whole.tracker, at)[1] <= 1.0
