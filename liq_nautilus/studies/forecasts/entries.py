"""What signals are worth to who is leveraged: not direction but tails, on random entries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np

from liq_nautilus.core.advising.position_risk import Position
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.studies.forecasts.moments import Moments
    from liq_nautilus.studies.inputs.windows import Window

LEVERAGES: Final = (5.0, 10.0, 20.0, 50.0)
_HOLD_NS: Final = 4 * HOUR_NS
# Stops lie this many standard deviations of the holding time away.
_STOP_DEVIATIONS: Final = 1.0
# A fill in a bar that ran through the price lies this far between the price and the bar's end.
_SLIPPED: Final = 0.5
_WORST: Final = 0.05
_N_DRAWS: Final = 1000
_SEED: Final = 20_262
_BOTH: Final = 2
_CHANCE: Final = 5
MEASURES: Final = ("liquidated", "stopped", "slippage", "shortfall")


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """
    Random entries held for four hours, and what became of them.

    Attributes
    ----------
    ts : ndarray of shape (n,)
        UTC ns.
    is_liquidated, is_stopped : ndarray of shape (n,)
        Whether the price touched the liquidation price within the time (without a stop), and
        whether it touched the stop.
    slippage : ndarray of shape (n,)
        What the stop's fill lost against its price, as a fraction; 0 without one.
    hourly : ndarray of shape (n, 4)
        The return of each hour, as a fraction of the notional, until stopped or closed.
    is_avoided : ndarray of shape (n,)
        Whether AVOID held at the entry.
    risk, volatility : ndarray of shape (n,)
        The chance of unusual liquidations, and the deviation of the log price over the hold.

    """

    ts: TimeArray
    is_liquidated: FloatArray
    is_stopped: FloatArray
    slippage: FloatArray
    hourly: FloatArray
    is_avoided: npt.NDArray[np.bool_]
    risk: FloatArray
    volatility: FloatArray


def draw_entries(window: Window, moments: Moments, n: int, seed: int = _SEED) -> Entries:
    """
    Enter at random moments, sides and leverages, and follow the bars.

    Parameters
    ----------
    window : Window
        The bars.
    moments : Moments
        When signals are known; entries are at these moments.
    n : int
        How many.
    seed : int, optional
        Of the draws.

    """
    random = np.random.default_rng([seed, window.start // HOUR_NS])
    at = random.integers(0, len(moments.ts), n)
    sides = random.choice([1, -1], n)
    leverages = random.choice(LEVERAGES, n)
    # The slowest but one of the volatilities, over the holding time.
    deviation = np.exp(moments.columns[_BOTH, :, 1]) * math.sqrt(_HOLD_NS / HOUR_NS)
    rows = [
        _follow(window, int(moments.ts[i]), int(side), float(leverage), float(deviation[i]))
        for i, side, leverage in zip(at, sides, leverages, strict=True)
    ]
    liquidated, stopped, slippage, hourly = (np.array(column) for column in zip(*rows, strict=True))
    return Entries(
        moments.ts[at],
        liquidated.astype(np.float64),
        stopped.astype(np.float64),
        slippage,
        hourly,
        moments.is_avoided[at],
        moments.forecast[_BOTH, at, _CHANCE],
        deviation[at],
    )


def weights_of(entries: Entries, seed: int = _SEED) -> dict[str, FloatArray]:
    """
    Return the size of each entry by way of deciding it, all with a mean of 1.

    Ways: always the same, not under AVOID, smaller by its risk, both; and their opponents: not in
    random hours of the same duty, not at the highest volatility of the same duty, and in inverse
    proportion to volatility.
    """
    n, duty = len(entries.ts), entries.is_avoided.mean()
    random = np.random.default_rng(seed)
    hours, place = np.unique(entries.ts // HOUR_NS, return_inverse=True)
    is_random = (random.uniform(size=hours.size) < duty)[place]
    is_wild = entries.volatility > np.quantile(entries.volatility, 1.0 - duty)
    found = {
        "always": np.ones(n),
        "avoid": 1.0 - entries.is_avoided,
        "scaled": 1.0 - entries.risk,
        "avoid_and_scaled": (1.0 - entries.is_avoided) * (1.0 - entries.risk),
        "random_gate": 1.0 - is_random,
        "volatility_gate": 1.0 - is_wild,
        "volatility_scaled": 1.0 / entries.volatility,
        "avoid_and_volatility_scaled": (1.0 - entries.is_avoided) / entries.volatility,
    }
    return {name: weights / weights.mean() for name, weights in found.items()}


def measure_entries(parts: Sequence[Entries]) -> dict[str, Any]:
    """
    Return each way's tails at equal average exposure, and how they differ with 95 % intervals.

    Parameters
    ----------
    parts : sequence of Entries
        One per window.

    Returns
    -------
    dict
        `ways`: by way and measure; `differences`: of each way from `always`, and of
        `avoid_and_volatility_scaled` from `volatility_scaled`: value and interval by day blocks.

    """
    weights = [weights_of(one) for one in parts]
    ways = list(weights[0])
    joined = {way: np.concatenate([one[way] for one in weights]) for way in ways}
    days = np.unique(np.concatenate([one.ts // DAY_NS for one in parts]), return_inverse=True)[1]
    n_days = int(days.max()) + 1
    draws = np.random.default_rng(_SEED).multinomial(
        n_days, np.full(n_days, 1.0 / n_days), _N_DRAWS
    )
    counts = np.vstack([np.ones(n_days), draws])
    found = {way: _measures(parts, joined[way], days, counts) for way in ways}
    pairs = [(way, "always") for way in ways if way != "always"]
    pairs.append(("avoid_and_volatility_scaled", "volatility_scaled"))
    return {
        "n": len(days),
        "ways": {
            way: {name: float(values[0]) for name, values in found[way].items()} for way in ways
        },
        "differences": [
            {"way": way, "from": other, **_differences(found[way], found[other])}
            for way, other in pairs
        ],
    }


def _follow(
    window: Window, ts: int, side: int, leverage: float, deviation: float
) -> tuple[bool, bool, float, list[float]]:
    bars = window.bars
    first = int(np.searchsorted(bars.ts_open, ts))
    last = int(np.searchsorted(bars.ts_open, ts + _HOLD_NS))
    entry = float(bars.open[first])
    stop = entry * math.exp(-side * _STOP_DEVIATIONS * deviation)
    liquidation = Position(side, entry, stop, leverage).liquidation_price
    worst = (bars.low if side > 0 else bars.high)[first:last]
    is_liquidated = bool((side * worst <= side * liquidation).any())
    touched = np.flatnonzero(side * worst <= side * stop)
    close = bars.close[first:last].copy()
    slippage = 0.0
    if touched.size:
        place = int(touched[0])
        # A bar that opens beyond the stop is filled no better than there.
        price = side * min(side * stop, side * float(bars.open[first + place]))
        slippage = _SLIPPED * max(side * (price - float(worst[place])), 0.0) / entry
        close[place:] = price - side * slippage * entry
    hours = (bars.ts_open[first:last] - ts) // HOUR_NS
    ends = np.searchsorted(hours, np.arange(_HOLD_NS // HOUR_NS), side="right") - 1
    path = np.append(entry, close[np.maximum(ends, 0)])
    hourly = side * np.diff(path) / entry
    return is_liquidated, bool(touched.size), slippage, hourly.tolist()


def _measures(
    parts: Sequence[Entries],
    weights: FloatArray,
    days: npt.NDArray[np.int64],
    counts: FloatArray,
) -> dict[str, FloatArray]:
    # Of each draw of days, shape (1 + n_draws,): the first takes each day once.
    n_days = counts.shape[1]
    exposure = counts @ np.bincount(days, weights, n_days)
    found = {}
    for name, field in (
        ("liquidated", "is_liquidated"),
        ("stopped", "is_stopped"),
        ("slippage", "slippage"),
    ):
        values = np.concatenate([getattr(one, field) for one in parts])
        found[name] = counts @ np.bincount(days, weights * values, n_days) / exposure
    losses = -np.concatenate([one.hourly for one in parts])
    found["shortfall"] = _shortfall(losses * weights[:, None], days, counts) / (
        exposure / (counts @ np.bincount(days, minlength=n_days))
    )
    return found


def _shortfall(losses: FloatArray, days: npt.NDArray[np.int64], counts: FloatArray) -> FloatArray:
    # The mean of the worst twentieth of hourly losses, of each draw of days.
    flat, day = losses.ravel(), np.repeat(days, losses.shape[1])
    order = np.argsort(-flat)
    flat, day = flat[order], day[order]
    found = np.empty(len(counts))
    for i, count in enumerate(counts):
        times = count[day]
        before = np.cumsum(times) - times
        kept = np.clip(_WORST * times.sum() - before, 0.0, times)
        found[i] = (kept * flat).sum() / kept.sum()
    return found


def _differences(one: dict[str, FloatArray], other: dict[str, FloatArray]) -> dict[str, Any]:
    found = {}
    for name in MEASURES:
        difference = one[name] - other[name]
        low, high = np.quantile(difference[1:], [0.025, 0.975])
        found[name] = [float(difference[0]), float(low), float(high)]
    return found
