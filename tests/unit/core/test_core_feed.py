import math

import numpy as np
import pytest
from support.streams import HOUR
from support.streams import START
from support.streams import STEP
from support.streams import made_up_days
from support.streams import same_answers
from support.streams import same_state
from support.streams import small_parameters

from liq_nautilus.core import feed
from liq_nautilus.core.tracker import LiquidationTracker


def one_of_each(ts=START):
    ones = np.ones(1)
    return [
        feed.bar_event(1.0, 2.0, 0.5, 1.5, ts - STEP, ts, kind="mark"),
        feed.bar_event(1.0, 2.0, 0.5, 1.5, ts - STEP, ts),
        feed.trades_event(ones, ones, ones.astype(np.int8), ts),
        feed.liquidation_event(1, 5.0, ts - STEP, ts, "bars"),
        feed.funding_event(0.001, ts),
        feed.open_interest_event(5.0, math.nan, ts),
        feed.time_event(ts),
    ]


def test_equal_times_come_path_first_then_positions_then_counts():
    events = one_of_each()
    ordered = list(feed.in_time_order(reversed(events)))
    kinds = ["mark", "bar", "trades", "liquidation", "funding", "open_interest", "time"]
    assert [event.kind for event in ordered] == kinds
    assert [event.is_update for event in ordered] == [False] * 4 + [True, True, False]


def test_delayed_open_interest_is_known_later_and_keeps_its_time():
    event = feed.open_interest_event(5.0, 10.0, START, delay_ns=HOUR)
    assert event.ts_known == START + HOUR
    assert event.payload == (5.0, 10.0, START)


def test_events_that_differ_are_ordered_by_content():
    ones, twos = np.ones(2), np.array([0.5, 1.5])
    sides = np.array([1, -1], dtype=np.int8)
    pairs = [
        (
            feed.trades_event(ones, ones, sides, START),
            feed.trades_event(twos, ones, sides, START),
        ),
        (
            feed.bar_event(1.0, 2.0, 0.5, 1.5, START - STEP, START, volume=math.nan),
            feed.bar_event(1.0, 2.0, 0.5, 1.5, START - STEP, START, volume=7.0),
        ),
        (
            feed.open_interest_event(5.0, math.nan, START),
            feed.open_interest_event(5.0, 7.0, START),
        ),
        (
            feed.liquidation_event(1, 5.0, START - STEP, START, "bars"),
            feed.liquidation_event(1, 5.0, START - STEP, START, "orders"),
        ),
    ]
    for first, second in pairs:
        assert (first < second) is not (second < first)
        assert sorted([first, second]) == sorted([second, first])


def test_feed_releases_what_is_known_and_keeps_the_rest():
    tracker = LiquidationTracker(small_parameters())
    queue = feed.Feed(tracker)
    assert queue.next_ts is None
    bar = feed.bar_event(100.0, 101.0, 99.0, 100.5, START - STEP, START)
    snapshot = feed.open_interest_event(10.0, 1005.0, START, delay_ns=STEP)
    for event in (snapshot, bar):
        queue.push(event)
    assert queue.next_ts == START
    assert queue.release(START - 1) == []
    assert queue.release(START) == [bar]
    assert tracker.reference_price == 100.5
    assert tracker.levels("binance_standard").price.size == 0
    assert queue.next_ts == START + STEP
    assert queue.release(START + STEP) == [snapshot]
    assert queue.next_ts is None
    assert tracker.levels("binance_standard").price.size > 0


def bars(prices):
    """Return minute bars that stand still at each price."""
    return [
        feed.bar_event(price, price, price, price, START + i * STEP, START + (i + 1) * STEP)
        for i, price in enumerate(prices)
    ]


def test_bars_in_one_go_do_what_each_by_itself_does():
    events = [event for event in made_up_days(1, seed=4) if event.kind in {"bar", "open_interest"}]
    # Updates few and far between, so that many bars follow each other.
    events = [event for i, event in enumerate(events) if event.kind == "bar" or i % 37 == 1]
    together, apart = (LiquidationTracker(small_parameters()) for _ in range(2))
    queue = feed.Feed(together)
    for event in events:
        queue.push(event)
    queue.release(START + 30 * HOUR)
    for event in feed.in_time_order(events):
        feed.apply_event(apart, event)
    assert same_answers(together, apart)
    assert same_state(together.state(), apart.state())


def test_a_wrong_bar_among_others_is_gone_and_they_are_not():
    queue = feed.Feed(LiquidationTracker(small_parameters()))
    for event in bars([100.0, 101.0, -1.0, 102.0, 103.0]):
        queue.push(event)
    with pytest.raises(ValueError, match=r"a bar must have .*, was \(-1\.0"):
        queue.release(START + HOUR)
    assert queue.tracker.reference_price == 101.0
    assert len(queue.release(START + HOUR)) == 2
    assert queue.tracker.reference_price == 103.0
    assert queue.next_ts is None


def test_what_is_done_is_forgotten():
    queue = feed.Feed(LiquidationTracker(small_parameters()))
    for i, event in enumerate(bars([100.0] * 2000)):
        queue.push(event)
        if i % 10 == 0:
            queue.release(event.ts_known)
    assert len(queue._pending) < 700


@pytest.mark.parametrize("kind_at", range(7))
def test_every_kind_reaches_the_tracker(kind_at):
    event = one_of_each()[kind_at]
    tracker = LiquidationTracker(small_parameters())
    feed.apply_event(tracker, event)
    assert tracker.ts == START


def fed(events, *, steps):
    """Return a tracker that got events in the order given, released at several times."""
    queue = feed.Feed(LiquidationTracker(small_parameters()))
    for event in events:
        queue.push(event)
    for ts in steps:
        queue.release(ts)
    return queue.tracker


def test_order_of_arrival_does_not_matter():
    events = made_up_days(1)[:400]
    doubled = events + [feed.time_event(START + i * HOUR) for i in range(5)]
    end = [START + 30 * HOUR]
    expected = fed(doubled, steps=end)
    rng = np.random.default_rng(5)
    for _ in range(2):
        order = rng.permutation(len(doubled))
        shuffled = fed([doubled[i] for i in order], steps=[START + HOUR, *end])
        assert same_answers(shuffled, expected)
        assert same_state(shuffled.state(), expected.state())
    in_order = LiquidationTracker(small_parameters())
    for event in feed.in_time_order(doubled):
        feed.apply_event(in_order, event)
    assert same_state(in_order.state(), expected.state())


def test_cutting_off_the_future_changes_nothing_before():
    events = made_up_days(1, seed=8, delay_ns=4 * STEP)
    cut = START + 15 * HOUR
    whole, cut_off = (feed.Feed(LiquidationTracker(small_parameters())) for _ in range(2))
    for event in events:
        whole.push(event)
        # What happened before the cut but was published after it is future, too.
        if event.ts_known <= cut:
            cut_off.push(event)
    for hours in (1, 7, 15):
        ts = START + hours * HOUR
        assert len(whole.release(ts)) == len(cut_off.release(ts)) > 0
        assert same_answers(whole.tracker, cut_off.tracker)
    assert whole.next_ts > cut
    assert cut_off.next_ts is None


def test_publication_delay_moves_when_open_interest_counts():
    prompt = made_up_days(1, seed=9, has_trades=False)[:100]
    late = made_up_days(1, seed=9, has_trades=False, delay_ns=3 * STEP)[:100]
    ts = START + 4 * HOUR
    answers = [fed(events, steps=[ts]).levels("binance_standard") for events in (prompt, late)]
    assert answers[0].notional.sum() != answers[1].notional.sum()
    assert answers[0].reference_price == answers[1].reference_price
