"""The way of the price through a bar: orders matched and positions liquidated in its order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

from liq_nautilus.core.exchange.forced_close import is_reached
from liq_nautilus.core.exchange.forced_close import to_grid
from liq_nautilus.nautilus.backtest.exchange import BarPrices
from liq_nautilus.nautilus.backtest.exchange import match_bar
from liq_nautilus.nautilus.backtest.venue.liquidator import worse
from liq_nautilus.nautilus.backtest.venue.resting_orders import TRAILING
from liq_nautilus.nautilus.backtest.venue.resting_orders import expire_due
from liq_nautilus.nautilus.backtest.venue.resting_orders import expire_unaffordable
from liq_nautilus.nautilus.backtest.venue.resting_orders import is_due
from liq_nautilus.nautilus.backtest.venue.resting_orders import level_of
from liq_nautilus.times import MILLISECOND_NS

if TYPE_CHECKING:
    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.objects import Price
    from nautilus_trader.model.objects import Quantity
    from nautilus_trader.model.orders import Order

    from liq_nautilus.nautilus.backtest.venue.liquidator import Liquidator
    from liq_nautilus.nautilus.backtest.venue.margin_account import Holding
    from liq_nautilus.nautilus.backtest.venue.margin_account import MarginAccount
    from liq_nautilus.nautilus.backtest.venue.market_prices import MarketPrices
    from liq_nautilus.nautilus.backtest.venue.order_checks import OrderChecks
    from liq_nautilus.nautilus.backtest.venue.order_gate import OrderGate
    from liq_nautilus.nautilus.backtest.venue.path_record import PathRecords

# Far more than there are orders and positions in one leg: a guard, not a limit.
_MOST_STEPS: Final = 10_000


class _Point(NamedTuple):
    # Last and mark price at a corner of the path.
    last: float
    mark: float


class Venue(NamedTuple):
    """
    The parts of a simulated venue that a bar moves.

    Attributes
    ----------
    exchange : SimulatedExchange
        Nautilus's own.
    account : MarginAccount
        Its positions.
    gate : OrderGate
        Orders on their way.
    checks : OrderChecks or None
        What is refused.
    liquidator : Liquidator or None
        Who is liquidated; None: nobody.
    records : PathRecords
        Where prices went.

    """

    exchange: SimulatedExchange
    account: MarginAccount
    gate: OrderGate
    checks: OrderChecks | None
    liquidator: Liquidator | None
    records: PathRecords


class BarWalk:
    """
    Moves a venue along bars.

    From a bar four prices are known and not their order. It is taken to be the worse one for what
    is open: the low first for a long position, the high first for a short one, unless an order adds
    to it on the way to the other; without a position the high first where buy orders wait (a fill
    is then followed by the low, not by the high), the low first where sell orders do, else what
    lies nearer. Between two of the four prices each order and each liquidation price is met in its
    place. Mark prices go along in proportion.

    Parameters
    ----------
    venue : Venue
        What is moved.

    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def walk(self, bar: Bar, prices: MarketPrices) -> None:
        """Move along a bar."""
        ts = bar.ts_init
        if self._is_quiet(bar, prices, ts):
            close = bar.close
            instrument_id = prices.instrument.id
            self._note_quiet(bar, instrument_id)
            flat = BarPrices(close, close, close, close, bar.volume)
            match_bar(self._venue.exchange, instrument_id, flat, ts)
            prices.set_last(close.as_double(), ts)
            prices.bar_ns = ts
            return
        _Walk(self._venue, bar, prices).go()

    def _note_quiet(self, bar: Bar, instrument_id: InstrumentId) -> None:
        # The worse of the two extremes comes first.
        sides = [
            holding.side * holding.quantity
            for holding in self._venue.account.holdings(instrument_id).values()
        ]
        if sides:
            record = self._venue.records.of(instrument_id)
            record.begin()
            ends = (bar.low, bar.high) if sum(sides) > 0.0 else (bar.high, bar.low)
            for price in (bar.open, *ends):
                record.reach(price.as_double(), bar.ts_init)

    def _is_quiet(self, bar: Bar, prices: MarketPrices, ts: int) -> bool:
        # Whether the bar meets no order and no liquidation price.
        venue, instrument_id = self._venue, prices.instrument.id
        if venue.gate.is_waiting(instrument_id):
            return False
        orders = venue.exchange.get_open_orders(instrument_id)
        holdings = venue.account.holdings(instrument_id)
        if not orders and not holdings:
            prices.take_mark_path()
            return True
        low, high = bar.low.as_double(), bar.high.as_double()
        if orders:
            way = (min(low, prices.last), max(high, prices.last))
            if not all(_is_outside(order, prices.last, way, ts) for order in orders):
                return False
        if venue.liquidator is None:
            return True
        path, awaited = prices.mark_path(), prices.awaited_mark(ts)
        if path is not None:
            low, high = path.low, path.high
        elif awaited is not None:
            low = high = awaited
        for holding in holdings.values():
            trigger = venue.liquidator.trigger(holding, ts)
            if is_reached(holding.side, worse(holding.side, low, high), trigger):
                return False
        prices.take_mark_path()
        return True


class _Walk:
    # One bar on its way.

    def __init__(self, venue: Venue, bar: Bar, prices: MarketPrices) -> None:
        self._venue = venue
        self._bar = bar
        self._prices = prices
        self._id: InstrumentId = prices.instrument.id
        self._ts = bar.ts_init
        self._volume: Quantity = bar.volume
        self._at = float(bar.open.as_double())
        self._tick = float(prices.instrument.price_increment.as_double())
        self._record = venue.records.of(self._id)

    def go(self) -> None:
        bar, prices, gate = self._bar, self._prices, self._venue.gate
        ts_open = bar.ts_event + MILLISECOND_NS - prices.interval_ns
        expire_due(self._venue.exchange, self._orders(), ts_open)
        marks = self._marks()
        start = _Point(self._at, marks[0])
        # What the price jumped over between two bars.
        self._judge_all(start)
        self._record.begin()
        before = prices.last
        prices.set_last(self._at, self._ts)
        self._expire_unaffordable(before, self._at)
        self._match(bar.open)
        if gate.is_waiting(self._id):
            gate.release_at_open(self._id, self._at, ts_open, self._ts)
            self._venue.exchange.process(self._ts)
        self._record.reach(self._at, self._ts)
        # Of a bar in which an order's time is over only the open is known to come before.
        expire_due(self._venue.exchange, self._orders(), self._ts)
        low = _Point(bar.low.as_double(), marks[2])
        high = _Point(bar.high.as_double(), marks[1])
        corners = (low, high) if self._is_low_first() else (high, low)
        for point in (*corners, _Point(bar.close.as_double(), marks[3])):
            self._leg(start, point)
            start = point
        prices.set_last(self._at, self._ts)
        prices.bar_ns = self._ts
        gate.release(self._id, self._at, self._ts, self._ts)

    def _marks(self) -> tuple[float, float, float, float]:
        # Mark prices at open, high, low and close; the last prices where there are none.
        bar, prices = self._bar, self._prices
        path = prices.take_mark_path()
        if path is not None:
            return (path.open, path.high, path.low, prices.mark_at(self._ts))
        awaited = prices.awaited_mark(self._ts)
        if awaited is not None:
            # Those of this bar are still to come and are judged then.
            return (awaited, awaited, awaited, awaited)
        return (
            bar.open.as_double(),
            bar.high.as_double(),
            bar.low.as_double(),
            bar.close.as_double(),
        )

    def _is_low_first(self) -> bool:
        sides = {holding.side for holding in self._holdings()}
        if len(sides) == 1:
            side = sides.pop()
            return (side > 0) != self._meets_addition(side)
        buys = [order.is_buy for order in self._orders()]
        if buys and not any(buys):
            return True
        if buys and all(buys):
            return False
        # Both ways: what lies nearer is taken to come first.
        bar, at = self._bar, self._at
        return bool(at - bar.low.as_double() < bar.high.as_double() - at)

    def _meets_addition(self, side: int) -> bool:
        # Whether an order adds to a position on the way to the better extreme: what it adds would
        # then go along to the worse one.
        better = worse(-side, self._bar.low.as_double(), self._bar.high.as_double())
        return any(
            order.is_buy == (side > 0)
            and not order.is_reduce_only
            and side * (level_of(order) - self._at) > 0.0
            and side * (better - level_of(order)) >= 0.0
            for order in self._orders()
        )

    def _leg(self, start: _Point, end: _Point) -> None:
        for _ in range(_MOST_STEPS):
            level, due = self._next_level(start, end)
            self._move_to(level)
            for holding in due:
                self._liquidate(holding, start, end)
            self._record.reach(self._at, self._ts)
            if level == end.last and not due:
                return

    def _next_level(self, start: _Point, end: _Point) -> tuple[float, list[Holding]]:
        # The nearest price at which something happens, and whose liquidation price it is.
        level = end.last
        for order in self._orders():
            price = level_of(order)
            if self._at < price < level or level < price < self._at:
                level = price
        due: list[Holding] = []
        for holding, price in self._triggers(start, end):
            if abs(price - self._at) < abs(level - self._at):
                level, due = price, []
            if price == level:
                due.append(holding)
        return level, due

    def _triggers(self, start: _Point, end: _Point) -> list[tuple[Holding, float]]:
        # Of positions liquidated on the rest of this leg: the last price at which they are.
        liquidator = self._venue.liquidator
        if liquidator is None:
            return []
        found = []
        for holding in self._holdings():
            trigger = liquidator.trigger(holding, self._ts)
            if is_reached(holding.side, end.mark, trigger):
                found.append((holding, self._last_at(holding.side, trigger, start, end)))
        return found

    def _last_at(self, side: int, mark: float, start: _Point, end: _Point) -> float:
        # The last price when the mark price is somewhere on the leg; where it was there already,
        # the present one.
        if end.mark == start.mark:
            return self._at
        share = (mark - start.mark) / (end.mark - start.mark)
        price = to_grid(start.last + share * (end.last - start.last), side, self._tick)
        lowest, highest = sorted((self._at, end.last))
        return min(max(price, lowest), highest)

    def _mark_at(self, start: _Point, end: _Point) -> float:
        if end.last == start.last:
            return end.mark
        share = (self._at - start.last) / (end.last - start.last)
        return start.mark + share * (end.mark - start.mark)

    def _liquidate(self, holding: Holding, start: _Point, end: _Point) -> None:
        # An order at this very price may have changed or closed the position.
        liquidator = self._venue.liquidator
        if liquidator is None or holding not in self._holdings():
            return
        side, trigger = holding.side, liquidator.trigger(holding, self._ts)
        is_due = is_reached(side, end.mark, trigger)
        if is_due and self._last_at(side, trigger, start, end) == self._at:
            reached = worse(side, self._mark_at(start, end), trigger)
            liquidator.liquidate(holding, worse(side, reached, self._at), self._ts)

    def _judge_all(self, point: _Point) -> None:
        liquidator = self._venue.liquidator
        if liquidator is None:
            return
        for holding in self._holdings():
            liquidator.judge(holding, point.mark, point.last, self._ts)

    def _move_to(self, level: float) -> None:
        if level == self._at:
            return
        self._prices.set_last(level, self._ts)
        self._expire_unaffordable(self._at, level)
        self._match(self._prices.instrument.make_price(level))
        self._at = level

    def _match(self, price: Price) -> None:
        # One price at a time: of a bar that rises Nautilus goes through the low after the high, and
        # what an order brings about at the high (its target, a trailing stop) would be met there.
        here = BarPrices(price, price, price, price, self._volume)
        match_bar(self._venue.exchange, self._id, here, self._ts)

    def _expire_unaffordable(self, start: float, end: float) -> None:
        venue = self._venue
        expire_unaffordable(venue.exchange, venue.checks, self._orders(), (start, end), self._ts)

    def _orders(self) -> list[Order]:
        orders: list[Order] = self._venue.exchange.get_open_orders(self._id)
        return orders

    def _holdings(self) -> list[Holding]:
        return list(self._venue.account.holdings(self._id).values())


def _is_outside(order: Order, last: float, way: tuple[float, float], ts: int) -> bool:
    # What was sent before any price may be met by the first one wherever it lies.
    if order.order_type in TRAILING or is_due(order, ts) or math.isnan(last):
        return False
    return not way[0] <= level_of(order) <= way[1]
