"""
Opening, closing and consuming positions.

Positions are held per side (0 long, 1 short) and leverage tier in buckets of the *logarithm of the
liquidation price*: bucket ``j`` of the window covers ``[(origin + j) * width, (origin + j + 1) *
width)`` of ``log(price) - offset``, where the row's offset is what settled funding has moved it.
`bounds` holds, per row, the first and the one-past-last bucket that may be occupied, so that work
follows what is occupied and not the window.

A row's quantities are ``mass * running[SCALE]``: closing a fraction of a whole row is one
multiplication of its scale, and `running[HELD]` keeps the row's sum. A row is put right (scale 1,
sum exact, dust gone) whenever its scale has halved.

The file is long on purpose: numba's cache of a compiled kernel does not notice an edit of one it
calls in another file, so that a chain of calls stays in one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.kernels.compiling import compiled
from liq_nautilus.core.kernels.compiling import inlined

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray

    type IndexArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    type Book = tuple[tuple[Any, ...], ...]

# Rows of the ledger.
OPENED = 0
CLOSED = 1
CONSUMED = 2
EXPIRED = 3
# Rows of `running`.
SCALE = 0
HELD = 1
# A row is put right when its scale falls below this.
LEAST_SCALE = 0.5
_HOUR_NS = 3.6e12
_SPELL_NS = 300_000_000_000
# A mark price bar keeps its precedence over last-price bars for this many of its lengths.
_MARK_LENGTHS = 3


@inlined
def consume(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    running: FloatArray,
    offset: FloatArray,
    low: float,
    high: float,
    swept: FloatArray,
) -> None:
    """
    Remove the positions whose liquidation price the path crossed.

    Parameters
    ----------
    mass : ndarray of shape (2, n_tiers, n_buckets)
        Base quantity before the row's scale; changed.
    bounds : ndarray of shape (2, n_tiers, 2)
        Occupied buckets; changed.
    ledger : ndarray of shape (4, 2, n_tiers)
        Running totals; changed.
    running : ndarray of shape (2, 2, n_tiers)
        Scale and base quantity of each row; changed.
    offset : ndarray of shape (2, n_tiers)
        What funding has moved each row, in buckets.
    low, high : float
        The path's low (longs at or above it go) and high (shorts at or below it go) in buckets
        from the window's origin; the bucket that holds an edge goes in proportion.
    swept : ndarray of shape (2, n_tiers)
        Takes the quantity removed from each row.

    """
    n_buckets = mass.shape[2]
    for tier in range(mass.shape[1]):
        swept[0, tier], swept[1, tier] = 0.0, 0.0
        edge = low - offset[0, tier]
        first, last = bounds[0, tier, 0], bounds[0, tier, 1]
        if edge < last:
            cell = math.floor(edge)
            removed = 0.0
            for j in range(max(cell + 1, first), last):
                removed += mass[0, tier, j]
                mass[0, tier, j] = 0.0
            if 0 <= cell < n_buckets:
                part = mass[0, tier, cell] * (cell + 1 - edge)
                mass[0, tier, cell] -= part
                removed += part
            bounds[0, tier, 1] = max(cell + 1, first)
            swept[0, tier] = _book_consumed(mass, bounds, ledger, running, 0, tier, removed)

        edge = high - offset[1, tier]
        first, last = bounds[1, tier, 0], bounds[1, tier, 1]
        if edge > first:
            cell = math.floor(edge)
            removed = 0.0
            for j in range(first, min(cell, last)):
                removed += mass[1, tier, j]
                mass[1, tier, j] = 0.0
            if 0 <= cell < n_buckets:
                part = mass[1, tier, cell] * (edge - cell)
                mass[1, tier, cell] -= part
                removed += part
            bounds[1, tier, 0] = min(cell, last)
            swept[1, tier] = _book_consumed(mass, bounds, ledger, running, 1, tier, removed)


@inlined
def _book_consumed(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    running: FloatArray,
    side: int,
    tier: int,
    removed: float,
) -> float:
    if removed == 0.0:
        return 0.0
    scale, held = running[SCALE, side, tier], running[HELD, side, tier]
    quantity: float = removed * scale
    ledger[CONSUMED, side, tier] += quantity
    if 2.0 * quantity > held:
        # The small rest of a large sum would be its rounding: sum it anew.
        total = 0.0
        for j in range(bounds[side, tier, 0], bounds[side, tier, 1]):
            total += mass[side, tier, j]
        running[HELD, side, tier] = total * scale
    else:
        running[HELD, side, tier] = held - quantity
    return quantity


@inlined
def trade(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    running: FloatArray,
    offset: FloatArray,
    log_ratio: FloatArray,
    position: float,
    entry_first: int,
    entry_weights: FloatArray,
    level: float,
    target: float,
    turnover: FloatArray,
    loser_ratio: float,
    dust: float,
) -> None:
    """
    Close positions and open others.

    Every row is a share of all that is opened and closed: what was liquidated is not opened again
    at the same leverage, so that rows the path often sweeps hold less than the others.

    Parameters
    ----------
    mass, bounds, ledger, running, offset
        As in `consume`; changed but for the offset.
    log_ratio : ndarray of shape (2, n_tiers)
        From an entry price's bucket to its liquidation price's without funding, in buckets.
    position : float
        The current price, in buckets from the origin: longs whose liquidation price is beyond that
        of an entry there, and shorts before it, are at a loss.
    entry_first : int
        The bucket of the first entry weight.
    entry_weights : ndarray of shape (n_entries,)
        Where positions are opened, summing to 1.
    level : float
        The open interest before (base quantity).
    target : float
        The open interest afterwards: a rise is opened in every row, a fall closes every row in
        proportion. NaN: unchanged, but turned over.
    turnover : ndarray of shape (n_tiers,)
        Where `target` is NaN, the fraction of each row that is closed, and of open interest that is
        opened in it.
    loser_ratio : float
        Closing rate of positions at a loss relative to those in profit.
    dust : float
        Buckets below this quantity are emptied when their row is put right.

    """
    for side in range(2):
        for tier in range(mass.shape[1]):
            shift = log_ratio[side, tier] - offset[side, tier]
            total = running[HELD, side, tier]
            if math.isnan(target):
                closing = turnover[tier] * total
                opening = turnover[tier] * level
            else:
                closing = total * (1.0 - target / level) if target < level else 0.0
                opening = max(target - level, 0.0)
            if closing > 0.0:
                if loser_ratio == 1.0:
                    _close_evenly(mass, bounds, ledger, running, side, tier, closing, dust)
                else:
                    split = math.floor(position + shift) + 1
                    _close_unevenly(
                        mass, bounds, ledger, running, side, tier, closing, split, loser_ratio, dust
                    )
            if opening > 0.0:
                _deposit(
                    mass,
                    bounds,
                    ledger,
                    running,
                    side,
                    tier,
                    shift,
                    entry_first,
                    entry_weights,
                    opening,
                )


@inlined
def _close_evenly(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    running: FloatArray,
    side: int,
    tier: int,
    closing: float,
    dust: float,
) -> None:
    # All positions of the row alike.
    held = running[HELD, side, tier]
    keep = 1.0 - min(closing / held, 1.0)
    ledger[CLOSED, side, tier] += held - held * keep
    running[HELD, side, tier] = held * keep
    running[SCALE, side, tier] *= keep
    if running[SCALE, side, tier] < LEAST_SCALE:
        put_right(mass, bounds, ledger, running, side, tier, dust)


@compiled
def put_right(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    running: FloatArray,
    side: int,
    tier: int,
    dust: float,
) -> None:
    """Take a row's scale into its masses, drop its dust, tighten its bounds, sum it anew."""
    first, last = bounds[side, tier, 0], bounds[side, tier, 1]
    scale = running[SCALE, side, tier]
    total = 0.0
    for j in range(first, last):
        kept = mass[side, tier, j] * scale
        if kept < dust:
            ledger[EXPIRED, side, tier] += kept
            kept = 0.0
        mass[side, tier, j] = kept
        total += kept
    while first < last and mass[side, tier, first] == 0.0:
        first += 1
    while last > first and mass[side, tier, last - 1] == 0.0:
        last -= 1
    bounds[side, tier, 0], bounds[side, tier, 1] = first, last
    running[SCALE, side, tier], running[HELD, side, tier] = 1.0, total


@compiled
def _close_unevenly(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    running: FloatArray,
    side: int,
    tier: int,
    closing: float,
    split: int,
    loser_ratio: float,
    dust: float,
) -> None:
    # Positions at a loss at another rate than those in profit: two factors, which need a pass.
    first, last = bounds[side, tier, 0], bounds[side, tier, 1]
    split = min(max(split, first), last)
    scale = running[SCALE, side, tier]
    below = above = 0.0
    for j in range(first, split):
        below += mass[side, tier, j]
    for j in range(split, last):
        above += mass[side, tier, j]
    below, above = below * scale, above * scale
    closing = min(closing, below + above)
    winners, losers = (below, above) if side == 0 else (above, below)
    win_rate, lose_rate = _closing_rates(winners, losers, closing, loser_ratio)
    keep_below = 1.0 - (win_rate if side == 0 else lose_rate)
    keep_above = 1.0 - (lose_rate if side == 0 else win_rate)
    for j in range(first, split):
        mass[side, tier, j] *= keep_below
    for j in range(split, last):
        mass[side, tier, j] *= keep_above
    kept = below * keep_below + above * keep_above
    ledger[CLOSED, side, tier] += below + above - kept
    put_right(mass, bounds, ledger, running, side, tier, dust)


@compiled
def _closing_rates(
    winners: float, losers: float, closing: float, loser_ratio: float
) -> tuple[float, float]:
    # Both fractions such that `closing` leaves; when one kind is gone, the other makes it up.
    denominator = winners + loser_ratio * losers
    rate = closing / denominator if denominator > 0.0 else 1.0
    if loser_ratio * rate > 1.0 and winners > 0.0:
        return min(max((closing - losers) / winners, 0.0), 1.0), 1.0
    if rate < 1.0:
        return rate, min(loser_ratio * rate, 1.0)
    return 1.0, min(max(closing - winners, 0.0) / losers, 1.0) if losers > 0.0 else 0.0


@compiled
def deposit(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    running: FloatArray,
    offset: FloatArray,
    log_ratio: FloatArray,
    entry_first: int,
    entry_weights: FloatArray,
    amounts: FloatArray,
) -> None:
    """Open `amounts` (shape (2, n_tiers), base quantity) at the entry weights; as in `trade`."""
    for side in range(2):
        for tier in range(mass.shape[1]):
            if amounts[side, tier] > 0.0:
                _deposit(
                    mass,
                    bounds,
                    ledger,
                    running,
                    side,
                    tier,
                    log_ratio[side, tier] - offset[side, tier],
                    entry_first,
                    entry_weights,
                    amounts[side, tier],
                )


@inlined
def _deposit(
    mass: FloatArray,
    bounds: IndexArray,
    ledger: FloatArray,
    running: FloatArray,
    side: int,
    tier: int,
    shift: float,
    entry_first: int,
    entry_weights: FloatArray,
    amount: float,
) -> None:
    # A shift between buckets is split over the two neighbours.
    whole = math.floor(shift)
    part = shift - whole
    n_buckets = mass.shape[2]
    start = entry_first + whole
    unit = amount / running[SCALE, side, tier]
    lost = 0.0
    for i in range(entry_weights.shape[0]):
        value = unit * entry_weights[i]
        upper = value * part
        lower = value - upper
        j = start + i
        if 0 <= j < n_buckets:
            mass[side, tier, j] += lower
        else:
            lost += lower
        if 0 <= j + 1 < n_buckets:
            mass[side, tier, j + 1] += upper
        else:
            lost += upper
    lost = min(lost * running[SCALE, side, tier], amount)
    ledger[OPENED, side, tier] += amount
    ledger[EXPIRED, side, tier] += lost
    running[HELD, side, tier] += amount - lost
    begin = min(max(start, 0), n_buckets)
    end = min(max(start + entry_weights.shape[0] + 1, 0), n_buckets)
    if bounds[side, tier, 0] >= bounds[side, tier, 1]:
        bounds[side, tier, 0], bounds[side, tier, 1] = begin, end
    elif begin < end:
        bounds[side, tier, 0] = min(bounds[side, tier, 0], begin)
        bounds[side, tier, 1] = max(bounds[side, tier, 1], end)


@inlined
def path_weights(points: FloatArray, out: FloatArray, first: int) -> None:
    """
    Add the time a path spends in each bucket, moving evenly from point to point.

    Parameters
    ----------
    points : ndarray of shape (n_points,)
        The path's corners, in buckets from the window's origin.
    out : ndarray of shape (n_out,)
        Added to, one in sum over the path.
    first : int
        The window bucket that `out` begins with.

    """
    length = 0.0
    for i in range(points.shape[0] - 1):
        length += abs(points[i + 1] - points[i])
    if length <= 0.0:
        out[math.floor(points[0]) - first] += 1.0
        return
    for i in range(points.shape[0] - 1):
        low = min(points[i], points[i + 1])
        high = max(points[i], points[i + 1])
        for j in range(math.floor(low), math.ceil(high)):
            share = min(high, j + 1.0) - max(low, float(j))
            if share > 0.0:
                out[j - first] += share / length


@inlined
def add_pending(
    pending: FloatArray, span: IndexArray, first: int, weights: FloatArray, amount: float
) -> None:
    """
    Note where trading happened; what lies beyond the window is left out.

    Parameters
    ----------
    pending : ndarray of shape (n_buckets,)
        Added to.
    span : ndarray of shape (2,)
        The first and the one-past-last bucket of `pending` that is not 0; changed.
    first : int
        The window bucket of the first weight.
    weights : ndarray of shape (n,)
        Where, summing to 1.
    amount : float
        How much, in any unit.

    """
    begin = min(max(first, 0), pending.shape[0])
    end = max(min(first + weights.shape[0], pending.shape[0]), 0)
    for j in range(begin, end):
        pending[j] += weights[j - first] * amount
    if begin < end:
        is_empty = span[0] >= span[1]
        span[0] = begin if is_empty else min(span[0], begin)
        span[1] = end if is_empty else max(span[1], end)


@compiled
def take_pending(pending: FloatArray, span: IndexArray, position: float) -> tuple[int, FloatArray]:
    """Return and forget what `add_pending` noted, as a first bucket and weights of sum 1."""
    first, last = span[0], span[1]
    weights = pending[first:last].copy()
    pending[first:last] = 0.0
    span[0], span[1] = 0, 0
    total = 0.0
    for weight in weights:
        total += weight
    if total <= 0.0:
        weights = np.ones(1)
        return math.floor(position), weights
    for i in range(weights.shape[0]):
        weights[i] /= total
    return first, weights


@inlined
def sweep_all(book: Book, n_swept: int, low: float, high: float) -> None:
    """
    Consume what a path crossed in several exposures.

    Parameters
    ----------
    book : tuple of 7 tuples of ndarray
        Mass, bounds, ledger, running, offset, swept and log ratio of each exposure, as in `consume`
        and `trade`.
    n_swept : int
        So many exposures, from the first, are swept.
    low, high : float
        The path's ends, in buckets from the window's origin.

    """
    masses, bounds, ledgers, runnings, offsets, sweeps, _ = book
    for m in range(n_swept):
        consume(masses[m], bounds[m], ledgers[m], runnings[m], offsets[m], low, high, sweeps[m])


@inlined
def _note_swept(
    book: Book, shares: tuple[FloatArray, ...], scales: FloatArray, price: float, out: FloatArray
) -> None:
    sweeps = book[5]
    for m in range(len(sweeps)):
        for side in range(2):
            quantity = 0.0
            for tier in range(sweeps[m].shape[1]):
                quantity += sweeps[m][side, tier] * shares[m][side, tier]
            out[side] += scales[m, side] * quantity * price


@inlined
def accrue(sums: FloatArray, amount: float, duration: float, half_life: float) -> None:
    """
    Age an exponentially weighted rate and add to it.

    Parameters
    ----------
    sums : ndarray of shape (2,)
        What accrued and the time it took, both weighted; changed.
    amount, duration : float
        What came, and over which time.
    half_life : float
        After this time an observation weighs half; in the unit of `duration`.

    """
    decay = 0.5 ** (duration / half_life)
    sums[0] = sums[0] * decay + amount
    sums[1] = sums[1] * decay + duration


@inlined
def _turned_over(bar: FloatArray, duration: float, rates: FloatArray) -> tuple[float, float]:
    # How much was traded, and the fraction of open interest that turned over.
    volume, hours = bar[4], duration / _HOUR_NS
    is_known = volume > 0.0 or (volume == 0.0 and bar[1] == bar[2])
    if is_known and rates[2] > 0.0:
        return volume, rates[0] * volume / rates[2]
    return volume if is_known else hours, rates[1] * hours


@compiled
def first_wrong_bar(bars: FloatArray) -> int:
    """Return the first bar without ``0 < low <= open, close <= high``, or -1; as in `advance`."""
    for i in range(bars.shape[0]):
        open_, high, low, close = bars[i, 0], bars[i, 1], bars[i, 2], bars[i, 3]
        is_ordered = low <= open_ and open_ <= high and low <= close and close <= high
        if not (is_ordered and low > 0.0 and high < math.inf):
            return i
    return -1


@inlined
def _spell(spells: IndexArray, clock: IndexArray, ts: int) -> int:
    # The row of `predicted` that belongs to a time.
    last: int = clock[2] - 1
    if last < 0 or (ts - 1) // _SPELL_NS != (spells[last] - 1) // _SPELL_NS:
        last += 1
        clock[2] += 1
    spells[last] = ts
    return last


@inlined
def _path_entries(open_: float, high: float, low: float, close: float) -> tuple[int, FloatArray]:
    # Entries are spread over the path: by way of the nearer extreme first.
    points = np.array([open_, low, high, close])
    if close < open_:
        points[1], points[2] = high, low
    first = math.floor(low)
    entries = np.zeros(math.floor(high) - first + 1)
    path_weights(points, entries, first)
    return first, entries


@compiled
def advance(
    book: Book,
    n_swept: int,
    shares: tuple[FloatArray, ...],
    scales: FloatArray,
    multiples: tuple[FloatArray, ...],
    pendings: tuple[FloatArray, ...],
    spans: tuple[IndexArray, ...],
    bars: FloatArray,
    times: IndexArray,
    start: int,
    clock: IndexArray,
    where: FloatArray,
    rates: FloatArray,
    variance: FloatArray,
    turnover: FloatArray,
    loser_ratio: float,
    dust: float,
    predicted: FloatArray,
    spells: IndexArray,
) -> int:
    """
    Take in bars one after another: each sweeps what its path crossed and turns positions over.

    Parameters
    ----------
    book, n_swept
        As in `sweep_all`; the first `len(pendings)` exposures trade.
    shares : tuple of ndarray of shape (2, n_tiers)
        The tiers' shares of each exposure, by which what is swept is summed.
    scales : ndarray of shape (n_exposures, 2)
        What each exposure's longs and shorts count in that sum.
    multiples : tuple of ndarray of shape (n_tiers,)
        The turnover of each tier relative to 25x, of the exposures that trade.
    pendings, spans
        As in `add_pending`, of the exposures that trade.
    bars : ndarray of shape (n_bars, 6)
        Open, high, low, close, volume (base quantity; NaN: unknown), and 1 where they are prices of
        the mark, which liquidate where they come, else 0.
    times : ndarray of shape (n_bars, 2)
        When each opens and closes (UTC ns).
    start : int
        The first bar to take in.
    clock : ndarray of shape (3,)
        The newest time (UTC ns), until when marks take precedence over last prices, and the number
        of spells in `predicted`; changed.
    where : ndarray of shape (4,)
        Log width of a bucket, the window's origin, the current price in buckets from there, and
        itself; the last two are changed.
    rates : ndarray of shape (4,)
        The share of volume that turns over; the share of open interest that does per hour where no
        volume is known; open interest (base quantity; NaN: unknown); half-life (ns).
    variance, turnover : ndarray of shape (2,)
        As in `accrue`, of the log price's variance by ranges (Parkinson 1980) and of turnover.
    loser_ratio : float
        As in `trade`.
    dust : float
        As in `trade`; 0 where no open interest was seen, and nothing turns over.
    predicted : ndarray of shape (n_bars, 2)
        Takes what was swept of longs and shorts, at the middle of each bar's range (quote), summed
        over bars that close in the same spell of five minutes.
    spells : ndarray of shape (n_bars,)
        Takes the last time of each spell (UTC ns).

    Returns
    -------
    int
        The first bar not taken in: its price is too far from the window's middle, which must be
        moved; the number of bars if there is none.

    """
    masses, bounds, ledgers, runnings, offsets, _, log_ratios = book
    n_buckets = masses[0].shape[2]
    for i in range(start, bars.shape[0]):
        open_ = math.log(bars[i, 0]) / where[0] - where[1]
        high = math.log(bars[i, 1]) / where[0] - where[1]
        low = math.log(bars[i, 2]) / where[0] - where[1]
        close = math.log(bars[i, 3]) / where[0] - where[1]
        is_mark = bars[i, 5] > 0.0
        if is_mark or times[i, 1] > clock[1]:
            if not 0.25 * n_buckets <= close < 0.75 * n_buckets:
                return i
            where[2] = close
            sweep_all(book, n_swept, low, high)
            price = math.sqrt(bars[i, 1] * bars[i, 2])
            spell = _spell(spells, clock, max(clock[0], times[i, 1]))
            _note_swept(book, shares, scales, price, predicted[spell])
            where[3] = bars[i, 3]
        clock[0] = max(clock[0], times[i, 1])
        duration = max(times[i, 1] - times[i, 0], 1)
        if is_mark:
            clock[1] = times[i, 1] + _MARK_LENGTHS * duration
            continue
        reach = math.log(bars[i, 1] / bars[i, 2])
        accrue(variance, reach * reach / (4.0 * math.log(2.0)), duration, rates[3])
        amount, turned_over = _turned_over(bars[i], duration, rates)
        accrue(turnover, turned_over, duration, rates[3])
        first, entries = _path_entries(open_, high, low, close)
        is_turned = dust > 0.0 and turned_over > 0.0
        for m in range(len(pendings)):
            add_pending(pendings[m], spans[m], first, entries, amount)
            if is_turned:
                trade(
                    masses[m],
                    bounds[m],
                    ledgers[m],
                    runnings[m],
                    offsets[m],
                    log_ratios[m],
                    where[2],
                    first,
                    entries,
                    rates[2],
                    math.nan,
                    1.0 - np.exp(-turned_over * multiples[m]),
                    loser_ratio,
                    dust,
                )
        # Longs lie below the current price and shorts above, whatever was just opened.
        sweep_all(book, n_swept, where[2], where[2])
    done: int = bars.shape[0]
    return done


@compiled
def hold(
    book: Book,
    n_swept: int,
    pendings: tuple[FloatArray, ...],
    spans: tuple[IndexArray, ...],
    level: float,
    target: float,
    position: float,
    loser_ratio: float,
    dust: float,
) -> None:
    """
    Open or close as open interest rises or falls; arguments as in `advance` and `trade`.

    Opened is where trading was since the last time.
    """
    masses, bounds, ledgers, runnings, offsets, _, log_ratios = book
    for m in range(len(pendings)):
        first, entries = take_pending(pendings[m], spans[m], position)
        trade(
            masses[m],
            bounds[m],
            ledgers[m],
            runnings[m],
            offsets[m],
            log_ratios[m],
            position,
            first,
            entries,
            level,
            target,
            np.zeros(masses[m].shape[1]),
            loser_ratio,
            dust,
        )
    sweep_all(book, n_swept, position, position)
