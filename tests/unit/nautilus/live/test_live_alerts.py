from __future__ import annotations

import json
import math
import sys
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.engine import BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.data import CustomData
from nautilus_trader.model.identifiers import ClientId

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.custom import data_type
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.live.feeds.status import FeedStatus
from liq_nautilus.nautilus.live.telling.alert_rules import AlertRules
from liq_nautilus.nautilus.live.telling.alert_rules import AlertsConfig
from liq_nautilus.nautilus.live.telling.alerts import URLS_VARIABLE
from liq_nautilus.nautilus.live.telling.alerts import Alerts
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationForecast
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import from_iso

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = from_iso("2026-11-26T12:00:00Z")
SOL = instrument_id("SOLUSDT")


def clusters(
    ts: int, peaks: list[float], sides: list[int], significances: list[float], symbol: str = "SOL"
) -> LiquidationClusters:
    at = np.array(peaks)
    return LiquidationClusters(
        instrument_id(f"{symbol}USDT"),
        200.0,
        at - 0.1,
        at + 0.1,
        at,
        np.full(at.size, 2_500_000.0),
        np.array(sides, dtype=np.int8),
        np.array(significances),
        0.9,
        ts,
        ts,
    )


def signal(ts: int, action: str = "REVERSAL_OPPORTUNITY", side: int = 1) -> LiquidationSignal:
    return LiquidationSignal(
        SOL, action, "Liquidated longs", 0.9, side, 199.0, 1e6, 0.3, 1.0, ts, ts
    )


def forecast(ts: int, chances: list[float], horizon: str = "4h") -> LiquidationForecast:
    amounts = np.array([1_250_000.0, 2e6, 3e6])
    columns = (*(amounts,) * 5, np.array(chances), amounts)
    return LiquidationForecast(SOL, horizon, 200.0, *columns, "BINANCE", 0.01, ts, ts)


def status(ts: int, condition: str, feed: str = "open interest", since: int = 1) -> FeedStatus:
    return FeedStatus(SOL, feed, condition, since, "nothing for 31 s", ts, ts)


def texts(rules: AlertRules, *data: object) -> list[str]:
    return [alert.text for datum in data for alert in rules.judge(datum)]


def test_a_significant_cluster_within_the_distance_is_told():
    rules = AlertRules(AlertsConfig(distance=0.02, significance=0.9))
    peaks, sides = [195.9, 197.0, 199.0, 203.9], [1, 1, 1, -1]
    told = texts(rules, clusters(NOON, peaks, sides, [0.99, 0.89, 0.9, 0.95]))
    # Too far, not significant, both just so.
    assert told == [
        "SOLUSDT-PERP.BINANCE: longs of $2,500,000 at 199.000, 0.50% from 200.000",
        "SOLUSDT-PERP.BINANCE: shorts of $2,500,000 at 203.900, 1.95% from 200.000",
    ]


def test_before_any_price_nothing_is_near():
    rules = AlertRules(AlertsConfig())
    empty = clusters(NOON, [], [], [])
    assert texts(rules, empty) == []


def test_the_same_is_not_told_again_within_the_cooldown():
    rules = AlertRules(AlertsConfig(cooldown_secs=60.0))
    near = [clusters(NOON + s * SECOND_NS, [199.5], [1], [1.0]) for s in (0, 30, 59, 60, 119)]
    assert [len(rules.judge(datum)) for datum in near] == [1, 0, 0, 1, 0]
    # Another side, another kind and another symbol are other matters.
    assert len(rules.judge(clusters(NOON, [200.5], [-1], [1.0]))) == 1
    assert len(rules.judge(signal(NOON))) == 1
    assert len(rules.judge(signal(NOON, side=-1))) == 1
    assert len(rules.judge(clusters(NOON, [199.5], [1], [1.0], "ETH"))) == 1
    assert rules.judge(signal(NOON + MINUTE_NS - 1)) == []
    assert len(rules.judge(signal(NOON + MINUTE_NS))) == 1


def test_without_a_cooldown_everything_is_told():
    rules = AlertRules(AlertsConfig(cooldown_secs=0.0))
    assert len(texts(rules, signal(NOON), signal(NOON), signal(NOON))) == 3


def test_only_a_cascade_is_told_of_signals():
    rules = AlertRules(AlertsConfig())
    others = [signal(NOON, action) for action in ("AVOID", "WAIT", "CLEAR")]
    assert texts(rules, *others) == []
    assert texts(rules, signal(NOON)) == ["SOLUSDT-PERP.BINANCE: Liquidated longs"]


def test_a_forecast_is_told_from_a_chance_on():
    rules = AlertRules(AlertsConfig(probability=0.4, cooldown_secs=60.0))
    assert texts(rules, forecast(NOON, [0.39, math.nan, 0.1])) == []
    (told,) = texts(rules, forecast(NOON, [0.4, 0.2, 0.39]))
    assert told == (
        "SOLUSDT-PERP.BINANCE: an unusual amount of longs is liquidated within 4h with a chance "
        "of 40%, $1,250,000 on average"
    )
    # Other sides and horizons are other matters.
    assert len(rules.judge(forecast(NOON, [0.9, 0.9, 0.9]))) == 2
    assert len(rules.judge(forecast(NOON, [0.9, 0.1, 0.1], "1h"))) == 1
    assert rules.judge(forecast(NOON + MINUTE_NS - 1, [0.9, 0.9, 0.9])) == []
    assert len(rules.judge(forecast(NOON + MINUTE_NS, [0.9, 0.9, 0.9]))) == 3


def test_an_input_is_lost_and_comes_back():
    rules = AlertRules(AlertsConfig(cooldown_secs=100.0))
    assert texts(rules, status(NOON, "live", since=0)) == []
    assert texts(rules, status(NOON, "lost")) == [
        "SOLUSDT-PERP.BINANCE: open interest lost, nothing for 31 s"
    ]
    # Its return is told however soon, once, and a second loss only after the cooldown.
    assert len(rules.judge(status(NOON + 1, "live"))) == 1
    assert rules.judge(status(NOON + 2, "live")) == []
    assert rules.judge(status(NOON + 3, "lost")) == []
    assert rules.judge(status(NOON + 4, "live")) == []
    assert len(rules.judge(status(NOON + 5, "lost", "bars"))) == 1
    assert len(rules.judge(status(NOON + 100 * SECOND_NS, "lost"))) == 1


@pytest.mark.parametrize(
    ("hours", "quiet"),
    [
        ([22, 6], {22, 23, 0, 1, 2, 3, 4, 5}),
        ([1, 4], {1, 2, 3}),
        ([0, 23], set(range(23))),
        ([23, 0], {23}),
        ([], set()),
    ],
)
def test_quiet_hours_silence_all_but_inputs(hours: list[int], quiet: set[int]):
    rules = AlertRules(AlertsConfig(quiet_hours=hours, cooldown_secs=0.0))
    midnight = NOON - 12 * HOUR_NS
    for hour in range(24):
        for ts in (midnight + hour * HOUR_NS, midnight + (hour + 1) * HOUR_NS - 1):
            n_told = 0 if hour in quiet else 1
            assert len(rules.judge(signal(ts))) == n_told
            assert len(rules.judge(forecast(ts, [0.5, 0.1, 0.1]))) == n_told
            assert len(rules.judge(clusters(ts, [200.1], [-1], [1.0]))) == n_told
            assert len(rules.judge(status(ts, "lost"))) == 1
            assert len(rules.judge(status(ts, "live"))) == 1


def test_what_was_silenced_is_told_when_silence_ends():
    rules = AlertRules(AlertsConfig(quiet_hours=[12, 13], cooldown_secs=7_200.0))
    assert rules.judge(signal(NOON + HOUR_NS - 1)) == []
    assert len(rules.judge(signal(NOON + HOUR_NS))) == 1


@pytest.mark.parametrize("kind", ["near", "cascade", "forecast", "input"])
def test_only_wanted_kinds_are_told(kind: str):
    rules = AlertRules(AlertsConfig(kinds=[kind]))
    data = [clusters(NOON, [200.1], [-1], [1.0]), signal(NOON), status(NOON, "lost")]
    data.append(forecast(NOON, [0.9, 0.1, 0.1]))
    data.append(status(NOON + 1, "live"))
    told = [alert.kind for datum in data for alert in rules.judge(datum)]
    assert set(told) == {kind}
    assert len(told) == (2 if kind == "input" else 1)


def test_other_data_is_no_matter_for_alerts():
    assert AlertRules(AlertsConfig()).judge(object()) == []


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"kinds": ["near", "far"]}, "kinds must be among near, cascade, forecast, input, was far"),
        ({"distance": 0.0}, "distance must be above 0"),
        ({"distance": float("nan")}, "distance must be above 0"),
        ({"significance": 1.1}, "significance must be within 0 and 1, was 1.1"),
        ({"significance": -0.1}, "significance must be within 0 and 1"),
        ({"probability": 1.01}, "probability must be within 0 and 1, was 1.01"),
        ({"cooldown_secs": -1.0}, "cooldown_secs must be at least 0, was -1"),
        ({"quiet_hours": [22]}, "quiet_hours must be two different hours"),
        ({"quiet_hours": [22, 24]}, "quiet_hours must be two different hours"),
        ({"quiet_hours": [-1, 5]}, "quiet_hours must be two different hours"),
        ({"quiet_hours": [5, 5]}, r"quiet_hours must be two different hours .*, was \[5, 5\]"),
        ({"quiet_hours": [5, 6, 7]}, "quiet_hours must be two different hours"),
    ],
)
def test_wrong_settings_are_told(settings: dict, match: str):
    with pytest.raises(SettingError, match=match):
        AlertsConfig(**settings)


# -- Sending --------------------------------------------------------------------------------------


class Post(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(json.loads(body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def inbox() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Post)
    server.received, server.status = [], 200
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run(alerts: Alerts, *data: FeedStatus) -> None:
    """Publish data on the bus of an engine that the actor belongs to."""
    config = BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    engine = BacktestEngine(config)
    engine.add_actor(alerts)
    for datum in data:
        item = CustomData(data_type(type(datum), datum.instrument_id), datum)
        engine.add_data([item], client_id=ClientId("ANY"))
    engine.run()
    engine.dispose()


def test_apprise_delivers_what_the_bus_carries(inbox, monkeypatch: pytest.MonkeyPatch):
    port = inbox.server_address[1]
    monkeypatch.setenv(URLS_VARIABLE, f"json://127.0.0.1:{port}/a\njson://127.0.0.1:{port}/b")
    alerts = Alerts(AlertsConfig())
    run(alerts, status(NOON, "lost"), status(NOON + 1, "live"), status(NOON + 2, "live", "bars"))
    assert (alerts.n_sent, alerts.n_failed) == (2, 0)
    told = ["open interest lost, nothing for 31 s", "open interest live, nothing for 31 s"]
    bodies = [message["message"] for message in inbox.received]
    assert bodies == [f"SOLUSDT-PERP.BINANCE: {text}" for text in told for _ in range(2)]
    assert {message["title"] for message in inbox.received} == {"liq-nautilus"}
    assert list(alerts.newest) == bodies[::2]


def test_what_is_refused_is_counted_and_the_next_is_sent(inbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(URLS_VARIABLE, f"json://127.0.0.1:{inbox.server_address[1]}")
    inbox.status = 500
    alerts = Alerts(AlertsConfig())
    run(alerts, status(NOON, "lost"), status(NOON + 1, "live"))
    assert (alerts.n_sent, alerts.n_failed) == (0, 2)
    assert len(inbox.received) == 2


def test_a_sender_that_raises_is_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(URLS_VARIABLE, "json://127.0.0.1:9")
    alerts = Alerts(AlertsConfig())

    def broken(_text: str) -> bool:
        msg = "a defect"
        raise RuntimeError(msg)

    alerts._send = broken
    run(alerts, status(NOON, "lost"))
    assert (alerts.n_sent, alerts.n_failed) == (0, 1)


def test_a_dry_run_sends_nothing(inbox, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(URLS_VARIABLE, f"json://127.0.0.1:{inbox.server_address[1]}")
    alerts = Alerts(AlertsConfig(is_dry=True))
    run(alerts, status(NOON, "lost"))
    assert (alerts.n_sent, len(alerts.newest), inbox.received) == (1, 1, [])


@pytest.mark.parametrize(
    ("urls", "match"),
    [
        ("", "there was none; set it, or alerts.is_dry to true"),
        ("json://127.0.0.1 nonsense://top-secret", "number 2 was none"),
    ],
)
def test_without_an_address_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch, urls, match):
    monkeypatch.setenv(URLS_VARIABLE, urls)
    with pytest.raises(SettingError, match=match) as told:
        Alerts(AlertsConfig())
    assert "secret" not in str(told.value)


def test_without_apprise_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingError, match=r"install liq-nautilus\[alerts\]"):
        Alerts(AlertsConfig())
