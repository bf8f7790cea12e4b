"""What a venue would publish of a simulated market: orders, trades, bars and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from liq_nautilus.market.bar_series import Bars
from liq_nautilus.market.bar_series import bars_of_trades
from liq_nautilus.market.bar_series import price_bars
from liq_nautilus.market.liquidation_series import LiquidationOrders
from liq_nautilus.market.liquidation_series import LiquidationVolumes
from liq_nautilus.market.liquidation_series import draw_orders
from liq_nautilus.market.liquidation_series import largest_per_second
from liq_nautilus.market.liquidation_series import volumes
from liq_nautilus.market.metrics import STAMP_MINUTES
from liq_nautilus.market.metrics import Metrics
from liq_nautilus.market.metrics import measure
from liq_nautilus.market.record import MarketRecord
from liq_nautilus.market.trade_series import Trades
from liq_nautilus.market.trade_series import draw_trades


@dataclass(frozen=True, eq=False)
class SimulatedMarket(MarketRecord):
    """A simulated market's record with what a venue would have published of it."""

    @cached_property
    def liquidation_orders(self) -> LiquidationOrders:
        """Every forced order, by time."""
        return draw_orders(self)

    @cached_property
    def reported_orders(self) -> LiquidationOrders:
        """The forced orders a venue shows: the largest of each second."""
        return largest_per_second(self.liquidation_orders)

    def liquidation_volume(self, minutes: int = 60) -> LiquidationVolumes:
        """Return the liquidated notional of every interval of some minutes, per side."""
        return volumes(self.liquidation_orders, self.start_ns, self.end_ns, minutes)

    @cached_property
    def under_reporting(self) -> float:
        """Liquidated over reported quantity."""
        shown = self.reported_orders.quantity.sum()
        return float(self.liquidation_orders.quantity.sum() / shown) if shown > 0.0 else 1.0

    @cached_property
    def trades(self) -> Trades:
        """Every trade, by time."""
        return draw_trades(self, self.liquidation_orders)

    def bars(self, minutes: int = 1) -> Bars:
        """Return the bars of the trades."""
        return bars_of_trades(self.trades, self.start_ns, self.end_ns, minutes)

    def mark_bars(self, minutes: int = 1) -> Bars:
        """Return the bars of the mark price, without volume."""
        return price_bars(self, self.trace.mark_price, minutes)

    def index_bars(self, minutes: int = 1) -> Bars:
        """Return the bars of the index price, without volume."""
        return price_bars(self, self.trace.index_price, minutes)

    def premium_bars(self, minutes: int = 1) -> Bars:
        """Return the bars of the last over the index price less 1."""
        premium = self.trace.last_price / self.trace.index_price - 1.0
        return price_bars(self, premium, minutes)

    @cached_property
    def metrics(self) -> Metrics:
        """Open interest and ratios at every fifth minute."""
        return measure(self, self.bars(STAMP_MINUTES))
