"""Fits of forecasts: what they say, how they are kept, and how they are found again."""

import numpy as np
import pytest
from scipy.special import expit

from liq_nautilus.core.forecasting.fits import N_NUMBERS
from liq_nautilus.core.forecasting.fits import QUANTILES
from liq_nautilus.core.forecasting.fits import ForecastFit
from liq_nautilus.core.forecasting.fits import HorizonFit
from liq_nautilus.core.forecasting.inputs import GROUPS
from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.core.forecasting.inputs import N_COLUMNS
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.science.forecast_fitting import ForecastSample
from liq_nautilus.core.science.forecast_fitting import fit_horizon

GIVEN = np.random.default_rng(7)


def some_fit(seed=1):
    rng = np.random.default_rng(seed)
    return HorizonFit(
        rng.normal(size=(3, 1 + N_COLUMNS)),
        rng.normal(size=(3, 1 + N_COLUMNS)),
        np.sort(rng.normal(size=(3, 4)), axis=1),
        rng.uniform(1.0, 2.0, 3),
    )


def test_numbers_are_kept_to_six_digits():
    fit = some_fit()
    numbers = fit.numbers()
    assert len(numbers) == 3 * N_NUMBERS
    again = HorizonFit.from_numbers(numbers)
    for name in HorizonFit.__slots__:
        np.testing.assert_allclose(getattr(again, name), getattr(fit, name), rtol=1e-5)
    assert again.numbers() == numbers


def test_all_horizons_are_kept_by_name():
    fits = [{name: some_fit(seed + i) for i, name in enumerate(HORIZON_HOURS)} for seed in (1, 9)]
    fit = ForecastFit(*fits)
    again = ForecastFit.from_numbers(fit.numbers())
    assert again.numbers() == fit.numbers()
    for one, given in zip((again.with_past, again.without_past), fits, strict=True):
        assert list(one) == list(HORIZON_HOURS)
        for name in HORIZON_HOURS:
            np.testing.assert_allclose(one[name].location, given[name].location, rtol=1e-5)


@pytest.mark.parametrize("n", [0, 881, 883])
def test_another_number_of_numbers_is_refused(n):
    with pytest.raises(ValueError, match=f"must be 882, were {n}"):
        ForecastFit.from_numbers([0.0] * n)


def test_shares_stay_shares_and_chances_chances():
    fit, columns = some_fit(), np.full((3, N_COLUMNS), 1e3)
    for sign in (1.0, -1.0):
        share = fit.log_share(sign * columns)
        assert ((share >= -30.0) & (share <= 0.0)).all()
        chance = fit.chance(sign * columns)
        assert ((chance >= 0.0) & (chance <= 1.0)).all()


def test_share_and_chance_are_linear_in_logs():
    fit, columns = some_fit(), 0.01 * GIVEN.normal(size=(3, N_COLUMNS))
    odds = fit.odds[:, 0] + (fit.odds[:, 1:] * columns).sum(axis=1)
    np.testing.assert_allclose(fit.chance(columns), expit(odds))
    low = HorizonFit(fit.location - 5.0, fit.odds, fit.quantiles, fit.mean_factor)
    expected = low.location[:, 0] + (low.location[:, 1:] * columns).sum(axis=1)
    np.testing.assert_allclose(low.log_share(columns), expected)


def drawn(n=4000, seed=3, side=0):
    """Return moments whose log share and odds are known functions of the inputs."""
    rng = np.random.default_rng(seed + side)
    columns = rng.normal(size=(n, N_COLUMNS))
    columns[:, 17] = 0.0
    # What the other group says is not to be used.
    log_share = -6.0 + side + columns[:, 0] + 0.5 * columns[:, 18] + 0.3 * rng.normal(size=n)
    share = np.exp(log_share) - 1e-6
    threshold = np.where(rng.uniform(size=n) < 0.1, np.nan, np.quantile(share, 0.8))
    return ForecastSample(columns, np.maximum(share, 0.0), threshold)


def test_what_was_put_in_is_found_again():
    samples = [drawn(side=side) for side in range(3)]
    fit = fit_horizon(samples, ("volatility", "map"))
    for side, sample in enumerate(samples):
        fitted = fit.location[side, 0] + sample.columns @ fit.location[side, 1:]
        target = np.log(sample.share + 1e-6)
        assert np.corrcoef(fitted, target)[0, 1] > 0.95
        assert (target - fitted).mean() == pytest.approx(0.0, abs=1e-9)
        below = [(target - fitted <= q).mean() for q in fit.quantiles[side]]
        np.testing.assert_allclose(below, QUANTILES, atol=0.001)
        mean = (np.exp(fitted) * fit.mean_factor[side]).mean()
        assert mean == pytest.approx(sample.share.mean())
        known = np.isfinite(sample.threshold)
        chance = expit(fit.odds[side, 0] + sample.columns @ fit.odds[side, 1:])[known]
        is_unusual = (sample.share > sample.threshold)[known]
        assert chance.mean() == pytest.approx(is_unusual.mean(), abs=1e-3)
        assert chance[is_unusual].mean() > 2.0 * chance[~is_unusual].mean()
    # The penalty takes a good fifth off, the sign and the order stay.
    assert 0.7 < fit.location[0, 1] < 1.0
    assert 0.3 < fit.location[0, 19] < 0.5


def test_sides_share_their_weights_and_have_their_own_constant():
    fit = fit_horizon([drawn(side=side) for side in range(3)], ("volatility", "map"))
    np.testing.assert_array_equal(fit.location[0, 1:], fit.location[1, 1:])
    assert fit.location[1, 0] - fit.location[0, 0] == pytest.approx(1.0, abs=0.05)
    assert (fit.location[2, 1:] != fit.location[0, 1:]).any()


@pytest.mark.parametrize(
    ("groups", "odds_groups"),
    [
        (("volatility", "past", "calendar", "map"), ("volatility", "calendar", "map")),
        (("past",), ("past",)),
        (("calendar",), ("calendar",)),
    ],
)
def test_only_the_inputs_asked_for_are_used(groups, odds_groups):
    fit = fit_horizon([drawn(side=side) for side in range(3)], groups)
    for weights, names in ((fit.location, groups), (fit.odds, odds_groups)):
        used = np.zeros(N_COLUMNS, dtype=bool)
        for name in names:
            used[GROUPS[name]] = True
        # The weekend never varied here.
        used[17] = False
        assert (weights[:, 1:][:, used] != 0.0).all()
        assert not weights[:, 1:][:, ~used].any()


def test_what_is_shipped_can_be_forecast_with():
    fit = ForecastFit.from_numbers(TrackerParameters().forecast_numbers)
    for fits in (fit.with_past, fit.without_past):
        for one in fits.values():
            assert (np.diff(one.quantiles, axis=1) > 0.0).all()
            assert (one.mean_factor > 0.0).all()
            assert one.location[:, 1:].any()
            assert one.odds[:, 1:].any()
            assert not one.odds[:, 1:][:, GROUPS["past"]].any()
    for one in fit.without_past.values():
        assert not one.location[:, 1:][:, GROUPS["past"]].any()
