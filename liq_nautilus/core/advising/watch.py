"""Watching the map: how good the data is, which clusters stand out, what that advises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.advising.signals import LiquidationBalance
from liq_nautilus.core.advising.signals import SignalInputs
from liq_nautilus.core.advising.signals import as_seen_now
from liq_nautilus.core.advising.signals import decide_signal
from liq_nautilus.core.forecasting.fits import ForecastFit
from liq_nautilus.core.forecasting.forecaster import Forecaster
from liq_nautilus.core.forecasting.outlook import Surroundings
from liq_nautilus.core.grid import MAP_RANGE
from liq_nautilus.core.grid import grid_around
from liq_nautilus.core.kernels.arguments import UsualClusters
from liq_nautilus.core.published.clusters import find_clusters
from liq_nautilus.core.records import WAIT
from liq_nautilus.core.records import Clusters
from liq_nautilus.core.records import Signal
from liq_nautilus.core.trailing import BINS_PER_DECADE
from liq_nautilus.core.trailing import Freshness
from liq_nautilus.core.trailing import TrailingDistribution
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from liq_nautilus.core.expected_openings import Market
    from liq_nautilus.core.grid import Grid
    from liq_nautilus.core.models.ensemble import Ensemble
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.published.clusters import ClusterArrays
    from liq_nautilus.core.published.view import PublishedMap
    from liq_nautilus.core.records import FloatArray


class Watch:
    """
    Clusters and signal of the ensemble, and the quality of what it was made from.

    Parameters
    ----------
    parameters : TrackerParameters
        The thresholds and memories.

    Attributes
    ----------
    balance : LiquidationBalance
        Realised against predicted liquidations.
    clusters : Clusters
        Those of the last update.
    signal : Signal
        That of the last update, or WAIT if its inputs went stale since.
    forecaster : Forecaster
        How much will be liquidated.
    around : Surroundings or None
        The map around the price at the last update; None before any.

    """

    def __init__(self, parameters: TrackerParameters) -> None:
        self._parameters = p = parameters
        self.balance = LiquidationBalance()
        self.clusters = _no_clusters()
        self.signal = Signal(0, WAIT, "No open interest yet", 0.0, 0, math.nan, math.nan)
        # Of near and of far clusters.
        self._usual = tuple(TrailingDistribution(p.cluster_memory_days * 24.0) for _ in range(2))
        self._open_interest = Freshness(HOUR_NS, p.stale_intervals)
        self._bars = Freshness(HOUR_NS, p.stale_intervals)
        self._first_update: int | None = None
        fit = ForecastFit.from_numbers(p.forecast_numbers)
        self.around: Surroundings | None = None
        self.forecaster = Forecaster(fit, p.signal_horizon_hours, p.avoid_share)

    def note_bars(self, times: Iterable[int]) -> None:
        """Take in when last-price bars closed (UTC ns)."""
        self._bars.add_all(times)

    def note_realised(
        self, side: int, notional: float, ts_from: int, ts_to: int, share: float = 1.0
    ) -> None:
        """Take in realised liquidations; arguments as `LiquidationBalance.add_realised`."""
        self.balance.add_realised(side, notional, ts_from, ts_to, share)
        self.forecaster.inputs.add_realised(side, notional, ts_from, ts_to)

    def note_open_interest(self, contracts: float, ts: int, *, is_used: bool) -> None:
        """Take in that open interest (base quantity) arrived, and whether the map used it."""
        self._open_interest.add(ts, contracts)
        if is_used and self._first_update is None:
            self._first_update = ts

    def data_quality(self, ts: int) -> float:
        """Return how complete and fresh the data is at a time (UTC ns), in [0, 1]."""
        p = self._parameters
        fresh = min(
            self._open_interest.score(ts, p.frozen_hours * HOUR_NS),
            self._bars.score(ts),
        )
        if self._first_update is None:
            return 0.0
        passed, span = ts - self._first_update, p.warm_up_hours * HOUR_NS
        return fresh * (0.5 + 0.5 * passed / span if passed < span else 1.0)

    def let_pass(self, ts: int, confidence: float) -> None:
        """Turn the signal to WAIT where time alone took the map's confidence."""
        if confidence < self._parameters.wait_confidence and self.signal.action != WAIT:
            reason = "Stale or missing input"
            known = (self.signal.risk, self.signal.completeness)
            self.signal = Signal(ts, WAIT, reason, confidence, 0, math.nan, math.nan, *known)

    def update(
        self,
        ensemble: Ensemble,
        published: PublishedMap,
        market: Market,
        volatility: float,
        ts: int,
        bucket_size: float = 0.0,
    ) -> None:
        """
        Find the clusters of the ensemble and decide the signal.

        Parameters
        ----------
        ensemble : Ensemble
            The models, with their data quality set.
        published : PublishedMap
            Their map.
        market : Market
            What is known of the market.
        volatility : float
            The standard deviation of the log price over the signal's horizon; NaN: unknown.
        ts : int
            UTC ns.
        bucket_size : float, optional
            The width of a shown bucket (quote).

        """
        p, price = self._parameters, market.price
        width = p.grid_bps * 1e-4
        # Disagreement is about the whole map, clusters about what lies near.
        whole = grid_around(price, max(MAP_RANGE, p.cluster_range), width)
        grid = grid_around(price, p.cluster_range, width)
        notional = published.noted(market, whole, grid).notional
        around = _surroundings(published, market, ts, bucket_size, grid, notional)
        found = find_clusters(around.notional, grid.edges, p.cluster_smoothing_bps / p.grid_bps)
        self.around = around
        outlook = self.forecaster.update(around)
        significance = self._significance(found, price, ts)
        confidence = ensemble.confidence_score()
        self.clusters = Clusters(ts, price, *found, significance, confidence)
        realised, predicted = self.balance.hour(ts)
        self.signal = decide_signal(
            SignalInputs(
                ts=ts,
                price=price,
                clusters=self.clusters,
                confidence=confidence,
                volatility=volatility,
                realised=realised,
                predicted=predicted,
                realised_rank=self.balance.rank_realised(realised, ts),
                bucket_size=bucket_size,
                outlook=outlook,
                completeness=self.balance.completeness(ts),
            ),
            p,
        )

    def surroundings(
        self, published: PublishedMap, market: Market, ts: int, bucket_size: float
    ) -> Surroundings:
        """Return the map around the current price; arguments as `update`."""
        p = self._parameters
        grid = grid_around(market.price, p.cluster_range, p.grid_bps * 1e-4)
        notional = published.native(market, grid).notional
        return _surroundings(published, market, ts, bucket_size, grid, notional)

    def signal_now(self, around: Surroundings) -> Signal:
        """Return the signal of the last update as the forecast sees it around the price now."""
        outlook = self.forecaster.outlook(around)
        return as_seen_now(self.signal, around.ts, outlook, self._parameters)

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {
            "balance": self.balance.state(),
            "usual": [usual.state() for usual in self._usual],
            "open_interest": self._open_interest.state(),
            "bars": self._bars.state(),
            "first_update": self._first_update,
            "forecaster": self.forecaster.state(),
            "clusters": {name: getattr(self.clusters, name) for name in Clusters.__slots__},
            "signal": {name: getattr(self.signal, name) for name in Signal.__slots__},
            "around": None if self.around is None else self.around._asdict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.balance.restore(state["balance"])
        for usual, part in zip(self._usual, state["usual"], strict=True):
            usual.restore(part)
        self._open_interest.restore(state["open_interest"])
        self._bars.restore(state["bars"])
        self._first_update = state["first_update"]
        self.forecaster.restore(state["forecaster"])
        self.clusters = Clusters(**state["clusters"])
        self.signal = Signal(**state["signal"])
        self.around = None if state["around"] is None else Surroundings(**state["around"])

    def _significance(self, found: ClusterArrays, price: float, ts: int) -> FloatArray:
        # Near clusters, which AVOID is about, are compared with near ones: far ones, of low
        # leverage, are always larger. Unusual means larger than a side's largest usually is.
        near, far = self._usual
        peak, notional, side = found[2:]
        significance, largest = np.empty(peak.size), np.empty((2, 2))
        distance = self._parameters.avoid_distance
        usual = UsualClusters(near.usual, far.usual, distance, BINS_PER_DECADE)
        kernels.judge_clusters(peak, notional, side, price, usual, significance, largest)
        near.add(largest[0], ts)
        far.add(largest[1], ts)
        return significance


def _surroundings(
    published: PublishedMap,
    market: Market,
    ts: int,
    bucket_size: float,
    grid: Grid,
    notional: FloatArray,
) -> Surroundings:
    return Surroundings(
        ts=ts,
        notional=notional,
        price=grid.price,
        scale=published.scale.copy(),
        reference_price=market.price,
        open_interest=market.open_interest,
        bucket_size=bucket_size,
    )


def _no_clusters() -> Clusters:
    empty = np.zeros(0)
    sides = np.zeros(0, dtype=np.int8)
    return Clusters(0, math.nan, empty, empty, empty, empty, sides, empty, 0.0)
