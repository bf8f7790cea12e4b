"""Bars and open interest taken in, with known answers."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from support.kernel_books import book
from support.kernel_books import books_of
from support.kernel_books import window

from liq_nautilus.core.kernels.arguments import Bar
from liq_nautilus.core.kernels.arguments import Bars
from liq_nautilus.core.kernels.arguments import Prediction
from liq_nautilus.core.kernels.arguments import Progress
from liq_nautilus.core.kernels.arguments import Trading
from liq_nautilus.core.kernels.arguments import Trailing

MINUTE = 60_000_000_000


def advanced(kernel, bars, marks, *, open_interest=8.0, until=0, unit_price=0.0):
    """Return what `advance` does to two models of which one trades."""
    models = [book([[0, 8, 8, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 4, 4, 0]]) for _ in range(2)]
    n = len(bars)
    values = np.column_stack([np.exp(np.array(bars)), np.full(n, 4.0), np.array(marks, float)])
    times = np.array([[i * MINUTE, (i + 1) * MINUTE] for i in range(n)])
    traded = np.zeros(8), np.zeros(2, dtype=np.int64)
    trailing = Trailing(np.zeros(2), np.zeros(2))
    scales = np.array([[1.0, 1.0], [0.5, 2.0]])
    until_ns = np.zeros(n, dtype=np.int64)
    prediction = Prediction(scales, np.zeros((n, 2)), until_ns, unit_price)
    progress = kernel("advance")(
        books_of(models, traded=[traded]),
        Bars(values, times),
        window(4.0),
        Progress(0, 0, 0, until, 4.0, math.exp(4.0)),
        Trading(open_interest, 0.5, 0.3, 1.0, 60.0 * MINUTE),
        trailing,
        prediction,
    )
    return SimpleNamespace(
        progress=progress,
        models=models,
        traded=traded[0],
        trailing=trailing,
        prediction=prediction,
    )


def test_a_bar_sweeps_notes_and_turns_over(kernel):
    found = advanced(kernel, [(3.5, 4.5, 2.5, 4.5)], [0])
    assert found.progress.n_bars == 1
    assert found.progress.position == pytest.approx(4.5)
    assert found.progress.price == pytest.approx(math.exp(4.5))
    trading, still = found.models
    # Longs of bucket 2 above 2.5 went; of the other book they count half.
    price = math.exp(3.5)
    np.testing.assert_allclose(found.prediction.notional[0], [1.5 * 4.0 * price, 0.0], rtol=1e-9)
    assert found.progress[1:4] == (1, MINUTE, 0)
    assert found.prediction.until.tolist() == [MINUTE]
    # Where a unit is worth the same at any price.
    found = advanced(kernel, [(3.5, 4.5, 2.5, 4.5)], [0], unit_price=50.0)
    np.testing.assert_allclose(found.prediction.notional[0], [1.5 * 4.0 * 50.0, 0.0], rtol=1e-9)
    np.testing.assert_allclose(still.held[0, 0, :4], [0, 8, 4, 0])
    turned = 1.0 - math.exp(-0.5 * 4.0 / 8.0)
    assert trading.rows.closed[0, 0] == pytest.approx(12.0 * turned)
    assert found.trailing.turnover.tolist() == [0.25, MINUTE]
    assert found.trailing.variance[0] == pytest.approx(4.0 / (4.0 * math.log(2.0)))
    assert found.traded.sum() == pytest.approx(4.0)
    for it in found.models:
        it.assert_kept()


def test_falling_and_standing_bars_have_a_path(kernel):
    found = advanced(kernel, [(4.5, 4.5, 2.5, 3.5), (3.5, 3.5, 3.5, 3.5)], [0, 0])
    # By way of the low: down two, up one, and then at rest.
    np.testing.assert_allclose(found.traded[2:5], [4 / 3, 4 / 3 + 2 / 3 + 4, 2 / 3])
    assert found.progress.n_bars == 2


def test_marks_move_the_price_and_last_prices_then_do_not(kernel):
    bars = [(4.0, 4.0, 4.0, 4.0), (4.0, 4.0, 2.2, 3.0), (4.0, 4.0, 2.5, 3.5)]
    found = advanced(kernel, bars, [1, 0, 0])
    assert found.progress.position == pytest.approx(4.0)
    assert not found.prediction.notional.any()
    assert found.progress[1:4] == (1, 3 * MINUTE, 4 * MINUTE)
    late = advanced(kernel, [bars[1]], [0], until=MINUTE - 1)
    assert late.progress.position == pytest.approx(3.0)


def test_bars_of_another_spell_are_apart(kernel):
    bars = [(4.0, 4.0, 2.9 - 0.1 * i, 4.0) for i in range(7)]
    found = advanced(kernel, bars, [1] * 7)
    assert found.progress.n_spells == 2
    assert found.prediction.until[:2].tolist() == [5 * MINUTE, 7 * MINUTE]
    assert (found.prediction.notional[:2, 0] > 0.0).all()


@pytest.mark.parametrize("close", [1.5, 6.5])
def test_a_price_near_the_window_s_end_stops(kernel, close):
    found = advanced(kernel, [(4.0, 4.0, 4.0, 4.0), (4.0, 7.0, 1.0, close)], [0, 0])
    assert found.progress.n_bars == 1


@pytest.mark.parametrize(
    ("volume", "reach", "open_interest", "amount", "turned"),
    [
        (4.0, 0.1, 8.0, 4.0, 0.25),
        (math.nan, 0.1, 8.0, 1 / 60, 0.3 / 60),
        (0.0, 0.1, 8.0, 1 / 60, 0.3 / 60),
        (0.0, 0.0, 8.0, 0.0, 0.0),
        (4.0, 0.1, 0.0, 4.0, 0.3 / 60),
    ],
)
def test_turnover_follows_volume_where_it_is_known(
    kernel, volume, reach, open_interest, amount, turned
):
    bar = Bar(4.0, 4.0 + reach, 4.0, 4.0, volume, False, 0, MINUTE)
    trading = Trading(open_interest, 0.5, 0.3, 1.0, 1.0)
    found = kernel("_turned_over")(bar, float(MINUTE), trading)
    assert found == pytest.approx((amount, turned))


def test_without_open_interest_nothing_turns_over(kernel):
    found = advanced(kernel, [(4.0, 4.1, 3.9, 4.0)], [0], open_interest=0.0)
    assert not found.models[0].rows.closed.any()
    assert found.traded.any()


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


def test_a_rise_is_opened_where_trading_was(kernel):
    it = book([[0, 8, 0, 0, 0, 0], [0, 0, 0, 0, 8, 0]])
    traded = np.array([0.0, 0.0, 3.0, 1.0, 0.0, 0.0]), np.array([2, 4])
    kernel("follow_all")(books_of([it], traded=[traded]), 8.0, 12.0, window(3.5), 1.0)
    # Without a way from entry to liquidation price; what lies beyond the price is consumed.
    np.testing.assert_allclose(it.held[0, 0], [0, 8, 3, 0.5, 0, 0])
    np.testing.assert_allclose(it.held[1, 0], [0, 0, 0, 0.5, 8, 0])
    assert not traded[0].any()
    it.assert_kept()


def test_rates_forget(kernel):
    sums = np.array([4.0, 10.0])
    kernel("accrue")(sums, 1.0, 5.0, 5.0)
    assert sums.tolist() == [3.0, 10.0]
