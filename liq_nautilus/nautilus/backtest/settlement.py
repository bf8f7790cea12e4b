"""
Funding and liquidation in backtests: a simulation module of the venue.

NautilusTrader 1.x settles no funding and liquidates nobody. This module does both, from the same
data the strategies see: `FundingRateUpdate`, mark prices (`MarkPriceBar`, `MarkPriceUpdate`) and,
where there are none, last prices.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.objects import Money

from liq_nautilus.core.brackets import brackets_of
from liq_nautilus.core.forced_close import OpenPosition
from liq_nautilus.core.forced_close import backing
from liq_nautilus.core.forced_close import forced_close
from liq_nautilus.core.forced_close import trigger_price
from liq_nautilus.json_files import read_json
from liq_nautilus.nautilus.backtest.exchange import FUNDING
from liq_nautilus.nautilus.backtest.exchange import adjust_account
from liq_nautilus.nautilus.backtest.exchange import close_by_force
from liq_nautilus.nautilus.backtest.exchange import funding_adjustment
from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.core.data import Data
    from nautilus_trader.model.data import FundingRateUpdate
    from nautilus_trader.model.data import MarkPriceUpdate
    from nautilus_trader.model.events import PositionEvent
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.identifiers import PositionId
    from nautilus_trader.model.position import Position

    from liq_nautilus.core.brackets import BracketTable
    from liq_nautilus.nautilus.config import SettlementConfig
    from liq_nautilus.nautilus.types import MarkPriceBar

# Before strategies and actors: what the venue does to a position at a moment comes first.
_PRIORITY: Final = 100


class Settlement(SimulationModule):
    """
    Settles funding and liquidates positions at the venue it is loaded into.

    Funding is settled once per instrument and settlement hour, for the positions open when the
    update comes: an order sent on that very update is too late. The price is the last mark price,
    or the last price where no mark price came. It moves the account's balance and the positions'
    realised P&L alike, and stands in the account's events (``info["reason"] == "funding"``) and in
    the positions' adjustments.

    Liquidation compares the mark price's path since the last bar (or the bar itself where no mark
    price came) with each position's liquidation price. A bar that opens beyond it is judged before
    the bar's orders are matched, the rest after them, since a stop nearer than the liquidation
    price is reached first. A position that was opened within the bar is judged by its close. The
    position is closed by an order tagged ``liquidation``, its commission being the clearance fee;
    open orders of the instrument are cancelled first. A loss never exceeds what backs the position.

    Parameters
    ----------
    config : SettlementConfig
        The settings.

    Raises
    ------
    SettingError
        If the brackets file cannot be read.

    """

    def __init__(self, config: SettlementConfig) -> None:
        super().__init__(config)
        self._settings = config
        self._document = _read_brackets(config.brackets_path)
        self._clear()

    def _clear(self) -> None:
        self._positions: dict[InstrumentId, dict[PositionId, Position]] = {}
        self._paid: dict[PositionId, float] = {}
        # Under isolated margin a trigger stays until the position or its margin changes.
        self._triggers: dict[PositionId, float] = {}
        self._settled_hour: dict[InstrumentId, int] = {}
        self._last: dict[InstrumentId, float] = {}
        self._mark: dict[InstrumentId, float] = {}
        # Open, high and low of the mark prices since the last bar.
        self._mark_path: dict[InstrumentId, tuple[float, float, float]] = {}
        self._has_bars: set[InstrumentId] = set()
        self._tables: dict[InstrumentId, BracketTable] = {}
        self._n_settlements = 0
        self._n_liquidations = 0

    def register_venue(self, exchange: SimulatedExchange) -> None:
        """Follow what the venue's instruments and positions do."""
        super().register_venue(exchange)
        for topic, handler in (
            ("events.position.*", self._on_position),
            (f"data.funding_rates.{exchange.id}.*", self._on_funding),
            (f"data.mark_prices.{exchange.id}.*", self._on_mark_price),
            ("data.MarkPriceBar*", self._on_mark_bar),
            ("data.bars.*", self._on_bar_matched),
        ):
            self.msgbus.subscribe(topic=topic, handler=handler, priority=_PRIORITY)

    def pre_process(self, data: Data) -> None:
        """Take the last price, and liquidate what a jump went past before orders are matched."""
        if isinstance(data, Bar):
            instrument_id = data.bar_type.instrument_id
            positions = self._positions.get(instrument_id)
            if positions:
                path = self._mark_path.get(instrument_id)
                first = path[0] if path else data.open.as_double()
                self._liquidate(instrument_id, positions, first, first, first, data.ts_init)
        elif isinstance(data, TradeTick):
            self._last[data.instrument_id] = data.price.as_double()
            if data.instrument_id not in self._mark:
                self._judge_tick(data.instrument_id, data.price.as_double(), data.ts_init)

    def process(self, ts_now: int) -> None:
        """Do nothing: all happens when data comes."""

    def log_diagnostics(self, logger: Any) -> None:  # noqa: ANN401 - a Nautilus logger
        """Say what was settled."""
        logger.info(f"{self._n_settlements} funding payments, {self._n_liquidations} liquidations")

    def reset(self) -> None:
        """Forget everything."""
        self._clear()

    # -- What is followed -------------------------------------------------------------------------

    def _on_position(self, event: PositionEvent) -> None:
        if event.instrument_id.venue != self.exchange.id:
            return
        positions = self._positions.setdefault(event.instrument_id, {})
        position = self.exchange.cache.position(event.position_id)
        self._triggers.pop(event.position_id, None)
        if position is None or position.is_closed:
            positions.pop(event.position_id, None)
            self._paid.pop(event.position_id, None)
            return
        positions[event.position_id] = position

    def _on_mark_price(self, update: MarkPriceUpdate) -> None:
        price = update.value.as_double()
        self._extend_path(update.instrument_id, price, price, price, price)
        self._judge_tick(update.instrument_id, price, update.ts_init)

    def _on_mark_bar(self, bar: MarkPriceBar) -> None:
        self._extend_path(bar.instrument_id, bar.open, bar.high, bar.low, bar.close)

    def _extend_path(
        self, instrument_id: InstrumentId, first: float, high: float, low: float, last: float
    ) -> None:
        self._mark[instrument_id] = last
        path = self._mark_path.get(instrument_id)
        if path is not None:
            first, high, low = path[0], max(path[1], high), min(path[2], low)
        self._mark_path[instrument_id] = (first, high, low)

    def _on_bar_matched(self, bar: Bar) -> None:
        # Comes after the venue matched the bar's orders and before any strategy sees the bar.
        instrument_id = bar.bar_type.instrument_id
        self._has_bars.add(instrument_id)
        self._last[instrument_id] = bar.close.as_double()
        path = self._mark_path.pop(instrument_id, None)
        positions = self._positions.get(instrument_id)
        if not positions:
            return
        if path is None:
            path = (bar.open.as_double(), bar.high.as_double(), bar.low.as_double())
        self._liquidate(instrument_id, positions, *path, bar.ts_init)

    def _judge_tick(self, instrument_id: InstrumentId, price: float, ts: int) -> None:
        positions = self._positions.get(instrument_id)
        if positions and instrument_id not in self._has_bars:
            self._liquidate(instrument_id, positions, price, price, price, ts)

    # -- Funding ----------------------------------------------------------------------------------

    def _on_funding(self, update: FundingRateUpdate) -> None:
        if not self._settings.funding:
            return
        hour = self._settlement_hour(update)
        if hour is None or self._settled_hour.get(update.instrument_id, -1) >= hour:
            return
        self._settled_hour[update.instrument_id] = hour
        for position in list(self._positions.get(update.instrument_id, {}).values()):
            self._settle_funding(position, update)

    def _settlement_hour(self, update: FundingRateUpdate) -> int | None:
        # The hour an update settles; None for a rate that is only announced in between.
        hour, after_ns = divmod(update.ts_event, HOUR_NS)
        if after_ns > self._settings.settlement_tolerance_secs * SECOND_NS:
            return None
        interval = update.interval
        if interval and (hour * 60) % interval != 0:
            return None
        return int(hour)

    def _settle_funding(self, position: Position, update: FundingRateUpdate) -> None:
        instrument_id = update.instrument_id
        price = self._mark.get(instrument_id, self._last.get(instrument_id))
        if price is None:
            return
        instrument = self.exchange.instruments[instrument_id]
        notional = instrument.notional_value(position.quantity, instrument.make_price(price))
        side = 1 if position.is_long else -1
        amount = Money(-side * notional.as_decimal() * Decimal(update.rate), notional.currency)
        info = {
            "reason": FUNDING,
            "instrument_id": str(instrument_id),
            "position_id": str(position.id),
            "rate": str(update.rate),
            "price": price,
            "quantity": str(position.quantity),
            "amount": str(amount.as_decimal()),
        }
        adjust_account(self.exchange, amount, update.ts_init, info)
        position.apply_adjustment(funding_adjustment(position, amount, update))
        self._paid[position.id] = self._paid.get(position.id, 0.0) - amount.as_double()
        self._triggers.pop(position.id, None)
        self._n_settlements += 1

    # -- Liquidation ------------------------------------------------------------------------------

    def _liquidate(
        self,
        instrument_id: InstrumentId,
        positions: dict[PositionId, Position],
        first: float,
        high: float,
        low: float,
        ts: int,
    ) -> None:
        instrument = self.exchange.instruments[instrument_id]
        # The margin of inverse contracts is held in the base currency, which needs other formulas.
        if not self._settings.liquidation or instrument.is_inverse:
            return
        for position in list(positions.values()):
            extreme = low if position.is_long else high
            start = first
            if position.ts_opened == ts:
                start = extreme = self._last.get(instrument_id, first)
            if self._is_safe(position, extreme, ts):
                continue
            state = self._state(position, ts)
            closing = forced_close(
                state,
                backing(state, self._others(position, ts), self._cross_balance(position)),
                start,
                extreme,
                self._settings.clearance_fee_rate,
                instrument.price_increment.as_double(),
            )
            if closing is not None:
                self._n_liquidations += 1
                name = f"LIQUIDATION-{self._n_liquidations}"
                close_by_force(self.exchange, position, closing, ts, name)

    def _is_safe(self, position: Position, extreme: float, ts: int) -> bool:
        # Saves the whole reckoning on nearly every bar; under cross margin the balance decides too.
        if self._settings.margin == "cross":
            return False
        trigger = self._triggers.get(position.id)
        if trigger is None:
            state = self._state(position, ts)
            trigger = self._triggers[position.id] = trigger_price(state, state.margin)
        return bool(extreme > trigger if position.is_long else extreme < trigger)

    def _state(self, position: Position, ts: int) -> OpenPosition:
        instrument_id = position.instrument_id
        quantity, entry = position.quantity.as_double(), position.avg_px_open
        leverage = float(self.exchange.get_account().leverage(instrument_id))
        mark = self._mark.get(instrument_id, self._last.get(instrument_id, entry))
        return OpenPosition(
            side=1 if position.is_long else -1,
            quantity=quantity,
            entry_price=entry,
            mark_price=mark,
            margin=quantity * entry / leverage - self._paid.get(position.id, 0.0),
            table=self._table(instrument_id, ts),
        )

    def _others(self, position: Position, ts: int) -> list[OpenPosition]:
        if self._settings.margin == "isolated":
            return []
        return [
            self._state(other, ts)
            for positions in self._positions.values()
            for other in positions.values()
            if other.id != position.id
        ]

    def _cross_balance(self, position: Position) -> float | None:
        if self._settings.margin == "isolated":
            return None
        balance = self.exchange.get_account().balance_total(position.settlement_currency)
        return float(balance.as_double())

    def _table(self, instrument_id: InstrumentId, ts: int) -> BracketTable:
        table = self._tables.get(instrument_id)
        if table is None:
            symbol = binance_symbol(instrument_id)
            table = self._tables[instrument_id] = brackets_of(symbol, ts, self._document)
        return table


def _read_brackets(path: str | None) -> object | None:
    if path is None:
        return None
    document: object = read_json(Path(path), "brackets_path")
    return document
