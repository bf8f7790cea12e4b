"""
The state machine over the map: plain numbers in, levels, clusters and signals out.

One tracker per instrument. Inputs must come in the order in which they could be known, which is
what `liq_nautilus.core.feed` is for. Work and memory per update do not grow with the history.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core import view
from liq_nautilus.core.brackets import Bracket
from liq_nautilus.core.brackets import BracketTable
from liq_nautilus.core.grid import grid_around
from liq_nautilus.core.levels import Uncertainty
from liq_nautilus.core.levels import bucket_levels
from liq_nautilus.core.levels import shown_bucket_size
from liq_nautilus.core.models.binance_standard import BinanceStandard
from liq_nautilus.core.models.ensemble import Ensemble
from liq_nautilus.core.models.funding_adjusted import FundingAdjusted
from liq_nautilus.core.models.liquidation_map import LiquidationMap
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.records import Clusters
from liq_nautilus.core.records import Levels
from liq_nautilus.core.records import Signal
from liq_nautilus.core.trailing import TrailingRate
from liq_nautilus.core.watch import Watch
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.grid import Grid
    from liq_nautilus.core.kernels.positions import IndexArray
    from liq_nautilus.core.models.base import ExposureModel
    from liq_nautilus.core.models.ensemble import Weighing
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

    # The arguments of `LiquidationTracker.on_bar`.
    type BarValues = tuple[float, float, float, float, int, int, str, float]

STATE_VERSION = 2
MODEL_NAMES = ("binance_standard", "funding_adjusted", "py_liquidation_map", "ensemble")
_FULL_RANGE = 0.6


class LiquidationTracker:
    """
    Estimate where one instrument's open positions will be liquidated.

    Parameters
    ----------
    parameters : TrackerParameters, optional
        What is assumed.
    brackets : BracketTable, optional
        The symbol's brackets; BTCUSDT's newest by default.

    Attributes
    ----------
    parameters : TrackerParameters
        What is assumed.
    model_names : tuple of str
        The models that `levels` can be asked for.
    ts : int
        The time of the newest input (UTC ns).

    """

    model_names = MODEL_NAMES

    def __init__(
        self,
        parameters: TrackerParameters | None = None,
        *,
        brackets: BracketTable | None = None,
    ) -> None:
        self.parameters = p = TrackerParameters() if parameters is None else parameters
        self.brackets = BracketTable.built_in("BTCUSDT") if brackets is None else brackets
        self._standard = BinanceStandard(p, self.brackets)
        self._adjusted = FundingAdjusted(p, self.brackets)
        self._trade_map = LiquidationMap(p, self.brackets)
        self._models: tuple[ExposureModel, ...] = (
            self._standard,
            self._adjusted,
            self._trade_map,
        )
        self._ensemble = Ensemble(self._models, p.model_weights, p.disagreement)
        self._books = self._ensemble.books
        self._hash = p.params_hash
        self._width = p.grid_bps * 1e-4
        self._scale = np.array([p.liquidation_scale_long, p.liquidation_scale_short])
        # Lumps are of realised notional, levels of open interest: the scale lies between.
        self._uncertainty = Uncertainty(
            p.band_unit_notional / self._scale,
            self._standard.leverages,
            np.array(p.leverage_weight_errors or [1.0] * len(p.leverages)),
            p.band_dispersion,
        )
        self._turnover = TrailingRate(p.volatility_half_life_hours)
        self._rates = np.array(
            [
                p.turnover_rate,
                p.turnover_per_hour,
                math.nan,
                p.volatility_half_life_hours * HOUR_NS,
            ]
        )
        self._watch = Watch(p)
        self._weighing: Weighing | None = None
        self._scales = np.zeros((len(self._models), 2))
        self.ts = 0
        self._price = math.nan
        self._mark_until = 0
        self._contracts = math.nan
        self._bucket = p.bucket_size
        self._rate_data()

    @property
    def reference_price(self) -> float:
        """The current price: the mark price where it comes, else the last; NaN before any."""
        return self._price

    @property
    def bucket_size(self) -> float:
        """The width of a shown bucket (quote); NaN before any price."""
        return math.nan if self._bucket is None else self._bucket

    @property
    def turnover_per_hour(self) -> float:
        """The fraction of open interest turned over per hour lately (at 25x); a default before."""
        rate = self._turnover.per_hour
        return self.parameters.turnover_per_hour if math.isnan(rate) else rate

    def on_bar(
        self,
        open_: float,
        high: float,
        low: float,
        close: float,
        ts_open: int,
        ts_close: int,
        kind: str = "last",
        volume: float = math.nan,
    ) -> None:
        """
        Take in a bar: it moves the price, sweeps levels, turns positions over.

        Parameters
        ----------
        open_, high, low, close : float
            Quote per base unit, > 0.
        ts_open, ts_close : int
            UTC ns.
        kind : {"last", "mark"}
            Mark prices liquidate where they come; last prices tell where was traded.
        volume : float, optional
            Base quantity traded; NaN, or zero while the price moved, when unknown.

        Raises
        ------
        ValueError
            If the prices are not positive and finite, or not between low and high.

        """
        self.on_bars([(open_, high, low, close, ts_open, ts_close, kind, volume)])

    def on_bars(self, bars: Sequence[BarValues]) -> None:
        """
        Take in bars one after another, which is quicker than each by itself and gives the same.

        Parameters
        ----------
        bars : sequence of tuple
            The arguments of `on_bar`, each.

        Raises
        ------
        ValueError
            If the prices of one are wrong; then none is taken in.

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
                "a bar must have 0 < low <= open, close <= high, "
                f"was {tuple(rows[wrong, :4].tolist())}"
            )
            raise ValueError(msg)
        self._watch.note_bars(closes)
        self._advance(rows, np.frombuffer(moments, dtype=np.int64).reshape(-1, 2))

    def on_trades(
        self,
        prices: FloatArray,
        quantities: FloatArray,
        taker_sides: SideArray,
        ts: int,
    ) -> None:
        """
        Take in aggregate trades; the large ones open levels of py_liquidation_map.

        Parameters
        ----------
        prices, quantities : ndarray of shape (n,)
            Quote per base unit; base quantity.
        taker_sides : ndarray of shape (n,)
            +1 buy, -1 sell.
        ts : int
            The time of the last one (UTC ns).

        """
        self.ts = max(self.ts, int(ts))
        large = prices * quantities >= self.parameters.large_trade_notional
        if not large.any():
            return
        if math.isnan(self._price):
            self._set_price(float(prices[-1]))
        sides, sizes = taker_sides[large], quantities[large]
        amounts = np.stack(
            [np.where(sides == LONG, sizes, 0.0), np.where(sides == SHORT, sizes, 0.0)]
        )
        self._trade_map.on_large_trades(prices[large], amounts)
        self._books.clip()

    def on_open_interest(self, contracts: float, notional: float, ts: int) -> None:
        """
        Take in an open interest snapshot and compute clusters and signal anew.

        Parameters
        ----------
        contracts : float
            Base quantity, >= 0.
        notional : float
            Quote; only used to know the price before any bar came. NaN when unknown.
        ts : int
            When it was taken (UTC ns).

        Raises
        ------
        ValueError
            If `contracts` is negative or not finite.

        """
        if not (math.isfinite(contracts) and contracts >= 0.0):
            msg = f"open interest must be finite and at least 0, was {contracts}"
            raise ValueError(msg)
        self.ts = max(self.ts, ts)
        if math.isnan(self._price) and contracts > 0.0 and notional > 0.0:
            self._set_price(notional / contracts)
        self._watch.note_open_interest(contracts, ts, is_used=not math.isnan(self._price))
        if math.isnan(self._price):
            return
        self._contracts = contracts
        self._books.set_open_interest(contracts)
        self._refresh()

    def on_funding(self, rate: float, ts: int) -> None:
        """
        Take in a settled funding rate (fraction; positive: longs pay) and compute anew.

        Raises
        ------
        ValueError
            If the rate is not finite.

        """
        if not math.isfinite(rate):
            msg = f"a funding rate must be finite, was {rate}"
            raise ValueError(msg)
        self.ts = max(self.ts, ts)
        if math.isnan(self._price):
            return
        for model in self._models:
            model.on_funding(rate)
        self._books.clip()
        self._refresh()

    def on_liquidation(
        self, position_side: int, notional: float, ts_from: int, ts_to: int, source: str
    ) -> None:
        """
        Take in realised liquidations.

        Parameters
        ----------
        position_side : int
            +1 long, -1 short.
        notional : float
            Quote.
        ts_from, ts_to : int
            UTC ns; equal for a single order.
        source : {"orders", "bars"}
            Single orders come from a feed that shows `reported_share` of them.

        Raises
        ------
        ValueError
            If the side is neither, or the notional negative or not finite.

        """
        if position_side not in {LONG, SHORT} or not 0.0 <= notional < math.inf:
            msg = (
                "a liquidation must have side +1 or -1 and a finite notional of at least 0, "
                f"was {position_side} and {notional}"
            )
            raise ValueError(msg)
        self.ts = max(self.ts, ts_to)
        share = self.parameters.reported_share if source == "orders" else 1.0
        self._watch.balance.add_realised(position_side, notional / max(share, 1e-9), ts_from, ts_to)

    def on_time(self, ts: int) -> None:
        """Let time pass (UTC ns), so that staleness shows even when nothing arrives."""
        self.ts = max(self.ts, ts)
        self._rate_data()
        self._watch.let_pass(self.ts, self._ensemble.confidence_score())

    def levels(
        self,
        model: str = "ensemble",
        *,
        by_leverage: bool = False,
        price_range: float | None = None,
    ) -> Levels:
        """
        Return the current levels of a model.

        Parameters
        ----------
        model : str, optional
            One of `model_names`.
        by_leverage : bool, optional
            One level per bucket, side and leverage instead of one per bucket and side.
        price_range : float, optional
            Only within this fraction of the price (by default 60 %).

        Raises
        ------
        ValueError
            If the model is unknown, or the range not in (0, 1).

        """
        if not by_leverage:
            return self.levels_of((model,), price_range=price_range)[0]
        chosen = self._model(model)
        if math.isnan(self._price):
            return self._no_levels(model)
        grid = self._grid(price_range)
        if isinstance(chosen, Ensemble):
            native = view.ensemble_levels(chosen, grid)
        else:
            native = view.native_levels(chosen, grid)
        found = bucket_levels(*native, self.bucket_size, by_leverage=True)
        confidence = chosen.confidence_score()
        price, notional, side, leverage = found
        columns = np.stack([price, notional, leverage, np.full(price.size, confidence)])
        band = self._uncertainty.bands(notional, side, leverage)
        return self._record(model, confidence, columns, side, band)

    def levels_of(
        self, models: Sequence[str] = MODEL_NAMES, *, price_range: float | None = None
    ) -> list[Levels]:
        """
        Return the current levels of several models at once, which is quicker than each by itself.

        Parameters
        ----------
        models : sequence of str, optional
            Of `model_names`; all without it.
        price_range : float, optional
            Only within this fraction of the price (by default 60 %).

        Returns
        -------
        list of Levels
            In the order asked for; one level per bucket and side.

        Raises
        ------
        ValueError
            If a model is unknown, or the range not in (0, 1).

        """
        for name in models:
            self._model(name)
        if math.isnan(self._price):
            return [self._no_levels(name) for name in models]
        grid = self._grid(price_range)
        shown = view.shown_levels(self._ensemble, grid, models, self.bucket_size)
        _, notional, leverage, _ = shown.columns
        low, high = self._uncertainty.bands(notional, shown.side, leverage)
        records = []
        for name in models:
            own, confidence = shown.slices[name], shown.confidences[name]
            columns = shown.columns[:, own]
            band = (low[own], high[own])
            records.append(self._record(name, confidence, columns, shown.side[own], band))
        return records

    def clusters(self) -> Clusters:
        """Return the clusters found at the last open interest or funding update."""
        return self._watch.clusters

    def signal(self) -> Signal:
        """Return the signal of the last update, or WAIT if its inputs went stale since."""
        return self._watch.signal

    def notional_between(
        self, side: int, price_low: float, price_high: float, model: str = "ensemble"
    ) -> float:
        """
        Return the notional (quote) the map holds between two prices.

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        price_low, price_high : float
            Quote per base unit, > 0.
        model : str, optional
            One of `model_names`.

        Raises
        ------
        ValueError
            If the model is unknown or the range is not positive.

        """
        chosen = self._model(model)
        if not isinstance(chosen, Ensemble):
            index = 0 if side == LONG else 1
            by_tier = self.notional_by_tier(side, price_low, price_high, model)
            return float(by_tier @ chosen.weights[index])
        return sum(
            scale * self.notional_between(side, price_low, price_high, part.model_name)
            for part, scale in zip(chosen.models, chosen.scales(), strict=True)
        )

    def notional_by_tier(
        self, side: int, price_low: float, price_high: float, model: str = "funding_adjusted"
    ) -> FloatArray:
        """
        Return what each tier would hold between two prices if all were opened at its leverage.

        The map is linear in the leverage shares: this is what they are fitted on.

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        price_low, price_high : float
            Quote per base unit, > 0.
        model : str, optional
            A single model, not the ensemble.

        Returns
        -------
        ndarray of shape (n_tiers,)
            Quote.

        Raises
        ------
        ValueError
            If the model is unknown or has no tiers, or the range is not positive.

        """
        chosen = self._single(model)
        if not 0.0 < price_low <= price_high:
            msg = f"a range must have 0 < low <= high, was {price_low} to {price_high}"
            raise ValueError(msg)
        return chosen.notional_by_tier(side, price_low, price_high)

    def state(self) -> dict[str, Any]:
        """Return everything that changes, versioned: arrays, plain numbers, nested dictionaries."""
        return {
            "version": STATE_VERSION,
            "parameters": self.parameters.to_dict(),
            "brackets": {
                "symbol": self.brackets.symbol,
                "valid_from": self.brackets.valid_from,
                "rows": [
                    [getattr(bracket, name) for name in Bracket.__slots__]
                    for bracket in self.brackets.brackets
                ],
            },
            "models": {model.model_name: model.state() for model in self._models},
            "ensemble": self._ensemble.state(),
            "watch": self._watch.state(),
            "turnover": self._turnover.state(),
            "numbers": {name: getattr(self, name) for name in _NUMBERS},
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> LiquidationTracker:
        """
        Return a tracker that goes on where another stopped.

        Raises
        ------
        ValueError
            If the state is of another version.

        """
        if state.get("version") != STATE_VERSION:
            msg = f"a tracker state must be of version {STATE_VERSION}, was {state.get('version')}"
            raise ValueError(msg)
        brackets = state["brackets"]
        table = BracketTable(
            brackets["symbol"],
            brackets["valid_from"],
            tuple(Bracket(*row) for row in brackets["rows"]),
        )
        tracker = cls(TrackerParameters.from_dict(state["parameters"]), brackets=table)
        tracker._restore(state)
        return tracker

    def _restore(self, state: dict[str, Any]) -> None:
        for model in self._models:
            model.restore(state["models"][model.model_name])
            model.set_data_quality(state["ensemble"]["data_quality"])
        self._ensemble.restore(state["ensemble"])
        self._watch.restore(state["watch"])
        self._turnover.restore(state["turnover"])
        for name in _NUMBERS:
            setattr(self, name, state["numbers"][name])

    def _model(self, name: str) -> ExposureModel | Ensemble:
        if name == self._ensemble.model_name:
            return self._ensemble
        for model in self._models:
            if model.model_name == name:
                return model
        msg = f"model must be one of {', '.join(self.model_names)}, was {name}"
        raise ValueError(msg)

    def _single(self, name: str) -> ExposureModel:
        chosen = self._model(name)
        if isinstance(chosen, Ensemble):
            msg = "model must be a single one, the ensemble has no tiers of its own"
            raise ValueError(msg)
        return chosen

    def _set_price(self, price: float) -> None:
        self._price = price
        if self._bucket is None:
            self._bucket = shown_bucket_size(self.brackets.symbol, price)
        self._books.set_price(price)

    def _advance(self, bars: FloatArray, times: IndexArray) -> None:
        # What the path crossed is consumed, at the prices it was crossed at.
        n = len(bars)
        if math.isnan(self._price):
            self._set_price(float(bars[0, 3]))
        predicted, spells = np.zeros((n, 2)), np.empty(n, dtype=np.int64)
        clock = np.array((self.ts, self._mark_until, 0))
        self._rates[2] = self._contracts
        done = 0
        while done < n:
            # What is swept of large trades changes what they count.
            stop = done + 1 if self._trade_map.opened > 0.0 else n
            done, self._price = self._books.advance(
                bars[:stop],
                times,
                done,
                self._price,
                clock,
                self._swept_scales(),
                self._rates,
                self._watch.variance,
                self._turnover.sums,
                predicted,
                spells,
            )
            if done < stop:
                self._books.set_price(float(bars[done, 3]))
        self.ts, self._mark_until, n_spells = clock.tolist()
        for spell in range(n_spells):
            self._watch.balance.add_predicted(predicted[spell], int(spells[spell]))

    def _swept_scales(self) -> FloatArray:
        # What swept longs and shorts of each model count in what is predicted.
        weighing = self._ensemble.weighing()
        if weighing is not self._weighing:
            self._weighing = weighing
            self._scales = np.outer(weighing.scales, self._scale)
        return self._scales

    def _grid(self, price_range: float | None) -> Grid:
        reach = _FULL_RANGE if price_range is None else price_range
        return grid_around(self._price, reach, self._width)

    def _no_levels(self, name: str) -> Levels:
        empty = np.zeros(0)
        confidence = self._model(name).confidence_score()
        return self._record(
            name, confidence, np.zeros((4, 0)), np.zeros(0, dtype=np.int8), (empty, empty)
        )

    def _record(
        self,
        name: str,
        confidence: float,
        columns: FloatArray,
        side: SideArray,
        band: tuple[FloatArray, FloatArray],
    ) -> Levels:
        # Price, notional, leverage and confidence.
        return Levels(
            name,
            self.ts,
            self._price,
            columns[0],
            columns[1],
            band[0],
            band[1],
            side,
            columns[2],
            columns[3],
            confidence >= self.parameters.invalid_confidence,
            self._hash,
        )

    def _rate_data(self) -> None:
        quality = self._watch.data_quality(self.ts)
        for model in (*self._models, self._ensemble):
            model.set_data_quality(quality)

    def _refresh(self) -> None:
        # Clusters and signal of this update.
        self._rate_data()
        self._watch.update(self._ensemble, self._price, self.ts)


_NUMBERS = ("ts", "_price", "_mark_until", "_contracts", "_bucket")
