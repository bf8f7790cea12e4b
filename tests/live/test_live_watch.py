from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from support.live_node import Watcher
from support.live_node import drive
from support.live_node import eventually
from support.live_node import options_for

from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.live.feeds.symbols import FORCED_ORDERS
from liq_nautilus.nautilus.live.node import LiveNode
from liq_nautilus.nautilus.live.node_watch import NodeWatch

if TYPE_CHECKING:
    from support.fake_exchange import FakeExchange

    from liq_nautilus.nautilus.live.telling.terminal import SymbolView

# Averages of a few bars cross within seconds of the fake exchange's time.
QUICK = {"fast_period": 2, "slow_period": 4, "range_period": 3, "patience": 3}


def text_of(watch: NodeWatch, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, height=60, color_system=None)
    console.print(watch.screen())
    return console.file.getvalue()


def test_the_screen_shows_what_the_node_knows(exchange: FakeExchange):
    exchange.moves = 0.002
    seen: list[SymbolView] = []
    texts: list[str] = []

    async def scenario(watcher: Watcher) -> None:
        node = watcher.node
        watch = NodeWatch(node)
        texts.append(text_of(watch, 80))
        cache = node.node.cache
        btc = instrument_id("BTCUSDT")
        await eventually(lambda: cache.positions_open(instrument_id=btc), "a position")
        await asyncio.to_thread(exchange.drop)
        await eventually(lambda: watcher.statuses(FORCED_ORDERS, "lost"), "a lost feed")
        await eventually(lambda: node.alerts.n_sent, "an alert")
        await eventually(lambda: cache.positions_open(instrument_id=btc), "a position still")
        (position,) = cache.positions_open(instrument_id=btc)
        seen.append(watch.view("BTCUSDT"))
        assert seen[0].holding.quantity == position.signed_qty
        assert seen[0].holding.entry_price == position.avg_px_open
        texts.extend(text_of(watch, width) for width in (80, 160))

    alerts = {"is_dry": True, "kinds": ["input"]}
    strategy = {**QUICK, "use_signals": False}
    drive(options_for(exchange, strategy=strategy, alerts=alerts), scenario)
    view = seen[0]
    side = 1 if view.holding.quantity > 0 else -1
    # At 10x and Binance's lowest rate of maintenance, 0.4 %.
    wanted = view.holding.entry_price * (1 - side * 0.1) / (1 - side * 0.004)
    assert view.holding.liquidation_price == pytest.approx(wanted, rel=2e-3)
    assert 0.0 < view.holding.exposure <= 2.0
    assert {line.feed for line in view.feeds} >= {"open interest", "mark prices", "bars"}
    assert all(line.age_secs is not None for line in view.feeds if line.feed == "mark prices")
    assert view.levels
    assert all((level.price > view.price) == (level.side < 0) for level in view.levels)
    assert all(0.0 <= level.chance <= 1.0 for level in view.levels)
    assert "unknown" in texts[0] or "BTCUSDT" in texts[0]
    for text, width in zip(texts[1:], (80, 160), strict=True):
        assert max(map(len, text.splitlines())) <= width
        for part in ("position", "liquidated", "balance", "alerts: ", "forced orders"):
            assert part in text


def test_what_runs_beside_a_node_ends_with_it(exchange: FakeExchange):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    node = LiveNode(options_for(exchange, trade=False), loop=loop)
    console = Console(file=io.StringIO(), width=80, height=40, force_terminal=True)
    watch = NodeWatch(node, console)
    ended: list[str] = []

    async def beside() -> None:
        drawing = asyncio.ensure_future(watch.run())
        try:
            await eventually(lambda: console.file.getvalue().count("BTCUSDT") >= 3, "screens")
            await node.stop_async()
            await drawing
        finally:
            drawing.cancel()
            ended.append("beside")

    try:
        node.run(beside)
        loop.run_until_complete(asyncio.sleep(0.1))
    finally:
        node.dispose()
        asyncio.set_event_loop(None)
    assert ended == ["beside"]
