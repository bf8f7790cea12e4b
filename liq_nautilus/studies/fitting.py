"""What is learnt from training windows, and how it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.records import LONG
from liq_nautilus.core.science.column_weights import fit_mix
from liq_nautilus.core.science.path_regression import RankRegression
from liq_nautilus.core.science.path_regression import fit_rank_regression
from liq_nautilus.core.science.scoring import PowerScale
from liq_nautilus.core.science.scoring import fit_scale
from liq_nautilus.core.science.scoring import spearman
from liq_nautilus.data.map_parameters import PARAMETERS_VERSION
from liq_nautilus.data.map_parameters import parameters_of
from liq_nautilus.errors import SettingError
from liq_nautilus.studies.names import FITTED_MODEL
from liq_nautilus.studies.names import FROZEN
from liq_nautilus.studies.names import N_PATH_INPUTS
from liq_nautilus.studies.names import PATH
from liq_nautilus.studies.names import PATH_AND_FROZEN_MAP
from liq_nautilus.studies.names import PATH_AND_MODEL
from liq_nautilus.studies.names import PATH_AND_PLACEBO
from liq_nautilus.studies.names import PATH_REGRESSION
from liq_nautilus.studies.names import SHIFTED_MAP
from liq_nautilus.studies.names import SIDE_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.studies.evidence import Evidence

_PRIOR_BACKGROUND = 0.01


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

    """

    weights: dict[str, FloatArray] = field(default_factory=dict)
    scales: dict[str, PowerScale] = field(default_factory=dict)
    regressions: dict[str, RankRegression] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "weights": {name: values.tolist() for name, values in self.weights.items()},
            "scales": {
                name: [scale.factor, scale.power, scale.floor]
                for name, scale in self.scales.items()
            },
            "regressions": {name: one.to_dict() for name, one in self.regressions.items()},
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> SideFit:
        """Return what `to_dict` gave."""
        return cls(
            {name: np.array(values) for name, values in document["weights"].items()},
            {name: PowerScale(*values) for name, values in document["scales"].items()},
            {name: RankRegression.from_dict(one) for name, one in document["regressions"].items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """
    Parameters with their provenance and the scales of models and baselines.

    Attributes
    ----------
    parameters : TrackerParameters
        With the fitted leverage mix.
    openings_share : float
        The part of the expected turnover inside an interval that is liquidated as the path says.
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
    openings_share: float
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
            "openings_share": self.openings_share,
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
                float(document.get("openings_share", 0.0)),
                str(document.get("best_model", FITTED_MODEL)),
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


def prior_fit(parameters: TrackerParameters, openings_share: float) -> Fit:
    """Return what is assumed before any training window: a leverage mix, and no scales."""
    sides = {side: SideFit({FITTED_MODEL: prior_weights(parameters, side)}) for side in SIDE_NAMES}
    return Fit(parameters, openings_share, FITTED_MODEL, sides, {"windows": []})


def prior_weights(parameters: TrackerParameters, side: int) -> FloatArray:
    """Return the parameters' leverage mix and the prior background, shape (n_tiers + 1,)."""
    is_long = side == LONG
    weights = parameters.leverage_weights_long if is_long else parameters.leverage_weights_short
    values = np.array(weights, dtype=np.float64)
    return np.append(values / values.sum(), _PRIOR_BACKGROUND)


def fit_side(evidence: Sequence[Evidence], side: int, openings_share: float) -> SideFit:
    """
    Learn mixes, scales and regressions of one side from training windows.

    Parameters
    ----------
    evidence : sequence of Evidence
        One per training window, all replayed with the same parameters.
    side : int
        +1 long, -1 short.
    openings_share : float
        See `Fit`.

    """
    realised = [one.realised(side) for one in evidence]
    together = np.concatenate(realised)
    weights: dict[str, FloatArray] = {}
    scales: dict[str, PowerScale] = {}
    designs = [one.designs(side, openings_share) for one in evidence]
    for name in designs[0]:
        design = np.vstack([each[name] for each in designs])
        weights[name] = fit_mix(design, together).weights if design.shape[1] > 1 else np.ones(1)
        scales[name] = fit_scale(design @ weights[name], together)
    fitted = SideFit(weights, scales)
    fitted.regressions.update(_regressions(evidence, side, fitted, openings_share, realised))
    score = np.concatenate(
        [fitted.regressions[PATH].predict(one.path_inputs(side)) for one in evidence]
    )
    scales[PATH_REGRESSION] = fit_scale(score, together)
    return fitted


def regression_inputs(
    evidence: Evidence, side: int, fitted: SideFit, openings_share: float
) -> dict[str, FloatArray]:
    """Return the inputs of each regression for one window, by its name."""
    path = evidence.path_inputs(side)
    designs = evidence.designs(side, openings_share)
    mix = fitted.weights[FITTED_MODEL]
    extra = {
        PATH_AND_MODEL: designs[FITTED_MODEL] @ mix,
        PATH_AND_FROZEN_MAP: evidence.tiers(side) @ mix[:-1],
        PATH_AND_PLACEBO: designs[SHIFTED_MAP] @ fitted.weights.get(SHIFTED_MAP, mix),
    }
    return {PATH: path} | {name: np.column_stack([path, values]) for name, values in extra.items()}


def best_model_of(evidence: Sequence[Evidence], sides: dict[int, SideFit], share: float) -> str:
    """Return the model with the highest mean rank correlation over windows and sides."""
    totals: dict[str, list[float]] = {}
    for one in evidence:
        for side, fitted in sides.items():
            realised = one.realised(side)
            held = one.model_predictions(side)
            held[FITTED_MODEL] = one.expected_design(side, share) @ fitted.weights[FITTED_MODEL]
            for name, values in held.items():
                totals.setdefault(name, []).append(spearman(values, realised))
    return max(totals, key=lambda name: float(np.nan_to_num(np.mean(totals[name]), nan=-2.0)))


def _regressions(
    evidence: Sequence[Evidence],
    side: int,
    fitted: SideFit,
    openings_share: float,
    realised: Sequence[FloatArray],
) -> dict[str, RankRegression]:
    inputs = [regression_inputs(one, side, fitted, openings_share) for one in evidence]
    return {
        name: fit_rank_regression([each[name] for each in inputs], realised, N_PATH_INPUTS)
        for name in inputs[0]
    }
