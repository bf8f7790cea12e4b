"""Drives a tracker through a window and notes what its map held in each swept range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.feed import Feed
from liq_nautilus.core.margin import liquidation_ratio
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.science.openings import background
from liq_nautilus.core.science.openings import opened_and_swept
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.studies.inputs.windows import last_known
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.studies.inputs.windows import Window

SIDES = (LONG, SHORT)
# The single model whose tiers the mix is fitted on: exact levels, margin drained by funding.
TIER_MODEL = "funding_adjusted"
_TIMELESS_NS = DAY_NS


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """
    What a replay found.

    Attributes
    ----------
    tiers : ndarray of shape (n, 2, n_tiers)
        Notional in the swept range by leverage tier at weight 1, longs then shorts (quote).
    shifted : ndarray of shape (n, 2, n_tiers)
        The same from the map of a day before (of a day after, in the first day), its prices moved
        with the market: the placebo.
    openings : ndarray of shape (n, 2, n_tiers)
        Notional that will be opened and swept inside the interval, at weight 1.
    background : ndarray of shape (n, 2)
        What an even spread of positions holds in the swept range.
    models : dict of ndarray of shape (n, 2)
        Notional in the swept range of each model with the replay's own leverage shares.

    """

    tiers: FloatArray
    shifted: FloatArray
    openings: FloatArray
    background: FloatArray
    models: dict[str, FloatArray]

    def design(self, openings_share: float, *, shifted: bool = False) -> FloatArray:
        """Return tiers with a share of the openings, and the background: (n, 2, n_tiers + 1)."""
        held = self.shifted if shifted else self.tiers
        return np.concatenate(
            [held + openings_share * self.openings, self.background[:, :, None]], axis=2
        )

    def summed(self, firsts: TimeArray) -> Readings:
        """Return the readings added up over groups of rows, each given by its first row."""

        def total(values: FloatArray) -> FloatArray:
            return np.add.reduceat(values, firsts, axis=0)

        return Readings(
            total(self.tiers),
            total(self.shifted),
            total(self.openings),
            total(self.background),
            {name: total(values) for name, values in self.models.items()},
        )


def replay(
    window: Window,
    parameters: TrackerParameters,
    models: Sequence[str] = (),
    *,
    tier_model: str = TIER_MODEL,
) -> Readings:
    """
    Replay a window and read the map at the start of every interval.

    Parameters
    ----------
    window : Window
        The data. Labels are not shown to the tracker.
    parameters : TrackerParameters
        What is assumed.
    models : sequence of str, optional
        Models to read besides the tiers.
    tier_model : str, optional
        The single model whose tiers are read.

    """
    tracker = LiquidationTracker(parameters, brackets=window.brackets)
    feed = Feed(tracker)
    for event in window.events:
        feed.push(event)
    n, n_tiers = len(window.paths), len(parameters.leverages)
    tiers, shifted = np.zeros((n, 2, n_tiers)), np.zeros((n, 2, n_tiers))
    read = {name: np.zeros((n, 2)) for name in models}
    sources = _shifted_sources(window)
    paths = window.paths
    for i in range(n):
        feed.release(int(paths.ts_open[i]))
        for j in sources.get(i, ()):
            _read_shifted(tracker, window, j, shifted, tier_model)
        _read(tracker, (paths.low[i], paths.high[i]), i, tiers, read, tier_model)
    held = last_known(window.open_interest, paths.ts_open, np.nan)
    even = np.column_stack([background(paths, side, held) for side in SIDES])
    return Readings(tiers, shifted, _openings(window, parameters), even, read)


def turnover_known(window: Window, parameters: TrackerParameters) -> FloatArray:
    """
    Return the fraction of open interest expected to turn over per hour, shape (n,).

    From the traded volume of the day before where it is known, else the parameter's constant.
    """
    bars = window.bars
    usual = np.full(len(window.paths), parameters.turnover_per_hour)
    volume = np.concatenate([[0.0], np.cumsum(np.nan_to_num(bars.volume) * bars.close)])
    hours = np.concatenate([[0.0], np.cumsum((bars.ts_close - bars.ts_open) / HOUR_NS)])
    last = window.paths.first_bar
    first = np.searchsorted(bars.ts_open, window.paths.ts_open - DAY_NS)
    traded, span = volume[last] - volume[first], hours[last] - hours[first]
    held = last_known(window.open_interest, window.paths.ts_open, np.nan)
    is_known = (traded > 0.0) & (span > 0.0) & (held > 0.0)
    rate = parameters.turnover_rate * traded[is_known] / span[is_known] / held[is_known]
    usual[is_known] = rate
    return usual


def tier_ratios(window: Window, parameters: TrackerParameters) -> FloatArray:
    """Return liquidation price over entry price, shape (2, n_tiers), longs then shorts."""
    leverages = np.array(parameters.leverages, dtype=np.float64)
    return np.stack(
        [
            liquidation_ratio(
                leverages, side, parameters.position_notional, window.brackets, parameters.formula
            )
            for side in SIDES
        ]
    )


def tier_multiples(parameters: TrackerParameters) -> FloatArray:
    """Return how much faster each tier turns over, shape (n_tiers,)."""
    leverages = np.array(parameters.leverages, dtype=np.float64)
    multiple: FloatArray = (leverages / 25.0) ** parameters.turnover_leverage_exponent
    return multiple


def _openings(window: Window, parameters: TrackerParameters) -> FloatArray:
    ratio = tier_ratios(window, parameters)
    held = last_known(window.open_interest, window.paths.ts_open, np.nan)
    turnover = turnover_known(window, parameters)
    multiple = tier_multiples(parameters)
    return np.stack(
        [
            opened_and_swept(window.paths, side, ratio[index], held, turnover, multiple)
            for index, side in enumerate(SIDES)
        ],
        axis=1,
    )


def _shifted_sources(window: Window) -> dict[int, list[int]]:
    # At which interval's start to read the placebo of which interval.
    ts = window.paths.ts_open
    sources: dict[int, list[int]] = {}
    for j, start in enumerate(ts):
        wanted = start - _TIMELESS_NS if start - ts[0] >= _TIMELESS_NS else start + _TIMELESS_NS
        i = min(int(np.searchsorted(ts, wanted)), ts.size - 1)
        sources.setdefault(i, []).append(j)
    return sources


def _read(
    tracker: LiquidationTracker,
    swept: tuple[float, float],
    i: int,
    tiers: FloatArray,
    read: dict[str, FloatArray],
    tier_model: str,
) -> None:
    price, (low, high) = tracker.reference_price, swept
    if not price > 0.0:
        return
    ranges = ((LONG, min(low, price), price), (SHORT, price, max(high, price)))
    for index, (side, from_price, to_price) in enumerate(ranges):
        tiers[i, index] += tracker.notional_by_tier(side, from_price, to_price, tier_model)
        for name, values in read.items():
            values[i, index] += tracker.notional_between(side, from_price, to_price, name)


def _read_shifted(
    tracker: LiquidationTracker, window: Window, j: int, shifted: FloatArray, tier_model: str
) -> None:
    price = tracker.reference_price
    if not price > 0.0:
        return
    paths = window.paths
    # Rounding may put an extreme that is the open on the wrong side of the price.
    low = min(price * paths.low[j] / paths.open[j], price)
    high = max(price * paths.high[j] / paths.open[j], price)
    shifted[j, 0] = tracker.notional_by_tier(LONG, low, price, tier_model)
    shifted[j, 1] = tracker.notional_by_tier(SHORT, price, high, tier_model)
