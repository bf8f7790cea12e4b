import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from liq_nautilus.core.science.scoring import PowerScale
from liq_nautilus.core.science.scoring import explained_deviance
from liq_nautilus.core.science.scoring import fit_scale
from liq_nautilus.core.science.scoring import location_log_likelihood
from liq_nautilus.core.science.scoring import partial_spearman
from liq_nautilus.core.science.scoring import spearman
from liq_nautilus.core.science.scoring import tweedie_deviance

RANDOM = np.random.default_rng(5)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=40))
def test_spearman_is_scipys_where_that_is_defined(pairs: list[tuple[int, int]]):
    a, b = np.array(pairs, dtype=np.float64).T
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert math.isnan(spearman(a, b))
    else:
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


def test_spearman_needs_two_values_and_takes_nan_as_least():
    assert math.isnan(spearman(np.array([1.0]), np.array([1.0])))
    assert spearman(np.array([np.nan, 1.0, 2.0]), np.array([0.0, 1.0, 2.0])) == pytest.approx(1.0)


def test_partial_spearman_takes_out_what_the_given_series_explains():
    given_move = RANDOM.normal(size=4000)
    prediction = given_move + 0.5 * RANDOM.normal(size=4000)
    realised = given_move + 0.5 * RANDOM.normal(size=4000)

    assert spearman(prediction, realised) > 0.7
    assert partial_spearman(prediction, realised, given_move) == pytest.approx(0.0, abs=0.05)
    assert partial_spearman(realised, realised, given_move) == pytest.approx(1.0)
    assert math.isnan(partial_spearman(given_move, realised, given_move))


def test_tweedie_deviance_is_the_general_formula_at_power_one_and_a_half():
    y, mu, p = np.array([0.0, 2.0, 9.0]), np.array([1.0, 3.0, 4.0]), 1.5
    general = 2 * (
        y ** (2 - p) / ((1 - p) * (2 - p)) - y * mu ** (1 - p) / (1 - p) + mu ** (2 - p) / (2 - p)
    )

    assert tweedie_deviance(y, mu) == pytest.approx(general.mean())
    assert tweedie_deviance(mu, mu) == 0.0


def test_explained_deviance_is_one_when_perfect_and_zero_for_the_mean():
    y = np.array([1.0, 2.0, 6.0])

    assert explained_deviance(y, y) == 1.0
    assert explained_deviance(y, np.full(3, 3.0)) == pytest.approx(0.0)
    assert explained_deviance(y, np.array([6.0, 2.0, 1.0])) < 0.0


@pytest.mark.parametrize(
    ("realised", "expected"),
    [
        (np.zeros(0), np.zeros(0)),
        (np.zeros(2), np.ones(2)),
        (np.ones(2), np.array([1.0, np.nan])),
        (np.ones(2), np.array([1.0, 0.0])),
        (np.ones(2), np.array([1.0, 2.0])),
    ],
)
def test_explained_deviance_is_nan_where_it_means_nothing(
    realised: np.ndarray, expected: np.ndarray
):
    assert math.isnan(explained_deviance(realised, expected))


def test_scale_recovers_a_power_law_under_noise():
    prediction = RANDOM.lognormal(sigma=1.5, size=5000)
    realised = 300.0 * prediction**1.4 * RANDOM.gamma(2.0, 0.5, size=5000)
    scale = fit_scale(prediction, realised)

    assert scale.power == pytest.approx(1.4, abs=0.05)
    assert scale.apply(prediction).sum() == pytest.approx(realised.sum(), rel=0.05)


def test_scale_survives_predictions_of_nothing_and_nan():
    realised = RANDOM.gamma(1.0, 100.0, size=50)
    for prediction in (np.zeros(50), np.full(50, np.nan)):
        scale = fit_scale(prediction, realised)
        expected = scale.apply(np.zeros(50))
        assert np.all(expected > 0.0)
        assert np.ptp(expected) == 0.0


def test_scale_takes_a_negative_prediction_as_none():
    scale = PowerScale(2.0, 1.0, 0.5)
    assert scale.apply(np.array([-3.0, 1.0])).tolist() == [1.0, 3.0]


@pytest.mark.parametrize("realised", [np.ones(7), np.zeros(20)])
def test_scale_needs_enough_intervals_and_some_liquidation(realised: np.ndarray):
    with pytest.raises(ValueError, match="at least 8 intervals"):
        fit_scale(np.ones(realised.size), realised)


def test_location_likelihood_is_zero_for_a_uniform_map_and_positive_for_a_good_one():
    width, notional = np.array([0.1, 0.1]), np.array([1.0, 3.0])
    swept = np.array([10.0, 10.0])

    assert location_log_likelihood(np.array([1.0, 1.0]), swept, width, notional) == pytest.approx(
        0.0
    )
    assert location_log_likelihood(np.array([5.0, 5.0]), swept, width, notional) > 1.0
    assert location_log_likelihood(np.zeros(2), swept, width, notional) == pytest.approx(
        math.log(0.05)
    )
    # A map without anything in the range is uniform.
    assert location_log_likelihood(np.zeros(2), np.zeros(2), width, notional) == pytest.approx(0.0)
    assert math.isnan(location_log_likelihood(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0)))
