"""What an actor publishes, to whom, and what of it is kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.common.component import MessageBus
from nautilus_trader.common.component import TestClock
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.data import DataType
from nautilus_trader.model.identifiers import ClientId
from nautilus_trader.model.identifiers import TraderId
from support.trading_engine import HOUR
from support.trading_engine import START
from support.trading_market import BTC
from support.trading_market import all_same
from support.trading_market import make_actor
from support.trading_market import random_market
from support.trading_market import run_actor

from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.nautilus.backtest.results import read_clusters
from liq_nautilus.nautilus.backtest.results import read_levels
from liq_nautilus.nautilus.backtest.results import read_signals
from liq_nautilus.nautilus.internals import Audience
from liq_nautilus.nautilus.internals import instrument_topic
from liq_nautilus.nautilus.publisher import PUBLISHED
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationForecast
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationSignal

if TYPE_CHECKING:
    from pathlib import Path

READ = {
    LiquidationLevels: "levels_of",
    LiquidationClusters: "clusters",
    LiquidationForecast: "forecast",
}


def test_publishing_can_be_narrowed():
    data = random_market(0.25)
    actor, recorder = run_actor(
        data, publish_models=["ensemble"], publish_clusters=False, publish_range=0.01
    )
    assert {levels.model for levels in recorder.levels} == {"ensemble"}
    assert recorder.clusters == []
    for levels in recorder.levels:
        assert np.all(np.abs(levels.price / levels.reference_price - 1.0) < 0.0115)
    silent, nothing = run_actor(data, publish=False)
    assert silent.n_updates == actor.n_updates
    assert nothing.signals == []
    assert nothing.levels == []


def test_nothing_is_published_in_the_warm_up():
    data = random_market(0.5)
    start = START + 6 * HOUR
    _, recorder = run_actor(data, publish_from_ns=start)
    assert min(s.ts_init for s in recorder.signals) >= start
    _, whole = run_actor(data)
    assert all_same(recorder.signals, [s for s in whole.signals if s.ts_init >= start])


def test_what_was_published_is_kept_day_by_day(tmp_path: Path):
    data = random_market(1.25)
    actor, recorder = run_actor(data, store_path=str(tmp_path / "published"))
    files = sorted((tmp_path / "published").glob("**/*.parquet"))
    assert len(files) == 8  # four types, two days
    signals = read_signals(tmp_path / "published", "BTCUSDT")
    assert signals["ts"].tolist() == [s.ts_init for s in recorder.signals]
    assert signals["action"].tolist() == [s.action for s in recorder.signals]
    levels = read_levels(tmp_path / "published", "BTCUSDT")
    kept = [x for x in recorder.levels if x.model == "ensemble"]
    ensemble = levels[levels["model"] == "ensemble"]
    assert ensemble["notional"].sum() == pytest.approx(sum(x.notional.sum() for x in kept))
    clusters = read_clusters(tmp_path / "published", "BTCUSDT")
    assert len(clusters) == sum(len(x.notional) for x in recorder.clusters)
    assert actor.n_levels == 4 * actor.n_updates


def test_levels_can_be_kept_less_often(tmp_path: Path):
    data = random_market(0.5)
    path = tmp_path / "published"
    _, recorder = run_actor(data, store_path=str(path), store_interval_secs=3_600.0)
    assert read_levels(path, "BTCUSDT")["ts"].nunique() in {12, 13}
    assert len(read_signals(path, "BTCUSDT")) == len(recorder.signals)


class Subscriber(Actor):
    """Subscribe as users of Nautilus do, in one of its ways."""

    def __init__(self, way: str) -> None:
        super().__init__(ActorConfig(component_id=way))
        self.way = way
        self.heard: list[object] = []

    def on_start(self) -> None:
        instrument_id = BTC if self.way == "instrument" else None
        for data_cls in PUBLISHED:
            self.subscribe_data(
                DataType(data_cls), client_id=ClientId("ANY"), instrument_id=instrument_id
            )

    def on_data(self, data: object) -> None:
        self.heard.append(data)


def test_every_usual_subscription_receives_what_is_published_once():
    subscribers = [Subscriber("instrument"), Subscriber("bare")]
    engine, actor, _ = make_actor(random_market(0.25), is_recorded=False)
    for one in subscribers:
        engine.add_actor(one)
    engine.run()
    assert actor.n_levels == 4 * actor.n_updates > 0
    for subscriber in subscribers:
        kinds = [type(datum) for datum in subscriber.heard]
        assert kinds.count(LiquidationLevels) == actor.n_levels
        assert kinds.count(LiquidationClusters) == actor.n_updates
        assert kinds.count(LiquidationForecast) == actor.n_updates
        assert kinds.count(LiquidationSignal) == actor.n_signals


@pytest.fixture
def asked(monkeypatch):
    """Return how often the map was asked for each kind."""
    counts = dict.fromkeys(READ, 0)
    for kind, name in READ.items():
        original = getattr(LiquidationTracker, name)

        def ask(*args, _kind=kind, _original=original, **kwargs):
            counts[_kind] += 1
            return _original(*args, **kwargs)

        monkeypatch.setattr(LiquidationTracker, name, ask)
    return counts


class Late(Actor):
    """Subscribe to a topic of the bus in the middle of a run, and leave it later."""

    def __init__(self, topic: str, begin: int, end: int) -> None:
        super().__init__(ActorConfig(component_id="LATE"))
        self.topic, self.begin, self.end = topic, begin, end
        self.heard: list = []

    def on_start(self) -> None:
        subscribed = {"topic": self.topic, "handler": self.heard.append}
        at = self.clock.set_time_alert_ns
        at("begin", self.begin, lambda _: self.msgbus.subscribe(**subscribed))
        at("end", self.end, lambda _: self.msgbus.unsubscribe(**subscribed))


@pytest.mark.parametrize(
    ("topic", "received"),
    [
        (instrument_topic(LiquidationLevels, BTC), {LiquidationLevels}),
        (instrument_topic(LiquidationClusters, BTC), {LiquidationClusters}),
        (instrument_topic(LiquidationForecast, BTC), {LiquidationForecast}),
        (instrument_topic(LiquidationSignal, BTC), set()),
        ("data.Liquidation?*BTCUSDT-PERP", set(READ)),
        ("data.LiquidationLevels.BINANCE.ETHUSDT-PERP", set()),
        ("*", set(READ)),
    ],
)
def test_what_nobody_receives_is_not_made_and_what_somebody_does_is(asked, topic, received):
    data = random_market(0.25)
    _, whole = run_actor(data)
    asked.update(dict.fromkeys(READ, 0))
    engine, actor, _ = make_actor(data, is_recorded=False)
    begin, end = START + 2 * HOUR + 1, START + 4 * HOUR + 1
    late = Late(topic, begin, end)
    engine.add_actor(late)
    engine.run()
    n_updates = 24
    assert asked == {kind: n_updates if kind in received else 0 for kind in READ}
    assert actor.n_levels == 4 * actor.n_updates > 4 * n_updates
    heard = [datum for datum in late.heard if type(datum) in READ]
    recorded = {
        LiquidationLevels: whole.levels,
        LiquidationClusters: whole.clusters,
        LiquidationForecast: whole.forecasts,
    }
    for kind in received:
        expected = [datum for datum in recorded[kind] if begin <= datum.ts_init < end]
        assert all_same([datum for datum in heard if type(datum) is kind], expected)


def test_signals_are_the_same_whoever_listens():
    data = random_market(0.5)
    _, whole = run_actor(data)
    engine, _, _ = make_actor(data, is_recorded=False)
    alone = Late(instrument_topic(LiquidationSignal, BTC), START, START + 24 * HOUR)
    engine.add_actor(alone)
    engine.run()
    assert all_same(alone.heard, whole.signals)


def test_what_is_kept_is_made_when_it_is_kept(asked, tmp_path: Path):
    data = random_market(0.25)
    engine, actor, _ = make_actor(
        data, is_recorded=False, store_path=str(tmp_path), store_interval_secs=7_200.0
    )
    engine.run()
    assert asked[LiquidationLevels] == read_levels(tmp_path, "BTCUSDT")["ts"].nunique() == 3
    assert asked[LiquidationClusters] == asked[LiquidationForecast] == actor.n_updates


@pytest.mark.parametrize("has_database", [False, True])
def test_an_audience_changes_with_subscriptions_and_a_database_receives_everything(has_database):
    database = SimpleNamespace(is_closed=lambda: False) if has_database else None
    bus = MessageBus(TraderId("TRADER-001"), TestClock(), database=database)
    topics = {"data.LiquidationLevels", "data.LiquidationSignal", "events"}
    always = topics if has_database else set()
    audience = Audience(bus, topics)
    assert audience.heard() == always
    bus.subscribe("data.*", print)
    assert audience.heard() == topics - {"events"} | always
    bus.subscribe("ev?nts", print)
    assert audience.heard() == topics
    bus.unsubscribe("data.*", print)
    assert audience.heard() == {"events"} | always
