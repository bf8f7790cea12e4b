"""
A node for a minute, or as many seconds as LIQ_SOAK_SECS says, with a fault every few seconds.

Every fault must be flagged, nothing be applied twice, and the map be the one that is computed
offline from what was received.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import MarkPriceUpdate
from support.fake_exchange import FakeExchange
from support.fake_exchange import Rhythm
from support.live_node import Watcher
from support.live_node import drive
from support.live_node import eventually
from support.live_node import options_for

from liq_nautilus.nautilus.live.feeds.status import FeedStatus
from liq_nautilus.nautilus.live.feeds.symbols import FORCED_ORDERS
from liq_nautilus.nautilus.live.feeds.symbols import MARK_PRICES
from liq_nautilus.nautilus.live.feeds.symbols import OPEN_INTEREST
from liq_nautilus.nautilus.live.live_options import RecordingOptions
from liq_nautilus.nautilus.live.recording.replay import replay
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationForecast
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationSignal

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from collections.abc import Callable

LOG = logging.getLogger(__name__)
SECS = float(os.environ.get("LIQ_SOAK_SECS", "60"))
SEED = 7
LARGE = (LiquidationLevels, LiquidationClusters, LiquidationForecast)
# Grown by more in the second half of a long soak, memory is not flat.
MOST_GROWTH_MB = 40.0


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Troublemaker:
    """Does one thing after another to an exchange, and waits until the node has noticed."""

    def __init__(self, exchange: FakeExchange, watcher: Watcher) -> None:
        self.exchange = exchange
        self.faults = exchange.faults
        self.watcher = watcher
        self.counts = watcher.node.client.health.n
        self.deeds: dict[str, Callable[[], Awaitable[None]]] = {
            "garble": lambda: self.count("n_garbled", "malformed"),
            "unknown": lambda: self.count("n_unknown", "unknown"),
            "repeat": lambda: self.run_out("n_repeated", 20),
            "reorder": lambda: self.run_out("n_reordered", 6),
            "drop": lambda: self.lose(FORCED_ORDERS, self.exchange.drop),
            "restart": lambda: self.lose(FORCED_ORDERS, lambda: self.exchange.restart(1.0)),
            "stall": self.stall,
            "refuse 429": lambda: self.refuse(429),
            "refuse 418": lambda: self.refuse(418),
            "refuse 500": lambda: self.refuse(500),
            "zero": lambda: self.odd_interest("is_zero", "zero"),
            "freeze": lambda: self.odd_interest("is_frozen", "passed"),
        }

    async def count(self, fault: str, counted: str) -> None:
        before = self.counts[counted]

        def is_noticed() -> bool:
            # All of a few may have gone to a stream that is not ours.
            if not getattr(self.faults, fault):
                setattr(self.faults, fault, 5)
            return self.counts[counted] > before

        await eventually(is_noticed, counted)
        await eventually(lambda: not getattr(self.faults, fault), fault)

    async def run_out(self, fault: str, n: int) -> None:
        setattr(self.faults, fault, n)
        await eventually(lambda: not getattr(self.faults, fault), fault)

    async def lose(self, feed: str, deed: Callable[[], None]) -> None:
        lost, live = (len(self.watcher.statuses(feed, name)) for name in ("lost", "live"))
        await asyncio.to_thread(deed)
        await eventually(lambda: len(self.watcher.statuses(feed, "lost")) > lost, "a loss")
        await eventually(lambda: len(self.watcher.statuses(feed, "live")) > live, "a return")

    async def stall(self) -> None:
        lost = len(self.watcher.statuses(MARK_PRICES, "lost"))
        self.faults.is_stalled = True
        await eventually(
            lambda: len(self.watcher.statuses(MARK_PRICES, "lost")) > lost, "a silent stream"
        )
        self.faults.is_stalled = False

    async def refuse(self, status: int) -> None:
        counted = f"answered {status}"
        before = self.counts[counted]
        self.exchange.refuse(status, 1)
        await eventually(lambda: self.counts[counted] > before, counted)
        self.exchange.refuse(200)

    async def odd_interest(self, fault: str, counted: str) -> None:
        counts = self.watcher.node.client.health.feed(OPEN_INTEREST, "BTCUSDT").n
        before = counts[counted]
        setattr(self.faults, fault, True)
        await eventually(lambda: counts[counted] > before + 1, counted)
        setattr(self.faults, fault, False)


def same(one: object, other: object) -> bool:
    a, b = one.to_dict(), other.to_dict()
    return all(np.array_equal(a[key], b[key], equal_nan=not isinstance(a[key], str)) for key in a)


@pytest.mark.slow
def test_a_soak_with_a_fault_every_few_seconds(tmp_path: Path):
    random = Random(SEED)
    rhythm = Rhythm(mark_secs=0.1, order_secs=0.2, trade_secs=0.2, bar_secs=2.0)
    exchange = FakeExchange(rhythm=rhythm).start()
    done: Counter[str] = Counter()
    memory: list[float] = []

    async def scenario(watcher: Watcher) -> None:
        await eventually(lambda: len(watcher.signals) >= 3, "signals")
        trouble = Troublemaker(exchange, watcher)
        end, names = time.monotonic() + SECS, list(trouble.deeds)
        while time.monotonic() < end:
            # Each once in a changing order, then each again.
            for name in random.sample(names, len(names)):
                await trouble.deeds[name]()
                done[name] += 1
                # What the test keeps is not the node's: levels are large, and are recorded.
                watcher.data[:] = [x for x in watcher.data if not isinstance(x, LARGE)]
                memory.append(resident_mb())
                await asyncio.sleep(random.uniform(0.5, 2.0))
                if time.monotonic() >= end:
                    break
        n = len(watcher.signals)
        await eventually(lambda: len(watcher.signals) > n + 3, "signals after all")
        feeds = [health for health in watcher.node.client.health if health.last_ns]
        await eventually(lambda: all(x.condition == "live" for x in feeds), "all feeds live")

    recording = RecordingOptions(str(tmp_path), flush_secs=1.0, roll_secs=20.0)
    actor = {"use_trades": True, "stale_check_secs": 1.0}
    try:
        options = options_for(exchange, log_level="OFF", recording=recording, actor=actor)
        watcher = drive(options, scenario)
    finally:
        exchange.stop()
    # Seen with --log-cli-level=INFO.
    LOG.info("%d faults: %s", sum(done.values()), dict(done))
    LOG.info("resident MB: %s", [round(memory[i * (len(memory) - 1) // 4]) for i in range(5)])
    assert sum(done.values()) >= SECS / 15.0
    if SECS >= 300.0:
        assert memory[-1] - memory[len(memory) // 2] < MOST_GROWTH_MB
    assert_nothing_twice(watcher)
    assert_gaps_are_flagged(watcher)
    assert_the_map_is_the_offline_one(watcher, tmp_path)


def assert_nothing_twice(watcher: Watcher) -> None:
    for kind in (watcher.readings, watcher.orders):
        facts = [tuple(str(v) for k, v in x.to_dict().items() if k != "ts_init") for x in kind]
        assert len(set(facts)) == len(facts)
    for kind in (Bar, MarkPriceUpdate, FundingRateUpdate):
        times = [x.ts_event for x in watcher.of(kind)]
        assert times == sorted(set(times))
    assert watcher.node.actors["BTCUSDT"].n_skipped == 0
    errors = [name for name in watcher.node.client.health.n if name.startswith("error in")]
    assert errors == [], watcher.node.client.health.last_error


def assert_gaps_are_flagged(watcher: Watcher) -> None:
    told: Counter[str] = Counter()
    for status in watcher.of(FeedStatus):
        assert status.condition in {"lost", "live"}
        if status.condition == "live" and status.ts_from:
            told[status.feed] += 1
    for health in watcher.node.client.health:
        assert told[health.feed] >= health.n_gaps
        assert all(gap.ts_from < gap.ts_to for gap in health.gaps)


def assert_the_map_is_the_offline_one(watcher: Watcher, recording: Path) -> None:
    config = watcher.node.actors["BTCUSDT"].config
    (state,) = (recording / "states").glob("BTCUSDT-*.state")
    for data_cls in (LiquidationSignal, LiquidationLevels):
        published, replayed = replay(recording, state, config, data_cls)
        assert len(published) >= 4
        assert [x.ts_init for x in replayed[: len(published)]] == [x.ts_init for x in published]
        assert all(map(same, replayed, published))
        seen = watcher.of(data_cls)
        assert any(same(x, y) for x in published[-8:] for y in seen if x.ts_init == y.ts_init)
    files = watcher.node.recorder.files
    assert files.n_errors == files.n_dropped == 0
