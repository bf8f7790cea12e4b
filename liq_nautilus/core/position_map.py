"""The open positions of all models, moved by bars, trades, open interest and funding."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.exchange.contracts import ContractUnits
from liq_nautilus.core.kernels.arguments import Bars
from liq_nautilus.core.kernels.arguments import Prediction
from liq_nautilus.core.kernels.arguments import Progress
from liq_nautilus.core.kernels.arguments import Trailing
from liq_nautilus.core.levels import shown_bucket_size
from liq_nautilus.core.models.binance_standard import BinanceStandard
from liq_nautilus.core.models.ensemble import Ensemble
from liq_nautilus.core.models.funding_adjusted import FundingAdjusted
from liq_nautilus.core.models.liquidation_map import LiquidationMap
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.trailing import TrailingRate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.exchange.brackets import BracketTable
    from liq_nautilus.core.models.base import ExposureModel
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

    # The arguments of `LiquidationTracker.on_bar`.
    type BarValues = tuple[float, float, float, float, int, int, str, float]

# Of the price: no shown bucket is finer, so that levels stay few.
_FINEST_BUCKET = 2e-5
# A bucket is set anew where the price is fewer or more of them.
_PRICE_IN_BUCKETS = (150.0, 7_000.0)
# The column of bars with the volume.
_VOLUME = 4


class PositionMap:
    """
    What all models hold, and the price they last saw.

    Parameters
    ----------
    parameters : TrackerParameters
        What is assumed.
    brackets : BracketTable
        The symbol's brackets.

    Attributes
    ----------
    models : tuple of ExposureModel
        The models.
    ensemble : Ensemble
        Their weighted mean.
    price : float
        The current price: the mark price where it comes, else the last; NaN before any.
    units : ContractUnits
        Turns contracts into base units and back.
    scale : ndarray of shape (2,)
        What swept longs and shorts count in what is predicted.
    turnover, variance : TrailingRate
        Of open interest (as a fraction) and of the log price, of late.

    """

    def __init__(self, parameters: TrackerParameters, brackets: BracketTable) -> None:
        self._parameters = p = parameters
        self._symbol = brackets.symbol
        self._trade_map = LiquidationMap(p, brackets)
        self.models: tuple[ExposureModel, ...] = (
            BinanceStandard(p, brackets),
            FundingAdjusted(p, brackets),
            self._trade_map,
        )
        self.ensemble = Ensemble(self.models, p.model_weights, p.disagreement)
        self._books = self.ensemble.books
        self.turnover = TrailingRate()
        self.variance = TrailingRate()
        self.price = math.nan
        self._marks_until = 0
        self._bucket_size = p.bucket_size
        self.units = ContractUnits(brackets.symbol)
        self.scale = np.ones(2)

    @property
    def has_price(self) -> bool:
        """Whether any price is known."""
        return not math.isnan(self.price)

    @property
    def open_interest(self) -> float:
        """The open interest seen last (quote, at the current price); NaN before any."""
        held = self._books.open_interest
        return held * self.units.worth(self.price) if held > 0.0 else math.nan

    @property
    def bucket_size(self) -> float:
        """The width of a shown bucket (quote); NaN before any price."""
        if self._bucket_size is None:
            return math.nan
        # However wide the prices are, they fall into a bounded number of buckets.
        return max(self._bucket_size, _FINEST_BUCKET * self.price)

    @property
    def turnover_per_hour(self) -> float:
        """The fraction of open interest turned over per hour lately (at 25x); a default before."""
        rate = self.turnover.per_hour
        return self._parameters.turnover_per_hour if math.isnan(rate) else rate

    def volatility_over(self, hours: float) -> float:
        """Return the standard deviation of the log return over some hours; NaN before any bar."""
        return math.sqrt(self.variance.per_hour * hours)

    def set_price(self, price: float) -> None:
        """Take over a price (quote per base unit, > 0) without a path to it."""
        self.price = price
        self.units.note_price(price)
        self._renew_bucket()
        self._books.set_price(price)

    def _renew_bucket(self) -> None:
        # Where the price has left the size behind: the first one may have been wrong, too.
        lowest, highest = _PRICE_IN_BUCKETS
        size = self._bucket_size
        is_set = size is not None and lowest <= self.price / size <= highest
        if self._parameters.bucket_size is None and not is_set:
            self._bucket_size = shown_bucket_size(self._symbol, self.price)

    def set_brackets(self, table: BracketTable) -> None:
        """Let other brackets apply from now on; whom they leave short of margin is liquidated."""
        for model in self.models:
            model.set_brackets(table)
        if self.has_price:
            self._books.clip()

    def take_bars(self, bars: Bars, ts: int) -> tuple[int, list[tuple[FloatArray, int]]]:
        """
        Let bars move the price, sweep what their paths crossed and turn positions over.

        Parameters
        ----------
        bars : Bars
            In the order in which they came.
        ts : int
            The newest time before (UTC ns).

        Returns
        -------
        tuple of int and list
            The newest time, and for each spell of five minutes the notional (quote, longs and
            shorts) that was swept according to the ensemble and its last time (UTC ns).

        """
        n = len(bars.values)
        if not self.has_price:
            self.set_price(float(bars.values[0, 3]))
        if self.units.is_coin_margined:
            bars.values[:, _VOLUME] = self.units.base_units(bars.values[:, _VOLUME])
        notional, until = np.zeros((n, 2)), np.empty(n, dtype=np.int64)
        trailing = Trailing(self.variance.sums, self.turnover.sums)
        now = Progress(0, 0, ts, self._marks_until, 0.0, self.price)
        while now.n_bars < n:
            # What is swept of large trades changes what they count.
            stop = now.n_bars + 1 if self._trade_map.opened > 0.0 else n
            unit_price = self.units.unit_price
            prediction = Prediction(self._swept_scales(), notional, until, unit_price)
            part = Bars(bars.values[:stop], bars.times)
            now = self._books.advance(part, now, trailing, prediction)
            self.price = now.price
            if now.n_bars < stop:
                self._books.set_price(float(bars.values[now.n_bars, 3]))
        self._marks_until = now.marks_until
        self._renew_bucket()
        return now.ts, [(notional[i], int(until[i])) for i in range(now.n_spells)]

    def take_trades(
        self, prices: FloatArray, quantities: FloatArray, taker_sides: SideArray
    ) -> None:
        """
        Let large trades open positions.

        Parameters
        ----------
        prices, quantities : ndarray of shape (n,)
            Quote per base unit; base quantity, of COIN-M symbols contracts.
        taker_sides : ndarray of shape (n,)
            +1 buy, -1 sell.

        """
        if self.units.is_coin_margined and prices.size:
            self.units.note_price(float(prices[-1]))
            quantities = self.units.base_units(quantities)
        worth = self.units.unit_price or prices
        large = worth * quantities >= self._parameters.large_trade_notional
        if not large.any():
            return
        if not self.has_price:
            self.set_price(float(prices[-1]))
        sides, sizes = taker_sides[large], quantities[large]
        amounts = np.stack(
            [np.where(sides == LONG, sizes, 0.0), np.where(sides == SHORT, sizes, 0.0)]
        )
        self._trade_map.on_large_trades(prices[large], amounts)
        self._books.clip()

    def take_open_interest(self, contracts: float, *, begins_anew: bool = False) -> None:
        """
        Open or close positions as open interest changed.

        Parameters
        ----------
        contracts : float
            Base quantity or contracts, >= 0.
        begins_anew : bool
            Whether what was said before is no measure, as if this came first.

        """
        self._books.set_open_interest(self.units.base_units(contracts), begins_anew=begins_anew)

    def take_funding(self, rate: float) -> None:
        """Let a settled funding rate (fraction; positive: longs pay) drain or feed margins."""
        for model in self.models:
            model.on_funding(rate)
        self._books.clip()

    def set_data_quality(self, quality: float) -> None:
        """Say how complete and fresh the data is, in [0, 1]."""
        for model in (*self.models, self.ensemble):
            model.set_data_quality(quality)

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {
            "models": {model.model_name: model.state() for model in self.models},
            "ensemble": self.ensemble.state(),
            "turnover": self.turnover.state(),
            "variance": self.variance.state(),
            "price": self.price,
            "marks_until": self._marks_until,
            "bucket_size": self._bucket_size,
            "first_price": self.units.first_price,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        for model in self.models:
            model.restore(state["models"][model.model_name])
        self.ensemble.restore(state["ensemble"])
        self.set_data_quality(state["ensemble"]["data_quality"])
        self.turnover.restore(state["turnover"])
        self.variance.restore(state["variance"])
        self.price = float(state["price"])
        self._marks_until = int(state["marks_until"])
        self._bucket_size = state["bucket_size"]
        self.units.first_price = state["first_price"]

    def _swept_scales(self) -> FloatArray:
        # What swept longs and shorts of each model count in what is predicted.
        scales: FloatArray = self.ensemble.weighing().scales[:, None] * self.scale
        return scales


def checked_bars(bars: Sequence[BarValues]) -> tuple[Bars, list[int]]:
    """
    Return bars as arrays, and when those of last prices closed (UTC ns).

    Parameters
    ----------
    bars : sequence of tuple
        The arguments of `LiquidationTracker.on_bar`, each.

    Raises
    ------
    ValueError
        If the prices of one are not positive and finite, or not between low and high.

    """
    # Flat arrays of the standard library are filled several times as fast as numpy's.
    values, moments, closes = array("d"), array("q"), []
    for open_, high, low, close, ts_open, ts_close, kind, volume in bars:
        is_mark = kind == "mark"
        values.extend((open_, high, low, close, volume, is_mark))
        moments.extend((ts_open, ts_close))
        if not is_mark:
            closes.append(ts_close)
    rows = np.frombuffer(values).reshape(-1, 6)
    wrong = kernels.first_wrong_bar(rows)
    if wrong >= 0:
        msg = (
            f"a bar must have 0 < low <= open, close <= high, was {tuple(rows[wrong, :4].tolist())}"
        )
        raise ValueError(msg)
    return Bars(rows, np.frombuffer(moments, dtype=np.int64).reshape(-1, 2)), closes
