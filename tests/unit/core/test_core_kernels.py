"""Each kernel compiled and as plain Python, on the same small inputs with known answers."""

import math
from dataclasses import dataclass
from dataclasses import fields

import numpy as np
import pytest
from support import oracles

from liq_nautilus.core import kernels
from liq_nautilus.core.kernels import peaks
from liq_nautilus.core.kernels import positions
from liq_nautilus.core.kernels import reading
from liq_nautilus.core.kernels import trailing

MODULES = (peaks, positions, reading, trailing)
KERNEL_NAMES = (
    "consume", "_book_consumed", "trade", "_close_evenly", "put_right", "_close_unevenly",
    "_closing_rates", "deposit", "_deposit", "path_weights", "add_pending", "take_pending",
    "sweep_all", "_note_swept", "accrue", "_turned_over", "first_wrong_bar", "_spell",
    "_path_entries", "advance", "hold", "density", "_add_row", "hide_beyond", "combined_notional",
    "shown_levels", "_add_scaled", "_add_shown", "_end_shown", "level_bands", "_tier_below",
    "_between", "quantity_between",
    "smooth", "find_peaks",
    "prominence", "extent", "find_clusters", "add_to_histogram", "rank_in_histogram", "_rank",
    "_histogram_bin", "judge_clusters",
)  # fmt: skip
LOOSE = 1e-9
EVEN, UNEVEN = 1.0, 0.5


def kernels_of(module):
    """Return the kernels a module defines, by name."""
    return {
        name: value
        for name, value in vars(module).items()
        if hasattr(value, "py_func") and value.py_func.__module__ == module.__name__
    }


@pytest.fixture(params=["compiled", "plain"])
def kernel(request, monkeypatch):
    """Return a look-up of kernels; the plain ones call each other plain too."""
    found = {}
    for module in MODULES:
        for name, value in kernels_of(module).items():
            found[name] = value
            if request.param == "plain":
                found[name] = value.py_func
                monkeypatch.setattr(module, name, value.py_func)
    return found.__getitem__


@dataclass
class Book:
    """The arrays of one exposure of a few buckets."""

    mass: np.ndarray
    bounds: np.ndarray
    ledger: np.ndarray
    running: np.ndarray
    offset: np.ndarray
    swept: np.ndarray
    log_ratio: np.ndarray

    @property
    def arrays(self):
        return tuple(getattr(self, field.name) for field in fields(self))

    @property
    def held(self):
        return self.mass * self.running[kernels.SCALE][:, :, None]

    def assert_kept(self):
        """Assert conservation, exact sums, and that bounds hold everything."""
        held = self.ledger[0] - self.ledger[1] - self.ledger[2] - self.ledger[3]
        total = self.held.sum(axis=2)
        np.testing.assert_allclose(total, held, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(total, self.running[kernels.HELD], rtol=1e-12, atol=1e-12)
        for side, tier in np.ndindex(self.mass.shape[:2]):
            outside = np.ones(self.mass.shape[2], dtype=bool)
            outside[self.bounds[side, tier, 0] : self.bounds[side, tier, 1]] = False
            assert not self.mass[side, tier][outside].any()


def book(rows, n_tiers=1, scale=1.0, log_ratio=0.0):
    """Return a book that holds `rows`, its masses kept at a scale."""
    mass = np.array(rows, dtype=np.float64).reshape(2, n_tiers, -1)
    bounds = np.zeros((2, n_tiers, 2), dtype=np.int64)
    for side, tier in np.ndindex(2, n_tiers):
        occupied = np.flatnonzero(mass[side, tier])
        if occupied.size:
            bounds[side, tier] = occupied[0], occupied[-1] + 1
    ledger, running = np.zeros((4, 2, n_tiers)), np.zeros((2, 2, n_tiers))
    ledger[kernels.OPENED] = running[kernels.HELD] = mass.sum(axis=2)
    running[kernels.SCALE] = scale
    zeros = np.zeros((2, n_tiers))
    shifts = np.full((2, n_tiers), log_ratio)
    return Book(mass / scale, bounds, ledger, running, zeros, zeros.copy(), shifts)


def test_every_kernel_is_listed():
    found = [name for module in MODULES for name in kernels_of(module)]
    assert sorted(found) == sorted(KERNEL_NAMES)
    public = {name for name in dir(kernels) if hasattr(getattr(kernels, name), "py_func")}
    assert public == {name for name in KERNEL_NAMES if not name.startswith("_")}


def test_no_kernel_calls_one_of_another_module():
    # The cache of a compiled kernel does not notice that another file changed.
    for module in MODULES:
        foreign = {
            name
            for name, value in vars(module).items()
            if hasattr(value, "py_func") and value.py_func.__module__ != module.__name__
        }
        assert not foreign


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
@pytest.mark.parametrize("scale", [1.0, 0.75])
def test_consume_removes_what_the_path_crossed(kernel, low, high, long_left, short_left, scale):
    it = book([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]], scale=scale)
    it.swept[:] = np.nan
    kernel("consume")(*it.arrays[:5], low, high, it.swept)
    np.testing.assert_allclose(it.held[:, 0], [long_left, short_left])
    np.testing.assert_allclose(it.swept[:, 0], [21 - sum(long_left), 21 - sum(short_left)])
    np.testing.assert_allclose(it.ledger[kernels.CONSUMED], it.swept)
    it.assert_kept()


def test_consume_moves_the_edges_with_funding(kernel):
    it = book([[0, 0, 3, 4, 0, 0], [0, 0, 3, 4, 0, 0]])
    it.offset[:] = 1.0
    kernel("consume")(*it.arrays[:5], 4.5, 3.5, it.swept)
    np.testing.assert_allclose(it.mass[:, 0], [[0, 0, 3, 2, 0, 0], [0, 0, 1.5, 4, 0, 0]])
    it.assert_kept()


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


def test_putting_a_row_right_changes_nothing_but_dust(kernel):
    it = book([[0, 1e-14, 2, 4, 8, 0], [0] * 6], scale=0.5)
    kernel("put_right")(*it.arrays[:4], 0, 0, 1e-9)
    np.testing.assert_allclose(it.mass[0, 0], [0, 0, 2, 4, 8, 0])
    np.testing.assert_allclose(it.ledger[kernels.EXPIRED, 0, 0], 1e-14)
    assert it.bounds[0, 0].tolist() == [2, 5]
    assert it.running[:, 0, 0].tolist() == [1.0, 14.0]
    it.assert_kept()
    it = book([[0, 1, 2, 1e-14], [0] * 4])
    kernel("put_right")(*it.arrays[:4], 0, 0, 1e-9)
    assert it.bounds[0, 0].tolist() == [1, 3]


def test_rows_are_put_right_when_their_scale_has_halved(kernel):
    it = book([[0, 8, 0, 0], [0, 8, 0, 0]])
    for _ in range(2):
        trade(kernel, it, turnover=0.375, ratio=EVEN)
        assert it.running[kernels.SCALE].tolist() in ([[0.625], [0.625]], [[1.0], [1.0]])
        it.assert_kept()
    assert it.running[kernels.SCALE].tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("ratio", [EVEN, UNEVEN])
def test_close_everything_leaves_empty_bounds(kernel, ratio):
    it = book([[0, 1, 2, 0], [0, 0, 4, 1]])
    trade(kernel, it, level=5.0, target=0.0, ratio=ratio)
    assert not it.mass.any()
    assert (it.bounds[:, :, 0] == it.bounds[:, :, 1]).all()
    it.assert_kept()
    trade(kernel, it, level=0.0, target=0.0, ratio=ratio)
    it.assert_kept()


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
@pytest.mark.parametrize("scale", [1.0, 0.75])
def test_deposit_splits_between_neighbours(kernel, shift, first, expected, lost, scale):
    it = book([[0] * 4, [0] * 4], scale=scale, log_ratio=shift + 1.0)
    it.offset[:] = 1.0
    amounts = np.array([[4.0], [0.0]])
    weights = np.array([0.75, 0.25])
    kernel("deposit")(*it.arrays[:5], it.log_ratio, first, weights, amounts)
    np.testing.assert_allclose(it.held[0, 0], expected)
    assert it.ledger[kernels.OPENED, 0, 0] == 4.0
    assert it.ledger[kernels.EXPIRED, 0, 0] == pytest.approx(lost)
    assert it.ledger[:, 1].sum() == 0.0
    it.assert_kept()


def test_deposit_widens_the_bounds_only_where_it_puts_something(kernel):
    it = book([[0, 0, 1, 0, 0], [0, 0, 1, 0, 0]])
    amounts = np.ones((2, 1))
    call = kernel("deposit")
    call(*it.arrays[:5], np.full((2, 1), -50.0), 0, np.ones(1), amounts)
    assert it.bounds[0, 0].tolist() == [2, 3]
    call(*it.arrays[:5], np.zeros((2, 1)), 4, np.ones(1), amounts)
    assert it.bounds[0, 0].tolist() == [2, 5]
    call(*it.arrays[:5], np.zeros((2, 1)), 0, np.ones(1), amounts)
    assert it.bounds[0, 0].tolist() == [0, 5]
    it.assert_kept()


def trade(kernel, it, *, level=8.0, target=math.nan, turnover=0.0, ratio=UNEVEN):
    turnovers = np.full(it.mass.shape[1], turnover)
    kernel("trade")(
        *it.arrays[:5], it.log_ratio, 2.5, 1, np.ones(1), level, target, turnovers, ratio, 0.0
    )


def test_trade_closes_in_proportion_and_opens_what_rose(kernel):
    it = book([[0, 0, 4, 4, 0, 0], [0, 0, 4, 4, 0, 0]], scale=0.8)
    trade(kernel, it, target=5.0)
    # Longs above the price and shorts below it are at a loss: they leave half as fast.
    np.testing.assert_allclose(it.held[0, 0], [0, 0, 2, 3, 0, 0])
    np.testing.assert_allclose(it.held[1, 0], [0, 0, 3, 2, 0, 0])
    trade(kernel, it, level=5.0, target=6.0)
    np.testing.assert_allclose(it.held[0, 0], [0, 1, 2, 3, 0, 0])
    trade(kernel, it, level=6.0, target=6.0)
    np.testing.assert_allclose(it.held.sum(axis=2), 6.0)
    it.assert_kept()


def test_what_was_liquidated_is_not_opened_again(kernel):
    it = book([[0, 0, 2, 2, 0, 0], [0, 0, 8, 0, 0, 0]])
    trade(kernel, it, level=8.0, target=8.0)
    np.testing.assert_allclose(it.held.sum(axis=2)[:, 0], [4.0, 8.0])
    trade(kernel, it, level=8.0, target=6.0, ratio=EVEN)
    np.testing.assert_allclose(it.held.sum(axis=2)[:, 0], [3.0, 6.0])
    trade(kernel, it, level=6.0, target=7.0)
    np.testing.assert_allclose(it.held.sum(axis=2)[:, 0], [4.0, 7.0])
    # Turnover opens of the open interest and closes of what is left: slowly the row fills again.
    trade(kernel, it, level=7.0, turnover=0.5, ratio=EVEN)
    np.testing.assert_allclose(it.held.sum(axis=2)[:, 0], [5.5, 7.0])
    it.assert_kept()


def test_even_closing_takes_the_same_share_of_all(kernel):
    it = book([[0, 0, 4, 4, 0, 0], [0, 0, 6, 2, 0, 0]], scale=0.8)
    trade(kernel, it, target=6.0, ratio=EVEN)
    np.testing.assert_allclose(it.held[:, 0], [[0, 0, 3, 3, 0, 0], [0, 0, 4.5, 1.5, 0, 0]])
    it.assert_kept()


@pytest.mark.parametrize(("ratio", "longs"), [(UNEVEN, [3, 2, 3]), (EVEN, [3, 2.5, 2.5])])
def test_trade_turns_over_at_equal_open_interest(kernel, ratio, longs):
    it = book([[0, 0, 4, 4, 0, 0], [0, 0, 0, 8, 0, 0]])
    trade(kernel, it, turnover=0.375, ratio=ratio)
    np.testing.assert_allclose(it.held[0, 0], [0, *longs, 0, 0])
    np.testing.assert_allclose(it.held[1, 0], [0, 3, 0, 5, 0, 0])
    np.testing.assert_allclose(it.held.sum(axis=2), 8.0)
    it.assert_kept()


def test_trade_leaves_an_empty_book_alone(kernel):
    it = book([[0] * 6, [0] * 6])
    trade(kernel, it, level=0.0, turnover=0.5)
    assert not it.mass.any()
    assert not it.ledger.any()


@pytest.mark.parametrize("offset", [0.0, 0.3, -1.7, 50.0, -50.0])
@pytest.mark.parametrize("first", [-2, 0, 2])
def test_density_sums_the_weighted_rows(kernel, offset, first):
    rng = np.random.default_rng(3)
    it = book(rng.uniform(0.1, 1.0, (2, 2, 6)), n_tiers=2, scale=0.7)
    it.bounds[1, 1] = 3, 3  # nothing there
    it.mass[1, 1] = 0.0
    weights = np.array([[0.25, 0.75], [1.0, 0.5]])
    weights[0, 0] *= float(first != 2)
    out = np.zeros((2, 5))
    it.offset[:] = offset
    kernel("density")(it.mass, it.bounds, it.running, it.offset, weights, first, out)
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


def two_books():
    """Return two books of two tiers, their weights and a grid of their buckets."""
    rng = np.random.default_rng(7)
    rows = rng.uniform(0.0, 1.0, (2, 2, 2, 8))
    rows[:, 0, :, 4:], rows[:, 1, :, :4] = 0.0, 0.0
    books = [book(part, n_tiers=2, scale=0.9) for part in rows]
    books[1].offset[:] = 0.25
    weights = tuple(rng.uniform(0.1, 1.0, (2, 2, 2)))
    middle = 100.0 + np.arange(8)
    arrays = tuple(
        tuple(getattr(one, name) for one in books)
        for name in ("mass", "bounds", "running", "offset")
    )
    return books, arrays, weights, middle


def slow_notional(it, weights, middle, hidden):
    density = np.zeros((2, middle.size))
    reading.density(it.mass, it.bounds, it.running, it.offset, weights, 0, density)
    if hidden:
        reading.hide_beyond(density, 3.5)
    return density * np.stack([np.minimum(middle, 103.25), np.maximum(middle, 103.75)])


@pytest.mark.parametrize("hidden", [-1, 1])
@pytest.mark.parametrize("scales", [[0.7, 0.3], [1.0, 0.0], [0.0, 0.0]])
def test_combined_notional_is_the_scaled_sum_and_tells_the_difference(kernel, scales, hidden):
    books, arrays, weights, middle = two_books()
    out = np.full((2, 8), np.nan)
    difference = kernel("combined_notional")(
        arrays, weights, np.array(scales), hidden, 0, 3.5, middle, 103.25, 103.75, out
    )
    parts = [
        slow_notional(it, weights[i], middle, hidden=i == hidden) for i, it in enumerate(books)
    ]
    np.testing.assert_allclose(out, scales[0] * parts[0] + scales[1] * parts[1], rtol=1e-12)
    price = np.stack([np.minimum(middle, 103.25), np.maximum(middle, 103.75)])
    means = [(part * price).sum(axis=1) / part.sum(axis=1) for part in parts]
    expected = np.abs(means[0] - means[1]).max() if all(scales) else 0.0
    assert difference == pytest.approx(expected, rel=LOOSE, abs=1e-12)


def test_models_without_a_side_tell_no_difference(kernel):
    books, arrays, weights, middle = two_books()
    for it in books:
        it.mass[:] = 0.0
    difference = kernel("combined_notional")(
        arrays, weights, np.ones(2), -1, 0, 3.5, middle, 103.25, 103.75, np.empty((2, 8))
    )
    assert difference == 0.0


@pytest.mark.parametrize("hidden", [-1, 1])
@pytest.mark.parametrize("wanted", [[1, 1, 1], [0, 1, 0], [0, 0, 1]])
@pytest.mark.parametrize("scales", [[0.7, 0.3], [1.0, 0.0]])
def test_shown_levels_are_sums_over_buckets(kernel, wanted, scales, hidden):
    books, arrays, weights, middle = two_books()
    leverages = (np.array([10.0, 50.0]), np.array([20.0, 25.0]))
    counts = np.full(3, -1)
    columns, sides = kernel("shown_levels")(
        arrays, weights, leverages, np.array(scales), np.array(wanted, dtype=bool), hidden, 0, 3.5,
        middle, 103.25, 103.75, 2.0, np.array([0.1, 0.2, 0.3]), counts,
    )  # fmt: skip
    parts = [
        slow_notional(it, weights[i], middle, hidden=i == hidden) for i, it in enumerate(books)
    ]
    parts.append(scales[0] * parts[0] + scales[1] * parts[1])
    assert columns.shape[1] == sides.size == counts.sum()
    begin = 0
    for m, part in enumerate(parts):
        own = slice(begin, begin + counts[m])
        begin += counts[m]
        if not wanted[m]:
            assert counts[m] == 0
            continue
        assert (columns[3, own] == 0.1 * (m + 1)).all() or m
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
    tiers, sure, out = np.array([10.0, 30.0]), np.zeros(2), np.empty((2, 6))
    given = (notional, sides, leverage)
    kernel("level_bands")(
        *given, np.ones(2), tiers, sure, 0.0, log_shapes, quantiles, 2e-9, out
    )  # fmt: skip
    # Half a lump of nothing is none; the high one is no less than the estimate.
    np.testing.assert_allclose(out[0], [0, 0, 0.5, 0.75 * math.sqrt(10.0), 10.0, 1e9])
    np.testing.assert_allclose(out[1][2:] / notional[2:], [2, 1.5, 1, 1])
    kernel("level_bands")(
        *given, np.zeros(2), tiers, sure, 0.0, log_shapes, quantiles, 3.0, out
    )  # fmt: skip
    np.testing.assert_allclose(out, np.stack([notional, notional]))
    kernel("level_bands")(
        *given, np.zeros(2), tiers, np.array([0.0, 2.0]), 0.0, log_shapes, quantiles, 3.0, out
    )  # fmt: skip
    # An error of 1 between the tiers: shape 1.
    np.testing.assert_allclose(out[0], 0.5 * notional)
    np.testing.assert_allclose(out[1], 2.0 * notional)


def test_a_band_takes_the_error_of_its_levels_leverage(kernel):
    log_shapes = np.log(np.array([0.01, 100.0]))
    quantiles = np.array([[0.0, 1.0], [2.0, 1.0]])
    tiers, errors = np.array([5.0, 10.0, 50.0]), np.array([0.5, 1.0, 2.0])
    leverage = np.array([1.0, 5.0, 30.0, 99.0, 50.0, 7.5, 10.0, 2.0])
    sides, notional, out = np.ones(8, dtype=np.int8), np.ones(8), np.empty((2, 8))
    kernel("level_bands")(
        notional, sides, leverage, np.zeros(2), tiers, errors, 0.0, log_shapes, quantiles, 3.0, out
    )  # fmt: skip
    expected = 0.5 - np.log10(np.interp(leverage, tiers, errors)) / 2.0
    np.testing.assert_allclose(out[0], expected)
    np.testing.assert_allclose(out[1], 2.0 - expected)


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


def test_pending_is_kept_within_the_window_and_taken_once(kernel):
    pending, span = np.zeros(6), np.zeros(2, dtype=np.int64)
    add = kernel("add_pending")
    add(pending, span, 7, np.ones(3), 1.0)
    assert span.tolist() == [0, 0]
    add(pending, span, 4, np.array([0.5, 0.25, 0.25]), 4.0)
    add(pending, span, -1, np.array([0.5, 0.0, 0.5]), 2.0)
    assert pending.tolist() == [0.0, 1.0, 0.0, 0.0, 2.0, 1.0]
    assert span.tolist() == [0, 6]
    first, weights = kernel("take_pending")(pending, span, 3.7)
    assert first == 0
    np.testing.assert_allclose(weights, [0.0, 0.25, 0.0, 0.0, 0.5, 0.25])
    assert not pending.any()
    first, weights = kernel("take_pending")(pending, span, 3.7)
    assert (first, weights.tolist()) == (3, [1.0])


MINUTE = 60_000_000_000


def advanced(kernel, bars, marks, *, start=0, level=8.0, until=0, volume=4.0, rates=None):
    """Return what `advance` does to two books of which one trades."""
    # The price of bucket x is e^x: the window begins at a price of 1.
    books = [book([[0, 8, 8, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 4, 4, 0]]) for _ in range(2)]
    shares = tuple(np.ones((2, 1)) for _ in books)
    arrays = tuple(zip(*(it.arrays for it in books), strict=True))
    n = len(bars)
    rows = np.column_stack([np.exp(np.array(bars)), np.full(n, volume), np.array(marks, float)])
    times = np.array([[i * MINUTE, (i + 1) * MINUTE] for i in range(n)])
    clock, where = np.array([0, until, 0]), np.array([1.0, 0.0, 4.0, math.exp(4.0)])
    pending, span = np.zeros(8), np.zeros(2, dtype=np.int64)
    sums = np.zeros((2, 2))
    predicted, spells = np.zeros((n, 2)), np.zeros(n, dtype=np.int64)
    rates = np.array([0.5, 0.3, level, 60.0 * MINUTE]) if rates is None else rates
    done = kernel("advance")(
        arrays, 2, shares, np.array([[1.0, 1.0], [0.5, 2.0]]), (np.ones(1),), (pending,), (span,),
        rows, times, start, clock, where, rates, sums[0], sums[1], 1.0, 1e-12 * level, predicted,
        spells,
    )  # fmt: skip
    return {
        "done": done, "books": books, "clock": clock.tolist(), "where": where, "pending": pending,
        "variance": sums[0], "turnover": sums[1], "predicted": predicted, "spells": spells,
    }  # fmt: skip


def test_a_bar_sweeps_notes_and_turns_over(kernel):
    found = advanced(kernel, [(3.5, 4.5, 2.5, 4.5)], [0])
    assert found["done"] == 1
    assert found["where"][2] == pytest.approx(4.5)
    assert found["where"][3] == pytest.approx(math.exp(4.5))
    trading, still = found["books"]
    # Longs of bucket 2 above 2.5 went; of the other book they count half.
    price = math.exp(3.5)
    np.testing.assert_allclose(found["predicted"][0], [1.5 * 4.0 * price, 0.0], rtol=1e-9)
    assert found["clock"] == [MINUTE, 0, 1]
    assert found["spells"].tolist() == [MINUTE]
    np.testing.assert_allclose(still.held[0, 0, :4], [0, 8, 4, 0])
    turned = 1.0 - math.exp(-0.5 * 4.0 / 8.0)
    assert trading.ledger[kernels.CLOSED, 0, 0] == pytest.approx(12.0 * turned)
    assert found["turnover"].tolist() == [0.25, MINUTE]
    assert found["variance"][0] == pytest.approx(4.0 / (4.0 * math.log(2.0)))
    assert found["pending"].sum() == pytest.approx(4.0)
    for it in found["books"]:
        it.assert_kept()


def test_falling_and_standing_bars_have_a_path(kernel):
    found = advanced(kernel, [(4.5, 4.5, 2.5, 3.5), (3.5, 3.5, 3.5, 3.5)], [0, 0])
    # By way of the low: down two, up one, and then at rest.
    np.testing.assert_allclose(found["pending"][2:5], [4 / 3, 4 / 3 + 2 / 3 + 4, 2 / 3])
    assert found["done"] == 2


def test_marks_move_the_price_and_last_prices_then_do_not(kernel):
    bars = [(4.0, 4.0, 4.0, 4.0), (4.0, 4.0, 2.2, 3.0), (4.0, 4.0, 2.5, 3.5)]
    found = advanced(kernel, bars, [1, 0, 0])
    assert found["where"][2] == pytest.approx(4.0)
    assert not found["predicted"].any()
    assert found["clock"] == [3 * MINUTE, 4 * MINUTE, 1]
    late = advanced(kernel, [bars[1]], [0], until=MINUTE - 1)
    assert late["where"][2] == pytest.approx(3.0)


def test_bars_of_another_spell_are_apart(kernel):
    bars = [(4.0, 4.0, 2.9 - 0.1 * i, 4.0) for i in range(7)]
    found = advanced(kernel, bars, [1] * 7)
    assert found["clock"][2] == 2
    assert found["spells"][:2].tolist() == [5 * MINUTE, 7 * MINUTE]
    assert (found["predicted"][:2, 0] > 0.0).all()


@pytest.mark.parametrize("close", [1.5, 6.5])
def test_a_price_near_the_window_s_end_stops(kernel, close):
    found = advanced(kernel, [(4.0, 4.0, 4.0, 4.0), (4.0, 7.0, 1.0, close)], [0, 0])
    assert found["done"] == 1


@pytest.mark.parametrize(
    ("volume", "reach", "level", "amount", "turned"),
    [
        (4.0, 0.1, 8.0, 4.0, 0.25),
        (math.nan, 0.1, 8.0, 1 / 60, 0.3 / 60),
        (0.0, 0.1, 8.0, 1 / 60, 0.3 / 60),
        (0.0, 0.0, 8.0, 0.0, 0.0),
        (4.0, 0.1, math.nan, 4.0, 0.3 / 60),
    ],
)
def test_turnover_follows_volume_where_it_is_known(kernel, volume, reach, level, amount, turned):
    bar = np.array([4.0, 4.0 + reach, 4.0, 4.0, volume, 0.0])
    rates = np.array([0.5, 0.3, level, 1.0])
    assert kernel("_turned_over")(bar, float(MINUTE), rates) == pytest.approx((amount, turned))


def test_without_open_interest_nothing_turns_over(kernel):
    found = advanced(kernel, [(4.0, 4.1, 3.9, 4.0)], [0], level=0.0)
    assert not found["books"][0].ledger[kernels.CLOSED].any()
    assert found["pending"].any()


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ((1.0, 2.0, 0.5, 1.5), -1),
        ((1.0, 2.0, 0.0, 1.0), 1),
        ((1.0, 0.5, 0.7, 1.0), 1),
        ((3.0, 2.0, 0.5, 1.0), 1),
        ((1.0, 2.0, 0.5, 0.1), 1),
        ((1.0, math.inf, 0.5, 1.0), 1),
        ((math.nan, 2.0, 0.5, 1.0), 1),
        ((1.0, 2.0, 0.5, math.nan), 1),
    ],
)
def test_the_first_wrong_bar_is_found(kernel, wrong, expected):
    rows = [(1.0, 1.0, 1.0, 1.0), wrong]
    if expected > 0:
        rows.append((-1.0, 0.0, 0.0, 0.0))
    assert kernel("first_wrong_bar")(np.array(rows)) == expected


def test_hold_opens_where_trading_was(kernel):
    it = book([[0, 8, 0, 0, 0, 0], [0, 0, 0, 0, 8, 0]])
    arrays = tuple((array,) for array in it.arrays)
    pending, span = np.array([0.0, 0.0, 3.0, 1.0, 0.0, 0.0]), np.array([2, 4])
    kernel("hold")(arrays, 1, (pending,), (span,), 8.0, 12.0, 3.5, 1.0, 1e-12)
    # Without a way from entry to liquidation price; what lies beyond the price is consumed.
    np.testing.assert_allclose(it.held[0, 0], [0, 8, 3, 0.5, 0, 0])
    np.testing.assert_allclose(it.held[1, 0], [0, 0, 0, 0.5, 8, 0])
    assert not pending.any()
    it.assert_kept()


def test_smoothing_is_a_convolution(kernel):
    rng = np.random.default_rng(1)
    values, weights = rng.random(9), np.array([0.2, 0.6, 0.2])
    out = np.full(15, np.nan)
    kernel("smooth")(values, weights, out)
    np.testing.assert_allclose(out, np.convolve(np.pad(values, 3), weights, mode="same"))


def test_peaks_are_found_with_their_prominence_and_extent(kernel):
    row = np.array([0.0, 1.0, 3.0, 3.0, 3.0, 2.0, 4.0, 1.0, 1.0, 0.0, 5.0, 5.0])
    found = np.zeros(12, dtype=np.int64)
    # A flat top counts once, at its middle; one that never falls again is none.
    assert kernel("find_peaks")(row, found) == 2
    assert found[:2].tolist() == [3, 6]
    assert kernel("prominence")(row, 3) == 1.0
    assert kernel("prominence")(row, 6) == 4.0
    assert kernel("extent")(row, 3, 1.0) == (1.75, 4.5)
    assert kernel("extent")(row, 6, 4.0) == (5.0, 6.0 + 2.0 / 3.0)
    assert kernel("extent")(np.array([2.0, 3.0, 2.0]), 1, 3.0) == (0.0, 2.0)


def test_clusters_are_the_prominent_peaks_of_each_side(kernel):
    notional = np.array([[0.0, 8.0, 4.0, 0.5, 0.0, 0.2], [1.0, 0.8, 0.95, 0.0, 9.0, 0.0]])
    edges = np.arange(10.0, 17.0)
    columns, sides = kernel("find_clusters")(notional, edges, np.ones(1), 0.1)
    assert sides.tolist() == [1, -1, -1]
    assert sides.dtype == np.int8
    np.testing.assert_allclose(
        columns.T,
        [[10.0, 13.0, 11.5, 12.0], [10.0, 14.0, 10.5, 2.75], [13.0, 16.0, 14.5, 9.0]],
    )


def test_clusters_are_ranked_by_distance(kernel):
    near, far = np.zeros(20), np.zeros(20)
    near[0], far[10] = 1.0, 1.0
    significance, largest = np.full(4, np.nan), np.full((2, 2), np.nan)
    kernel("judge_clusters")(
        np.array([101.0, 99.5, 120.0, 80.0]), np.array([50.0, 2.0, 500.0, 60.0]),
        np.array([-1, 1, -1, 1], dtype=np.int8), 100.0, 0.02, near, far, 5, significance, largest,
    )  # fmt: skip
    np.testing.assert_allclose(significance, [1.0, 1.0, 1.0, 0.0])
    np.testing.assert_allclose(largest, [[2.0, 50.0], [60.0, 500.0]])


def test_rates_forget(kernel):
    sums = np.array([4.0, 10.0])
    kernel("accrue")(sums, 1.0, 5.0, 5.0)
    assert sums.tolist() == [3.0, 10.0]
