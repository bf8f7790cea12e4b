"""
What each part of the map is worth: it is changed or taken away, and everything fitted anew.

Each window is predicted with what was learnt on the others; a single one is cut in two halves. A
part whose input the data lacks is null with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal

import numpy as np

from liq_nautilus.core.records import LONG
from liq_nautilus.core.science.bootstrap import PairedScores
from liq_nautilus.core.science.bootstrap import spearman_difference
from liq_nautilus.core.science.column_weights import fit_mix
from liq_nautilus.core.science.path_regression import fit_rank_regression
from liq_nautilus.core.science.paths import path_features
from liq_nautilus.core.science.scoring import spearman
from liq_nautilus.errors import DataGapError
from liq_nautilus.studies.ablation_changes import fresher_open_interest
from liq_nautilus.studies.ablation_changes import one_sided
from liq_nautilus.studies.ablation_changes import without_mark
from liq_nautilus.studies.ablation_changes import without_volume
from liq_nautilus.studies.calibrating import PRIOR
from liq_nautilus.studies.inputs.windows import halves
from liq_nautilus.studies.map_readings import EVEN_UNIT
from liq_nautilus.studies.map_readings import replay
from liq_nautilus.studies.names import N_PATH_INPUTS
from liq_nautilus.studies.names import SIDE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.studies.fitting import Fit
    from liq_nautilus.studies.inputs.windows import Window

type Part = Literal["all", "no openings", "no background", "map only"]

REFERENCE = "as fitted"
# Fewer intervals teach nothing.
_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Ablation:
    """
    One change.

    Attributes
    ----------
    name : str
        For people.
    parameters : dict
        Tracker parameters that differ.
    part : str
        What the prediction is made of.
    window : callable or None
        Changes the data; given the side for which it is read, 0 for both at once.
    is_by_side : bool
        Whether the changed data differs between sides.
    tier_model : str
        Whose tiers are read.
    is_fitted : bool
        False: the prior leverage mix instead of the fitted one.
    needs : str
        What it needs: "mark", "volume", "funding", "prior" (the tiers of the prior) or "".

    """

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    part: Part = "all"
    window: Callable[[Window, int], Window] | None = None
    tier_model: str = "funding_adjusted"
    is_fitted: bool = True
    is_by_side: bool = False
    needs: str = ""


ABLATIONS = (
    Ablation(REFERENCE),
    Ablation("without openings inside the interval", part="no openings"),
    Ablation("without the even background", part="no background"),
    Ablation("the map alone, without both", part="map only"),
    Ablation("prior leverage mix, not fitted", is_fitted=False, needs="prior"),
    Ablation("simplified liquidation formula", {"formula": "simplified"}),
    Ablation("no turnover, net open interest only: no openings either",
             {"turnover_rate": 0.0, "turnover_per_hour": 0.0}),
    Ablation("turnover of 10 % an hour, volume not used", {"turnover_per_hour": 0.1},
             window=without_volume, needs="volume"),
    Ablation("turnover rising with leverage", {"turnover_leverage_exponent": 1.0}),
    Ablation("losers close as fast as winners", {"loser_closing_ratio": 1.0}),
    Ablation("losers close 0.4 times as fast", {"loser_closing_ratio": 0.4}),
    Ablation("margin not drained by funding", tier_model="binance_standard", needs="funding"),
    Ablation("open interest credited to one side by the price's direction", window=one_sided,
             is_by_side=True),
    Ablation("open interest known without delay", window=fresher_open_interest),
    Ablation("last instead of mark price", window=without_mark, needs="mark"),
)  # fmt: skip


def run_ablations(
    windows: Sequence[Window],
    fit: Fit,
    *,
    ablations: Sequence[Ablation] = ABLATIONS,
    progress: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """
    Measure each ablation, leaving one window out at a time.

    Parameters
    ----------
    windows : sequence of Window
        A single one is cut in two halves.
    fit : Fit
        Whose parameters are varied; mixes and regressions are fitted anew on the other windows.
    ablations : sequence of Ablation, optional
        The first one is the reference.
    progress : callable, optional
        Told the name of each.

    Returns
    -------
    list of dict
        name, reason (where null) and per side: spearman, difference to the reference and the
        increment over the path-only regression, each with its interval.

    Raises
    ------
    DataGapError
        If there are too few intervals to learn from.

    """
    if len(windows) == 1:
        windows = halves(windows[0])
    if min(len(window.labels) for window in windows) < _FEWEST:
        msg = (
            f"ablations must have at least {_FEWEST} label intervals per window, or twice as many "
            f"in a single one, found {[len(window.labels) for window in windows]}; "
            "choose longer windows"
        )
        raise DataGapError(msg)
    reference: dict[int, list[FloatArray]] = {}
    rows = []
    for ablation in ablations:
        if progress is not None:
            progress(f"ablation: {ablation.name}")
        lacking = _lacking(windows, fit, ablation)
        if lacking:
            rows.append({"name": ablation.name, "reason": lacking, "long": None, "short": None})
            continue
        row: dict[str, Any] = {"name": ablation.name}
        both = _designs(windows, fit, ablation)
        for side, side_name in SIDE_NAMES.items():
            designs = both[side]
            held_out = _predict_each(windows, designs, side, ablation)
            base = reference.setdefault(side, held_out[0])
            row[side_name] = _measured(windows, side, held_out, base)
        rows.append(row)
    return rows


def _lacking(windows: Sequence[Window], fit: Fit, ablation: Ablation) -> str:
    has = {
        "": True,
        "mark": all(window.has_mark for window in windows),
        "volume": any(np.nan_to_num(window.bars.volume).any() for window in windows),
        "prior": fit.parameters.leverages == PRIOR.leverages,
        "funding": all(window.funding[0].size for window in windows),
    }
    if has[ablation.needs]:
        return ""
    return {
        "mark": "the windows have no mark prices",
        "volume": "the windows have no traded volume",
        "funding": "the windows have no funding rates",
        "prior": "the parameters have other leverage tiers than the prior",
    }[ablation.needs]


def _designs(
    windows: Sequence[Window], fit: Fit, ablation: Ablation
) -> dict[int, list[FloatArray]]:
    # Per side and window the columns of the prediction.
    parameters = replace(fit.parameters, **ablation.parameters)
    share = 0.0 if ablation.part in {"no openings", "map only"} else parameters.openings_share
    designs: dict[int, list[FloatArray]] = {side: [] for side in SIDE_NAMES}
    groups = [(side,) for side in SIDE_NAMES] if ablation.is_by_side else [tuple(SIDE_NAMES)]
    for window in windows:
        for sides in groups:
            changed = window
            if ablation.window is not None:
                changed = ablation.window(window, sides[0] if ablation.is_by_side else 0)
            found = replay(changed, parameters, tier_model=ablation.tier_model).design(
                share, on_path=True
            )
            if ablation.part in {"no background", "map only"}:
                found = found[:, :, :-1]
            for side in sides:
                designs[side].append(found[:, 0 if side == LONG else 1])
    return designs


def _predict_each(
    windows: Sequence[Window],
    designs: Sequence[FloatArray],
    side: int,
    ablation: Ablation,
) -> tuple[list[FloatArray], list[FloatArray], list[FloatArray]]:
    # The prediction, the path-only regression and the regression with the prediction, held out.
    realised = [window.labels.of(side) for window in windows]
    paths = [path_features(window.paths, side) for window in windows]
    alone, path_only, together = [], [], []
    for k in range(len(windows)):
        others = [i for i in range(len(windows)) if i != k]
        if ablation.is_fitted:
            design = np.vstack([designs[i] for i in others])
            weights = fit_mix(design, np.concatenate([realised[i] for i in others])).weights
        else:
            weights = _prior_weights(side)
        held = [design @ weights for design in designs]
        inputs = [np.column_stack([path, one]) for path, one in zip(paths, held, strict=True)]
        targets = [realised[i] for i in others]
        path = fit_rank_regression([paths[i] for i in others], targets, N_PATH_INPUTS)
        both = fit_rank_regression([inputs[i] for i in others], targets, N_PATH_INPUTS + 1)
        alone.append(held[k])
        path_only.append(path.predict(paths[k]))
        together.append(both.predict(inputs[k]))
    return alone, path_only, together


def _prior_weights(side: int) -> FloatArray:
    is_long = side == LONG
    shares = PRIOR.liquidated_shares_long if is_long else PRIOR.liquidated_shares_short
    even = PRIOR.background_share_long if is_long else PRIOR.background_share_short
    return np.array([*shares, even / EVEN_UNIT])


def _measured(
    windows: Sequence[Window],
    side: int,
    held_out: tuple[list[FloatArray], list[FloatArray], list[FloatArray]],
    reference: list[FloatArray],
) -> dict[str, Any]:
    alone, path_only, together = held_out
    sizes = [len(window.labels) for window in windows]
    scores = [
        spearman(one, window.labels.of(side)) for one, window in zip(alone, windows, strict=True)
    ]
    found: dict[str, Any] = {"spearman": float(np.average(scores, weights=sizes))}
    for name, better, worse in (
        ("difference", alone, reference),
        ("increment", together, path_only),
    ):
        claim = spearman_difference(
            [
                PairedScores(window.paths.ts_open, window.labels.of(side), a, b)
                for window, a, b in zip(windows, better, worse, strict=True)
            ]
        )
        found[name] = claim.value
        found[f"{name}_interval"] = [claim.low, claim.high]
    return found
