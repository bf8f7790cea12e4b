"""A node against the fake exchange: run, act on it, stop; and what it published."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from typing import Any

from liq_nautilus.nautilus.live.feeds.status import FeedStatus
from liq_nautilus.nautilus.live.live_options import Endpoints
from liq_nautilus.nautilus.live.live_options import LiveOptions
from liq_nautilus.nautilus.live.node import LiveNode
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.nautilus.types import OpenInterest

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from collections.abc import Callable

    from support.fake_exchange import FakeExchange

# The machine may be busy with other tests, and kernels are compiled on first use.
PATIENCE_SECS = 180.0


def options_for(exchange: FakeExchange, **settings: Any) -> LiveOptions:
    url = exchange.websocket_url
    values = {
        "symbols": list(exchange.symbols),
        "endpoints": Endpoints(exchange.http_url, url, url, exchange.http_url, url),
        "open_interest_secs": 0.3,
        "warm_up_days": 1.0,
        "log_level": "ERROR",
        **settings,
    }
    return LiveOptions(**values)


class Watcher:
    """A running node and all that crossed its bus."""

    def __init__(self, node: LiveNode) -> None:
        self.node = node
        self.data: list[Any] = []
        node.node.kernel.msgbus.subscribe("data.*", self.data.append, priority=5)

    def of(self, kind: type) -> list[Any]:
        return [datum for datum in self.data if isinstance(datum, kind)]

    @property
    def signals(self) -> list[LiquidationSignal]:
        return self.of(LiquidationSignal)

    @property
    def levels(self) -> list[LiquidationLevels]:
        return self.of(LiquidationLevels)

    @property
    def readings(self) -> list[OpenInterest]:
        return self.of(OpenInterest)

    @property
    def orders(self) -> list[LiquidationOrder]:
        return self.of(LiquidationOrder)

    def statuses(self, feed: str, condition: str) -> list[FeedStatus]:
        found = self.of(FeedStatus)
        return [x for x in found if (x.feed, x.condition) == (feed, condition)]


async def until_the_share_is_known(watcher: Watcher, exchange: FakeExchange) -> None:
    """Liquidate until the map knows which share of the last hour's liquidations it saw."""
    end = time.monotonic() + PATIENCE_SECS
    while not (watcher.signals and watcher.signals[-1].completeness > 0.0):
        assert time.monotonic() < end, "the share did not become known"
        await asyncio.to_thread(exchange.cascade, "BTCUSDT", 1, 2)
        await asyncio.sleep(0.3)


async def eventually(holds: Callable[[], Any], what: str, patience: float = PATIENCE_SECS) -> None:
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, f"{what}: did not happen within {patience} s"
        await asyncio.sleep(0.02)


def drive(
    options: LiveOptions, scenario: Callable[[Watcher], Awaitable[None]], **arguments: Any
) -> Watcher:
    """Run a node while a scenario runs, and stop it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    node = LiveNode(options, loop=loop, **arguments)
    watcher = Watcher(node)

    async def play() -> None:
        running = loop.create_task(node.run_async())
        try:
            await scenario(watcher)
        finally:
            await node.stop_async()
            await asyncio.wait_for(running, PATIENCE_SECS)

    try:
        loop.run_until_complete(play())
    finally:
        node.dispose()
        asyncio.set_event_loop(None)
    return watcher
