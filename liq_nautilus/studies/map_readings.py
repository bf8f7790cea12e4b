"""Drives a tracker through a window and notes what its map says of each swept range."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.exchange.bracket_source import in_force
from liq_nautilus.core.exchange.margin import liquidation_ratio
from liq_nautilus.core.feed import Feed
from liq_nautilus.core.published.readings import Path
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.studies.inputs.windows import last_known
from liq_nautilus.studies.inputs.windows import liquidation_events
from liq_nautilus.studies.names import PUBLISHED
from liq_nautilus.studies.names import SCENARIO
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.studies.inputs.windows import Labels
    from liq_nautilus.studies.inputs.windows import Window

SIDES = (LONG, SHORT)
# The single model whose tiers the mix is fitted on: exact levels, margin drained by funding.
TIER_MODEL = "funding_adjusted"
# The unit of the even spread's column: about as large as a tier's, for shrinking to treat it alike.
EVEN_UNIT = 3.0
_TIMELESS_NS = DAY_NS


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """
    What a replay found, per interval and of longs and shorts.

    Attributes
    ----------
    tiers : ndarray of shape (n, 2, n_tiers)
        Notional in the swept range by leverage tier at weight 1 (quote).
    openings : ndarray of shape (n, 2, n_tiers)
        What is expected to be opened and swept on the way there, at weight 1.
    path_openings : ndarray of shape (n, 2, n_tiers)
        What is opened and swept on the path that the interval took, at weight 1.
    even : ndarray of shape (n, 2)
        What an even spread of positions holds in the swept range, in units of `EVEN_UNIT`.
    models : dict of ndarray of shape (n, 2)
        What each model expects to be liquidated in the swept range (quote), and `scenario` on the
        path, with the replay's parameters.
    low, high, exposure : ndarray of shape (n, 2)
        Of the published ensemble in the swept range; all 0 where models were not asked for.
    shifted : ndarray of shape (n, 2)
        The scenario by the map of a day before (of a day after, in the first day), with all that
        was known of the market then, the path moved with the price: the placebo.

    """

    tiers: FloatArray
    openings: FloatArray
    path_openings: FloatArray
    even: FloatArray
    low: FloatArray
    high: FloatArray
    exposure: FloatArray
    shifted: FloatArray
    models: dict[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def empty(cls, n: int, n_tiers: int, models: Sequence[str]) -> Readings:
        """Return readings of so many intervals, all 0."""
        by_tier = [np.zeros((n, 2, n_tiers)) for _ in range(3)]
        sums = [np.zeros((n, 2)) for _ in range(5)]
        names = [*models, SCENARIO] if models else []
        tiers, openings, on_path = by_tier
        even, low, high, exposure, shifted = sums
        read = {name: np.zeros((n, 2)) for name in names}
        return cls(tiers, openings, on_path, even, low, high, exposure, shifted, read)

    def design(self, openings_share: float, *, on_path: bool = False) -> FloatArray:
        """Return tiers with a share of the openings, and the even spread: (n, 2, n_tiers + 1)."""
        opened = self.path_openings if on_path else self.openings
        return np.concatenate([self.tiers + openings_share * opened, self.even[:, :, None]], axis=2)

    def summed(self, firsts: TimeArray) -> Readings:
        """Return the readings added up over groups of rows, each given by its first row."""

        def total(values: FloatArray) -> FloatArray:
            return np.add.reduceat(values, firsts, axis=0)

        arrays = {
            one.name: total(getattr(self, one.name)) for one in fields(self) if one.name != "models"
        }
        return Readings(**arrays, models={name: total(v) for name, v in self.models.items()})


def replay(
    window: Window,
    parameters: TrackerParameters,
    models: Sequence[str] = (),
    *,
    tier_model: str = TIER_MODEL,
    known_labels: Labels | None = None,
) -> Readings:
    """
    Replay a window and read the map at the start of every interval.

    Parameters
    ----------
    window : Window
        The data.
    parameters : TrackerParameters
        What is assumed.
    models : sequence of str, optional
        Models to read besides the tiers.
    tier_model : str, optional
        The single model whose tiers are read.
    known_labels : Labels, optional
        What the tracker is shown of realised liquidations, each interval after its end.

    """
    tracker = LiquidationTracker(parameters, brackets=window.brackets)
    feed = Feed(tracker)
    for event in window.events:
        feed.push(event)
    for event in liquidation_events(known_labels) if known_labels is not None else ():
        feed.push(event)
    n = len(window.paths)
    readings = Readings.empty(n, len(parameters.leverages), models)
    sources = _shifted_sources(window) if models else {}
    for i in range(n):
        feed.release(int(window.paths.ts_open[i]))
        if not tracker.reference_price > 0.0:
            continue
        _read_tiers(tracker, _path(window, i), i, readings, tier_model)
        if models:
            _read_models(tracker, _path(window, i), i, readings)
        for j in sources.get(i, ()):
            moved = _moved(_path(window, j), tracker.reference_price)
            readings.shifted[j] = _expected(tracker, moved)
    return readings


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
    table = in_force(window.brackets, window.start).table
    return np.stack(
        [
            liquidation_ratio(
                leverages, side, parameters.position_notional, table, parameters.formula
            )
            for side in SIDES
        ]
    )


def tier_multiples(parameters: TrackerParameters) -> FloatArray:
    """Return how much faster each tier turns over, shape (n_tiers,)."""
    leverages = np.array(parameters.leverages, dtype=np.float64)
    multiple: FloatArray = (leverages / 25.0) ** parameters.turnover_leverage_exponent
    return multiple


def _shifted_sources(window: Window) -> dict[int, list[int]]:
    # At which interval's start to read the placebo of which interval.
    ts = window.paths.ts_open
    sources: dict[int, list[int]] = {}
    for j, start in enumerate(ts):
        wanted = start - _TIMELESS_NS if start - ts[0] >= _TIMELESS_NS else start + _TIMELESS_NS
        i = min(int(np.searchsorted(ts, wanted)), ts.size - 1)
        sources.setdefault(i, []).append(j)
    return sources


def _path(window: Window, i: int) -> Path:
    paths = window.paths
    return Path(
        float(paths.open[i]), float(paths.high[i]), float(paths.low[i]), float(paths.hours[i])
    )


def _moved(path: Path, price: float) -> Path:
    # The same path from another price. Rounding may put an extreme on the wrong side of it.
    ratio = price / path.open
    return Path(price, max(path.high * ratio, price), min(path.low * ratio, price), path.hours)


def _read_tiers(
    tracker: LiquidationTracker, path: Path, i: int, readings: Readings, tier_model: str
) -> None:
    price = tracker.reference_price
    ranges = ((LONG, min(path.low, price), price), (SHORT, price, max(path.high, price)))
    for index, (side, low, high) in enumerate(ranges):
        readings.tiers[i, index] = tracker.notional_by_tier(side, low, high, tier_model)
    expected = tracker.openings_to(path.low, path.high)
    readings.openings[i] = expected.by_tier
    readings.even[i] = EVEN_UNIT * expected.even
    readings.path_openings[i] = tracker.openings_on(path).by_tier


def _read_models(tracker: LiquidationTracker, path: Path, i: int, readings: Readings) -> None:
    for name, values in readings.models.items():
        if name == SCENARIO:
            values[i] = _expected(tracker, path)
            continue
        found = tracker.swept(path.low, path.high, name)
        values[i] = [one.expected for one in found]
        if name == PUBLISHED:
            readings.low[i] = [one.low for one in found]
            readings.high[i] = [one.high for one in found]
    readings.exposure[i] = tracker.exposure_swept(path.low, path.high)


def _expected(tracker: LiquidationTracker, path: Path) -> list[float]:
    return [one.expected for one in tracker.expected_liquidations(*path)]
