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

from liq_nautilus.core.advising.advice import MapAdvice
from liq_nautilus.core.dollars.completeness import ShownPart
from liq_nautilus.core.dollars.completeness import ShownShares
from liq_nautilus.core.dollars.realised_scale import DISTANCES
from liq_nautilus.core.exchange.bracket_source import in_force
from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.kernels.arguments import Bars
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.plausibility import Plausibility
from liq_nautilus.core.position_map import checked_bars
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.position_map import BarValues
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

STATE_VERSION = 8


class LiquidationTracker(MapAdvice):
    """
    Estimate where one instrument's open positions will be liquidated.

    Parameters
    ----------
    parameters : TrackerParameters, optional
        What is assumed.
    brackets : BracketTable, optional
        The symbol's brackets; BTCUSDT's newest by default. Of the built-in tables the one in force
        applies: as time passes the next one takes the place of this one.

    """

    def __init__(
        self,
        parameters: TrackerParameters | None = None,
        *,
        brackets: BracketTable | None = None,
    ) -> None:
        super().__init__(parameters, brackets=brackets)
        self._brackets_until = 0
        self._plausibility = Plausibility()
        self._waiting: tuple[float, float, int] | None = None
        self._shown_shares = ShownShares()
        self._rate_data()

    @property
    def n_unknown(self) -> dict[str, int]:
        """How many inputs of each kind were not believed; see `liq_nautilus.core.plausibility`."""
        return dict(self._plausibility.n_unknown)

    @property
    def shown_parts(self) -> tuple[ShownPart, ...]:
        """What `on_completeness` was told last, by rising intensity."""
        return self._shown_shares.parts

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
            self._take_dated_bars(Bars(checked.values[part], checked.times[part]))

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
            Quote; says, with the quantity, the price it was taken at, of COIN-M symbols whether a
            contract is worth its dollars. NaN when unknown.
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
        self._date_brackets(ts)
        if not self._map.has_price:
            # Only a price can tell whether the first snapshot is to be believed.
            self._waiting = (contracts, notional, ts)
            return
        worth = self._map.units.contract_worth(self._map.price)
        if not self._plausibility.open_interest(contracts, notional, ts, worth):
            self._rate_data()
            return
        self._watch.note_open_interest(contracts, ts, is_used=True)
        self._map.take_open_interest(contracts, begins_anew=self._plausibility.begins_anew)
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
        share: float | None = None,
    ) -> None:
        """
        Take in realised liquidations, made up for what their feed leaves out.

        Parameters
        ----------
        position_side : int
            +1 long, -1 short.
        notional : float
            Quote.
        ts_from, ts_to : int
            UTC ns; equal for a single order.
        source : {"orders", "bars"}
            Single orders come from a thinned feed.
        venues : tuple of str, optional
            Of which venues the notional is. Others than the parameters' are left out, since they
            cannot be compared with what the map speaks of; not known, they are taken for them.
        share : float, optional
            The share of what was liquidated that the notional is, in (0, 1]. Without it sums are
            all, and of orders it is what `on_completeness` told of their intensity; where that is
            unknown `reported_share` is assumed, and the signal says so.

        Raises
        ------
        ValueError
            If the side is neither, the notional negative or not finite, or the share no share.

        """
        if position_side not in {LONG, SHORT} or not 0.0 <= notional < math.inf:
            msg = (
                "a liquidation must have side +1 or -1 and a finite notional of at least 0, "
                f"was {position_side} and {notional}"
            )
            raise ValueError(msg)
        if share is not None and not 0.0 < share <= 1.0:
            msg = f"the share of liquidations that is shown must be in (0, 1], was {share}"
            raise ValueError(msg)
        self.ts = max(self.ts, ts_to)
        if source == "bars" and venues and set(venues) != set(self.parameters.venues):
            return
        worth = self._map.units.contract_worth(self._map.price)
        if not self._plausibility.liquidation(notional, worth):
            return
        if share is None:
            share = self._shown_shares.share_of_order(ts_to) if source == "orders" else 1.0
        assumed = self.parameters.reported_share if math.isnan(share) else share
        notional /= max(assumed, 1e-9)
        self._watch.note_realised(position_side, notional, ts_from, ts_to, share)
        index = 0 if position_side == LONG else 1
        if ts_to > ts_from:
            self._followed.add_sum(index, notional, ts_from, ts_to)
        else:
            self._followed.add_order(index, notional, ts_to)

    def on_completeness(
        self, n_shown: int, total: float, shown: float, n_seconds: int, ts: int
    ) -> None:
        """
        Take in what a complete feed tells of a thinned one, for the orders that come from now on.

        Arguments as `liq_nautilus.core.dollars.completeness.ShownPart`, and when (UTC ns).
        """
        self.ts = max(self.ts, ts)
        self._shown_shares.note(ShownPart(n_shown, total, shown, n_seconds))

    def on_time(self, ts: int) -> None:
        """Let time pass (UTC ns), so that staleness shows even when nothing arrives."""
        self.ts = max(self.ts, ts)
        self._rate_data()
        self._watch.let_pass(self.ts, self._ensemble.confidence_score())

    def state(self) -> dict[str, Any]:
        """Return everything that changes, versioned: arrays, plain numbers, nested dictionaries."""
        return {
            "version": STATE_VERSION,
            **super().state(),
            "plausibility": self._plausibility.state(),
            "waiting": None if self._waiting is None else list(self._waiting),
            "shown_shares": self._shown_shares.state(),
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
        tracker = cls(
            TrackerParameters.from_dict(state["parameters"]),
            brackets=BracketTable.from_state(state["brackets"]),
        )
        tracker.restore(state)
        return tracker

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` of a tracker with the same parameters and brackets returned."""
        super().restore(state)
        self._plausibility.restore(state["plausibility"])
        self._shown_shares.restore(state["shown_shares"])
        waiting = state["waiting"]
        self._waiting = None if waiting is None else (waiting[0], waiting[1], waiting[2])

    def _take_bars(self, bars: Bars) -> None:
        # Bars that open in one hour.
        self._begin_hour(int(bars.times[0, 0]))
        self.ts, swept = self._map.take_bars(bars, self.ts)
        for notional, until in swept:
            self._watch.balance.add_predicted(notional, until)
        self._recent.add_bars(bars)
        self._followed.note_path(bars.values[:, 2].min(), bars.values[:, 1].max())
        self.forecaster.add_bars(bars)
        self._is_moved = True

    def _take_dated_bars(self, bars: Bars) -> None:
        # Up to where the brackets change, and on from there.
        while n := len(bars.values):
            self._date_brackets(int(bars.times[0, 0]))
            if bars.times[-1, 0] >= self._brackets_until:
                n = int((bars.times[:, 0] >= self._brackets_until).argmax())
            self._take_bars(Bars(bars.values[:n], bars.times[:n]))
            bars = Bars(bars.values[n:], bars.times[n:])

    def _date_brackets(self, ts: int) -> None:
        # Tables change at their dates, for what is open too.
        if ts < self._brackets_until:
            return
        table, _, self._brackets_until = in_force(self.brackets, ts)
        if table != self.brackets:
            self.brackets = table
            self._map.set_brackets(table)
            self._published.note_brackets()

    def _begin_hour(self, ts: int) -> None:
        # What the map expects of the hour, to be compared with what comes true.
        if not self._followed.needs_curve(ts) or not self._map.has_price:
            return
        moves = np.stack([DISTANCES, DISTANCES])
        curve = self._published.swept_at(self._market, moves, "ensemble")
        unscaled = curve / self._followed.values[:, None]
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
        self._is_moved = False
