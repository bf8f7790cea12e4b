import math

import numpy as np
import pytest

from liq_nautilus.core.science.column_weights import coordinate_search
from liq_nautilus.core.science.column_weights import fit_mix
from liq_nautilus.core.science.column_weights import fit_reported_share

RANDOM = np.random.default_rng(8)


def test_the_mix_that_made_the_data_is_found():
    design = RANDOM.lognormal(sigma=1.5, size=(4000, 4)) * 1e6
    truth = np.array([0.05, 0.6, 0.05, 0.3])
    realised = 0.02 * (design @ truth) * RANDOM.lognormal(sigma=0.3, size=4000)
    fit = fit_mix(design, realised, shrinkage=1e-4)

    assert fit.weights == pytest.approx(truth, abs=0.04)
    assert fit.weights.sum() == pytest.approx(1.0)
    assert fit.n == 4000


def test_more_shrinkage_is_nearer_to_equal_shares_and_less_likely():
    design = RANDOM.lognormal(sigma=1.5, size=(500, 3)) * 1e6
    realised = design[:, 0] * RANDOM.lognormal(sigma=0.5, size=500)
    loose, tight = fit_mix(design, realised, 1e-4), fit_mix(design, realised, 10.0)

    assert np.ptp(tight.weights) < np.ptp(loose.weights)
    assert tight.log_likelihood < loose.log_likelihood


def test_likelihood_is_the_log_normal_density():
    design = RANDOM.lognormal(size=(3000, 1)) * 1e6
    sigma = 0.4
    noise = RANDOM.normal(size=3000) * sigma
    realised = 0.5 * design[:, 0] * np.exp(noise)
    logs = np.log(realised + 1000.0)
    density = -0.5 * (noise / sigma) ** 2 - math.log(sigma * math.sqrt(2 * math.pi)) - logs

    assert fit_mix(design, realised).log_likelihood == pytest.approx(density.mean(), abs=0.02)


def test_a_design_of_nothing_has_equal_shares():
    fit = fit_mix(np.zeros((20, 4)), RANDOM.gamma(1.0, 1e5, size=20))
    assert fit.weights == pytest.approx(np.full(4, 0.25))
    assert fit_mix(np.ones((20, 2)), np.zeros(20)).weights.sum() == pytest.approx(1.0)


def test_a_mix_needs_intervals():
    with pytest.raises(ValueError, match="at least one interval"):
        fit_mix(np.zeros((0, 3)), np.zeros(0))


def test_reported_share_is_recovered_from_a_thinned_feed():
    bars = RANDOM.gamma(0.5, 1e6, size=2000)
    shown = bars * RANDOM.beta(3.6, 6.4, size=2000)
    bars[0] = np.nan

    assert fit_reported_share(shown, bars) == pytest.approx(0.36, rel=0.05)
    assert fit_reported_share(2 * bars, bars) == 1.0
    assert math.isnan(fit_reported_share(np.zeros(3), np.zeros(3)))


def test_search_climbs_one_parameter_at_a_time_and_remembers():
    calls: list[dict[str, float]] = []

    def objective(settings: dict[str, float]) -> float:
        calls.append(settings)
        return -((settings["a"] - 2.0) ** 2) - (settings["b"] + 2.0) ** 2

    candidates = {"a": (0.0, 1.0, 2.0), "b": (-2.0, -1.0, 0.0)}
    best, tried = coordinate_search(objective, candidates, {"a": 0.0, "b": 0.0}, n_rounds=5)

    assert best.settings == {"a": 2.0, "b": -2.0}
    assert best.score == 0.0
    assert len(tried) == len(calls) == len({tuple(call.values()) for call in calls})


def test_search_ends_when_rounds_do_and_passes_over_nan():
    best, tried = coordinate_search(
        lambda s: math.nan if s["a"] == 1.0 else s["a"], {"a": (1.0, 2.0)}, {"a": 0.0}, n_rounds=1
    )
    assert best.settings == {"a": 2.0}
    assert len(tried) == 3
