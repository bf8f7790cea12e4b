import math

import numpy as np
import pytest
from support.streams import small_parameters

from liq_nautilus.core import view
from liq_nautilus.core.grid import grid_around
from liq_nautilus.core.levels import bucket_levels
from liq_nautilus.core.models.binance_standard import BinanceStandard
from liq_nautilus.core.models.ensemble import Ensemble
from liq_nautilus.core.models.funding_adjusted import FundingAdjusted
from liq_nautilus.core.models.liquidation_map import LiquidationMap

WIDTH = 1e-3


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


def opened(model):
    model.exposure.set_price(100.0)
    model.open_prior(1_000.0)
    return model


def test_leverages_apart_sum_to_the_whole():
    model = opened(BinanceStandard(small_parameters()))
    grid = grid_around(100.0, 0.2, WIDTH)
    apart = view.native_levels(model, grid)
    whole = model.density(grid.first, grid.n) * grid.price
    assert apart[1].sum() == pytest.approx(whole.sum())
    assert set(np.unique(apart[3])) == {10.0, 25.0, 50.0, 100.0}
    for side, weights in ((1, [0.3, 0.3, 0.2, 0.2]), (-1, [0.4, 0.3, 0.2, 0.1])):
        part = apart[2] == side
        total = apart[1][part].sum()
        for tier, weight in zip((10.0, 25.0, 50.0, 100.0), weights, strict=True):
            found = apart[1][part & (apart[3] == tier)].sum() / total
            assert found == pytest.approx(weight, rel=0.06)


def ensemble(weights=(0.5, 0.3, 0.2), **changes):
    parameters = small_parameters(**changes)
    models = (BinanceStandard(parameters), FundingAdjusted(parameters), LiquidationMap(parameters))
    for model in models:
        opened(model)
    return Ensemble(models, weights, 0.05)


def with_trades(weights=(0.5, 0.3, 0.2), **changes):
    model = ensemble(weights, **changes)
    model.models[2].on_large_trades(np.array([100.0]), np.array([[3.0], [1.0]]))
    return model


def test_ensemble_levels_hold_what_its_densities_hold():
    model = with_trades()
    grid = grid_around(100.0, 0.2, WIDTH)
    levels = view.ensemble_levels(model, grid)
    notional = view.ensemble_notional(model, grid)
    for index, side in enumerate((1, -1)):
        assert levels[1][levels[2] == side].sum() == pytest.approx(notional[index].sum())


def slow_levels(model, grid, size):
    """Return the levels of one model, or of the ensemble, bucket by bucket."""
    parts = [(model, 1.0)]
    if isinstance(model, Ensemble):
        parts = [x for x in zip(model.models, model.scales(), strict=True) if x[1]]
    native = [
        (price, notional * scale, side, leverage)
        for part, scale in parts
        for price, notional, side, leverage in [view.native_levels(part, grid)]
    ]
    return bucket_levels(*(np.concatenate(c) for c in zip(*native, strict=True)), size)


@pytest.mark.parametrize("consume", ["path", "last"])
@pytest.mark.parametrize("offset", [0.0, 0.0013])
@pytest.mark.parametrize("size", [0.1, 0.37, 5.0])
def test_shown_levels_equal_the_native_ones_in_buckets(consume, offset, size):
    model = with_trades(consume=consume)
    model.models[1].exposure.shift_prices(1.0 + offset)
    grid = grid_around(100.0, 0.2, WIDTH)
    shown = view.shown_levels(model, grid, model.all_names, size)
    for part in (*model.models, model):
        expected = slow_levels(part, grid, size)
        own = shown.slices[part.model_name]
        found = (*shown.columns[:2, own], shown.side[own], shown.columns[2, own])
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
        assert (shown.columns[3, own] == part.confidence_score()).all()
    assert shown.side.dtype == np.int8


@pytest.mark.parametrize("names", [(), ("ensemble",), ("funding_adjusted", "py_liquidation_map")])
def test_only_the_levels_asked_for_are_shown(names):
    model = with_trades()
    grid = grid_around(100.0, 0.2, WIDTH)
    everything = view.shown_levels(model, grid, model.all_names, 1.0)
    some = view.shown_levels(model, grid, names, 1.0)
    for name in model.all_names:
        part = some.columns[:, some.slices[name]]
        if name in names:
            np.testing.assert_array_equal(part, everything.columns[:, everything.slices[name]])
        else:
            assert part.size == 0


def test_ensemble_without_a_map_has_no_levels():
    model = ensemble((0.0, 0.0, 1.0))
    grid = grid_around(100.0, 0.2, WIDTH)
    assert all(part.size == 0 for part in view.ensemble_levels(model, grid))
    assert view.shown_levels(model, grid, ("ensemble",), 1.0).side.size == 0
    assert not view.ensemble_notional(model, grid).any()


@pytest.mark.parametrize("price", [1e-5, 1.0, 61_234.5])
@pytest.mark.parametrize("price_range", [0.05, 0.6, 0.99])
def test_edges_are_those_of_the_bucket_numbers(price, price_range):
    grid = grid_around(price, price_range, WIDTH)
    numbers = np.arange(grid.first, grid.first + grid.n + 1)
    np.testing.assert_array_equal(grid.edges, np.exp(numbers * WIDTH))
    np.testing.assert_array_equal(grid.middle, 0.5 * (grid.edges[:-1] + grid.edges[1:]))


def test_ensemble_notices_models_that_disagree():
    model = ensemble((0.5, 0.5, 0.0))
    grid = grid_around(100.0, 0.3, WIDTH)
    view.ensemble_notional(model, grid)
    assert model.confidence_score() == pytest.approx(0.85)
    model.models[1].exposure.shift_prices(0.93)
    view.ensemble_notional(model, grid)
    assert model.confidence_score() == pytest.approx(0.7 * 0.85)
