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
from liq_nautilus.core.kernels.arguments import Spread
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


def test_parts_are_densities_of_weights_of_their_own(kernel):
    rng = np.random.default_rng(5)
    it = book(rng.uniform(0.1, 1.0, (2, 3, 9)), n_tiers=3, scale=0.8)
    it.rows.offset = rng.uniform(-2.0, 2.0, (2, 3))
    weights = rng.uniform(0.0, 1.0, (4, 2, 3))
    weights[1, 0, 2] = 0.0
    out = np.full((4, 2, 7), 0.5)
    kernel("add_parts")(it.positions, weights, 1, out)
    for part, own in zip(out, weights, strict=True):
        expected = np.zeros((2, 7))
        kernels.density(it.positions, own, 1, expected)
        np.testing.assert_allclose(part, 0.5 + expected, rtol=1e-12)


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


@pytest.mark.parametrize("unit_price", [0.0, 250.0])
@pytest.mark.parametrize("opened", [0.0, 40.0])
@pytest.mark.parametrize("hidden", [-1, 1])
@pytest.mark.parametrize("scales", [[0.7, 0.3], [1.0, 0.0], [0.0, 0.0]])
def test_combined_notional_is_the_scaled_sum_and_tells_the_difference(
    kernel, scales, hidden, opened, unit_price
):
    _, books = two_models(hidden)
    # The first model trades: what will be opened counts in its mean, not in the sum.
    books = books._replace(multiples=(np.ones(2),))
    besides = np.array([[opened, opened * 101.0], [opened, opened * 106.0]])
    out = np.full((2, 8), np.nan)
    difference = kernel("combined_notional")(
        books, np.array(scales), GRID, AT, besides, unit_price, out
    )
    worth = unit_price / GRID.price if unit_price > 0.0 else 1.0
    parts = [slow_notional(books, i) * worth for i in range(2)]
    np.testing.assert_allclose(out, scales[0] * parts[0] + scales[1] * parts[1], rtol=1e-12)
    moments = [(part * GRID.price).sum(axis=1) for part in parts]
    totals = [part.sum(axis=1) for part in parts]
    first = (moments[0] + besides[:, 1]) / (totals[0] + besides[:, 0])
    expected = np.abs(first - moments[1] / totals[1]).max() if all(scales) else 0.0
    assert difference == pytest.approx(expected, rel=LOOSE, abs=1e-12)


@pytest.mark.parametrize("n_trading", [1, 2])
@pytest.mark.parametrize("unit_price", [0.0, 250.0])
@pytest.mark.parametrize("part", [(0, 8), (2, 6), (3, 5), (1, 7)])
def test_a_survey_is_the_sum_with_openings_on_a_part(kernel, part, unit_price, n_trading):
    _, books = two_models(hidden=-1)
    books = books._replace(multiples=(np.ones(2),) * n_trading)
    scales, scale = np.array([0.7, 0.3]), np.array([1.5, 0.5])
    begin, end = part
    spread = Spread(
        np.array([[0.004, 0.03], [0.005, 0.02]]),
        np.array([[50.0, 20.0], [30.0, 40.0]]),
        np.array([900.0, 700.0]),
        0.01,
    )
    out = np.full((2, end - begin), np.nan)
    difference, *border = kernel("survey")(
        books, scales, GRID, part, AT, spread, scale, unit_price, out
    )
    held, added, besides = np.empty((2, 8)), np.zeros((2, 8)), np.empty((2, 2))
    for side in range(2):
        at_price = kernels.add_openings(
            side, 3.5, AT.width, spread.distances[side], spread.rates[side], spread.even[side],
            spread.deviation, added[side],
        )  # fmt: skip
        assert border[side] == pytest.approx(at_price * scale[side])
        near = (103.25, 103.75)[side]
        besides[side] = (
            added[side].sum() + at_price,
            added[side] @ GRID.price[side] + at_price * near,
        )
    told = kernels.combined_notional(books, scales, GRID, AT, besides, unit_price, held)
    if told > 1.0 or n_trading == 1:
        assert difference == pytest.approx(told, rel=LOOSE)
    expected = (held + added)[:, begin:end] * scale[:, None]
    np.testing.assert_allclose(out, expected, rtol=1e-9)


def test_models_without_a_side_tell_no_difference(kernel):
    models, books = two_models(hidden=-1)
    for it in models:
        it.mass[:] = 0.0
    difference = kernel("combined_notional")(
        books, np.ones(2), GRID, AT, np.zeros((2, 2)), 0.0, np.empty((2, 8))
    )
    assert difference == 0.0


def test_bands_are_multiples_held_around_the_expectation(kernel):
    curves = np.array([1e6, 1e7, 100.0, 0.1, 1.5, 1e7, 3.0, 0.5])
    low, high = kernel("band_edges")(4e6, curves)
    assert low == pytest.approx(0.1 * 8e6 - 100.0)
    assert high == pytest.approx(3.0 * 2e6)
    assert kernel("band_edges")(0.0, curves) == (0.0, 0.0)
    low, high = kernel("band_edges")(1e8, curves)
    assert low == pytest.approx(10.0 * (0.1 * 10.0**1.5 * 1e6) - 100.0)
    assert high == pytest.approx(1e8)
    assert kernel("band_edges")(100.0, curves)[0] == 0.0


def test_shown_levels_are_sums_by_bucket(kernel):
    parts = np.zeros((3, 2, 4))
    parts[0] = [[2.0, 1.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]]
    parts[1] = parts[0] * 10.0
    parts[2] = parts[0] * 0.5
    added = np.array([[0.0, 0.0, 7.0, 0.0], [0.0, 0.0, 0.0, 11.0]])
    price = np.array([[90.0, 94.0, 98.0, 99.9], [100.1, 100.1, 102.0, 106.0]])
    curves = np.array([1e6, 1e7, 0.0, 0.5, 1.0, 1e7, 2.0, 1.0])
    out, sides = kernel("shown_levels")(
        parts, added, price, (2, 2), np.array([4.0, 6.0]), np.array([2.0, 1.0]), 10.0, curves
    )
    assert sides.tolist() == [1, -1]
    assert sides.dtype == np.int8
    longs = np.array([90.0, 47.0, 11.0]) * 2.0
    assert out[1, 0] == pytest.approx(longs.sum())
    assert out[0, 0] == pytest.approx((longs * [90.0, 94.0, 98.0]).sum() / longs.sum())
    assert out[2, 0] == pytest.approx(0.5 * longs.sum())
    assert out[3, 0] == pytest.approx(2.0 * longs.sum())
    assert out[4, 0] == pytest.approx(180.0 + 94.0)
    assert out[5, 0] == pytest.approx(10.0)
    shorts = np.array([153.0 + 6.0, 11.0])
    assert out[1, 1] == pytest.approx(shorts.sum())
    # Narrower buckets: one level each, its band what it adds from the price outwards.
    out, sides = kernel("shown_levels")(
        parts, added, price, (2, 2), np.zeros(2), np.ones(2), 4.0, curves
    )
    assert sides.tolist() == [1, 1, 1, -1, -1]
    np.testing.assert_allclose(out[1], [90.0, 47.0, 7.0, 153.0, 11.0])
    np.testing.assert_allclose(out[2], 0.5 * out[1])
    # Where no open interest lies there is no leverage.
    assert out[5, 2] == out[5, 4] == 1.0


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 4.0), (1.25, 1.75), (0.5, 2.5), (-9.0, 90.0), (2.0, 2.0), (8.0, 9.0)]
)
def test_quantity_between_counts_parts_of_buckets(kernel, low, high):
    it = book([[0.0, 2.0, 0.0, 4.0], [0.0] * 4], scale=0.5)
    it.rows.offset = 0.25
    at = Window(0.01, 40, 0.0)
    row = (it.mass[0, 0], it.rows[0, 0], low + 0.25, high + 0.25, at)
    shares = [it.held[0, 0, j] * max(min(high, j + 1) - max(low, j), 0.0) for j in range(4)]
    prices = [math.exp((40.25 + j + 0.5) * 0.01) for j in range(4)]
    expected = sum(share * price for share, price in zip(shares, prices, strict=True))
    assert kernel("quantity_between")(*row, 0.0) == pytest.approx(expected)
    # What is worth the same wherever it lies.
    assert kernel("quantity_between")(*row, 7.0) == pytest.approx(7.0 * sum(shares))


@pytest.mark.parametrize("unit_price", [0.0, 3.0])
@pytest.mark.parametrize("offset", [0.0, 0.25, -1.5])
def test_notional_to_is_the_weighted_sum_of_what_lies_between(kernel, offset, unit_price):
    it = book(np.random.default_rng(5).uniform(0.1, 1.0, (2, 2, 8)), n_tiers=2, scale=0.7)
    it.rows.offset = offset
    at = Window(0.01, 40, 0.0)
    shares = np.array([[0.5, 2.0], [0.0, 0.75]])
    edges = np.array([[3.5, 3.5, 2.25, -4.0], [4.25, 5.0, 7.5, 20.0]])
    out = np.full((2, 3), np.nan)
    kernel("notional_to")(it.positions, shares, edges, at, unit_price, out)
    for side, k in np.ndindex(2, 3):
        low, high = sorted((edges[side, 0], edges[side, k + 1]))
        expected = sum(
            shares[side, tier]
            * kernels.quantity_between(
                it.mass[side, tier], it.rows[side, tier], low, high, at, unit_price
            )
            for tier in range(2)
        )
        assert out[side, k] == pytest.approx(expected)
