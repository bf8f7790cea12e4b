"""One position with stop and target on random bars: the venue against a few lines of arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.model.currencies import BTC as COIN
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.objects import Money
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import Script
from support.trading_engine import ScriptConfig
from support.trading_engine import add_data
from support.trading_engine import bar_time
from support.trading_engine import hourly_bars
from support.trading_engine import make_engine

from liq_nautilus.nautilus.backtest.equity import equity_curve
from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.config import SettlementConfig

ENTRY = 100_000.0
TICK, TAKER, MAKER, CLEARANCE, MAINTENANCE = 0.1, 0.0005, 0.0002, 0.0125, 0.004
DOLLARS = 100.0
N_MARKETS = 8


@dataclass
class Trade:
    """A position from 100,000, in the smallest bracket."""

    is_coin: bool
    side: int
    quantity: float
    leverage: int
    stop: float
    target: float

    def value(self, price: float) -> float:
        return self.quantity * (DOLLARS / price if self.is_coin else price)

    def gain(self, price: float) -> float:
        moved = self.value(price) - self.value(ENTRY)
        return self.side * (-moved if self.is_coin else moved)

    def is_beyond(self, price: float, level: float) -> bool:
        return self.side * (price - level) <= 0.0

    def price_with(self, rate: float) -> float:
        # Where margin and gain are a share of the value: rate 0 is bankruptcy.
        margin, held, side = self.value(ENTRY) / self.leverage, self.value(ENTRY), self.side
        if not self.is_coin:
            return (side * held - margin) / (self.quantity * (side - rate))
        worth = (margin + side * held) / (rate + side)
        return self.quantity * DOLLARS / worth if worth > 0.0 else math.inf

    def on_grid(self, price: float) -> float:
        return self.side * TICK * math.ceil(self.side * price / TICK - 1e-9)

    def closed(self, price: float, rate: float) -> tuple[str, float, float]:
        return "order", price, self.gain(price) - rate * self.value(price)

    def liquidated(self, market: float) -> tuple[str, float, float]:
        margin, bankrupt = self.value(ENTRY) / self.leverage, self.price_with(0.0)
        if self.is_beyond(market, bankrupt):
            return "liquidation", self.on_grid(bankrupt), self.gain(self.on_grid(bankrupt))
        price = self.on_grid(market)
        fee = min(CLEARANCE * self.value(price), max(margin + self.gain(price), 0.0))
        return "liquidation", price, self.gain(price) - fee


def expected(trade: Trade, rows: list) -> tuple[tuple[str, float, float] | None, list[list[float]]]:
    """How the position ends, and the gains it goes through in each bar."""
    trigger, way = trade.price_with(MAINTENANCE), []
    for opened, high, low, close in rows:
        worse, better = (low, high) if trade.side > 0 else (high, low)
        if trade.is_beyond(opened, trigger):
            end = trade.liquidated(opened)
            return end, [*way, [end[2]]]
        here = [trade.gain(opened)]
        end = None
        if trade.is_beyond(opened, trade.stop):
            end = trade.closed(opened, TAKER)
        elif not trade.is_beyond(opened, trade.target):
            end = trade.closed(trade.target, MAKER)
        elif trade.is_beyond(worse, trade.stop) and not trade.is_beyond(trade.stop, trigger):
            end = trade.closed(trade.stop, TAKER)
        elif trade.is_beyond(worse, trigger):
            end = trade.liquidated(trade.on_grid(trigger))
        else:
            here.append(trade.gain(worse))
            if trade.is_beyond(trade.target, better):
                end = trade.closed(trade.target, MAKER)
        if end is not None:
            return end, [*way, [*here, trade.gain(end[1]), end[2]]]
        way.append([*here, trade.gain(better), trade.gain(close)])
    return None, way


def random_trade(rng: np.random.Generator) -> tuple[Trade, list]:
    volatility = rng.choice([0.002, 0.006, 0.02])
    rows, price = [], ENTRY
    for _ in range(8):
        jump = rng.normal(0.0, volatility) if rng.random() < 0.3 else 0.0
        opened = round(price * math.exp(jump), 1)
        steps = np.round(opened * np.exp(np.cumsum(rng.normal(0.0, volatility, 5))), 1)
        price = float(steps[-1])
        rows.append((opened, float(max(opened, *steps)), float(min(opened, *steps)), price))
    is_coin, side = bool(rng.random() < 0.4), int(rng.choice([1, -1]))
    quantity = float(rng.integers(1, 3)) if is_coin else float(rng.integers(5, 1_500)) / 1_000
    stop, target = np.abs(rng.normal(0.0, 2.0 * volatility, 2)) + 0.0002
    levels = (round(ENTRY * (1.0 - side * stop), 1), round(ENTRY * (1.0 + side * target), 1))
    leverage = int(rng.choice([3, 5, 10, 20, 50, 100]))
    return Trade(is_coin, side, quantity, leverage, *levels), rows


@pytest.mark.parametrize("seed", range(3))
def test_a_position_ends_where_arithmetic_says_and_equity_goes_the_same_way(seed: int):
    rng = np.random.default_rng(seed)
    for _ in range(N_MARKETS):
        trade, rows = random_trade(rng)
        check(trade, rows)


def check(trade: Trade, rows: list) -> None:
    symbol, currency = ("BTCUSD_PERP", COIN) if trade.is_coin else ("BTCUSDT", USDT)
    balance = 100.0 if trade.is_coin else 1e6
    engine = make_engine(
        (symbol,),
        SettlementConfig(),
        leverage=trade.leverage,
        starting_balances=[Money(balance, currency)],
        base_currency=currency,
    )
    bars = hourly_bars([(ENTRY,) * 4, *rows], symbol)
    add_data(engine, bars)
    strategy = Script(ScriptConfig(symbols=(symbol,)))
    size = trade.side * trade.quantity
    orders = [("market", size, 0.0), ("stop", -size, trade.stop), ("limit", -size, trade.target)]
    strategy.acts = {bar_time(0): [(kind, symbol, *rest) for kind, *rest in orders]}
    engine.add_strategy(strategy)
    fills = record_fills(engine)
    engine.run()
    ledger = read_ledger(engine, fills, VENUE, currency)
    end, way = expected(trade, rows)
    # The target is left where the stop was met, and may open a position later: not looked at.
    found = ledger.fills.iloc[1] if len(ledger.fills) > 1 else None
    assert (found is None) == (end is None)
    if end is not None and found is not None:
        assert (found["reason"], found["price"]) == (end[0], pytest.approx(end[1], abs=0.101))
    frame = pd.DataFrame(
        {"ts_close": [b.ts_event for b in bars], "close": [b.close.as_double() for b in bars]}
    )
    curve = equity_curve(ledger, {symbol: frame}, START).iloc[2 : 2 + len(way)]
    paid = balance - TAKER * trade.value(ENTRY)
    is_alone = len(ledger.fills) < 3 or ledger.fills["ts"].iloc[2] > ledger.fills["ts"].iloc[1]
    n = len(way) if is_alone else len(way) - 1
    error = 5e-7 if trade.is_coin else 0.4
    low, high = ([paid + ends(gains) for gains in way][:n] for ends in (min, max))
    assert curve["low"].tolist()[:n] == pytest.approx(low, abs=error)
    assert curve["high"].tolist()[:n] == pytest.approx(high, abs=error)
