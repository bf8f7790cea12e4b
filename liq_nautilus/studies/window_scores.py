"""One window and side: every model, every baseline, the regressions with and without the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.records import MODEL_NAMES
from liq_nautilus.core.science.bootstrap import PairedScores
from liq_nautilus.core.science.scoring import explained_deviance
from liq_nautilus.core.science.scoring import partial_spearman
from liq_nautilus.core.science.scoring import spearman
from liq_nautilus.studies.evidence import ORIGINAL_MAP
from liq_nautilus.studies.evidence import TRADE_MODEL
from liq_nautilus.studies.fitting import regression_inputs
from liq_nautilus.studies.leak_reference import leak_reference
from liq_nautilus.studies.names import PATH
from liq_nautilus.studies.names import PATH_REGRESSION
from liq_nautilus.studies.names import SCENARIO
from liq_nautilus.studies.names import SIDE_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.studies.evidence import Evidence
    from liq_nautilus.studies.fitting import Fit

METRICS = ("spearman", "partial_spearman", "explained_deviance")
NO_TRADES = "the window has no trades"
NO_TRAINING = "no training window before this one"
OTHER_MODE = "the parameters were fitted in the other mode: calibrate with or without --refresh"
NOT_DEFINED = "nothing is left to correlate: a constant, or a function of the adverse move alone"
ALL_MODELS = (*MODEL_NAMES, SCENARIO)

type Scores = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """
    What was predicted of the intervals of one window and side, and what came true.

    Attributes
    ----------
    ts_open, ts_close : ndarray of shape (n,)
        UTC ns.
    realised, adverse : ndarray of shape (n,)
        Liquidated notional (quote) and the move against the side (fraction of the open).
    low, high, exposure : ndarray of shape (n,)
        The published ensemble's band and open interest in the swept range (quote).
    models, baselines, regressions : dict of ndarray of shape (n,)
        Predictions by name, in any unit; those of models in quote.
    scaled : dict of ndarray of shape (n,)
        Predictions in quote, by the scales of the training windows.

    """

    ts_open: TimeArray
    ts_close: TimeArray
    realised: FloatArray
    adverse: FloatArray
    low: FloatArray
    high: FloatArray
    exposure: FloatArray
    models: dict[str, FloatArray]
    baselines: dict[str, FloatArray]
    regressions: dict[str, FloatArray]
    scaled: dict[str, FloatArray]

    @property
    def all(self) -> dict[str, FloatArray]:
        """All predictions, by name."""
        return self.models | self.baselines | self.regressions


@dataclass(frozen=True, slots=True, eq=False)
class SideScores:
    """
    One window and side, scored.

    Attributes
    ----------
    symbol, labels : str
        Whose, and where the labels come from.
    completeness : float
        Which share of the labels was seen, the rest being made up; NaN where it is not known.
    side : int
        +1 long, -1 short.
    predicted : Predicted
        What was predicted, and what came true.
    models, baselines : dict of dict
        Scores by name: the METRICS, and a reason where one is None.
    best_model : str
        Fixed from training data.
    best_baseline : str
        The baseline with the highest rank correlation on this very window.
    relation : str
        Of the training windows to this one: earlier, disjoint, overlapping or none.
    leak : dict
        See `liq_nautilus.studies.leak_reference`.

    """

    symbol: str
    labels: str
    completeness: float
    side: int
    predicted: Predicted
    models: dict[str, Scores]
    baselines: dict[str, Scores]
    best_model: str
    best_baseline: str
    relation: str
    leak: Scores

    @property
    def n(self) -> int:
        """The number of intervals."""
        return self.predicted.realised.size

    def pair(self, better: str, worse: str) -> PairedScores | None:
        """Return two predictions for the bootstrap; None where one is lacking."""
        known, one = self.predicted.all, self.predicted
        if better not in known or worse not in known:
            return None
        return PairedScores(one.ts_open, one.realised, known[better], known[worse])


def predict_side(evidence: Evidence, side: int, fit: Fit) -> Predicted:
    """
    Predict the intervals of one window and side.

    Parameters
    ----------
    evidence : Evidence
        The window, replayed with the fit's parameters.
    side : int
        +1 long, -1 short.
    fit : Fit
        Scales and regressions from training windows.

    """
    models = evidence.predictions(side)
    baselines = _mixed(evidence.baseline_designs(side), fit, side)
    regressions = _regression_predictions(evidence, side, fit)
    if PATH in regressions:
        baselines[PATH_REGRESSION] = regressions[PATH]
    scales = fit.sides[side].scales
    low, high = evidence.band(side)
    labels = evidence.window.labels
    return Predicted(
        ts_open=labels.ts_open,
        ts_close=labels.ts_close,
        realised=evidence.realised(side),
        adverse=evidence.window.paths.adverse(side),
        low=low,
        high=high,
        exposure=evidence.exposure(side),
        models=models,
        baselines=baselines,
        regressions=regressions,
        scaled={
            name: scales[name].apply(values)
            for name, values in (models | baselines).items()
            if name in scales
        },
    )


def joined(parts: Sequence[Predicted]) -> Predicted:
    """Return the predictions of stretches that follow each other as one; what one lacks is left."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(one, name) for one in parts])
        for name in ("ts_open", "ts_close", "realised", "adverse", "low", "high", "exposure")
    }
    tables: dict[str, Any] = {
        name: _joined_tables([getattr(one, name) for one in parts])
        for name in ("models", "baselines", "regressions", "scaled")
    }
    return Predicted(**arrays, **tables)


def _joined_tables(tables: Sequence[dict[str, FloatArray]]) -> dict[str, FloatArray]:
    names = [name for name in tables[0] if all(name in one for one in tables)]
    return {name: np.concatenate([one[name] for one in tables]) for name in names}


def score_side(
    evidence: Sequence[Evidence], side: int, fits: Sequence[Fit], models: Sequence[str] = ()
) -> SideScores:
    """
    Score one window and side.

    Parameters
    ----------
    evidence : sequence of Evidence
        The window, or the parts of it that are predicted with what was learnt elsewhere each.
    side : int
        +1 long, -1 short.
    fits : sequence of Fit
        Parameters and scales from training windows, of each part.
    models : sequence of str, optional
        Show only these models; all by default.

    """
    parts = [predict_side(one, side, fit) for one, fit in zip(evidence, fits, strict=True)]
    found = joined(parts)
    lacking = _lacking(evidence[0], fits[0], side)
    expected = [
        *found.baselines,
        *(n for n in (PATH_REGRESSION, ORIGINAL_MAP) if n not in found.baselines),
    ]
    baselines = {name: _scores(found, name, found.baselines, lacking) for name in expected}
    best_model = fits[0].best_model if fits[0].best_model in found.models else SCENARIO
    leaks = [
        leak_reference(one, side, part.models[best_model])
        for one, part in zip(evidence, parts, strict=True)
    ]
    relations = {
        relation_of(fit, one.window.start, one.window.end)
        for one, fit in zip(evidence, fits, strict=True)
    }
    return SideScores(
        symbol=evidence[0].window.symbol,
        labels=evidence[0].window.labels.source,
        completeness=evidence[0].window.labels.share,
        side=side,
        predicted=found,
        models={
            name: _scores(found, name, found.models, lacking)
            for name in ALL_MODELS
            if not models or name in models
        },
        baselines=baselines,
        best_model=best_model,
        best_baseline=max(found.baselines, key=lambda name: _or_least(baselines[name])),
        relation=least_favourable(relations),
        leak=_averaged(leaks, [len(one.window.labels) for one in evidence]),
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
    return relation_between(fit.provenance.get("windows", []), start, end)


def relation_between(windows: Sequence[dict[str, Any]], start: int, end: int) -> str:
    """Return how training windows, as a provenance names them, lie to one; see `relation_of`."""
    if not windows:
        return "none"
    if any(one["start_ns"] < end and one["end_ns"] > start for one in windows):
        return "overlapping"
    return "earlier" if all(one["end_ns"] <= start for one in windows) else "disjoint"


def least_favourable(relations: set[str]) -> str:
    """Return the relation that claims least; one without training claims nothing."""
    order = ("overlapping", "disjoint", "earlier", "none")
    return next(one for one in order if one in relations or one == "none")


def calibration(found: Sequence[Predicted], model: str) -> Scores | None:
    """
    Return how a model's dollars came true.

    Parameters
    ----------
    found : sequence of Predicted
        Windows.
    model : str
        Of the published models: the band is the ensemble's.

    Returns
    -------
    dict
        ratio (predicted over realised notional), coverage, below and above (shares of intervals
        whose realised notional lies in, below and above the 90 % band) and deciles (mean predicted
        and realised notional by tenths of the predicted one, rising); None where nothing was
        predicted.

    """
    if not all(model in one.models for one in found):
        return None
    realised = np.concatenate([one.realised for one in found])
    expected = np.concatenate([one.models[model] for one in found])
    low = np.concatenate([one.low for one in found])
    high = np.concatenate([one.high for one in found])
    tenths = np.array_split(np.argsort(expected, kind="stable"), 10)
    return {
        "ratio": float(expected.sum() / realised.sum()) if realised.sum() > 0.0 else None,
        "coverage": float(((realised >= low) & (realised <= high)).mean()),
        "below": float((realised < low).mean()),
        "above": float((realised > high).mean()),
        "deciles": [
            [float(expected[rows].mean()), float(realised[rows].mean())]
            for rows in tenths
            if rows.size
        ],
    }


def _mixed(designs: dict[str, FloatArray], fit: Fit, side: int) -> dict[str, FloatArray]:
    # What was not fitted has equal shares.
    weights = fit.sides[side].weights
    return {
        name: design @ weights.get(name, np.full(design.shape[1], 1.0 / design.shape[1]))
        for name, design in designs.items()
    }


def _regression_predictions(evidence: Evidence, side: int, fit: Fit) -> dict[str, FloatArray]:
    fitted = fit.sides[side]
    regressions = fitted.with_past if evidence.knows_past else fitted.regressions
    if not regressions or fit.mode != evidence.mode:
        return {}
    inputs = regression_inputs(evidence, side)
    return {name: regressions[name].predict(inputs[name]) for name in inputs}


def _lacking(evidence: Evidence, fit: Fit, side: int) -> dict[str, str]:
    # Why a prediction is not there.
    is_other = fit.mode != evidence.mode and bool(fit.sides[side].regressions)
    reasons = {TRADE_MODEL: NO_TRADES, ORIGINAL_MAP: NO_TRADES}
    return reasons | {PATH_REGRESSION: OTHER_MODE if is_other else NO_TRAINING}


def _scores(
    found: Predicted, name: str, predictions: dict[str, FloatArray], lacking: dict[str, str]
) -> Scores:
    if name not in predictions:
        return dict.fromkeys(METRICS) | {"reason": lacking[name]}
    prediction, realised, scaled = predictions[name], found.realised, found.scaled.get(name)
    values = (
        spearman(prediction, realised),
        partial_spearman(prediction, realised, found.adverse),
        np.nan if scaled is None else explained_deviance(realised, scaled),
    )
    scores: Scores = {
        metric: float(value) if np.isfinite(value) else None
        for metric, value in zip(METRICS, values, strict=True)
    }
    if None in scores.values():
        lacks_scale = scaled is None and scores["spearman"] is not None
        scores["reason"] = f"no scale: {NO_TRAINING}" if lacks_scale else NOT_DEFINED
    return scores


def _averaged(leaks: Sequence[Scores], sizes: Sequence[int]) -> Scores:
    numbers = ("spearman", "path_only_in_sample")
    means = {
        name: float(np.average([one[name] for one in leaks], weights=sizes)) for name in numbers
    }
    return leaks[0] | means


def _or_least(scores: Scores) -> float:
    value = scores["spearman"]
    return -2.0 if value is None else float(value)


def side_name(side: int) -> str:
    """Return "long" or "short"."""
    return SIDE_NAMES[side]
