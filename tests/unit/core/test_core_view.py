import math

import numpy as np
import pytest
from streams import small_parameters

from liq_nautilus.core import view
from liq_nautilus.core.models.binance_standard import BinanceStandard
from liq_nautilus.core.models.ensemble import Ensemble
from liq_nautilus.core.models.funding_adjusted import FundingAdjusted
from liq_nautilus.core.models.liquidation_map import LiquidationMap

WIDTH = 1e-3


@pytest.mark.parametrize("price", [60_000.0, 1.0, 0.00001234, math.exp(7 * WIDTH)])
def test_grid_covers_the_range_and_splits_at_the_price(price):
    grid = view.grid_around(price, 0.1, WIDTH)
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
    model.on_open_interest(1_000.0)
    return model


def test_leverages_apart_sum_to_the_whole():
    model = opened(BinanceStandard(small_parameters()))
    grid = view.grid_around(100.0, 0.2, WIDTH)
    apart = view.native_levels(model, grid, by_leverage=True)
    merged = view.native_levels(model, grid, by_leverage=False)
    assert apart[1].sum() == pytest.approx(merged[1].sum())
    assert (apart[1] * apart[3]).sum() == pytest.approx((merged[1] * merged[3]).sum())
    assert set(np.unique(apart[3])) == {10.0, 25.0, 50.0, 100.0}
    for side, weights in ((1, [0.3, 0.3, 0.2, 0.2]), (-1, [0.4, 0.3, 0.2, 0.1])):
        part = apart[2] == side
        total = apart[1][part].sum()
        for tier, weight in zip((10.0, 25.0, 50.0, 100.0), weights, strict=True):
            found = apart[1][part & (apart[3] == tier)].sum() / total
            assert found == pytest.approx(weight, rel=0.06)


def ensemble(weights=(0.5, 0.3, 0.2)):
    parameters = small_parameters()
    models = (BinanceStandard(parameters), FundingAdjusted(parameters), LiquidationMap(parameters))
    for model in models:
        opened(model)
    return Ensemble(models, weights, 0.05)


@pytest.mark.parametrize("by_leverage", [False, True])
def test_ensemble_levels_hold_what_its_densities_hold(by_leverage):
    model = ensemble()
    model.models[2].on_large_trades(np.array([100.0]), np.array([[3.0], [1.0]]))
    grid = view.grid_around(100.0, 0.2, WIDTH)
    levels = view.ensemble_levels(model, grid, by_leverage=by_leverage)
    notional = view.ensemble_notional(model, grid)
    for index, side in enumerate((1, -1)):
        assert levels[1][levels[2] == side].sum() == pytest.approx(notional[index].sum())


def test_ensemble_without_a_map_has_no_levels():
    model = ensemble((0.0, 0.0, 1.0))
    grid = view.grid_around(100.0, 0.2, WIDTH)
    assert all(part.size == 0 for part in view.ensemble_levels(model, grid, by_leverage=False))
    assert not view.ensemble_notional(model, grid).any()


def test_ensemble_notices_models_that_disagree():
    model = ensemble((0.5, 0.5, 0.0))
    grid = view.grid_around(100.0, 0.3, WIDTH)
    view.ensemble_notional(model, grid)
    assert model.confidence_score() == pytest.approx(0.85)
    model.models[1].exposure.shift_prices(0.93)
    view.ensemble_notional(model, grid)
    assert model.confidence_score() == pytest.approx(0.7 * 0.85)
