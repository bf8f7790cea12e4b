"""One window and side: every model, every baseline, the regressions with and without the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.science.bootstrap import PairedScores
from liq_nautilus.core.science.scoring import explained_deviance
from liq_nautilus.core.science.scoring import partial_spearman
from liq_nautilus.core.science.scoring import spearman
from liq_nautilus.core.tracker import MODEL_NAMES
from liq_nautilus.studies.evidence import ORIGINAL_MAP
from liq_nautilus.studies.evidence import TRADE_MODEL
from liq_nautilus.studies.fitting import regression_inputs
from liq_nautilus.studies.leak_reference import leak_reference
from liq_nautilus.studies.names import FITTED_MODEL
from liq_nautilus.studies.names import PATH
from liq_nautilus.studies.names import PATH_REGRESSION
from liq_nautilus.studies.names import SIDE_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.studies.evidence import Evidence
    from liq_nautilus.studies.fitting import Fit

METRICS = ("spearman", "partial_spearman", "explained_deviance")
NO_TRADES = "the window has no trades"
NO_TRAINING = "no training window before this one"
OTHER_MODE = "the parameters were fitted in the other mode: calibrate with or without --refresh"
NOT_DEFINED = "nothing is left to correlate: a constant, or a function of the adverse move alone"
ALL_MODELS = (*MODEL_NAMES, FITTED_MODEL)

type Scores = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class SideScores:
    """
    One window and side, scored.

    Attributes
    ----------
    evidence : Evidence
        The window.
    side : int
        +1 long, -1 short.
    models, baselines : dict of dict
        Scores by name: the METRICS, and a reason where one is None.
    predictions : dict of ndarray of shape (n,)
        Of models, baselines and regressions, by name.
    best_model : str
        Fixed from training data.
    best_baseline : str
        The baseline with the highest rank correlation on this very window.
    relation : str
        Of the training windows to this one: earlier, disjoint, overlapping or none.
    leak : dict
        See `liq_nautilus.studies.leak_reference`.

    """

    evidence: Evidence
    side: int
    models: dict[str, Scores]
    baselines: dict[str, Scores]
    predictions: dict[str, FloatArray]
    best_model: str
    best_baseline: str
    relation: str
    leak: Scores

    def pair(self, better: str, worse: str) -> PairedScores | None:
        """Return two predictions for the bootstrap; None where one is lacking."""
        if better not in self.predictions or worse not in self.predictions:
            return None
        return PairedScores(
            self.evidence.window.paths.ts_open,
            self.evidence.realised(self.side),
            self.predictions[better],
            self.predictions[worse],
        )


def score_side(evidence: Evidence, side: int, fit: Fit, models: Sequence[str] = ()) -> SideScores:
    """
    Score one window and side.

    Parameters
    ----------
    evidence : Evidence
        The window, replayed with the fit's parameters.
    side : int
        +1 long, -1 short.
    fit : Fit
        Parameters and scales from training windows.
    models : sequence of str, optional
        Show only these models; all by default.

    """
    share = fit.openings_share
    of_models = _mixed(evidence.model_designs(side, share), fit, side)
    of_baselines = _mixed(evidence.baseline_designs(side, share), fit, side)
    of_regressions = _regression_predictions(evidence, side, fit)
    if PATH in of_regressions:
        of_baselines[PATH_REGRESSION] = of_regressions[PATH]
    expected = [
        *of_baselines,
        *(n for n in (PATH_REGRESSION, ORIGINAL_MAP) if n not in of_baselines),
    ]
    baselines = {name: _scores(evidence, side, fit, name, of_baselines) for name in expected}
    best_model = fit.best_model if fit.best_model in of_models else FITTED_MODEL
    return SideScores(
        evidence=evidence,
        side=side,
        models={
            name: _scores(evidence, side, fit, name, of_models)
            for name in ALL_MODELS
            if not models or name in models
        },
        baselines=baselines,
        predictions=of_models | of_baselines | of_regressions,
        best_model=best_model,
        best_baseline=max(of_baselines, key=lambda name: _or_least(baselines[name])),
        relation=relation_of(fit, evidence.window.start, evidence.window.end),
        leak=leak_reference(evidence, side, of_models[best_model]),
    )


def relation_of(fit: Fit, start: int, end: int) -> str:
    """
    Return how the training windows lie to a scored one.

    Parameters
    ----------
    fit : Fit
        With its provenance.
    start, end : int
        Of the scored window (UTC ns).

    Returns
    -------
    str
        "none" (not trained), "overlapping", "earlier" (all of them) or "disjoint".

    """
    windows = fit.provenance.get("windows", [])
    if not windows:
        return "none"
    if any(one["start_ns"] < end and one["end_ns"] > start for one in windows):
        return "overlapping"
    return "earlier" if all(one["end_ns"] <= start for one in windows) else "disjoint"


def _mixed(designs: dict[str, FloatArray], fit: Fit, side: int) -> dict[str, FloatArray]:
    # What was not fitted has equal shares.
    weights = fit.sides[side].weights
    return {
        name: design @ weights.get(name, np.full(design.shape[1], 1.0 / design.shape[1]))
        for name, design in designs.items()
    }


def _regression_predictions(evidence: Evidence, side: int, fit: Fit) -> dict[str, FloatArray]:
    fitted = fit.sides[side]
    if not fitted.regressions or fit.mode != evidence.mode:
        return {}
    inputs = regression_inputs(evidence, side, fitted, fit.openings_share)
    return {name: fitted.regressions[name].predict(inputs[name]) for name in inputs}


def _scores(
    evidence: Evidence, side: int, fit: Fit, name: str, predictions: dict[str, FloatArray]
) -> Scores:
    if name not in predictions:
        reason = NO_TRADES if name in {TRADE_MODEL, ORIGINAL_MAP} else NO_TRAINING
        if reason == NO_TRAINING and fit.mode != evidence.mode and fit.sides[side].regressions:
            reason = OTHER_MODE
        return dict.fromkeys(METRICS) | {"reason": reason}
    prediction, realised = predictions[name], evidence.realised(side)
    adverse = evidence.window.paths.adverse(side)
    scale = fit.sides[side].scales.get(name)
    values = (
        spearman(prediction, realised),
        partial_spearman(prediction, realised, adverse),
        np.nan if scale is None else explained_deviance(realised, scale.apply(prediction)),
    )
    scores: Scores = {
        metric: float(value) if np.isfinite(value) else None
        for metric, value in zip(METRICS, values, strict=True)
    }
    if None in scores.values():
        lacks_scale = scale is None and scores["spearman"] is not None
        scores["reason"] = f"no scale: {NO_TRAINING}" if lacks_scale else NOT_DEFINED
    return scores


def _or_least(scores: Scores) -> float:
    value = scores["spearman"]
    return -2.0 if value is None else float(value)


def side_name(side: int) -> str:
    """Return "long" or "short"."""
    return SIDE_NAMES[side]
