"""A window replayed: what models and baselines say of each interval, and what came true."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import MODEL_NAMES
from liq_nautilus.core.science.baselines import Context
from liq_nautilus.core.science.baselines import baseline_designs
from liq_nautilus.core.science.paths import path_features
from liq_nautilus.studies.inputs.windows import bar_by_bar
from liq_nautilus.studies.inputs.windows import last_known
from liq_nautilus.studies.inputs.windows import past_liquidations
from liq_nautilus.studies.map_readings import replay
from liq_nautilus.studies.map_readings import tier_multiples
from liq_nautilus.studies.map_readings import tier_ratios
from liq_nautilus.studies.map_readings import turnover_known
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
    knows_past : bool
        Whether what was liquidated in intervals that have ended is an input.

    """

    window: Window
    readings: Readings
    context: Context
    original_map: FloatArray | None = None
    firsts: TimeArray | None = None
    knows_past: bool = False

    @property
    def mode(self) -> str:
        """Whether the map was read at the start of an interval or at every bar."""
        return FROZEN if self.firsts is None else REFRESH

    def path_inputs(self, side: int) -> FloatArray:
        """Return the inputs of the path-only regression that enter with all their products."""
        return path_features(self.window.paths, side)

    def other_inputs(self, side: int) -> FloatArray:
        """
        Return further inputs of all regressions alike, shape (n, k).

        In refresh mode the bars' moves; what was liquidated before where that is an input.
        """
        found = [np.zeros((len(self.window.labels), 0))]
        if self.firsts is not None:
            bars = self.context.paths
            moves = np.column_stack([bars.adverse(side), bars.favourable(side)])
            total = np.add.reduceat(moves, self.firsts, axis=0)
            # A sum of n bars' moves grows with sqrt(n) at the same volatility.
            count = np.diff(np.append(self.firsts, len(bars)))
            found.append(total / np.sqrt(count)[:, None])
        if self.knows_past:
            found.append(past_liquidations(self.window, side))
        return np.column_stack(found)

    def realised(self, side: int) -> FloatArray:
        """Return what was liquidated per interval (quote)."""
        return self.window.labels.of(side)

    def band(self, side: int) -> tuple[FloatArray, FloatArray]:
        """Return the published ensemble's band in each interval (quote)."""
        index = _index(side)
        return self.readings.low[:, index], self.readings.high[:, index]

    def exposure(self, side: int) -> FloatArray:
        """Return the published ensemble's open interest in each swept range (quote)."""
        held: FloatArray = self.readings.exposure[:, _index(side)]
        return held

    def placebo(self, side: int) -> FloatArray:
        """Return the scenario by the map of another day (quote)."""
        held: FloatArray = self.readings.shifted[:, _index(side)]
        return held

    def predictions(self, side: int) -> dict[str, FloatArray]:
        """Return what each model expects of each interval (quote), by name."""
        return {name: values[:, _index(side)] for name, values in self.readings.models.items()}

    def baseline_designs(self, side: int) -> dict[str, FloatArray]:
        """Return the columns of every baseline but the regression, by name."""
        designs = baseline_designs(self.context, side)
        if self.firsts is not None:
            designs = {
                name: np.add.reduceat(design, self.firsts, axis=0)
                for name, design in designs.items()
            }
        designs[SHIFTED_MAP] = self.placebo(side)[:, None]
        if self.original_map is not None:
            designs[ORIGINAL_MAP] = self.original_map[:, _index(side), None]
        return designs


def gather(
    window: Window,
    parameters: TrackerParameters,
    *,
    refresh: bool = False,
    with_liquidations: bool = False,
) -> Evidence:
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
    with_liquidations : bool, optional
        What was liquidated in intervals that have ended is an input of map and baselines alike.

    """
    firsts = None
    whole = window
    if refresh:
        window, firsts = bar_by_bar(window)
    models = tuple(name for name in MODEL_NAMES if window.has_trades or name != TRADE_MODEL)
    readings = replay(
        window, parameters, models, known_labels=whole.labels if with_liquidations else None
    )
    original = None
    if window.has_trades:
        as_published = replay(window, replace(parameters, consume="last"), (TRADE_MODEL,))
        original = as_published.models[TRADE_MODEL]
    context = context_of(window, parameters)
    if firsts is not None:
        readings = readings.summed(firsts)
        original = None if original is None else np.add.reduceat(original, firsts, axis=0)
    return Evidence(whole, readings, context, original, firsts, with_liquidations)


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
