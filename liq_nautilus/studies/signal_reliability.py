"""
Whether a signal's confidence means something: how often what it claims came true.

Every signal is taken as a claim about the hours after it (`signal_horizon_hours`):

- AVOID: more is liquidated than in nine tenths of such times that ended in the three days before.
  Its confidence is the forecast's chance of that.
- REVERSAL_OPPORTUNITY: the price ends beyond where it was, against the cascade. Its confidence is a
  parameter.
- CLEAR: not more than that is liquidated. Its confidence is the chance of that.
- WAIT says that too little is known and claims nothing.

By the cluster rule, AVOID claims that the cluster it names is reached, with the chance of a
driftless walk, and CLEAR that no significant cluster is.

Beside it stands, for every action, how often unusually large liquidations followed: what AVOID is
about in the end.

Signals follow each other every few minutes and speak about hours, so that neighbours share their
fate: tables are given over all signals, and over episodes, the first signal of each unbroken spell.
Intervals resample whole days.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np

from liq_nautilus.core.feed import Feed
from liq_nautilus.core.records import ACTIONS
from liq_nautilus.core.records import AVOID
from liq_nautilus.core.records import CLEAR
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import REVERSAL_OPPORTUNITY
from liq_nautilus.core.records import WAIT
from liq_nautilus.core.science.reliability import measure_reliability
from liq_nautilus.core.science.reliability import share_interval
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.json_files import without_nan
from liq_nautilus.studies.forecasts.moments import horizon_totals
from liq_nautilus.studies.forecasts.moments import unusual_thresholds
from liq_nautilus.studies.inputs.windows import liquidation_events
from liq_nautilus.studies.names import SIDE_NAMES
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence

    import numpy.typing as npt

    from liq_nautilus.core.feed import Event
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import Action
    from liq_nautilus.core.records import Clusters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import Signal
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.core.science.reliability import Reliability
    from liq_nautilus.studies.inputs.windows import Labels
    from liq_nautilus.studies.inputs.windows import Window

CLAIMS: Final[dict[Action, str]] = {
    AVOID: "unusually much is liquidated within the horizon",
    REVERSAL_OPPORTUNITY: "the price ends the horizon beyond the signal's, against the cascade",
    CLEAR: "no more than usual is liquidated within the horizon",
}
CLUSTER_CLAIMS: Final[dict[Action, str]] = CLAIMS | {
    AVOID: "the price reaches the named cluster within the horizon",
    CLEAR: "the price reaches no significant cluster of the map within the horizon",
}
NO_CLAIM: Final = "it says that too little is known; its confidence is the map's"


# What "unusual" refers to.
_MEMORY_NS: Final = 3 * DAY_NS

type _Row = tuple[int, str, int, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """
    The signals of a window and what became of them.

    Attributes
    ----------
    ts : ndarray of shape (n,)
        When each was published (UTC ns).
    action : ndarray of shape (n,)
        AVOID, REVERSAL_OPPORTUNITY, WAIT or CLEAR.
    confidence : ndarray of shape (n,)
        As published.
    came_true : ndarray of shape (n,)
        1 or 0; NaN where nothing is claimed or the bars end before the horizon does.
    followed : ndarray of shape (n,)
        1 where liquidations followed that were unusually large, else 0; NaN where unknown.
    is_onset : ndarray of shape (n,)
        Whether an unbroken spell of one action about one side begins.

    """

    ts: TimeArray
    action: npt.NDArray[np.object_]
    confidence: FloatArray
    came_true: FloatArray
    followed: FloatArray
    is_onset: npt.NDArray[np.bool_]


def collect_claims(window: Window, parameters: TrackerParameters) -> Claims:
    """
    Replay a window and return its signals with what became of them.

    Parameters
    ----------
    window : Window
        The data. Unlike in the scoring of the map, realised liquidations are inputs here, as in
        trading: each interval's once it is over.
    parameters : TrackerParameters
        What is assumed.

    Notes
    -----
    Signals are those that an actor would publish: one at every open interest snapshot and funding
    settlement, when it could be known. What is reached is told by the last prices of all bars that
    were not over when the signal came, since those before are in the price it speaks about.

    """
    tracker = LiquidationTracker(parameters, brackets=window.brackets)
    feed = Feed(tracker)
    for event in (*window.events, *_liquidations(window)):
        feed.push(event)
    horizon_ns = round(parameters.signal_horizon_hours * HOUR_NS)
    judge = _Judge(window, horizon_ns, parameters)
    rows: list[_Row] = []
    due = {event.ts_known for event in window.events if event.is_update}
    for ts in sorted(ts for ts in due if ts < window.end):
        feed.release(ts)
        if ts >= window.start:
            signal = tracker.signal()
            truth = judge.came_true(ts, signal, tracker.clusters())
            rows.append((ts, signal.action, signal.position_side, signal.confidence, truth))
    unusual = unusual_liquidations(window.labels, parameters.reversal_significance)
    return _claims(rows, window.labels, unusual, horizon_ns)


def measure_signals(
    windows: Sequence[Window], parameters: Sequence[TrackerParameters]
) -> dict[str, Any]:
    """
    Return the reliability of the signals' confidence over all windows, ready for JSON.

    Parameters
    ----------
    windows : sequence of Window
        In time order.
    parameters : sequence of TrackerParameters
        What each window is replayed with.

    """
    parts = [collect_claims(*pair) for pair in zip(windows, parameters, strict=True)]
    last = parameters[-1]
    claims = CLAIMS if last.avoid_rule == "forecast" else CLUSTER_CLAIMS
    return reliability_document(parts, last.signal_horizon_hours, claims)


def reliability_document(
    parts: Sequence[Claims], horizon_hours: float, claims: Mapping[Action, str] = CLAIMS
) -> dict[str, Any]:
    """
    Return claims of several windows as the document's part `reliability`.

    Parameters
    ----------
    parts : sequence of Claims
        One per window, of different days.
    horizon_hours : float
        What the claims speak about.
    claims : dict of str to str, optional
        What each action claims.

    """
    names = [one.name for one in fields(Claims)]
    every = Claims(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))
    return {
        "horizon_hours": horizon_hours,
        "actions": {action: _entry(every, action, claims) for action in ACTIONS},
    }


def _entry(claims: Claims, action: Action, said: Mapping[Action, str]) -> dict[str, Any]:
    mine = claims.action == action
    entry: dict[str, Any] = {
        "claim": said.get(action),
        "n": int(mine.sum()),
        "signals": None,
        "episodes": None,
        "unusual_liquidations": _share(claims.ts[mine], claims.followed[mine]),
    }
    if action not in CLAIMS:
        return entry | {"reason": NO_CLAIM}
    for key, rows in (("signals", mine), ("episodes", mine & claims.is_onset)):
        entry[key] = _document(
            measure_reliability(claims.ts[rows], claims.confidence[rows], claims.came_true[rows])
        )
    return entry


def _share(times: TimeArray, followed: FloatArray) -> dict[str, Any]:
    known = np.isfinite(followed)
    if not known.any():
        return {"n": 0, "observed": None, "interval": None}
    low, high = share_interval(times[known], followed[known])
    values = {"n": int(known.sum()), "observed": float(followed[known].mean())}
    return _plain(values | {"low": low, "high": high})


class _Judge:
    # Tells, from bars and realised liquidations, whether what a signal claims came true.

    def __init__(self, window: Window, horizon_ns: int, parameters: TrackerParameters) -> None:
        self._bars = window.bars
        self._horizon_ns = horizon_ns
        self._significance = parameters.avoid_significance
        self._is_by_forecast = parameters.avoid_rule == "forecast"
        starts, totals = horizon_totals(window.labels, horizon_ns)
        self._begins = window.labels.ts_open[starts]
        self._lasts = window.labels.ts_close[starts] - self._begins
        both = totals[2:]
        threshold = unusual_thresholds(self._begins, self._begins + horizon_ns, both)
        self._unusual = np.where(np.isfinite(threshold), both > threshold, np.nan)[0]

    def _is_unusual(self, ts: int) -> float:
        # Of the horizon that begins with the interval in which the signal came.
        place = int(np.searchsorted(self._begins, ts, side="right")) - 1
        if place < 0 or ts >= self._begins[place] + self._lasts[place]:
            return math.nan
        return float(self._unusual[place])

    def came_true(self, ts: int, signal: Signal, clusters: Clusters) -> float:
        bars, end = self._bars, ts + self._horizon_ns
        if self._is_by_forecast and signal.action in {AVOID, CLEAR}:
            unusual = self._is_unusual(ts)
            return unusual if signal.action == AVOID else 1.0 - unusual
        if signal.action == WAIT or end > bars.ts_close[-1]:
            return math.nan
        first = int(np.searchsorted(bars.ts_close, ts, side="right"))
        last = int(np.searchsorted(bars.ts_close, end, side="right"))
        if first == 0 or first == last:
            return math.nan
        if signal.action == REVERSAL_OPPORTUNITY:
            move = bars.close[last - 1] / bars.close[first - 1] - 1.0
            return float(move * signal.position_side > 0.0)
        low, high = bars.low[first:last].min(), bars.high[first:last].max()
        is_long = clusters.side == LONG
        is_reached = np.where(is_long, low <= clusters.price_high, high >= clusters.price_low)
        if signal.action == AVOID:
            return float(is_reached[clusters.price_peak == signal.cluster_price].any())
        return float(not is_reached[clusters.significance >= self._significance].any())


def _liquidations(window: Window) -> list[Event]:
    # Known as soon as they have ended, of whatever venues.
    return liquidation_events(replace(window.labels, venues=()), delay_ns=0)


def unusual_liquidations(labels: Labels, share: float) -> FloatArray:
    """
    Return which intervals saw unusually large liquidations on either side.

    Parameters
    ----------
    labels : Labels
        What was liquidated.
    share : float
        Larger than this share of both sides' intervals of the three days before.

    Returns
    -------
    ndarray of shape (n,)
        1 or 0; NaN while less than a day is known.

    """
    both = np.column_stack([labels.of(side) for side in SIDE_NAMES])
    oldest = np.searchsorted(labels.ts_open, labels.ts_open - _MEMORY_NS)
    found = np.full(len(labels), np.nan)
    for i in np.flatnonzero(labels.ts_open - labels.ts_open[:1] >= DAY_NS):
        found[i] = float((both[i] > np.quantile(both[oldest[i] : i], share)).any())
    return found


def _claims(rows: Sequence[_Row], labels: Labels, unusual: FloatArray, horizon_ns: int) -> Claims:
    ts, action, side, confidence, came_true = zip(*rows, strict=True) if rows else ((),) * 5
    times = np.array(ts, dtype=np.int64)
    named, sides = np.array(action, dtype=object), np.array(side, dtype=np.int8)
    is_onset = np.ones(len(rows), dtype=bool)
    is_onset[1:] = (named[1:] != named[:-1]) | (sides[1:] != sides[:-1])
    return Claims(
        ts=times,
        action=named,
        confidence=np.array(confidence, dtype=np.float64),
        came_true=np.array(came_true, dtype=np.float64),
        followed=_followed(times, labels, unusual, horizon_ns),
        is_onset=is_onset,
    )


def _followed(times: TimeArray, labels: Labels, unusual: FloatArray, horizon_ns: int) -> FloatArray:
    # Whether any of the intervals that were not over, and end within the horizon, was unusual.
    first = np.searchsorted(labels.ts_close, times, side="right")
    last = np.searchsorted(labels.ts_close, times + horizon_ns, side="right")
    n_unusual = np.concatenate([[0], np.cumsum(unusual > 0.0)])
    n_unknown = np.concatenate([[0], np.cumsum(np.isnan(unusual))])
    is_known = (last > first) & (times + horizon_ns <= labels.ts_close[-1])
    is_known &= n_unknown[last] == n_unknown[first]
    followed: FloatArray = np.where(is_known, n_unusual[last] > n_unusual[first], np.nan)
    return followed


def _document(found: Reliability) -> dict[str, Any]:
    document = asdict(found)
    bins = [_plain(one) for one in document.pop("bins")]
    return _plain(document) | {"bins": bins}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = without_nan(values)
    interval = [plain.pop("low"), plain.pop("high")]
    return plain | {"interval": None if None in interval else interval}
