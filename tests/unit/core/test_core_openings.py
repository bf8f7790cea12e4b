import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import halfnorm

from liq_nautilus.core.expected_openings import Market
from liq_nautilus.core.expected_openings import expected_swept_length
from liq_nautilus.core.expected_openings import swept_length

RATIO = np.array([0.99, 0.97, 0.9])


def slow_length(favourable, adverse, distance, n=200_000):
    """Return the length of path on which entries are swept, by walking it."""
    out = np.linspace(0.0, favourable, n)
    back = np.linspace(favourable, -adverse, n)
    step_out, step_back = favourable / n, (favourable + adverse) / n
    swept_out = np.count_nonzero(out > distance - adverse) * step_out
    return swept_out + np.count_nonzero(back > distance - adverse) * step_back


@pytest.mark.parametrize(
    ("favourable", "adverse"), [(0.0, 0.05), (0.02, 0.0), (0.01, 0.02), (0.05, 0.005), (0.2, 0.2)]
)
def test_swept_length_is_that_of_the_walked_path(favourable, adverse):
    best, worst = 100.0 * math.exp(favourable), 100.0 * math.exp(-adverse)
    found = swept_length(100.0, best, worst, RATIO)
    expected = [slow_length(favourable, adverse, -math.log(ratio)) for ratio in RATIO]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_shorts_are_longs_mirrored():
    longs = swept_length(100.0, 102.0, 97.0, RATIO)
    shorts = swept_length(100.0, 100.0 / 1.02, 100.0 / 0.97, 1.0 / RATIO)
    np.testing.assert_allclose(longs, shorts)


@pytest.mark.parametrize("adverse", [0.0, 0.004, 0.02, 0.15])
@pytest.mark.parametrize("deviation", [0.001, 0.01, 0.05])
def test_expected_length_is_the_mean_over_excursions(adverse, deviation):
    found = expected_swept_length(np.array([adverse]), RATIO, deviation)[0]
    worst = 100.0 * math.exp(-adverse)
    for tier, length in enumerate(found):
        distance = -math.log(RATIO[tier])

        def weighted(f, tier=tier):
            length = swept_length(100.0, 100.0 * math.exp(f), worst, RATIO)[tier]
            return float(length * halfnorm.pdf(f, scale=deviation))

        corners = sorted({min(max(distance - adverse, 0.0), 10 * deviation), 10 * deviation})
        expected = sum(
            quad(weighted, a, b, limit=200)[0]
            for a, b in zip([0.0, *corners[:-1]], corners, strict=True)
        )
        assert length == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_more_is_opened_in_more_time_and_by_quicker_tiers():
    market = Market(100.0, 1e8, 0.1, 0.01)
    multiple = np.array([1.0, 2.0])
    hour, day = market.opened(1.0, multiple), market.opened(24.0, multiple)
    assert (hour[1] > hour[0]) & (day > hour).all()
    assert hour[0] == pytest.approx(1e8 * (1.0 - math.exp(-0.1)) / 0.01)
    assert not Market(100.0, math.nan, 0.1, 0.01).opened(1.0, multiple).any()
    assert market.deviation(4.0) == pytest.approx(0.02)
    assert Market(100.0, 1e8, 0.1, math.nan).deviation(1.0) > 0.0
