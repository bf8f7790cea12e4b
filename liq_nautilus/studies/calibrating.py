"""Fits all parameters on training windows: mixes directly, the rest by a search around them."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.science.band_curves import band_reach
from liq_nautilus.core.science.band_curves import fit_band
from liq_nautilus.core.science.column_weights import coordinate_search
from liq_nautilus.core.science.column_weights import fit_mix
from liq_nautilus.core.science.leverage_shares import ShareFit
from liq_nautilus.core.science.leverage_shares import fit_shares
from liq_nautilus.errors import DataGapError
from liq_nautilus.studies.evidence import gather
from liq_nautilus.studies.fitting import Fit
from liq_nautilus.studies.fitting import best_model_of
from liq_nautilus.studies.fitting import fit_regressions
from liq_nautilus.studies.fitting import fit_side
from liq_nautilus.studies.fitting import prior_fit
from liq_nautilus.studies.inputs.windows import bar_by_bar
from liq_nautilus.studies.inputs.windows import halves
from liq_nautilus.studies.map_readings import EVEN_UNIT
from liq_nautilus.studies.map_readings import replay
from liq_nautilus.studies.names import FROZEN
from liq_nautilus.studies.names import REFRESH
from liq_nautilus.studies.names import SIDE_NAMES
from liq_nautilus.studies.training_windows import data_hash
from liq_nautilus.studies.training_windows import reported_share
from liq_nautilus.studies.training_windows import window_provenance

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.studies.evidence import Evidence
    from liq_nautilus.studies.inputs.windows import Window
    from liq_nautilus.studies.map_readings import Readings

# What is searched, and the values that are tried. The share of openings is not: the likelihood is
# flat between 0.03 and 0.4, while ranks of windows left out fall off from 0.2 on.
CANDIDATES: dict[str, tuple[float, ...]] = {
    "turnover_rate": (0.25, 0.5, 1.0, 2.0, 4.0),
    "turnover_per_hour": (0.03, 0.067, 0.15, 0.3),
    "turnover_leverage_exponent": (0.0, 0.5, 1.0, 1.5),
    "loser_closing_ratio": (0.4, 0.67, 1.0),
    "prior_spread": (0.015, 0.03, 0.06),
}
# The prior: shares of open interest by leverage as they have been reported (5x 15 %, 10x 30 %,
# 25x 25 %, 50x 20 %, 100x 10 %), spread over the neighbouring tiers up to the highest leverage that
# is offered, and round values for the rest: of what the path crosses a fiftieth is liquidated.
_MIX = (.05, .15, .25, .1, .1, .1, .05, .1, .05, .03, .01, .01)  # fmt: skip
PRIOR = TrackerParameters(
    leverages=(3, 5, 10, 15, 20, 25, 33, 50, 75, 100, 125, 150),
    leverage_weights_long=_MIX,
    leverage_weights_short=_MIX,
    liquidated_shares_long=tuple(0.02 * share for share in _MIX),
    liquidated_shares_short=tuple(0.02 * share for share in _MIX),
    background_share_long=0.005,
    background_share_short=0.005,
    openings_share=0.1,
    band_low=(0.1, 1.5),
    band_high=(3.0, 0.7),
    band_reach=2e7,
    turnover_rate=1.0,
    turnover_per_hour=0.067,
    turnover_leverage_exponent=0.5,
    loser_closing_ratio=0.67,
    prior_spread=0.03,
)
# Fewer intervals teach nothing.
_FEWEST = 50
# The band holds 90 %. In a window left out the quantiles of the others hold a little less than what
# they say, since months differ: a hundredth is added at either end.
_BAND = (0.04, 0.96)


@dataclass(frozen=True, slots=True)
class Found:
    """
    What a search came to.

    Attributes
    ----------
    parameters : TrackerParameters
        With the fitted leverage mix.
    log_likelihood : float
        Per interval (nats).
    n_tried : int
        Settings tried.

    """

    parameters: TrackerParameters
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
            return prior_fit(self.base)
        found = self.search(windows)
        return self.refit(
            windows,
            found.parameters,
            created=created,
            more={
                "log_likelihood": found.log_likelihood,
                "likelihood": "log-normal per interval, both sides; leverage shares: quasi-Poisson",
                "settings_tried": found.n_tried,
            },
        )

    def refit(
        self,
        windows: Sequence[Window],
        parameters: TrackerParameters,
        *,
        created: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> Fit:
        """
        Fit notional, bands, scales and regressions; keep what else shapes the map.

        Parameters
        ----------
        windows : sequence of Window
            Training windows.
        parameters : TrackerParameters
            What is kept is taken from here.
        created : str, optional
            The date for the provenance.
        more : mapping, optional
            Further entries of the provenance.

        """
        parameters = self.fit_map(windows, parameters)
        self._say("fitting baselines and regressions")
        evidence = [self._gather(window, parameters) for window in windows]
        known = [self._gather(window, parameters, with_liquidations=True) for window in windows]
        sides = {
            side: replace(fit_side(evidence, side), with_past=fit_regressions(known, side))
            for side in SIDE_NAMES
        }
        provenance = {
            "source": "fitted by `liq-nautilus calibrate`",
            "created": created,
            "windows": [window_provenance(window) for window in windows],
            "data_sha256": data_hash(windows),
            **(more or {}),
        }
        return Fit(parameters, best_model_of(evidence), sides, provenance, self._mode)

    def fit_map(
        self, windows: Sequence[Window], parameters: TrackerParameters
    ) -> TrackerParameters:
        """Return the parameters with notional and its bands fitted to training windows."""
        self._say("fitting what is liquidated")
        fitted = replace(parameters, **self._fit_notional(windows, parameters))
        expected, realised = [], []
        for window in windows:
            found = self._published(window, fitted)
            expected.append(found.ravel())
            realised.append(
                np.column_stack([window.labels.of(side) for side in SIDE_NAMES]).ravel()
            )
        return replace(fitted, **_fit_bands(np.concatenate(expected), np.concatenate(realised)))

    def _published(self, window: Window, parameters: TrackerParameters) -> FloatArray:
        # What levels say of the swept range is linear in what is fitted: no new replay is needed.
        design = self.readings(window, parameters).design(parameters.openings_share)
        shares = np.array(
            [
                [*parameters.liquidated_shares_long, parameters.background_share_long / EVEN_UNIT],
                [
                    *parameters.liquidated_shares_short,
                    parameters.background_share_short / EVEN_UNIT,
                ],
            ]
        )
        found: FloatArray = np.einsum("nsk,sk->ns", design, shares)
        return found

    def must_learn(self, window: Window, fit: Fit) -> bool:
        """
        Return whether a window is of another symbol or interval length than those of a fit.

        What was learnt on one symbol at half an hour is no fair opponent on another at four.
        """
        if not fit.provenance.get("windows") or fit.mode != self._mode:
            return False
        return not any(
            one["symbol"] == window.symbol
            and one["interval_hours"] == window_provenance(window)["interval_hours"]
            for one in fit.provenance["windows"]
        )

    def parts(self, window: Window, fit: Fit) -> list[tuple[Window, Fit]]:
        """
        Return a window with its fit; or its halves, each with what the other one teaches.

        Parameters
        ----------
        window : Window
            To be scored.
        fit : Fit
            What is learnt elsewhere.

        """
        if not self.must_learn(window, fit) or len(window.labels) < 2 * _FEWEST:
            return [(window, fit)]
        first, second = halves(window)
        learnt = [self.refit([one], fit.parameters) for one in (second, first)]
        return [(first, learnt[0]), (second, learnt[1])]

    @property
    def _mode(self) -> str:
        return REFRESH if self.refresh else FROZEN

    def _gather(
        self, window: Window, parameters: TrackerParameters, *, with_liquidations: bool = False
    ) -> Evidence:
        return gather(window, parameters, refresh=self.refresh, with_liquidations=with_liquidations)

    def _fit_notional(
        self, windows: Sequence[Window], parameters: TrackerParameters
    ) -> dict[str, Any]:
        # The mix by its likelihood, the total so that the windows' dollars add up.
        readings = [self.readings(window, parameters) for window in windows]
        design = np.concatenate([one.design(parameters.openings_share) for one in readings])
        fitted: dict[str, Any] = {}
        for index, (side, name) in enumerate(SIDE_NAMES.items()):
            realised = np.concatenate([window.labels.of(side) for window in windows])
            weights = fit_mix(design[:, index], realised).weights
            weights *= realised.sum() / max(float((design[:, index] @ weights).sum()), 1.0)
            fitted[f"liquidated_shares_{name}"] = _rounded(weights[:-1])
            fitted[f"background_share_{name}"] = float(EVEN_UNIT * weights[-1])
        return fitted

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
        return Found(parameters, best.score, len(tried))

    def _start(self) -> dict[str, float]:
        return {name: getattr(self.base, name) for name in self.candidates}

    def _settings_parameters(self, settings: Mapping[str, Any]) -> TrackerParameters:
        return replace(self.base, **settings)

    def readings(self, window: Window, parameters: TrackerParameters) -> Readings:
        """Return the replay of a window, from memory where it was made before."""
        # What readings at weight 1 do not depend on is left out.
        key = (id(window), replace(parameters, openings_share=0.0).params_hash)
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
        share = parameters.openings_share
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
    # Open interest at each leverage, as far as the path has told it.
    weights = fit.shares / fit.shares.sum(axis=1)[:, None]
    return {
        "leverage_weights_long": _rounded(weights[0]),
        "leverage_weights_short": _rounded(weights[1]),
    }


def _fit_bands(expected: FloatArray, realised: FloatArray) -> dict[str, Any]:
    low, high = (fit_band(expected, realised, share) for share in _BAND)
    return {
        "band_low": _rounded(low),
        "band_high": _rounded(high),
        "band_reach": band_reach(expected),
    }


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)
