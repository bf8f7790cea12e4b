"""Fits all parameters on training windows: mixes directly, the rest by a search around them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.science.column_weights import coordinate_search
from liq_nautilus.core.science.column_weights import fit_mix
from liq_nautilus.core.science.column_weights import fit_reported_share
from liq_nautilus.core.science.leverage_shares import ShareFit
from liq_nautilus.core.science.leverage_shares import fit_shares
from liq_nautilus.errors import DataGapError
from liq_nautilus.studies.evidence import gather
from liq_nautilus.studies.fitting import Fit
from liq_nautilus.studies.fitting import best_model_of
from liq_nautilus.studies.fitting import fit_side
from liq_nautilus.studies.fitting import prior_fit
from liq_nautilus.studies.inputs.windows import ORDERS_SOURCE
from liq_nautilus.studies.inputs.windows import bar_by_bar
from liq_nautilus.studies.inputs.windows import labels_from_orders
from liq_nautilus.studies.map_readings import replay
from liq_nautilus.studies.names import FROZEN
from liq_nautilus.studies.names import REFRESH
from liq_nautilus.studies.names import SIDE_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.studies.inputs.windows import Window
    from liq_nautilus.studies.map_readings import Readings

# What is searched, and the values that are tried.
CANDIDATES: dict[str, tuple[float, ...]] = {
    "turnover_rate": (0.25, 0.5, 1.0, 2.0, 4.0),
    "turnover_per_hour": (0.03, 0.067, 0.15, 0.3),
    "turnover_leverage_exponent": (0.0, 0.5, 1.0, 1.5),
    "loser_closing_ratio": (0.4, 0.67, 1.0),
    "prior_spread": (0.015, 0.03, 0.06),
    "openings_share": (0.0, 0.05, 0.1, 0.2, 0.4, 1.0),
}
# The prior: shares of open interest by leverage as they have been reported (5x 15 %, 10x 30 %,
# 25x 25 %, 50x 20 %, 100x 10 %), spread over the neighbouring tiers up to the highest leverage that
# is offered, and round values for the rest.
PRIOR = TrackerParameters(
    leverages=(3, 5, 10, 15, 20, 25, 33, 50, 75, 100, 125, 150),
    leverage_weights_long=(.05, .15, .25, .1, .1, .1, .05, .1, .05, .03, .01, .01),
    leverage_weights_short=(.05, .15, .25, .1, .1, .1, .05, .1, .05, .03, .01, .01),
    turnover_rate=1.0,
    turnover_per_hour=0.067,
    turnover_leverage_exponent=0.5,
    loser_closing_ratio=0.67,
    prior_spread=0.03,
)  # fmt: skip
PRIOR_OPENINGS_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Found:
    """
    What a search came to.

    Attributes
    ----------
    parameters : TrackerParameters
        With the fitted leverage mix.
    openings_share : float
        See `liq_nautilus.studies.fitting.Fit`.
    log_likelihood : float
        Per interval (nats).
    n_tried : int
        Settings tried.

    """

    parameters: TrackerParameters
    openings_share: float
    log_likelihood: float
    n_tried: int


@dataclass(eq=False)
class Calibrator:
    """
    Fits parameters on windows and remembers replays, which several fits share.

    Parameters
    ----------
    base : TrackerParameters, optional
        What is not fitted is taken from here.
    candidates : mapping, optional
        What is searched.
    progress : callable, optional
        Told a line now and then.
    refresh : bool, optional
        Read the map at every bar instead of the start of an interval; see
        `liq_nautilus.studies.evidence.gather`.

    """

    base: TrackerParameters = PRIOR
    candidates: Mapping[str, Sequence[float]] = field(default_factory=lambda: dict(CANDIDATES))
    progress: Callable[[str], None] | None = None
    refresh: bool = False
    _replays: dict[tuple[int, str], Readings] = field(default_factory=dict)

    def fit(self, windows: Sequence[Window], *, created: str = "") -> Fit:
        """
        Fit everything on the given windows; without any, return the prior.

        Parameters
        ----------
        windows : sequence of Window
            Training windows.
        created : str, optional
            The date for the provenance.

        Raises
        ------
        DataGapError
            If nothing was liquidated in the windows.

        """
        if not windows:
            return prior_fit(self.base, PRIOR_OPENINGS_SHARE)
        found = self.search(windows)
        self._say("replaying with the fitted mix")
        evidence = [gather(window, found.parameters, refresh=self.refresh) for window in windows]
        sides = {side: fit_side(evidence, side, found.openings_share) for side in SIDE_NAMES}
        provenance = {
            "source": "fitted by `liq-nautilus calibrate`",
            "created": created,
            "windows": [window_provenance(window) for window in windows],
            "data_sha256": data_hash(windows),
            "log_likelihood": found.log_likelihood,
            "likelihood": "log-normal per interval, both sides; leverage shares: quasi-Poisson",
            "settings_tried": found.n_tried,
        }
        best = best_model_of(evidence, sides, found.openings_share)
        mode = REFRESH if self.refresh else FROZEN
        return Fit(found.parameters, found.openings_share, best, sides, provenance, mode)

    def search(self, windows: Sequence[Window]) -> Found:
        """
        Fit the tracker's parameters on training windows, without scales of models and baselines.

        Parameters
        ----------
        windows : sequence of Window
            At least one.

        Raises
        ------
        DataGapError
            If nothing was liquidated in the windows.

        """
        for side, name in SIDE_NAMES.items():
            if not sum(float(one.labels.of(side).sum()) for one in windows) > 0.0:
                msg = (
                    "training windows must hold liquidations of both sides, "
                    f"found none of {name} positions; train on other windows"
                )
                raise DataGapError(msg)
        best, tried = coordinate_search(
            lambda settings: self._likelihood(windows, settings), self.candidates, self._start()
        )
        self._say(f"searched {len(tried)} settings, log likelihood {best.score:.4f} per interval")
        parameters = self._settings_parameters(best.settings)
        parameters = replace(parameters, **_fitted_map(self.fit_shares(windows, parameters)))
        reported = reported_share(windows)
        if reported is not None:
            parameters = replace(parameters, reported_share=reported)
        share = best.settings.get("openings_share", PRIOR_OPENINGS_SHARE)
        return Found(parameters, share, best.score, len(tried))

    def _start(self) -> dict[str, float]:
        return {
            name: PRIOR_OPENINGS_SHARE if name == "openings_share" else getattr(self.base, name)
            for name in self.candidates
        }

    def _settings_parameters(self, settings: Mapping[str, float]) -> TrackerParameters:
        values: dict[str, Any] = {k: v for k, v in settings.items() if k != "openings_share"}
        return replace(self.base, **values)

    def readings(self, window: Window, parameters: TrackerParameters) -> Readings:
        """Return the replay of a window, from memory where it was made before."""
        key = (id(window), parameters.params_hash)
        if key not in self._replays:
            self._replays[key] = self._replayed(window, parameters)
        return self._replays[key]

    def _replayed(self, window: Window, parameters: TrackerParameters) -> Readings:
        if not self.refresh:
            return replay(window, parameters)
        fine, firsts = bar_by_bar(window)
        return replay(fine, parameters).summed(firsts)

    def _likelihood(self, windows: Sequence[Window], settings: dict[str, float]) -> float:
        # Per interval, both sides alike.
        parameters = self._settings_parameters(settings)
        share = settings.get("openings_share", PRIOR_OPENINGS_SHARE)
        found = [self.readings(window, parameters).design(share) for window in windows]
        design = np.concatenate(found)
        total = 0.0
        for index, side in enumerate((LONG, SHORT)):
            realised = np.concatenate([window.labels.of(side) for window in windows])
            total += fit_mix(design[:, index], realised).log_likelihood
        return 0.5 * total

    def fit_shares(self, windows: Sequence[Window], parameters: TrackerParameters) -> ShareFit:
        """Fit the share of open interest at each leverage to what the path swept bar by bar."""
        swept, realised = [], []
        for window in windows:
            fine, firsts = bar_by_bar(window)
            swept.append(replay(fine, parameters).summed(firsts).tiers)
            realised.append(np.column_stack([window.labels.of(side) for side in SIDE_NAMES]))
        mix = np.array(self.base.leverage_weights_long) + np.array(self.base.leverage_weights_short)
        return fit_shares(np.concatenate(swept), np.concatenate(realised), mix)

    def _say(self, text: str) -> None:
        if self.progress is not None:
            self.progress(text)


def _fitted_map(fit: ShareFit) -> dict[str, Any]:
    # Levels are shares of open interest; what part of it is liquidated is the scale.
    total = fit.shares.sum(axis=1)
    weights = fit.shares / total[:, None]
    return {
        "leverage_weights_long": _rounded(weights[0]),
        "leverage_weights_short": _rounded(weights[1]),
        "leverage_weight_errors": _rounded(fit.errors.mean(axis=0)),
        "liquidation_scale_long": float(total[0]),
        "liquidation_scale_short": float(total[1]),
        "band_unit_notional": fit.lump,
        "band_dispersion": fit.dispersion,
    }


def _rounded(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)


def reported_share(windows: Sequence[Window]) -> float | None:
    """
    Return the share of liquidated notional that the forced-order feed shows.

    From the windows that have both single orders and interval sums; None where there are none.
    """
    orders: list[FloatArray] = []
    bars: list[FloatArray] = []
    for window in windows:
        labels = window.labels
        if window.orders is None or labels.source == ORDERS_SOURCE or len(labels) == 0:
            continue
        length = int(labels.ts_close[0] - labels.ts_open[0])
        summed = labels_from_orders(window.orders, window.start, window.end, length)
        at = np.searchsorted(summed.ts_open, labels.ts_open)
        for side in SIDE_NAMES:
            orders.append(summed.of(side)[at])
            bars.append(labels.of(side))
    if not orders:
        return None
    share = fit_reported_share(np.concatenate(orders), np.concatenate(bars))
    return share if share > 0.0 else None


def window_provenance(window: Window) -> dict[str, Any]:
    """Return what a parameters file says about a training window."""
    return {
        "symbol": window.symbol,
        "start_ns": window.start,
        "end_ns": window.end,
        "intervals": len(window.labels),
        "labels": window.labels.source,
    }


def data_hash(windows: Sequence[Window]) -> str:
    """Return the SHA-256 of the windows' labels, bars, open interest and funding."""
    digest = hashlib.sha256()
    for window in windows:
        labels, bars = window.labels, window.bars
        for values in (
            labels.ts_open, labels.long_notional, labels.short_notional,
            bars.ts_open, bars.open, bars.high, bars.low, bars.close, bars.volume,
            *window.open_interest, *window.funding,
        ):  # fmt: skip
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
