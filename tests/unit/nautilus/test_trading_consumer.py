"""What a strategy hears of signals and levels, and the rivals of signals."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from support.streams import made_up_days
from support.streams import small_parameters
from support.trading_engine import MINUTE
from support.trading_engine import SECOND
from support.trading_market import BTC

from liq_nautilus.core import feed
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.nautilus.backtest.rival_signals import plain_drop_signals
from liq_nautilus.nautilus.backtest.rival_signals import shifted_signals
from liq_nautilus.nautilus.consumer import SignalConsumer
from liq_nautilus.nautilus.internals import instrument_topic
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationForecast
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationSignal

STEP = 5 * MINUTE


def signal(action: str, side: int = 0, price: float = 100_000.0, ts: int = 0) -> LiquidationSignal:
    return LiquidationSignal(
        instrument_id=BTC,
        action=action,
        reason="",
        confidence=1.0,
        position_side=side,
        cluster_price=price,
        cluster_notional=1.0,
        risk=0.2,
        completeness=1.0,
        ts_event=ts,
        ts_init=ts,
    )


class Bus:
    def __init__(self) -> None:
        self.handlers: dict = {}

    def subscribe(self, topic: str, handler: object) -> None:
        self.handlers[topic] = handler

    def unsubscribe(self, topic: str, handler: object) -> None:
        assert self.handlers.pop(topic) == handler


def test_the_consumer_answers_for_any_strategy():
    now = [0]
    clock = SimpleNamespace(timestamp_ns=lambda: now[0])
    component = SimpleNamespace(clock=clock, msgbus=Bus())
    heard = []
    consumer = SignalConsumer(component, BTC, max_age_secs=60.0, on_signal=heard.append)
    send, *_ = component.msgbus.handlers.values()
    assert consumer.age_ns is None
    assert consumer.action == "WAIT"
    assert not consumer.may_enter(1, 100_000.0)
    send(signal("CLEAR"))
    assert consumer.may_enter(1, 100_000.0)
    assert consumer.may_enter(-1, 100_000.0)
    send(signal("AVOID", 1))
    assert not consumer.may_enter(1, 100_500.0)
    assert consumer.may_enter(1, 110_000.0)
    send(signal("AVOID", 1, float("nan")))
    assert not consumer.may_enter(1, 110_000.0)
    send(signal("REVERSAL_OPPORTUNITY", 1))
    assert consumer.may_enter(1, 100_000.0)
    assert not consumer.may_enter(-1, 100_000.0)
    now[0] = 61 * SECOND
    assert consumer.age_ns == 61 * SECOND
    assert consumer.action == "WAIT"
    assert not consumer.may_enter(1, 100_000.0)
    assert len(heard) == 4
    consumer.stop()
    assert component.msgbus.handlers == {}


def test_the_consumer_weighs_a_position_by_what_was_published():
    component = SimpleNamespace(clock=SimpleNamespace(timestamp_ns=lambda: 0), msgbus=Bus())
    consumer = SignalConsumer(component, BTC)
    tracker = LiquidationTracker(small_parameters())
    for event in feed.in_time_order(made_up_days(2)):
        feed.apply_event(tracker, event)
    price = tracker.reference_price
    mine = (1, price, 0.97 * price, 10.0)
    assert consumer.position_risk(*mine) is None
    records = [
        LiquidationLevels.from_record(tracker.levels("binance_standard"), BTC, 1),
        LiquidationLevels.from_record(tracker.levels(), BTC, 1),
        LiquidationClusters.from_record(tracker.clusters(), BTC, 1),
        LiquidationForecast.from_record(tracker.forecast("4h"), BTC, 1),
    ]
    handlers = list(component.msgbus.handlers.values())
    for record in (*records, records[0]):
        handlers[1](record)
    rate = tracker.brackets.brackets[0].maintenance_margin_rate
    found = consumer.position_risk(*mine, maintenance_margin_rate=rate)
    assert found == tracker.position_risk(*mine)
    consumer.stop()
    assert not component.msgbus.handlers


def test_a_consumer_that_leaves_the_map_alone_hears_signals_only():
    component = SimpleNamespace(clock=SimpleNamespace(timestamp_ns=lambda: 0), msgbus=Bus())
    consumer = SignalConsumer(component, BTC, follows_map=False)
    assert list(component.msgbus.handlers) == [instrument_topic(LiquidationSignal, BTC)]
    with pytest.raises(ValueError, match="which is not followed: set follows_map=True"):
        consumer.position_risk(1, 100.0, 97.0, 10.0)


def test_shifted_signals_keep_times_and_the_duty_cycle():
    table = pd.DataFrame(
        {
            "ts": np.arange(10) * STEP,
            "action": ["CLEAR"] * 7 + ["AVOID"] * 3,
            "position_side": [0] * 7 + [1] * 3,
            "cluster_price": 1.0,
            "cluster_notional": 1.0,
        }
    )
    shifted = shifted_signals(table, 0.5)
    assert shifted["ts"].tolist() == table["ts"].tolist()
    assert sorted(shifted["action"]) == sorted(table["action"])
    assert shifted["action"].tolist()[2:5] == ["AVOID"] * 3
    assert shifted["cluster_price"].isna().all()


def test_the_plain_rule_buys_falls_and_knows_no_future():
    rng = np.random.default_rng(0)
    ts_close = np.arange(1, 401) * STEP
    closes = 100.0 * np.exp(np.cumsum(rng.standard_normal(400) * 0.001))
    closes[300:] *= 0.9
    times = ts_close + 60 * SECOND
    drops = plain_drop_signals(times, ts_close, closes, 0.02)
    active = drops[drops["action"] == "REVERSAL_OPPORTUNITY"]
    assert drops["action"].iloc[300] == "REVERSAL_OPPORTUNITY"
    assert drops["position_side"].iloc[300] == 1
    assert 0 < len(active) < 60
    early = plain_drop_signals(times[:320], ts_close[:320], closes[:320], 0.02)
    pd.testing.assert_frame_equal(drops.iloc[:320], early)
    none = plain_drop_signals(times, ts_close, closes, 0.0)
    assert set(none["action"]) == {"CLEAR"}
