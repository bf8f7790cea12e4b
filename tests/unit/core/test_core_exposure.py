import math

import numpy as np
import pytest
from support.exposures import MovedExposure
from support.streams import same_state

WIDTH = 0.001
PRICE = 100.0


def make(n_buckets=512, loser_ratio=0.67):
    ratio = np.array([[0.96, 0.98], [1.04, 1.02]])
    return MovedExposure(ratio, np.array([0.004, 0.005]), WIDTH, n_buckets, loser_ratio)


def opened(contracts=100.0, **options):
    exposure = make(**options)
    exposure.set_price(PRICE)
    exposure.follow(contracts, 0.02)
    return exposure


def entry_at(exposure, price):
    return math.floor(math.log(price) / WIDTH) - exposure.origin, np.ones(1)


def test_prior_holds_the_open_interest_and_nothing_beyond_the_price():
    exposure = opened()
    np.testing.assert_allclose(exposure.total, 100.0)
    np.testing.assert_allclose(exposure.held, exposure.total)
    low, high = PRICE * math.exp(-WIDTH), PRICE * math.exp(WIDTH)
    assert not exposure.notional_by_tier(0, high, 2.0 * PRICE).any()
    assert not exposure.notional_by_tier(1, 0.5 * PRICE, low).any()
    assert not exposure.swept.any()


def test_prior_beyond_the_window_is_not_there():
    ratio = np.array([[0.5], [2.0]])
    exposure = MovedExposure(ratio, np.array([0.004]), WIDTH, 128, 0.67)
    exposure.set_price(PRICE)
    exposure.follow(10.0, 0.02)
    assert not exposure.total.any()
    assert exposure.notional_by_tier(0, 1.0, 1000.0).tolist() == [0.0]


def test_nothing_is_known_before_open_interest():
    exposure = make()
    assert exposure.is_empty
    assert exposure.origin == 0
    exposure.set_price(PRICE)
    assert exposure.position == pytest.approx(math.log(PRICE) / WIDTH)
    exposure.follow(0.0, 0.02)
    assert exposure.is_empty


def test_open_interest_that_vanished_begins_anew():
    exposure = opened()
    exposure.follow(0.0, 0.02)
    assert exposure.is_empty
    np.testing.assert_allclose(exposure.total, 0.0, atol=1e-9)
    exposure.follow(7.0, 0.02)
    np.testing.assert_allclose(exposure.total, 7.0)


def test_rising_open_interest_opens_where_trading_was():
    exposure = opened()
    before = exposure.notional_by_tier(0, 110.0 * 0.97, 110.0 * 0.99)
    exposure.note_traded(*entry_at(exposure, 110.0))
    exposure.set_price(110.0)
    exposure.follow(150.0, 0.02)
    gained = exposure.notional_by_tier(0, 110.0 * 0.97, 110.0 * 0.99) - before
    assert gained[1] == pytest.approx(50.0 * 110.0 * 0.98, rel=WIDTH)
    np.testing.assert_allclose(exposure.total, 150.0)


def test_trading_before_the_first_open_interest_is_part_of_the_prior():
    exposure = make()
    exposure.set_price(PRICE)
    exposure.note_traded(*entry_at(exposure, 120.0))
    exposure.follow(100.0, 0.01)
    exposure.follow(150.0, 0.01)
    assert exposure.notional_by_tier(1, 115.0, 130.0)[1] == 0.0


@pytest.mark.parametrize("first", [-700, -3, 0, 509, 700])
def test_trading_beyond_the_window_is_left_out(first):
    exposure = opened()
    exposure.note_traded(first, np.full(6, 1.0))
    exposure.follow(120.0, 0.02)
    opened_now = exposure.rows.opened - 100.0
    np.testing.assert_allclose(opened_now, 20.0)


def test_turn_over_moves_positions_to_new_entries():
    exposure = opened()
    exposure.turn_over(*entry_at(exposure, PRICE), np.array([0.1, 0.4]))
    np.testing.assert_allclose(exposure.rows.closed, [[10.0, 40.0], [10.0, 40.0]])
    np.testing.assert_allclose(exposure.total, 100.0)


def test_a_path_removes_what_it_crossed():
    exposure = opened()
    exposure.sweep(PRICE * 0.97, PRICE * 1.001)
    consumed = exposure.swept.copy()
    assert (consumed[0] > consumed[1]).all()
    assert (consumed[1] > 0.0).all()
    np.testing.assert_allclose(exposure.total, 100.0 - consumed)
    assert not exposure.notional_by_tier(0, PRICE * 0.9715, PRICE).any()


@pytest.mark.parametrize("rate", [0.0005, -0.0005])
def test_funding_moves_levels_as_the_margin_is_drained(rate):
    exposure = make()
    exposure.set_price(PRICE)
    exposure.open_at(PRICE, np.ones((2, 2)))
    expected = [0, 0]
    for side, ratio in ((0, 0.98), (1, 1.02)):
        level = PRICE * ratio
        expected[side] = rate * PRICE / (0.995 if side == 0 else 1.005) / level
    exposure.settle_funding(rate)
    moved = (exposure.rows.offset * WIDTH)[:, 1]
    np.testing.assert_allclose(moved, np.log1p(expected))


def test_shift_prices_multiplies_every_level():
    exposure = opened()
    before = exposure.notional_by_tier(1, 103.0, 105.0)
    exposure.shift_prices(1.01)
    after = exposure.notional_by_tier(1, 103.0 * 1.01, 105.0 * 1.01)
    np.testing.assert_allclose(after, before * 1.01, rtol=1e-9)


def test_window_follows_the_price_and_lets_go_what_falls_out():
    exposure = opened()
    origin = exposure.origin
    exposure.set_price(PRICE * 1.1)
    assert exposure.origin == origin
    before = exposure.notional_by_tier(0, 94.0, 100.0)
    exposure.set_price(PRICE * 1.2)
    assert exposure.origin > origin
    np.testing.assert_allclose(exposure.notional_by_tier(0, 94.0, 100.0), before, rtol=1e-12)
    exposure.set_price(PRICE * 10.0)
    assert not exposure.total.any()
    np.testing.assert_allclose(exposure.rows.expired, 100.0)
    np.testing.assert_allclose(exposure.held, 0.0, atol=1e-9)


def test_pending_moves_with_the_window():
    exposure = opened()
    exposure.note_traded(*entry_at(exposure, PRICE))
    before = exposure.notional_by_tier(1, PRICE * 1.018, PRICE * 1.023)[1]
    exposure.set_price(PRICE * 0.85)
    exposure.follow(200.0, 0.02)
    gained = exposure.notional_by_tier(1, PRICE * 1.018, PRICE * 1.023)[1] - before
    assert gained == pytest.approx(100.0 * PRICE * 1.02, rel=0.01)


def test_density_agrees_with_the_notional():
    exposure = opened()
    first = math.floor(math.log(90.0) / WIDTH)
    density = exposure.densities(np.array([[[0.5, 0.5], [1.0, 0.0]]]), first, 300)[0]
    middles = np.exp((first + np.arange(300) + 0.5) * WIDTH)
    edges = math.exp(first * WIDTH), math.exp((first + 300) * WIDTH)
    longs = exposure.notional_by_tier(0, *edges)
    assert (density[0] * middles).sum() == pytest.approx(0.5 * longs.sum(), rel=1e-9)
    shorts = exposure.notional_by_tier(1, *edges)
    assert (density[1] * middles).sum() == pytest.approx(shorts[0], rel=1e-9)


def test_state_restores_everything():
    exposure = opened()
    exposure.note_traded(*entry_at(exposure, 101.0))
    exposure.settle_funding(0.001)
    exposure.sweep(99.0, 101.0)
    twin = make()
    twin.restore(exposure.state())
    for book in (exposure, twin):
        book.set_price(99.5)
        book.follow(130.0, 0.02)
    assert same_state(exposure.state(), twin.state())


def test_state_is_a_copy():
    exposure = opened()
    state = exposure.state()
    mass = state["mass"].copy()
    exposure.sweep(90.0, 110.0)
    np.testing.assert_array_equal(state["mass"], mass)


def test_what_moves_levels_adds_up():
    exposure = make()
    exposure.set_price(PRICE)
    exposure.settle_funding(0.001)
    once = exposure.rows.offset.copy()
    exposure.settle_funding(0.001)
    np.testing.assert_allclose(exposure.rows.offset, 2.0 * once)
    exposure.shift_prices(1.01)
    np.testing.assert_allclose(exposure.rows.offset, 2.0 * once + math.log(1.01) / WIDTH)
    # No payment takes a level further than to half its price.
    before = exposure.rows.offset.copy()
    exposure.settle_funding(-5.0)
    np.testing.assert_allclose(exposure.rows.offset, before + math.log(0.5) / WIDTH)


def test_positions_at_one_price_are_what_was_opened_there():
    exposure = make()
    exposure.set_price(PRICE)
    amounts = np.array([[1.0, 0.0], [2.0, 3.0]])
    exposure.open_at(PRICE, amounts)
    np.testing.assert_array_equal(exposure.rows.opened, amounts)
    assert exposure.densities(np.ones((3, 2, 2)), exposure.origin, 9).shape == (3, 2, 9)


def test_position_is_noted_and_restored():
    exposure = opened()
    exposure.note_position(301.5)
    assert exposure.position == exposure.origin + 301.5
    twin = make()
    twin.restore(exposure.state())
    assert twin.window == exposure.window
