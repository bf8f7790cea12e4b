"""The ensemble: the models' levels, weighted, with a confidence that knows of disagreement."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.levels import bucket_levels
from liq_nautilus.core.levels import shown_bucket_size
from liq_nautilus.core.models.base import AbstractLiquidationModel
from liq_nautilus.core.models.base import ExposureModel
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from liq_nautilus.core.models.base import LevelArrays
    from liq_nautilus.core.records import FloatArray

# Disagreement takes the confidence below this (R8).
_DISAGREEING_CONFIDENCE = 0.7


class Ensemble(AbstractLiquidationModel):
    """
    A weighted mean of the models that have a map.

    Parameters
    ----------
    models : tuple of ExposureModel
        In the order of `weights`.
    weights : tuple of float
        Renormalised over the models that have a map.
    disagreement : float
        Mean levels that differ by more than this fraction of the price lower the confidence.

    """

    def __init__(
        self,
        models: tuple[ExposureModel, ...],
        weights: tuple[float, ...],
        disagreement: float,
    ) -> None:
        super().__init__()
        self.models = models
        self._weights = weights
        self._limit = disagreement
        self._largest_difference = 0.0

    @property
    def model_name(self) -> str:
        """The name by which the model is asked for."""
        return "ensemble"

    @property
    def base_confidence(self) -> float:
        """The weighted mean of the models' own, lowered to under 0.7 where they disagree."""
        shares = self.shares()
        if not any(model.has_map for model in self.models):
            # Nothing tracked: of a table, all models say something.
            shares = tuple(weight / sum(self._weights) for weight in self._weights)
        mean = sum(
            share * model.base_confidence for model, share in zip(self.models, shares, strict=True)
        )
        is_disputed = self._largest_difference > self._limit
        return float(mean) * (_DISAGREEING_CONFIDENCE if is_disputed else 1.0)

    def shares(self) -> tuple[float, ...]:
        """Return the weights, renormalised over the models that have a map (else all 0)."""
        weights = [
            weight if model.has_map else 0.0
            for model, weight in zip(self.models, self._weights, strict=True)
        ]
        total = sum(weights)
        return tuple(weight / total if total > 0.0 else 0.0 for weight in weights)

    def scales(self) -> tuple[float, ...]:
        """
        Return what each model's positions count in the mean.

        The shares; but models without open interest (large trades) know no total: theirs is scaled
        to that of the first model with one, so that only their shape counts.
        """
        shares = self.shares()
        has_total = [not model.exposure.is_empty for model in self.models]
        reference = 0.0
        scales = []
        for model, share, is_known in zip(self.models, shares, has_total, strict=True):
            scale = share
            if share > 0.0 and not is_known and any(has_total):
                reference = reference or self.models[has_total.index(True)].held
                scale = share * reference / model.held if model.held > 0.0 else share
            scales.append(scale)
        return tuple(scales)

    def set_mean_levels(self, means: Sequence[tuple[float, float]], price: float) -> None:
        """
        Take in where the models see the bulk of liquidations.

        Parameters
        ----------
        means : sequence of tuple of float
            Each model's volume-weighted mean level of longs and of shorts (quote; NaN: none).
        price : float
            The current price.

        """
        self._largest_difference = 0.0
        for index in range(2):
            known = [mean[index] for mean in means]
            if len(known) > 1 and not any(map(math.isnan, known)):
                difference = (max(known) - min(known)) / price
                self._largest_difference = max(self._largest_difference, difference)

    def combine(self, parts: list[FloatArray]) -> FloatArray:
        """
        Return the weighted mean of the models' densities.

        Parameters
        ----------
        parts : list of ndarray of shape (2, n)
            One per model.

        Returns
        -------
        ndarray of shape (2, n)

        """
        out = np.zeros_like(parts[0])
        for part, scale in zip(parts, self.scales(), strict=True):
            out += part * scale
        return out

    def state(self) -> dict[str, float]:
        """Return everything that changes."""
        return {"data_quality": self._data_quality, "difference": self._largest_difference}

    def restore(self, state: dict[str, float]) -> None:
        """Take over what `state` returned."""
        self.set_data_quality(state["data_quality"])
        self._largest_difference = state["difference"]

    def _table_levels(self, rows: pd.DataFrame, current_price: float) -> LevelArrays:
        frames = [model.calculate_liquidations(rows, current_price) for model in self.models]
        self.set_mean_levels([_mean_levels(frame) for frame in frames], current_price)
        columns: list[LevelArrays] = []
        total = sum(self._weights)
        for frame, weight in zip(frames, self._weights, strict=True):
            side = np.where(frame["side"].to_numpy() == "long", LONG, SHORT).astype(np.int8)
            columns.append(
                (
                    frame["price_level"].to_numpy(),
                    frame["volume"].to_numpy() * (weight / total),
                    side,
                    frame["leverage"].to_numpy(),
                )
            )
        price, notional, sides, leverage = (
            np.concatenate(column) for column in zip(*columns, strict=True)
        )
        first = self.models[0]
        size = first.parameters.bucket_size or shown_bucket_size(
            first.brackets.symbol, current_price
        )
        return bucket_levels(price, notional, sides, leverage, size, by_leverage=True)


def _mean_levels(frame: pd.DataFrame) -> tuple[float, float]:
    longs, shorts = (_mean_level(frame[frame["side"] == name]) for name in ("long", "short"))
    return longs, shorts


def _mean_level(frame: pd.DataFrame) -> float:
    total = float(frame["volume"].sum())
    weighted = float((frame["price_level"] * frame["volume"]).sum())
    return weighted / total if total > 0.0 else math.nan
