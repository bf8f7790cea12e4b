"""From levels, clusters and realised liquidations to an action with its reason and confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.forecasting.outlook import NO_OUTLOOK
from liq_nautilus.core.forecasting.outlook import Outlook
from liq_nautilus.core.forecasting.outlook import touch_probability
from liq_nautilus.core.records import AVOID
from liq_nautilus.core.records import CLEAR
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import REVERSAL_OPPORTUNITY
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.records import WAIT
from liq_nautilus.core.records import Clusters
from liq_nautilus.core.records import Signal
from liq_nautilus.core.trailing import TrailingDistribution
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray

_BIN_NS = HOUR_NS // 12
_N_BINS = 48
# Realised and predicted liquidations are compared over this many bins: an hour.
_WINDOW = 12
_REALISED_MEMORY_HOURS = 72.0
# The hour of an interval this old is still in the bins.
_LONGEST_HOLD_NS = (_N_BINS - _WINDOW - 1) * _BIN_NS

# From this multiple on, volatility does not limit how far AVOID looks.
NO_VOLATILITY_LIMIT = 1e6
# Named sets of parameters. `simple` are the rules as they were first asked for: AVOID within 2 % of
# any cluster, named by its bucket, REVERSAL_OPPORTUNITY whenever more is liquidated than predicted.
RULES: dict[str, dict[str, float | str]] = {
    "default": {},
    "simple": {
        "avoid_rule": "cluster",
        "avoid_distance": 0.02,
        "avoid_significance": 0.0,
        "avoid_volatility_multiple": NO_VOLATILITY_LIMIT,
        "reversal_confidence": 0.85,
        "reversal_significance": 0.0,
        "wait_confidence": 0.5,
    },
}


class LiquidationBalance:
    """
    Realised against predicted liquidations over the same hour, per side.

    Both are kept in bins of five minutes; memory is fixed. The hour ends now where single orders
    tell what is liquidated, and where only sums over intervals do, with the newest interval: what
    was predicted since then has nothing yet to be compared with.
    """

    def __init__(self) -> None:
        # Of longs and of shorts; lists, which are quicker than arrays for a few bins at a time.
        self._realised = ([0.0] * _N_BINS, [0.0] * _N_BINS)
        self._predicted = ([0.0] * _N_BINS, [0.0] * _N_BINS)
        # Of the realised ones of both sides of which is known what was shown: that, and all.
        self._shown = ([0.0] * _N_BINS, [0.0] * _N_BINS)
        self._newest = 0
        # The end of the newest interval, and its length (ns).
        self._through = 0
        self._span = 0
        self._usual = TrailingDistribution(_REALISED_MEMORY_HOURS)

    def add_realised(
        self, side: int, notional: float, ts_from: int, ts_to: int, shown: float = 1.0
    ) -> None:
        """
        Take in liquidated notional (quote) of one side, spread evenly over its interval.

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        notional : float
            Quote.
        ts_from, ts_to : int
            UTC ns; equal for a single order.
        shown : float, optional
            Which share of it was seen, in (0, 1]; NaN where that is not known.

        """
        self._advance(ts_to)
        if ts_to > max(ts_from, self._through):
            self._through, self._span = ts_to, min(ts_to - ts_from, _LONGEST_HOLD_NS)
        last = max(ts_to - 1, ts_from) // _BIN_NS
        begin = ts_from // _BIN_NS
        first = max(begin, self._newest - _N_BINS + 1)
        bins, share = self._realised[0 if side == LONG else 1], notional / (last - begin + 1)
        for number in range(first, last + 1):
            bins[number % _N_BINS] += share
            if not math.isnan(shown):
                self._shown[0][number % _N_BINS] += share * shown
                self._shown[1][number % _N_BINS] += share

    def add_predicted(self, notional: FloatArray, ts: int) -> None:
        """Take in what the map said the path swept (shape (2,), quote) until a time (UTC ns)."""
        self._advance(ts)
        # A bar that ends with a bin belongs to that bin, as in `add_realised`.
        number = ((ts - 1) // _BIN_NS) % _N_BINS
        for bins, swept in zip(self._predicted, notional.tolist(), strict=True):
            bins[number] += swept

    def hour(self, ts: int) -> tuple[FloatArray, FloatArray]:
        """Return realised and predicted notional of the hour known best, each of shape (2,)."""
        begin, end = self._hour(ts)
        realised, predicted = (
            [_sum_between(bins, begin, end) for bins in kind]
            for kind in (self._realised, self._predicted)
        )
        return np.array(realised), np.array(predicted)

    def completeness(self, ts: int) -> float:
        """
        Return which share of `hour`'s realised notional was seen.

        NaN where there was none, or of more than half of it nobody knows.
        """
        begin, end = self._hour(ts)
        realised = sum(_sum_between(bins, begin, end) for bins in self._realised)
        shown, known = (_sum_between(bins, begin, end) for bins in self._shown)
        return shown / known if known > 0.5 * realised else math.nan

    def _hour(self, ts: int) -> tuple[int, int]:
        # Between which bins lies the hour known best.
        self._advance(ts)
        # An interval that should have come and did not: nothing is known of the time since.
        end = self._through if ts - self._through <= self._span else ts
        newest = (end - 1) // _BIN_NS
        return (newest - _WINDOW + 1) % _N_BINS, newest % _N_BINS + 1

    def rank_realised(self, realised: FloatArray, ts: int) -> FloatArray:
        """Return how large each side's hour is among the trailing ones, and remember them."""
        ranks = self._usual.rank(realised)
        self._usual.add(realised, ts)
        return ranks

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {
            "bins": np.array([self._realised, self._predicted, self._shown]),
            "newest": self._newest,
            "through": self._through,
            "span": self._span,
            "usual": self._usual.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        kinds = (self._realised, self._predicted, self._shown)
        for kind, saved in zip(kinds, state["bins"], strict=True):
            for bins, values in zip(kind, saved.tolist(), strict=True):
                bins[:] = values
        self._newest = int(state["newest"])
        self._through = int(state["through"])
        self._span = int(state["span"])
        self._usual.restore(state["usual"])

    def _advance(self, ts: int) -> None:
        newest = ts // _BIN_NS
        if newest > self._newest:
            for number in range(max(self._newest + 1, newest - _N_BINS + 1), newest + 1):
                for bins in (*self._realised, *self._predicted, *self._shown):
                    bins[number % _N_BINS] = 0.0
            self._newest = newest


def _sum_between(bins: list[float], begin: int, end: int) -> float:
    return sum(bins[begin:end] if begin < end else bins[begin:] + bins[:end])


@dataclass(frozen=True, slots=True)
class SignalInputs:
    """
    What a signal is decided on.

    Attributes
    ----------
    ts : int
        UTC ns.
    price : float
        The current price.
    clusters : Clusters
        The newest clusters.
    confidence : float
        The ensemble's.
    volatility : float
        Standard deviation of the log return over the signal's horizon; NaN when unknown.
    realised, predicted, realised_rank : ndarray of shape (2,)
        Liquidated notional of the last hour, what the map said, and the rank of the first.
    bucket_size : float
        The width of a shown bucket (quote), by which AVOID names any cluster where none needs to be
        significant; 0 for the cluster's own price.
    outlook : Outlook
        What the forecast says.
    completeness : float
        As of `LiquidationBalance.completeness`; NaN: `reported_share` is assumed.

    """

    ts: int
    price: float
    clusters: Clusters
    confidence: float
    volatility: float
    realised: FloatArray
    predicted: FloatArray
    realised_rank: FloatArray
    bucket_size: float = 0.0
    outlook: Outlook = NO_OUTLOOK
    completeness: float = 1.0


def decide_signal(inputs: SignalInputs, parameters: TrackerParameters) -> Signal:
    """
    Return the signal: WAIT before REVERSAL_OPPORTUNITY before AVOID before CLEAR.

    Notes
    -----
    WAIT is about ignorance: the map's confidence is too low. REVERSAL_OPPORTUNITY is about
    direction: more was liquidated on one side than the map held there, and unusually much. AVOID is
    about risk: the forecast's chance of an unusual amount within the horizon is among the highest
    of the last days; that chance is its confidence, and the `risk` of every signal. CLEAR claims
    that nothing unusual will come: its confidence is the chance of that. By the cluster rule, AVOID
    stands where an unusually large cluster lies near in terms of current volatility; its confidence
    is then the chance that a driftless random walk reaches its near edge within the horizon,
    ``2 * Phi(-distance / volatility)``.

    """
    if not inputs.confidence >= parameters.wait_confidence:
        reason = "Low model confidence"
        found = Signal(inputs.ts, WAIT, reason, inputs.confidence, 0, math.nan, math.nan)
    elif parameters.avoid_rule == "cluster":
        found = _reversal(inputs, parameters) or _avoid(inputs, parameters) or _clear(inputs)
    else:
        found = _reversal(inputs, parameters) or _advised(
            inputs.ts, inputs.outlook, inputs.confidence
        )
    return replace(found, risk=inputs.outlook.chance, completeness=inputs.completeness)


def as_seen_now(signal: Signal, ts: int, outlook: Outlook, parameters: TrackerParameters) -> Signal:
    """
    Return a signal of the last update as the forecast sees it now.

    Parameters
    ----------
    signal : Signal
        That of the last update.
    ts : int
        UTC ns.
    outlook : Outlook
        What the forecast says now.
    parameters : TrackerParameters
        The rules.

    """
    if parameters.avoid_rule == "forecast" and signal.action in {AVOID, CLEAR}:
        known = signal.completeness
        signal = replace(_advised(ts, outlook, signal.confidence), completeness=known)
    return replace(signal, risk=outlook.chance)


def _clear(inputs: SignalInputs) -> Signal:
    reason = "No significant cluster near"
    return Signal(inputs.ts, CLEAR, reason, inputs.confidence, 0, math.nan, math.nan)


def _advised(ts: int, outlook: Outlook, confidence: float) -> Signal:
    # What the forecast advises; the confidence is the map's, told where there is no chance.
    chance = outlook.chance
    if not outlook.is_high:
        reason = "No unusual liquidations expected"
        clear = confidence if math.isnan(chance) else 1.0 - chance
        return Signal(ts, CLEAR, reason, clear, 0, math.nan, math.nan)
    price = outlook.price
    reason = (
        f"Liquidation cluster at ${price:,.{_decimals(price)}f}, "
        f"{chance:.0%} chance of unusual liquidations"
    )
    return Signal(ts, AVOID, reason, chance, outlook.side, price, outlook.notional)


def _reversal(inputs: SignalInputs, parameters: TrackerParameters) -> Signal | None:
    realised, predicted = inputs.realised.tolist(), inputs.predicted.tolist()
    ranks = inputs.realised_rank.tolist()
    exceeding = [
        index
        for index in range(2)
        if ranks[index] >= parameters.reversal_significance and realised[index] > predicted[index]
    ]
    if not exceeding:
        return None
    index = max(exceeding, key=realised.__getitem__)
    side, name = ((LONG, "long"), (SHORT, "short"))[index]
    reason = (
        f"Liquidated {name}s of ${inputs.realised[index]:,.0f} in an hour, "
        f"predicted ${inputs.predicted[index]:,.0f}"
        f"{_shown_words(inputs.completeness, parameters.reported_share)}"
    )
    return Signal(
        inputs.ts,
        REVERSAL_OPPORTUNITY,
        reason,
        parameters.reversal_confidence,
        side,
        inputs.price,
        float(inputs.realised[index]),
    )


def _shown_words(completeness: float, assumed: float) -> str:
    # Of whole sums there is nothing to say.
    if math.isnan(completeness):
        return f"; the feed shows an unknown share, taken for {assumed:.0%}"
    return f"; {completeness:.0%} seen, the rest made up" if completeness < 1.0 else ""


def _avoid(inputs: SignalInputs, parameters: TrackerParameters) -> Signal | None:
    clusters = inputs.clusters
    reach = _avoid_reach(inputs.volatility, parameters)
    if not clusters.notional.size or not reach > 0.0:
        return None
    nearest, index = math.inf, -1
    # Few clusters are significant: only those are looked at.
    for i, significance in enumerate(clusters.significance.tolist()):
        if significance >= parameters.avoid_significance:
            near_edge = clusters.price_high if clusters.side[i] == LONG else clusters.price_low
            distance = abs(math.log(float(near_edge[i]) / inputs.price))
            if distance <= reach and distance < nearest:
                nearest, index = distance, i
    if index < 0:
        return None
    peak = float(clusters.price_peak[index])
    named = peak
    if parameters.avoid_significance <= 0.0 and inputs.bucket_size > 0.0:
        named = math.floor(peak / inputs.bucket_size) * inputs.bucket_size
    chance = inputs.confidence
    if inputs.volatility > 0.0:
        chance = touch_probability(nearest, inputs.volatility)
    return Signal(
        inputs.ts,
        AVOID,
        f"Liquidation cluster at ${named:,.{_decimals(named)}f}",
        chance,
        int(clusters.side[index]),
        peak,
        float(clusters.notional[index]),
    )


def _avoid_reach(volatility: float, parameters: TrackerParameters) -> float:
    # How near a cluster must be (a fraction of the price); NaN while the volatility is not known.
    if parameters.avoid_volatility_multiple >= NO_VOLATILITY_LIMIT:
        return parameters.avoid_distance
    if not volatility > 0.0:
        return math.nan
    return min(parameters.avoid_distance, parameters.avoid_volatility_multiple * volatility)


def _decimals(price: float) -> int:
    # Five significant digits, no decimals from 10,000 up.
    return max(0, 4 - math.floor(math.log10(price)))
