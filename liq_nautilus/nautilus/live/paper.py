"""The paper exchange: Nautilus's sandbox, which settles funding and liquidates as backtests do."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
from nautilus_trader.adapters.sandbox.execution import SandboxExecutionClient
from nautilus_trader.execution.engine import ExecutionEngine
from nautilus_trader.live.factories import LiveExecClientFactory

from liq_nautilus.nautilus.backtest.settlement import Settlement
from liq_nautilus.nautilus.config import SettlementConfig  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    import asyncio

    from nautilus_trader.cache.cache import Cache
    from nautilus_trader.common.component import LiveClock
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.live.execution_engine import LiveExecutionEngine
    from nautilus_trader.model.data import Bar
    from nautilus_trader.portfolio.base import PortfolioFacade

_PRIORITY: Final = 50
_ENDPOINT: Final = "ExecEngine.process"


class PaperExecutionClientConfig(SandboxExecutionClientConfig, frozen=True, kw_only=True):
    """
    The settings of the paper exchange: the sandbox's, and what is settled.

    Parameters
    ----------
    settlement : SettlementConfig
        Funding, liquidation, margin and fees, as in backtests.

    """

    settlement: SettlementConfig


class PaperExecutionClient(SandboxExecutionClient):  # type: ignore[misc, unused-ignore]
    """
    Nautilus's sandbox with the settlement that backtests have.

    The sandbox takes no simulation modules, though its exchange does: the module is loaded into the
    exchange as the exchange itself would have done it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        portfolio: PortfolioFacade,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
        config: PaperExecutionClientConfig,
    ) -> None:
        super().__init__(loop, portfolio, msgbus, cache, clock, config)
        self.settlement = Settlement(config.settlement)
        self.settlement.register_base(
            portfolio=portfolio, msgbus=msgbus, cache=cache, clock=self.test_clock
        )
        self.settlement.register_venue(self.exchange)
        self.exchange.modules.append(self.settlement)

    def connect(self) -> None:
        """Connect, and hear bars too: their topic names the venue otherwise than all others do."""
        super().connect()
        # Before strategies: what the venue does at a moment comes first, as in backtests.
        self._msgbus.subscribe("data.bars.*", handler=self._on_bar, priority=_PRIORITY)

    def _on_bar(self, bar: Bar) -> None:
        if bar.bar_type.instrument_id.venue == self.venue:
            self.on_data(bar)

    def on_data(self, data: object) -> None:
        """Move the venue's clock to a datum before it is matched."""
        ts = getattr(data, "ts_init", None)
        # The sandbox's clock stands still at 1970, and what is settled would be stamped with it.
        if ts is not None and ts > self.test_clock.timestamp_ns():
            self.test_clock.set_time(ts)
        super().on_data(data)


def settle_at_once(msgbus: MessageBus, engine: LiveExecutionEngine) -> None:
    """
    Let the engine take what the paper exchange reports at once, as it does in backtests.

    Through its queue the exchange would see a filled entry's position too late: it refused the
    entry's stop, which may only reduce a position, for want of one.
    """
    msgbus.deregister(_ENDPOINT, engine.process)
    msgbus.register(_ENDPOINT, lambda event: ExecutionEngine.process(engine, event))


def paper_factory(portfolio: PortfolioFacade) -> type[LiveExecClientFactory]:
    """Return what makes the paper exchange of a node with the given portfolio."""

    # Nautilus hands the portfolio to its own sandbox's factory alone.
    class PaperExecutionClientFactory(LiveExecClientFactory):  # type: ignore[misc, unused-ignore]
        @staticmethod
        def create(  # type: ignore[override, unused-ignore] # Nautilus narrows it too
            loop: asyncio.AbstractEventLoop,
            name: str,
            config: PaperExecutionClientConfig,
            msgbus: MessageBus,
            cache: Cache,
            clock: LiveClock,
        ) -> PaperExecutionClient:
            return PaperExecutionClient(loop, portfolio, msgbus, cache, clock, config)

    return PaperExecutionClientFactory
