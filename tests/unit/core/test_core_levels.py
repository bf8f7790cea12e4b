import numpy as np
import pytest

from liq_nautilus.core.levels import Bands
from liq_nautilus.core.levels import bucket_levels
from liq_nautilus.core.levels import shown_bucket_size


@pytest.mark.parametrize(
    ("symbol", "price", "size"),
    [
        ("BTCUSDT", 20_000.0, 100.0),
        ("BTCUSDT", 150_000.0, 100.0),
        ("ETHUSDT", 3_000.0, 1.0),
        ("SOLUSDT", 150.0, 0.1),
        ("1000PEPEUSDT", 0.01, 1e-5),
    ],
)
def test_shown_bucket_follows_the_price(symbol, price, size):
    assert shown_bucket_size(symbol, price) == pytest.approx(size)


def levels():
    return (
        np.array([101.0, 105.0, 99.0, 105.0, 250.0, 104.0]),
        np.array([1.0, 3.0, 2.0, 4.0, 0.0, 6.0]),
        np.array([1, 1, 1, -1, 1, -1], dtype=np.int8),
        np.array([10.0, 50.0, 10.0, 25.0, 5.0, 5.0]),
    )


def test_buckets_sum_notional_per_side():
    price, notional, side, leverage = bucket_levels(*levels(), 10.0)
    np.testing.assert_allclose(price, [99.0, 104.0, (4 * 105.0 + 6 * 104.0) / 10.0])
    np.testing.assert_allclose(notional, [2.0, 4.0, 10.0])
    assert side.tolist() == [1, 1, -1]
    assert side.dtype == np.int8
    np.testing.assert_allclose(leverage, [10.0, (10.0 + 150.0) / 4.0, 13.0])


def test_buckets_keep_leverages_apart_when_asked():
    price, notional, side, leverage = bucket_levels(*levels(), 10.0, by_leverage=True)
    np.testing.assert_allclose(price, [99.0, 101.0, 104.0, 105.0, 105.0])
    np.testing.assert_allclose(notional, [2.0, 1.0, 6.0, 3.0, 4.0])
    assert side.tolist() == [1, 1, -1, 1, -1]
    np.testing.assert_allclose(leverage, [10.0, 10.0, 5.0, 50.0, 25.0])


def test_nothing_in_nothing_out():
    empty = np.zeros(0)
    found = bucket_levels(np.ones(2), np.zeros(2), np.ones(2, dtype=np.int8), np.ones(2), 1.0)
    assert all(part.size == 0 for part in found)
    found = bucket_levels(empty, empty, empty.astype(np.int8), empty, 1.0, by_leverage=True)
    assert all(part.size == 0 for part in found)


def test_bands_are_power_curves_around_what_is_expected():
    bands = Bands((0.1, 1.5), (3.0, 0.7), 2e7)
    totals = np.array([0.0, 5e3, 1e6, 4e6])
    low, high = bands.around(totals)
    curve = np.maximum(1e6 * 0.1 * (totals / 1e6) ** 1.5 - 100.0, 0.0)
    np.testing.assert_allclose(low, curve)
    assert low[1] == 0.0
    assert low[2] > 0.0
    np.testing.assert_allclose(high, 1e6 * 3.0 * (totals / 1e6) ** 0.7)


def test_beyond_what_they_were_fitted_on_bands_stay_multiples():
    bands = Bands((0.1, 1.2), (3.0, 0.7), 1e7)
    low, high = bands.around(np.array([1e7, 1e9]))
    assert high[1] == pytest.approx(100.0 * high[0])
    assert low[1] + 100.0 == pytest.approx(100.0 * (low[0] + 100.0))


def test_ends_rise_neither_too_fast_nor_too_slowly():
    bands = Bands((0.1, 1.5), (3.0, 0.7), 1e12)
    totals = np.linspace(1e5, 1e9, 5_000)
    low, high = bands.around(totals)
    step = np.diff(totals)
    assert (np.diff(low) <= step * (1 + 1e-9)).all()
    assert (np.diff(high) >= step * (1 - 1e-9)).all()


def test_bands_never_leave_the_expectation_out():
    low, high = Bands((2.0, 1.5), (0.1, 0.5), 1e8).around(np.logspace(3.0, 10.0, 20))
    assert (low <= np.logspace(3.0, 10.0, 20)).all()
    assert (high >= np.logspace(3.0, 10.0, 20)).all()
