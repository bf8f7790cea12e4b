"""What is opened and swept on the way to a price, against the mean over excursions."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import halfnorm
from scipy.stats import norm

WIDTH, BUCKETS = 0.002, 140
DISTANCES = np.array([0.01005, 0.03046, 0.10536])
RATES = np.array([3.0, 2.0, 1.0])


def mean_swept(adverse, distance, deviation):
    """Return the mean length of path swept on the way out and back, by integration."""

    def swept(f):
        out = max(f - max(distance - adverse, 0.0), 0.0)
        back = max(f + adverse - distance, 0.0)
        return (out + back) * float(halfnorm.pdf(f, scale=deviation))

    end = 12.0 * deviation
    corners = sorted({0.0, min(abs(distance - adverse), end), min(distance, end), end})
    return sum(quad(swept, a, b, limit=200)[0] for a, b in itertools.pairwise(corners))


@pytest.mark.parametrize("deviation", [0.001, 0.008, 0.05])
@pytest.mark.parametrize("adverse", [0.0, 0.004, 0.03046, 0.15])
def test_expected_length_is_the_mean_over_excursions(kernel, adverse, deviation):
    moves = np.array([adverse, 2.0 * adverse])
    out = np.full((2, 3), np.nan)
    kernel("expected_swept_length")(moves, DISTANCES, deviation, out)
    expected = [[mean_swept(move, distance, deviation) for distance in DISTANCES] for move in moves]
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("position", [70.3, 70.0, 1.4, 138.6])
@pytest.mark.parametrize("side", [0, 1])
def test_buckets_hold_the_growth_of_the_expected_length(kernel, side, position):
    deviation, even = 0.008, 5.0
    out = np.full(BUCKETS, 0.25)
    border = kernel("add_openings")(side, position, WIDTH, DISTANCES, RATES, even, deviation, out)

    def expected(away):
        return sum(
            rate * mean_swept(away, distance, deviation)
            for rate, distance in zip(RATES, DISTANCES, strict=True)
        )

    assert border == pytest.approx(expected(0.0))
    out -= 0.25
    edges = range(0, int(position), 9) if side == 0 else range(BUCKETS, int(position) + 1, -9)
    for edge in edges:
        away = abs(position - edge) * WIDTH
        held = out[edge:].sum() if side == 0 else out[:edge].sum()
        assert held == pytest.approx(expected(away) - border + even * away, rel=1e-6)
    beyond = out[71:] if side == 0 else out[:70]
    if position in (70.3, 70.0):
        assert not beyond.any()


@pytest.mark.parametrize(("side", "position"), [(0, 0.0), (0, -3.2), (1, 140.0), (1, 143.5)])
def test_a_price_beyond_the_window_opens_nothing_in_it(kernel, side, position):
    out = np.zeros(BUCKETS)
    kernel("add_openings")(side, position, WIDTH, DISTANCES, RATES, 5.0, 0.008, out)
    assert not out.any()


@pytest.mark.parametrize("deviation", [1e-6, 0.008, 3.0])
def test_the_table_of_excesses_is_as_good_as_the_formula(kernel, deviation):
    z = np.linspace(-2.0, 5.99, 1_999)
    found = [kernel("_excess")(threshold, deviation) for threshold in (z * deviation).tolist()]
    formula = 2.0 * (norm.pdf(z) - z * norm.sf(z))
    below = math.sqrt(2.0 / math.pi) - z
    expected = deviation * np.where(z > 0.0, formula, below)
    np.testing.assert_allclose(found, expected, rtol=2e-8, atol=1e-11 * deviation)
    assert kernel("_excess")(6.001 * deviation, deviation) == 0.0


def test_what_is_opened_grows_with_leverage_and_never_beyond_all(kernel):
    multiple = np.array([0.0, 0.5, 1.0, 1e6])
    found = kernel("opened_per_path")(200.0, 0.3, multiple)
    np.testing.assert_allclose(found, 200.0 * (1.0 - np.exp([0.0, -0.15, -0.3, -np.inf])))


def test_openings_far_beyond_any_excursion_are_those_of_a_plain_sum(kernel):
    # A tier that no excursion reaches for a hundred buckets is passed over, not forgotten.
    deviation, distances, rates = 0.001, np.array([0.2, 0.0317]), np.array([4.0, 3.0])
    out = np.zeros(BUCKETS)
    border = kernel("add_openings")(1, 0.4, WIDTH, distances, rates, 0.0, deviation, out)
    assert border == 0.0
    lengths = np.empty((BUCKETS, 2))
    away = (np.arange(BUCKETS) + 1.0 - 0.4) * WIDTH
    kernel("expected_swept_length")(away, distances, deviation, lengths)
    np.testing.assert_allclose(np.cumsum(out), lengths @ rates, rtol=1e-9, atol=1e-12)
