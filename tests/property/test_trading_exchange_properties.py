"""Whatever a strategy sends: money is conserved, none is lent, no fill is better than the path."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from decimal import Decimal
from typing import Any

import numpy as np
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

from liq_nautilus.nautilus.backtest.exchange import TAKEOVER
from liq_nautilus.nautilus.config import SettlementConfig

PRICES = {"BTCUSDT": 100_000.0, "SOLUSDT": 200.0}
N_BARS = 48


@dataclass
class Market:
    """A random market and what a random strategy sends into it."""

    data: list[Any] = field(default_factory=list)
    bars: dict[tuple[str, int], Any] = field(default_factory=dict)
    acts: dict[int, list[tuple]] = field(default_factory=dict)


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
    kind = str(rng.choice(["market", "market", "limit", "stop", "entry", "close", "cancel"]))
    price = PRICES[symbol]
    notional = float(10.0 ** rng.uniform(2.5, 6.5))
    quantity = max(round(notional / price, 2), 0.01) * rng.choice([-1, 1])
    return (kind, symbol, quantity, price * float(np.exp(rng.normal(0.0, 0.03))))


def check(market: Market, script: Play) -> None:
    ledger, engine = play(script)
    check_money(ledger, engine, script)
    check_paths(ledger, engine, market)
    balances = [
        float(event.balances[0].total.as_double())
        for event in engine.cache.account_for_venue(VENUE).events
    ]
    if script.settlement.margin == "isolated":
        assert min(balances) >= -1e-6
    elif not engine.cache.positions_open():
        # Before, profits that are still open may stand against a wallet below nothing.
        assert balances[-1] >= -1e-6


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
        bar = market.bars[fill.symbol, fill.ts]
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
