from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from liq_nautilus.errors import SettingError
from liq_nautilus.market.book import LIQUIDATED
from liq_nautilus.market.book import NEVER
from liq_nautilus.market.simulation import simulate
from liq_nautilus.market.worlds import WORLDS
from liq_nautilus.market.worlds import WorldParameters
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from liq_nautilus.market.published import SimulatedMarket


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    return simulate(WORLDS["cascade"], days=3, seed=11)


def test_same_seed_gives_the_same_market(market):
    again = simulate(WORLDS["cascade"], days=3, seed=11)
    for name, values in market.trace._asdict().items():
        np.testing.assert_array_equal(values, getattr(again.trace, name))
    np.testing.assert_array_equal(market.trades.quantity, again.trades.quantity)
    np.testing.assert_array_equal(market.reported_orders.ts, again.reported_orders.ts)


def test_another_seed_or_symbol_gives_another_market(market):
    other = simulate(WORLDS["cascade"], days=1, seed=12)
    assert not np.array_equal(other.trace.last_price, market.trace.last_price[: other.n_steps])
    solana = simulate(WORLDS["cascade"], days=1, seed=11, symbol="SOLUSDT")
    returns = np.diff(np.log(solana.trace.index_price))
    assert np.corrcoef(returns, np.diff(np.log(other.trace.index_price)))[0, 1] < 0.1


def test_open_longs_and_shorts_are_both_the_open_interest(market):
    for hours in (0, 1, 8, 31, 72):
        ts = market.start_ns + hours * HOUR_NS
        open_now = market.positions_at(ts)
        longs = open_now.quantity[open_now.side > 0].sum()
        shorts = open_now.quantity[open_now.side < 0].sum()
        if hours:
            step = hours * 3_600 // market.world.step_seconds - 1
            inventory = market.trace.provider_inventory[step]
            interest = market.trace.open_interest[step]
            assert longs + max(inventory, 0.0) == pytest.approx(interest, rel=1e-9)
            assert shorts + max(-inventory, 0.0) == pytest.approx(interest, rel=1e-9)
            assert abs(inventory) < 0.03 * interest
        if hours < 72:
            assert market.metrics.open_interest[12 * hours] == pytest.approx(
                max(longs, shorts), rel=1e-9
            )


def test_equity_is_the_maintenance_margin_at_the_liquidation_price(market):
    open_now = market.positions_at(market.start_ns + 50 * HOUR_NS)
    price, quantity = open_now.liquidation_price, open_now.quantity
    can_be = price > 0.0
    equity = open_now.margin + open_now.side * quantity * (price - open_now.entry_price)
    maintenance = market.table.maintenance_margin(price * quantity)
    np.testing.assert_allclose(equity[can_be], maintenance[can_be], rtol=1e-6)


def test_liquidations_happen_in_the_step_in_which_the_mark_price_crosses(market):
    steps, positions = market.liquidated_positions()
    assert len(steps) > 500
    side, price = positions.side, positions.liquidation_price
    mark = market.trace.mark_price
    tolerance = 1e-9 * price
    assert (side * (mark[steps] - price) <= tolerance).all()
    per_funding = 8 * 3_600 // market.world.step_seconds
    # Before: not crossed, but where a settlement in between moved the liquidation price.
    later = steps % per_funding != 0
    assert (side * (mark[steps - 1] - price) > -tolerance)[later].all()


def test_no_open_position_is_beyond_its_liquidation_price(market):
    for step in (7, 5_000, 30_000, market.n_steps):
        open_now = market.positions_at(market.start_ns + step * market.step_ns)
        distance = open_now.side * (market.trace.mark_price[step - 1] - open_now.liquidation_price)
        if step * market.world.step_seconds % (8 * 3_600):
            assert (distance > 0.0).all()


def test_funding_drains_the_margin_and_moves_the_liquidation_price(market):
    rate = market.funding.rate[1]
    assert rate != 0.0
    assert market.funding.ts[1] == market.start_ns + 8 * HOUR_NS
    index = np.flatnonzero(
        (market.book.positions["opened"] < 8 * 720 - 1)
        & (market.book.positions["closed"] > 8 * 720)
        & (market.book.positions["opened"] != NEVER)
    )
    after = market._positions(index, np.array([8 * 720]))
    earlier = market._positions(index, np.array([8 * 720 - 1]))
    paid = after.side * after.quantity * rate * market.funding.mark_price[1]
    np.testing.assert_allclose(earlier.margin - after.margin, paid, rtol=1e-6, atol=1e-6)
    can_be = (earlier.liquidation_price > 0.0) & (after.liquidation_price > 0.0)
    moved = after.liquidation_price[can_be] - earlier.liquidation_price[can_be]
    assert (moved * rate > 0.0).all()
    assert can_be.sum() > 10_000


def test_positions_know_only_what_is_inside_the_run(market):
    with pytest.raises(ValueError, match="ts must lie in"):
        market.positions_at(market.end_ns + 1)


def test_leverages_are_those_of_the_world(market):
    open_now = market.positions_at(market.end_ns)
    allowed = {*market.world.leverages, *market.world.holder_leverages}
    assert set(np.unique(open_now.leverage)) <= allowed
    notional = open_now.quantity * open_now.entry_price
    caps = {b.max_leverage: b.notional_cap for b in market.table.brackets}
    for leverage in (100.0, 50.0):
        chosen = open_now.leverage == leverage
        assert chosen.any()
        assert notional[chosen].max() < caps[leverage]


def test_run_without_warm_up_starts_at_the_contracts_price():
    world = replace(WORLDS["standard"], warm_up_days=0)
    cold = simulate(world, days=1, seed=2)
    assert cold.start_last_price == cold.contract.price
    assert cold.settlements.ts[0] == cold.start_ns
    assert len(cold.positions_at(cold.start_ns).side) > 20_000
    assert cold.bars(1).open[0] == pytest.approx(cold.contract.price, rel=0.01)


def test_liquidations_do_not_move_the_price_without_impact():
    quiet = simulate(WORLDS["no_impact"], days=2, seed=5)
    assert (quiet.trace.impact == 0.0).all()
    assert (quiet.book.positions["reason"] == LIQUIDATED).sum() > 100
    expected = np.log(quiet.trace.index_price[0]) + np.cumsum(quiet.drivers.index_return[1:])
    np.testing.assert_allclose(np.log(quiet.trace.index_price[1:]), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("step_seconds", 7, "step_seconds must divide 60, was 7"),
        ("leverages", (5.0,), "leverages and both weights must be equally many"),
        ("leverage_weights", (0.5, 0.5, 0.5, 0.0, 0.0), "must be at least 0 and sum to 1"),
        ("holder_leverages", (0.5,), "leverages must be at least 1"),
        ("absorption", 1.5, r"absorption must lie in \[0, 1\], was 1.5"),
        ("turnover", 0.0, "turnover must be above 0"),
        ("warm_up_days", -1, "warm_up_days must be at least 0"),
    ],
)
def test_bad_world_is_refused(field, value, message):
    with pytest.raises(SettingError, match=message):
        WorldParameters(**{"name": "bad", field: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symbol": "NOPE"}, "symbol must be one of BTCUSDT"),
        ({"start": "2026-13-01"}, "start must be a date"),
        ({"days": 0}, "days must be at least 1, was 0"),
    ],
)
def test_bad_run_is_refused(options, message):
    with pytest.raises(SettingError, match=message):
        simulate(WORLDS["standard"], **options)
