"""A random market as Nautilus data, and an actor that records what is published."""

from __future__ import annotations

from typing import Any

import numpy as np
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.data import DataType
from support.trading_engine import DAY
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import add_data
from support.trading_engine import custom
from support.trading_engine import funding
from support.trading_engine import make_bar
from support.trading_engine import make_engine

from liq_nautilus.nautilus.actor import LiquidationActor
from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.config import LiquidationActorConfig
from liq_nautilus.nautilus.config import LiquidationStrategyConfig
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.strategy import LiquidationStrategy
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationForecast
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.nautilus.types import LiquidationVolume
from liq_nautilus.nautilus.types import OpenInterest

BTC = instrument_id("BTCUSDT")
NAN = float("nan")


def bar_type_of(minutes: int = 5) -> BarType:
    return BarType.from_str(f"{BTC}-{minutes}-MINUTE-LAST-EXTERNAL")


def open_interest(ts: int, contracts: float, price: float = 100_000.0) -> Any:
    return custom(OpenInterest(BTC, contracts, contracts * price, NAN, NAN, NAN, NAN, ts, ts))


def volume(ts: int, long_notional: float, short_notional: float, interval: str = "1h") -> Any:
    return custom(LiquidationVolume(BTC, long_notional, short_notional, interval, "test", ts, ts))


def random_market(days: float = 1.0, seed: int = 1, minutes: int = 5) -> list[Any]:
    """Bars, open interest at every bar, funding every eight hours, liquidations every hour."""
    rng = np.random.default_rng(seed)
    step = minutes * MINUTE
    n = round(days * DAY / step)
    scale = 0.0007 * np.sqrt(minutes)
    closes = 100_000.0 * np.exp(np.cumsum(rng.standard_normal(n) * scale))
    opens = np.concatenate([[100_000.0], closes[:-1]])
    spread = 1.0 + np.abs(rng.standard_normal((2, n))) * scale / 3.0
    highs, lows = np.maximum(opens, closes) * spread[0], np.minimum(opens, closes) / spread[1]
    contracts = 80_000.0 * np.exp(np.cumsum(rng.standard_normal(n) * 0.003))
    data: list[Any] = []
    for i in range(n):
        ts = START + i * step
        ohlc = (opens[i], highs[i], lows[i], closes[i])
        data.append(make_bar(bar_type_of(minutes), ts, ohlc, 100.0 + 50.0 * rng.random()))
        ts += step
        if ts % HOUR == 0:
            data.append(volume(ts, 1e6 * rng.random() ** 8, 1e6 * rng.random() ** 8))
        if ts % (8 * HOUR) == 0:
            data.append(funding(ts))
        data.append(open_interest(ts, contracts[i], closes[i]))
    return data


class Recorder(Actor):
    """Keep what is published."""

    def __init__(self) -> None:
        super().__init__(ActorConfig(component_id="RECORDER"))
        self.levels: list[LiquidationLevels] = []
        self.clusters: list[LiquidationClusters] = []
        self.forecasts: list[LiquidationForecast] = []
        self.signals: list[LiquidationSignal] = []
        self._kept: dict[type, list[Any]] = {
            LiquidationLevels: self.levels,
            LiquidationClusters: self.clusters,
            LiquidationForecast: self.forecasts,
            LiquidationSignal: self.signals,
        }

    def on_start(self) -> None:
        for data_cls in self._kept:
            self.subscribe_data(DataType(data_cls), instrument_id=BTC)

    def on_data(self, data: Any) -> None:
        self._kept[type(data)].append(data)


def run_actor(
    data: list[Any], minutes: int = 5, **settings: Any
) -> tuple[LiquidationActor, Recorder]:
    engine, actor, recorder = make_actor(data, minutes, **settings)
    engine.run()
    return actor, recorder


def same(one: object, other: object) -> bool:
    """Whether two published data are equal in every field."""
    a, b = one.to_dict(), other.to_dict()
    return all(np.array_equal(a[key], b[key], equal_nan=not isinstance(a[key], str)) for key in a)


def all_same(ones: list, others: list) -> bool:
    return len(ones) == len(others) and all(map(same, ones, others))


def make_actor(
    data: list[Any], minutes: int = 5, *, is_recorded: bool = True, **settings: Any
) -> tuple[Any, LiquidationActor, Recorder]:
    engine = make_engine()
    add_data(engine, data)
    actor = LiquidationActor(
        LiquidationActorConfig(instrument_id=BTC, bar_type=bar_type_of(minutes), **settings)
    )
    recorder = Recorder()
    if is_recorded:
        engine.add_actor(recorder)
    engine.add_actor(actor)
    return engine, actor, recorder


def run_strategy(
    data: list[Any],
    minutes: int = 5,
    extra_actors: tuple[Actor, ...] = (),
    **settings: Any,
) -> tuple[Any, LiquidationStrategy]:
    engine = make_engine(settlement=SettlementConfig())
    add_data(engine, data)
    strategy = LiquidationStrategy(
        LiquidationStrategyConfig(instrument_id=BTC, bar_type=bar_type_of(minutes), **settings)
    )
    for actor in extra_actors:
        engine.add_actor(actor)
    engine.add_strategy(strategy)
    fills = record_fills(engine)
    engine.run()
    return read_ledger(engine, fills, VENUE, USDT), strategy
