import numpy as np
import pytest
from scipy.stats import gamma

from liq_nautilus.core.kernels.arguments import Uncertainty
from liq_nautilus.core.levels import bucket_levels
from liq_nautilus.core.levels import shown_bucket_size
from liq_nautilus.core.levels import uncertainty_bands


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


def bands(notional, lump, dispersion):
    """Return the bands of longs of one tier whose share is known."""
    known = Uncertainty(np.array([lump, lump]), np.array([10.0]), np.zeros(1), dispersion)
    n = notional.size
    return uncertainty_bands(known, notional, np.ones(n, dtype=np.int8), np.full(n, 10.0))


def test_band_holds_ninety_per_cent_of_a_gamma_distribution():
    notional = np.array([2e5, 1e6, 1e8])
    low, high = bands(notional, 50_000.0, 0.5)
    variance = 50_000.0 * notional + (0.5 * notional) ** 2
    shape = notional**2 / variance
    np.testing.assert_allclose(low, gamma.ppf(0.05, shape, scale=notional / shape), rtol=2e-2)
    np.testing.assert_allclose(high, gamma.ppf(0.95, shape, scale=notional / shape), rtol=1e-3)


def test_band_narrows_to_the_estimate_without_uncertainty():
    notional = np.array([0.0, 1e6])
    low, high = bands(notional, 0.0, 0.0)
    np.testing.assert_allclose(low, notional, rtol=0.02)
    np.testing.assert_allclose(high, notional, rtol=0.02)
    low, high = bands(notional, 50_000.0, 0.5)
    assert low[0] == high[0] == 0.0
    assert low[1] < 1e6 < high[1]


def test_a_band_holds_nothing_where_so_few_lumps_may_be_none():
    lump = 50_000.0
    notional = np.array([0.5, 2.9, 3.1, 30.0]) * lump
    low, high = bands(notional, lump, 0.0)
    assert low[:2].tolist() == [0.0, 0.0]
    assert (low[2:] > 0.0).all()
    assert (high > notional).all()
    sided = Uncertainty(np.array([lump, 2.0 * lump]), np.array([10.0]), np.zeros(1), 0.3)
    sides = np.array([1, 1, -1, -1], dtype=np.int8)
    assert uncertainty_bands(sided, notional, sides, np.full(4, 10.0))[0][2] == 0.0


def test_a_band_widens_with_the_error_of_the_leverages_share():
    tiers, errors = np.array([5.0, 10.0, 50.0]), np.array([0.2, 1.0, 0.4])
    leverage = np.array([1.0, 5.0, 7.0, 10.0, 40.0, 50.0, 99.0, 7.0])
    notional, sides = np.full(8, 1e8), np.full(8, -1, dtype=np.int8)
    known = Uncertainty(np.zeros(2), tiers, errors, 0.5)
    found = uncertainty_bands(known, notional, sides, leverage)
    spread = np.hypot(np.interp(leverage, tiers, errors), 0.5)
    for low, high, deviation in zip(*found, spread, strict=True):
        expected = gamma(deviation**-2, scale=1e8 * deviation**2)
        assert low == pytest.approx(expected.ppf(0.05), rel=2e-2)
        assert high == pytest.approx(expected.ppf(0.95), rel=2e-2)


def test_a_band_holds_its_estimate_however_small():
    notional = np.logspace(-3.0, 9.0, 50)
    low, high = bands(notional, 2e6, 0.7)
    assert (low <= notional).all()
    assert (high >= notional).all()
