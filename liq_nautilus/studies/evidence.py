"""A window replayed: what models and baselines say of each interval, and what came true."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.records import LONG
from liq_nautilus.core.science.baselines import Context
from liq_nautilus.core.science.baselines import baseline_designs
from liq_nautilus.core.science.paths import path_features
from liq_nautilus.core.tracker import MODEL_NAMES
from liq_nautilus.studies.inputs.windows import bar_by_bar
from liq_nautilus.studies.inputs.windows import last_known
from liq_nautilus.studies.map_readings import replay
from liq_nautilus.studies.map_readings import tier_multiples
from liq_nautilus.studies.map_readings import tier_ratios
from liq_nautilus.studies.map_readings import turnover_known
from liq_nautilus.studies.names import FITTED_MODEL
from liq_nautilus.studies.names import FROZEN
from liq_nautilus.studies.names import REFRESH
from liq_nautilus.studies.names import SHIFTED_MAP

if TYPE_CHECKING:
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.studies.inputs.windows import Window
    from liq_nautilus.studies.map_readings import Readings

TRADE_MODEL = "py_liquidation_map"
ORIGINAL_MAP = "py_liquidation_map_original"


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """
    A window, replayed with given parameters.

    Attributes
    ----------
    window : Window
        The data.
    readings : Readings
        Of the replay.
    context : Context
        What the baselines look at.
    original_map : ndarray of shape (n, 2) or None
        What py-liquidation-map as published (`consume="last"`) held; None without trades.
    firsts : ndarray of shape (n,) or None
        In refresh mode the context's intervals are bars, and this is the first of each interval.

    """

    window: Window
    readings: Readings
    context: Context
    original_map: FloatArray | None = None
    firsts: TimeArray | None = None

    @property
    def mode(self) -> str:
        """Whether the map was read at the start of an interval or at every bar."""
        return FROZEN if self.firsts is None else REFRESH

    def path_inputs(self, side: int) -> FloatArray:
        """Return the inputs of the path-only regression; in refresh mode the bars' moves too."""
        inputs = path_features(self.window.paths, side)
        if self.firsts is None:
            return inputs
        bars = self.context.paths
        moves = np.column_stack([bars.adverse(side), bars.favourable(side)])
        total = np.add.reduceat(moves, self.firsts, axis=0)
        # A sum of n bars' moves grows with sqrt(n) at the same volatility: made independent of it.
        count = np.diff(np.append(self.firsts, len(bars)))
        return np.column_stack([inputs, total / np.sqrt(count)[:, None]])

    def realised(self, side: int) -> FloatArray:
        """Return what was liquidated per interval (quote)."""
        return self.window.labels.of(side)

    def tiers(self, side: int) -> FloatArray:
        """Return what the map alone held in the swept range, shape (n, n_tiers)."""
        held: FloatArray = self.readings.tiers[:, _index(side)]
        return held

    def expected_design(self, side: int, openings_share: float) -> FloatArray:
        """Return the tiers with a share of the openings, and the background; (n, n_tiers + 1)."""
        design: FloatArray = self.readings.design(openings_share)[:, _index(side)]
        return design

    def designs(self, side: int, openings_share: float) -> dict[str, FloatArray]:
        """Return the columns of every model and baseline, by name."""
        return self.model_designs(side, openings_share) | self.baseline_designs(
            side, openings_share
        )

    def model_designs(self, side: int, openings_share: float) -> dict[str, FloatArray]:
        """Return the columns of every model, by name."""
        designs = {name: values[:, None] for name, values in self.model_predictions(side).items()}
        designs[FITTED_MODEL] = self.expected_design(side, openings_share)
        return designs

    def baseline_designs(self, side: int, openings_share: float) -> dict[str, FloatArray]:
        """Return the columns of every baseline but the regression, by name."""
        designs = baseline_designs(self.context, side)
        if self.firsts is not None:
            designs = {
                name: np.add.reduceat(design, self.firsts, axis=0)
                for name, design in designs.items()
            }
        designs[SHIFTED_MAP] = self.readings.design(openings_share, shifted=True)[:, _index(side)]
        if self.original_map is not None:
            designs[ORIGINAL_MAP] = self.original_map[:, _index(side), None]
        return designs

    def model_predictions(self, side: int) -> dict[str, FloatArray]:
        """Return what each of the tracker's models held in the swept range, by name."""
        return {name: values[:, _index(side)] for name, values in self.readings.models.items()}


def gather(window: Window, parameters: TrackerParameters, *, refresh: bool = False) -> Evidence:
    """
    Replay a window and return all that can be scored on it.

    Parameters
    ----------
    window : Window
        The data.
    parameters : TrackerParameters
        What is assumed.
    refresh : bool, optional
        Read map and baselines bar by bar inside the interval, each bar on the state before it,
        and add up: then volume and open interest from inside the interval are used as well.

    """
    firsts = None
    whole = window
    if refresh:
        window, firsts = bar_by_bar(window)
    models = tuple(name for name in MODEL_NAMES if window.has_trades or name != TRADE_MODEL)
    readings = replay(window, parameters, models)
    original = None
    if window.has_trades:
        as_published = replay(window, replace(parameters, consume="last"), (TRADE_MODEL,))
        original = as_published.models[TRADE_MODEL]
    context = context_of(window, parameters)
    if firsts is not None:
        readings = readings.summed(firsts)
        original = None if original is None else np.add.reduceat(original, firsts, axis=0)
    return Evidence(whole, readings, context, original, firsts)


def context_of(window: Window, parameters: TrackerParameters) -> Context:
    """Return what the baselines look at."""
    ts = window.paths.ts_open
    return Context(
        paths=window.paths,
        bars=window.bars,
        open_interest=last_known(window.open_interest, ts, np.nan),
        funding_rate=last_known(window.funding, ts, 0.0),
        ratio=tier_ratios(window, parameters),
        turnover=turnover_known(window, parameters),
        multiple=tier_multiples(parameters),
    )


def _index(side: int) -> int:
    return 0 if side == LONG else 1
