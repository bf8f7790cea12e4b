import numpy as np
import pandas as pd
import pytest

from liq_nautilus.reports.raster import heatmap_grid
from liq_nautilus.reports.raster import shown_prices
from liq_nautilus.times import MINUTE_NS

START = 1_780_000_200_000_000_000 // (60 * MINUTE_NS) * 60 * MINUTE_NS


def snapshots(*rows: tuple[int, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["minute", "price", "notional"])
    return frame.assign(ts=START + frame["minute"] * MINUTE_NS)


def test_cells_hold_the_notional_of_their_row_and_column():
    levels = snapshots((0, 101.0, 5.0), (0, 109.9, 1.0), (5, 110.0, 7.0), (5, 111.0, 2.0))
    grid = heatmap_grid(levels, price_low=100.0, price_high=120.0, price_step=10.0)
    assert grid.notional.tolist() == [[6.0, 0.0], [0.0, 9.0]]
    assert grid.price.tolist() == [105.0, 115.0]
    assert grid.ts.tolist() == [START + 150_000_000_000, START + 450_000_000_000]


def test_a_column_is_the_mean_of_its_snapshots():
    rows = [(5 * i, 101.0, float(i)) for i in range(12)]
    grid = heatmap_grid(snapshots(*rows), price_low=100.0, price_high=110.0, max_columns=3)
    assert grid.ts_step == 30 * MINUTE_NS
    assert grid.notional.max(axis=0).tolist() == [2.5, 8.5]


def test_the_grid_never_exceeds_its_largest_size():
    rng = np.random.default_rng(3)
    minutes = np.sort(rng.choice(100_000, 4000, replace=False))
    levels = snapshots(*[(int(m), float(rng.uniform(90, 130)), 1.0) for m in minutes])
    grid = heatmap_grid(
        levels, price_low=93.3, price_high=127.7, price_step=0.05, max_columns=700, max_rows=90
    )
    n_rows, n_columns = grid.notional.shape
    assert n_rows <= 90
    assert n_columns <= 700
    assert grid.price_step == pytest.approx(round(grid.price_step / 0.05) * 0.05)


def test_notional_inside_the_range_is_conserved():
    rng = np.random.default_rng(4)
    prices = rng.uniform(90, 130, 500)
    levels = snapshots(*[(0, float(p), 2.0) for p in prices])
    grid = heatmap_grid(levels, price_low=100.0, price_high=120.0, price_step=1.0)
    assert grid.notional.sum() == 2.0 * np.sum((prices >= 100) & (prices < 120))


def test_a_map_is_carried_over_a_late_update_but_not_over_a_long_gap():
    rows = [(5 * i, 101.0, 1.0) for i in (*range(8), 10, *range(40, 44))]
    grid = heatmap_grid(snapshots(*rows), price_low=100.0, price_high=110.0, price_step=10.0)
    known = np.isfinite(grid.notional[0])
    assert known[8:10].all()
    assert not known[17:40].any()
    assert known[40:].all()


def test_no_level_in_the_range_makes_no_grid():
    assert heatmap_grid(snapshots((0, 50.0, 1.0)), price_low=100.0, price_high=110.0) is None


def test_a_single_snapshot_makes_one_column():
    grid = heatmap_grid(snapshots((0, 105.0, 3.0)), price_low=100.0, price_high=110.0)
    assert grid.notional.shape[1] == 1
    assert grid.notional.sum() == 3.0


def test_months_of_daily_maps_keep_whole_days():
    rows = [(1440 * i, 101.0, 1.0) for i in range(100)]
    grid = heatmap_grid(snapshots(*rows), price_low=100.0, price_high=110.0, max_columns=30)
    assert grid.ts_step % (1440 * MINUTE_NS) == 0
    assert grid.notional.shape[1] <= 30


def test_coarser_cells_add_prices_and_average_times():
    levels = snapshots((0, 101.0, 1.0), (0, 111.0, 2.0), (0, 121.0, 4.0), (5, 101.0, 3.0))
    grid = heatmap_grid(levels, price_low=100.0, price_high=130.0, price_step=10.0)
    coarse = grid.coarsened(2, 2)
    assert coarse.notional.tolist() == [[3.0], [2.0]]
    assert (coarse.price_step, coarse.ts_step) == (20.0, 2 * grid.ts_step)


def test_coarser_cells_are_unknown_only_where_nothing_is_known():
    rows = [(5 * i, 101.0, 1.0) for i in (*range(8), 40)]
    grid = heatmap_grid(snapshots(*rows), price_low=100.0, price_high=110.0, price_step=10.0)
    unknown = np.isnan(grid.coarsened(1, 3).notional[0])
    assert unknown.any()
    assert not unknown[:3].any()


def test_shown_prices_hold_the_traded_range_and_most_of_the_notional():
    price = np.array([50.0, 95.0, 108.0, 400.0])
    notional = np.array([0.001, 50.0, 50.0, 0.001])
    low, high = shown_prices(price, notional, low=99.0, high=101.0)
    assert (low, high) == (95.0, 108.0)


def test_shown_prices_without_notional_are_the_traded_range_with_a_margin():
    low, high = shown_prices(np.array([]), np.array([]), low=100.0, high=100.0)
    assert (low, high) == pytest.approx((98.0, 102.0))


def test_shown_prices_stop_at_the_reach():
    low, high = shown_prices(np.array([1.0, 900.0]), np.array([1.0, 1.0]), low=100.0, high=110.0)
    assert (low, high) == pytest.approx((90.0, 121.0))
