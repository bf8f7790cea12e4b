"""Reading the map: the models' open positions as levels on one price grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.grid import Grid
    from liq_nautilus.core.models.base import ExposureModel
    from liq_nautilus.core.models.base import LevelArrays
    from liq_nautilus.core.models.ensemble import Ensemble
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray


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
    columns, side, counts = ensemble.books.shown_levels(
        grid,
        ensemble.weighing().scales,
        [name in names for name in names_known],
        confidences,
        bucket_size,
    )
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
