"""Replays a window and keeps what was forecast at the start of every interval, and from what."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import fields
from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.core.feed import Feed
from liq_nautilus.core.forecasting.inputs import GROUPS
from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.core.forecasting.inputs import N_COLUMNS
from liq_nautilus.core.records import WAIT
from liq_nautilus.core.records import SideForecast
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.studies.inputs.windows import liquidation_events
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.studies.inputs.windows import Labels
    from liq_nautilus.studies.inputs.windows import Window

_MEMORY_NS: Final = 72 * HOUR_NS
_LEAST_NS: Final = 24 * HOUR_NS
_UNUSUAL: Final = 0.9
# The placebo is the map of two days before: the hour of the day is the same.
_PLACEBO_NS: Final = 48 * HOUR_NS


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """
    The starts of intervals whose horizon ends inside the window; longs, shorts and both.

    Attributes
    ----------
    ts, ts_end : ndarray of shape (n,)
        The moment and the end of its horizon (UTC ns).
    columns : ndarray of shape (3, n, N_COLUMNS)
        What the forecast was made from.
    realised, threshold : ndarray of shape (3, n)
        What was liquidated over the horizon, and from which amount on that is unusual (quote).
    open_interest : ndarray of shape (n,)
        Quote.
    forecast : ndarray of shape (3, n, 7)
        What the tracker said: the values of `SideForecast`.
    is_avoided : ndarray of shape (n,)
        Whether the condition of AVOID held.

    """

    ts: TimeArray
    ts_end: TimeArray
    columns: FloatArray
    realised: FloatArray
    threshold: FloatArray
    open_interest: FloatArray
    forecast: FloatArray
    is_avoided: npt.NDArray[np.bool_]

    def take(self, rows: npt.NDArray[np.bool_]) -> Moments:
        """Return some of the moments."""
        found = {}
        for one in fields(self):
            values = getattr(self, one.name)
            is_by_side = one.name in {"columns", "realised", "threshold", "forecast"}
            found[one.name] = values[:, rows] if is_by_side else values[rows]
        return Moments(**found)

    def placebo(self) -> FloatArray:
        """Return the columns with the map of another day."""
        columns, place = self.columns.copy(), GROUPS["map"]
        source = np.searchsorted(self.ts, self.ts - _PLACEBO_NS)
        is_there = self.ts[source] == self.ts - _PLACEBO_NS
        columns[:, :, place] = np.where(
            is_there[None, :, None], self.columns[:, source, place], 0.0
        )
        return columns


def gather_moments(
    window: Window, parameters: TrackerParameters, horizon: str, *, has_past: bool = True
) -> Moments:
    """
    Replay a window and forecast at the start of every interval whose horizon ends inside it.

    Parameters
    ----------
    window : Window
        The data.
    parameters : TrackerParameters
        What is assumed.
    horizon : str
        "1h", "4h" or "1d".
    has_past : bool, optional
        Liquidations of intervals that have ended are an input.

    Returns
    -------
    Moments
        Those for which it is known what is unusual: a day of totals must have ended before.

    """
    tracker = LiquidationTracker(parameters, brackets=window.brackets)
    feed = Feed(tracker)
    for event in (*window.events, *(liquidation_events(window.labels) if has_past else ())):
        feed.push(event)
    starts, totals = horizon_totals(window.labels, HORIZON_HOURS[horizon] * HOUR_NS)
    n = len(starts)
    ts = window.labels.ts_open[starts]
    columns = np.full((3, n, N_COLUMNS), np.nan)
    forecast = np.full((3, n, len(SideForecast.__slots__)), np.nan)
    held, is_avoided = np.full(n, np.nan), np.zeros(n, dtype=np.bool_)
    for i, moment in enumerate(ts.tolist()):
        feed.release(moment)
        around = tracker.surroundings()
        if around is None or not tracker.forecaster.can_forecast(around):
            continue
        held[i] = around.open_interest
        columns[:, i] = tracker.forecaster.columns(around, horizon)
        sides = tracker.forecaster.sides(around, horizon).values()
        forecast[:, i] = [[getattr(one, name) for name in SideForecast.__slots__] for one in sides]
        is_high = tracker.forecaster.outlook(around).is_high
        is_avoided[i] = is_high and tracker.signal().action != WAIT
    ends = ts + HORIZON_HOURS[horizon] * HOUR_NS
    threshold = unusual_thresholds(ts, ends, totals)
    found = Moments(ts, ends, columns, totals, threshold, held, forecast, is_avoided)
    return found.take(np.isfinite(threshold[0]) & np.isfinite(held))


def horizon_totals(labels: Labels, horizon_ns: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the intervals a whole horizon begins with, and what it brought, shape (3, n)."""
    length = int(labels.ts_close[0] - labels.ts_open[0])
    count = max(1, round(horizon_ns / length))
    sums = np.zeros((3, len(labels) + 1))
    sums[0, 1:], sums[1, 1:] = np.cumsum(labels.long_notional), np.cumsum(labels.short_notional)
    sums[2] = sums[0] + sums[1]
    starts = np.arange(max(len(labels) - count + 1, 0))
    spans = labels.ts_close[starts + count - 1] - labels.ts_open[starts]
    # A missing interval, or one longer than the horizon, says nothing about it.
    starts = starts[spans == horizon_ns]
    return starts, sums[:, starts + count] - sums[:, starts]


def unusual_thresholds(ts: TimeArray, ends: TimeArray, totals: FloatArray) -> FloatArray:
    """
    Return from which total on it is unusual: the 90th percentile of those that ended lately.

    Parameters
    ----------
    ts, ends : ndarray of shape (n,)
        When each horizon begins and ends (UTC ns).
    totals : ndarray of shape (3, n)
        Quote.

    Returns
    -------
    ndarray of shape (3, n)
        Of the totals that ended in the 72 hours before; NaN with less than 24 of them.

    """
    found = np.full(totals.shape, np.nan)
    step = int(np.diff(ends[:2]).sum())
    for i, moment in enumerate(ts.tolist()):
        first, last = np.searchsorted(ends, [moment - _MEMORY_NS, moment], side="right")
        if last > first and ends[last - 1] - ends[first] >= _LEAST_NS - step:
            found[:, i] = np.quantile(totals[:, first:last], _UNUSUAL, axis=1)
    return found
