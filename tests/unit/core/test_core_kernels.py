"""Each kernel compiled and as plain Python, on the same small inputs with known answers."""

import math

import numpy as np
import oracles
import pytest

from liq_nautilus.core import kernels

KERNEL_NAMES = (
    "consume", "trade", "_closing_rates", "_close", "deposit", "_deposit", "density",
    "quantity_between", "path_weights", "add_to_histogram", "rank_in_histogram", "_histogram_bin",
    "cluster_extents",
)  # fmt: skip


@pytest.fixture(params=["compiled", "plain"])
def kernel(request, monkeypatch):
    """Return a look-up of kernels; the plain ones call each other plain too."""
    if request.param == "plain":
        for name in KERNEL_NAMES:
            monkeypatch.setattr(kernels, name, getattr(kernels, name).py_func)
    return lambda name: getattr(kernels, name)


def book(rows, n_tiers=1):
    """Return mass, bounds and ledger of a few buckets."""
    mass = np.array(rows, dtype=np.float64).reshape(2, n_tiers, -1)
    bounds = np.zeros((2, n_tiers, 2), dtype=np.int64)
    for side in range(2):
        for tier in range(n_tiers):
            occupied = np.flatnonzero(mass[side, tier])
            if occupied.size:
                bounds[side, tier] = occupied[0], occupied[-1] + 1
    ledger = np.zeros((4, 2, n_tiers))
    ledger[kernels.OPENED] = mass.sum(axis=2)
    return mass, bounds, ledger


def assert_kept(mass, bounds, ledger):
    """Assert conservation and that bounds hold everything."""
    held = ledger[0] - ledger[1] - ledger[2] - ledger[3]
    np.testing.assert_allclose(mass.sum(axis=2), held, rtol=1e-12, atol=1e-12)
    for side, tier in np.ndindex(mass.shape[:2]):
        outside = np.ones(mass.shape[2], dtype=bool)
        outside[bounds[side, tier, 0] : bounds[side, tier, 1]] = False
        assert not mass[side, tier][outside].any()


def test_every_kernel_is_listed():
    found = {name for name in dir(kernels) if hasattr(getattr(kernels, name), "py_func")}
    assert found == set(KERNEL_NAMES)


@pytest.mark.parametrize(
    ("low", "high", "long_left", "short_left"),
    [
        (3.25, 3.25, [1, 2, 3, 1, 0, 0], [0, 0, 0, 3, 5, 6]),
        (0.0, 6.0, [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]),
        (-5.0, 20.0, [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]),
        (9.0, -3.0, [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
        (2.0, 4.0, [1, 2, 0, 0, 0, 0], [0, 0, 0, 0, 5, 6]),
    ],
)
def test_consume_removes_what_the_path_crossed(kernel, low, high, long_left, short_left):
    mass, bounds, ledger = book([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]])
    swept = np.full((2, 1), np.nan)
    kernel("consume")(mass, bounds, ledger, np.array([low]), np.array([high]), swept)
    np.testing.assert_allclose(mass[:, 0], [long_left, short_left])
    np.testing.assert_allclose(swept[:, 0], [21 - sum(long_left), 21 - sum(short_left)])
    np.testing.assert_allclose(ledger[kernels.CONSUMED], swept)
    assert_kept(mass, bounds, ledger)


@pytest.mark.parametrize(
    ("winners", "losers", "closing", "ratio", "expected"),
    [
        (10.0, 10.0, 3.0, 0.5, (0.2, 0.1)),
        (10.0, 10.0, 10.0, 1.0, (0.5, 0.5)),
        (10.0, 10.0, 18.0, 0.5, (1.0, 0.8)),
        (10.0, 10.0, 20.0, 0.67, (1.0, 1.0)),
        (10.0, 0.0, 10.0, 0.67, (1.0, 0.0)),
        (0.0, 10.0, 5.0, 0.67, (5.0 / 6.7, 0.5)),
        (0.0, 10.0, 5.0, 0.0, (1.0, 0.5)),
        (0.0, 0.0, 0.0, 0.67, (1.0, 0.0)),
        (10.0, 10.0, 9.0, 2.0, (0.3, 0.6)),
        (10.0, 10.0, 18.0, 2.0, (0.8, 1.0)),
        (10.0, 10.0, 20.0, 2.0, (1.0, 1.0)),
    ],
)
def test_closing_rates_close_the_amount(kernel, winners, losers, closing, ratio, expected):
    rates = kernel("_closing_rates")(winners, losers, closing, ratio)
    np.testing.assert_allclose(rates, expected)
    assert winners * rates[0] + losers * rates[1] == pytest.approx(closing)
    assert max(rates) <= 1.0
    assert min(rates) >= 0.0


def test_close_keeps_by_side_of_the_split_and_tightens_the_bounds(kernel):
    mass, bounds, ledger = book([[0, 1e-14, 2, 4, 8, 0], [0] * 6])
    kernel("_close")(mass[0, 0], bounds[0, 0], ledger[:, 0, 0], 3, 0.5, 0.25, 1e-9)
    np.testing.assert_allclose(mass[0, 0], [0, 0, 1, 1, 2, 0])
    np.testing.assert_allclose(ledger[kernels.CLOSED, 0, 0], 10.0)
    np.testing.assert_allclose(ledger[kernels.EXPIRED, 0, 0], 0.5e-14)
    assert bounds[0, 0].tolist() == [2, 5]
    assert_kept(mass, bounds, ledger)


def test_close_everything_leaves_empty_bounds(kernel):
    mass, bounds, ledger = book([[0, 1, 2, 0], [0] * 4])
    kernel("_close")(mass[0, 0], bounds[0, 0], ledger[:, 0, 0], 2, 0.0, 0.0, 0.0)
    assert bounds[0, 0, 0] == bounds[0, 0, 1]
    kernel("_close")(mass[0, 0], bounds[0, 0], ledger[:, 0, 0], 2, 0.0, 0.0, 0.0)
    assert_kept(mass, bounds, ledger)
    mass, bounds, ledger = book([[0, 1, 2, 4], [0] * 4])
    kernel("_close")(mass[0, 0], bounds[0, 0], ledger[:, 0, 0], 3, 1.0, 0.0, 0.0)
    assert bounds[0, 0].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("shift", "first", "expected", "lost"),
    [
        (0.0, 1, [0, 3, 1, 0], 0.0),
        (0.25, 1, [0, 2.25, 1.5, 0.25], 0.0),
        (-1.0, 1, [3, 1, 0, 0], 0.0),
        (-2.5, 1, [0.5, 0, 0, 0], 3.5),
        (2.0, 1, [0, 0, 0, 3], 1.0),
        (40.0, 1, [0, 0, 0, 0], 4.0),
        (-40.0, 1, [0, 0, 0, 0], 4.0),
    ],
)
def test_deposit_splits_between_neighbours(kernel, shift, first, expected, lost):
    mass, bounds, ledger = book([[0] * 4, [0] * 4])
    amounts = np.array([[4.0], [0.0]])
    shifts = np.full((2, 1), shift)
    weights = np.array([0.75, 0.25])
    kernel("deposit")(mass, bounds, ledger, shifts, first, weights, amounts)
    np.testing.assert_allclose(mass[0, 0], expected)
    assert ledger[kernels.OPENED, 0, 0] == 4.0
    assert ledger[kernels.EXPIRED, 0, 0] == pytest.approx(lost)
    assert ledger[:, 1].sum() == 0.0
    assert_kept(mass, bounds, ledger)


def test_deposit_widens_the_bounds_only_where_it_puts_something(kernel):
    mass, bounds, ledger = book([[0, 0, 1, 0, 0], [0, 0, 1, 0, 0]])
    amounts = np.ones((2, 1))
    call = kernel("deposit")
    call(mass, bounds, ledger, np.full((2, 1), -50.0), 0, np.ones(1), amounts)
    assert bounds[0, 0].tolist() == [2, 3]
    call(mass, bounds, ledger, np.zeros((2, 1)), 4, np.ones(1), amounts)
    assert bounds[0, 0].tolist() == [2, 5]
    call(mass, bounds, ledger, np.zeros((2, 1)), 0, np.ones(1), amounts)
    assert bounds[0, 0].tolist() == [0, 5]
    assert_kept(mass, bounds, ledger)


def trade(kernel, mass, bounds, ledger, *, target=math.nan, turnover=0.0, ratio=0.5):
    n_tiers = mass.shape[1]
    kernel("trade")(
        mass, bounds, ledger, np.full((2, n_tiers), 2.5), np.zeros((2, n_tiers)), 1, np.ones(1),
        target, np.full(n_tiers, turnover), ratio, 0.0,
    )  # fmt: skip


def test_trade_reaches_its_target_from_both_sides(kernel):
    mass, bounds, ledger = book([[0, 0, 4, 4, 0, 0], [0, 0, 4, 4, 0, 0]])
    trade(kernel, mass, bounds, ledger, target=5.0)
    # Longs above the price and shorts below it are at a loss: they leave half as fast.
    np.testing.assert_allclose(mass[0, 0], [0, 0, 2, 3, 0, 0])
    np.testing.assert_allclose(mass[1, 0], [0, 0, 3, 2, 0, 0])
    trade(kernel, mass, bounds, ledger, target=6.0)
    np.testing.assert_allclose(mass[0, 0], [0, 1, 2, 3, 0, 0])
    trade(kernel, mass, bounds, ledger, target=6.0)
    np.testing.assert_allclose(mass.sum(axis=2), 6.0)
    assert_kept(mass, bounds, ledger)


def test_trade_turns_over_at_equal_open_interest(kernel):
    mass, bounds, ledger = book([[0, 0, 4, 4, 0, 0], [0, 0, 0, 8, 0, 0]])
    trade(kernel, mass, bounds, ledger, turnover=0.375)
    np.testing.assert_allclose(mass[0, 0], [0, 3, 2, 3, 0, 0])
    np.testing.assert_allclose(mass[1, 0], [0, 3, 0, 5, 0, 0])
    np.testing.assert_allclose(mass.sum(axis=2), 8.0)
    assert_kept(mass, bounds, ledger)


def test_trade_leaves_an_empty_book_alone(kernel):
    mass, bounds, ledger = book([[0] * 6, [0] * 6])
    trade(kernel, mass, bounds, ledger, turnover=0.5)
    assert not mass.any()
    assert not ledger.any()


@pytest.mark.parametrize("offset", [0.0, 0.3, -1.7, 50.0, -50.0])
@pytest.mark.parametrize("first", [-2, 0, 2])
def test_density_sums_the_weighted_rows(kernel, offset, first):
    rng = np.random.default_rng(3)
    mass, bounds, _ = book(rng.uniform(0.0, 1.0, (2, 2, 6)), n_tiers=2)
    weights = np.array([[0.25, 0.75], [1.0, 0.0]])
    out = np.zeros((2, 5))
    kernel("density")(mass, bounds, np.full((2, 2), offset), weights, first, out)
    expected = np.zeros((2, 5))
    for side, tier, j in np.ndindex(2, 2, 6):
        value = weights[side, tier] * mass[side, tier, j]
        position = j + offset - first
        whole = math.floor(position)
        for k, part in ((whole, 1.0 - (position - whole)), (whole + 1, position - whole)):
            if 0 <= k < 5:
                expected[side, k] += value * part
    np.testing.assert_allclose(out, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 4.0), (1.25, 1.75), (0.5, 2.5), (-9.0, 90.0), (2.0, 2.0), (8.0, 9.0)]
)
def test_quantity_between_counts_parts_of_buckets(kernel, low, high):
    row, bounds = np.array([0.0, 2.0, 0.0, 4.0]), np.array([1, 4])
    found = kernel("quantity_between")(row, bounds, low, high, 100.0, 0.01)
    expected = sum(
        row[j] * max(min(high, j + 1) - max(low, j), 0.0) * 100.0 * math.exp((j + 0.5) * 0.01)
        for j in range(4)
    )
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    "corners",
    [
        (2.5, 2.5),
        (0.2, 3.7, 1.1),
        (1.0, 3.0, 2.0, 2.5),
        (3.0, 3.0, 1.0),
        (0.1, 0.9, 0.2),
        (2.5, 2.5, 1.0),
    ],
)
def test_path_weights_are_the_time_spent_in_each_bucket(kernel, corners):
    first = math.floor(min(corners))
    out = np.zeros(math.floor(max(corners)) - first + 1)
    kernel("path_weights")(np.array(corners), out, first)
    expected = oracles.path_shares(corners)
    np.testing.assert_allclose(
        out, [expected.get(first + j, 0.0) for j in range(out.size)], atol=1e-12
    )
    assert out.sum() == pytest.approx(1.0)


def test_histogram_ages_and_counts_positive_values(kernel):
    weights = np.full(20, 2.0)
    count = kernel("add_to_histogram")(
        weights, 0.5, np.array([0.0, -1.0, np.nan, 0.5, 1.5, 200.0, 1e9]), 5
    )
    assert count == 4
    expected = np.ones(20)
    # Bins of a fifth of a decade from 1 up; what is smaller is in the first, larger in the last.
    expected[[0, 11, 19]] += [2.0, 1.0, 1.0]
    np.testing.assert_allclose(weights, expected)


def test_rank_is_the_share_of_smaller_values_with_ties_half(kernel):
    weights = np.zeros(20)
    weights[[0, 10]] = 1.0, 3.0
    values, out = np.array([0.0, 1.0, 50.0, 150.0, 1e30]), np.zeros(5)
    kernel("rank_in_histogram")(weights, values, 5, out)
    np.testing.assert_allclose(out, [0.0, 0.125, 0.25, (1.0 + 1.5) / 4.0, 1.0])
    empty = np.zeros(5)
    kernel("rank_in_histogram")(np.zeros(20), values, 5, empty)
    assert not empty.any()


def test_cluster_extents_sort_peaks_by_side_and_prominence(kernel):
    notional = np.array([[1.0, 2.0, 4.0, 0.0], [0.0, 8.0, 1.0, 1.0]])
    edges = np.array([10.0, 11.0, 12.0, 13.0, 14.0])
    # In the row longs begin at 3, shorts at 10; the last two peaks stand beyond the buckets.
    peaks = np.array([3, 5, 9, 11, 16])
    heights = np.array([1.0, 4.0, 7.0, 8.0, 2.0])
    prominences = np.array([0.1, 4.0, 7.0, 8.0, 2.0])
    left, right = np.array([3.0, 3.5, 8.2, 10.9, 15.0]), np.array([3.2, 5.5, 9.9, 12.1, 19.0])
    out = np.empty((5, 5))
    count = kernel("cluster_extents")(
        notional, edges, peaks, heights, prominences, left, right, (3, 10), 0.1, out
    )
    assert count == 4
    np.testing.assert_allclose(out[0, :4], [10.0, 10.0, 10.0, 13.0])
    np.testing.assert_allclose(out[1, :4], [14.0, 11.0, 14.0, 14.0])
    np.testing.assert_allclose(out[2, :4], [12.5, 10.5, 11.5, 13.5])
    np.testing.assert_allclose(out[3, :4], [7.0, 0.0, 10.0, 1.0])
    np.testing.assert_allclose(out[4, :4], [1.0, -1.0, -1.0, -1.0])
