"""The document of `accuracy --forecast`: shipped fits, those of earlier or of all other windows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.studies.forecasts.moments import gather_moments
from liq_nautilus.studies.forecasts.rival_fits import fit_all
from liq_nautilus.studies.forecasts.rival_fits import numbers_of
from liq_nautilus.studies.forecasts.rival_fits import shipped
from liq_nautilus.studies.forecasts.scores import SIDES
from liq_nautilus.studies.forecasts.scores import interval_rows
from liq_nautilus.studies.forecasts.scores import score
from liq_nautilus.studies.forecasts.scores import side_evidence
from liq_nautilus.studies.training_windows import window_provenance
from liq_nautilus.studies.window_scores import least_favourable
from liq_nautilus.studies.window_scores import relation_between
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Sequence

    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.studies.forecasts.moments import Moments
    from liq_nautilus.studies.forecasts.rival_fits import Fits
    from liq_nautilus.studies.forecasts.scores import SideEvidence
    from liq_nautilus.studies.inputs.windows import Window

SHIPPED, WALK_FORWARD, LEAVE_ONE_OUT = "shipped", "walk-forward", "leave-one-out"
_SOURCES: Final = {
    SHIPPED: "shipped with liq_nautilus",
    WALK_FORWARD: "walk-forward: fitted on earlier windows",
    LEAVE_ONE_OUT: "fitted on all other windows",
}
# AVOID is about this horizon, whatever is scored.
_SIGNAL_HORIZON: Final = "4h"


class Trained(NamedTuple):
    """What a window is forecast with, and the windows that was fitted on."""

    parameters: TrackerParameters
    fits: Fits
    provenance: list[dict[str, Any]]


def measure_forecasts(
    windows: Sequence[Window],
    parameters: TrackerParameters,
    horizon: str,
    *,
    way: str = SHIPPED,
    progress: Callable[[str], Any] = print,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """
    Score forecasts and return the document of `accuracy --forecast`, and one row per moment.

    Parameters
    ----------
    windows : sequence of Window
        In time order.
    parameters : TrackerParameters
        What is assumed; their forecasts are fitted anew but in the first way.
    horizon : str
        "1h", "4h" or "1d".
    way : {"shipped", "walk-forward", "leave-one-out"}, optional
        What forecasts and baselines are fitted on. Walking forward leaves out the first window.
    progress : callable, optional
        Told what is being done.

    Raises
    ------
    DataGapError
        If no window has moments to score.
    SettingError
        If the horizon is not known.

    """
    if horizon not in HORIZON_HOURS:
        msg = f"--horizon must be one of {', '.join(HORIZON_HOURS)}, was {horizon}"
        raise SettingError(msg)
    scored: list[dict[str, SideEvidence]] = []
    entries, rows, used, relations = [], [], [], set()
    for window, trained in trained_windows(windows, parameters, horizon, way, progress):
        progress(f"forecasting {iso(window.start)} to {iso(window.end)}")
        moments = gather_moments(window, trained.parameters, horizon)
        if not len(moments.ts):
            progress(f"window left out, no horizon of {horizon} in it: {iso(window.start)}")
            continue
        evidence = side_evidence(moments, trained.fits, window.labels, horizon)
        scored.append(evidence)
        span = {"start": iso(window.start), "end": iso(window.end)}
        entries += [{**span, "side": side, **score([evidence[side]])} for side in SIDES]
        rows += interval_rows(evidence)
        used += [one for one in trained.provenance if one not in used]
        relations.add(relation_between(trained.provenance, window.start, window.end))
    if not scored:
        msg = (
            f"--forecast needs liquidation labels over more than two days whose intervals make up "
            f"{horizon}, none of {len(windows)} windows had them; choose another --horizon"
        )
        raise DataGapError(msg)
    params = {
        "source": _SOURCES[way],
        "windows": used,
        "relation": least_favourable(relations),
        "inputs": ["bars", "open interest", "liquidations of intervals that have ended"],
        "venues": list(parameters.venues),
    }
    pooled = [{"side": side, **score([one[side] for one in scored])} for side in SIDES]
    return {"horizon": horizon, "params": params, "windows": entries, "pooled": pooled}, rows


def fit_windows(
    windows: Sequence[Window],
    parameters: TrackerParameters,
    progress: Callable[[str], Any] = print,
) -> tuple[dict[str, Fits], list[dict[str, Any]]]:
    """Fit the forecasts of all horizons; return them, and what they were fitted on."""
    fits = {}
    for horizon in HORIZON_HOURS:
        progress(f"fitting {horizon}")
        fits[horizon] = fit_all([gather_moments(one, parameters, horizon) for one in windows])
    return fits, [window_provenance(window) for window in windows]


def trained_windows(
    windows: Sequence[Window],
    parameters: TrackerParameters,
    horizon: str,
    way: str,
    progress: Callable[[str], Any],
) -> list[tuple[Window, Trained]]:
    """Return the windows that can be forecast, each with its fits; as `measure_forecasts`."""
    fits, provenance = shipped()
    if way == SHIPPED:
        trained = Trained(parameters, fits[horizon], provenance["windows"])
        return [(window, trained) for window in windows]
    known: dict[str, list[Moments]] = {}
    for name in {horizon, _SIGNAL_HORIZON}:
        progress(f"reading what {name} forecasts are made from")
        known[name] = [gather_moments(window, parameters, name) for window in windows]
    found = []
    for number, window in enumerate(windows):
        others = [
            other
            for other in range(len(windows))
            if (other < number if way == WALK_FORWARD else other != number)
            and len(known[horizon][other].ts)
        ]
        if not others:
            continue
        own = {name: fit_all([known[name][other] for other in others]) for name in known}
        mine = replace(parameters, forecast_numbers=numbers_of(fits | own))
        training = [window_provenance(windows[other]) for other in others]
        found.append((window, Trained(mine, own[horizon], training)))
    return found
