"""Whatever a strategy sends: money is conserved, none is lent, no fill is better than the path."""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import field
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.enums import OrderType
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import Play
from support.trading_engine import bar_time
from support.trading_engine import funding
from support.trading_engine import hourly_bar_type
from support.trading_engine import make_bar
from support.trading_engine import play

from liq_nautilus.nautilus.backtest.equity import equity_curve
from liq_nautilus.nautilus.backtest.exchange import TAKEOVER
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import built_in_instrument

PRICES = {"BTCUSDT": 100_000.0, "SOLUSDT": 200.0}
N_BARS = 48
KINDS = ("market", "market", "limit", "stop", "entry", "close", "cancel")
KINDS += ("bracket", "trailing", "change", "until")


@dataclass
class Market:
    """A random market and what a random strategy sends into it."""

    data: list[Any] = field(default_factory=list)
    bars: dict[tuple[str, int], Any] = field(default_factory=dict)
    acts: dict[int, list[tuple]] = field(default_factory=dict)

    def close_before(self, symbol: str, ts: int) -> float:
        """The close of the last bar before."""
        earlier = [key for key in self.bars if key[0] == symbol and key[1] < ts]
        return self.bars[max(earlier)].close.as_double() if earlier else math.nan

    def frame(self, symbol: str) -> pd.DataFrame:
        """The closes of a symbol's bars."""
        bars = [bar for (name, _), bar in self.bars.items() if name == symbol]
        columns = {
            "ts_close": [b.ts_init for b in bars],
            "close": [b.close.as_double() for b in bars],
        }
        return pd.DataFrame(columns)


def random_market(rng: np.random.Generator, symbols: tuple[str, ...]) -> Market:
    market = Market()
    volatility = rng.choice([0.003, 0.01, 0.03])
    for symbol in symbols:
        price = PRICES[symbol]
        for i in range(N_BARS):
            # A jump now and then, and hours without a bar.
            if rng.random() < 0.1:
                price *= float(np.exp(rng.normal(0.0, 5.0 * volatility)))
            steps = price * np.exp(np.cumsum(rng.normal(0.0, volatility, 6)))
            ohlc = (price, max(price, *steps), min(price, *steps), float(steps[-1]))
            price = float(steps[-1])
            if rng.random() < 0.05:
                continue
            bar = make_bar(hourly_bar_type(symbol), START + i * HOUR, ohlc, 50_000.0)
            market.data.append(bar)
            market.bars[symbol, bar.ts_init] = bar
            if rng.random() < 0.3:
                rate = f"{rng.normal(0.0, 0.01):.6f}"
                market.data.append(funding(START + (i + 1) * HOUR, rate, symbol, 60))
    for _ in range(40):
        number = int(rng.integers(0, N_BARS))
        ts = bar_time(number) + int(rng.choice([0, 0, 1_000_000, 60 * MINUTE // 2]))
        market.acts.setdefault(ts, []).append(random_order(rng, symbols))
    return market


def random_order(rng: np.random.Generator, symbols: tuple[str, ...]) -> tuple:
    symbol = str(rng.choice(symbols))
    kind = str(rng.choice(KINDS))
    price = PRICES[symbol]
    notional = float(10.0 ** rng.uniform(2.5, 6.5))
    quantity = max(round(notional / price, 2), 0.01) * rng.choice([-1, 1])
    return (kind, symbol, quantity, price * float(np.exp(rng.normal(0.0, 0.03))))


def check(market: Market, script: Play) -> None:
    ledger, engine = play(script)
    check_money(ledger, engine, script)
    check_paths(ledger, engine, market)
    check_ways(ledger, market)
    check_equity(ledger, engine, market, script)
    if script.settlement.margin == "isolated":
        for symbol in script.symbols:
            check_margin(ledger, symbol, script.leverage)


def check_equity(ledger: Any, engine: Any, market: Market, script: Play) -> None:
    # Nobody is lent anything: what is open is worth at least what the wallet lacks, on the way
    # through each bar too. Where a wallet backs several symbols one is liquidated before the bar of
    # another is known, which may take what was counted on: there only the end is looked at.
    frames = {symbol: market.frame(symbol) for symbol in script.symbols}
    if script.settlement.margin == "isolated" or len(script.symbols) == 1:
        assert equity_curve(ledger, frames, START)["low"].min() >= -1e-6
    if not engine.cache.positions_open():
        account = engine.cache.account_for_venue(VENUE)
        assert account.balance_total(USDT).as_double() >= -1e-6


def check_margin(ledger: Any, symbol: str, leverage: int) -> None:
    # Neither funding nor a liquidation takes more than the position's own margin, reckoned anew.
    frames = [frame[frame["symbol"] == symbol] for frame in (ledger.fills, ledger.funding)]
    events = [event for frame in frames for event in frame.itertuples()]
    held = entry = margin = 0.0
    # Funding is settled before what is done at the same moment.
    for event in sorted(events, key=lambda event: (event.ts, hasattr(event, "side"))):
        if not hasattr(event, "side"):
            margin += event.amount
            assert margin + held * (event.price - entry) >= -1e-6
            continue
        signed = event.side * event.quantity
        closed = min(event.quantity, abs(held)) if held * signed < 0.0 else 0.0
        gain = math.copysign(closed, held) * (event.price - entry) - event.fee
        if event.reason == "liquidation":
            margin += gain
            left = held - math.copysign(closed, held)
            assert margin + left * (event.price - entry) >= -1e-6
        elif closed:
            margin *= 1.0 - closed / abs(held)
        held += math.copysign(closed, signed)
        opened = signed - math.copysign(closed, signed)
        if abs(held) < 1e-9:
            held = margin = 0.0
        if abs(opened) > 1e-9:
            entry = (held * entry + opened * event.price) / (held + opened)
            held += opened
            margin += abs(opened) * event.price / leverage


def check_ways(ledger: Any, market: Market) -> None:
    # The fills in a bar lie on one of the two ways through it, in their order. Limits that the
    # price jumped over before it pay what they offered, which is no better than the open.
    fills = ledger.fills[ledger.fills["tag"] != TAKEOVER]
    for (symbol, ts), group in fills.groupby(["symbol", "ts"], sort=False):
        bar = market.bars.get((symbol, ts))
        if bar is None:
            # What is sent at the very end is done at the last price: there is no next one.
            assert ts == max(datum.ts_init for datum in market.data)
            last = market.close_before(symbol, ts)
            assert group["price"].tolist() == pytest.approx([last] * len(group), rel=1e-3)
            continue
        opened, high, low, close = (
            price.as_double() for price in (bar.open, bar.high, bar.low, bar.close)
        )
        ways = [(opened, low, high, close), (opened, high, low, close)]
        tick = 3.0 * built_in_instrument(symbol).price_increment.as_double()
        rest = [*group[["side", "price"]].itertuples(index=False, name=None)]
        before = market.close_before(symbol, ts)
        jumped = (min(before, opened) - tick, max(before, opened) + tick)
        while rest and rest[0][0] * (rest[0][1] - opened) >= -tick:
            if not jumped[0] <= rest[0][1] <= jumped[1]:
                break
            rest.pop(0)
        prices = [price for _, price in rest]
        assert any(lies_on(way, prices, tick) for way in ways), (symbol, ts, prices, ways[0])


def lies_on(way: tuple[float, ...], prices: list[float], error: float) -> bool:
    # Whether prices are met one after another on a way from corner to corner.
    leg, at = 0, way[0]
    for price in prices:
        while not min(at, way[leg + 1]) - error <= price <= max(at, way[leg + 1]) + error:
            leg, at = leg + 1, way[leg + 1]
            if leg + 1 == len(way):
                return abs(price - at) <= error
        at = price
    return True


def check_money(ledger: Any, engine: Any, script: Play) -> None:
    pnl = ledger.pnl
    parts = pnl.price + pnl.fees + pnl.funding + pnl.liquidations
    assert abs(parts - pnl.total) <= Decimal("1e-8")
    account = engine.cache.account_for_venue(VENUE)
    wallet = account.balance_total(USDT).as_decimal() - Decimal(str(script.balance))
    # The wallet, reckoned anew from fills and payments in exact numbers.
    positions = [*engine.cache.position_snapshots(), *engine.cache.positions()]
    realised = sum((p.realized_pnl.as_decimal() for p in positions), Decimal(0))
    assert abs(wallet - realised) <= Decimal("1e-8") * max(1, len(ledger.fills))
    cash = funded = Decimal(0)
    for order in engine.cache.orders():
        for event in order.events:
            if type(event).__name__ == "OrderFilled":
                signed = event.last_qty.as_decimal() * (1 if event.is_buy else -1)
                cash -= signed * event.last_px.as_decimal() + event.commission.as_decimal()
    funded = sum((Decimal(str(a)) for a in ledger.funding["amount"]), Decimal(0))
    held = sum(
        (
            p.signed_decimal_qty() * Decimal(str(p.avg_px_open))
            for p in engine.cache.positions_open()
        ),
        Decimal(0),
    )
    assert abs(cash + funded + held - wallet) <= Decimal("1e-6")


def check_paths(ledger: Any, engine: Any, market: Market) -> None:
    for fill in ledger.fills.itertuples():
        if fill.tag == TAKEOVER:
            continue
        bar = market.bars.get((fill.symbol, fill.ts))
        if bar is None:
            continue
        if fill.side > 0:
            assert fill.price >= bar.low.as_double() - 1e-9
        else:
            assert fill.price <= bar.high.as_double() + 1e-9
    for order in engine.cache.orders():
        if order.order_type == OrderType.STOP_MARKET and order.filled_qty > 0:
            trigger = order.trigger_price.as_double()
            assert (order.avg_px - trigger) * (1 if order.is_buy else -1) >= -1e-9
        if order.order_type == OrderType.LIMIT and order.filled_qty > 0:
            limit = order.price.as_double()
            assert (order.avg_px - limit) * (1 if order.is_buy else -1) <= 1e-9


def run_seed(seed: int, margin: str) -> None:
    rng = np.random.default_rng(seed)
    symbols = ("BTCUSDT",) if rng.random() < 0.5 else ("BTCUSDT", "SOLUSDT")
    market = random_market(rng, symbols)
    script = Play(
        market.data,
        acts=market.acts,
        settlement=SettlementConfig(margin=margin),
        symbols=symbols,
        balance=float(round(10.0 ** rng.uniform(3.0, 6.0), 2)),
        leverage=int(rng.choice([1, 3, 10, 20, 50, 100])),
    )
    check(market, script)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32 - 1), margin=st.sampled_from(["isolated", "cross"]))
def test_a_random_strategy_gets_nothing_for_nothing(seed: int, margin: str):
    run_seed(seed, margin)


@pytest.mark.slow
@pytest.mark.parametrize("margin", ["isolated", "cross"])
def test_many_random_strategies_get_nothing_for_nothing(margin: str):
    for seed in range(400):
        run_seed(seed, margin)
