"""The strategy as it runs on a node: warm at once, and taking over what is already open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liq_nautilus.nautilus.strategy import LiquidationStrategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.model.data import Bar

    from liq_nautilus.nautilus.config import LiquidationStrategyConfig


class LiveLiquidationStrategy(LiquidationStrategy):
    """
    `LiquidationStrategy` with the bars before the start, and with an open position taken over.

    Parameters
    ----------
    config : LiquidationStrategyConfig
        The settings; nothing is traded on bars before `trade_from_ns`.

    """

    def __init__(self, config: LiquidationStrategyConfig) -> None:
        super().__init__(config)
        self._history: Sequence[Bar] = ()

    def prepare(self, history: Sequence[Bar]) -> None:
        """Give the bars before the start, oldest first; they are taken in at the start."""
        self._history = history

    def on_start(self) -> None:
        """Subscribe, take in history and take over what is open."""
        super().on_start()
        if self._instrument is None:
            return
        # The paper exchange fills at the next price: with trades that is at once.
        self.subscribe_trade_ticks(self._settings.instrument_id)
        for bar in self._history:
            for indicator in (self._fast, self._slow, self._range):
                indicator.handle_bar(bar)
            # No order: what had to be done then was then to be done.
            if self.indicators_initialized():
                self._follow_trend(bar)
        self._history = ()
        self._take_over()

    def _take_over(self) -> None:
        positions = self.cache.positions_open(
            instrument_id=self._settings.instrument_id, strategy_id=self.id
        )
        for position in positions:
            self._side = 1 if position.is_long else -1
            self.log.warning(f"{position} was open at the start and is taken over")
            if not self.cache.orders_open(instrument_id=position.instrument_id):
                self.log.warning("It has no stop any more: it is closed")
                self._flatten()
