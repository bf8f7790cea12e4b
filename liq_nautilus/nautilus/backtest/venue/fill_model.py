"""What market orders pay beyond the best price: more on a thin book, or while prices move fast."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from nautilus_trader.backtest.config import FillModelConfig
from nautilus_trader.backtest.models import FillModel
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import BookOrder
from nautilus_trader.model.enums import BookType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.enums import OrderType
from nautilus_trader.model.objects import Price
from nautilus_trader.model.objects import Quantity

from liq_nautilus.core.exchange.book_walk import walked_distance
from liq_nautilus.errors import SettingError
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order

    from liq_nautilus.nautilus.types import BookDepth

_UNLIMITED = 1_000_000_000
_LIMIT_TYPES = (OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP_LIMIT)


class SlippageFillModelConfig(FillModelConfig, frozen=True, kw_only=True):
    """
    The settings of a `SlippageFillModel`.

    Parameters
    ----------
    range_share : float
        What a market order pays beyond the best price, as a share of the mean range of recent bars
        (>= 0).
    half_life_bars : float
        Of the mean of ranges (bars, > 0).
    max_depth_age_secs : float
        An order book older than this when the last bar ended is not used (seconds, >= 0).
    random_seed : int
        Nautilus's model draws from Python's own generator, which it would seed anew without one.

    Raises
    ------
    SettingError
        If a value is out of its range.

    """

    range_share: float = 0.05
    half_life_bars: float = 3.0
    max_depth_age_secs: float = 300.0
    random_seed: int = 0

    def __post_init__(self) -> None:
        """Check ranges, also where `parse` was not used."""
        if not self.range_share >= 0.0:
            msg = f"range_share must be at least 0, was {self.range_share:g}"
            raise SettingError(msg)
        if not self.half_life_bars > 0.0:
            msg = f"half_life_bars must be above 0, was {self.half_life_bars:g}"
            raise SettingError(msg)
        if not self.max_depth_age_secs >= 0.0:
            msg = f"max_depth_age_secs must be at least 0, was {self.max_depth_age_secs:g}"
            raise SettingError(msg)


class SlippageFillModel(FillModel):
    """
    Market and stop orders pay a tick beyond the best price, and what they find on the book.

    Where the run is fed `BookDepth`, an order walks the newest one: the depth of each percentage is
    taken to be spread evenly. Where there is none, or it is too old, the order pays a share of the
    recent range instead, which is an assumption: a twentieth of what the price moves within a
    bar, times one plus the root of the order's share in the bar's volume. In a cascade, where
    ranges are ten times the usual, so is what an order pays. Limit orders pay their price.

    Attributes
    ----------
    n_walked, n_assumed : int
        How many orders went by a book, and by the assumption.

    Parameters
    ----------
    config : SlippageFillModelConfig
        The settings.

    """

    def __init__(self, config: SlippageFillModelConfig) -> None:
        super().__init__(config=config)
        self._share = config.range_share
        self._keeps = 0.5 ** (1.0 / config.half_life_bars)
        self._ranges: dict[InstrumentId, float] = {}
        self._volumes: dict[InstrumentId, float] = {}
        self._max_age_ns = round(config.max_depth_age_secs * SECOND_NS)
        self._bar_ns: dict[InstrumentId, int] = {}
        self._depths: dict[InstrumentId, BookDepth] = {}
        self.n_walked = 0
        self.n_assumed = 0

    def note_depth(self, depth: BookDepth) -> None:
        """Take in the sums of an order book."""
        self._depths[depth.instrument_id] = depth

    def note_bar(self, bar: Bar) -> None:
        """Take in a bar that is over."""
        instrument_id = bar.bar_type.instrument_id
        spread = bar.high.as_double() - bar.low.as_double()
        before = self._ranges.get(instrument_id, spread)
        self._ranges[instrument_id] = self._keeps * before + (1.0 - self._keeps) * spread
        self._volumes[instrument_id] = bar.volume.as_double()
        self._bar_ns[instrument_id] = bar.ts_init

    def slippage(self, instrument: Instrument, side: int, quantity: float, price: float) -> float:
        """
        Return what an order pays beyond the best price (quote per base unit).

        Parameters
        ----------
        instrument : Instrument
            What is traded.
        side : int
            +1 to buy, -1 to sell.
        quantity : float
            How much.
        price : float
            The best price (quote per base unit).

        """
        if math.isnan(self._walked(instrument.id, side, quantity)):
            self.n_assumed += 1
        else:
            self.n_walked += 1
        return self.expected_slippage(instrument, side, quantity, price)

    def expected_slippage(
        self, instrument: Instrument, side: int, quantity: float, price: float
    ) -> float:
        """Return what `slippage` does of an order that may never be filled: it is not counted."""
        walked = self._walked(instrument.id, side, quantity)
        if math.isnan(walked):
            return self._assumed(instrument, quantity)
        return float(instrument.price_increment.as_double()) + walked * price

    def _walked(self, instrument_id: InstrumentId, side: int, quantity: float) -> float:
        depth = self._depths.get(instrument_id)
        bar_ns = self._bar_ns.get(instrument_id, 0)
        if depth is None or depth.ts_init < bar_ns - self._max_age_ns or quantity <= 0.0:
            return math.nan
        distance = side * depth.percentage / 100.0
        order = np.argsort(distance)
        order = order[distance[order] > 0.0]
        offered = np.maximum.accumulate(depth.depth[order])
        return walked_distance(distance[order], offered, quantity)

    def _assumed(self, instrument: Instrument, quantity: float) -> float:
        volume = self._volumes.get(instrument.id, 0.0)
        impact = 1.0 + (math.sqrt(quantity / volume) if volume > 0.0 else 0.0)
        tick = float(instrument.price_increment.as_double())
        return tick + self._share * self._ranges.get(instrument.id, 0.0) * impact

    def get_orderbook_for_fill_simulation(
        self, instrument: Instrument, order: Order, best_bid: Price, best_ask: Price
    ) -> OrderBook | None:
        """Return a book with all liquidity at the price the order pays; None for limit orders."""
        if order.order_type in _LIMIT_TYPES:
            return None
        side, best = (1, best_ask) if order.side == OrderSide.BUY else (-1, best_bid)
        slip = self.slippage(instrument, side, order.leaves_qty.as_double(), best.as_double())
        book = OrderBook(instrument_id=instrument.id, book_type=BookType.L2_MBP)
        tick = instrument.price_increment.as_double()
        bid = max(math.floor((best_bid.as_double() - slip) / tick + 1e-9), 1) * tick
        ask = math.ceil((best_ask.as_double() + slip) / tick - 1e-9) * tick
        size = Quantity(_UNLIMITED, instrument.size_precision)
        for number, (side, price) in enumerate(((OrderSide.BUY, bid), (OrderSide.SELL, ask))):
            level = Price(price, instrument.price_precision)
            book.add(BookOrder(side, level, size, number + 1), 0, 0)
        return book
