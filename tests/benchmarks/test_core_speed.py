"""How fast the core is; run by `pytest -m benchmark tests/benchmarks`."""

import time

import numpy as np
import pytest
from support.streams import DAY
from support.streams import START
from support.streams import made_up_days

from liq_nautilus.core import feed
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.tracker import LiquidationTracker

pytestmark = pytest.mark.benchmark

MICROSECONDS = 1e-6


def run(tracker, events):
    for event in events:
        feed.apply_event(tracker, event)


def one_day(day, **options):
    events = made_up_days(1, seed=day, start=START + day * DAY, **options)
    return list(feed.in_time_order(events))


def ready(days=1):
    """Return a tracker of default parameters that has seen some days; kernels are compiled."""
    tracker = LiquidationTracker(TrackerParameters())
    for day in range(days):
        run(tracker, one_day(day))
    return tracker


def update_times(tracker, day):
    """Return the seconds of each bar with its open interest, clusters and signal."""
    events = one_day(day, has_trades=False)
    bars = [event for event in events if event.kind == "bar"]
    counts = [event for event in events if event.kind == "open_interest"]
    times = []
    for bar, count in zip(bars, counts, strict=True):
        begin = time.perf_counter()
        feed.apply_event(tracker, bar)
        feed.apply_event(tracker, count)
        tracker.clusters()
        tracker.signal()
        times.append(time.perf_counter() - begin)
    return np.array(times)


def test_update_of_everything_takes_at_most_300_microseconds(benchmark):
    tracker = ready()
    events = iter(one_day(1, has_trades=False) + one_day(2, has_trades=False))
    bars_and_counts = [event for event in events if event.kind in {"bar", "open_interest"}]
    pairs = iter(zip(bars_and_counts[::2], bars_and_counts[1::2], strict=True))

    def update(bar, count):
        feed.apply_event(tracker, bar)
        feed.apply_event(tracker, count)
        return tracker.clusters(), tracker.signal()

    benchmark.pedantic(update, setup=lambda: (next(pairs), {}), rounds=500, iterations=1)
    assert benchmark.stats.stats.median < 300 * MICROSECONDS


@pytest.mark.parametrize("model", LiquidationTracker.model_names)
def test_levels_of_a_model(benchmark, model):
    tracker = ready()
    levels = benchmark(tracker.levels, model)
    assert levels.price.size > 100


def test_thirty_days_take_at_most_three_seconds(benchmark):
    events = [event for day in range(30) for event in one_day(day, has_trades=False)]
    ready()

    def month():
        run(LiquidationTracker(TrackerParameters()), events)

    benchmark.pedantic(month, rounds=2, iterations=1)
    assert benchmark.stats.stats.min < 3.0


def test_update_after_sixty_days_takes_as_long_as_after_one():
    young, old = ready(1), ready(60)
    # Taken in turns, so that a busy machine slows both.
    ratios = []
    for day in (60, 61, 62):
        first = np.median(update_times(young, day))
        ratios.append(np.median(update_times(old, day)) / first)
    assert np.median(ratios) < 1.25


def test_state_of_a_tracker(benchmark):
    tracker = ready()
    restored = benchmark(lambda: LiquidationTracker.from_state(tracker.state()))
    assert restored.ts == tracker.ts
