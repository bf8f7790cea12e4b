"""What labels mean is told by prices, by the smallest sign of it, and not where there is none."""

import numpy as np
import pytest
from support.snapshots import STEP_NS
from support.snapshots import KnownMarket

from liq_nautilus.data.stamps import Meaning
from liq_nautilus.data.stamps import Prices
from liq_nautilus.data.stamps import bar_prices
from liq_nautilus.data.stamps import files_by_meaning
from liq_nautilus.data.stamps import meaning_beside
from liq_nautilus.data.stamps import meanings
from liq_nautilus.data.stamps import tally

DAY = 288


def prices_of(market: KnownMarket, every: int = 1) -> Prices:
    ts, prices = market.moments[::every], market.prices[::every]
    return bar_prices(ts[:-1], ts[1:], prices[:-1], prices[1:])


@pytest.mark.parametrize("n", [6, 7, 20, 288])
@pytest.mark.parametrize("lead", [0, 1])
@pytest.mark.parametrize("first", [0, 33])
def test_few_exact_prices_tell(n, lead, first):
    market = KnownMarket(seed=n + first)
    rows = slice(first, first + n)
    labels = market.moments[rows]
    valued_at = market.prices[first + lead : first + lead + n] * 1.0007
    found = meanings(labels, valued_at, prices_of(market), STEP_NS)
    assert found.tolist() == [lead] * n
    few = meanings(labels[:5], valued_at[:5], prices_of(market), STEP_NS)
    assert few.tolist() == [Meaning.UNDECIDED] * 5


@pytest.mark.parametrize("seed", range(20))
def test_prices_of_neither_moment_tell_nothing(seed):
    # The value is of the moment ten minutes before the label, or after it.
    market = KnownMarket(seed=seed)
    for shift in (-2, 3):
        rows = np.arange(10, 10 + DAY)
        found = meanings(
            market.moments[rows], market.prices[rows + shift], prices_of(market), STEP_NS
        )
        assert set(found.tolist()) == {Meaning.UNDECIDED}


@pytest.mark.parametrize("every", [2, 12, 48])
@pytest.mark.parametrize("lead", [0, 1])
def test_coarse_bars_tell_by_what_the_price_usually_moves(every, lead):
    market = KnownMarket(seed=3, n_days=8)
    rows = np.arange(0, 8 * DAY - 1)
    valued_at = market.prices[rows + lead] * (1 + 1e-5)
    found = meanings(market.moments[rows], valued_at, prices_of(market, every), STEP_NS)
    assert set(found.tolist()) == {lead}


def test_a_day_without_a_sign_means_what_the_nearest_day_means():
    market = KnownMarket(seed=2, n_days=6)
    leads = np.repeat([0, 0, 0, 1, 1, 1], DAY)
    valued_at = market.prices[np.arange(6 * DAY) + leads]
    for day in (1, 4):
        valued_at[day * DAY : (day + 1) * DAY] = np.nan
    found = meanings(market.moments[:-1], valued_at, prices_of(market), STEP_NS)
    assert found.tolist() == leads.tolist()


def test_where_one_bar_follows_another_the_close_counts():
    prices = bar_prices(
        np.array([0, 10]), np.array([10, 20]), np.array([1.0, 2.0]), np.array([3.0, 4.0])
    )
    assert np.exp(prices.at(np.array([0, 10, 20, 5]))).tolist() == pytest.approx(
        [1.0, 3.0, 4.0, np.nan], nan_ok=True
    )


def test_moves_are_scaled_by_the_root_of_time_and_need_prices():
    prices = Prices(np.arange(9) * 400, np.arange(9) * 0.02)
    assert prices.usual_move(0, 9 * 400, 100) == pytest.approx(0.01)
    assert prices.usual_move(0, 6 * 400, 100) == 0.0
    empty = Prices(np.zeros(0, dtype=np.int64), np.zeros(0))
    assert empty.usual_move(0, 10, 1) == 0.0
    assert np.isnan(empty.at(np.array([1, 2]))).all()


@pytest.mark.parametrize(
    ("known", "meaning"),
    [
        ({0: 1.0, 5: 2.0}, Meaning.AT_LABEL),
        ({5: 1.0, 10: 2.0}, Meaning.LATER),
        ({10: 2.0}, Meaning.LATER),
        ({0: 1.0, 10: 2.0}, Meaning.UNDECIDED),
        ({0: 1.0, 5: 1.0}, Meaning.UNDECIDED),
        ({0: 3.0}, Meaning.UNDECIDED),
        ({}, Meaning.UNDECIDED),
    ],
)
def test_snapshots_that_are_known_tell_others(known, meaning):
    labels, quantities = np.array([0, 5]), np.array([1.0, 2.0])
    assert meaning_beside(labels, quantities, known, 5) == meaning


def test_rows_and_files_are_counted_by_meaning():
    assert tally(np.array([1, 1, 0], dtype=np.int8)) == {"at_label": 1, "later": 2}
    assert tally(np.zeros(0, dtype=np.int8)) == {}
    assert files_by_meaning([]) == {"at_label": 0, "later": 0, "undecided": 0}
