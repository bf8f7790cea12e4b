import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from support import oracles

from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.exchange.built_in_brackets import BUILT_IN
from liq_nautilus.core.exchange.margin import bankruptcy_price
from liq_nautilus.core.exchange.margin import isolated_liquidation_price

TABLES = st.sampled_from(
    [
        BracketTable.from_rows(symbol, *version)
        for symbol, versions in sorted(BUILT_IN.items())
        for version in versions
    ]
)
# From a single dollar to beyond the last bracket.
NOTIONALS = st.floats(0.0, 9.5).map(lambda power: 10.0**power)
ENTRIES = st.floats(-6.0, 5.5).map(lambda power: 10.0**power)
SIDES = st.sampled_from([1, -1])


def price_of(entry, leverage, side, quantity, table, paid=0.0):
    sides = np.array([side], dtype=np.int8)
    arrays = (np.array([value]) for value in (entry, leverage))
    found = isolated_liquidation_price(*arrays, sides, np.array([quantity]), table, paid)
    return float(found[0])


@settings(max_examples=300)
@given(ENTRIES, st.floats(1.0, 150.0), SIDES, NOTIONALS, TABLES)
def test_equity_equals_maintenance_margin_at_the_liquidation_price(
    entry, leverage, side, notional, table
):
    quantity = notional / entry
    price = price_of(entry, leverage, side, quantity, table)
    equity = oracles.equity(price, entry, leverage, side, quantity)
    maintenance = oracles.maintenance_margin(price, quantity, table)
    if price == 0.0:
        assert side == 1
        assert equity >= -1e-9 * notional
    else:
        assert equity == pytest.approx(maintenance, abs=1e-9 * notional)


@settings(max_examples=100)
@given(ENTRIES, st.floats(1.0, 150.0), SIDES, NOTIONALS, TABLES, st.floats(-0.5, 0.5))
def test_formula_agrees_with_bisection(entry, leverage, side, notional, table, drained):
    quantity = notional / entry
    paid = drained * notional / leverage
    found = price_of(entry, leverage, side, quantity, table, paid)
    expected = oracles.bisected_liquidation_price(entry, leverage, side, quantity, table, paid)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9 * entry)


@settings(max_examples=100)
@given(ENTRIES, st.floats(1.0, 149.0), st.floats(0.01, 1.0), SIDES, NOTIONALS, TABLES)
def test_more_leverage_is_liquidated_sooner(entry, leverage, more, side, notional, table):
    quantity = notional / entry
    low = price_of(entry, leverage, side, quantity, table)
    high = price_of(entry, leverage + more, side, quantity, table)
    assert side * low <= side * high


@settings(max_examples=100)
@given(ENTRIES, st.floats(2.0, 100.0), SIDES, NOTIONALS, TABLES, st.floats(0.0, 0.9))
def test_paid_funding_brings_liquidation_closer(entry, leverage, side, notional, table, drained):
    quantity = notional / entry
    margin = notional / leverage
    before = price_of(entry, leverage, side, quantity, table)
    after = price_of(entry, leverage, side, quantity, table, drained * margin)
    received = price_of(entry, leverage, side, quantity, table, -drained * margin)
    assert side * received <= side * before <= side * after


@settings(max_examples=100)
@given(ENTRIES, st.floats(1.0, 150.0), SIDES, NOTIONALS, TABLES)
def test_liquidation_comes_before_bankruptcy(entry, leverage, side, notional, table):
    price = price_of(entry, leverage, side, notional / entry, table)
    sides = np.array([side], dtype=np.int8)
    bankrupt = float(bankruptcy_price(np.array([entry]), np.array([leverage]), sides)[0])
    assert side * price >= side * bankrupt - 1e-12 * entry
    quantity = notional / entry
    assert oracles.equity(bankrupt, entry, leverage, side, quantity) == pytest.approx(
        0.0, abs=1e-9 * notional
    )


@settings(max_examples=100)
@given(TABLES, NOTIONALS, st.floats(0.0, 1e-6))
def test_maintenance_margin_has_no_steps(table, notional, step):
    pair = table.maintenance_margin(np.array([notional, notional * (1.0 + step)]))
    assert pair[1] - pair[0] + 1e-9 * notional >= 0.0
    assert pair[1] - pair[0] <= 0.5 * notional * step + 1e-9 * notional
