"""The benchmark over all windows: per window and side, pooled, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

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
from liq_nautilus.studies.names import PUBLISHED
from liq_nautilus.studies.names import REFRESH
from liq_nautilus.studies.names import SIDE_NAMES
from liq_nautilus.studies.signal_reliability import measure_signals
from liq_nautilus.studies.window_scores import METRICS
from liq_nautilus.studies.window_scores import calibration
from liq_nautilus.studies.window_scores import least_favourable
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

INTERVAL_COLUMNS = (
    "ts_open", "ts_close", "side", "realised", "expected", "low", "high", "exposure",
    "path_regression", "path_and_map",
)  # fmt: skip
# Claims by name: the two predictions whose rank correlations are compared.
_COMPARISONS = {
    "gain_ensemble": (PUBLISHED, PATH_REGRESSION),
    "increment": (PATH_AND_MODEL, PATH),
    "increment_frozen_map": (PATH_AND_FROZEN_MAP, PATH),
    "increment_placebo": (PATH_AND_PLACEBO, PATH),
}


class Part(NamedTuple):
    """A window, or a part of one, and what it is predicted with."""

    window: Window
    fit: Fit


def measure_accuracy(
    windows: Sequence[Window],
    parts_of: Callable[[int], Sequence[Part]],
    *,
    source: str,
    models: Sequence[str] = (),
    refresh: bool = False,
    with_liquidations: bool = False,
) -> tuple[dict[str, Any], list[SideScores]]:
    """
    Score windows and return the document of `accuracy`, and what it was made of.

    Parameters
    ----------
    windows : sequence of Window
        In time order.
    parts_of : callable
        From a window's number to its parts and the parameters each is scored with.
    source : str
        Where the parameters come from.
    models : sequence of str, optional
        Show only these; all by default.
    refresh : bool, optional
        Read the map bar by bar inside the interval.
    with_liquidations : bool, optional
        What was liquidated in intervals that have ended is an input of map and baselines alike.

    """
    all_parts = [list(parts_of(number)) for number in range(len(windows))]
    scored: list[SideScores] = []
    details: list[dict[str, Any]] = []
    for window, parts in zip(windows, all_parts, strict=True):
        fits = [part.fit for part in parts]
        evidence = [
            gather(
                part.window,
                part.fit.parameters,
                refresh=refresh,
                with_liquidations=with_liquidations,
            )
            for part in parts
        ]
        scored += [score_side(evidence, side, fits, models) for side in SIDE_NAMES]
        study = LocationStudy(window, fits[-1])
        details += [study.entry(side) for side in SIDE_NAMES]
    entries = [_window_entry(one) | more for one, more in zip(scored, details, strict=True)]
    pooled = [_pooled_entry([one for one in scored if one.side == side]) for side in SIDE_NAMES]
    last = [parts[-1].fit for parts in all_parts]
    document = {
        "params": {
            "source": source,
            "windows": _training_windows([part.fit for parts in all_parts for part in parts]),
            "relation": least_favourable({one.relation for one in scored}),
            "params_hash": last[-1].parameters.params_hash if last else None,
            "inputs": _inputs(windows, with_liquidations=with_liquidations),
            "venues": list(last[-1].parameters.venues) if last else None,
        },
        "mode": REFRESH if refresh else FROZEN,
        "windows": entries,
        "pooled": pooled,
        "verdict": verdict(pooled),
        "reliability": measure_signals(windows, [fit.parameters for fit in last]),
    }
    return document, scored


def _inputs(windows: Sequence[Window], *, with_liquidations: bool) -> list[str]:
    found = ["bars", "open interest"]
    found += ["funding"] if any(window.funding[0].size for window in windows) else []
    found += ["mark prices"] if any(window.has_mark for window in windows) else []
    found += ["trades"] if any(window.has_trades for window in windows) else []
    return found + (["liquidations of intervals that have ended"] if with_liquidations else [])


def intervals_table(scored: Sequence[SideScores]) -> dict[str, Sequence[Any]]:
    """
    Return one row per interval and side, by column.

    Columns: ts_open, ts_close, side, realised, expected, low, high, exposure (sums of the published
    ensemble's levels in the swept range, frozen at ts_open), path_regression, path_and_map (scores
    that rank; NaN where no training window was there to fit them on).
    """
    rows: list[tuple[Any, ...]] = []
    for one in scored:
        found, known = one.predicted, one.predicted.all
        nothing = np.full(one.n, np.nan)
        columns = (
            found.realised,
            found.models[PUBLISHED],
            found.low,
            found.high,
            found.exposure,
            known.get(PATH_REGRESSION, nothing),
            known.get(PATH_AND_MODEL, nothing),
        )
        for i in range(one.n):
            times = (iso(int(found.ts_open[i])), iso(int(found.ts_close[i])))
            rows.append((*times, side_name(one.side), *(float(values[i]) for values in columns)))
    rows.sort(key=lambda row: (row[0], row[2]))
    return dict(zip(INTERVAL_COLUMNS, zip(*rows, strict=True), strict=True))


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
    entry: dict[str, Any] = {
        "start": iso(int(one.predicted.ts_open[0])),
        "end": iso(int(one.predicted.ts_close[-1])),
        "side": side_name(one.side),
        "symbol": one.symbol,
        "intervals": one.n,
        "labels": one.labels,
        "completeness": one.completeness if np.isfinite(one.completeness) else None,
        "relation": one.relation,
        "models": one.models,
        "baselines": one.baselines,
        "best_model": one.best_model,
        "best_baseline": one.best_baseline,
    }
    entry |= _claim("gain", [one.pair(one.best_model, one.best_baseline)])
    for name, (better, worse) in _COMPARISONS.items():
        entry |= _claim(name, [one.pair(better, worse)])
    entry["calibration"] = calibration([one.predicted], PUBLISHED)
    return entry | {"leak_reference": one.leak}


def _pooled_entry(scored: Sequence[SideScores]) -> dict[str, Any]:
    # Gains count only where the strongest opponent could be fitted.
    fair = [one for one in scored if PATH in one.predicted.regressions] or list(scored)
    models = _pooled_scores([one.models for one in fair], fair)
    baselines = _pooled_scores([one.baselines for one in fair], fair)
    entry: dict[str, Any] = {
        "side": side_name(scored[0].side),
        "intervals": sum(one.n for one in fair),
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
    for name, (better, worse) in _COMPARISONS.items():
        entry |= _claim(name, [one.pair(better, worse) for one in fair])
    entry["calibration"] = calibration([one.predicted for one in fair], PUBLISHED)
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
    weights = [one.n for one in scored]
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
