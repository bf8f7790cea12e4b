"""
The state machine over the map: plain numbers in, levels, clusters and signals out.

One tracker per instrument. Inputs must come in the order in which they could be known, which is
what `liq_nautilus.core.feed` is for. Work and memory per update do not grow with the history.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.brackets import Bracket
from liq_nautilus.core.brackets import BracketTable
from liq_nautilus.core.following import DISTANCES
from liq_nautilus.core.following import RealisedScale
from liq_nautilus.core.kernels.arguments import Bars
from liq_nautilus.core.models.ensemble import Ensemble
from liq_nautilus.core.openings import Market
from liq_nautilus.core.openings import RecentVolatility
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.plausibility import Plausibility
from liq_nautilus.core.position_map import PositionMap
from liq_nautilus.core.position_map import checked_bars
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.records import ExpectedLiquidations
from liq_nautilus.core.view import LevelReader
from liq_nautilus.core.view import Moment
from liq_nautilus.core.view import Openings
from liq_nautilus.core.view import Path
from liq_nautilus.core.view import PublishedMap
from liq_nautilus.core.watch import Watch
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.position_map import BarValues
    from liq_nautilus.core.records import Clusters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import Levels
    from liq_nautilus.core.records import SideArray
    from liq_nautilus.core.records import Signal

    # Of longs and of shorts.
    type Swept = tuple[ExpectedLiquidations, ExpectedLiquidations]

STATE_VERSION = 5
MODEL_NAMES = ("binance_standard", "funding_adjusted", "py_liquidation_map", "ensemble")


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
        self._map = PositionMap(p, self.brackets)
        self._ensemble = self._map.ensemble
        self._followed = RealisedScale(p.scale_half_life_hours, p.scale_prior_hours, p.scale_bound)
        self._map.scale = self._followed.values
        self._published = PublishedMap(self._ensemble, p, self._followed.values)
        self._reader = LevelReader(p, self._ensemble, self._published, self._map.units)
        self._recent = RecentVolatility(p.excursion_half_life_hours)
        self._watch = Watch(p)
        self._plausibility = Plausibility()
        self._waiting: tuple[float, float, int] | None = None
        self.ts = 0
        self._rate_data()

    @property
    def reference_price(self) -> float:
        """The current price: the mark price where it comes, else the last; NaN before any."""
        return self._map.price

    @property
    def is_valid(self) -> bool:
        """Whether the ensemble's confidence is not too low to be used."""
        return self._ensemble.confidence_score() >= self.parameters.invalid_confidence

    @property
    def n_unknown(self) -> dict[str, int]:
        """How many inputs of each kind were not believed; see `liq_nautilus.core.plausibility`."""
        return dict(self._plausibility.n_unknown)

    @property
    def bucket_size(self) -> float:
        """The width of a shown bucket (quote); NaN before any price."""
        return self._map.bucket_size

    @property
    def turnover_per_hour(self) -> float:
        """The fraction of open interest turned over per hour lately (at 25x); a default before."""
        return self._map.turnover_per_hour

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
            Where mark prices come, they alone liquidate; last prices say where positions were
            opened.
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
        checked, closes = checked_bars(bars)
        believed = self._plausibility.bars(checked.values)
        if not believed.all():
            checked = Bars(checked.values[believed], checked.times[believed])
            closes = checked.times[checked.values[:, 5] == 0.0, 1].tolist()
        if not len(checked.values):
            return
        self._take_waiting(float(checked.values[0, 0]))
        self._watch.note_bars(closes)
        for part in self._followed.hours(checked.times):
            self._take_bars(Bars(checked.values[part], checked.times[part]))

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
        self._map.take_trades(prices, quantities, taker_sides)

    def on_open_interest(self, contracts: float, notional: float, ts: int) -> None:
        """
        Take in an open interest snapshot and compute clusters and signal anew.

        One that cannot be, such as zero, is unknown, as if it had not come. One from before any
        price waits for the first.

        Parameters
        ----------
        contracts : float
            Base quantity, of COIN-M symbols contracts, >= 0.
        notional : float
            Quote; says, with the quantity, the price it was taken at. NaN when unknown.
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
        if self._map.units.is_coin_margined:
            # Contracts are dollars: what they are worth in dollars tells no price.
            notional = math.nan
        if not self._map.has_price:
            # Only a price can tell whether the first snapshot is to be believed.
            self._waiting = (contracts, notional, ts)
            return
        if not self._plausibility.open_interest(contracts, notional, ts, self._map.price):
            self._rate_data()
            return
        self._watch.note_open_interest(contracts, ts, is_used=True)
        self._map.take_open_interest(contracts)
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
        if self._map.has_price and self._plausibility.funding(rate):
            self._map.take_funding(rate)
            self._refresh()

    def on_liquidation(
        self,
        position_side: int,
        notional: float,
        ts_from: int,
        ts_to: int,
        source: str,
        venues: tuple[str, ...] = (),
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
        venues : tuple of str, optional
            Of which venues the notional is. Others than the parameters' are left out, since they
            cannot be compared with what the map speaks of; not known, they are taken for them.

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
        if source == "bars" and venues and set(venues) != set(self.parameters.venues):
            return
        if not self._plausibility.liquidation(notional, self._map.price):
            return
        share = self.parameters.reported_share if source == "orders" else 1.0
        notional /= max(share, 1e-9)
        self._watch.balance.add_realised(position_side, notional, ts_from, ts_to)
        index = 0 if position_side == LONG else 1
        if ts_to > ts_from:
            self._followed.add_sum(index, notional, ts_from, ts_to)
        else:
            self._followed.add_order(index, notional, ts_to)

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
        return self._reader.levels_by_leverage(model, self._moment, price_range)

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
        return self._reader.levels_of(models, self._moment, price_range)

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
        Return the notional (quote) expected to be liquidated between two prices.

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        price_low, price_high : float
            Quote per base unit, > 0. What lies at the current price itself counts where the range
            reaches it.
        model : str, optional
            One of `model_names`.

        Raises
        ------
        ValueError
            If the model is unknown or the range is not positive.

        """
        self._ensemble.named(model)
        _check_range(price_low, price_high)
        if not self._map.has_price:
            return 0.0
        index = 0 if side == LONG else 1
        far, near = (price_low, price_high) if side == LONG else (price_high, price_low)
        is_on_side = far < self._map.price if side == LONG else far > self._map.price
        if not is_on_side:
            return 0.0
        total = self._swept_to(far, model)[index]
        is_open = near < self._map.price if side == LONG else near > self._map.price
        return float(total - self._swept_to(near, model)[index] if is_open else total)

    def swept(self, price_low: float, price_high: float, model: str = "ensemble") -> Swept:
        """
        Return what the map says of a range around the current price: the levels in it, summed.

        Parameters
        ----------
        price_low, price_high : float
            Quote per base unit; longs are swept down to one, shorts up to the other.
        model : str, optional
            One of `model_names`.

        Returns
        -------
        tuple of two ExpectedLiquidations
            Longs and shorts; nothing before any price is known.

        Raises
        ------
        ValueError
            If the model is unknown or the range is not positive.

        """
        self._ensemble.named(model)
        _check_range(price_low, price_high)
        if not self._map.has_price:
            return _NOTHING_EXPECTED
        return self._with_bands(self._published.swept(self._market, price_low, price_high, model))

    def expected_liquidations(
        self, open_: float, high: float, low: float, hours: float, model: str = "ensemble"
    ) -> Swept:
        """
        Return how much will be liquidated if the price takes a path.

        It is what the map holds on the path and what is opened on the way.

        Parameters
        ----------
        open_, high, low : float
            Where the path begins, and its extremes (quote per base unit).
        hours : float
            How long it takes (> 0).
        model : str, optional
            One of `model_names`.

        Returns
        -------
        tuple of two ExpectedLiquidations
            Longs and shorts; nothing before any price is known.

        Raises
        ------
        ValueError
            If the model is unknown, or the prices not ``0 < low <= open_ <= high``, or the hours
            not above 0.

        """
        self._ensemble.named(model)
        if not (0.0 < low <= open_ <= high < math.inf and hours > 0.0):
            msg = (
                "a path must have 0 < low <= open <= high and take more than 0 hours, "
                f"was {(open_, high, low, hours)}"
            )
            raise ValueError(msg)
        if not self._map.has_price:
            return _NOTHING_EXPECTED
        path = Path(open_, high, low, hours)
        return self._with_bands(self._published.on_path(self._market, path, model))

    def expected_excursion(self, hours: float) -> float:
        """Return how far (log price) the price is expected to go to one side in some hours."""
        return self._market.deviation(hours) * math.sqrt(2.0 / math.pi)

    def exposure_swept(
        self, price_low: float, price_high: float, model: str = "ensemble"
    ) -> FloatArray:
        """Return the open interest of longs and of shorts in a swept range, (2,); see `swept`."""
        self._ensemble.named(model)
        _check_range(price_low, price_high)
        if not self._map.has_price:
            return np.zeros(2)
        return self._published.exposure(self._market, price_low, price_high, model)

    def openings_to(self, price_low: float, price_high: float) -> Openings:
        """Return what is opened and swept on the way to the ends of a range, at weight 1."""
        return self._published.expected_openings(self._market, price_low, price_high)

    def openings_on(self, path: Path) -> Openings:
        """Return what is opened and swept on a path, at weight 1."""
        return self._published.path_openings(self._market, path)

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
        chosen = self._ensemble.named(model)
        if isinstance(chosen, Ensemble):
            msg = "model must be a single one, the ensemble has no tiers of its own"
            raise ValueError(msg)
        _check_range(price_low, price_high)
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
            "map": self._map.state(),
            "recent": self._recent.state(),
            "followed": self._followed.state(),
            "watch": self._watch.state(),
            "plausibility": self._plausibility.state(),
            "waiting": None if self._waiting is None else list(self._waiting),
            "ts": self.ts,
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
        tracker._map.restore(state["map"])
        tracker._recent.restore(state["recent"])
        tracker._followed.restore(state["followed"])
        tracker._watch.restore(state["watch"])
        tracker._plausibility.restore(state["plausibility"])
        waiting = state["waiting"]
        tracker._waiting = None if waiting is None else (waiting[0], waiting[1], waiting[2])
        tracker.ts = int(state["ts"])
        return tracker

    @property
    def _moment(self) -> Moment:
        return Moment(self.ts, self._market, self._map.bucket_size)

    @property
    def _market(self) -> Market:
        held = self._map
        return Market(held.price, held.open_interest, held.turnover_per_hour, self._recent.per_hour)

    def _take_bars(self, bars: Bars) -> None:
        # Bars that open in one hour.
        self._begin_hour(int(bars.times[0, 0]))
        self.ts, swept = self._map.take_bars(bars, self.ts)
        for notional, until in swept:
            self._watch.balance.add_predicted(notional, until)
        rows = zip(bars.values.tolist(), bars.times.tolist(), strict=True)
        for (_, high, low, _, _, is_mark), (begin, end) in rows:
            # Marks come beside last prices.
            if not is_mark:
                self._recent.add(high, low, max(end - begin, 1) / HOUR_NS)
        self._followed.note_path(bars.values[:, 2].min(), bars.values[:, 1].max())

    def _swept_to(self, price: float, model: str) -> FloatArray:
        # Longs down to a price, or shorts up to it.
        return self._published.swept(self._market, price, price, model)

    def _with_bands(self, totals: FloatArray) -> Swept:
        low, high = self._published.bands.around(totals)
        longs, shorts = (
            ExpectedLiquidations(*map(float, one)) for one in zip(totals, low, high, strict=True)
        )
        return longs, shorts

    def _begin_hour(self, ts: int) -> None:
        # What the map expects of the hour, to be compared with what comes true.
        if not self._followed.needs_curve(ts) or not self._map.has_price:
            return
        market = self._market
        curve = [
            self._published.swept(
                market, self._map.price * math.exp(-d), self._map.price * math.exp(d), "ensemble"
            )
            for d in DISTANCES.tolist()
        ]
        unscaled = np.stack(curve, axis=1) / self._followed.values[:, None]
        self._followed.begin_hour(ts, self._map.price, unscaled)

    def _take_waiting(self, price: float) -> None:
        # A snapshot from before any price is taken in once the first one comes.
        if self._waiting is None or self._map.has_price:
            return
        waiting, self._waiting = self._waiting, None
        self._map.set_price(price)
        self.on_open_interest(*waiting)

    def _rate_data(self) -> None:
        self._map.set_data_quality(self._watch.data_quality(self.ts))

    def _refresh(self) -> None:
        # Clusters and signal of this update.
        self._rate_data()
        volatility = self._map.volatility_over(self.parameters.signal_horizon_hours)
        self._watch.update(
            self._ensemble,
            self._published,
            self._market,
            volatility,
            self.ts,
            self._map.bucket_size,
        )


_NOTHING_EXPECTED = (ExpectedLiquidations(0.0, 0.0, 0.0), ExpectedLiquidations(0.0, 0.0, 0.0))


def _check_range(price_low: float, price_high: float) -> None:
    if not 0.0 < price_low <= price_high:
        msg = f"a range must have 0 < low <= high, was {price_low} to {price_high}"
        raise ValueError(msg)
