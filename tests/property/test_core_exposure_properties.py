"""The exposure against a list of cohorts, over random sequences of everything it can be told."""

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from support import oracles
from support.exposures import MovedExposure

from liq_nautilus.core import kernels
from liq_nautilus.core.kernels import closing as closing_kernels

WIDTH = 0.002
N_BUCKETS = 1024
RATIO = np.array([[0.905, 0.962, 0.981, 0.993], [1.095, 1.037, 1.0183, 1.006]])
RATES = np.array([0.004, 0.004, 0.005, 0.01])

moves = st.floats(-0.03, 0.03)
operations = st.one_of(
    st.tuples(st.just("walk"), moves, st.floats(0.0, 0.02), st.floats(0.0, 0.02)),
    st.tuples(st.just("open_interest"), st.floats(0.4, 1.8)),
    st.tuples(st.just("trade"), moves, st.integers(1, 6), st.floats(0.0, 0.6)),
    st.tuples(st.just("funding"), st.floats(-0.003, 0.003)),
    st.tuples(st.just("single"), moves, st.floats(0.1, 50.0)),
)


class Pair:
    """The exposure and the cohorts, told the same."""

    def __init__(self, loser_ratio):
        self.fast = MovedExposure(RATIO, RATES, WIDTH, N_BUCKETS, loser_ratio)
        self.slow = oracles.CohortBook(RATIO, RATES, WIDTH, loser_ratio)
        self.price, self.contracts, self.traded = 100.0, 1000.0, {}
        self.set_price()
        reach = math.ceil(3.0 * 0.01 / WIDTH)
        self.fast.follow(self.contracts, 0.01)
        self.slow.open_prior(self.contracts, 0.01, reach)

    def set_price(self):
        self.fast.set_price(self.price)
        self.slow.price = self.price

    def tell(self, operation):
        getattr(self, operation[0])(*operation[1:])

    def bucket(self, move):
        return math.floor(math.log(self.price * math.exp(move)) / WIDTH)

    def weigh(self, entries):
        first = min(entries)
        weights = np.zeros(max(entries) - first + 1)
        for bucket, share in entries.items():
            weights[bucket - first] = share
        return first - self.fast.origin, weights

    def walk(self, move, up, down):
        before = self.price
        # Stay where the window does not move, so that nothing falls out of it.
        self.price = min(max(before * math.exp(move), 80.0), 125.0)
        low = min(before, self.price) * math.exp(-down)
        high = max(before, self.price) * math.exp(up)
        self.set_price()
        self.fast.sweep(low, high)
        self.slow.sweep(low, high)

    def open_interest(self, factor):
        self.contracts *= factor
        total = sum(self.traded.values())
        entries = {k: v / total for k, v in self.traded.items()} or {self.bucket(0.0): 1.0}
        self.fast.follow(self.contracts, 0.01)
        self.slow.set_open_interest(self.contracts, entries)
        self.traded = {}

    def trade(self, move, n, share):
        centre = self.bucket(move)
        entries = {centre + i: (i + 1) / (n * (n + 1) / 2) for i in range(n)}
        first, weights = self.weigh(entries)
        self.fast.note_traded(first, weights)
        for bucket, weight in entries.items():
            self.traded[bucket] = self.traded.get(bucket, 0.0) + weight
        turnover = share * np.array([0.25, 0.5, 0.75, 1.0])
        self.fast.turn_over(first, weights, turnover)
        self.slow.turn_over(entries, turnover)

    def funding(self, rate):
        self.fast.settle_funding(rate)
        self.slow.settle_funding(rate)

    def single(self, move, amount):
        price = self.price * math.exp(move)
        amounts = amount * np.array([[1.0, 0.0, 2.0, 0.5], [0.0, 1.0, 1.0, 0.0]])
        self.fast.open_at(price, amounts)
        for side, tier in np.ndindex(amounts.shape):
            if amounts[side, tier] > 0:
                entries = {math.floor(math.log(price) / WIDTH): 1.0}
                self.slow.deposit(side, tier, entries, amounts[side, tier])


@settings(max_examples=60)
@given(st.lists(operations, max_size=14), st.sampled_from([0.0, 0.67, 1.0]))
def test_exposure_equals_the_list_of_cohorts(told, loser_ratio):
    pair = Pair(loser_ratio)
    for operation in told:
        pair.tell(operation)
    expected = pair.slow.histogram(pair.fast.origin, N_BUCKETS)
    scale = max(pair.contracts, 1.0)
    np.testing.assert_allclose(pair.fast.mass, expected, rtol=1e-9, atol=1e-9 * scale)
    low, high = 0.93 * pair.price, 1.04 * pair.price
    for side in (0, 1):
        expected_notional = [pair.slow.notional_between(side, t, low, high) for t in range(4)]
        found = pair.fast.notional_by_tier(side, low, high)
        np.testing.assert_allclose(found, expected_notional, rtol=1e-9, atol=1e-7 * scale)


@settings(max_examples=60)
@given(st.lists(operations, max_size=14), st.floats(0.0, 3.0), st.floats(-3.0, 3.0))
def test_positions_are_conserved(told, loser_ratio, jump):
    pair = Pair(loser_ratio)
    for operation in told:
        pair.tell(operation)
    pair.fast.set_price(pair.price * math.exp(jump))
    pair.fast.settle_funding(0.001)
    exposure = pair.fast
    assert (exposure.mass >= 0.0).all()
    rows = exposure.rows
    ledger = np.stack([rows.opened, rows.closed, rows.consumed, rows.expired])
    assert (ledger >= -1e-9 * ledger.max()).all()
    opened, closed, consumed, expired = ledger
    np.testing.assert_allclose(
        exposure.total, opened - closed - consumed - expired, atol=1e-9 * opened.max()
    )
    np.testing.assert_allclose(exposure.held, exposure.total, atol=1e-9 * opened.max())
    for side, tier in np.ndindex(exposure.total.shape):
        occupied = np.flatnonzero(exposure.mass[side, tier])
        if occupied.size:
            first, last = exposure.rows[side, tier].first, exposure.rows[side, tier].last
            assert first <= occupied[0] <= occupied[-1] < last


@settings(max_examples=60)
@given(st.lists(operations, max_size=10), st.floats(0.3, 3.0))
def test_rows_gain_what_open_interest_rose_and_lose_their_share_of_its_fall(told, factor):
    pair = Pair(0.67)
    for operation in told:
        pair.tell(operation)
    before, held = pair.contracts, pair.fast.total
    expired = pair.fast.rows.expired.copy()
    pair.open_interest(factor)
    lost = pair.fast.rows.expired - expired
    expected = held * min(factor, 1.0) + max(pair.contracts - before, 0.0)
    np.testing.assert_allclose(pair.fast.total + lost, expected, rtol=1e-9)
    assert pair.fast.open_interest == pair.contracts


@settings(max_examples=60)
@given(
    st.lists(operations, max_size=8),
    st.lists(st.floats(0.7, 1.4), min_size=3, max_size=6, unique=True),
)
def test_notional_is_additive_in_the_range(told, cuts):
    pair = Pair(0.67)
    for operation in told:
        pair.tell(operation)
    prices = [pair.price * cut for cut in sorted(cuts)]
    for side in (0, 1):
        whole = pair.fast.notional_by_tier(side, prices[0], prices[-1])
        parts = [pair.fast.notional_by_tier(side, a, b) for a, b in itertools.pairwise(prices)]
        np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=1e-9, atol=1e-9)


@given(st.lists(st.floats(-40.0, 40.0), min_size=1, max_size=5))
def test_path_weights_equal_the_time_in_each_bucket(corners):
    first = math.floor(min(corners))
    out = np.zeros(math.floor(max(corners)) - first + 1)
    kernels.path_weights(np.array(corners), out, first)
    expected = oracles.path_shares(corners)
    found = {first + j: value for j, value in enumerate(out)}
    for bucket in found.keys() | expected.keys():
        assert abs(found.get(bucket, 0.0) - expected.get(bucket, 0.0)) <= 1e-9


@settings(max_examples=200)
@given(st.floats(0.0, 1e6), st.floats(0.0, 1e6), st.floats(0.0, 1.0), st.floats(0.0, 5.0))
def test_closing_rates_always_close_the_amount(winners, losers, share, ratio):
    closing = share * (winners + losers)
    win_rate, lose_rate = closing_kernels._closing_rates.py_func(winners, losers, closing, ratio)
    assert 0.0 <= win_rate <= 1.0
    assert 0.0 <= lose_rate <= 1.0
    closed = winners * win_rate + losers * lose_rate
    assert abs(closed - closing) <= 1e-9 * max(winners + losers, 1e-300)
