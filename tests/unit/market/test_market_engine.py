"""The compiled loops against the same code run by the interpreter, and piece by piece."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liq_nautilus.market import book as book_module
from liq_nautilus.market import engine
from liq_nautilus.market import history
from liq_nautilus.market import simulation
from liq_nautilus.market.book import ABSORBED
from liq_nautilus.market.book import AT_WILL
from liq_nautilus.market.book import LIQUIDATED
from liq_nautilus.market.book import NEVER
from liq_nautilus.market.book import STOPPED
from liq_nautilus.market.book import TOOK_PROFIT
from liq_nautilus.market.simulation import simulate
from liq_nautilus.market.worlds import WORLDS

FEW = {"holders": 200, "leveraged_positions": 800, "step_seconds": 30}


@pytest.fixture
def interpreted(monkeypatch):
    """Replace every compiled function by the Python it was compiled from."""
    for module in (book_module, engine, history, simulation):
        for name, value in vars(module).items():
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)


@pytest.mark.parametrize("name", ["cascade", "other"])
def test_compiled_run_equals_the_interpreted_one(name, request):
    world = replace(WORLDS[name], turnover=2.0, impact=1.0, **FEW)
    compiled = simulate(world, days=1, seed=3)
    request.getfixturevalue("interpreted")
    plain = simulate(world, days=1, seed=3)
    for field in ("opened", "closed", "reason"):
        np.testing.assert_array_equal(plain.book.positions[field], compiled.book.positions[field])
    for field, values in compiled.trace._asdict().items():
        np.testing.assert_allclose(getattr(plain.trace, field), values, rtol=1e-12, atol=1e-12)


def test_every_way_to_close_occurs():
    world = replace(WORLDS["other"], turnover=2.0, **FEW)
    reasons = simulate(world, days=2, seed=3).book.positions["reason"]
    for reason in (AT_WILL, LIQUIDATED, STOPPED, TOOK_PROFIT, ABSORBED):
        assert (reasons == reason).any()


def test_short_pool_is_filled_up_without_changing_the_rules(monkeypatch):
    world = replace(WORLDS["standard"], turnover=4.0, burst_factor=30.0, **FEW)
    monkeypatch.setattr(engine, "POOL_MARGIN", 20)
    grown = []
    original = simulation._Run._grow

    def grow(run, n_expected):
        grown.append(n_expected)
        original(run, n_expected // 50)

    monkeypatch.setattr(simulation._Run, "_grow", grow)
    market = simulate(world, days=1, seed=3)
    assert len(grown) > 2
    opened = market.book.positions["opened"]
    assert ((opened >= 0) & (opened != NEVER)).sum() > 1_000
    assert (market.trace.open_interest > 0.0).all()


def test_losers_close_more_seldom_than_winners():
    market = simulate(WORLDS["standard"], days=7, seed=21)
    positions = market.book.positions
    side = 1 - 2 * (np.arange(len(positions)) & 1)
    won = []
    for day in range(1, 7):
        step = day * market.world.steps_per_day
        last = market.trace.last_price[step - 1]
        is_open = (positions["opened"] < step) & (positions["closed"] >= step)
        winning = side * (last - positions["entry_price"]) > 0.0
        hour = market.world.steps_per_day // 24
        at_will = (positions["closed"] < step + hour) & (positions["reason"] == AT_WILL)
        rates = [at_will[is_open & group].mean() for group in (winning, ~winning)]
        won.append(rates[1] / rates[0])
    assert np.mean(won) == pytest.approx(market.world.loser_factor, abs=0.12)


def test_impact_has_a_limit_and_a_permanent_part():
    rules = simulation.rules_of(WORLDS["cascade"], simulation.contract_of("BTCUSDT"))
    prices = np.zeros(engine.N_PRICES)
    engine.push(rules, prices, -0.01)
    assert prices[engine.IMPACT] == pytest.approx(-0.01 * (1 - rules.permanent_share))
    assert prices[engine.INDEX_LOG] == pytest.approx(-0.01 * rules.permanent_share)
    for _ in range(200):
        engine.push(rules, prices, -0.002)
    assert prices[engine.IMPACT] > -rules.impact_limit
    before = prices[engine.IMPACT]
    engine.push(rules, prices, 0.005)
    assert prices[engine.IMPACT] == pytest.approx(before + 0.005 * (1 - rules.permanent_share))
