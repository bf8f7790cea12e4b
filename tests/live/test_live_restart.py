from __future__ import annotations

import asyncio
import os
import signal
import time
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.live_node import Watcher
from support.live_node import drive
from support.live_node import eventually
from support.live_node import options_for
from support.live_node import until_the_share_is_known

from liq_nautilus.core.dollars import completeness
from liq_nautilus.core.feed import Feed
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.nautilus.catalog.events import read_events
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.live import complete_orders
from liq_nautilus.nautilus.live.live_options import RecordingOptions
from liq_nautilus.nautilus.live.node import LiveNode
from liq_nautilus.nautilus.live.recording.replay import replay
from liq_nautilus.nautilus.live.state_file import read_state
from liq_nautilus.nautilus.snapshots import bytes_to_state
from liq_nautilus.nautilus.snapshots import state_to_bytes
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from pathlib import Path

    from support.fake_exchange import FakeExchange

    from liq_nautilus.core.feed import Event


def same(one: object, other: object) -> bool:
    a, b = one.to_dict(), other.to_dict()
    return all(np.array_equal(a[key], b[key], equal_nan=not isinstance(a[key], str)) for key in a)


async def ten_signals(watcher: Watcher) -> None:
    await eventually(lambda: len(watcher.signals) >= 10, "ten signals")


def test_a_recording_replays_to_the_signals_that_were_published(
    exchange: FakeExchange, tmp_path: Path, monkeypatch
):
    # What Bybit tells of Binance's feed is known, and published, within seconds.
    monkeypatch.setattr(completeness, "LEAST_SECONDS", 1)
    monkeypatch.setattr(complete_orders, "PUBLISH_NS", SECOND_NS // 2)
    recording = RecordingOptions(str(tmp_path / "recording"), flush_secs=0.5, roll_secs=3.0)
    # Looks at stale inputs often enough to matter.
    actor = {"stale_check_secs": 0.2, "use_trades": True}

    random = Random(17)

    def dawdle(_datum: object) -> None:
        # A busy loop: data waits in the queue while timers ring.
        if random.random() < 0.03:
            time.sleep(random.uniform(0.05, 0.3))

    async def scenario(watcher: Watcher) -> None:
        watcher.node.node.kernel.msgbus.subscribe("data.*", dawdle, priority=8)
        await eventually(lambda: len(watcher.signals) >= 15, "signals")
        exchange.refuse(500)
        seen = len(watcher.orders)
        await eventually(lambda: len(watcher.orders) > seen + 6, "silence of open interest")
        exchange.refuse(200)
        n = len(watcher.signals)
        await eventually(lambda: len(watcher.signals) > n + 8, "signals again")
        await until_the_share_is_known(watcher, exchange)
        n = len(watcher.signals)
        await eventually(lambda: len(watcher.signals) > n + 2, "signals that know it")

    options = options_for(exchange, recording=recording, actor=actor)
    watcher = drive(options, scenario)
    config = watcher.node.actors["BTCUSDT"].config
    (state,) = (tmp_path / "recording" / "states").glob("BTCUSDT-*.state")
    published, replayed = replay(tmp_path / "recording", state, config)
    assert len(published) >= 20
    assert [x.ts_init for x in replayed[: len(published)]] == [x.ts_init for x in published]
    assert all(map(same, replayed, published))
    assert all(map(same, watcher.signals, published))
    assert {0.0 < x.completeness <= 1.0 for x in published} == {True, False}
    files = watcher.node.recorder.files
    assert files.n_errors == files.n_dropped == 0
    kinds = {path.parent.parent.name for path in (tmp_path / "recording").rglob("*.parquet")}
    assert {"bar", "trade_tick", "mark_price_update", "custom_open_interest"} <= kinds
    assert {"custom_liquidation_levels", "custom_liquidation_signal"} <= kinds
    assert {"custom_liquidation_order", "custom_feed_status", "crypto_perpetual"} <= kinds
    assert "custom_liquidation_completeness" in kinds
    # The map of a restart knows what was measured, and the measuring goes on from there.
    parts = watcher.node.actors["BTCUSDT"].tracker.shown_parts
    assert parts
    recorded = read_events(Catalog(tmp_path / "recording"), "BTCUSDT", 0, 2**62, bar="1m")
    known = {
        event.payload[0]: event.payload[:4] for event in recorded if event.kind == "completeness"
    }
    assert known == {part.n_shown: tuple(part) for part in parts}


def test_a_restarted_node_goes_on_with_its_map(exchange: FakeExchange, tmp_path: Path):
    recording = RecordingOptions(str(tmp_path / "recording"))
    options = options_for(exchange, state=str(tmp_path), recording=recording, trade=False)
    first = drive(options, ten_signals)
    saved = read_state(tmp_path / "BTCUSDT.state")
    assert saved.state == first.node.actors["BTCUSDT"].on_save()
    for path in (tmp_path / "recording" / "states").iterdir():
        path.unlink()
    taken: list[Event] = []

    async def scenario(watcher: Watcher) -> None:
        actor = watcher.node.actors["BTCUSDT"]
        warm_up = actor.warm_up

        def spy(events: list[Event], ts: int) -> int:
            taken.extend(events)
            return warm_up(events, ts)

        actor.warm_up = spy
        await ten_signals(watcher)

    second = drive(options, scenario)
    # The map it begins with is that of one which never stopped but heard of the gap by history.
    (path,) = (tmp_path / "recording" / "states").iterdir()
    begun = read_state(path)
    feed = Feed(LiquidationTracker.from_state(bytes_to_state(saved.state["tracker"])))
    feed.restore(bytes_to_state(saved.state["inputs"])["pending"])
    for event in taken:
        feed.push(event)
    feed.release(bytes_to_state(begun.state["inputs"])["complete"])
    assert state_to_bytes(feed.tracker.state()) == begun.state["tracker"]
    actor = second.node.actors["BTCUSDT"]
    assert actor.resumed_from_ns == saved.ts_saved
    # Open positions are those of the map before: a fresh one of the same day has others.
    before = first.of(LiquidationLevels)[-1].notional.sum()
    after = second.of(LiquidationLevels)[3].notional.sum()
    assert 0.5 < after / before < 2.0


def test_a_damaged_state_is_set_aside_and_the_node_begins_anew(
    exchange: FakeExchange, tmp_path: Path
):
    (tmp_path / "BTCUSDT.state").write_bytes(b"liq-nautilus state\ngarbage that is no state")
    options = options_for(exchange, state=str(tmp_path), trade=False, log_level="OFF")
    watcher = drive(options, ten_signals)
    assert watcher.node.actors["BTCUSDT"].resumed_from_ns is None
    assert (tmp_path / "BTCUSDT.state.damaged-1").exists()
    assert read_state(tmp_path / "BTCUSDT.state") is not None
    assert watcher.of(LiquidationSignal)


def test_a_venue_that_is_away_at_the_start_is_waited_for(exchange: FakeExchange):
    exchange.refuse(503)

    async def scenario(watcher: Watcher) -> None:
        await eventually(lambda: len(exchange.requests) >= 2, "a second attempt")
        assert not watcher.signals
        exchange.refuse(200)
        await ten_signals(watcher)

    drive(options_for(exchange, trade=False, log_level="OFF"), scenario)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_wait_for_the_venue_can_be_given_up(exchange: FakeExchange, number: signal.Signals):
    exchange.refuse(503)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    node = LiveNode(options_for(exchange, trade=False, log_level="OFF"), loop=loop)

    async def interrupt() -> None:
        await eventually(lambda: node.client.health.n["failed warm-up"], "a failed attempt")
        os.kill(os.getpid(), number)

    try:
        node.run(interrupt)
    finally:
        node.dispose()
        asyncio.set_event_loop(None)
    assert "The past of BTCUSDT is not known yet" in node.client.health.last_error
