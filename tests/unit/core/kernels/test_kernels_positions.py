"""Sweeping, closing and opening positions, with known answers."""

import math

import numpy as np
import pytest
from support import oracles
from support.kernel_books import EVEN
from support.kernel_books import UNEVEN
from support.kernel_books import book
from support.kernel_books import closing

from liq_nautilus.core.kernels.arguments import Entries


def follow(kernel, it, before, now, ratio=UNEVEN):
    entries = Entries(1, np.ones(1))
    kernel("follow")(it.positions, entries, before, now, closing(ratio))


def turn_over(kernel, it, fraction, open_interest=8.0, ratio=UNEVEN):
    fractions = np.full(it.mass.shape[1], fraction)
    entries = Entries(1, np.ones(1))
    kernel("turn_over")(it.positions, entries, fractions, open_interest, closing(ratio))


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
def test_sweep_removes_what_the_path_crossed(kernel, low, high, long_left, short_left, scale):
    it = book([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]], scale=scale)
    it.rows.swept = np.nan
    kernel("sweep")(it.positions, low, high)
    np.testing.assert_allclose(it.held[:, 0], [long_left, short_left])
    np.testing.assert_allclose(it.rows.swept[:, 0], [21 - sum(long_left), 21 - sum(short_left)])
    np.testing.assert_allclose(it.rows.consumed, it.rows.swept)
    it.assert_kept()


def test_sweep_of_empty_buckets_removes_nothing(kernel):
    it = book([[0, 0, 3, 4, 0, 0], [0, 0, 3, 4, 0, 0]])
    it.rows.first, it.rows.last = 0, 6
    kernel("sweep")(it.positions, 4.5, 1.5)
    np.testing.assert_allclose(it.held[:, 0], [[0, 0, 3, 4, 0, 0]] * 2)
    assert not it.rows.swept.any()
    assert not it.rows.consumed.any()
    assert (it.rows.first[1, 0], it.rows.last[0, 0]) == (1, 5)


def test_sweep_moves_the_edges_with_funding(kernel):
    it = book([[0, 0, 3, 4, 0, 0], [0, 0, 3, 4, 0, 0]])
    it.rows.offset = 1.0
    kernel("sweep")(it.positions, 4.5, 3.5)
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
    kernel("put_right")(it.mass[0, 0], it.rows[0, 0], 1e-9)
    np.testing.assert_allclose(it.mass[0, 0], [0, 0, 2, 4, 8, 0])
    np.testing.assert_allclose(it.rows.expired[0, 0], 1e-14)
    assert (it.rows[0, 0].first, it.rows[0, 0].last) == (2, 5)
    assert (it.rows[0, 0].scale, it.rows[0, 0].held) == (1.0, 14.0)
    it.assert_kept()
    it = book([[0, 1, 2, 1e-14], [0] * 4])
    kernel("put_right")(it.mass[0, 0], it.rows[0, 0], 1e-9)
    assert (it.rows[0, 0].first, it.rows[0, 0].last) == (1, 3)


def test_rows_are_put_right_when_their_scale_has_halved(kernel):
    it = book([[0, 8, 0, 0], [0, 8, 0, 0]])
    for _ in range(2):
        turn_over(kernel, it, 0.375, ratio=EVEN)
        assert it.rows.scale.tolist() in ([[0.625], [0.625]], [[1.0], [1.0]])
        it.assert_kept()
    assert it.rows.scale.tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("ratio", [EVEN, UNEVEN])
def test_close_everything_leaves_empty_bounds(kernel, ratio):
    it = book([[0, 1, 2, 0], [0, 0, 4, 1]])
    follow(kernel, it, 5.0, 0.0, ratio=ratio)
    assert not it.mass.any()
    assert (it.rows.first == it.rows.last).all()
    it.assert_kept()
    follow(kernel, it, 0.0, 0.0, ratio=ratio)
    it.assert_kept()


def test_a_fall_leaves_an_empty_row_alone(kernel):
    it = book([[0, 0, 0, 0], [0, 0, 4, 1]])
    follow(kernel, it, 5.0, 2.0)
    assert it.rows.closed[0, 0] == 0.0
    assert it.held[1, 0].sum() == pytest.approx(2.0)


def test_following_the_same_open_interest_changes_nothing(kernel):
    it = book([[0, 1, 2, 0], [0, 0, 4, 1]])
    before, rows = it.mass.copy(), it.rows.copy()
    follow(kernel, it, 5.0, 5.0)
    np.testing.assert_array_equal(it.mass, before)
    assert (it.rows == rows).all()


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
def test_opening_splits_between_neighbours(kernel, shift, first, expected, lost, scale):
    it = book([[0] * 4, [0] * 4], scale=scale, log_ratio=shift + 1.0)
    it.rows.offset = 1.0
    amounts = np.array([[4.0], [0.0]])
    weights = np.array([0.75, 0.25])
    kernel("open_all")(it.positions, Entries(first, weights), amounts)
    np.testing.assert_allclose(it.held[0, 0], expected)
    assert it.rows.opened[0, 0] == 4.0
    assert it.rows.expired[0, 0] == pytest.approx(lost)
    assert (it.rows.opened[1], it.rows.expired[1]) == (0.0, 0.0)
    it.assert_kept()


def test_opening_widens_the_bounds_only_where_it_puts_something(kernel):
    it = book([[0, 0, 1, 0, 0], [0, 0, 1, 0, 0]])
    bounds = []
    for log_ratio, first in ((-50.0, 0), (0.0, 4), (0.0, 0)):
        it.rows.log_ratio = log_ratio
        kernel("open_all")(it.positions, Entries(first, np.ones(1)), np.ones((2, 1)))
        bounds.append((it.rows[0, 0].first, it.rows[0, 0].last))
    assert bounds == [(2, 3), (2, 5), (0, 5)]
    it.assert_kept()


def test_following_closes_in_proportion_and_opens_what_rose(kernel):
    it = book([[0, 0, 4, 4, 0, 0], [0, 0, 4, 4, 0, 0]], scale=0.8)
    follow(kernel, it, 8.0, 5.0)
    # Longs above the price and shorts below it are at a loss: they leave half as fast.
    np.testing.assert_allclose(it.held[0, 0], [0, 0, 2, 3, 0, 0])
    np.testing.assert_allclose(it.held[1, 0], [0, 0, 3, 2, 0, 0])
    follow(kernel, it, 5.0, 6.0)
    np.testing.assert_allclose(it.held[0, 0], [0, 1, 2, 3, 0, 0])
    follow(kernel, it, 6.0, 6.0)
    np.testing.assert_allclose(it.held.sum(axis=2), 6.0)
    it.assert_kept()


def test_what_was_liquidated_is_not_opened_again(kernel):
    it = book([[0, 0, 2, 2, 0, 0], [0, 0, 8, 0, 0, 0]])
    follow(kernel, it, 8.0, 8.0)
    np.testing.assert_allclose(it.held.sum(axis=2)[:, 0], [4.0, 8.0])
    follow(kernel, it, 8.0, 6.0, ratio=EVEN)
    np.testing.assert_allclose(it.held.sum(axis=2)[:, 0], [3.0, 6.0])
    follow(kernel, it, 6.0, 7.0)
    np.testing.assert_allclose(it.held.sum(axis=2)[:, 0], [4.0, 7.0])
    # Turnover opens of the open interest and closes of what is left: slowly the row fills again.
    turn_over(kernel, it, 0.5, 7.0, ratio=EVEN)
    np.testing.assert_allclose(it.held.sum(axis=2)[:, 0], [5.5, 7.0])
    it.assert_kept()


def test_even_closing_takes_the_same_share_of_all(kernel):
    it = book([[0, 0, 4, 4, 0, 0], [0, 0, 6, 2, 0, 0]], scale=0.8)
    follow(kernel, it, 8.0, 6.0, ratio=EVEN)
    np.testing.assert_allclose(it.held[:, 0], [[0, 0, 3, 3, 0, 0], [0, 0, 4.5, 1.5, 0, 0]])
    it.assert_kept()


@pytest.mark.parametrize(("ratio", "longs"), [(UNEVEN, [3, 2, 3]), (EVEN, [3, 2.5, 2.5])])
def test_turnover_moves_at_equal_open_interest(kernel, ratio, longs):
    it = book([[0, 0, 4, 4, 0, 0], [0, 0, 0, 8, 0, 0]])
    turn_over(kernel, it, 0.375, ratio=ratio)
    np.testing.assert_allclose(it.held[0, 0], [0, *longs, 0, 0])
    np.testing.assert_allclose(it.held[1, 0], [0, 3, 0, 5, 0, 0])
    np.testing.assert_allclose(it.held.sum(axis=2), 8.0)
    it.assert_kept()


def test_turnover_leaves_an_empty_book_alone(kernel):
    it = book([[0] * 6, [0] * 6])
    turn_over(kernel, it, 0.5, 0.0)
    assert not it.mass.any()
    assert not it.rows.opened.any()


def test_trading_is_noted_within_the_window_and_taken_once(kernel):
    amounts, span = traded = np.zeros(6), np.zeros(2, dtype=np.int64)
    note = kernel("note_traded")
    note(traded, Entries(7, np.ones(3)), 1.0)
    assert span.tolist() == [0, 0]
    note(traded, Entries(4, np.array([0.5, 0.25, 0.25])), 4.0)
    note(traded, Entries(-1, np.array([0.5, 0.0, 0.5])), 2.0)
    assert amounts.tolist() == [0.0, 1.0, 0.0, 0.0, 2.0, 1.0]
    assert span.tolist() == [0, 6]
    entries = kernel("take_traded")(traded, 3.7)
    assert entries.first == 0
    np.testing.assert_allclose(entries.weights, [0.0, 0.25, 0.0, 0.0, 0.5, 0.25])
    assert not amounts.any()
    entries = kernel("take_traded")(traded, 3.7)
    assert (entries.first, entries.weights.tolist()) == (3, [1.0])


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
