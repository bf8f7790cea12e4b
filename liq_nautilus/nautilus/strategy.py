"""A plain trend-following strategy whose entries the liquidation signals gate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from nautilus_trader.indicators import AverageTrueRange
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.indicators import MovingAverageType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.trading.strategy import Strategy

from liq_nautilus.core.records import REVERSAL_OPPORTUNITY
from liq_nautilus.nautilus.consumer import SignalConsumer
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from nautilus_trader.core.data import Data
    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.events import PositionEvent
    from nautilus_trader.model.identifiers import ClientOrderId

    from liq_nautilus.nautilus.config import LiquidationStrategyConfig
    from liq_nautilus.nautilus.types import LiquidationSignal

# Tags of entries: the rule's carry the crossing's time, by which two runs are compared.
TREND: Final = "trend"
REVERSAL: Final = "reversal"


class LiquidationStrategy(Strategy):
    """
    Follow the crossing of two averages, once per crossing, unless the signals say otherwise.

    The rule, which alone is the baseline: when the fast exponential average of closes crosses the
    slow one, a position in the new direction is opened at the market within `patience` bars, with
    stop and take-profit as a bracket; it is closed when the averages cross back. The quantity is
    such that the stop costs `risk_fraction` of equity.

    With signals: no entry under AVOID and WAIT (it is made up for when they end within the
    patience, else it is gone), on request smaller positions at higher risk and stops beyond
    clusters. On request, on REVERSAL_OPPORTUNITY a position against the cascade is opened, after
    closing one with it, with stop, take-profit and a time limit.

    Parameters
    ----------
    config : LiquidationStrategyConfig
        The settings.

    """

    def __init__(self, config: LiquidationStrategyConfig) -> None:
        super().__init__(config)
        self._settings = config
        self._fast = ExponentialMovingAverage(config.fast_period)
        self._slow = ExponentialMovingAverage(config.slow_period)
        # Of a plain mean Nautilus would take in the whole period again at every bar.
        self._range = AverageTrueRange(config.range_period, MovingAverageType.EXPONENTIAL)
        # Set in `on_start`, before any order.
        self._instrument: Any = None
        self._signals: SignalConsumer | None = None
        self._clear()

    def _clear(self) -> None:
        self._side = 0
        self._trend = 0
        self._crossing_ns = 0
        self._n_since_crossing = 0
        self._is_trend_used = True
        self._entry_id: ClientOrderId | None = None
        self._close_at_ns: int | None = None
        self._reversed_ns = 0
        self.n_refused = 0

    def on_start(self) -> None:
        """Subscribe; without an instrument say so and stop."""
        config = self._settings
        self._instrument = self.cache.instrument(config.instrument_id)
        if self._instrument is None:
            self.log.error(f"The instrument {config.instrument_id} must be in the cache; stopping")
            self.stop()
            return
        for indicator in (self._fast, self._slow, self._range):
            self.register_indicator_for_bars(config.bar_type, indicator)
        self.subscribe_bars(config.bar_type)
        if config.use_signals:
            self._signals = SignalConsumer(
                self,
                config.instrument_id,
                max_age_secs=config.max_signal_age_secs,
                avoid_distance=config.avoid_distance,
                on_signal=self.on_liquidation_signal,
                follows_map=config.place_stops,
            )

    def on_stop(self) -> None:
        """Cancel what is open and close the position."""
        if self._signals is not None:
            self._signals.stop()
        self._flatten()

    def on_reset(self) -> None:
        """Forget everything."""
        for indicator in (self._fast, self._slow, self._range):
            indicator.reset()
        self._clear()

    def on_data(self, data: Data) -> None:
        """Take no data but bars and signals."""

    # -- The rule ---------------------------------------------------------------------------------

    def on_bar(self, bar: Bar) -> None:
        """Look for a crossing, an entry still to be made and a time limit that is over."""
        if not self.indicators_initialized():
            return
        self._follow_trend(bar)
        now = bar.ts_init
        if now < self._settings.trade_from_ns:
            return
        if self._close_at_ns is not None and now >= self._close_at_ns:
            self._flatten()
        elif not self._is_trend_used and self._is_free():
            self._enter_trend(bar.close.as_double())

    def _follow_trend(self, bar: Bar) -> None:
        trend = 1 if self._fast.value > self._slow.value else -1
        self._n_since_crossing += 1
        if self._n_since_crossing > self._settings.patience:
            self._is_trend_used = True
        if trend == self._trend:
            return
        # The direction found at the first look is no crossing.
        self._is_trend_used = self._trend == 0
        self._trend, self._crossing_ns, self._n_since_crossing = trend, bar.ts_init, 0
        if self._side == -trend and self._close_at_ns is None:
            self._flatten()

    def _enter_trend(self, price: float) -> None:
        if self._signals is not None and not self._signals.may_enter(self._trend, price):
            return
        config = self._settings
        self._is_trend_used = True
        self._enter(
            self._trend,
            price,
            config.stop_multiple,
            config.take_profit_multiple,
            [TREND, str(self._crossing_ns)],
        )

    def on_liquidation_signal(self, signal: LiquidationSignal) -> None:
        """Enter against a cascade; one entry per unbroken REVERSAL_OPPORTUNITY."""
        config = self._settings
        if signal.action != REVERSAL_OPPORTUNITY or not config.trade_reversals:
            self._reversed_ns = 0
            return
        is_early = signal.ts_init < config.trade_from_ns or not self.indicators_initialized()
        if is_early or self._reversed_ns or not self.is_running:
            return
        self._reversed_ns = signal.ts_init
        if self._side == signal.position_side or self._entry_id is not None:
            return
        price = self.cache.bar(config.bar_type).close.as_double()
        self._flatten()
        is_sent = self._enter(
            signal.position_side,
            price,
            config.reversal_stop_multiple,
            config.reversal_take_profit_multiple,
            [REVERSAL, str(signal.ts_init)],
        )
        if is_sent:
            self._close_at_ns = signal.ts_init + round(config.reversal_hold_secs * SECOND_NS)

    # -- Orders -----------------------------------------------------------------------------------

    def _is_free(self) -> bool:
        return self._side == 0 and self._entry_id is None

    def _enter(
        self,
        side: int,
        price: float,
        stop_multiple: float,
        take_profit_multiple: float,
        tags: list[str],
    ) -> bool:
        instrument = self._instrument
        width = self._range.value * math.sqrt(self._settings.fast_period)
        stop = self._placed_stop(side, price, price - side * stop_multiple * width)
        quantity = self._quantity(price, abs(price - stop))
        target = price + side * take_profit_multiple * width
        tick = instrument.price_increment.as_double()
        if quantity is None or min(stop, target) < tick or stop_multiple * width < tick:
            self.n_refused += 1
            return False
        orders = self.order_factory.bracket(
            instrument_id=self._settings.instrument_id,
            order_side=OrderSide.BUY if side > 0 else OrderSide.SELL,
            quantity=quantity,
            sl_trigger_price=instrument.make_price(stop),
            tp_price=instrument.make_price(target),
            tp_post_only=False,
            entry_tags=tags,
            sl_tags=["stop"],
            tp_tags=["take-profit"],
        )
        self._entry_id = orders.first.client_order_id
        self.submit_order_list(orders)
        return True

    def _placed_stop(self, side: int, price: float, stop: float) -> float:
        # Beyond the clusters it lies among, where that is wanted and they are known.
        if self._signals is None or not self._settings.place_stops or stop <= 0.0:
            return stop
        leverage = max(self._settings.max_leverage, 1.0)
        risk = self._signals.position_risk(side, price, stop, leverage)
        return stop if risk is None else risk.stop_placement

    def _share(self) -> float:
        # What a position may risk, as a share of what it may without signals.
        if self._signals is None or not self._settings.scale_by_risk:
            return 1.0
        risk = math.nan if self._signals.last is None else self._signals.last.risk
        return 1.0 if math.isnan(risk) else 1.0 - risk

    def _quantity(self, price: float, stop_distance: float) -> Any:  # noqa: ANN401 - a Quantity or None
        # The size at which the stop costs the risked share, within leverage and venue limits.
        config, instrument = self._settings, self._instrument
        equity = self._equity()
        if equity <= 0.0 or stop_distance <= 0.0:
            return None
        loss, worth = self._per_unit(price, stop_distance)
        size = min(config.risk_fraction * equity / loss, config.max_leverage * equity / worth)
        size *= self._share()
        step = instrument.size_increment.as_double()
        size = math.floor(size / step * (1.0 + 1e-12)) * step
        smallest = instrument.min_quantity.as_double() if instrument.min_quantity else step
        least = instrument.min_notional.as_double() if instrument.min_notional else 0.0
        if size < max(smallest, step) or size * worth < least:
            return None
        return instrument.make_qty(size)

    def _per_unit(self, price: float, stop_distance: float) -> tuple[float, float]:
        # What one unit loses at the stop and what it is worth, in the settlement currency.
        if not self._instrument.is_inverse:
            return stop_distance, price
        # Contracts of so many dollars lose coins; most where the price falls.
        dollars = float(self._instrument.multiplier.as_double())
        lowest = max(price - stop_distance, self._instrument.price_increment.as_double())
        return dollars * (1.0 / lowest - 1.0 / price), dollars / price

    def _equity(self) -> float:
        venue = self._settings.instrument_id.venue
        account = self.portfolio.account(venue)
        currency = self._instrument.settlement_currency
        unrealised = self.portfolio.unrealized_pnls(venue).get(currency)
        total = float(account.balance_total(currency).as_double())
        return total if unrealised is None else total + float(unrealised.as_double())

    def _flatten(self) -> None:
        self._close_at_ns = None
        self.cancel_all_orders(self._settings.instrument_id)
        self.close_all_positions(self._settings.instrument_id, tags=["close"])

    # -- What became of them ----------------------------------------------------------------------

    def on_order_event(self, event: OrderEvent) -> None:
        """Note when the entry order is done."""
        if event.client_order_id == self._entry_id:
            # Of its making an order tells before the cache knows it.
            order = self.cache.order(self._entry_id)
            if order is not None and order.is_closed:
                self._entry_id = None

    def on_position_event(self, event: PositionEvent) -> None:
        """Note the side of the position."""
        position = self.cache.position(event.position_id)
        self._side = 0
        if position is not None and position.is_open:
            self._side = 1 if position.is_long else -1
        elif self._entry_id is None:
            self._close_at_ns = None
