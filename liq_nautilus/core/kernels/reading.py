"""Reading the map: densities on a price grid, levels in shown buckets, sums between prices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.kernels.compiling import compiled
from liq_nautilus.core.kernels.compiling import inlined

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.positions import IndexArray
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

    type Books = tuple[tuple[Any, ...], ...]

# Shapes beyond any table.
_LEAST_SHAPE = 1e-300
_LARGEST_SHAPE = 1e300


@inlined
def density(
    mass: FloatArray,
    bounds: IndexArray,
    running: FloatArray,
    offset: FloatArray,
    weights: FloatArray,
    first: int,
    out: FloatArray,
) -> None:
    """
    Sum the rows, weighted, into buckets of the liquidation price itself.

    Parameters
    ----------
    mass, bounds, running, offset
        As in `liq_nautilus.core.kernels.positions.consume`.
    weights : ndarray of shape (2, n_tiers)
        The share of each tier.
    first : int
        The window bucket that `out` begins with.
    out : ndarray of shape (2, n_out)
        Base quantity per bucket; added to.

    """
    for side in range(2):
        for tier in range(mass.shape[1]):
            weight = weights[side, tier] * running[0, side, tier]
            if weight != 0.0:
                _add_row(
                    mass[side, tier], bounds[side, tier], offset[side, tier], weight, first,
                    out[side],
                )  # fmt: skip


@inlined
def _add_row(
    row: FloatArray, bounds: IndexArray, offset: float, weight: float, first: int, out: FloatArray
) -> None:
    # Bucket j of the row lies on j + whole and the next. A bucket of `out` is gathered from two
    # neighbours, which a compiler can do several at a time; the row's ends have one only.
    if bounds[0] >= bounds[1]:
        return
    whole = math.floor(offset)
    part = offset - whole
    shift = first - whole
    lower, upper = weight * (1.0 - part), weight * part
    start, stop = bounds[0] - shift, bounds[1] - shift
    if 0 <= start < out.shape[0]:
        out[start] += lower * row[start + shift]
    if 0 <= stop < out.shape[0]:
        out[stop] += upper * row[stop + shift - 1]
    begin, end = max(start + 1, 0), min(stop, out.shape[0])
    if begin < end:
        source, before = row[begin + shift : end + shift], row[begin + shift - 1 : end + shift - 1]
        target = out[begin:end]
        for k in range(source.shape[0]):
            target[k] += lower * source[k] + upper * before[k]


@inlined
def hide_beyond(out: FloatArray, position: float) -> None:
    """
    Hide what lies beyond a price: longs above it and shorts below.

    Parameters
    ----------
    out : ndarray of shape (2, n_out)
        A density; changed.
    position : float
        The price, in buckets from the first of `out`; its own bucket counts in proportion.

    """
    cell = math.floor(position)
    part = position - cell
    for k in range(out.shape[1]):
        if k == cell:
            out[0, k] *= part
            out[1, k] *= 1.0 - part
        elif k > cell:
            out[0, k] = 0.0
        else:
            out[1, k] = 0.0


@compiled
def combined_notional(
    books: Books,
    weights: tuple[FloatArray, ...],
    scales: FloatArray,
    hidden: int,
    first: int,
    position: float,
    middle: FloatArray,
    below: float,
    above: float,
    out: FloatArray,
) -> float:
    """
    Sum several models' notional per native bucket.

    Parameters
    ----------
    books : tuple of 4 tuples of ndarray
        Mass, bounds, running and offset of each model, as in `density`.
    weights : tuple of ndarray of shape (2, n_tiers)
        The tiers' shares of each model.
    scales : ndarray of shape (n_models,)
        What each counts; those of 0 are left out.
    hidden : int
        The model of which levels beyond the price are hidden; -1: none.
    first : int
        The window bucket the grid begins with.
    position : float
        The current price, in buckets from the grid's first.
    middle : ndarray of shape (n,)
        The middle of each bucket (quote per base unit).
    below, above : float
        The price that stands for longs, and for shorts, in the bucket of the current price.
    out : ndarray of shape (2, n)
        Takes the sum (quote).

    Returns
    -------
    float
        By how much the models' notional-weighted mean prices of longs, or of shorts, differ at most
        (quote); 0 where only one of them has any.

    """
    masses, bounds, runnings, offsets = books
    part = np.empty_like(out)
    lowest, highest = np.full(2, np.inf), np.full(2, -np.inf)
    is_known = np.ones(2, dtype=np.bool_)
    out[:] = 0.0
    for m in range(len(masses)):
        if scales[m] == 0.0:
            continue
        part[:] = 0.0
        density(masses[m], bounds[m], runnings[m], offsets[m], weights[m], first, part)
        if m == hidden:
            hide_beyond(part, position)
        for side in range(2):
            total, moment = 0.0, 0.0
            for k in range(out.shape[1]):
                price = min(middle[k], below) if side == 0 else max(middle[k], above)
                value = part[side, k] * price
                out[side, k] += scales[m] * value
                total += value
                moment += value * price
            if total > 0.0:
                lowest[side] = min(lowest[side], moment / total)
                highest[side] = max(highest[side], moment / total)
            else:
                is_known[side] = False
    largest = 0.0
    for side in range(2):
        if is_known[side]:
            largest = max(largest, highest[side] - lowest[side])
    return largest


@compiled
def shown_levels(
    books: Books,
    weights: tuple[FloatArray, ...],
    leverages: tuple[FloatArray, ...],
    scales: FloatArray,
    wanted: IndexArray,
    hidden: int,
    first: int,
    position: float,
    middle: FloatArray,
    below: float,
    above: float,
    bucket_size: float,
    confidences: FloatArray,
    counts: IndexArray,
) -> tuple[FloatArray, SideArray]:
    """
    Return the levels of several models, and of their scaled sum, in shown buckets.

    Parameters
    ----------
    books, weights, hidden, first, position, middle, below, above
        As in `combined_notional`.
    leverages : tuple of ndarray of shape (n_tiers,)
        The tiers of each model.
    scales : ndarray of shape (n_models,)
        What each counts in the sum.
    wanted : ndarray of shape (n_models + 1,)
        Whether each model's levels are wanted, and last those of the sum.
    bucket_size : float
        Width of a shown bucket (quote).
    confidences : ndarray of shape (n_models + 1,)
        Those of the models and the sum.
    counts : ndarray of shape (n_models + 1,)
        Takes the number of levels of each.

    Returns
    -------
    tuple of ndarray of shape (4, n_levels) and of shape (n_levels,)
        Price (notional-weighted mean of the bucket), notional (quote), mean leverage and
        confidence; side. Model after model, of each longs and then shorts, ascending in price.

    """
    masses, bounds, runnings, offsets = books
    n, n_models = middle.shape[0], len(masses)
    # Of longs the notional and its sum of leverages, then of shorts.
    parts = np.zeros((n_models + 1, 2, 2, n))
    for m in range(n_models):
        if not wanted[m] and (scales[m] == 0.0 or not wanted[n_models]):
            continue
        density(masses[m], bounds[m], runnings[m], offsets[m], weights[m], first, parts[m, 0])
        weighted = weights[m] * leverages[m]
        density(masses[m], bounds[m], runnings[m], offsets[m], weighted, first, parts[m, 1])
        if m == hidden:
            hide_beyond(parts[m, 0], position)
            hide_beyond(parts[m, 1], position)
        _add_scaled(parts[m], scales[m], parts[n_models])
    size = 2 * (n_models + 1) * (math.floor((middle[-1] - middle[0]) / bucket_size) + 3)
    out, sides = np.empty((4, size)), np.empty(size, dtype=np.int8)
    place = 0
    for m in range(n_models + 1):
        counts[m] = 0
        for side in range(2):
            if wanted[m]:
                bound = below if side == 0 else above
                count = _add_shown(
                    parts[m, 0, side], parts[m, 1, side], middle, side, bound, bucket_size, out,
                    place,
                )  # fmt: skip
                sides[place : place + count] = 1 - 2 * side
                out[3, place : place + count] = confidences[m]
                place += count
                counts[m] += count
    # Kept for long by whoever is told: no larger than what is in it.
    return out[:, :place].copy(), sides[:place].copy()


@inlined
def _add_scaled(part: FloatArray, scale: float, out: FloatArray) -> None:
    if scale == 0.0:
        return
    for i in range(2):
        for side in range(2):
            source, target = part[i, side], out[i, side]
            for k in range(source.shape[0]):
                target[k] += scale * source[k]


@inlined
def _add_shown(
    quantity: FloatArray,
    weighted: FloatArray,
    middle: FloatArray,
    side: int,
    bound: float,
    bucket_size: float,
    out: FloatArray,
    place: int,
) -> int:
    # The native buckets ascend in price: a shown bucket is a run of them. Longs lie below the
    # current price and shorts above: so do the prices that stand for a bucket.
    end, top = place, -math.inf
    total = moment = of_leverage = 0.0
    for k in range(quantity.shape[0]):
        if quantity[k] <= 0.0:
            continue
        price = min(middle[k], bound) if side == 0 else max(middle[k], bound)
        if price >= top:
            end = _end_shown(moment, total, of_leverage, out, end)
            top = (math.floor(price / bucket_size) + 1.0) * bucket_size
            total = moment = of_leverage = 0.0
        value = quantity[k] * price
        moment += value * price
        total += value
        of_leverage += weighted[k] * price
    return _end_shown(moment, total, of_leverage, out, end) - place


@inlined
def _end_shown(moment: float, total: float, of_leverage: float, out: FloatArray, place: int) -> int:
    if total == 0.0:
        return place
    out[0, place], out[1, place], out[2, place] = moment / total, total, of_leverage / total
    return place + 1


@compiled
def level_bands(
    notional: FloatArray,
    sides: SideArray,
    leverage: FloatArray,
    lumps: FloatArray,
    tiers: FloatArray,
    errors: FloatArray,
    dispersion: float,
    log_shapes: FloatArray,
    quantiles: FloatArray,
    lumps_of_none: float,
    out: FloatArray,
) -> None:
    """
    Write the uncertainty bands of levels, as `liq_nautilus.core.levels.Uncertainty` says.

    Parameters
    ----------
    notional, sides, leverage : ndarray of shape (n,)
        The means (quote, >= 0); +1 long, -1 short; the leverage of each level.
    lumps, tiers, errors, dispersion
        As `Uncertainty` has them; `tiers` are its leverages.
    log_shapes : ndarray of shape (n_shapes,)
        Evenly rising; what lies beyond is taken at the ends.
    quantiles : ndarray of shape (2, n_shapes)
        The low and the high quantile over the mean, by the logarithm of a Gamma shape.
    lumps_of_none : float
        With fewer lumps expected the band reaches down to 0.
    out : ndarray of shape (2, n)
        Takes low and high (quote).

    """
    # One simple pass after another: a compiler takes several levels at a time through each.
    low, high = out[0], out[1]
    tier = 0
    for i in range(notional.shape[0]):
        lump = lumps[0 if sides[i] > 0 else 1]
        tier = _tier_below(leverage[i], tiers, tier)
        error = _between(leverage[i], tiers, errors, tier)
        variance_ratio = lump + (error * error + dispersion * dispersion) * notional[i]
        is_sure = variance_ratio == 0.0
        low[i] = _LARGEST_SHAPE if is_sure else max(notional[i] / variance_ratio, _LEAST_SHAPE)
        high[i] = lumps_of_none * lump
    last = log_shapes.shape[0] - 1
    per_log = last / (log_shapes[last] - log_shapes[0])
    for i in range(notional.shape[0]):
        low[i] = (math.log(low[i]) - log_shapes[0]) * per_log
    for i in range(notional.shape[0]):
        at, least, mean = min(max(low[i], 0.0), float(last)), high[i], notional[i]
        cell = min(math.floor(at), last - 1)
        part = at - cell
        low[i] = mean * (quantiles[0, cell] * (1.0 - part) + quantiles[0, cell + 1] * part)
        high[i] = mean * (quantiles[1, cell] * (1.0 - part) + quantiles[1, cell + 1] * part)
        if mean < least:
            low[i] = 0.0
        high[i] = max(high[i], mean)


@inlined
def _tier_below(leverage: float, tiers: FloatArray, tier: int) -> int:
    # Levels follow each other in price, and so nearly in leverage: the search begins where the
    # last one ended.
    while tier > 0 and leverage < tiers[tier]:
        tier -= 1
    while tier < tiers.shape[0] - 1 and leverage >= tiers[tier + 1]:
        tier += 1
    return tier


@inlined
def _between(x: float, places: FloatArray, values: FloatArray, cell: int) -> float:
    # Interpolated, and held beyond the ends.
    found: float = values[cell]
    if cell < places.shape[0] - 1 and x > places[cell]:
        part = (x - places[cell]) / (places[cell + 1] - places[cell])
        found += part * (values[cell + 1] - values[cell])
    return found


@compiled
def quantity_between(
    row: FloatArray,
    bounds: IndexArray,
    low_edge: float,
    high_edge: float,
    price_at_origin: float,
    width: float,
) -> float:
    """
    Return the notional of one row between two edges (buckets from the origin).

    Parameters
    ----------
    row : ndarray of shape (n_buckets,)
        Base quantity.
    bounds : ndarray of shape (2,)
        Occupied buckets.
    low_edge, high_edge : float
        In buckets from the origin; a bucket that holds an edge counts in proportion.
    price_at_origin : float
        The liquidation price at the window's first edge.
    width : float
        Log width of a bucket.

    """
    total = 0.0
    begin = max(math.floor(low_edge), bounds[0])
    end = min(math.ceil(high_edge), bounds[1])
    for j in range(begin, end):
        share = min(high_edge, j + 1.0) - max(low_edge, float(j))
        if share > 0.0 and row[j] > 0.0:
            total += row[j] * share * price_at_origin * math.exp((j + 0.5) * width)
    return total
