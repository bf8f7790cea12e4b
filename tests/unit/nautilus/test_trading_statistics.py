"""The equity along a run's bars and the figures made of it."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.analysis import CalmarRatio
from nautilus_trader.analysis import SharpeRatio
from nautilus_trader.analysis import SortinoRatio
from nautilus_trader.model.currencies import BTC as COIN
from nautilus_trader.model.objects import Money
from support.trading_engine import HOUR
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import Play
from support.trading_engine import Script
from support.trading_engine import ScriptConfig
from support.trading_engine import add_data
from support.trading_engine import bar_time
from support.trading_engine import funding
from support.trading_engine import hourly_bars
from support.trading_engine import make_engine
from support.trading_engine import play

from liq_nautilus.nautilus.backtest.equity import EQUITY_COLUMNS
from liq_nautilus.nautilus.backtest.equity import equity_curve
from liq_nautilus.nautilus.backtest.equity import max_drawdown
from liq_nautilus.nautilus.backtest.ledger import Ledger
from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.backtest.paired import _spread
from liq_nautilus.nautilus.backtest.statistics import daily_returns
from liq_nautilus.nautilus.backtest.statistics import run_statistics
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.times import DAY_NS

E = 100_000.0
FLAT = (E, E, E, E)
BTC, SOL, COIN_BTC = "BTCUSDT", "SOLUSDT", "BTCUSD_PERP"


def frame(bars: list) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ts_close": [bar.ts_event for bar in bars],
            **{n: [getattr(bar, n).as_double() for bar in bars] for n in ("low", "high", "close")},
        }
    )


def coin_run(rows: list, acts: dict[int, list], **venue: Any) -> tuple[Ledger, list]:
    bars = hourly_bars(rows, COIN_BTC)
    settings = {"starting_balances": [Money(1, COIN)], "base_currency": COIN, **venue}
    engine = make_engine((COIN_BTC,), SettlementConfig(), **settings)
    add_data(engine, [*bars, funding(START + 8 * HOUR, "0.001", COIN_BTC)])
    strategy = Script(ScriptConfig(symbols=(COIN_BTC,)))
    strategy.acts = {bar_time(number): sent for number, sent in acts.items()}
    engine.add_strategy(strategy)
    fills = record_fills(engine)
    engine.run()
    return read_ledger(engine, fills, VENUE, COIN), bars


def test_the_curve_counts_what_happened_inside_bars():
    rows = [FLAT, (E, 102_000.0, 96_000.0, 101_000.0), (101_000.0, 103_000.0, 99_000.0, 102_000.0)]
    bars = hourly_bars(rows)
    ledger, _ = play(Play(bars, acts={bar_time(0): [("market", BTC, 1.0)]}, leverage=5))
    curve = equity_curve(ledger, {BTC: frame(bars)}, START)
    start = 100_000.0 - 50.0
    assert curve["equity"].tolist() == [100_000.0, start, start + 1_000.0, start + 2_000.0]
    assert curve["low"].tolist() == [100_000.0, start, start - 4_000.0, start - 1_000.0]
    assert curve["high"].tolist() == [100_000.0, start, start + 2_000.0, start + 3_000.0]
    # From the best of the bar before: (start + 2,000) to (start - 1,000); from the start deeper.
    assert max_drawdown(curve) == pytest.approx(4_050.0 / 100_000.0)
    # It goes down to the stop and no further.
    acts = {bar_time(0): [("market", BTC, 1.0), ("stop", BTC, -1.0, 97_000.0)]}
    ledger, _ = play(Play(bars, acts=acts, leverage=5))
    curve = equity_curve(ledger, {BTC: frame(bars)}, START)
    assert curve["low"].iloc[2] == curve["equity"].iloc[2] == pytest.approx(start - 3_000.0 - 48.5)


def test_a_short_is_at_its_worst_at_the_high():
    rows = [FLAT, (E, 102_000.0, 96_000.0, 101_000.0)]
    bars = hourly_bars(rows)
    ledger, _ = play(Play(bars, acts={bar_time(0): [("market", BTC, -1.0)]}, leverage=5))
    curve = equity_curve(ledger, {BTC: frame(bars)}, START)
    assert curve["low"].iloc[2] == pytest.approx(100_000.0 - 50.0 - 2_000.0)
    assert curve["high"].iloc[2] == pytest.approx(100_000.0 - 50.0 + 4_000.0)


def test_symbols_are_valued_at_their_last_close():
    btc = hourly_bars([FLAT, FLAT, (E, E, E, E)])
    sol = hourly_bars([(200.0,) * 4, (200.0, 210.0, 200.0, 210.0)], SOL)
    acts = {bar_time(0): [("market", SOL, 10.0)]}
    ledger, _ = play(Play([*btc, *sol], acts=acts, symbols=(BTC, SOL)))
    curve = equity_curve(ledger, {BTC: frame(btc), SOL: frame(sol)}, START)
    paid = ledger.fills["fee"].sum()
    slipped = (ledger.fills["price"] * ledger.fills["quantity"]).sum() - 2_000.0
    assert curve["equity"].iloc[-1] == pytest.approx(100_000.0 + 100.0 - paid - slipped)


@pytest.mark.parametrize("side", [1, -1])
def test_coin_margined_profit_funding_and_equity_are_in_coins(side: int):
    rows = [FLAT] * 10 + [(E, 110_000.0, E, 110_000.0)] * 2
    ledger, bars = coin_run(rows, {0: [("market", COIN_BTC, 1.0 * side)]})
    # One contract of 100 USD: 0.001 BTC at 100,000.
    gained = side * 100.0 * (1.0 / E - 1.0 / 110_000.0)
    fee = 0.0005 * 100.0 / E
    paid = side * 0.001 * 100.0 / E
    assert float(ledger.pnl.price) == pytest.approx(gained, abs=1e-8)
    assert float(ledger.pnl.fees) == pytest.approx(-fee, abs=1e-8)
    assert ledger.funding["amount"].tolist() == pytest.approx([-paid], abs=1e-8)
    curve = equity_curve(ledger, {COIN_BTC: frame(bars)}, START)
    assert curve["equity"].iloc[-1] == pytest.approx(1.0 + gained - fee - paid, abs=1e-8)


@pytest.mark.parametrize(("side", "extreme"), [(1, 80_000.0), (-1, 125_000.0)])
def test_coin_margined_positions_are_liquidated_by_the_inverse_formula(side: int, extreme: float):
    rows = [FLAT, FLAT, (E, max(E, extreme), min(E, extreme), E)]
    ledger, _ = coin_run(rows, {0: [("market", COIN_BTC, 2.0 * side)]})
    forced = ledger.fills[ledger.fills["reason"] == "liquidation"]
    # LP = Q*CM*(mmr + s) / (WB + s*Q*CM/E), 10x, 0.4 %.
    expected = 200.0 * (0.004 + side) / (200.0 / E / 10.0 + side * 200.0 / E)
    assert forced["price"].tolist() == [pytest.approx(expected, abs=0.11)]
    assert float(ledger.pnl.liquidations) == pytest.approx(-0.0002, abs=2e-8)
    assert float(ledger.positions["pnl"].sum()) == pytest.approx(float(ledger.pnl.total), abs=1e-8)


def daily_curve(returns: np.ndarray) -> pd.DataFrame:
    equity = 1_000.0 * np.concatenate([[1.0], np.cumprod(1.0 + returns)])
    ts = START + np.arange(equity.size, dtype=np.int64) * DAY_NS - 1
    ts[0] = START
    return pd.DataFrame({"ts": ts, **dict.fromkeys(EQUITY_COLUMNS[1:], equity)})


NO_POSITIONS = pd.DataFrame({"ts_opened": [], "ts_closed": [], "pnl": []})


def test_ratios_are_those_of_nautilus_with_365_days():
    returns = np.random.default_rng(3).normal(0.001, 0.01, 60)
    curve = daily_curve(returns)
    fallen = max_drawdown(curve)
    found = run_statistics(curve, NO_POSITIONS, fallen)
    by_day = {START + day * DAY_NS: float(value) for day, value in enumerate(returns)}
    for name, statistic in (
        ("sharpe", SharpeRatio(365)),
        ("sortino", SortinoRatio(365)),
        ("calmar", CalmarRatio(365)),
    ):
        assert found[name] == pytest.approx(statistic.calculate_from_returns(by_day)), name
    worst = np.sort(returns)[:3]
    assert found["expected_shortfall"] == pytest.approx(-worst.mean())


def test_short_runs_and_runs_without_trades_have_no_ratios():
    found = run_statistics(daily_curve(np.full(6, 0.01)), NO_POSITIONS, 0.0)
    assert found["sharpe"] is found["sortino"] is found["calmar"] is None
    assert found["hit_rate"] is found["average_trade"] is found["expected_shortfall"] is None
    assert found["exposure"] == 0.0
    # A week that only rises has no downside and no drawdown.
    found = run_statistics(daily_curve(np.linspace(0.01, 0.02, 7)), NO_POSITIONS, 0.0)
    assert found["sharpe"] > 0.0
    assert found["sortino"] is found["calmar"] is None


def test_a_run_of_one_moment_says_nothing():
    found = run_statistics(daily_curve(np.zeros(0)), NO_POSITIONS, 0.0)
    assert found.pop("exposure") == 0.0
    assert set(found.values()) == {None}


def test_days_after_ruin_have_no_return():
    curve = pd.DataFrame(
        {"ts": START + np.arange(5) * DAY_NS, "equity": [100.0, 50.0, 0.0, 0.0, 5.0]}
    )
    assert daily_returns(curve).tolist() == [-0.5, -1.0]


def test_a_week_is_enough_and_a_week_at_rest_has_no_ratio():
    returns = np.array([0.01, -0.03, 0.02, -0.02, 0.0, 0.01, 0.01])
    assert run_statistics(daily_curve(returns), NO_POSITIONS, 0.1)[
        "expected_shortfall"
    ] == pytest.approx(0.03)
    found = run_statistics(daily_curve(np.zeros(7)), NO_POSITIONS, 0.1)
    assert found["sharpe"] is found["sortino"] is None
    assert found["calmar"] == found["expected_shortfall"] == 0.0


def test_the_worst_hour_is_from_hour_to_hour():
    # Down and up again within the first hour, then down by one.
    minutes = np.array([0, 10, 50, 70]) * 60 * 10**9
    curve = pd.DataFrame({"ts": START + minutes, "equity": [100.0, 40.0, 100.0, 99.0]})
    assert run_statistics(curve, NO_POSITIONS, 0.1)["worst_hour"] == -1.0


def test_trades_exposure_and_the_worst_hour():
    ts = START + np.arange(1, 9, dtype=np.int64) * (HOUR // 2) - 1
    equity = np.array([100.0, 100.0, 90.0, 95.0, 95.0, 110.0, 110.0, 109.0])
    curve = pd.DataFrame({"ts": [START, *ts], "equity": [100.0, *equity], "low": 0.0, "high": 0.0})
    length = int(ts[-1]) - START
    positions = pd.DataFrame(
        {
            "ts_opened": [START, START + HOUR, START + 3 * HOUR],
            "ts_closed": [START + HOUR, START + 2 * HOUR, 0],
            "pnl": [5.0, -1.0, 7.0],
        }
    )
    found = run_statistics(curve, positions, 0.1)
    assert found["exposure"] == pytest.approx((2 * HOUR + length - 3 * HOUR) / length)
    assert (found["hit_rate"], found["average_trade"]) == (0.5, 2.0)
    assert found["worst_hour"] == -5.0


def test_no_interval_is_made_of_fewer_than_twenty_runs():
    few = _spread([1.0, 2.0, 3.0])
    assert (few["runs"], few["interval"]) == (3, [None, None])
    many = _spread([float(i) for i in range(20)])
    assert many["runs"] == 20
    assert many["interval"] == pytest.approx([0.475, 18.525])
    assert _spread([]) is None


def test_fees_of_liquidations_and_the_insurance_fund_are_stated():
    rows = [FLAT, FLAT, (80_000.0,) * 4]
    ledger, _ = play(Play(hourly_bars(rows), acts={bar_time(0): [("market", BTC, 0.1)]}))
    # Taken over at 90,000 where the market was at 80,000.
    assert ledger.pnl.insurance == Decimal(1000)
    assert ledger.pnl.clearance_fees == 0
    rows = [FLAT, FLAT, (E, E, 90_000.0, 95_000.0)]
    ledger, _ = play(Play(hourly_bars(rows), acts={bar_time(0): [("market", BTC, 0.1)]}))
    assert ledger.pnl.insurance == 0
    assert float(ledger.pnl.clearance_fees) == pytest.approx(-36.15)


def test_what_a_run_lacks_is_said(monkeypatch: pytest.MonkeyPatch):
    from liq_nautilus.nautilus.backtest import missing

    def series(kind: str, first_day: int, last_day: int, symbol: str = BTC) -> SimpleNamespace:
        return SimpleNamespace(
            symbol=symbol,
            kind=kind,
            first_ns=START + first_day * DAY_NS,
            last_ns=START + last_day * DAY_NS,
        )

    found = [
        series("metrics", -10, 20),
        series("fundingRate", -10, 4),
        series("markPriceKlines-1m", 5, 20),
        series("liquidationSnapshot", -9, 2),
        series("liquidations-1h", 7, 30),
        series("bookDepth", 12, 30),
        *(series(kind, -10, 20, SOL) for kind in ("metrics", "fundingRate", "liquidations-1h")),
        series("markPriceKlines-5m", -1, 20, SOL),
        series("bookDepth", -1, 20, SOL),
    ]
    catalogs = {"here": SimpleNamespace(series=found)}
    monkeypatch.setattr(missing, "Catalog", catalogs.__getitem__)
    scope = SimpleNamespace(
        options=SimpleNamespace(catalog="here"),
        symbols=(BTC, SOL),
        start_ns=START,
        end_ns=START + 10 * DAY_NS,
    )
    lacks = missing.missing_inputs(scope)
    assert set(lacks) == {BTC}
    assert set(lacks[BTC]) == {"fundingRate", "bookDepth", "markPriceKlines"}
    assert lacks[BTC]["fundingRate"] == (
        "none after 2026-01-05T00:00:00Z: there no funding is paid or received"
    )
    assert lacks[BTC]["bookDepth"] == (
        "none in the window: market orders pay an assumed share of what prices lately moved"
    )
    assert lacks[BTC]["markPriceKlines"].startswith("none before 2026-01-06T00:00:00Z: there")


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        # A day may be missing at both ends, and no more.
        (1.0, 9.0, ""),
        (1.1, 9.0, "none before 2026-01-02T02:24:00Z: there"),
        (1.0, 8.9, "none after 2026-01-09T21:36:00Z: there"),
        (1.1, 8.9, "none before 2026-01-02T02:24:00Z, none after 2026-01-09T21:36:00Z: there"),
        (-5.0, 0.0, "none after 2026-01-01T00:00:00Z: there"),
        (-5.0, -0.1, "none in the window:"),
        (9.9, 12.0, "none before 2026-01-10T21:36:00Z: there"),
        (10.0, 12.0, "none in the window:"),
    ],
)
def test_what_is_missing_is_told_to_the_day(
    monkeypatch: pytest.MonkeyPatch, first: float, last: float, expected: str
):
    from liq_nautilus.nautilus.backtest import missing

    spans = dict.fromkeys(("fundingRate", "markPriceKlines", "metrics"), (-10.0, 20.0))
    spans |= {"liquidations": (-10.0, 20.0), "bookDepth": (first, last)}
    series = [
        SimpleNamespace(
            symbol=BTC,
            kind=kind,
            first_ns=round(START + days[0] * DAY_NS),
            last_ns=round(START + days[1] * DAY_NS),
        )
        for kind, days in spans.items()
    ]
    monkeypatch.setattr(missing, "Catalog", lambda _: SimpleNamespace(series=series))
    scope = SimpleNamespace(
        options=SimpleNamespace(catalog=None),
        symbols=(BTC,),
        start_ns=START,
        end_ns=START + 10 * DAY_NS,
    )
    means = "market orders pay an assumed share of what prices lately moved"
    told = {BTC: {"bookDepth": f"{expected} {means}"}} if expected else {}
    assert missing.missing_inputs(scope) == told
