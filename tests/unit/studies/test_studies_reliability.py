import json
from dataclasses import replace

import numpy as np
import pytest
from support.study_windows import START
from support.study_windows import made_up_window

from liq_nautilus.core.feed import Feed
from liq_nautilus.core.feed import liquidation_event
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.records import ACTIONS
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.studies.signal_reliability import collect_claims
from liq_nautilus.studies.signal_reliability import reliability_document
from liq_nautilus.studies.signal_reliability import unusual_liquidations
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

# So that there are signals of every kind in few days.
PARAMETERS = TrackerParameters(
    avoid_rule="cluster",
    avoid_significance=0.5,
    reversal_significance=0.7,
    avoid_volatility_multiple=4.0,
)
HORIZON_NS = 4 * HOUR_NS


@pytest.fixture(scope="module")
def window():
    return made_up_window(6, 5)


@pytest.fixture(scope="module")
def claims(window):
    return collect_claims(window, PARAMETERS)


def test_there_are_signals_of_every_kind(claims):
    assert set(claims.action) == set(ACTIONS)
    known = np.isfinite(claims.came_true)
    assert {0.0, 1.0} == set(claims.came_true[known & (claims.action == "AVOID")])
    assert {0.0, 1.0} == set(claims.came_true[known & (claims.action == "REVERSAL_OPPORTUNITY")])


def test_claims_are_what_an_obvious_replay_finds(window, claims):
    tracker = LiquidationTracker(PARAMETERS, brackets=window.brackets)
    feed = Feed(tracker)
    labels = window.labels
    for event in window.events:
        feed.push(event)
    for i in range(len(labels)):
        start, end = int(labels.ts_open[i]), int(labels.ts_close[i])
        feed.push(liquidation_event(1, labels.long_notional[i], start, end, "bars"))
        feed.push(liquidation_event(-1, labels.short_notional[i], start, end, "bars"))
    for i, ts in enumerate(claims.ts):
        feed.release(int(ts))
        signal = tracker.signal()
        assert (signal.action, signal.confidence) == (claims.action[i], claims.confidence[i])
        expected = came_true(window.bars, ts, signal, tracker.clusters())
        np.testing.assert_equal(claims.came_true[i], expected)


def came_true(bars, ts, signal, clusters):
    end = ts + HORIZON_NS
    before = [i for i in range(len(bars)) if bars.ts_close[i] <= ts]
    inside = [i for i in range(len(bars)) if ts < bars.ts_close[i] <= end]
    if signal.action == "WAIT" or end > bars.ts_close[-1]:
        return np.nan
    if signal.action == "REVERSAL_OPPORTUNITY":
        rose = bars.close[inside[-1]] > bars.close[before[-1]]
        fell = bars.close[inside[-1]] < bars.close[before[-1]]
        return float(rose if signal.position_side == 1 else fell)
    reached = []
    for k, peak in enumerate(clusters.price_peak):
        if signal.action == "AVOID":
            matters = peak == signal.cluster_price
        else:
            matters = clusters.significance[k] >= PARAMETERS.avoid_significance
        if matters and clusters.side[k] == 1:
            reached += [bars.low[i] <= clusters.price_high[k] for i in inside]
        elif matters:
            reached += [bars.high[i] >= clusters.price_low[k] for i in inside]
    return float(any(reached) if signal.action == "AVOID" else not any(reached))


def test_by_the_forecast_avoid_and_clear_claim_what_is_liquidated(window):
    parameters = TrackerParameters(reversal_significance=0.99)
    claims = collect_claims(window, parameters)
    labels = window.labels
    both = labels.long_notional + labels.short_notional
    totals = np.convolve(both, np.ones(4), mode="valid")
    judged = 0
    for ts, action, found in zip(claims.ts, claims.action, claims.came_true, strict=True):
        if action not in {"AVOID", "CLEAR"}:
            continue
        i = int((ts - window.start) // HOUR_NS)
        if i < 27 or i >= len(totals):
            assert np.isnan(found)
            continue
        usual = np.quantile(totals[max(0, i - 75) : i - 3], 0.9)
        assert found == float((totals[i] > usual) == (action == "AVOID"))
        judged += 1
    assert judged > 50
    document = reliability_document([claims], 4.0)
    assert "liquidated" in document["actions"]["AVOID"]["claim"]


def test_liquidations_are_known_when_their_interval_is_over(window):
    nothing = np.full(len(window.labels), 1e3)
    one = nothing.copy()
    # Unusual, and no more than the map can believe.
    one[100] = 1e8
    labels = replace(window.labels, long_notional=one, short_notional=nothing)
    claims = collect_claims(replace(window, labels=labels), PARAMETERS)
    is_reversal = claims.action == "REVERSAL_OPPORTUNITY"
    assert claims.ts[is_reversal].min() >= labels.ts_close[100]
    assert claims.ts[is_reversal].min() < labels.ts_close[101]


def test_the_document_counts_signals_and_episodes(claims):
    document = json.loads(json.dumps(reliability_document([claims], 4.0), allow_nan=False))
    assert document["horizon_hours"] == 4.0
    assert set(document["actions"]) == set(ACTIONS)
    assert sum(entry["n"] for entry in document["actions"].values()) == len(claims.ts)
    wait = document["actions"]["WAIT"]
    assert wait["claim"] is None
    assert wait["signals"] is None
    assert "too little is known" in wait["reason"]
    for name in ("AVOID", "REVERSAL_OPPORTUNITY", "CLEAR"):
        entry = document["actions"][name]
        assert entry["n"] >= entry["signals"]["n"] >= entry["episodes"]["n"] > 0
        low, high = entry["signals"]["interval"]
        assert low <= entry["signals"]["observed"] <= high
        assert sum(one["n"] for one in entry["signals"]["bins"]) == entry["signals"]["n"]


def test_windows_are_pooled_and_may_be_empty(window, claims):
    late = replace(window, events=tuple(e for e in window.events if not e.is_update))
    nothing = collect_claims(late, PARAMETERS)
    assert nothing.ts.size == 0
    alone = reliability_document([nothing], 4.0)
    assert alone["actions"]["AVOID"]["signals"]["n"] == 0
    assert alone["actions"]["AVOID"]["unusual_liquidations"]["observed"] is None
    assert reliability_document([claims, nothing], 4.0) == reliability_document([claims], 4.0)


def test_unusual_is_what_exceeds_the_days_before(window):
    found = unusual_liquidations(window.labels, 0.9)
    assert np.isnan(found[:24]).all()
    both = np.stack([window.labels.long_notional, window.labels.short_notional])
    for i in range(24, len(window.labels)):
        usual = both[:, max(0, i - 72) : i]
        assert found[i] == float((both[:, i] > np.quantile(usual, 0.9)).any())


def test_what_follows_is_looked_for_within_the_horizon(window, claims):
    unusual = unusual_liquidations(window.labels, PARAMETERS.reversal_significance)
    ends = window.labels.ts_close
    for ts, followed in zip(claims.ts, claims.followed, strict=True):
        inside = unusual[(ends > ts) & (ends <= ts + HORIZON_NS)]
        is_known = ts + HORIZON_NS <= ends[-1] and np.isfinite(inside).all()
        np.testing.assert_equal(followed, float(inside.any()) if is_known else np.nan)
    assert claims.ts[np.isfinite(claims.followed)].min() >= START + DAY_NS - HOUR_NS
