"""What an order costs as the venue counts it, and what of the wallet is free for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.enums import OrderStatus
from support.hourly_runs import BTC
from support.hourly_runs import FLAT
from support.hourly_runs import SOL
from support.hourly_runs import E
from support.trading_engine import SECOND
from support.trading_engine import Play
from support.trading_engine import Script
from support.trading_engine import ScriptConfig
from support.trading_engine import add_data
from support.trading_engine import bar_time
from support.trading_engine import hourly_bars
from support.trading_engine import make_engine
from support.trading_engine import play

from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instrument_id

CROSS = SettlementConfig(margin="cross")


def refused(acts: dict[int, list], data: list, **settings: Any) -> list[bool]:
    """Whether each order was refused for want of margin, in the order of sending."""
    script = {bar_time(number): sent for number, sent in acts.items()}
    _, engine = play(Play(data, acts=script, **settings))
    return _refused(engine)


def _refused(engine: Any) -> list[bool]:
    sent = sorted(engine.cache.orders(), key=lambda order: (order.ts_init, order.client_order_id))
    for order in sent:
        if order.status == OrderStatus.REJECTED:
            assert order.last_event.reason.startswith("-2019")
    return [order.status == OrderStatus.REJECTED for order in sent]


@pytest.mark.parametrize(
    ("side", "mark", "needed"),
    [
        # 0.1 at 10x: 1,000 and a fee of 5; bought a percent above the mark price, 100 more.
        (1, 99_000.0, 1_105.0),
        (1, 101_000.0, 1_005.0),
        (-1, 99_000.0, 1_005.0),
        (-1, 101_000.0, 1_105.0),
    ],
)
def test_a_loss_against_the_mark_price_is_part_of_the_cost(side: int, mark: float, needed: float):
    ts = bar_time(0) - SECOND
    price = built_in_instrument(BTC).make_price(mark)
    data = [*hourly_bars([FLAT] * 2), MarkPriceUpdate(instrument_id(BTC), price, ts, ts)]
    acts = {0: [("market", BTC, 0.1 * side)]}
    assert refused(acts, data, balance=needed) == [False]
    assert refused(acts, data, balance=needed - 0.01) == [True]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("ahead", "most"),
    [
        # The wallet's 1,000.5 and what 0.09 gains or loses pay for the other side and its fees.
        (4_000.0, {1: 0.129, -1: 0.140}),
        # Behind, also where the new margin is smaller than the old one was.
        (-3_000.0, {1: 0.074, -1: 0.070}),
    ],
)
def test_turning_round_pays_with_what_it_realises(side: int, ahead: float, most: dict):
    price = E + side * ahead
    data = hourly_bars([FLAT, (price,) * 4, (price,) * 4])
    for extra, is_refused in ((0.0, False), (0.001, True)):
        quantity = 0.09 + most[side] + extra
        acts = {0: [("market", BTC, 0.09 * side)], 1: [("market", BTC, -side * quantity)]}
        assert refused(acts, data, balance=1_005.0) == [False, is_refused]


@pytest.mark.parametrize("settlement", [SettlementConfig(), CROSS])
@pytest.mark.parametrize(
    ("held", "is_refused"),
    [
        (("market", BTC, 0.06), True),
        (("market", BTC, -0.06), True),
        (("market", BTC, 0.039), False),
        (("limit", BTC, 0.06, 90_000.0), True),
        (("limit", BTC, 0.04, 90_000.0), False),
        # What may never come keeps nothing.
        (("entry", BTC, 0.06, 110_000.0), False),
        (("market", SOL, 25.0), True),
        (("market", SOL, 19.5), False),
        (("limit", SOL, 25.0, 190.0), True),
        (("limit", SOL, 20.0, 190.0), False),
        (("entry", SOL, 25.0, 210.0), False),
    ],
)
def test_what_one_strategy_holds_and_has_ordered_is_not_free_for_another(
    held: tuple, is_refused: bool, settlement: SettlementConfig
):
    # 1,000 at 10x; the second one wants 0.06, which takes 600 and a fee of 3.
    engine = make_engine((BTC, SOL), settlement, 1_000.0)
    add_data(engine, [*hourly_bars([FLAT] * 3), *hourly_bars([(200.0,) * 4] * 3, SOL)])
    for number, orders in enumerate(({1: [held]}, {2: [("market", BTC, 0.06)]})):
        strategy = Script(ScriptConfig(strategy_id=f"S-{number}", order_id_tag=str(number)))
        strategy.acts = {bar_time(bar): sent for bar, sent in orders.items()}
        engine.add_strategy(strategy)
    engine.run()
    assert _refused(engine) == [False, is_refused]


@pytest.mark.parametrize(
    ("price", "is_refused"), [(95_000.0, True), (E, False), (106_000.0, False)]
)
def test_under_cross_margin_open_profits_and_losses_count(price: float, is_refused: bool):
    # 0.05 of 10x leaves 497.5; it is 250 behind, even or 300 ahead when 22 SOL want 442.2.
    btc = hourly_bars([FLAT, (price,) * 4, (price,) * 4])
    data = [*btc, *hourly_bars([(200.0,) * 4] * 3, SOL)]
    acts = {0: [("market", BTC, 0.05)], 1: [("market", SOL, 22.0)]}
    settings = {"symbols": (BTC, SOL), "balance": 1_000.0, "settlement": CROSS}
    # The order in SOL is sent on BTC's bar and waits for SOL's own.
    assert refused(acts, data, **settings) == [False, is_refused]


def test_an_instrument_may_have_a_leverage_of_its_own():
    data = [*hourly_bars([FLAT] * 3), *hourly_bars([(200.0,) * 4] * 3, SOL)]
    venue = {"leverages": {instrument_id(BTC): Decimal(20)}}
    settings = {"symbols": (BTC, SOL), "balance": 1_000.0, "venue": venue}
    assert refused({0: [("market", BTC, 0.19)]}, data, **settings) == [False]
    assert refused({0: [("market", BTC, 0.20)]}, data, **settings) == [True]
    assert refused({1: [("market", SOL, 49.0)]}, data, **settings) == [False]
    assert refused({1: [("market", SOL, 50.0)]}, data, **settings) == [True]


@pytest.mark.parametrize(("quantity", "is_refused"), [(3.0, False), (3.001, True)])
def test_a_position_may_be_just_as_large_as_the_leverage_allows(quantity: float, is_refused: bool):
    # 300,000 at 125x, however it comes about.
    for parts in ([quantity], [2.0, quantity - 2.0], [-1.0, quantity + 1.0]):
        acts = {number: [("market", BTC, part)] for number, part in enumerate(parts)}
        script = {bar_time(number): sent for number, sent in acts.items()}
        settings = {"balance": 1e7, "leverage": 125}
        ledger, _ = play(Play(hourly_bars([FLAT] * 4), acts=script, **settings))
        assert ledger.refusals == ({"-2027": 1} if is_refused else {})
