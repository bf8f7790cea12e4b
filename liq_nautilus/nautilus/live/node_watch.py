"""From a running node to the terminal, once a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
from rich import get_console
from rich.live import Live

from liq_nautilus.core.exchange.margin import isolated_liquidation_price
from liq_nautilus.nautilus.live.feeds.symbols import symbol_of
from liq_nautilus.nautilus.live.telling.terminal import FeedLine
from liq_nautilus.nautilus.live.telling.terminal import Holding
from liq_nautilus.nautilus.live.telling.terminal import SymbolView
from liq_nautilus.nautilus.live.telling.terminal import near_levels
from liq_nautilus.nautilus.live.telling.terminal import render

if TYPE_CHECKING:
    from nautilus_trader.model.position import Position
    from rich.console import Console
    from rich.console import RenderableType

    from liq_nautilus.nautilus.live.node import LiveNode

_REFRESH_SECS: Final = 1.0
# How far from the price levels are shown, as a fraction of it.
_NEAR: Final = 0.03
# Of the forecast, where none is published.
_HORIZON: Final = "4h"
_FINE: Final = ("passed", "filled")


class NodeWatch:
    """
    Shows a node.

    Parameters
    ----------
    node : LiveNode
        What is shown.
    console : Console, optional
        Where; the terminal by default.

    """

    def __init__(self, node: LiveNode, console: Console | None = None) -> None:
        self._node = node
        self._console = console

    async def run(self) -> None:
        """Draw the screen anew each second, until cancelled."""
        with Live(self.screen(), console=self._console, screen=True, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(_REFRESH_SECS)
                live.update(self.screen(), refresh=True)

    def screen(self) -> RenderableType:
        """Return what the node looks like now."""
        node = self._node
        views = [self.view(symbol) for symbol in node.options.symbols]
        where = "BINANCE, REAL MONEY" if node.is_live else "paper"
        errors = ", ".join(f"{n} {name}" for name, n in sorted(node.client.health.n.items()) if n)
        head = [f"{where}: balance {self._balance():,.2f} USDT; {errors or 'no errors'}"]
        if node.alerts is not None:
            head.append(f"alerts: {node.alerts.n_sent} told, {node.alerts.n_failed} failed")
            head += node.alerts.newest
        return render(views, head, (self._console or get_console()).width)

    def view(self, symbol: str) -> SymbolView:
        """Return what there is to be seen of a symbol."""
        tracker = self._node.actors[symbol].tracker
        hours = tracker.parameters.signal_horizon_hours
        levels = []
        if tracker.reference_price > 0.0:
            found = tracker.levels(price_range=_NEAR)
            levels = near_levels(found, tracker.volatility(hours), _NEAR)
        return SymbolView(
            symbol,
            tracker.reference_price,
            levels,
            hours,
            tracker.signal(),
            tracker.forecast(self._horizon(symbol)),
            self._holding(symbol),
            self._feeds(symbol),
        )

    def _horizon(self, symbol: str) -> str:
        published = self._node.actors[symbol].config.publish_forecasts
        return published[0] if published else _HORIZON

    def _feeds(self, symbol: str) -> list[FeedLine]:
        now = self._node.node.kernel.clock.timestamp_ns()
        return [
            FeedLine(
                health.feed,
                health.condition,
                health.age_secs(now),
                sum(n for what, n in health.n.items() if what not in _FINE),
                health.n_gaps,
            )
            for health in self._node.client.health
            if health.symbol == symbol
        ]

    def _holding(self, symbol: str) -> Holding | None:
        kernel = self._node.node.kernel
        for position in kernel.cache.positions_open():
            if symbol_of(position.instrument_id) == symbol:
                price = self._node.actors[symbol].tracker.reference_price
                notional = float(abs(position.signed_qty)) * price
                gain = kernel.portfolio.unrealized_pnl(position.instrument_id)
                balance = self._balance()
                return Holding(
                    float(position.signed_qty),
                    float(position.avg_px_open),
                    0.0 if gain is None else gain.as_double(),
                    notional / balance if balance > 0.0 else 0.0,
                    self._liquidation_price(symbol, position),
                )
        return None

    def _liquidation_price(self, symbol: str, position: Position) -> float:
        quantity = np.array([abs(float(position.signed_qty))])
        side = np.array([1 if position.is_long else -1], dtype=np.int8)
        price = isolated_liquidation_price(
            np.array([float(position.avg_px_open)]),
            np.array([float(self._node.options.leverage)]),
            side,
            quantity,
            self._node.actors[symbol].tracker.brackets,
        )
        return float(price[0])

    def _balance(self) -> float:
        accounts = self._node.node.kernel.cache.accounts()
        totals = (total for account in accounts for total in account.balances_total().values())
        return sum(float(total.as_double()) for total in totals)
