"""
Everything simpler than the map that might explain liquidations as well.

Each baseline is a design: columns of shape (n, k) whose weighted sum is the prediction. With one
column there is nothing to weight; with more the weights are fitted on training windows, just as
the leverage mix of the map is. All obey the information set of `liq_nautilus.core.science.paths`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.records import LONG
from liq_nautilus.core.science.openings_share import background
from liq_nautilus.core.science.openings_share import opened_and_swept
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import Bars
    from liq_nautilus.core.science.paths import IntervalPaths

# What simple heatmaps assume: leverage, the reported share of open interest at it, and a
# maintenance rate that goes by leverage.
_SPECIFICATION = ((5, 0.15, 0.004), (10, 0.3, 0.005), (25, 0.25, 0.01), (50, 0.2, 0.02),
                  (100, 0.1, 0.05))  # fmt: skip
# Bands of distance from the price (fractions of it) that the distance kernel weighs.
DISTANCES = (0.0, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05, 0.1)
_MEMORY_NS = 7 * DAY_NS
# A swing is the extreme of this many hours on both sides.
_SWING_HOURS = 2.0
_PROFILE_WIDTH = 5e-4


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """
    What the baselines look at.

    Attributes
    ----------
    paths : IntervalPaths
        The intervals.
    bars : Bars
        The bars, from before the first interval if possible.
    open_interest : ndarray of shape (n,)
        The last known at the start of each interval (quote); NaN when none.
    funding_rate : ndarray of shape (n,)
        The last settled at the start of each interval (fraction); 0 when none.
    ratio : ndarray of shape (2, n_tiers)
        Liquidation price over entry price, longs then shorts.
    turnover : ndarray of shape (n,)
        The fraction of open interest turned over per hour, as known at the start.
    multiple : ndarray of shape (n_tiers,)
        How much faster each tier turns over.

    """

    paths: IntervalPaths
    bars: Bars
    open_interest: FloatArray
    funding_rate: FloatArray
    ratio: FloatArray
    turnover: FloatArray
    multiple: FloatArray


def baseline_designs(context: Context, side: int) -> dict[str, FloatArray]:
    """
    Return every baseline that needs no other model.

    Parameters
    ----------
    context : Context
        What they look at.
    side : int
        +1 long, -1 short.

    Returns
    -------
    dict of ndarray of shape (n, k)
        By name: adverse_move, move_x_open_interest, move_x_volatility, distance_kernel,
        snapshot_comb, volume_profile, swing_levels, round_numbers, specification_ensemble,
        without_map (openings inside the interval and the background alone).

    """
    paths, adverse = context.paths, context.paths.adverse(side)
    open_interest = np.nan_to_num(context.open_interest)
    ratio = context.ratio[0 if side == LONG else 1]
    openings = opened_and_swept(
        paths, side, ratio, context.open_interest, context.turnover, context.multiple
    )
    single = {
        "adverse_move": adverse,
        "move_x_open_interest": adverse * open_interest,
        "move_x_volatility": adverse * paths.volatility_24h,
        "volume_profile": volume_profile(context, side),
        "swing_levels": swing_levels(context, side),
        "round_numbers": round_numbers(paths, side),
        "specification_ensemble": specification_ensemble(context, side),
    }
    designs = {name: values[:, None] for name, values in single.items()}
    designs["distance_kernel"] = distance_steps(adverse)
    designs["snapshot_comb"] = open_interest[:, None] * (adverse[:, None] >= np.abs(1.0 - ratio))
    even = background(paths, side, context.open_interest)
    designs["without_map"] = np.column_stack([openings, even])
    return designs


def distance_steps(adverse: FloatArray) -> FloatArray:
    """
    Return how far the adverse move went through each band of distance from the open.

    Parameters
    ----------
    adverse : ndarray of shape (n,)
        Fraction of the open.

    Returns
    -------
    ndarray of shape (n, 10)
        In [0, 1]; weighted, they are any density of levels over distance.

    """
    low, high = np.array(DISTANCES[:-1]), np.array(DISTANCES[1:])
    steps: FloatArray = np.clip((adverse[:, None] - low) / (high - low), 0.0, 1.0)
    return steps


def volume_profile(context: Context, side: int) -> FloatArray:
    """
    Return how much was traded, in the seven days before, at the prices the interval swept.

    Volume is spread evenly over a bar's range; where it is unknown a bar counts by its length.

    Returns
    -------
    ndarray of shape (n,)
        Base quantity, or hours.

    """
    bars, paths = context.bars, context.paths
    if len(bars) == 0:
        return np.zeros(len(paths))
    hours = (bars.ts_close - bars.ts_open) / (DAY_NS / 24)
    is_known = bool(np.all(np.nan_to_num(bars.volume) > 0.0))
    amount = bars.volume if is_known else hours
    low, high = np.log(bars.low), np.log(bars.high)
    # A bar without range would have no place.
    widening = 0.5 * np.maximum(_PROFILE_WIDTH - (high - low), 0.0)
    low, high = low - widening, high + widening
    from_price, to_price = _swept_range(paths, side)
    begin = np.searchsorted(bars.ts_open, paths.ts_open - _MEMORY_NS)
    held = np.zeros(len(paths))
    for i, (first, last) in enumerate(zip(begin, paths.first_bar, strict=True)):
        part = slice(first, last)
        shared = np.minimum(high[part], math.log(to_price[i])) - np.maximum(
            low[part], math.log(from_price[i])
        )
        held[i] = (np.clip(shared, 0.0, None) / (high[part] - low[part]) * amount[part]).sum()
    return held


def swing_levels(context: Context, side: int) -> FloatArray:
    """
    Count the swing lows (longs) or highs (shorts) of the last seven days the interval swept.

    A swing is the extreme of the two hours before and after it, so that it is known only two hours
    later; ties among intervals are broken by the adverse move.

    Returns
    -------
    ndarray of shape (n,)
        The count plus the adverse move.

    """
    bars, paths = context.bars, context.paths
    adverse = paths.adverse(side)
    if len(bars) == 0:
        return adverse
    length = float(np.median(bars.ts_close - bars.ts_open)) / (DAY_NS / 24)
    reach = max(1, round(_SWING_HOURS / length))
    values = -bars.low if side == LONG else bars.high
    swings = _local_maxima(values, reach)
    price = np.abs(values[swings])
    from_price, to_price = _swept_range(paths, side)
    known_from = bars.ts_open[np.minimum(swings + reach, len(bars) - 1)]
    count = np.zeros(len(paths))
    for i, ts in enumerate(paths.ts_open):
        is_known = (known_from < ts) & (known_from >= ts - _MEMORY_NS)
        count[i] = np.sum(is_known & (price >= from_price[i]) & (price <= to_price[i]))
    return count + adverse


def round_numbers(paths: IntervalPaths, side: int) -> FloatArray:
    """
    Count the round prices the interval swept; ties are broken by the adverse move.

    Round is a multiple of a hundredth of the power of ten at or below the price, and ten times
    that counts ten times.

    Returns
    -------
    ndarray of shape (n,)
        The count plus the adverse move.

    """
    from_price, to_price = _swept_range(paths, side)
    step = 10.0 ** (np.floor(np.log10(paths.open)) - 2.0)
    fine = np.floor(to_price / step) - np.ceil(from_price / step) + 1.0
    coarse = np.floor(to_price / (10.0 * step)) - np.ceil(from_price / (10.0 * step)) + 1.0
    count: FloatArray = np.maximum(fine, 0.0) + 9.0 * np.maximum(coarse, 0.0)
    return count + paths.adverse(side)


def specification_ensemble(context: Context, side: int) -> FloatArray:
    """
    Return what a simple heatmap's ensemble holds in the swept range.

    All open interest at the current price, fixed leverages and mix, the simplified formula;
    5/8 binance_standard and 3/8 funding_adjusted (its `liq * (1 + rate)`), since the third needs
    trades. Nothing about it is fitted.

    Returns
    -------
    ndarray of shape (n,)
        Quote.

    """
    paths = context.paths
    open_interest = np.nan_to_num(context.open_interest)
    from_price, to_price = _swept_range(paths, side)
    held = np.zeros(len(paths))
    for leverage, share, rate in _SPECIFICATION:
        level = paths.open * (1.0 - side * (1.0 / leverage - rate / leverage))
        for weight, shift in ((5 / 8, 1.0), (3 / 8, 1.0 + context.funding_rate)):
            is_swept = (level * shift >= from_price) & (level * shift <= to_price)
            held += weight * share * open_interest * is_swept
    return held


def _swept_range(paths: IntervalPaths, side: int) -> tuple[FloatArray, FloatArray]:
    return (paths.low, paths.open) if side == LONG else (paths.open, paths.high)


def _local_maxima(values: FloatArray, reach: int) -> npt.NDArray[np.int64]:
    padded = np.concatenate([np.full(reach, np.inf), values, np.full(reach, np.inf)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    return np.flatnonzero(values >= windows.max(axis=1))
