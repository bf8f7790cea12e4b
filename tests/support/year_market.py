"""A long market of minute bars through an engine, with our components or ones that do nothing."""

import resource
import time

import numpy as np
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import Bar
from nautilus_trader.model.identifiers import ClientId
from nautilus_trader.trading.strategy import Strategy
from support.trading_engine import DAY
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import START
from support.trading_engine import funding
from support.trading_engine import make_engine
from support.trading_market import BTC
from support.trading_market import bar_type_of
from support.trading_market import open_interest

from liq_nautilus.nautilus.actor import LiquidationActor
from liq_nautilus.nautilus.config import LiquidationActorConfig
from liq_nautilus.nautilus.config import LiquidationStrategyConfig
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.internals import subscribe_instrument_data
from liq_nautilus.nautilus.publisher import PUBLISHED
from liq_nautilus.nautilus.strategy import LiquidationStrategy
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.nautilus.types import data_type

CLIENT = ClientId("CATALOG")
BAR_TYPE = bar_type_of(1)
CHUNK_DAYS = 5
# The strategy's hours, in minute bars.
PERIODS = {"fast_period": 240, "slow_period": 960, "range_period": 480, "patience": 240}


class IdleActor(Actor):
    """Subscribe to what a `LiquidationActor` does, and do nothing with it."""

    def on_start(self):
        self.subscribe_bars(BAR_TYPE)
        self.subscribe_funding_rates(BTC, client_id=CLIENT)
        self.subscribe_data(data_type(OpenInterest, BTC), client_id=CLIENT, instrument_id=BTC)

    def on_bar(self, bar):
        pass

    def on_data(self, data):
        pass

    def on_funding_rate(self, update):
        pass


class Listener(Actor):
    """Receive all that a `LiquidationActor` publishes, and do nothing with it."""

    def on_start(self):
        for kind in PUBLISHED:
            subscribe_instrument_data(self, kind, BTC, CLIENT)

    def on_data(self, data):
        pass


class IdleStrategy(Strategy):
    """Take bars and do nothing with them."""

    def on_start(self):
        self.subscribe_bars(BAR_TYPE)

    def on_bar(self, bar):
        pass


def path(days):
    """Return open, high, low, close, volume and open interest of every minute."""
    rng = np.random.default_rng(1)
    n = round(days * DAY / MINUTE)
    closes = 100_000.0 * np.exp(np.cumsum(rng.standard_normal(n) * 0.0005))
    opens = np.concatenate([[100_000.0], closes[:-1]])
    spread = 1.0 + np.abs(rng.standard_normal((2, n))) * 0.0002
    highs, lows = np.maximum(opens, closes) * spread[0], np.minimum(opens, closes) / spread[1]
    swing = 0.2 * np.sin(np.arange(n) / 3_000.0) + rng.standard_normal(n) * 0.002
    return np.column_stack(
        [opens, highs, lows, closes, 100.0 + 50.0 * rng.random(n), 80_000.0 * np.exp(swing)]
    )


def streams(days):
    """Return bars, open interest every five minutes and funding every eight hours, in chunks."""
    rows = path(days)
    instrument = built_in_instrument("BTCUSDT")
    size = round(CHUNK_DAYS * DAY / MINUTE)
    starts = range(0, len(rows), size)

    def bars():
        for first in starts:
            chunk = []
            for i, (*ohlc, volume, _) in enumerate(rows[first : first + size].tolist(), first):
                ts = START + (i + 1) * MINUTE - 1_000_000
                prices = map(instrument.make_price, ohlc)
                chunk.append(Bar(BAR_TYPE, *prices, instrument.make_qty(volume), ts, ts))
            yield chunk

    def counts():
        for first in starts:
            ends = range(first + 5, min(first + size, len(rows)) + 1, 5)
            yield [open_interest(START + i * MINUTE, *rows[i - 1, [5, 3]].tolist()) for i in ends]

    def rates():
        yield [funding(START + i * HOUR) for i in range(8, round(days * 24) + 1, 8)]

    return bars(), rates(), counts()


def timed(stream, spent):
    """Yield a stream's chunks and note the processor seconds each took to make."""
    while True:
        begin = time.process_time()
        chunk = next(stream, None)
        spent.append(time.process_time() - begin)
        if chunk is None:
            return
        yield chunk


def components(kind):
    """Return the actor and the strategy of a run; either may be idle."""
    actor = IdleActor(ActorConfig(component_id="IDLE"))
    strategy = IdleStrategy(StrategyConfig(strategy_id="IDLE"))
    if kind in {"signals", "all"}:
        actor = LiquidationActor(
            LiquidationActorConfig(instrument_id=BTC, bar_type=BAR_TYPE, client_id=CLIENT)
        )
    if kind != "bare":
        strategy = LiquidationStrategy(
            LiquidationStrategyConfig(
                instrument_id=BTC, bar_type=BAR_TYPE, use_signals=kind != "strategy", **PERIODS
            )
        )
    return actor, strategy


def run(kind, days):
    """
    Run one kind ("bare", "strategy", "signals" or "all") and return what it took.

    The strategy listens to signals; of "all" somebody listens to levels, clusters and forecasts
    too. `seconds` is all of it, `making` what of that it took to make the data.
    """
    engine = make_engine()
    making = []
    for name, stream in zip(("bars", "funding", "interest"), streams(float(days)), strict=True):
        engine.add_data_iterator(name, timed(stream, making))
    actor, strategy = components(kind)
    engine.add_actor(actor)
    if kind == "all":
        engine.add_actor(Listener(ActorConfig(component_id="LISTENER")))
    engine.add_strategy(strategy)
    begin = time.process_time()
    # Without an end, timers would go on for centuries after the data.
    engine.run(start=START, end=START + round(float(days) * DAY))
    seconds = time.process_time() - begin
    return {
        "seconds": seconds,
        "making": sum(making),
        "peak_kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "updates": getattr(actor, "n_updates", 0),
        "skipped": getattr(actor, "n_skipped", 0),
    }
