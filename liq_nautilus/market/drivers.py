"""What moves the simulated market from outside: returns, activity, premium, sentiment."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.market.worlds import WorldParameters

_TREND_HALF_LIFE_DAYS = 0.5
# Volatility peaks when Europe and America trade together, around 15:00 UTC.
_BUSIEST_HOUR = 15.0
_DAYTIME_SWING = 0.25
# Bounce of single trades around the price level, as a fraction of the price.
_QUOTE_NOISE = 0.00003


class Drivers(NamedTuple):
    """
    The outside influences of every step; arrays of shape (n_steps,) unless noted.

    Attributes
    ----------
    index_return : ndarray
        Log return of the index.
    premium : ndarray
        Log of last over index price, before any impact.
    open_activity, close_activity : ndarray
        Multiples of the mean opening and closing rate.
    noise_activity : ndarray
        Multiple of the mean noise volume.
    tilt : ndarray
        Opening rate of longs is multiplied by ``1 + tilt``, of shorts by ``1 - tilt``.
    wild : ndarray of shape (2, n_steps)
        Probability that an opener (long, short) is excited.

    """

    index_return: FloatArray
    premium: FloatArray
    open_activity: FloatArray
    close_activity: FloatArray
    noise_activity: FloatArray
    tilt: FloatArray
    wild: FloatArray


def draw_drivers(
    world: WorldParameters,
    *,
    volatility_ratio: float,
    n_steps: int,
    rng: np.random.Generator,
) -> Drivers:
    """
    Draw the outside influences of a run.

    Parameters
    ----------
    world : WorldParameters
        The world.
    volatility_ratio : float
        The contract's volatility over the world's.
    n_steps : int
        The number of base steps, from midnight UTC.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    Drivers
        One value per step.

    """
    step_days = 1.0 / world.steps_per_day
    log_volatility = _log_volatility(world, n_steps, rng)
    daily = world.daily_volatility * volatility_ratio
    index_return = (
        np.exp(log_volatility) * daily * np.sqrt(step_days) * rng.standard_normal(n_steps)
    )
    jumps = rng.random(n_steps) < world.jump_rate * step_days
    index_return[jumps] += world.jump_sd * volatility_ratio * rng.standard_normal(int(jumps.sum()))
    trend = _trend(index_return, daily, step_days)
    opening, activity, noise = _activity(world, log_volatility, rng)
    volatility = np.exp(log_volatility)
    excited = world.wild_share + world.wild_volatility_slope * (volatility - 1.0)
    wild = np.stack([excited + side * world.wild_trend_slope * trend for side in (1, -1)])
    premium = (
        world.premium_mean
        + world.premium_trend * trend
        + mean_reverting(world.premium_sd, world.premium_half_life, step_days, n_steps, rng)
        + _QUOTE_NOISE * rng.standard_normal(n_steps)
    )
    return Drivers(
        index_return=index_return,
        premium=premium,
        open_activity=opening,
        close_activity=activity,
        noise_activity=noise,
        tilt=world.trend_tilt * trend,
        wild=np.clip(wild, 0.0, 1.0),
    )


def mean_reverting(
    deviation: float,
    half_life: float,
    step_days: float,
    n_steps: int,
    rng: np.random.Generator,
) -> FloatArray:
    """
    Draw a stationary Gaussian process that forgets at a constant rate.

    Parameters
    ----------
    deviation : float
        Its standard deviation.
    half_life : float
        Days until its autocorrelation is one half.
    step_days : float
        The step in days.
    n_steps : int
        The number of values.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    ndarray of shape (n_steps,)
        The process.

    """
    keep = 0.5 ** (step_days / half_life)
    shocks = rng.standard_normal(n_steps + 1)
    start = shocks[0] * keep
    values, _ = lfilter([np.sqrt(1.0 - keep**2)], [1.0, -keep], shocks[1:], zi=[start])
    return np.asarray(values * deviation, dtype=np.float64)


# Log of volatility over its mean square: slow and fast clustering and the time of day.
def _log_volatility(world: WorldParameters, n_steps: int, rng: np.random.Generator) -> FloatArray:
    step_days = 1.0 / world.steps_per_day
    slow, fast = world.volatility_slow_sd, world.volatility_fast_sd
    hours = np.arange(n_steps) * step_days * 24.0
    daytime = _DAYTIME_SWING * np.cos((hours - _BUSIEST_HOUR) * 2.0 * np.pi / 24.0)
    value = mean_reverting(slow, world.volatility_slow_half_life, step_days, n_steps, rng)
    value += mean_reverting(fast, world.volatility_fast_half_life, step_days, n_steps, rng)
    # E[exp(2v)] = 1, so that the daily volatility is what the world says.
    return value + daytime - (slow**2 + fast**2 + 0.5 * _DAYTIME_SWING**2)


# The exponentially weighted return of the past half day in deviations, squashed to [-1, 1].
def _trend(index_return: FloatArray, daily_volatility: float, step_days: float) -> FloatArray:
    keep = 0.5 ** (step_days / _TREND_HALF_LIFE_DAYS)
    weighted = lfilter([1.0], [1.0, -keep], index_return)
    scale = daily_volatility * np.sqrt(_TREND_HALF_LIFE_DAYS / (2.0 * np.log(2.0)))
    return np.asarray(np.tanh(np.concatenate([[0.0], weighted[:-1]]) / scale), dtype=np.float64)


# Multiples of the mean rate of openings, closings and noise volume.
def _activity(
    world: WorldParameters, log_volatility: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    step_days = 1.0 / world.steps_per_day
    n_steps = len(log_volatility)
    own = mean_reverting(world.activity_sd, world.activity_half_life, step_days, n_steps, rng)
    log_activity = own + world.activity_volatility_exponent * log_volatility
    activity = np.exp(log_activity)
    variance = world.activity_sd**2 + world.activity_volatility_exponent**2 * (
        world.volatility_slow_sd**2 + world.volatility_fast_sd**2
    )
    mean_log = -world.activity_volatility_exponent * (
        world.volatility_slow_sd**2 + world.volatility_fast_sd**2 + 0.5 * _DAYTIME_SWING**2
    )
    activity /= np.exp(mean_log + 0.5 * variance)
    starts = rng.random(n_steps) < world.burst_rate * step_days
    sizes = np.where(starts, rng.exponential(world.burst_factor, n_steps), 0.0)
    keep = 0.5 ** (step_days / world.burst_half_life)
    bursts = np.asarray(lfilter([1.0], [1.0, -keep], sizes), dtype=np.float64)
    net = mean_reverting(world.opening_sd, world.opening_half_life, step_days, n_steps, rng)
    opening = activity * (1.0 + bursts) * np.exp(net - 0.5 * world.opening_sd**2)
    noise = activity * rng.gamma(1.5, 1.0 / 1.5, n_steps)
    return opening, activity, noise
