"""How large the trend-following strategy's positions are, and where their stops lie."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from nautilus_trader.model.currencies import BTC as COIN
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money
from support.crossings import CLOSES
from support.crossings import CROSSING
from support.crossings import THERE_AND_BACK
from support.crossings import E
from support.crossings import every_bar
from support.crossings import run
from support.crossings import width_at

from liq_nautilus.nautilus.consumer import SignalConsumer
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.strategy import LiquidationStrategy

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("leverage", [0.5, 6.0])
def test_a_stop_is_placed_and_the_size_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leverage: float
):
    # Whoever knows the crowd puts it 50 dollars further away.
    asked = []

    def position_risk(_: SignalConsumer, side: int, *prices: float) -> SimpleNamespace:
        asked.append((side, *prices))
        return SimpleNamespace(stop_placement=prices[1] - 50.0)

    monkeypatch.setattr(SignalConsumer, "position_risk", position_risk)
    settings = {"place_stops": True, "stop_multiple": 2.0, "max_leverage": leverage}
    _, strategy = run(CLOSES, tmp_path, every_bar("CLEAR", 3, 20), **settings)
    price = CLOSES[CROSSING]
    distance = 2.0 * width_at(CLOSES, CROSSING)
    assert asked == [(1, price, pytest.approx(price - distance), max(leverage, 1.0))]
    entry, stop = sorted(strategy.cache.orders(), key=lambda order: order.client_order_id)[:2]
    assert stop.trigger_price.as_double() == pytest.approx(price - distance - 50.0, abs=0.06)
    size = min(0.01 * E / (distance + 50.0), leverage * E / price)
    assert entry.quantity.as_double() == pytest.approx(size, abs=0.001)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("risk", [0.004, 0.02])
def test_contracts_of_dollars_are_sized_by_what_they_lose_in_coins(risk: float, side: int):
    venue = {"starting_balances": [Money(1, COIN)], "base_currency": COIN}
    settings = {"risk_fraction": risk, "max_leverage": 9.0, "stop_multiple": 2.0}
    closes = [E + side * (close - E) for close in CLOSES]
    _, strategy = run(closes, symbol="BTCUSD_PERP", venue=venue, **settings)
    entry = min(strategy.cache.orders(), key=lambda order: order.client_order_id)
    assert entry.is_buy == (side > 0)
    # Reckoned as if the price fell, by which coins lose most.
    price = closes[CROSSING]
    stop = price - 2.0 * width_at(closes, CROSSING)
    lost = 100.0 * (1.0 / stop - 1.0 / price)
    assert entry.quantity.as_double() == min(risk / lost, 9.0 * price / 100.0) // 1.0


@pytest.mark.parametrize(
    ("leverage", "quantity"),
    # At 100,100: a step of 0.001 is worth 100.1, and the venue wants 100 at least.
    [(0.001, 0.0), (0.001001, 0.001), (0.002001, 0.001), (0.002002, 0.002), (0.003003, 0.003)],
)
def test_sizes_are_rounded_down_to_the_step_and_not_below_the_least(
    leverage: float, quantity: float
):
    ledger, strategy = run(CLOSES, max_leverage=leverage)
    assert ledger.positions["quantity"].tolist() == [quantity][: quantity > 0.0]
    assert strategy.n_refused == (quantity == 0.0)


@pytest.mark.parametrize(
    ("limits", "n"),
    [
        ({"min_notional": "100.09 USDT"}, 1),
        ({"min_notional": "100.10 USDT"}, 1),
        ({"min_notional": "100.11 USDT"}, 0),
        ({"min_quantity": None}, 1),
        ({"min_quantity": "0.002"}, 0),
    ],
)
def test_an_order_is_as_large_as_the_venue_wants_at_least(limits: dict, n: int):
    given = built_in_instrument("BTCUSDT").to_dict(built_in_instrument("BTCUSDT"))
    instrument = CryptoPerpetual.from_dict({**given, **limits})
    ledger, strategy = run(CLOSES, instrument=instrument, max_leverage=0.001002)
    assert ledger.positions["quantity"].tolist() == [0.001] * n
    assert strategy.n_refused == 1 - n


@pytest.mark.parametrize(
    ("settings", "sides"),
    [
        # The short's target or the long's stop below nothing, a stop nearer than a tick.
        ({"take_profit_multiple": 1e6}, [1]),
        ({"stop_multiple": 1_000.0, "risk_fraction": 0.9}, [-1]),
        ({"stop_multiple": 1e-5}, []),
    ],
)
def test_orders_that_no_price_could_meet_are_not_sent(settings: dict, sides: list[int]):
    ledger, strategy = run(THERE_AND_BACK, **settings)
    assert ledger.positions["side"].tolist() == sides
    assert strategy.n_refused == 2 - len(sides)


def test_after_a_refusal_by_the_venue_the_next_crossing_is_tried():
    # 50 times the account at the venue's 10x.
    settings = {"max_leverage": 50.0, "risk_fraction": 1.0, "stop_multiple": 1.0}
    ledger, strategy = run(THERE_AND_BACK, **settings)
    entries = [order for order in strategy.cache.orders() if order.tags[0] == "trend"]
    assert [order.status for order in entries] == [OrderStatus.REJECTED] * 2
    assert ledger.fills.empty
    assert strategy.n_refused == 0


@pytest.mark.parametrize(("placed", "n"), [(0.0, 0), (0.5, 1)])
def test_a_stop_at_the_price_itself_is_no_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, placed: float, n: int
):
    def position_risk(_: SignalConsumer, __: int, price: float, *___: float) -> SimpleNamespace:
        return SimpleNamespace(stop_placement=price - placed)

    monkeypatch.setattr(SignalConsumer, "position_risk", position_risk)
    signals = every_bar("CLEAR", 3, 20)
    ledger, strategy = run(CLOSES, tmp_path, signals, place_stops=True, max_leverage=0.5)
    assert strategy.n_refused == 1 - n
    # Half a dollar away it may be as large as the leverage allows.
    size = math.floor(0.5 * E / CLOSES[CROSSING] * 1e3) / 1e3
    assert ledger.positions["quantity"].tolist() == [size] * n


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_a_share_of_the_size_is_what_is_bought(monkeypatch: pytest.MonkeyPatch, share: float):
    monkeypatch.setattr(LiquidationStrategy, "_share", lambda _: share)
    ledger, _ = run(CLOSES, max_leverage=0.5)
    usual = min(0.5 * E / CLOSES[CROSSING], 0.01 * E / (40.0 * width_at(CLOSES, CROSSING)))
    assert ledger.positions["quantity"].tolist() == [math.floor(share * usual * 1e3) / 1e3]


def test_the_wallet_that_the_instrument_settles_in_says_what_may_be_risked():
    wallets = [Money(E, USDT), Money(7, COIN)]
    venue = {"starting_balances": wallets, "base_currency": None}
    mixed, _ = run(CLOSES, venue=venue, max_leverage=0.5)
    alone, _ = run(CLOSES, max_leverage=0.5)
    assert mixed.positions["quantity"].tolist() == alone.positions["quantity"].tolist()
