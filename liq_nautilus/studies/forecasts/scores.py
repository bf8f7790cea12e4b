"""Scores forecasts beside every simpler one: ranks, quantiles, chances, and what AVOID is worth."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np

from liq_nautilus.core.forecasting.fits import QUANTILES
from liq_nautilus.core.science.bootstrap import PairedScores
from liq_nautilus.core.science.bootstrap import spearman_difference
from liq_nautilus.core.science.reliability import measure_reliability
from liq_nautilus.core.science.scoring import spearman
from liq_nautilus.studies.forecasts.rival_fits import BASELINES
from liq_nautilus.studies.forecasts.rival_fits import FORECAST
from liq_nautilus.studies.forecasts.rival_fits import HOUR
from liq_nautilus.studies.forecasts.rival_fits import INPUTS
from liq_nautilus.studies.forecasts.rival_fits import PAST
from liq_nautilus.studies.forecasts.rival_fits import PLACEBO
from liq_nautilus.studies.forecasts.rival_fits import STRONGEST
from liq_nautilus.studies.forecasts.rival_fits import VOLATILITY
from liq_nautilus.studies.forecasts.rival_fits import predict
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.studies.forecasts.moments import Moments
    from liq_nautilus.studies.forecasts.rival_fits import Fits
    from liq_nautilus.studies.forecasts.rival_fits import Prediction
    from liq_nautilus.studies.inputs.windows import Labels

    type Flags = npt.NDArray[np.bool_]

SIDES: Final = ("long", "short", "both")
_TRAILING_NS: Final = 72 * HOUR_NS
_N_DRAWS: Final = 1000
_SEED: Final = 20_261


@dataclass(frozen=True, slots=True, eq=False)
class SideEvidence:
    """
    What was forecast of one side of a window, and what came true.

    Attributes
    ----------
    ts, ts_end : ndarray of shape (n,)
        UTC ns.
    realised : ndarray of shape (n,)
        Quote.
    is_unusual, is_avoided : ndarray of shape (n,)
        Whether that was unusual, and whether AVOID's condition held.
    expected, chance : dict of str to ndarray of shape (n,)
        Quote, and the chance of an unusual amount, by forecast.
    quantiles : dict of str to ndarray of shape (n, 4)
        Quote.

    """

    ts: TimeArray
    ts_end: TimeArray
    realised: FloatArray
    is_unusual: Flags
    is_avoided: Flags
    expected: dict[str, FloatArray]
    chance: dict[str, FloatArray]
    quantiles: dict[str, FloatArray]


def side_evidence(
    moments: Moments, fits: Fits, labels: Labels, horizon: str
) -> dict[str, SideEvidence]:
    """
    Return what can be scored of a window, by side.

    Parameters
    ----------
    moments : Moments
        The window's, with what the tracker forecast.
    fits : dict of str to HorizonFit
        Of everything it is compared with.
    labels : Labels
        What was liquidated.
    horizon : str
        "1h", "4h" or "1d".

    """
    made = {
        name: predict(name, fits, moments, labels, horizon) for name in INPUTS if name != FORECAST
    }
    return {side: _one_side(moments, made, index) for index, side in enumerate(SIDES)}


def _one_side(moments: Moments, made: dict[str, Prediction], index: int) -> SideEvidence:
    told = moments.forecast[index]
    return SideEvidence(
        moments.ts,
        moments.ts_end,
        moments.realised[index],
        moments.realised[index] > moments.threshold[index],
        moments.is_avoided,
        {FORECAST: told[:, 0]} | {name: one.expected[index] for name, one in made.items()},
        {FORECAST: told[:, 5]} | {name: one.chance[index] for name, one in made.items()},
        {FORECAST: told[:, 1:5]} | {name: one.quantiles[index] for name, one in made.items()},
    )


def score(parts: Sequence[SideEvidence]) -> dict[str, Any]:
    """
    Return the scores of one side over one or more windows.

    Rank correlations are taken within windows and averaged by their numbers of moments; all else is
    of all moments together.
    """
    one = _together(parts)
    ranks = {name: _rank_correlation(parts, name) for name in INPUTS}
    known = {name: ranks[name] or -2.0 for name in BASELINES}
    strongest = max(known, key=known.__getitem__)
    return {
        "n": len(one.ts),
        "spearman": ranks | {"strongest_baseline": ranks[strongest]},
        "strongest_baseline": strongest,
        **_increment("increment", parts, FORECAST),
        **_increment("increment_placebo", parts, PLACEBO),
        "pinball_skill": 1.0 - _pinball(one, FORECAST) / _pinball(one, STRONGEST),
        "pinball_skill_hour": 1.0 - _pinball(one, FORECAST) / _pinball(one, HOUR),
        "coverage": {
            str(level): float((one.realised <= one.quantiles[FORECAST][:, place]).mean())
            for place, level in enumerate(QUANTILES)
        },
        "brier": {
            name: float(((one.chance[name] - one.is_unusual) ** 2).mean()) for name in INPUTS
        },
        "reliability": _reliability(one),
        **_avoid(parts),
    }


def interval_rows(evidence: dict[str, SideEvidence]) -> list[dict[str, Any]]:
    """Return one row per moment and side of a window, for `accuracy --forecast --intervals`."""
    rows = []
    for side, one in evidence.items():
        quantiles = one.quantiles[FORECAST]
        for i, ts in enumerate(one.ts.tolist()):
            told = zip(("q10", "q50", "q90", "q99"), quantiles[i].tolist(), strict=True)
            rows.append(
                {
                    "ts": iso(ts),
                    "ts_end": iso(int(one.ts_end[i])),
                    "side": side,
                    "realised": float(one.realised[i]),
                    "expected": float(one.expected[FORECAST][i]),
                    **dict(told),
                    "probability_unusual": float(one.chance[FORECAST][i]),
                    "is_unusual": "true" if one.is_unusual[i] else "false",
                    "avoid": "true" if one.is_avoided[i] else "false",
                    "baseline_expected": float(one.expected[STRONGEST][i]),
                    "baseline_probability": float(one.chance[STRONGEST][i]),
                    "volatility_probability": float(one.chance[VOLATILITY][i]),
                }
            )
    return sorted(rows, key=lambda row: (row["ts"], SIDES.index(row["side"])))


def highest_lately(chance: FloatArray, ts: TimeArray, count: int) -> Flags:
    """
    Return the moments whose chance is highest against the three days before.

    Parameters
    ----------
    chance : ndarray of shape (n,)
        Of an unusual amount.
    ts : ndarray of shape (n,)
        UTC ns, rising.
    count : int
        How many moments: those of equal duty.

    """
    first = np.searchsorted(ts, ts - _TRAILING_NS)
    rank = np.array(
        [(chance[a:i] < chance[i]).mean() if i > a else 0.0 for i, a in enumerate(first.tolist())]
    )
    found = np.zeros(ts.size, dtype=np.bool_)
    found[np.lexsort((chance, rank))[ts.size - count :]] = True
    return found


def _together(parts: Sequence[SideEvidence]) -> SideEvidence:
    joined: dict[str, Any] = {}
    for field in fields(SideEvidence):
        values = [getattr(one, field.name) for one in parts]
        if isinstance(values[0], dict):
            joined[field.name] = {
                name: np.concatenate([value[name] for value in values]) for name in values[0]
            }
        else:
            joined[field.name] = np.concatenate(values)
    return SideEvidence(**joined)


def _rank_correlation(parts: Sequence[SideEvidence], name: str) -> float | None:
    each = np.array([spearman(one.expected[name], one.realised) for one in parts])
    known = np.isfinite(each)
    if not known.any():
        return None
    weights = np.array([len(one.ts) for one in parts], dtype=np.float64)
    return float(np.average(each[known], weights=weights[known]))


def _increment(key: str, parts: Sequence[SideEvidence], name: str) -> dict[str, Any]:
    pairs = [
        PairedScores(one.ts, one.realised, one.expected[name], one.expected[STRONGEST])
        for one in parts
    ]
    found = spearman_difference(pairs)
    return {key: _known(found.value), f"{key}_interval": _bounds(found.low, found.high)}


def _pinball(one: SideEvidence, name: str) -> float:
    miss = one.realised[:, None] - one.quantiles[name]
    levels = np.array(QUANTILES)
    return float(np.maximum(levels * miss, (levels - 1.0) * miss).mean())


def _reliability(one: SideEvidence) -> dict[str, Any]:
    found = measure_reliability(one.ts, one.chance[FORECAST], one.is_unusual.astype(np.float64))
    on = one.is_avoided
    return {
        "stated": _known(found.mean_confidence),
        "observed": _known(found.observed),
        "calibration_error": _known(found.calibration_error),
        "stated_on": _known(one.chance[FORECAST][on].mean() if on.any() else np.nan),
        "bins": [[bin_.n, bin_.mean_confidence, bin_.observed] for bin_ in found.bins],
    }


def _avoid(parts: Sequence[SideEvidence]) -> dict[str, Any]:
    flags = {"avoid": [one.is_avoided for one in parts]}
    for key, name in (("avoid_volatility", VOLATILITY), ("avoid_past", PAST)):
        flags[key] = [
            highest_lately(one.chance[name], one.ts, int(one.is_avoided.sum())) for one in parts
        ]
    unusual = np.concatenate([one.is_unusual for one in parts]).astype(np.float64)
    days = np.concatenate([one.ts // DAY_NS for one in parts])
    joined = {key: np.concatenate(values) for key, values in flags.items()}
    found: dict[str, Any] = {}
    for key, on in joined.items():
        value, low, high = _difference(unusual, days, on)
        found[key] = {
            "duty": float(on.mean()),
            "p_on": _known(unusual[on].mean() if on.any() else np.nan),
            "p_off": _known(unusual[~on].mean() if (~on).any() else np.nan),
            "difference": _known(value),
            "interval": _bounds(low, high),
        }
    over = _difference(unusual, days, joined["avoid"], joined["avoid_volatility"])
    found["avoid"]["over_volatility"] = _known(over[0])
    found["avoid"]["over_volatility_interval"] = _bounds(*over[1:])
    return found


def _difference(
    unusual: FloatArray, days: TimeArray, on: Flags, rival: Flags | None = None
) -> tuple[float, float, float]:
    # The chance on less that off, against that of a rival; days are drawn whole.
    names, day = np.unique(days, return_inverse=True)
    if names.size < 2:
        return np.nan, np.nan, np.nan
    draws = np.random.default_rng(_SEED).multinomial(
        names.size, np.full(names.size, 1.0 / names.size), _N_DRAWS
    )
    weights = np.vstack([np.ones(names.size), draws])[:, day]
    values = _on_less_off(unusual, weights, on)
    if rival is not None:
        values = values - _on_less_off(unusual, weights, rival)
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return float(values[0]), float(low), float(high)


def _on_less_off(unusual: FloatArray, weights: FloatArray, on: Flags) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        share_on = (weights * on) @ unusual / (weights * on).sum(axis=1)
        share_off = (weights * ~on) @ unusual / (weights * ~on).sum(axis=1)
    difference: FloatArray = share_on - share_off
    return difference


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _bounds(low: float, high: float) -> list[float] | None:
    return [low, high] if np.isfinite(low) and np.isfinite(high) else None
