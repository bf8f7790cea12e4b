"""
Funding and liquidation in backtests: a simulation module of the venue.

NautilusTrader 1.x settles no funding and liquidates nobody. This module does both, from the same
data the strategies see: `FundingRateUpdate`, mark prices (`MarkPriceBar`, `MarkPriceUpdate`) and,
where there are none, last prices.
"""

from __future__ import annotations

import math
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.objects import Money

from liq_nautilus.core.exchange.bracket_source import BracketSource
from liq_nautilus.core.exchange.forced_close import is_reached
from liq_nautilus.json_files import read_json
from liq_nautilus.nautilus.backtest.exchange import FUNDING
from liq_nautilus.nautilus.backtest.exchange import BarPrices
from liq_nautilus.nautilus.backtest.exchange import adjust_account
from liq_nautilus.nautilus.backtest.exchange import funding_adjustment
from liq_nautilus.nautilus.backtest.exchange import match_bar
from liq_nautilus.nautilus.backtest.venue.bar_path import BarWalk
from liq_nautilus.nautilus.backtest.venue.bar_path import Venue
from liq_nautilus.nautilus.backtest.venue.liquidator import Liquidator
from liq_nautilus.nautilus.backtest.venue.liquidator import worse
from liq_nautilus.nautilus.backtest.venue.margin_account import CROSS
from liq_nautilus.nautilus.backtest.venue.margin_account import MarginAccount
from liq_nautilus.nautilus.backtest.venue.market_prices import MarketPrices
from liq_nautilus.nautilus.backtest.venue.market_prices import MarkPiece
from liq_nautilus.nautilus.backtest.venue.order_checks import OrderChecks
from liq_nautilus.nautilus.backtest.venue.order_gate import OrderGate
from liq_nautilus.nautilus.backtest.venue.path_record import PathRecords
from liq_nautilus.nautilus.backtest.venue.path_record import VenueReport
from liq_nautilus.nautilus.backtest.venue.path_record import report_endpoint
from liq_nautilus.nautilus.backtest.venue.resting_orders import expire_due
from liq_nautilus.nautilus.backtest.venue.resting_orders import expire_unaffordable
from liq_nautilus.nautilus.internals import SETTLING
from liq_nautilus.nautilus.internals import check_internals
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.core.data import Data
    from nautilus_trader.model.data import FundingRateUpdate
    from nautilus_trader.model.data import MarkPriceUpdate
    from nautilus_trader.model.events import PositionEvent
    from nautilus_trader.model.identifiers import InstrumentId

    from liq_nautilus.nautilus.backtest.venue.margin_account import Holding
    from liq_nautilus.nautilus.config import SettlementConfig
    from liq_nautilus.nautilus.types import BookDepth
    from liq_nautilus.nautilus.types import MarkPriceBar

# Before strategies and actors: what the venue does to a position at a moment comes first.
_PRIORITY: Final = 100
# Binance stamps a settlement some milliseconds beside its hour, now and then before it.
_EARLY_NS: Final = SECOND_NS


class Settlement(SimulationModule):
    """
    What the venue does to its account: matching along bars, funding, liquidation, refusals.

    Loaded into a venue it takes over from NautilusTrader how bars move the market. The prices of a
    bar are gone through in the order that is worse for what is open, and orders and liquidation
    prices are met in their places (see `BarWalk`). Only the path after a position's last change
    counts, only the finest bars do (coarser ones repeat them), and where trades come bars say
    nothing new. An order sent between two prices waits for the next one (see `OrderGate`).

    Funding is settled once per instrument and settlement hour, for the positions open when the
    update comes: an order sent on that very update is too late. The price is the mark price, or the
    last price where the mark price is too old or none came. It moves the account's balance and the
    positions' realised P&L alike, and stands in the account's events
    (``info["reason"] == "funding"``) and in the positions' adjustments.

    Liquidation compares the mark price with each position's liquidation price; last prices decide
    where no mark prices come. Of a mark bar longer than the bars only the end counts; what happens
    before it is judged by last prices. Open orders are cancelled, then the position is reduced
    bracket by bracket at the market until its margin is met, else the insurance fund takes the rest
    over at the bankruptcy price (see `Liquidator`). A loss never exceeds what backs the position.

    Orders are refused as Binance refuses them: for want of margin, and above the position that the
    leverage allows (see `OrderChecks`).

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
        check_internals(SETTLING)
        self._settings = config
        self._brackets = BracketSource(_read_brackets(config.brackets_path))
        self._max_age_ns = round(config.max_mark_age_secs * SECOND_NS)
        self._prices: dict[InstrumentId, MarketPrices] = {}
        self._settled_hour: defaultdict[InstrumentId, int] = defaultdict(int)
        self._n_settlements = 0

    def register_venue(self, exchange: SimulatedExchange) -> None:
        """Take over what the venue does, and follow its positions."""
        super().register_venue(exchange)
        config = self._settings
        account = MarginAccount(exchange, self._brackets, is_cross=config.margin == CROSS)
        checks = None
        if config.refuse_orders:
            checks = OrderChecks(exchange, account, self._brackets, self._prices_of)
        gate = OrderGate(exchange, checks, self._prices_of)
        liquidator = None
        if config.liquidation:
            rate = config.clearance_fee_rate
            liquidator = Liquidator(exchange, account, gate, self._prices_of, rate)
        self._tables = account.tables
        self._records = PathRecords()
        self._records.attach(self.msgbus, exchange.id)
        self._venue = Venue(exchange, account, gate, checks, liquidator, self._records)
        self._walk = BarWalk(self._venue)
        self.msgbus.register(report_endpoint(exchange.id), self._on_report)
        # A model of ours wants to know how fast prices move, and what the book holds.
        self._note_bar = getattr(exchange.fill_model, "note_bar", None)
        self._note_depth = getattr(exchange.fill_model, "note_depth", None)
        gate.attach(self.msgbus, self.clock.timestamp_ns)
        for topic, handler in (
            ("events.position.*", self._on_position),
            (f"data.funding_rates.{exchange.id}.*", self._on_funding),
            (f"data.mark_prices.{exchange.id}.*", self._on_mark_price),
            ("data.MarkPriceBar*", self._on_mark_bar),
            ("data.BookDepth*", self._on_depth),
        ):
            self.msgbus.subscribe(topic=topic, handler=handler, priority=_PRIORITY)

    def pre_process(self, data: Data) -> None:
        """Move the market along a bar, or see what a trade does before orders are matched."""
        if isinstance(data, Bar):
            self._on_bar(data)
        elif isinstance(data, TradeTick):
            self._on_trade(data)

    def process(self, ts_now: int) -> None:
        """Do nothing: all happens when data comes."""

    def log_diagnostics(self, logger: Any) -> None:  # noqa: ANN401 - a Nautilus logger
        """Say what was settled."""
        liquidator = self._venue.liquidator
        n_liquidations = 0 if liquidator is None else liquidator.n_liquidations
        logger.info(f"{self._n_settlements} funding payments, {n_liquidations} liquidations")
        for table in self._tables.values():
            logger.info(f"brackets of {table.description}")

    def reset(self) -> None:
        """Forget everything."""
        self._prices.clear()
        self._settled_hour.clear()
        self._n_settlements = 0
        self._records.clear()
        self._venue.account.clear()
        self._venue.gate.clear()
        if self._venue.checks is not None:
            self._venue.checks.clear()
        if self._venue.liquidator is not None:
            self._venue.liquidator.clear()

    def _on_report(self, report: VenueReport) -> None:
        # Asked over the message bus, since an engine does not give its modules away.
        report.paths.update(self._records.paths())
        for instrument_id in self.exchange.instruments:
            for holding in self._venue.account.holdings(instrument_id).values():
                report.add_unsettled(holding.position.settlement_currency, holding.mispriced)
        model = self.exchange.fill_model
        report.n_walked = getattr(model, "n_walked", None)
        report.n_assumed = getattr(model, "n_assumed", None)

    # -- Prices -----------------------------------------------------------------------------------

    def _prices_of(self, instrument_id: InstrumentId) -> MarketPrices:
        prices = self._prices.get(instrument_id)
        if prices is None:
            instrument = self.exchange.instruments[instrument_id]
            prices = self._prices[instrument_id] = MarketPrices(instrument, self._max_age_ns)
        return prices

    def _on_bar(self, bar: Bar) -> None:
        bar_type = bar.bar_type
        prices = self._prices_of(bar_type.instrument_id)
        if bar_type != prices.bar_type and not prices.take_bar_type(bar_type):
            return
        if prices.is_tick_driven(bar.ts_event + MILLISECOND_NS - prices.interval_ns):
            # A flat bar at the last price, so that the venue does not go back along this one.
            last = prices.instrument.make_price(prices.last)
            flat = BarPrices(last, last, last, last, bar.volume)
            match_bar(self.exchange, bar_type.instrument_id, flat, bar.ts_init)
            prices.bar_ns = bar.ts_init
            self._records.of(bar_type.instrument_id).begin()
        else:
            self._walk.walk(bar, prices)
        if self._note_bar is not None:
            self._note_bar(bar)

    def _on_trade(self, tick: TradeTick) -> None:
        prices, price, ts = (
            self._prices_of(tick.instrument_id),
            tick.price.as_double(),
            tick.ts_init,
        )
        # Mark prices since the last bar waited for the next one; trades tell its path better.
        for piece in prices.take_pieces():
            self._judge_piece(tick.instrument_id, piece, ts)
        before = prices.last
        prices.set_last(price, ts)
        prices.tick_ns = ts
        orders = self.exchange.get_open_orders(tick.instrument_id)
        if orders:
            expire_due(self.exchange, orders, ts)
            expire_unaffordable(self.exchange, self._venue.checks, orders, (before, price), ts)
        if self._venue.account.holdings(tick.instrument_id):
            self._records.of(tick.instrument_id).trade(price, ts)
        if not prices.has_mark(ts):
            piece = MarkPiece(ts, ts, price, price, price, price)
            self._judge_piece(tick.instrument_id, piece, ts)
        # The venue takes the trade in before it looks at what is sent now.
        self._venue.gate.release(tick.instrument_id, price, ts, ts)

    def _on_mark_price(self, update: MarkPriceUpdate) -> None:
        price, ts = update.value.as_double(), update.ts_init
        piece = MarkPiece(ts, ts, price, price, price, price)
        self._on_mark(update.instrument_id, piece, ts)

    def _on_mark_bar(self, bar: MarkPriceBar) -> None:
        if bar.instrument_id.venue != self.exchange.id:
            return
        ts_open = bar.ts_event + MILLISECOND_NS - interval_ns(bar.interval)
        piece = MarkPiece(ts_open, bar.ts_event, bar.open, bar.high, bar.low, bar.close)
        self._on_mark(bar.instrument_id, piece, bar.ts_init)

    def _on_depth(self, depth: BookDepth) -> None:
        if self._note_depth is not None:
            self._note_depth(depth)

    def _on_mark(self, instrument_id: InstrumentId, piece: MarkPiece, ts: int) -> None:
        prices = self._prices_of(instrument_id)
        is_short = piece.ts_close - piece.ts_open <= prices.interval_ns
        waits = prices.bar_type is not None and prices.tick_ns <= prices.bar_ns < piece.ts_close
        prices.add_mark(piece, is_kept=is_short and waits)
        if not is_short and prices.bar_type is not None:
            # Of what was inside it only its end is known to come after what bars told already.
            end = MarkPiece(piece.ts_close, piece.ts_close, *[piece.close] * 4)
            self._judge_piece(instrument_id, end, ts)
        elif not waits:
            self._judge_piece(instrument_id, piece, ts)

    # -- Positions --------------------------------------------------------------------------------

    def _on_position(self, event: PositionEvent) -> None:
        if event.instrument_id.venue == self.exchange.id:
            self._venue.account.on_position(event)

    def _judge_piece(self, instrument_id: InstrumentId, piece: MarkPiece, ts: int) -> None:
        # Of a piece that a position was opened or changed in only the end is known to come after.
        liquidator = self._venue.liquidator
        if liquidator is None:
            return
        for holding in list(self._venue.account.holdings(instrument_id).values()):
            if holding.changed_ns > piece.ts_close:
                continue
            jumped_to = walked_to = piece.close
            if holding.changed_ns <= piece.ts_open:
                jumped_to, walked_to = piece.open, worse(holding.side, piece.low, piece.high)
            if liquidator.judge(holding, jumped_to, jumped_to, ts):
                continue
            trigger = liquidator.trigger(holding, ts)
            if is_reached(holding.side, walked_to, trigger):
                liquidator.liquidate(holding, trigger, ts)

    # -- Funding ----------------------------------------------------------------------------------

    def _on_funding(self, update: FundingRateUpdate) -> None:
        if not self._settings.funding:
            return
        hour = self._settlement_hour(update)
        if hour is None or hour <= self._settled_hour[update.instrument_id]:
            return
        self._settled_hour[update.instrument_id] = hour
        for holding in list(self._venue.account.holdings(update.instrument_id).values()):
            self._settle_funding(holding, update)

    def _settlement_hour(self, update: FundingRateUpdate) -> int | None:
        # The hour an update settles; None for a rate that is only announced in between.
        hour, after_ns = divmod(update.ts_event + _EARLY_NS, HOUR_NS)
        if after_ns - _EARLY_NS > self._settings.settlement_tolerance_secs * SECOND_NS:
            return None
        interval = update.interval
        if interval and (hour * 60) % interval != 0:
            return None
        return int(hour)

    def _settle_funding(self, holding: Holding, update: FundingRateUpdate) -> None:
        instrument_id, position = update.instrument_id, holding.position
        prices = self._prices_of(instrument_id)
        price = prices.mark_at(update.ts_init)
        if math.isnan(price):
            return
        instrument = prices.instrument
        notional = instrument.notional_value(position.quantity, instrument.make_price(price))
        due = -holding.side * notional.as_decimal() * Decimal(update.rate)
        amount = Money(max(due, -self._payable(holding, price)), notional.currency)
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
        self._venue.account.pay_margin(holding, amount.as_double())
        self._n_settlements += 1

    def _payable(self, holding: Holding, price: float) -> Decimal:
        # Funding is paid out of an isolated margin, as far as that goes.
        if self._venue.account.is_cross or self._venue.liquidator is None:
            return Decimal(math.inf)
        entry = holding.entry
        pnl = holding.contract.pnl(holding.side, holding.quantity, entry, price)
        return Decimal(max(holding.margin + pnl, 0.0))


def _read_brackets(path: str | None) -> object | None:
    if path is None:
        return None
    document: object = read_json(Path(path), "brackets_path")
    return document
