"""What is learnt from training windows, and how it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.science.column_weights import fit_mix
from liq_nautilus.core.science.path_regression import RankRegression
from liq_nautilus.core.science.path_regression import fit_rank_regression
from liq_nautilus.core.science.scoring import PowerScale
from liq_nautilus.core.science.scoring import fit_scale
from liq_nautilus.core.science.scoring import spearman
from liq_nautilus.data.map_parameters import PARAMETERS_VERSION
from liq_nautilus.data.map_parameters import parameters_of
from liq_nautilus.errors import SettingError
from liq_nautilus.studies.names import FROZEN
from liq_nautilus.studies.names import N_PATH_INPUTS
from liq_nautilus.studies.names import PATH
from liq_nautilus.studies.names import PATH_AND_FROZEN_MAP
from liq_nautilus.studies.names import PATH_AND_MODEL
from liq_nautilus.studies.names import PATH_AND_PLACEBO
from liq_nautilus.studies.names import PATH_REGRESSION
from liq_nautilus.studies.names import PUBLISHED
from liq_nautilus.studies.names import SCENARIO
from liq_nautilus.studies.names import SIDE_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.studies.evidence import Evidence


@dataclass(frozen=True, slots=True, eq=False)
class SideFit:
    """
    What was learnt about one side.

    Attributes
    ----------
    weights : dict of ndarray of shape (k,)
        The mix of each design's columns, by model or baseline name.
    scales : dict of PowerScale
        From a prediction to notional, by model or baseline name.
    regressions : dict of RankRegression
        path, path_and_model, path_and_frozen_map, path_and_placebo; empty without training data.
    with_past : dict of RankRegression
        The same with what was liquidated before as further inputs.

    """

    weights: dict[str, FloatArray] = field(default_factory=dict)
    scales: dict[str, PowerScale] = field(default_factory=dict)
    regressions: dict[str, RankRegression] = field(default_factory=dict)
    with_past: dict[str, RankRegression] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "weights": {name: values.tolist() for name, values in self.weights.items()},
            "scales": {
                name: [scale.factor, scale.power, scale.floor]
                for name, scale in self.scales.items()
            },
            "regressions": {name: one.to_dict() for name, one in self.regressions.items()},
            "with_past": {name: one.to_dict() for name, one in self.with_past.items()},
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> SideFit:
        """Return what `to_dict` gave."""
        return cls(
            {name: np.array(values) for name, values in document["weights"].items()},
            {name: PowerScale(*values) for name, values in document["scales"].items()},
            {name: RankRegression.from_dict(one) for name, one in document["regressions"].items()},
            {name: RankRegression.from_dict(one) for name, one in document["with_past"].items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """
    Parameters with their provenance and the scales of models and baselines.

    Attributes
    ----------
    parameters : TrackerParameters
        All that is fitted of the map.
    best_model : str
        The model with the highest mean rank correlation on the training windows.
    sides : dict of SideFit
        By side (+1, -1).
    mode : str
        "frozen" or "refresh": how the training windows were read.
    provenance : dict
        Windows, date, data hash, likelihood; the windows are empty for the prior.

    """

    parameters: TrackerParameters
    best_model: str
    sides: dict[int, SideFit]
    provenance: dict[str, Any]
    mode: str = FROZEN

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters file's content."""
        return {
            "version": PARAMETERS_VERSION,
            "parameters": self.parameters.to_dict(),
            "provenance": self.provenance,
            "best_model": self.best_model,
            "mode": self.mode,
            "sides": {SIDE_NAMES[side]: one.to_dict() for side, one in self.sides.items()},
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Fit:
        """
        Return a fit from a parameters file's content.

        Raises
        ------
        SettingError
            If it is of another version or lacks something.

        """
        parameters = parameters_of(document, "a parameters file")
        try:
            sides = document.get("sides", {})
            return cls(
                parameters,
                str(document.get("best_model", SCENARIO)),
                {
                    side: SideFit.from_dict(sides[name]) if name in sides else SideFit()
                    for side, name in SIDE_NAMES.items()
                },
                dict(document.get("provenance", {})),
                str(document.get("mode", FROZEN)),
            )
        except (KeyError, TypeError, ValueError) as e:
            msg = f"a parameters file must be one that `calibrate` wrote; {type(e).__name__}: {e}"
            raise SettingError(msg) from e


def prior_fit(parameters: TrackerParameters) -> Fit:
    """Return what is assumed before any training window: parameters, and no scales."""
    return Fit(parameters, SCENARIO, {side: SideFit() for side in SIDE_NAMES}, {"windows": []})


def fit_side(evidence: Sequence[Evidence], side: int) -> SideFit:
    """
    Learn mixes, scales and regressions of one side from training windows.

    Parameters
    ----------
    evidence : sequence of Evidence
        One per training window, all replayed with the same parameters.
    side : int
        +1 long, -1 short.

    """
    realised = [one.realised(side) for one in evidence]
    together = np.concatenate(realised)
    weights: dict[str, FloatArray] = {}
    scales: dict[str, PowerScale] = {}
    designs = [one.baseline_designs(side) for one in evidence]
    for name in designs[0]:
        design = np.vstack([each[name] for each in designs])
        weights[name] = fit_mix(design, together).weights if design.shape[1] > 1 else np.ones(1)
        scales[name] = fit_scale(design @ weights[name], together)
    expected = [one.predictions(side) for one in evidence]
    for name in expected[0]:
        scales[name] = fit_scale(np.concatenate([each[name] for each in expected]), together)
    regressions = fit_regressions(evidence, side)
    score = np.concatenate(
        [regressions[PATH].predict(regression_inputs(one, side)[PATH]) for one in evidence]
    )
    scales[PATH_REGRESSION] = fit_scale(score, together)
    return SideFit(weights, scales, regressions)


def fit_regressions(evidence: Sequence[Evidence], side: int) -> dict[str, RankRegression]:
    """Learn the path-only regression and those with one more input, by name."""
    inputs = [regression_inputs(one, side) for one in evidence]
    realised = [one.realised(side) for one in evidence]
    return {
        name: fit_rank_regression([each[name] for each in inputs], realised, n_crossed(name))
        for name in inputs[0]
    }


def n_crossed(name: str) -> int:
    """Return how many inputs of a regression enter with all their products: path, and map."""
    return N_PATH_INPUTS + (name != PATH)


def regression_inputs(evidence: Evidence, side: int) -> dict[str, FloatArray]:
    """Return the inputs of each regression for one window, by its name."""
    path, others = evidence.path_inputs(side), evidence.other_inputs(side)
    models = evidence.predictions(side)
    extra = {
        PATH_AND_MODEL: models[SCENARIO],
        PATH_AND_FROZEN_MAP: models[PUBLISHED],
        PATH_AND_PLACEBO: evidence.placebo(side),
    }
    found = {PATH: np.column_stack([path, others])}
    for name, values in extra.items():
        found[name] = np.column_stack([path, values, others])
    return found


def best_model_of(evidence: Sequence[Evidence]) -> str:
    """Return the model with the highest mean rank correlation over windows and sides."""
    totals: dict[str, list[float]] = {}
    for one in evidence:
        for side in SIDE_NAMES:
            for name, values in one.predictions(side).items():
                totals.setdefault(name, []).append(spearman(values, one.realised(side)))
    return max(totals, key=lambda name: float(np.nan_to_num(np.mean(totals[name]), nan=-2.0)))
