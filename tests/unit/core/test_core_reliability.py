import math

import numpy as np
import pytest

from liq_nautilus.core.science.reliability import measure_reliability
from liq_nautilus.times import DAY_NS


def claims(n=4_000, seed=2, stretch=1.0):
    """Return claims over 40 days whose log odds are stated `stretch` times too large."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0.0, 1.5, n)
    came_true = (rng.random(n) < 1.0 / (1.0 + np.exp(-odds))).astype(float)
    return np.arange(n) * (40 * DAY_NS // n), 1.0 / (1.0 + np.exp(-stretch * odds)), came_true


def test_right_confidences_come_true_as_often_as_they_say():
    found = measure_reliability(*claims())
    assert found.n == 4_000
    assert found.calibration_error < 0.03
    assert found.skill > 0.2
    assert found.low < found.mean_confidence < found.high
    covers = [one.low <= one.mean_confidence <= one.high for one in found.bins]
    assert np.mean(covers) >= 0.7


def test_overconfidence_shows():
    right, wrong = measure_reliability(*claims()), measure_reliability(*claims(stretch=4.0))
    assert wrong.calibration_error > 3.0 * right.calibration_error
    assert wrong.brier > right.brier
    assert wrong.bins[-1].mean_confidence > wrong.bins[-1].high


def test_bins_hold_every_claim_once():
    times, confidence, came_true = claims()
    confidence[:3] = 0.0, 0.1, 1.0
    found = measure_reliability(times, confidence, came_true)
    assert sum(one.n for one in found.bins) == found.n
    assert found.bins[-1].to_confidence == 1.0
    for one in found.bins:
        inside = (confidence >= one.from_confidence) & (confidence < one.to_confidence)
        inside |= (one.to_confidence == 1.0) & (confidence == 1.0)
        assert one.n == inside.sum()
        assert one.observed == pytest.approx(came_true[inside].mean())


def test_unknown_outcomes_are_left_out():
    times, confidence = np.arange(3) * DAY_NS, np.array([0.2, 0.5, 0.8])
    found = measure_reliability(times, confidence, np.array([0.0, math.nan, 1.0]))
    assert found.n == 2
    assert found.mean_confidence == 0.5
    assert found.brier == pytest.approx(0.04)
    assert found.skill == pytest.approx(1.0 - 0.04 / 0.25)


def test_nothing_and_the_certain_have_no_skill():
    nothing = measure_reliability(np.arange(2), np.full(2, 0.5), np.full(2, math.nan))
    assert nothing.n == 0
    assert nothing.bins == ()
    assert math.isnan(nothing.brier)
    certain = measure_reliability(np.arange(2) * DAY_NS, np.full(2, 0.9), np.ones(2))
    assert math.isnan(certain.skill)
    assert certain.brier == pytest.approx(0.01)
    assert (certain.low, certain.high) == (1.0, 1.0)


def test_the_interval_of_a_share_stays_a_share():
    found = measure_reliability(np.arange(2) * DAY_NS, np.full(2, 0.5), np.array([0.0, 1.0]))
    assert (found.low, found.high) == (0.0, 1.0)
