"""
The data Nautilus's own adapters lack, as a Nautilus data client.

Open interest by polling, forced orders, mark prices, settled funding, and bars that did not come.
Messages are parsed and judged in `sources`, which knows no Nautilus.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.live.factories import LiveDataClientFactory
from nautilus_trader.model.identifiers import ClientId
from nautilus_trader.model.identifiers import InstrumentId

from liq_nautilus.nautilus.live.feeds.bar_guard import BarGuard
from liq_nautilus.nautilus.live.feeds.fetching import Fetcher
from liq_nautilus.nautilus.live.feeds.fetching import funding_update
from liq_nautilus.nautilus.live.feeds.fetching import length_ns
from liq_nautilus.nautilus.live.feeds.fetching import open_interest_of
from liq_nautilus.nautilus.live.feeds.intake import Intake
from liq_nautilus.nautilus.live.feeds.okx_contracts import Contracts
from liq_nautilus.nautilus.live.feeds.polling import Poller
from liq_nautilus.nautilus.live.feeds.requests import RestClient
from liq_nautilus.nautilus.live.feeds.socket import Connection
from liq_nautilus.nautilus.live.feeds.socket import Listener
from liq_nautilus.nautilus.live.feeds.status import FeedStatus
from liq_nautilus.nautilus.live.feeds.symbols import BARS
from liq_nautilus.nautilus.live.feeds.symbols import BINANCE
from liq_nautilus.nautilus.live.feeds.symbols import BYBIT
from liq_nautilus.nautilus.live.feeds.symbols import FUNDING
from liq_nautilus.nautilus.live.feeds.symbols import MARK_PRICES
from liq_nautilus.nautilus.live.feeds.symbols import OKX
from liq_nautilus.nautilus.live.feeds.symbols import OPEN_INTEREST
from liq_nautilus.nautilus.live.feeds.symbols import dialects
from liq_nautilus.nautilus.live.feeds.symbols import order_feed
from liq_nautilus.nautilus.live.feeds.symbols import order_topic
from liq_nautilus.nautilus.live.feeds.symbols import symbol_of
from liq_nautilus.nautilus.live.sources import binance
from liq_nautilus.nautilus.live.sources import bybit
from liq_nautilus.nautilus.live.sources import okx
from liq_nautilus.nautilus.types import LiquidationCompleteness
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Coroutine

    from nautilus_trader.cache.cache import Cache
    from nautilus_trader.common.component import LiveClock
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.data.messages import RequestBars
    from nautilus_trader.data.messages import RequestData
    from nautilus_trader.data.messages import RequestFundingRates
    from nautilus_trader.data.messages import SubscribeData
    from nautilus_trader.data.messages import SubscribeFundingRates
    from nautilus_trader.data.messages import SubscribeMarkPrices
    from nautilus_trader.data.messages import UnsubscribeData
    from nautilus_trader.data.messages import UnsubscribeFundingRates
    from nautilus_trader.data.messages import UnsubscribeMarkPrices
    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.data import BarType
    from nautilus_trader.model.data import DataType

    from liq_nautilus.nautilus.live.feeds.health import HealthBoard
    from liq_nautilus.nautilus.live.live_config import LiquidationDataClientConfig
    from liq_nautilus.nautilus.live.sources.messages import MarkPriceReading

CLIENT_ID: Final = "LIQUIDATIONS"
_CHECK_SECS: Final = 1.0
# Multiples of it, wrapped, fill an interval evenly.
_GOLDEN: Final = 0.6180339887498949
# Published by components of a node, whoever is asked for it.
_OF_THE_NODE: Final = (FeedStatus, LiquidationCompleteness)


class LiquidationDataClient(LiveMarketDataClient):
    """
    Open interest, forced orders, mark prices, settled funding and missing bars, without keys.

    Subscriptions are the usual ones: `OpenInterest` and `LiquidationOrder` as custom data, funding
    rates and mark prices. Forced orders of Bybit are those of its instruments, such as
    BTCUSDT-LINEAR.BYBIT. Requests give the history of open interest, funding and bars. What becomes
    of a feed is published as `FeedStatus`.

    A bare `DataType` names no instrument, so that its subscriptions last as long as the node.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        Where everything runs.
    name : str
        The client's id.
    config : LiquidationDataClientConfig
        The settings.
    msgbus : MessageBus
        The message bus.
    cache : Cache
        The cache.
    clock : LiveClock
        The clock.

    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: LiquidationDataClientConfig,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(name),
            venue=None,
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=InstrumentProvider(),
            config=config,
        )
        self._settings = config
        sizes: dict[str, float] = {}
        self._intake = Intake(
            self._handle_data,
            clock.timestamp_ns,
            self._log.warning,
            config.tolerance_secs,
            {
                BINANCE: binance.parse_message,
                BYBIT: bybit.parse_message,
                OKX: partial(okx.parse_message, contracts=sizes),
            },
        )
        rest_of_okx = RestClient(config.base_url_okx_http, clock.timestamp_ns)
        self._contracts = Contracts(rest_of_okx, self._intake.note_failure, sizes)
        # Which symbols a topic is heard for.
        self._heard_for: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        rest = RestClient(config.base_url_http, clock.timestamp_ns)
        self._fetcher = Fetcher(rest, self._intake.next_ns, self._intake.note_failure)
        self._poller = Poller(self._fetcher, clock.timestamp_ns, self._intake.note_failure)
        self._polls: dict[str, asyncio.Task[Any]] = {}
        self._connections = {
            venue: Connection(loop, dialect, self._listener(venue))
            for venue, dialect in dialects(config).items()
        }

    @property
    def health(self) -> HealthBoard:
        """How each feed does."""
        return self._intake.health

    @property
    def predicted(self) -> dict[str, MarkPriceReading]:
        """Per symbol the newest mark price, with the announced funding rate."""
        return self._intake.predicted

    @property
    def fetcher(self) -> Fetcher:
        """What the venue's REST interface knows."""
        return self._fetcher

    # -- Life -------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        self._spawn("health", self._watch)
        if self._settings.guarded_bars:
            self._guard_bars(self._settings.guarded_bars)

    async def _disconnect(self) -> None:
        for poll in self._polls.values():
            poll.cancel()
        await asyncio.gather(*self._polls.values(), return_exceptions=True)
        self._polls.clear()
        for connection in self._connections.values():
            await connection.close()

    def _listener(self, venue: str) -> Listener:
        def on_change(reason: str, *, stands: bool) -> None:
            (self._log.info if stands else self._log.warning)(f"{venue}: {reason}")
            self._intake.on_connection(venue, reason, stands=stands)

        return Listener(
            on_message=lambda raw: self._intake.take_message(venue, raw),
            on_change=on_change,
            log=self._log.warning,
        )

    def _spawn(self, name: str, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if name not in self._polls:
            # Ended with the client, and by name; Nautilus would warn of each.
            self._polls[name] = self._loop.create_task(begin(), name=name)

    def _end(self, name: str) -> None:
        poll = self._polls.pop(name, None)
        if poll is not None:
            poll.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_SECS)
            for connection in self._connections.values():
                connection.check()
            self._intake.check()

    # -- Subscriptions ----------------------------------------------------------------------------

    def subscribed_custom_data(self) -> list[DataType]:
        """Return what is subscribed for one instrument by its metadata."""
        # The engine would hold back a bare type's second instrument, which this client knows apart.
        return [kind for kind in super().subscribed_custom_data() if kind.metadata]

    async def _subscribe(self, command: SubscribeData) -> None:
        instrument_id, kind = _instrument_id(command), command.data_type.type
        if kind is OpenInterest and instrument_id is not None:
            self._follow_open_interest(instrument_id)
        elif kind is LiquidationOrder and instrument_id is not None:
            await self._hear_orders(instrument_id)
        elif kind not in _OF_THE_NODE:
            self._log.error(
                f"{self.id} must be asked for OpenInterest or LiquidationOrder of one instrument, "
                f"was asked for {command.data_type}"
            )

    async def _unsubscribe(self, command: UnsubscribeData) -> None:
        instrument_id = _instrument_id(command)
        if instrument_id is None:
            return
        symbol = symbol_of(instrument_id)
        if command.data_type.type is OpenInterest:
            self._end(f"{OPEN_INTEREST} {symbol}")
        elif command.data_type.type is LiquidationOrder:
            venue = instrument_id.venue.value
            topic = order_topic(venue, symbol)
            wanted = self._heard_for[venue, topic]
            wanted.discard(symbol)
            if not wanted:
                await self._connections[venue].unsubscribe(topic)

    async def _hear_orders(self, instrument_id: InstrumentId) -> None:
        venue, symbol = instrument_id.venue.value, symbol_of(instrument_id)
        if venue == OKX and not await self._contracts.want(symbol):
            self._log.warning(f"{venue} has no {instrument_id.symbol}: {symbol} is heard elsewhere")
            return
        self._intake.expect(order_feed(venue), instrument_id)
        topic = order_topic(venue, symbol)
        self._heard_for[venue, topic].add(symbol)
        await self._connections[venue].subscribe(topic)

    async def _subscribe_mark_prices(self, command: SubscribeMarkPrices) -> None:
        self._intake.marked.add(symbol_of(command.instrument_id))
        await self._follow_marks(command.instrument_id)

    async def _unsubscribe_mark_prices(self, command: UnsubscribeMarkPrices) -> None:
        # The stream goes on: it says when funding is settled, and that the connection stands.
        self._intake.marked.discard(symbol_of(command.instrument_id))

    async def _subscribe_funding_rates(self, command: SubscribeFundingRates) -> None:
        self._follow_funding(command.instrument_id)
        await self._follow_marks(command.instrument_id)

    async def _unsubscribe_funding_rates(self, command: UnsubscribeFundingRates) -> None:
        self._end(f"{FUNDING} {symbol_of(command.instrument_id)}")

    async def _follow_marks(self, instrument_id: InstrumentId) -> None:
        symbol = self._intake.expect(MARK_PRICES, instrument_id, 1.0)
        await self._connections[BINANCE].subscribe(binance.mark_price_stream(symbol))

    def _follow_open_interest(self, instrument_id: InstrumentId) -> None:
        interval = self._settings.open_interest_secs
        symbol = self._intake.expect(OPEN_INTEREST, instrument_id, interval)
        # However many there will be, they lie apart.
        phase = (len(self._polls) + 1) * _GOLDEN % 1.0
        self._spawn(
            f"{OPEN_INTEREST} {symbol}",
            lambda: self._poller.open_interest(
                symbol, interval, lambda reading: self._intake.take(BINANCE, reading), phase
            ),
        )

    def _follow_funding(self, instrument_id: InstrumentId) -> None:
        symbol = self._intake.expect(FUNDING, instrument_id)

        def next_funding_ns() -> int:
            reading = self.predicted.get(symbol)
            return 0 if reading is None else reading.next_funding_ns

        self._spawn(
            f"{FUNDING} {symbol}",
            lambda: self._poller.funding(
                symbol,
                next_funding_ns,
                lambda funding: self._intake.take_funding(funding, instrument_id),
            ),
        )

    def _guard_bars(self, bar_types: list[BarType]) -> None:
        guard = BarGuard(bar_types, self._settings.bar_grace_secs, self._clock.timestamp_ns())

        def see(bar: Bar) -> None:
            guard.see(bar)
            self._intake.see_bar(bar)

        for bar_type in bar_types:
            self._intake.expect(BARS, bar_type.instrument_id, length_ns(bar_type) / SECOND_NS)
            self._msgbus.subscribe(f"data.bars.{bar_type}", see)
        self._spawn(BARS, lambda: self._poller.bars(guard, self._intake.take_bars))

    # -- Requests ---------------------------------------------------------------------------------

    async def _request(self, request: RequestData) -> None:
        instrument_id = _instrument_id(request)
        if request.data_type.type is not OpenInterest or instrument_id is None:
            self._log.error(f"{self.id} has history of OpenInterest only, not {request.data_type}")
            return
        span, stamp = self._span(request), self._intake.next_ns
        readings = await self._fetcher.open_interest_history(symbol_of(instrument_id), *span)
        data = [open_interest_of(reading, instrument_id, stamp()) for reading in readings]
        self._handle_data_response(
            request.data_type, data, request.id, request.start, request.end, request.params
        )

    async def _request_funding_rates(self, request: RequestFundingRates) -> None:
        instrument_id, stamp = request.instrument_id, self._intake.next_ns
        settled = await self._fetcher.funding(symbol_of(instrument_id), *self._span(request))
        updates = [funding_update(funding, instrument_id, stamp()) for funding in settled]
        self._handle_funding_rates(
            instrument_id, updates, request.id, request.start, request.end, request.params
        )

    async def _request_bars(self, request: RequestBars) -> None:
        bars = await self._fetcher.bars(request.bar_type, *self._span(request))
        self._handle_bars(
            request.bar_type, bars, request.id, request.start, request.end, request.params
        )

    def _span(self, request: RequestData) -> tuple[int, int]:
        end = self._clock.timestamp_ns() if request.end is None else request.end.value
        return (end - DAY_NS if request.start is None else request.start.value), end


class LiquidationDataClientFactory(LiveDataClientFactory):
    """Makes a `LiquidationDataClient` for a node's configuration."""

    @staticmethod
    def create(  # type: ignore[override, unused-ignore] # Nautilus narrows the configuration too
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: LiquidationDataClientConfig,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> LiquidationDataClient:
        """Return the client; the arguments are those of `LiveDataClientFactory.create`."""
        return LiquidationDataClient(loop, name, config, msgbus, cache, clock)


def _instrument_id(message: Any) -> InstrumentId | None:  # noqa: ANN401 - a command or a request
    if message.instrument_id is not None:
        return message.instrument_id
    named = (message.data_type.metadata or {}).get("instrument_id")
    return None if named is None else InstrumentId.from_str(str(named))
