"""Reads levels as they are told: in dollars, with their validity and what was assumed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np

from liq_nautilus.core.grid import MAP_RANGE
from liq_nautilus.core.grid import grid_around
from liq_nautilus.core.published.level_columns import LevelColumns
from liq_nautilus.core.records import Levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.expected_openings import Market
    from liq_nautilus.core.grid import Grid
    from liq_nautilus.core.models.ensemble import Ensemble
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.published.view import PublishedMap


class Moment(NamedTuple):
    """
    What levels are read around.

    Attributes
    ----------
    ts : int
        The time of the newest input (UTC ns).
    market : Market
        What is known of the market.
    bucket_size : float
        The width of a shown bucket (quote).

    """

    ts: int
    market: Market
    bucket_size: float


class LevelReader:
    """
    Reads levels as they are told: with validity and the hash of what was assumed.

    Parameters
    ----------
    parameters : TrackerParameters
        What is assumed.
    ensemble : Ensemble
        The models.
    published : PublishedMap
        Their map.

    """

    def __init__(
        self,
        parameters: TrackerParameters,
        ensemble: Ensemble,
        published: PublishedMap,
    ) -> None:
        self._parameters = parameters
        self._ensemble = ensemble
        self._published = published
        self._hash = parameters.params_hash

    def levels_of(
        self, names: Sequence[str], moment: Moment, price_range: float | None
    ) -> list[Levels]:
        """
        Return the levels of several models at once, one per bucket and side.

        Parameters
        ----------
        names : sequence of str
            The models.
        moment : Moment
            When, and around which price.
        price_range : float or None
            Only within this fraction of the price; None for the full range.

        """
        for name in names:
            self._ensemble.named(name)
        if math.isnan(moment.market.price):
            return [self._record(name, moment, LevelColumns.empty()) for name in names]
        grid = self._grid(moment, price_range)
        found = self._published.levels(names, moment.market, grid, moment.bucket_size)
        return [self._record(name, moment, found[name]) for name in names]

    def levels_by_leverage(self, name: str, moment: Moment, price_range: float | None) -> Levels:
        """Return one level per bucket, side and leverage of a model; arguments as `levels_of`."""
        self._ensemble.named(name)
        if math.isnan(moment.market.price):
            return self._record(name, moment, LevelColumns.empty())
        grid = self._grid(moment, price_range)
        found = self._published.levels_by_leverage(name, moment.market, grid, moment.bucket_size)
        return self._record(name, moment, found)

    def _grid(self, moment: Moment, price_range: float | None) -> Grid:
        reach = MAP_RANGE if price_range is None else price_range
        return grid_around(moment.market.price, reach, self._parameters.grid_bps * 1e-4)

    def _record(self, name: str, moment: Moment, found: LevelColumns) -> Levels:
        confidence = self._ensemble.named(name).confidence_score()
        return Levels(
            model=name,
            ts_event=moment.ts,
            reference_price=moment.market.price,
            price=found.price,
            notional=found.notional,
            notional_low=found.low,
            notional_high=found.high,
            exposure=found.exposure,
            side=found.side,
            leverage=found.leverage,
            confidence=np.full(found.price.size, confidence),
            is_valid=confidence >= self._parameters.invalid_confidence,
            params_hash=self._hash,
            venues=self._parameters.venues,
        )
