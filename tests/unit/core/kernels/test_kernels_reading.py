"""Densities, shown levels, bands and sums, with known answers."""

import math

import numpy as np
import pytest
from support.kernel_books import LOOSE
from support.kernel_books import book
from support.kernel_books import books_of
from support.kernel_books import grid
from support.kernel_books import window

from liq_nautilus.core import kernels
from liq_nautilus.core.kernels.arguments import GammaTable
from liq_nautilus.core.kernels.arguments import Showing
from liq_nautilus.core.kernels.arguments import Uncertainty
from liq_nautilus.core.kernels.arguments import Window


@pytest.mark.parametrize("offset", [0.0, 0.3, -1.7, 50.0, -50.0])
@pytest.mark.parametrize("first", [-2, 0, 2])
def test_density_sums_the_weighted_rows(kernel, offset, first):
    rng = np.random.default_rng(3)
    it = book(rng.uniform(0.1, 1.0, (2, 2, 6)), n_tiers=2, scale=0.7)
    it.rows.first[1, 1] = it.rows.last[1, 1] = 3  # nothing there
    it.mass[1, 1] = 0.0
    weights = np.array([[0.25, 0.75], [1.0, 0.5]])
    weights[0, 0] *= float(first != 2)
    out = np.zeros((2, 5))
    it.rows.offset = offset
    kernel("density")(it.positions, weights, first, out)
    expected = np.zeros((2, 5))
    for side, tier, j in np.ndindex(2, 2, 6):
        value = weights[side, tier] * it.held[side, tier, j]
        position = j + offset - first
        whole = math.floor(position)
        for k, part in ((whole, 1.0 - (position - whole)), (whole + 1, position - whole)):
            if 0 <= k < 5:
                expected[side, k] += value * part
    np.testing.assert_allclose(out, expected, atol=1e-12)


def test_hiding_leaves_longs_below_and_shorts_above(kernel):
    out = np.ones((2, 4))
    kernel("hide_beyond")(out, 1.25)
    np.testing.assert_allclose(out, [[1, 0.25, 0, 0], [0, 0.75, 1, 1]])


LEVERAGES = (np.array([10.0, 50.0]), np.array([20.0, 25.0]))
MIDDLE = 100.0 + np.arange(8)
GRID = grid(MIDDLE, 103.25, 103.75)
AT = window(3.5)


def two_models(hidden):
    """Return two models of two tiers, and what kernels take of them."""
    rng = np.random.default_rng(7)
    held = rng.uniform(0.0, 1.0, (2, 2, 2, 8))
    held[:, 0, :, 4:], held[:, 1, :, :4] = 0.0, 0.0
    models = [book(part, n_tiers=2, scale=0.9) for part in held]
    models[1].rows.offset = 0.25
    shares = tuple(rng.uniform(0.1, 1.0, (2, 2, 2)))
    return models, books_of(models, hidden=hidden, shares=shares, leverages=LEVERAGES)


def slow_notional(books, index):
    density = np.zeros((2, MIDDLE.size))
    kernels.density(books.positions[index], books.shares[index], 0, density)
    if index == books.hidden:
        kernels.hide_beyond(density, 3.5)
    return density * GRID.price


@pytest.mark.parametrize("hidden", [-1, 1])
@pytest.mark.parametrize("scales", [[0.7, 0.3], [1.0, 0.0], [0.0, 0.0]])
def test_combined_notional_is_the_scaled_sum_and_tells_the_difference(kernel, scales, hidden):
    _, books = two_models(hidden)
    out = np.full((2, 8), np.nan)
    difference = kernel("combined_notional")(books, np.array(scales), GRID, AT, out)
    parts = [slow_notional(books, i) for i in range(2)]
    np.testing.assert_allclose(out, scales[0] * parts[0] + scales[1] * parts[1], rtol=1e-12)
    means = [(part * GRID.price).sum(axis=1) / part.sum(axis=1) for part in parts]
    expected = np.abs(means[0] - means[1]).max() if all(scales) else 0.0
    assert difference == pytest.approx(expected, rel=LOOSE, abs=1e-12)


def test_models_without_a_side_tell_no_difference(kernel):
    models, books = two_models(hidden=-1)
    for it in models:
        it.mass[:] = 0.0
    difference = kernel("combined_notional")(books, np.ones(2), GRID, AT, np.empty((2, 8)))
    assert difference == 0.0


@pytest.mark.parametrize("hidden", [-1, 1])
@pytest.mark.parametrize("wanted", [[1, 1, 1], [0, 1, 0], [0, 0, 1]])
@pytest.mark.parametrize("scales", [[0.7, 0.3], [1.0, 0.0]])
def test_shown_levels_are_sums_over_buckets(kernel, wanted, scales, hidden):
    _, books = two_models(hidden)
    counts = np.full(3, -1)
    confidences = np.array([0.1, 0.2, 0.3])
    showing = Showing(np.array(scales), np.array(wanted, dtype=bool), confidences, 2.0)
    columns, sides = kernel("shown_levels")(books, showing, GRID, AT, counts)
    parts = [slow_notional(books, i) for i in range(2)]
    parts.append(scales[0] * parts[0] + scales[1] * parts[1])
    assert columns.shape[1] == sides.size == counts.sum()
    begin = 0
    for m, part in enumerate(parts):
        own = slice(begin, begin + counts[m])
        begin += counts[m]
        if not wanted[m]:
            assert counts[m] == 0
            continue
        assert (columns[3, own] == confidences[m]).all()
        for index, side in enumerate((1, -1)):
            is_side = sides[own] == side
            assert columns[1, own][is_side].sum() == pytest.approx(part[index].sum(), rel=LOOSE)
        found = columns[:, own]
        assert (np.diff(found[0]) > 0.0).all()
        assert (found[2] >= 10.0 - LOOSE).all()
        assert (found[2] <= 50.0 + LOOSE).all()
        assert len(set(zip(np.floor(found[0] / 2.0), sides[own], strict=True))) == counts[m]


def test_bands_are_interpolated_and_held_at_the_ends(kernel):
    log_shapes = np.log(np.array([0.1, 1.0, 10.0]))
    quantiles = np.array([[0.0, 0.5, 1.0], [4.0, 2.0, 1.0]])
    notional = np.array([0.0, 1e-9, 1.0, math.sqrt(10.0), 10.0, 1e9])
    sides, leverage = np.array([1, 1, 1, -1, -1, -1], dtype=np.int8), np.full(6, 20.0)
    tiers, out = np.array([10.0, 30.0]), np.empty((2, 6))

    def bands(lumps, errors, lumps_of_none):
        uncertainty = Uncertainty(np.full(2, lumps), tiers, np.array(errors), 0.0)
        table = GammaTable(log_shapes, quantiles, lumps_of_none)
        kernel("level_bands")(notional, sides, leverage, uncertainty, table, out)

    bands(1.0, [0.0, 0.0], 2e-9)
    # Half a lump of nothing is none; the high one is no less than the estimate.
    np.testing.assert_allclose(out[0], [0, 0, 0.5, 0.75 * math.sqrt(10.0), 10.0, 1e9])
    np.testing.assert_allclose(out[1][2:] / notional[2:], [2, 1.5, 1, 1])
    bands(0.0, [0.0, 0.0], 3.0)
    np.testing.assert_allclose(out, np.stack([notional, notional]))
    bands(0.0, [0.0, 2.0], 3.0)
    # An error of 1 between the tiers: shape 1.
    np.testing.assert_allclose(out[0], 0.5 * notional)
    np.testing.assert_allclose(out[1], 2.0 * notional)


def test_a_band_takes_the_error_of_its_levels_leverage(kernel):
    table = GammaTable(np.log(np.array([0.01, 100.0])), np.array([[0.0, 1.0], [2.0, 1.0]]), 3.0)
    tiers, errors = np.array([5.0, 10.0, 50.0]), np.array([0.5, 1.0, 2.0])
    leverage = np.array([1.0, 5.0, 30.0, 99.0, 50.0, 7.5, 10.0, 2.0])
    sides, notional, out = np.ones(8, dtype=np.int8), np.ones(8), np.empty((2, 8))
    uncertainty = Uncertainty(np.zeros(2), tiers, errors, 0.0)
    kernel("level_bands")(notional, sides, leverage, uncertainty, table, out)
    expected = 0.5 - np.log10(np.interp(leverage, tiers, errors)) / 2.0
    np.testing.assert_allclose(out[0], expected)
    np.testing.assert_allclose(out[1], 2.0 - expected)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 4.0), (1.25, 1.75), (0.5, 2.5), (-9.0, 90.0), (2.0, 2.0), (8.0, 9.0)]
)
def test_quantity_between_counts_parts_of_buckets(kernel, low, high):
    it = book([[0.0, 2.0, 0.0, 4.0], [0.0] * 4], scale=0.5)
    it.rows.offset = 0.25
    at = Window(0.01, 40, 0.0)
    found = kernel("quantity_between")(it.mass[0, 0], it.rows[0, 0], low + 0.25, high + 0.25, at)
    expected = sum(
        it.held[0, 0, j]
        * max(min(high, j + 1) - max(low, j), 0.0)
        * math.exp((40.25 + j + 0.5) * 0.01)
        for j in range(4)
    )
    assert found == pytest.approx(expected)
