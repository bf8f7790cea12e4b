"""The ensemble: the models' levels, weighted, with a confidence that knows of disagreement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.levels import bucket_levels
from liq_nautilus.core.levels import shown_bucket_size
from liq_nautilus.core.models.base import AbstractLiquidationModel
from liq_nautilus.core.models.base import ExposureModel
from liq_nautilus.core.models.books import ModelBooks
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from liq_nautilus.core.models.base import LevelArrays
    from liq_nautilus.core.records import FloatArray

# Disagreement takes the confidence below this.
_DISAGREEING_CONFIDENCE = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """
    How the models of an ensemble count.

    Attributes
    ----------
    shares : tuple of float
        The weights, renormalised over the models that have a map.
    scales : ndarray of shape (n_models,)
        What each model's positions count in the mean.
    confidence : float
        The weighted mean of the models' own.
    without_total : tuple of int
        The models that count but know no open interest.

    """

    shares: tuple[float, ...]
    scales: FloatArray
    confidence: float
    without_total: tuple[int, ...]


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
        Published levels whose means differ by more than this fraction of the price lower the
        confidence.

    Attributes
    ----------
    models : tuple of ExposureModel
        As given.
    all_names : tuple of str
        Theirs, and last the ensemble's.
    books : ModelBooks
        Their positions.

    """

    def __init__(
        self,
        models: tuple[ExposureModel, ...],
        weights: tuple[float, ...],
        disagreement: float,
    ) -> None:
        super().__init__()
        self.models = models
        self.books = ModelBooks(models)
        self._weights = weights
        self._limit = disagreement
        self._largest_difference = 0.0
        self.all_names = (*(model.model_name for model in models), self.model_name)
        # By which models have a map.
        self._known: dict[tuple[bool, ...], Weighing] = {}

    @property
    def model_name(self) -> str:
        """The name by which the model is asked for."""
        return "ensemble"

    @property
    def base_confidence(self) -> float:
        """The weighted mean of the models' own, lowered to under 0.7 where they disagree."""
        is_disputed = self._largest_difference > self._limit
        return self.weighing().confidence * (_DISAGREEING_CONFIDENCE if is_disputed else 1.0)

    def named(self, name: str) -> ExposureModel | Ensemble:
        """
        Return a model, or the ensemble itself, by its name.

        Raises
        ------
        ValueError
            If there is no such model.

        """
        if name == self.model_name:
            return self
        for model in self.models:
            if model.model_name == name:
                return model
        msg = f"model must be one of {', '.join(self.all_names)}, was {name}"
        raise ValueError(msg)

    def shares(self) -> tuple[float, ...]:
        """Return the weights, renormalised over the models that have a map (else all 0)."""
        return self.weighing().shares

    def scales(self) -> tuple[float, ...]:
        """
        Return what each model's positions count in the mean.

        The shares; but models without open interest (large trades) know no total: theirs is scaled
        to that of the first model with one, so that only their shape counts.
        """
        return tuple(self.weighing().scales.tolist())

    def weighing(self) -> Weighing:
        """Return how the models count now."""
        has_map = tuple([model.has_map for model in self.models])
        weighing = self._known.get(has_map)
        if weighing is None:
            weighing = self._known[has_map] = self._weighing_of(has_map)
        if weighing.without_total:
            return self._scaled_to_total(weighing)
        return weighing

    def _weighing_of(self, has_map: tuple[bool, ...]) -> Weighing:
        weights = [
            weight if is_known else 0.0
            for weight, is_known in zip(self._weights, has_map, strict=True)
        ]
        total = sum(weights)
        shares = tuple(weight / total if total > 0.0 else 0.0 for weight in weights)
        # Nothing tracked: of a table, all models say something.
        trusted = shares if any(has_map) else [w / sum(self._weights) for w in self._weights]
        mean = sum(
            share * model.base_confidence for model, share in zip(self.models, trusted, strict=True)
        )
        without_total = tuple(
            i for i, share in enumerate(shares) if share > 0.0 and not self.models[i].trades
        )
        return Weighing(shares, np.array(shares), float(mean), without_total)

    def _scaled_to_total(self, weighing: Weighing) -> Weighing:
        known = [model for model in self.models if not model.exposure.is_empty]
        if not known:
            return weighing
        scales = weighing.scales.copy()
        for i in weighing.without_total:
            scales[i] *= known[0].held / self.models[i].held
        return replace(weighing, scales=scales)

    def note_difference(self, difference: float) -> None:
        """Take in by which fraction of the price the models' mean levels differ."""
        self._largest_difference = difference

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
