"""A trading node with the map: built from options, warmed up, run, stopped."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import msgspec
from nautilus_trader.adapters.binance.factories import BinanceLiveDataClientFactory
from nautilus_trader.adapters.binance.factories import BinanceLiveExecClientFactory
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import ClientId

from liq_nautilus.data.kinds.stored import EventOptions
from liq_nautilus.nautilus.catalog.layout import VENUE
from liq_nautilus.nautilus.catalog.layout import bar_type_of
from liq_nautilus.nautilus.config import LiquidationStrategyConfig
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.live.complete_orders import CompleteOrders
from liq_nautilus.nautilus.live.complete_orders import CompleteOrdersConfig
from liq_nautilus.nautilus.live.data_client import CLIENT_ID
from liq_nautilus.nautilus.live.data_client import LiquidationDataClient
from liq_nautilus.nautilus.live.data_client import LiquidationDataClientFactory
from liq_nautilus.nautilus.live.feeds.gate import SequenceGate
from liq_nautilus.nautilus.live.feeds.requests import Backoff
from liq_nautilus.nautilus.live.feeds.requests import RequestError
from liq_nautilus.nautilus.live.feeds.symbols import BYBIT
from liq_nautilus.nautilus.live.feeds.symbols import OKX
from liq_nautilus.nautilus.live.guard import protect
from liq_nautilus.nautilus.live.guard import protect_engine
from liq_nautilus.nautilus.live.live_actor import LiveLiquidationActor
from liq_nautilus.nautilus.live.live_config import LiveLiquidationActorConfig
from liq_nautilus.nautilus.live.live_strategy import LiveLiquidationStrategy
from liq_nautilus.nautilus.live.node_config import client_config
from liq_nautilus.nautilus.live.node_config import node_config
from liq_nautilus.nautilus.live.node_config import parsed
from liq_nautilus.nautilus.live.paper import paper_factory
from liq_nautilus.nautilus.live.paper import settle_at_once
from liq_nautilus.nautilus.live.recording.recorder import Recorder
from liq_nautilus.nautilus.live.recording.recorder import RecorderConfig
from liq_nautilus.nautilus.live.sources.messages import MessageError
from liq_nautilus.nautilus.live.state_file import SavedState
from liq_nautilus.nautilus.live.state_file import write_state
from liq_nautilus.nautilus.live.telling.alert_rules import AlertsConfig
from liq_nautilus.nautilus.live.telling.alerts import Alerts
from liq_nautilus.nautilus.live.warm_start import Past
from liq_nautilus.nautilus.live.warm_start import catalog_past
from liq_nautilus.nautilus.live.warm_start import fetch_past
from liq_nautilus.nautilus.live.warm_start import start_of_past
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Coroutine

    from liq_nautilus.nautilus.live.live_options import LiveOptions

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
# As in backtests, whatever the bar.
_HOURS: Final = {"fast_period": 4.0, "slow_period": 16.0, "range_period": 8.0, "patience": 4.0}
# A node looks at its inputs often: staleness must show in seconds, not minutes.
_STALE_CHECK_SECS: Final = 5.0


class LiveNode:
    """
    A trading node on Binance's futures with our data client, the map and the strategy.

    Parameters
    ----------
    options : LiveOptions
        What it is made of.
    is_live : bool, optional
        Whether orders go to Binance, with the keys BINANCE_API_KEY and
        BINANCE_API_SECRET of the environment; else to the paper exchange.
    loop : asyncio.AbstractEventLoop, optional
        Where it runs.

    Attributes
    ----------
    node : TradingNode
        Nautilus's node.
    client : LiquidationDataClient
        Our data client.
    actors : dict of str to LiveLiquidationActor
        The maps, by symbol.
    strategies : dict of str to LiveLiquidationStrategy
        The strategies, by symbol.
    complete : CompleteOrders or None
        What listens to liquidations of Bybit and OKX.
    recorder : Recorder or None
        What records.
    alerts : Alerts or None
        What tells people.

    """

    def __init__(
        self,
        options: LiveOptions,
        *,
        is_live: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.options = options
        self.is_live = is_live
        self.bar_types = {
            symbol: BarType.from_str(bar_type_of(symbol, options.bar)) for symbol in options.symbols
        }
        self.node = TradingNode(
            node_config(options, list(self.bar_types.values()), is_live=is_live), loop
        )
        factory, made = _capturing_factory()
        self.node.add_data_client_factory(VENUE, BinanceLiveDataClientFactory)
        self.node.add_data_client_factory(CLIENT_ID, factory)
        self.node.add_exec_client_factory(
            VENUE,
            BinanceLiveExecClientFactory if is_live else paper_factory(self.node.kernel.portfolio),
        )
        self.node.build()
        self.client = made[0]
        kernel = self.node.kernel
        self.gate = SequenceGate(
            kernel.msgbus,
            kernel.data_engine.process,
            self.client.health,
            client_config(options, []).tolerance_secs,
            lambda instrument: kernel.cache.instrument(instrument) is not None,
        )
        if not is_live:
            settle_at_once(kernel.msgbus, kernel.exec_engine)
        self.actors = {symbol: self._actor(symbol) for symbol in options.symbols}
        self.strategies = {
            symbol: self._strategy(symbol, number)
            for number, symbol in enumerate(options.symbols, start=1)
            if options.trade
        }
        self.complete = self._complete_orders()
        self.recorder = self._recorder()
        self.alerts = self._alerts()
        self._warming: asyncio.Future[None] | None = None
        self._add_components()

    def run(self, beside: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Warm up and run until stopped; what is to run beside it ends with it."""
        self.node.kernel.loop.run_until_complete(self._run(beside))

    async def _run(self, beside: Callable[[], Coroutine[Any, Any, None]] | None) -> None:
        running = asyncio.ensure_future(self.run_async())
        if beside is not None:
            other = asyncio.ensure_future(beside())
            running.add_done_callback(lambda _: other.cancel())
        await running

    async def run_async(self) -> None:
        """Warm up and run until stopped."""
        warming = self._warming = asyncio.ensure_future(self._warm_up_all())
        loop = asyncio.get_running_loop()
        # Nautilus's own handlers stop a node that runs, and this one does not run yet.
        for number in _SIGNALS:
            loop.add_signal_handler(number, warming.cancel)
        await asyncio.wait([warming])
        stop = self.node.kernel.loop_sig_callback
        for number in _SIGNALS:
            if stop is not None:
                loop.add_signal_handler(number, stop, number)
        if not warming.cancelled():
            warming.result()
            await self.node.run_async()

    async def _warm_up_all(self) -> None:
        for symbol in self.options.symbols:
            await self.warm_up(symbol)
            self._keep_beginning(symbol)

    def _keep_beginning(self, symbol: str) -> None:
        actor, now = self.actors[symbol], self._now()
        actor.begin(now)
        if self.complete is not None:
            # What was measured before, as the map knows it.
            self.complete.completeness[symbol].resume(actor.tracker.shown_parts)
        # A recording replays to the same signals only from the map it began with.
        if self.options.recording is not None:
            folder = Path(self.options.recording.path) / "states"
            write_state(folder / f"{symbol}-{now}.state", SavedState(now, actor.on_save()))

    async def stop_async(self) -> None:
        """Stop trading, save and disconnect; a warm-up is given up."""
        if self._warming is not None:
            self._warming.cancel()
        await self.node.stop_async()

    def dispose(self) -> None:
        """Let go of everything."""
        loop = self.node.kernel.loop
        if not loop.is_running():
            # Nautilus leaves the workers of its components waiting on a loop that it closes.
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.node.dispose()

    async def warm_up(self, symbol: str) -> int:
        """
        Bring a symbol's map to the present and return how much was taken in.

        From the saved state where there is one, else from the catalog; what neither knows is asked
        for at the venue.
        """
        options, actor, now = self.options, self.actors[symbol], self._now()
        start = start_of_past(now, options.warm_up_days)
        strategy_start = now - round(2.0 * _HOURS["slow_period"] * HOUR_NS)
        resumed = actor.resume()
        n = 0
        if resumed is not None:
            start = max(start, resumed)
        elif options.catalog is not None:
            large = actor.tracker.parameters.large_trade_notional
            how = EventOptions(self._delay_ns(symbol), large)
            known = catalog_past(Path(options.catalog), symbol, options.bar, start, now, how)
            n += actor.warm_up(known, max((event.ts_known for event in known), default=start))
            start = max((event.ts_known + 1 for event in known), default=start)
        past = await self._fetch(symbol, start, now)
        n += actor.warm_up(past.events, now)
        if symbol in self.strategies:
            bars = past.bars
            if start > strategy_start:
                bars = (await self._fetch(symbol, strategy_start, now)).bars
            self.strategies[symbol].prepare(bars)
        return n

    async def _fetch(self, symbol: str, start_ns: int, end_ns: int) -> Past:
        fetcher, bars = self.client.fetcher, self.bar_types[symbol]
        backoff = Backoff()
        while True:
            try:
                return await fetch_past(fetcher, bars, start_ns, end_ns, self._delay_ns(symbol))
            except (RequestError, MessageError) as e:
                delay = backoff.next_secs()
                told = f"The past of {symbol} is not known yet, {e}; again in {delay:g} s"
                self.node.kernel.logger.warning(told)
                self.client.health.note_error("failed warm-up", told)
                await asyncio.sleep(delay)

    def _delay_ns(self, symbol: str) -> int:
        delay_secs: float = self.actors[symbol].config.open_interest_delay_secs
        return round(delay_secs * SECOND_NS)

    def _now(self) -> int:
        return int(self.node.kernel.clock.timestamp_ns())

    # -- Components -------------------------------------------------------------------------------

    def _add_components(self) -> None:
        trader, health, kernel = self.node.trader, self.client.health, self.node.kernel
        for engine in (kernel.data_engine, kernel.risk_engine, kernel.exec_engine):
            protect_engine(engine, health, kernel.logger.error)
        if self.recorder is not None:
            trader.add_actor(self.recorder)
        if self.alerts is not None:
            trader.add_actor(self.alerts)
        if self.complete is not None:
            trader.add_actor(self.complete)
        for actor in self.actors.values():
            protect(actor, health)
            trader.add_actor(actor)
        for strategy in self.strategies.values():
            protect(strategy, health)
            trader.add_strategy(strategy)

    def _actor(self, symbol: str) -> LiveLiquidationActor:
        options = self.options
        state = None if options.state is None else str(Path(options.state) / f"{symbol}.state")
        values: dict[str, Any] = {
            "component_id": f"LiquidationActor-{symbol}",
            "instrument_id": str(instrument_id(symbol)),
            "bar_type": str(self.bar_types[symbol]),
            "mark_prices": "updates",
            "liquidations": "orders",
            # A reading is the present: it is known when it comes.
            "open_interest_delay_secs": 0.0,
            "stale_check_secs": _STALE_CHECK_SECS,
            "client_id": CLIENT_ID,
            "state_path": state,
            **options.actor,
        }
        return LiveLiquidationActor(parsed(LiveLiquidationActorConfig, values, "actor"))

    def _strategy(self, symbol: str, number: int) -> LiveLiquidationStrategy:
        length_ns = interval_ns(self.options.bar)
        periods = {name: max(round(h * HOUR_NS / length_ns), 1) for name, h in _HOURS.items()}
        periods["slow_period"] = max(periods["slow_period"], periods["fast_period"] + 1)
        values: dict[str, Any] = {
            "order_id_tag": f"{number:03d}",
            "instrument_id": str(instrument_id(symbol)),
            "bar_type": str(self.bar_types[symbol]),
            "trade_from_ns": self._now(),
            # What is open at the venue for this instrument is the strategy's to close.
            "external_order_claims": [str(instrument_id(symbol))],
            **periods,
            **self.options.strategy,
        }
        return LiveLiquidationStrategy(parsed(LiquidationStrategyConfig, values, "strategy"))

    def _complete_orders(self) -> CompleteOrders | None:
        options = self.options
        wanted = {BYBIT: options.bybit, OKX: options.okx}
        venues = tuple(venue for venue, is_wanted in wanted.items() if is_wanted)
        if not venues:
            return None
        return CompleteOrders(
            CompleteOrdersConfig(
                symbols=tuple(options.symbols), venues=venues, client_id=ClientId(CLIENT_ID)
            )
        )

    def _recorder(self) -> Recorder | None:
        recording = self.options.recording
        if recording is None:
            return None
        values = msgspec.to_builtins(recording)
        return Recorder(parsed(RecorderConfig, values, "recording"))

    def _alerts(self) -> Alerts | None:
        settings = self.options.alerts
        return None if settings is None else Alerts(parsed(AlertsConfig, settings, "alerts"))


def _capturing_factory() -> tuple[type[LiquidationDataClientFactory], list[LiquidationDataClient]]:
    # Nautilus keeps the clients it makes to itself.
    made: list[LiquidationDataClient] = []

    class Factory(LiquidationDataClientFactory):
        @staticmethod
        def create(*args: Any, **kwargs: Any) -> LiquidationDataClient:  # noqa: ANN401 - as Nautilus calls it
            made.append(LiquidationDataClientFactory.create(*args, **kwargs))
            return made[-1]

    return Factory, made
