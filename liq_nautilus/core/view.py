"""Reading the map: the models' open positions as levels on one price grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np

from liq_nautilus.core.grid import grid_around
from liq_nautilus.core.kernels.arguments import Showing
from liq_nautilus.core.kernels.arguments import Uncertainty
from liq_nautilus.core.levels import bucket_levels
from liq_nautilus.core.levels import uncertainty_bands
from liq_nautilus.core.models.ensemble import Ensemble
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.records import Levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.grid import Grid
    from liq_nautilus.core.models.base import ExposureModel
    from liq_nautilus.core.models.base import LevelArrays
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray


# Without a range, levels are read within this fraction of the price.
_FULL_RANGE = 0.6


class Moment(NamedTuple):
    """
    What levels are read around.

    Attributes
    ----------
    ts : int
        The time of the newest input (UTC ns).
    price : float
        The current price; NaN before any.
    bucket_size : float
        The width of a shown bucket (quote).

    """

    ts: int
    price: float
    bucket_size: float


def ensemble_notional(ensemble: Ensemble, grid: Grid) -> FloatArray:
    """Return the ensemble's notional per native bucket, shape (2, n), and note disagreement."""
    notional, difference = ensemble.books.notional(grid, ensemble.weighing().scales)
    ensemble.note_difference(difference)
    return notional


@dataclass(frozen=True, slots=True, eq=False)
class ShownLevels:
    """
    The levels of several models one after another, in shown buckets.

    Attributes
    ----------
    slices : dict of str to slice
        Where each model's are.
    columns : ndarray of shape (4, n_levels)
        Price, notional, leverage and confidence.
    side : ndarray of shape (n_levels,)
        +1 long, -1 short.
    confidences : dict of str to float
        Of each model.

    """

    slices: dict[str, slice]
    columns: FloatArray
    side: SideArray
    confidences: dict[str, float]


def shown_levels(
    ensemble: Ensemble, grid: Grid, names: Sequence[str], bucket_size: float
) -> ShownLevels:
    """
    Return the levels of models and of the ensemble, all in one pass.

    Parameters
    ----------
    ensemble : Ensemble
        The models.
    grid : Grid
        Where.
    names : sequence of str
        The models (or the ensemble) that are wanted.
    bucket_size : float
        Width of a shown bucket (quote).

    """
    names_known = ensemble.all_names
    confidences = ensemble.all_confidences()
    showing = Showing(
        ensemble.weighing().scales,
        np.array([name in names for name in names_known]),
        np.array(confidences),
        bucket_size,
    )
    columns, side, counts = ensemble.books.shown_levels(grid, showing)
    slices, begin = {}, 0
    for name, count in zip(names_known, counts, strict=True):
        slices[name] = slice(begin, begin + count)
        begin += count
    return ShownLevels(slices, columns, side, dict(zip(names_known, confidences, strict=True)))


def native_levels(model: ExposureModel, grid: Grid) -> LevelArrays:
    """
    Return a model's native levels, one per bucket and tier: price, notional, side and leverage.

    Parameters
    ----------
    model : ExposureModel
        The model.
    grid : Grid
        Where.

    """
    parts = []
    for tier in range(model.leverages.size):
        weights = np.zeros_like(model.weights)
        weights[:, tier] = model.weights[:, tier]
        notional = model.density(grid.first, grid.n, weights) * grid.price
        parts.append(_flat(notional, grid, np.full((2, grid.n), model.leverages[tier])))
    return _joined(parts)


def ensemble_levels(ensemble: Ensemble, grid: Grid) -> LevelArrays:
    """Return the ensemble's native levels; arguments as `native_levels`."""
    parts = []
    for model, scale in zip(ensemble.models, ensemble.scales(), strict=True):
        if scale == 0.0:
            continue
        price, notional, side, leverage = native_levels(model, grid)
        parts.append((price, notional * scale, side, leverage))
    if not parts:
        empty = np.zeros(0)
        return empty, empty, np.zeros(0, dtype=np.int8), empty
    return _joined(parts)


def _joined(parts: list[LevelArrays]) -> LevelArrays:
    price, notional, side, leverage = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return price, notional, side, leverage


def _flat(notional: FloatArray, grid: Grid, leverage: FloatArray) -> LevelArrays:
    sides = np.repeat(np.array([LONG, SHORT], dtype=np.int8), grid.n)
    return grid.price.ravel(), notional.ravel(), sides, leverage.ravel()


class LevelReader:
    """
    Reads levels as they are told: with bands, validity and the hash of what was assumed.

    Parameters
    ----------
    parameters : TrackerParameters
        What is assumed.
    ensemble : Ensemble
        The models.

    """

    def __init__(self, parameters: TrackerParameters, ensemble: Ensemble) -> None:
        self._parameters = p = parameters
        self._ensemble = ensemble
        self._hash = p.params_hash
        scales = np.array([p.liquidation_scale_long, p.liquidation_scale_short])
        # Lumps are of realised notional, levels of open interest: the scale lies between.
        self._uncertainty = Uncertainty(
            p.band_unit_notional / scales,
            np.array(p.leverages, dtype=np.float64),
            np.array(p.leverage_weight_errors or [1.0] * len(p.leverages)),
            p.band_dispersion,
        )

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
        if math.isnan(moment.price):
            return [self._no_levels(name, moment) for name in names]
        grid = self._grid(moment, price_range)
        shown = shown_levels(self._ensemble, grid, names, moment.bucket_size)
        _, notional, leverage, _ = shown.columns
        low, high = uncertainty_bands(self._uncertainty, notional, shown.side, leverage)
        records = []
        for name in names:
            own = shown.slices[name]
            columns, band = shown.columns[:, own], (low[own], high[own])
            records.append(
                self._record(name, moment, shown.confidences[name], columns, shown.side[own], band)
            )
        return records

    def levels_by_leverage(self, name: str, moment: Moment, price_range: float | None) -> Levels:
        """Return one level per bucket, side and leverage of a model; arguments as `levels_of`."""
        chosen = self._ensemble.named(name)
        if math.isnan(moment.price):
            return self._no_levels(name, moment)
        grid = self._grid(moment, price_range)
        if isinstance(chosen, Ensemble):
            native = ensemble_levels(chosen, grid)
        else:
            native = native_levels(chosen, grid)
        found = bucket_levels(*native, moment.bucket_size, by_leverage=True)
        price, notional, side, leverage = found
        confidence = chosen.confidence_score()
        columns = np.stack([price, notional, leverage, np.full(price.size, confidence)])
        band = uncertainty_bands(self._uncertainty, notional, side, leverage)
        return self._record(name, moment, confidence, columns, side, band)

    def _grid(self, moment: Moment, price_range: float | None) -> Grid:
        reach = _FULL_RANGE if price_range is None else price_range
        return grid_around(moment.price, reach, self._parameters.grid_bps * 1e-4)

    def _no_levels(self, name: str, moment: Moment) -> Levels:
        empty = np.zeros(0)
        confidence = self._ensemble.named(name).confidence_score()
        side = np.zeros(0, dtype=np.int8)
        return self._record(name, moment, confidence, np.zeros((4, 0)), side, (empty, empty))

    def _record(
        self,
        name: str,
        moment: Moment,
        confidence: float,
        columns: FloatArray,
        side: SideArray,
        band: tuple[FloatArray, FloatArray],
    ) -> Levels:
        # Price, notional, leverage and confidence.
        return Levels(
            name,
            moment.ts,
            moment.price,
            columns[0],
            columns[1],
            band[0],
            band[1],
            side,
            columns[2],
            columns[3],
            confidence >= self._parameters.invalid_confidence,
            self._hash,
        )
