"""How forecasts learn from what came true."""

import numpy as np
import pytest

from liq_nautilus.core.forecasting.corrections import Correction
from liq_nautilus.core.forecasting.corrections import Made
from liq_nautilus.core.forecasting.fits import HorizonFit
from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.core.forecasting.inputs import N_COLUMNS
from liq_nautilus.core.forecasting.realised import RealisedTotals
from liq_nautilus.times import HOUR_NS

T = 490_000 * HOUR_NS
HELD = 1e9
NOTHING = np.zeros((3, 1 + N_COLUMNS))
FIT = HorizonFit(NOTHING, NOTHING, np.tile([-1.0, 0.0, 1.0, 2.0], (3, 1)), np.ones(3))


def lived(horizon="1h", days=60, factor=1.0, deviation=1.0, seed=2, step=HOUR_NS):
    """Return a correction after days of forecasts of a millionth of open interest, and misses."""
    rng = np.random.default_rng(seed)
    correction, realised = Correction(horizon), RealisedTotals()
    n = HORIZON_HOURS[horizon]
    below, ratios = [], []
    for i in range(days * 24):
        ts = T + i * step
        amount = factor * HELD * 1e-3 * np.exp(deviation * rng.normal())
        correction.settle(realised, FIT)
        if correction.is_due(ts):
            share = np.log(np.array([1e-3, 0.5e-3, 1.5e-3]) * n)
            correction.remember(Made(ts, share, HELD))
        edges = np.log(1e-3 * n) + FIT.quantiles[0] + correction.offsets[0]
        below.append(np.log(amount / HELD + 1e-6) <= edges)
        ratios.append(correction.mean_factor()[0])
        realised.add(1, amount, ts, ts + step)
        realised.add(-1, 0.5 * amount, ts, ts + step)
    return correction, np.array(below), np.array(ratios)


@pytest.mark.parametrize("factor", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("deviation", [0.4, 1.5])
def test_quantiles_come_to_hold_their_share(factor, deviation):
    _, below, _ = lived(factor=factor, deviation=deviation)
    late = below[len(below) // 2 :].mean(axis=0)
    np.testing.assert_allclose(late, [0.1, 0.5, 0.9, 0.99], atol=0.06)


@pytest.mark.parametrize(
    ("factor", "low", "high"), [(0.5, 0.4, 0.75), (1.0, 0.9, 1.3), (3.0, 2.2, 3.5)]
)
def test_the_mean_follows_what_came_true(factor, low, high):
    _, _, ratios = lived(factor=factor, deviation=0.3)
    assert ratios[0] == 1.0
    assert low < ratios[-1] < high


@pytest.mark.parametrize(("factor", "expected"), [(100.0, 4.0), (0.001, 0.25)])
def test_the_mean_is_corrected_within_bounds(factor, expected):
    correction, _, _ = lived(factor=factor, days=40)
    np.testing.assert_allclose(correction.mean_factor(), expected)


def test_nothing_is_learnt_before_a_horizon_has_ended():
    correction, realised = Correction("4h"), RealisedTotals()
    correction.remember(Made(T, np.log(np.full(3, 1e-3)), HELD))
    for hour in range(3):
        realised.add(1, 1e9, T + hour * HOUR_NS, T + (hour + 1) * HOUR_NS)
        correction.settle(realised, FIT)
        assert not correction.offsets.any()
    realised.add(1, 1e9, T + 3 * HOUR_NS, T + 4 * HOUR_NS)
    correction.settle(realised, FIT)
    assert (correction.offsets[0] > 0.0).all()
    assert (correction.offsets[1] < 0.0).all()


def test_a_miss_moves_a_quantile_by_its_share_of_the_spread():
    correction, realised = Correction("1h"), RealisedTotals()
    correction.remember(Made(T, np.log(np.full(3, 1e-3)), HELD))
    realised.add(1, 1e8, T, T + HOUR_NS)
    correction.settle(realised, FIT)
    levels = np.array([0.1, 0.5, 0.9, 0.99])
    np.testing.assert_allclose(correction.offsets[0], 0.03 * 2.0 * levels)
    np.testing.assert_allclose(correction.offsets[1], 0.03 * 2.0 * (levels - 1.0))


def test_overlapping_horizons_count_less():
    gains = []
    for horizon, hours in HORIZON_HOURS.items():
        correction, realised = Correction(horizon), RealisedTotals()
        correction.remember(Made(T, np.log(np.full(3, 1e-3)), HELD))
        realised.add(1, 1e9, T, T + hours * HOUR_NS)
        correction.settle(realised, FIT)
        gains.append(correction.offsets[0, 1])
    np.testing.assert_allclose(np.array(gains) / gains[0], [1.0, 1.0 / 4.0, 1.0 / 24.0])


def test_a_forecast_is_remembered_each_half_hour():
    correction = Correction("1h")
    assert correction.is_due(T)
    correction.remember(Made(T, np.zeros(3), HELD))
    assert not correction.is_due(T + HOUR_NS // 2 - 1)
    assert correction.is_due(T + HOUR_NS // 2)


def test_what_waits_is_bounded():
    correction = Correction("1h")
    for i in range(1000):
        correction.remember(Made(T + i * HOUR_NS, np.full(3, -1.0 * i), HELD))
    state = correction.state()
    assert state["ts"].shape == (18,)
    assert state["ts"][-1] == T + 999 * HOUR_NS


@pytest.mark.parametrize("horizon", HORIZON_HOURS)
def test_what_is_restored_goes_on_alike(horizon):
    first, _, _ = lived(horizon, days=4)
    second = Correction(horizon)
    second.restore(first.state())
    realised = RealisedTotals()
    for correction in (first, second):
        correction.remember(Made(T + 96 * HOUR_NS, np.full(3, -7.0), 2e9))
    for hour in range(60, 130):
        realised.add(1, 3e6 + hour, T + hour * HOUR_NS, T + (hour + 1) * HOUR_NS)
    for correction in (first, second):
        correction.settle(realised, FIT)
    np.testing.assert_array_equal(first.offsets, second.offsets)
    np.testing.assert_array_equal(first.mean_factor(), second.mean_factor())
    assert first.is_due(T + 96 * HOUR_NS + 1) == second.is_due(T + 96 * HOUR_NS + 1) is False
