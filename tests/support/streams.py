"""Small worlds that the tests of the core share: parameters, operations, made-up days."""

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from liq_nautilus.core import feed
from liq_nautilus.core.parameters import TrackerParameters

MINUTE = 60_000_000_000
STEP = 5 * MINUTE
HOUR = 12 * STEP
DAY = 24 * HOUR
START = 1_780_000_200_000_000_000 // HOUR * HOUR

_SMALL = {
    "leverages": (10.0, 25.0, 50.0, 100.0),
    "leverage_weights_long": (0.3, 0.3, 0.2, 0.2),
    "leverage_weights_short": (0.4, 0.3, 0.2, 0.1),
    "grid_bps": 10.0,
    "n_buckets": 512,
    "cluster_smoothing_bps": 20.0,
}


def small_parameters(**changes):
    """Return parameters whose window and tiers are small, so that tests are quick."""
    return TrackerParameters(**(_SMALL | changes))


@dataclass(frozen=True)
class Bar:
    move: float
    reach_up: float
    reach_down: float
    volume: float
    kind: str = "last"


@dataclass(frozen=True)
class OpenInterest:
    factor: float


@dataclass(frozen=True)
class Funding:
    rate: float


@dataclass(frozen=True)
class Trades:
    moves: tuple
    notionals: tuple
    sides: tuple


@dataclass(frozen=True)
class Liquidation:
    side: int
    notional: float


@dataclass(frozen=True)
class Pause:
    hours: float


def finite(low, high):
    return st.floats(low, high, allow_nan=False, allow_subnormal=False)


def _moves(size):
    return finite(-size, size)


@st.composite
def _trades(draw):
    n = draw(st.integers(1, 4))
    return Trades(
        tuple(draw(st.lists(_moves(0.02), min_size=n, max_size=n))),
        tuple(draw(st.lists(finite(1e3, 1e7), min_size=n, max_size=n))),
        tuple(draw(st.lists(st.sampled_from([1, -1]), min_size=n, max_size=n))),
    )


CALM = st.builds(
    Bar,
    _moves(0.01),
    finite(0.0, 0.01),
    finite(0.0, 0.01),
    st.sampled_from([np.nan, 0.0, 50.0, 2000.0]),
    st.sampled_from(["last", "last", "mark"]),
)
JUMP = st.builds(Bar, _moves(0.6), finite(0.0, 0.5), finite(0.0, 0.5), st.just(100.0))
OPEN_INTEREST = st.builds(OpenInterest, finite(0.5, 1.8))
FUNDING = st.builds(Funding, finite(-0.01, 0.01))
OPERATIONS = st.lists(
    st.one_of(
        CALM,
        OPEN_INTEREST,
        CALM,
        OPEN_INTEREST,
        FUNDING,
        _trades(),
        st.builds(Liquidation, st.sampled_from([1, -1]), finite(0.0, 1e7)),
        st.builds(Pause, finite(0.0, 30.0)),
        JUMP,
    ),
    min_size=1,
    max_size=25,
)


@dataclass
class World:
    """What the next operation starts from."""

    price: float = 60_000.0
    contracts: float = 80_000.0
    ts: int = START


def apply_operation(tracker, operation, world):
    """Hand one operation to a tracker and move the world on."""
    world.ts += STEP
    if isinstance(operation, Bar):
        before = world.price
        close = before * np.exp(operation.move)
        high = max(before, close) * np.exp(operation.reach_up)
        low = min(before, close) * np.exp(-operation.reach_down)
        tracker.on_bar(
            before, high, low, close, world.ts - STEP, world.ts, operation.kind, operation.volume
        )
        world.price = close
    elif isinstance(operation, OpenInterest):
        world.contracts *= operation.factor
        tracker.on_open_interest(world.contracts, world.contracts * world.price, world.ts)
    elif isinstance(operation, Funding):
        tracker.on_funding(operation.rate, world.ts)
    elif isinstance(operation, Trades):
        prices = world.price * np.exp(np.array(operation.moves))
        sizes = np.array(operation.notionals) / prices
        tracker.on_trades(prices, sizes, np.array(operation.sides, dtype=np.int8), world.ts)
    elif isinstance(operation, Liquidation):
        tracker.on_liquidation(
            operation.side, operation.notional, world.ts - STEP, world.ts, "bars"
        )
    else:
        world.ts += int(operation.hours * HOUR)
        tracker.on_time(world.ts)


def run(tracker, operations, world=None):
    """Hand operations to a tracker, the first bar and open interest before them."""
    if world is None:
        world = World()
        for operation in (Bar(0.0, 0.001, 0.001, 100.0), OpenInterest(1.0)):
            apply_operation(tracker, operation, world)
    for operation in operations:
        apply_operation(tracker, operation, world)
    return world


def made_up_days(days, seed=1, *, delay_ns=0, has_trades=True, start=START, volatility=0.0015):
    """Return the events of some days: bars, open interest, funding, trades, liquidations."""
    rng = np.random.default_rng(seed)
    price, contracts, events = 60_000.0, 80_000.0, []
    for i in range(days * 288):
        ts = start + (i + 1) * STEP
        close = price * np.exp(rng.normal(0.0, volatility))
        high = max(price, close) * np.exp(abs(rng.normal(0.0, volatility)))
        low = min(price, close) * np.exp(-abs(rng.normal(0.0, volatility)))
        volume = float(rng.lognormal(5.0, 1.0))
        known = ts - 1_000_000
        events.append(feed.bar_event(price, high, low, close, ts - STEP, known, "last", volume))
        contracts *= np.exp(rng.normal(0.0, 0.002))
        events.append(feed.open_interest_event(contracts, contracts * close, ts, delay_ns))
        if i % 96 == 95:
            events.append(feed.funding_event(float(rng.normal(1e-4, 1e-4)), ts))
        if has_trades and i % 3 == 0:
            prices = rng.uniform(low, high, 5)
            sizes = rng.lognormal(0.0, 1.0, 5)
            sides = rng.choice(np.array([1, -1], dtype=np.int8), 5)
            events.append(feed.trades_event(prices, sizes, sides, known))
        if i % 7 == 0:
            side = int(rng.choice([1, -1]))
            notional = float(rng.lognormal(12.0, 2.0))
            events.append(feed.liquidation_event(side, notional, ts - STEP, ts, "bars"))
        price = close
    return events


def same_records(first, second):
    """Return whether two records hold bit-equal values."""
    for name in type(first).__slots__:
        a, b = getattr(first, name), getattr(second, name)
        if isinstance(a, np.ndarray):
            if a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=True):
                return False
        elif a != b and not (a != a and b != b):
            return False
    return True


def same_answers(first, second):
    """Return whether two trackers answer everything alike, bit by bit."""
    pairs = [(first.clusters(), second.clusters()), (first.signal(), second.signal())]
    for horizon in ("1h", "4h", "1d"):
        forecasts = first.forecast(horizon), second.forecast(horizon)
        sides = [(one, forecasts[1].sides[name]) for name, one in forecasts[0].sides.items()]
        pairs += [*sides, tuple(replace(one, sides={}) for one in forecasts)]
    for model in first.model_names:
        pairs.extend(
            tuple(t.levels(model, by_leverage=by_leverage) for t in (first, second))
            for by_leverage in (False, True)
        )
    return all(same_records(a, b) for a, b in pairs)


def same_state(first, second):
    """Return whether two nested states are bit-equal."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same_state(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(
            same_state(a, b) for a, b in zip(first, second, strict=True)
        )
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and np.array_equal(first, second, equal_nan=True)
    return first == second or (first != first and second != second)
