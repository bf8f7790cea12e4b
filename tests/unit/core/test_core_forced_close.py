"""Liquidation at a market price: triggers, steps, fees and what is taken over."""

from __future__ import annotations

import math

import numpy as np
import pytest

from liq_nautilus.core.exchange.bracket_source import BracketSource
from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.exchange.clearance_fees import clearance_fee_rate
from liq_nautilus.core.exchange.contracts import ContractUnits
from liq_nautilus.core.exchange.contracts import contract_value
from liq_nautilus.core.exchange.contracts import order_notional
from liq_nautilus.core.exchange.forced_close import Backing
from liq_nautilus.core.exchange.forced_close import Contract
from liq_nautilus.core.exchange.forced_close import LiquidationRules
from liq_nautilus.core.exchange.forced_close import OpenPosition
from liq_nautilus.core.exchange.forced_close import backing
from liq_nautilus.core.exchange.forced_close import is_reached
from liq_nautilus.core.exchange.forced_close import liquidation_steps
from liq_nautilus.core.exchange.forced_close import to_grid
from liq_nautilus.core.exchange.forced_close import trigger_price
from liq_nautilus.core.exchange.margin import liquidation_ratio

E = 100_000.0
T2026 = 1_767_225_600 * 10**9
DAY = 86_400 * 10**9
BTC = BracketTable.built_in("BTCUSDT", T2026)
COIN = BracketTable.built_in("BTCUSD_PERP")
INVERSE = Contract(is_inverse=True, multiplier=100.0)
RULES = LiquidationRules(0.0125, 0.1, 0.001)


def position(side: int, quantity: float, leverage: float, **other: object) -> OpenPosition:
    values = {"table": BTC, "contract": Contract(), "entry_price": E} | other
    contract, entry = values["contract"], values["entry_price"]
    margin = contract.value(quantity, entry) / leverage
    return OpenPosition(side, quantity, mark_price=entry, margin=margin, **values)


def test_the_vector_of_binances_own_calculator_is_met():
    # 101 BTC of wallet, long 100,000 contracts of 100 USD at 45,000: 33,599.4.
    held = position(1, 100_000.0, 1.0, table=COIN, contract=INVERSE, entry_price=45_000.0)
    assert trigger_price(held, 101.0) == pytest.approx(33_599.4, abs=0.05)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("leverage", [2.0, 5.0, 20.0, 100.0])
@pytest.mark.parametrize("contracts", [1.0, 4_000.0, 90_000.0])
def test_inverse_equity_equals_the_maintenance_margin_at_the_trigger(
    side: int, leverage: float, contracts: float
):
    held = position(side, contracts, leverage, table=COIN, contract=INVERSE)
    trigger = trigger_price(held, held.margin)
    equity = held.margin + held.pnl_at(trigger)
    assert equity == pytest.approx(held.maintenance_at(contracts, trigger))
    if leverage <= 5.0:
        assert side * (E - trigger) > 0.0


def test_an_inverse_short_of_one_fold_is_never_liquidated():
    held = position(-1, 10.0, 1.0, table=COIN, contract=INVERSE)
    assert trigger_price(held, held.margin + 1e-9) == math.inf
    assert held.pnl_at(1e12) > -held.margin


def test_the_map_knows_inverse_distances():
    # (1 + mmr) / (1 + 1/L) for a long, (1 - mmr) / (1 - 1/L) for a short.
    leverages = np.array([5.0, 10.0, 50.0])
    longs = liquidation_ratio(leverages, 1, 10_000.0, COIN)
    shorts = liquidation_ratio(leverages, -1, 10_000.0, COIN)
    assert longs == pytest.approx(1.004 / (1.0 + 1.0 / leverages))
    assert shorts == pytest.approx(0.996 / (1.0 - 1.0 / leverages))


def test_a_position_in_the_lowest_bracket_is_closed_whole():
    held = position(1, 0.1, 10.0)
    trigger = trigger_price(held, held.margin)
    (step,) = liquidation_steps(held, Backing(held.margin, held.margin), trigger, RULES)
    assert (step.quantity, step.fill_price, step.is_takeover) == (0.1, 90_361.5, False)
    assert step.clearance_fee == pytest.approx(1_000.0 - 0.1 * (E - 90_361.5))


def test_a_large_position_falls_into_the_highest_bracket_that_backs_it():
    held = position(1, 800.0, 5.0)
    trigger = trigger_price(held, held.margin)
    (step,) = liquidation_steps(held, Backing(held.margin, held.margin), trigger, RULES)
    left = 800.0 - step.quantity
    assert left * step.fill_price < 12e6 <= (left + 0.001) * step.fill_price
    equity = held.margin + held.pnl_at(step.fill_price) - step.clearance_fee
    assert equity > held.maintenance_at(left, step.fill_price)
    assert step.clearance_fee == pytest.approx(0.0125 * step.quantity * step.fill_price)


def test_what_no_bracket_backs_is_taken_over_once_the_fee_has_used_all_up():
    held = position(1, 121.0, 10.0)
    trigger = trigger_price(held, held.margin)
    steps = liquidation_steps(held, Backing(held.margin, held.margin), trigger, RULES)
    assert [step.is_takeover for step in steps] == [False, True]
    assert sum(step.quantity for step in steps) == pytest.approx(121.0)
    lost = sum(held.quantity / 121.0 * s.quantity * (E - s.fill_price) for s in steps)
    assert lost + steps[0].clearance_fee == pytest.approx(held.margin)
    # Without a fee all is closed at the market.
    free = LiquidationRules(0.0, 0.1, 0.001)
    steps = liquidation_steps(held, Backing(0.0, held.margin), trigger, free)
    assert [(s.quantity, s.clearance_fee) for s in steps] == [(121.0, 0.0)]


@pytest.mark.parametrize(("side", "market"), [(1, 80_000.0), (-1, 120_000.0)])
def test_beyond_the_bankruptcy_price_the_insurance_fund_takes_all(side: int, market: float):
    held = position(side, 2.0, 10.0)
    (step,) = liquidation_steps(held, Backing(held.margin, held.margin), market, RULES)
    assert step.is_takeover
    assert step.fill_price == pytest.approx(E * (1.0 - side / 10.0))
    assert step.clearance_fee == 0.0
    assert step.shortfall == pytest.approx(20_000.0)
    coin = position(side, 10.0, 10.0, table=COIN, contract=INVERSE)
    (step,) = liquidation_steps(coin, Backing(coin.margin, coin.margin), market, RULES)
    lost = -coin.pnl_at(step.fill_price)
    assert lost == pytest.approx(coin.margin, rel=1e-4)


@pytest.mark.parametrize(
    ("contract", "table", "side", "market"), [(Contract(), BTC, 1, 0.5), (INVERSE, COIN, -1, 1e9)]
)
def test_what_no_price_ruins_is_closed_at_the_market(contract, table, side: int, market: float):
    # A long backed by more than it is worth; of inverse contracts a short.
    held = position(side, 10.0, 1.0, table=table, contract=contract)
    backed = Backing(3.0 * held.margin, 3.0 * held.margin)
    steps = liquidation_steps(held, backed, market, RULES)
    assert sum(step.quantity for step in steps) == pytest.approx(10.0)
    assert not any(step.is_takeover for step in steps)
    assert {step.fill_price for step in steps} == {market}


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("quantity", "leverage"), [(800.0, 5.0), (400.0, 8.0), (119.0, 10.0)])
@pytest.mark.parametrize("fee_rate", [0.0, 0.002, 0.005, 0.0125, 0.03])
def test_no_more_is_closed_than_brackets_ask_for(side, quantity, leverage, fee_rate):
    held = position(side, quantity, leverage)
    trigger = trigger_price(held, held.margin)
    rules = LiquidationRules(fee_rate, 0.1, 0.001)
    steps = liquidation_steps(held, Backing(held.margin, held.margin), trigger, rules)
    closed, price = sum(step.quantity for step in steps), steps[0].fill_price
    equity = held.margin + held.pnl_at(price)

    def is_met(left: float) -> bool:
        fee = fee_rate * (quantity - left) * price
        return equity - fee > held.maintenance_at(left, price)

    # What is left just below each bracket's floor, from the highest that is left behind.
    floors = [b.notional_floor for b in BTC.brackets if 0.0 < b.notional_floor <= quantity * price]
    steps_below = [math.floor(floor / price / 0.001) * 0.001 for floor in reversed(floors)]
    met = [left for left in steps_below if is_met(left)]
    if met:
        assert quantity - closed == pytest.approx(met[0], abs=1e-9)
        assert [step.is_takeover for step in steps] == [False]
    else:
        assert closed == pytest.approx(quantity)


def test_what_is_left_lies_below_a_floor_that_the_price_meets_exactly():
    # 120 at 100,000 is 12 million to the cent: one step less is in the bracket below.
    held = position(1, 150.0, 10.0)
    needed = held.maintenance_at(120.0, E) + 0.0125 * 30.001 * E
    (step,) = liquidation_steps(held, Backing(needed, needed), E, RULES)
    assert 150.0 - step.quantity == pytest.approx(119.999, abs=1e-9)


def test_less_than_one_coin_may_be_left():
    # At a million a coin the first bracket holds .3 of one.
    dear = 1e6
    held = position(-1, 0.5, 10.0, entry_price=dear)
    needed = held.maintenance_at(0.299, dear) + 0.0125 * 0.202 * dear
    (step,) = liquidation_steps(held, Backing(needed, needed), dear, RULES)
    assert 0.5 - step.quantity == pytest.approx(0.299, abs=1e-9)


@pytest.mark.parametrize("quantity", [0.1, 50.0])
def test_at_the_bankruptcy_price_all_is_taken_over_without_a_loss_to_the_fund(quantity: float):
    held = position(1, quantity, 10.0)
    (step,) = liquidation_steps(held, Backing(held.margin, held.margin), 90_000.0, RULES)
    assert (step.is_takeover, step.quantity, step.clearance_fee) == (True, quantity, 0.0)
    assert step.shortfall == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("cents", [0.3, 0.9])
def test_the_fee_is_at_most_what_is_left_however_little(cents: float):
    held = position(1, 50.0, 10.0)
    # Of half a million less than a dollar is left: the fee on the smallest quantity.
    backed = Backing(held.margin + cents, held.margin + cents)
    steps = liquidation_steps(held, backed, 90_000.0, RULES)
    assert [step.quantity for step in steps] == [0.001, pytest.approx(49.999)]
    assert steps[0].clearance_fee == pytest.approx(cents)
    small = position(1, 0.1, 10.0)
    (step,) = liquidation_steps(small, Backing(1_000.0 + cents, 1_000.0 + cents), 90_000.0, RULES)
    assert step.clearance_fee == pytest.approx(cents)


@pytest.mark.parametrize("side", [1, -1])
def test_the_trigger_itself_is_reached(side: int):
    assert is_reached(side, 90_361.4, 90_361.4)
    assert is_reached(side, 90_361.4 - side * 0.1, 90_361.4)
    assert not is_reached(side, 90_361.4 + side * 0.1, 90_361.4)


def test_a_unit_of_a_linear_contract_may_be_many_coins():
    bundle = Contract(multiplier=1_000.0)
    assert bundle.value(3.0, 0.02) == pytest.approx(60.0)
    assert bundle.price_of(3.0, 60.0) == pytest.approx(0.02)
    assert bundle.quantity_of(60.0, 0.02) == pytest.approx(3.0)
    assert bundle.pnl(-1, 3.0, 0.02, 0.03) == pytest.approx(-30.0)


def test_cross_margin_counts_the_others():
    held, other = position(1, 1.0, 10.0), position(-1, 2.0, 10.0, entry_price=90_000.0)
    other = OpenPosition(-1, 2.0, 90_000.0, 95_000.0, 0.0, BTC)
    found = backing(held, [other], 50_000.0)
    assert found.until_bankrupt == 50_000.0 - 10_000.0
    assert found.until_liquidated == pytest.approx(40_000.0 - 190_000.0 * 0.004)
    assert backing(held, [other], None) == Backing(held.margin, held.margin)


def test_prices_on_the_grid_stay_and_others_go_towards_the_entry():
    assert to_grid(90_361.446, 1, 0.1) == pytest.approx(90_361.5)
    assert to_grid(90_361.446, -1, 0.1) == pytest.approx(90_361.4)
    assert to_grid(90_361.4, 1, 0.1) == pytest.approx(90_361.4)


def test_brackets_are_those_of_the_moment():
    source = BracketSource()
    assert source.at("BTCUSDT", T2026 - 1).valid_from == "2024-10-24"
    assert source.at("BTCUSDT", T2026).valid_from == "2026-01-01"
    assert source.at("BTCUSDT", T2026 - DAY).valid_from == "2024-10-24"
    assert source.dated("BTCUSDT", T2026 - 1).until_ns == T2026
    assert source.dated("SOLUSDT", T2026).until_ns > T2026 + 10_000 * DAY
    document = [
        {
            "symbol": "BTCUSD_PERP",
            "brackets": [
                {
                    "qtyFloor": 0,
                    "qtyCap": 50,
                    "initialLeverage": 125,
                    "maintMarginRatio": 0.004,
                    "cum": 0,
                }
            ],
        }
    ]
    given = BracketSource(document).at("BTCUSD_PERP", T2026)
    assert given.brackets[0].notional_cap == 50.0
    assert given.description == "BTCUSD_PERP: given"
    assert BTC.description == "BTCUSDT from 2026-01-01"


def test_every_symbol_has_its_clearance_fee():
    assert clearance_fee_rate("BTCUSDT") == clearance_fee_rate("BTCUSD_PERP") == 0.0125
    assert clearance_fee_rate("TRXUSDT") == 0.01
    assert clearance_fee_rate("UNKNOWN") == clearance_fee_rate("NEARUSDT") == 0.02


def test_contracts_are_dollars_whatever_the_price_does():
    units = ContractUnits("ETHUSD_PERP")
    assert units.base_units(5.0) == 5.0
    units.note_price(2_000.0)
    units.note_price(4_000.0)
    assert units.base_units(600.0) == 3.0
    prices = np.array([1_000.0, 2_000.0])
    assert units.in_dollars(3.0 * prices, prices).tolist() == [6_000.0, 6_000.0]
    assert (units.unit_price, units.worth(3_000.0)) == (2_000.0, 2_000.0)
    plain = ContractUnits("ETHUSDT")
    plain.note_price(2_000.0)
    assert plain.base_units(3.0) == 3.0
    assert plain.in_dollars(prices, prices).tolist() == prices.tolist()
    assert (plain.unit_price, plain.worth(3_000.0)) == (0.0, 3_000.0)
    assert (contract_value("BTCUSD_PERP"), contract_value("BTCUSDT")) == (100.0, None)
    assert order_notional("SOLUSD_PERP", 3.0, 150.0) == 30.0
