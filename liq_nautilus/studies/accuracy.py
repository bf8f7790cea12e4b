"""The benchmark over all windows: per window and side, pooled, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.science.bootstrap import spearman_difference
from liq_nautilus.studies.evidence import gather
from liq_nautilus.studies.location import LocationStudy
from liq_nautilus.studies.names import FROZEN
from liq_nautilus.studies.names import PATH
from liq_nautilus.studies.names import PATH_AND_FROZEN_MAP
from liq_nautilus.studies.names import PATH_AND_MODEL
from liq_nautilus.studies.names import PATH_AND_PLACEBO
from liq_nautilus.studies.names import PATH_REGRESSION
from liq_nautilus.studies.names import REFRESH
from liq_nautilus.studies.names import SIDE_NAMES
from liq_nautilus.studies.signal_reliability import measure_signals
from liq_nautilus.studies.window_scores import METRICS
from liq_nautilus.studies.window_scores import relation_of
from liq_nautilus.studies.window_scores import score_side
from liq_nautilus.studies.window_scores import side_name
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Sequence

    from liq_nautilus.core.science.bootstrap import PairedScores
    from liq_nautilus.studies.fitting import Fit
    from liq_nautilus.studies.inputs.windows import Window
    from liq_nautilus.studies.window_scores import Scores
    from liq_nautilus.studies.window_scores import SideScores

# Claims by name: the two predictions whose rank correlations are compared.
_INCREMENTS = {
    "increment": (PATH_AND_MODEL, PATH),
    "increment_frozen_map": (PATH_AND_FROZEN_MAP, PATH),
    "increment_placebo": (PATH_AND_PLACEBO, PATH),
}


def measure_accuracy(
    windows: Sequence[Window],
    fit_for: Callable[[int], Fit],
    *,
    source: str,
    models: Sequence[str] = (),
    refresh: bool = False,
) -> dict[str, Any]:
    """
    Score windows and return the document of `accuracy`.

    Parameters
    ----------
    windows : sequence of Window
        In time order.
    fit_for : callable
        From a window's number to the parameters it is scored with.
    source : str
        Where the parameters come from.
    models : sequence of str, optional
        Show only these; all by default.
    refresh : bool, optional
        Read the map bar by bar inside the interval.

    """
    fits = [fit_for(number) for number in range(len(windows))]
    scored: list[SideScores] = []
    details: list[dict[str, Any]] = []
    for window, fit in zip(windows, fits, strict=True):
        evidence = gather(window, fit.parameters, refresh=refresh)
        scored += [score_side(evidence, side, fit, models) for side in SIDE_NAMES]
        study = LocationStudy(window, fit)
        details += [study.entry(side) for side in SIDE_NAMES]
    entries = [_window_entry(one) | more for one, more in zip(scored, details, strict=True)]
    pooled = [_pooled_entry([one for one in scored if one.side == side]) for side in SIDE_NAMES]
    return {
        "params": {
            "source": source,
            "windows": _training_windows(fits),
            "relation": _overall_relation(windows, fits),
            "params_hash": fits[-1].parameters.params_hash if fits else None,
            "openings_share": fits[-1].openings_share if fits else None,
        },
        "mode": REFRESH if refresh else FROZEN,
        "windows": entries,
        "pooled": pooled,
        "verdict": verdict(pooled),
        "reliability": measure_signals(windows, [fit.parameters for fit in fits]),
    }


def verdict(pooled: Sequence[dict[str, Any]]) -> str:
    """Return in words what the pooled figures say of each side."""
    return " ".join(_side_verdict(entry) for entry in pooled)


def _side_verdict(entry: dict[str, Any]) -> str:
    name = f"{entry['side'].capitalize()} liquidations, {entry['intervals']} intervals:"
    parts = []
    for key, good, bad, what in (
        (
            "gain",
            "the map alone ranks them better than the best baseline",
            "the map alone ranks them worse than the best baseline",
            "the map alone and the best baseline cannot be told apart",
        ),
        (
            "increment",
            "the map adds to what the price path tells",
            "adding the map makes the path-only regression worse",
            "whether the map adds to what the price path tells cannot be said",
        ),
    ):
        value, interval = entry[key], entry[f"{key}_interval"]
        if value is None or interval is None:
            parts.append(f"{key} not measured ({entry.get(f'{key}_reason', 'too few days')})")
            continue
        low, high = interval
        text = good if low > 0.0 else bad if high < 0.0 else what
        parts.append(f"{text} ({key} {value:+.3f}, 95 % {low:+.3f} to {high:+.3f})")
    return f"{name} {'; '.join(parts)}."


def _window_entry(one: SideScores) -> dict[str, Any]:
    window = one.evidence.window
    entry: dict[str, Any] = {
        "start": iso(window.start),
        "end": iso(window.end),
        "side": side_name(one.side),
        "symbol": window.symbol,
        "intervals": len(window.labels),
        "labels": window.labels.source,
        "relation": one.relation,
        "models": one.models,
        "baselines": one.baselines,
        "best_model": one.best_model,
        "best_baseline": one.best_baseline,
    }
    entry |= _claim("gain", [one.pair(one.best_model, one.best_baseline)])
    for name, (better, worse) in _INCREMENTS.items():
        entry |= _claim(name, [one.pair(better, worse)])
    return entry | {"leak_reference": one.leak}


def _pooled_entry(scored: Sequence[SideScores]) -> dict[str, Any]:
    # Gains count only where the strongest opponent could be fitted.
    fair = [one for one in scored if PATH in one.predictions] or list(scored)
    models = _pooled_scores([one.models for one in fair], fair)
    baselines = _pooled_scores([one.baselines for one in fair], fair)
    entry: dict[str, Any] = {
        "side": side_name(scored[0].side),
        "intervals": sum(len(one.evidence.window.labels) for one in fair),
        "n_windows": len(fair),
        "models": models,
        "baselines": baselines,
        "best_model": fair[-1].best_model,
        "best_baseline": max(baselines, key=lambda name: _value(baselines[name])),
    }
    entry |= _claim("gain", [one.pair(one.best_model, one.best_baseline) for one in fair])
    entry |= _claim(
        "gain_over_path_regression", [one.pair(one.best_model, PATH_REGRESSION) for one in fair]
    )
    for name, (better, worse) in _INCREMENTS.items():
        entry |= _claim(name, [one.pair(better, worse) for one in fair])
    return entry | {
        "leak_reference": {
            name: _weighted([one.leak[name] for one in fair], fair)
            for name in ("spearman", "path_only_in_sample")
        }
    }


def _claim(name: str, pairs: Sequence[PairedScores | None]) -> dict[str, Any]:
    known = [pair for pair in pairs if pair is not None]
    if not known:
        reason = "no training window, read in this mode, to fit the path-only regression on"
        return {name: None, f"{name}_interval": None, f"{name}_reason": reason}
    found = spearman_difference(known)
    interval = [found.low, found.high] if np.isfinite(found.low) else None
    return {name: found.value if np.isfinite(found.value) else None, f"{name}_interval": interval}


def _pooled_scores(
    tables: Sequence[dict[str, Scores]], scored: Sequence[SideScores]
) -> dict[str, Scores]:
    # Means over the windows, weighted by their intervals; null where any window lacks the score.
    names = list(dict.fromkeys(name for table in tables for name in table))
    pooled: dict[str, Scores] = {}
    for name in names:
        rows = [table[name] for table in tables]
        scores: Scores = {
            metric: _weighted([row[metric] for row in rows], scored) for metric in METRICS
        }
        reasons = sorted({row["reason"] for row in rows if "reason" in row})
        pooled[name] = scores | ({"reason": "; ".join(reasons)} if reasons else {})
    return pooled


def _weighted(values: Sequence[float | None], scored: Sequence[SideScores]) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    weights = [len(one.evidence.window.labels) for one in scored]
    return float(np.average(known, weights=weights))


def _value(scores: Scores) -> float:
    return -2.0 if scores["spearman"] is None else float(scores["spearman"])


def _training_windows(fits: Sequence[Fit]) -> list[dict[str, Any]]:
    seen: dict[tuple[int, int], dict[str, Any]] = {}
    for fit in fits:
        for one in fit.provenance.get("windows", []):
            seen[one["start_ns"], one["end_ns"]] = {
                "symbol": one.get("symbol"),
                "start": iso(one["start_ns"]),
                "end": iso(one["end_ns"]),
                "intervals": one.get("intervals"),
            }
    return [seen[key] for key in sorted(seen)]


def _overall_relation(windows: Sequence[Window], fits: Sequence[Fit]) -> str:
    # The least favourable of the windows'; a window scored with the prior has no relation.
    found = {relation_of(fit, one.start, one.end) for one, fit in zip(windows, fits, strict=True)}
    for relation in ("overlapping", "disjoint", "earlier"):
        if relation in found:
            return relation
    return "none"
