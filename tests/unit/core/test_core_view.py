import math

import numpy as np
import pytest
from support.streams import small_parameters

from liq_nautilus.core.exchange.contracts import ContractUnits
from liq_nautilus.core.expected_openings import Market
from liq_nautilus.core.grid import grid_around
from liq_nautilus.core.models.binance_standard import BinanceStandard
from liq_nautilus.core.models.ensemble import Ensemble
from liq_nautilus.core.models.funding_adjusted import FundingAdjusted
from liq_nautilus.core.models.liquidation_map import LiquidationMap
from liq_nautilus.core.published.readings import Path
from liq_nautilus.core.published.view import PublishedMap

WIDTH = 1e-3
MARKET = Market(price=100.0, open_interest=1e8, turnover_per_hour=0.1, volatility=0.006)


@pytest.mark.parametrize("price", [60_000.0, 1.0, 0.00001234, math.exp(7 * WIDTH)])
def test_grid_covers_the_range_and_splits_at_the_price(price):
    grid = grid_around(price, 0.1, WIDTH)
    assert grid.edges[0] <= 0.9 * price < grid.edges[1]
    assert grid.edges[-2] <= 1.1 * price < grid.edges[-1]
    assert grid.n == grid.edges.size - 1
    assert (grid.price[0] < price).all()
    assert (grid.price[1] > price).all()
    below = grid.edges[1:] <= price
    middle = 0.5 * (grid.edges[:-1] + grid.edges[1:])
    np.testing.assert_allclose(grid.price[0][below], middle[below])


@pytest.mark.parametrize("price", [1e-5, 1.0, 61_234.5])
@pytest.mark.parametrize("price_range", [0.05, 0.6, 0.99])
def test_edges_are_those_of_the_bucket_numbers(price, price_range):
    grid = grid_around(price, price_range, WIDTH)
    numbers = np.arange(grid.first, grid.first + grid.n + 1)
    np.testing.assert_array_equal(grid.edges, np.exp(numbers * WIDTH))
    np.testing.assert_array_equal(grid.middle, 0.5 * (grid.edges[:-1] + grid.edges[1:]))


def test_the_buckets_at_the_price_touch_it():
    grid = grid_around(100.0, 0.1, WIDTH)
    below, above = grid.border
    assert grid.edges[below] < 100.0 <= grid.edges[below + 1]
    assert grid.edges[above] <= 100.0 < grid.edges[above + 1]
    # A price on an edge has the bucket before it below and the one after it above.
    below, above = grid_around(float(grid.edges[20]), 0.1, WIDTH).border
    assert above == below + 1


def opened(model):
    model.exposure.set_price(100.0)
    model.open_prior(1_000.0)
    return model


def published(weights=(0.5, 0.3, 0.2), scale=(1.0, 1.0), *, has_trades=True, **changes):
    """Return an ensemble with a large trade, if any, and its map."""
    parameters = small_parameters(**changes)
    models = (BinanceStandard(parameters), FundingAdjusted(parameters), LiquidationMap(parameters))
    for model in models:
        opened(model)
    ensemble = Ensemble(models, weights, 0.05)
    if has_trades:
        models[2].on_large_trades(np.array([100.0]), np.array([[3.0], [1.0]]))
    return ensemble, PublishedMap(ensemble, parameters, np.array(scale), ContractUnits("BTCUSDT"))


def every_level(found, size):
    return {
        (math.floor(price / size), side): values
        for price, side, *values in zip(
            found.price, found.side, found.notional, found.exposure, strict=True
        )
    }


@pytest.mark.parametrize("consume", ["path", "last"])
@pytest.mark.parametrize("size", [0.1, 0.37, 5.0])
def test_shown_levels_hold_what_the_native_buckets_do(consume, size):
    ensemble, view = published(consume=consume)
    grid = grid_around(100.0, 0.2, WIDTH)
    native = view.native(MARKET, grid)
    found = every_level(view.levels(("ensemble",), MARKET, grid, size)["ensemble"], size)
    for index, side in enumerate((1, -1)):
        expected: dict[int, float] = {}
        held = native.notional[index].copy()
        held[grid.border[index]] += native.border[index]
        for price, notional in zip(grid.price[index], held, strict=True):
            bucket = math.floor(price / size)
            expected[bucket] = expected.get(bucket, 0.0) + notional
        for bucket, notional in expected.items():
            if notional > 0.0:
                assert found[bucket, side][0] == pytest.approx(notional, rel=1e-9)
    assert ensemble.confidence_score() > 0.0


def test_levels_sum_to_what_is_swept():
    _, view = published()
    grid = grid_around(100.0, 0.2, WIDTH)
    for name in ("ensemble", "binance_standard", "funding_adjusted", "py_liquidation_map"):
        found = view.levels((name,), MARKET, grid, 0.5)[name]
        swept = view.swept(MARKET, float(grid.edges[0]), float(grid.edges[-1]), name)
        held = view.exposure(MARKET, float(grid.edges[0]), float(grid.edges[-1]), name)
        for index, side in enumerate((1, -1)):
            own = found.side == side
            assert found.notional[own].sum() == pytest.approx(swept[index], rel=2e-3)
            assert found.exposure[own].sum() == pytest.approx(held[index], rel=2e-3)


def test_bands_add_up_from_the_price_outwards():
    _, view = published(band_low=(0.2, 1.3), band_high=(4.0, 0.8))
    grid = grid_around(100.0, 0.2, WIDTH)
    found = view.levels(("ensemble",), MARKET, grid, 0.5)["ensemble"]
    for side in (1, -1):
        own = found.side == side
        order = np.argsort(side * -found.price[own])
        totals = np.cumsum(found.notional[own][order])
        low, high = view.bands.around(totals)
        np.testing.assert_allclose(np.cumsum(found.low[own][order]), low, rtol=1e-9)
        np.testing.assert_allclose(np.cumsum(found.high[own][order]), high, rtol=1e-9)


def test_notional_but_not_open_interest_is_scaled():
    grid = grid_around(100.0, 0.2, WIDTH)
    plain, scaled = (
        published(scale=scale)[1].levels(("ensemble",), MARKET, grid, 0.5)["ensemble"]
        for scale in ((1.0, 1.0), (2.0, 0.5))
    )
    longs = plain.side == 1
    np.testing.assert_allclose(scaled.notional[longs], 2.0 * plain.notional[longs])
    np.testing.assert_allclose(scaled.notional[~longs], 0.5 * plain.notional[~longs])
    np.testing.assert_array_equal(scaled.exposure, plain.exposure)


@pytest.mark.parametrize("name", ["ensemble", "binance_standard", "py_liquidation_map"])
def test_leverages_apart_sum_to_the_whole(name):
    _, view = published()
    grid = grid_around(100.0, 0.2, WIDTH)
    whole = view.levels((name,), MARKET, grid, 0.5)[name]
    apart = view.levels_by_leverage(name, MARKET, grid, 0.5)
    for values in ("notional", "exposure", "low", "high"):
        total = getattr(whole, values).sum()
        assert getattr(apart, values).sum() == pytest.approx(total, rel=1e-9)
    expected = {10.0, 25.0, 50.0, 100.0} | ({1.0} if name != "py_liquidation_map" else set())
    assert set(np.unique(apart.leverage)) == expected
    # What has no leverage of its own has no exposure.
    assert not apart.exposure[apart.leverage == 1.0].any()


def test_only_the_levels_asked_for_are_there():
    _, view = published()
    grid = grid_around(100.0, 0.2, WIDTH)
    names = ("ensemble", "binance_standard", "funding_adjusted", "py_liquidation_map")
    everything = view.levels(names, MARKET, grid, 1.0)
    for wanted in ((), ("ensemble",), ("funding_adjusted", "py_liquidation_map")):
        some = view.levels(wanted, MARKET, grid, 1.0)
        assert set(some) == set(wanted)
        for name in wanted:
            for one, other in zip(some[name], everything[name], strict=True):
                np.testing.assert_array_equal(one, other)


def test_a_map_of_nothing_says_nothing():
    _, view = published((0.0, 0.0, 1.0), has_trades=False)
    grid = grid_around(100.0, 0.2, WIDTH)
    for name in ("ensemble", "py_liquidation_map"):
        assert view.levels((name,), MARKET, grid, 1.0)[name].price.size == 0
        assert view.levels_by_leverage(name, MARKET, grid, 1.0).price.size == 0
        assert not view.swept(MARKET, 90.0, 110.0, name).any()


def test_ensemble_notices_models_that_disagree():
    ensemble, view = published((0.5, 0.5, 0.0), has_trades=False)
    grid = grid_around(100.0, 0.3, WIDTH)
    view.noted(MARKET, grid, grid)
    assert ensemble.confidence_score() == pytest.approx(0.85)
    # Shifted by two fifths, the levels' means differ by some per cent of the price.
    ensemble.models[1].exposure.shift_prices(0.6)
    view.noted(MARKET, grid, grid)
    found = view.levels(("binance_standard", "funding_adjusted"), MARKET, grid, 0.01)
    means = [
        [
            np.average(it.price[it.side == side], weights=it.notional[it.side == side])
            for side in (1, -1)
        ]
        for it in found.values()
    ]
    expected = np.abs(np.subtract(*means)).max() / 100.0
    assert ensemble.state()["difference"] == pytest.approx(expected, rel=1e-6)
    assert ensemble.confidence_score() == pytest.approx(0.85)
    ensemble.note_difference(0.051)
    assert ensemble.confidence_score() == pytest.approx(0.7 * 0.85)


def test_a_path_sweeps_what_its_favourable_extreme_lets_open():
    _, view = published()
    flat = view.on_path(MARKET, Path(100.0, 100.0, 99.0, 1.0), "ensemble")
    lively = view.on_path(MARKET, Path(100.0, 103.0, 99.0, 1.0), "ensemble")
    assert lively[0] > flat[0] > 0.0
    longer = view.on_path(MARKET, Path(100.0, 103.0, 99.0, 4.0), "ensemble")
    assert longer[0] > lively[0]


def test_the_even_spread_is_in_proportion_to_the_way():
    none = dict.fromkeys(("liquidated_shares_long", "liquidated_shares_short"), (0.0,) * 4)
    _, view = published(background_share_long=0.01, background_share_short=0.02, **none)
    swept = view.swept(MARKET, 100.0 * math.exp(-0.03), 100.0 * math.exp(0.01), "ensemble")
    np.testing.assert_allclose(swept, [1e8 * 0.01 * 0.03, 1e8 * 0.02 * 0.01])
    grid = grid_around(100.0, 0.2, WIDTH)
    native = view.native(MARKET, grid).notional
    np.testing.assert_allclose(native[0][:100], 1e8 * 0.01 * WIDTH, rtol=1e-9)
    assert native[0][grid.border[0] + 1 :].sum() == 0.0


def test_unknown_open_interest_and_volatility_add_nothing():
    _, view = published()
    unknown = Market(100.0, math.nan, 0.1, math.nan)
    held = view.swept(unknown, 99.0, 101.0, "ensemble")
    assert np.isfinite(held).all()
    assert (view.swept(MARKET, 99.0, 101.0, "ensemble") > held).all()
