from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import MarkPriceUpdate
from support.live_node import Watcher
from support.live_node import drive
from support.live_node import eventually
from support.live_node import options_for
from support.live_node import until_the_share_is_known

from liq_nautilus.core.dollars import completeness
from liq_nautilus.core.dollars.completeness import Completeness
from liq_nautilus.core.records import WAIT
from liq_nautilus.nautilus.live import complete_orders
from liq_nautilus.nautilus.live.feeds.symbols import BINANCE
from liq_nautilus.nautilus.live.feeds.symbols import BYBIT
from liq_nautilus.nautilus.live.feeds.symbols import FORCED_ORDERS
from liq_nautilus.nautilus.live.feeds.symbols import MARK_PRICES
from liq_nautilus.nautilus.live.feeds.symbols import OKX
from liq_nautilus.nautilus.live.feeds.symbols import OPEN_INTEREST
from liq_nautilus.nautilus.live.feeds.symbols import instrument_id_at
from liq_nautilus.nautilus.live.feeds.symbols import order_feed
from liq_nautilus.nautilus.types import LiquidationCompleteness
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from support.fake_exchange import FakeExchange


async def until_it_runs(watcher: Watcher, n: int = 3) -> None:
    await eventually(lambda: len(watcher.signals) >= n, f"{n} signals")
    await eventually(lambda: watcher.of(Bar) and watcher.of(MarkPriceUpdate), "bars and marks")


def test_what_the_venue_sends_becomes_levels_and_signals(exchange: FakeExchange):
    async def scenario(watcher: Watcher) -> None:
        await until_it_runs(watcher)
        await eventually(lambda: len(watcher.orders) >= 3, "forced orders")

    watcher = drive(options_for(exchange), scenario)
    sent = {(contracts, ts * 1_000_000) for _, contracts, ts in exchange.readings}
    received = [(x.open_interest, x.ts_event) for x in watcher.readings]
    assert set(received) <= sent
    assert len(set(received)) == len(received)
    # Each reading is an update, published at once: its own stamp is the signal's.
    published = [x.ts_init for x in watcher.levels]
    # What comes after the stop is no more taken.
    stamps = {x.ts_init for x in watcher.readings if x.ts_init <= published[-1]}
    assert set(published) == stamps
    assert len(published) == 4 * len(stamps)
    binance = [x for x in watcher.orders if x.instrument_id.venue.value == BINANCE]
    orders = {(x.position_side, x.quantity, x.average_price) for x in binance}
    assert orders <= {order[1:4] for order in exchange.forced_orders}
    actor = watcher.node.actors["BTCUSDT"]
    assert actor.n_skipped == 0
    # The map's: a signal's own is a chance, which may be small.
    assert watcher.levels[-1].model == "ensemble"
    assert watcher.levels[-1].is_valid
    assert watcher.levels[-1].confidence.min() > 0.5
    assert watcher.node.client.health.last_error == ""


def test_complete_orders_tell_the_map_what_the_thinned_ones_leave_out(
    exchange: FakeExchange, monkeypatch
):
    # So few seconds suffice here that something is known soon.
    monkeypatch.setattr(completeness, "LEAST_SECONDS", 1)
    monkeypatch.setattr(complete_orders, "PUBLISH_NS", SECOND_NS // 2)
    bybit, okx = (instrument_id_at(venue, "BTCUSDT") for venue in (BYBIT, OKX))

    async def scenario(watcher: Watcher) -> None:
        heard = watcher.node.complete.n
        await eventually(lambda: heard[BYBIT, "BTCUSDT"] >= 3, "orders of Bybit")
        await eventually(lambda: heard[OKX, "BTCUSDT"] >= 3, "orders of OKX")
        await eventually(lambda: watcher.signals, "a signal")
        tracker = watcher.node.actors["BTCUSDT"]._feed.tracker
        await eventually(lambda: any(x.share > 0.0 for x in tracker.shown_parts), "a share")
        await until_the_share_is_known(watcher, exchange)

    watcher = drive(options_for(exchange, trade=False), scenario)
    for instrument, sent in ((bybit, exchange.bybit_orders), (okx, exchange.okx_orders)):
        orders = [x for x in watcher.orders if x.instrument_id == instrument]
        found = {(x.position_side, round(x.quantity, 6), x.bankruptcy_price) for x in orders}
        assert found <= {order[1:4] for order in sent}
        feed = watcher.node.client.health.feed(order_feed(instrument.venue.value), "BTCUSDT")
        assert feed.n["passed"] == len(orders)
    # OKX shows a part of all: it tells nothing of others.
    again = Completeness()
    orders = [x for x in watcher.orders if x.instrument_id == bybit]
    # What still comes while the node stops reaches the bus alone.
    for order in orders[: watcher.node.complete.n[BYBIT, "BTCUSDT"]]:
        again.add(order.quantity * order.bankruptcy_price, order.ts_event)
    measured = watcher.node.complete.completeness["BTCUSDT"]
    assert [measured.share(n) for n in (1, 2, 4, 8, 16, 32, 60)] == pytest.approx(
        [again.share(n) for n in (1, 2, 4, 8, 16, 32, 60)], nan_ok=True
    )
    told = watcher.of(LiquidationCompleteness)
    assert {(str(x.instrument_id), x.source) for x in told} == {("BTCUSDT-PERP.BINANCE", BYBIT)}


def test_without_the_options_other_venues_are_left_alone(exchange: FakeExchange):
    async def scenario(watcher: Watcher) -> None:
        await eventually(lambda: len(watcher.orders) >= 2 and watcher.signals, "forced orders")

    watcher = drive(options_for(exchange, trade=False, bybit=False, okx=False), scenario)
    assert watcher.node.complete is None
    assert {str(x.instrument_id) for x in watcher.orders} == {"BTCUSDT-PERP.BINANCE"}
    # Which share was seen nobody knows.
    assert all(math.isnan(x.completeness) for x in watcher.signals)


def test_faults_leave_gaps_that_are_known_and_nothing_twice(exchange: FakeExchange):
    faults = exchange.faults

    async def scenario(watcher: Watcher) -> None:
        await until_it_runs(watcher)
        faults.n_garbled, faults.n_unknown, faults.n_repeated, faults.n_reordered = 6, 4, 20, 10
        counts = watcher.node.client.health.n
        await eventually(lambda: counts["malformed"] and counts["unknown"], "bad messages")
        await eventually(lambda: not (faults.n_repeated or faults.n_reordered), "odd messages")
        await asyncio.to_thread(exchange.drop)
        await eventually(lambda: watcher.statuses(FORCED_ORDERS, "lost"), "a lost connection")
        await eventually(
            lambda: len(watcher.statuses(FORCED_ORDERS, "live")) >= 2, "a new connection"
        )
        n_marks = len(watcher.of(MarkPriceUpdate))
        await eventually(lambda: len(watcher.of(MarkPriceUpdate)) > n_marks, "marks again")
        exchange.refuse(503)
        await eventually(lambda: counts["answered 503"], "a server error")
        exchange.refuse(429, retry_after=1)
        await eventually(lambda: counts["answered 429"], "a refusal")
        exchange.refuse(200)
        n_signals = len(watcher.signals)
        await eventually(lambda: len(watcher.signals) > n_signals + 1, "signals again")

    watcher = drive(options_for(exchange), scenario)
    for kind in (watcher.readings, watcher.orders):
        keys = [tuple(x.to_dict().items())[:-1] for x in kind]
        assert len({str(key) for key in keys}) == len(keys)
    marks = [x.ts_event for x in watcher.of(MarkPriceUpdate)]
    assert marks == sorted(set(marks))
    bars = [x.ts_event for x in watcher.of(Bar)]
    assert bars == sorted(set(bars))
    feeds = {health.feed: health for health in watcher.node.client.health}
    assert feeds[FORCED_ORDERS].n_gaps >= 1
    assert feeds[MARK_PRICES].n_gaps >= 1
    assert watcher.node.actors["BTCUSDT"].n_skipped == 0


def test_stale_inputs_end_in_wait_and_recover(exchange: FakeExchange):
    # Six usual intervals make an input stale: known of a second here, they pass quickly.
    actor = {"stale_check_secs": 0.5, "parameters": {"stale_intervals": 6.0}}

    async def scenario(watcher: Watcher) -> None:
        tracker = watcher.node.actors["BTCUSDT"].tracker
        await until_it_runs(watcher, 30)
        assert watcher.signals[-1].action != WAIT
        assert tracker is not None
        exchange.refuse(500)
        await eventually(lambda: watcher.signals[-1].action == WAIT, "WAIT")
        await eventually(lambda: watcher.statuses(OPEN_INTEREST, "lost"), "lost open interest")
        exchange.refuse(200)
        await eventually(lambda: watcher.signals[-1].action != WAIT, "recovery")

    watcher = drive(options_for(exchange, actor=actor), scenario)
    waiting = [x for x in watcher.signals if x.action == WAIT]
    assert waiting[0].reason == "Stale or missing input"
    assert watcher.statuses(OPEN_INTEREST, "live")


def test_a_frozen_and_a_zero_open_interest_change_no_map(exchange: FakeExchange):
    async def scenario(watcher: Watcher) -> None:
        await until_it_runs(watcher)
        exchange.faults.is_zero = True
        health = watcher.node.client.health.feed(OPEN_INTEREST, "BTCUSDT")
        await eventually(lambda: health.n["zero"] >= 2, "zeros")
        exchange.faults.is_zero = False
        n = len(watcher.readings)
        await eventually(lambda: len(watcher.readings) > n, "sound readings")

    watcher = drive(options_for(exchange, trade=False), scenario)
    assert min(x.open_interest for x in watcher.readings) > 0.0
    totals = [x.notional.sum() for x in watcher.levels if x.model == "binance_standard"]
    assert min(totals) > 0.5 * max(totals)


def test_a_handler_that_raises_is_counted_and_the_node_goes_on(exchange: FakeExchange):
    async def scenario(watcher: Watcher) -> None:
        await until_it_runs(watcher)
        actor = watcher.node.actors["BTCUSDT"]

        def broken(*_args: object) -> None:
            msg = "a defect"
            raise RuntimeError(msg)

        actor._take_open_interest, kept = broken, actor._take_open_interest
        counts = watcher.node.client.health.n
        name = "error in LiveLiquidationActor.on_data"
        await eventually(lambda: counts[name] >= 2, "counted errors")
        actor._take_open_interest = kept
        n = len(watcher.signals)
        await eventually(lambda: len(watcher.signals) > n, "signals again")

    watcher = drive(options_for(exchange, log_level="OFF"), scenario)
    assert "RuntimeError('a defect')" in watcher.node.client.health.last_error


@pytest.mark.parametrize("silence", [2.0])
def test_a_stalled_stream_is_connected_anew(exchange: FakeExchange, silence: float, monkeypatch):
    from liq_nautilus.nautilus.live import node_config
    from liq_nautilus.nautilus.live.live_config import LiquidationDataClientConfig

    def quick(*args: object, **kwargs: object) -> LiquidationDataClientConfig:
        return LiquidationDataClientConfig(*args, **{**kwargs, "silence_secs": silence})

    monkeypatch.setattr(node_config, "LiquidationDataClientConfig", quick)

    async def scenario(watcher: Watcher) -> None:
        await until_it_runs(watcher)
        n = exchange.n_connections
        exchange.faults.is_stalled = True
        await eventually(lambda: exchange.n_connections > n, "a new connection")
        await eventually(lambda: watcher.statuses(MARK_PRICES, "lost"), "lost mark prices")
        exchange.faults.is_stalled = False
        await eventually(lambda: len(watcher.statuses(MARK_PRICES, "live")) >= 2, "marks again")

    drive(options_for(exchange), scenario)
