"""Bars and open interest, taken into the open positions of several models in one go."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.compiling import compiled
from liq_nautilus.compiling import inlined
from liq_nautilus.core.kernels.arguments import Bar
from liq_nautilus.core.kernels.arguments import Closing
from liq_nautilus.core.kernels.arguments import Progress
from liq_nautilus.core.kernels.arguments import Window
from liq_nautilus.core.kernels.closing import close_row
from liq_nautilus.core.kernels.opening import note_traded
from liq_nautilus.core.kernels.opening import open_row
from liq_nautilus.core.kernels.opening import path_entries
from liq_nautilus.core.kernels.opening import take_traded
from liq_nautilus.core.kernels.sweeping import sweep_all
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Bars
    from liq_nautilus.core.kernels.arguments import Books
    from liq_nautilus.core.kernels.arguments import Entries
    from liq_nautilus.core.kernels.arguments import IndexArray
    from liq_nautilus.core.kernels.arguments import Positions
    from liq_nautilus.core.kernels.arguments import Prediction
    from liq_nautilus.core.kernels.arguments import Trading
    from liq_nautilus.core.kernels.arguments import Trailing
    from liq_nautilus.core.records import FloatArray

_SPELL_NS = 300_000_000_000
# A mark price bar keeps its precedence over last-price bars for this many of its lengths.
_MARK_LENGTHS = 3
# Less than this share of open interest in a bucket is nothing.
_DUST = 1e-12


@compiled
def first_wrong_bar(values: FloatArray) -> int:
    """Return the first bar without ``0 < low <= open, close <= high``, or -1; as in `Bars`."""
    for i in range(values.shape[0]):
        open_, high, low, close = values[i, 0], values[i, 1], values[i, 2], values[i, 3]
        is_ordered = low <= open_ and open_ <= high and low <= close and close <= high
        if not (is_ordered and low > 0.0 and high < math.inf):
            return i
    return -1


@compiled
def advance(
    books: Books,
    bars: Bars,
    window: Window,
    progress: Progress,
    trading: Trading,
    trailing: Trailing,
    prediction: Prediction,
) -> Progress:
    """
    Take in bars one after another: each sweeps what its path crossed and turns positions over.

    Parameters
    ----------
    books : Books
        Changed.
    bars : Bars
        The bars.
    window : Window
        Where the buckets lie.
    progress : Progress
        How far they were taken in before.
    trading : Trading
        What turns positions over.
    trailing : Trailing
        Changed.
    prediction : Prediction
        Takes what was swept.

    Returns
    -------
    Progress
        How far they are taken in now: to the end, or to before a bar whose price is too far from
        the window's middle, which must be moved first.

    """
    n_buckets = books.positions[0][0].shape[2]
    begin, n_spells, ts, marks_until, position, price = progress
    for i in range(begin, bars.values.shape[0]):
        bar = _bar(bars, i)
        if bar.is_mark or bar.ts_close > marks_until:
            close = _bucket(bar.close, window)
            if not 0.25 * n_buckets <= close < 0.75 * n_buckets:
                return Progress(i, n_spells, ts, marks_until, position, price)
            sweep_all(books, _bucket(bar.low, window), _bucket(bar.high, window))
            n_spells = _spell(prediction.until, n_spells, max(ts, bar.ts_close))
            _note_swept(books, prediction, n_spells - 1, math.sqrt(bar.high * bar.low))
            position, price = close, bar.close
        ts = max(ts, bar.ts_close)
        if bar.is_mark:
            marks_until = bar.ts_close + _MARK_LENGTHS * _duration(bar)
        else:
            here = Window(window.width, window.origin, position)
            _trade_bar(books, bar, here, trading, trailing)
    return Progress(bars.values.shape[0], n_spells, ts, marks_until, position, price)


@inlined
def _bar(bars: Bars, i: int) -> Bar:
    values, times = bars.values, bars.times
    return Bar(
        values[i, 0],
        values[i, 1],
        values[i, 2],
        values[i, 3],
        values[i, 4],
        values[i, 5] > 0.0,
        times[i, 0],
        times[i, 1],
    )


@inlined
def _duration(bar: Bar) -> int:
    return max(bar.ts_close - bar.ts_open, 1)


@inlined
def _bucket(price: float, window: Window) -> float:
    # Where a price lies, in buckets from the window's origin.
    return math.log(price) / window.width - window.origin


@inlined
def _spell(until: IndexArray, n_spells: int, ts: int) -> int:
    # Let a time belong to the last spell or begin another; return how many there are.
    last = n_spells - 1
    if last < 0 or (ts - 1) // _SPELL_NS != (until[last] - 1) // _SPELL_NS:
        last += 1
    until[last] = ts
    return last + 1


@inlined
def _note_swept(books: Books, prediction: Prediction, spell: int, price: float) -> None:
    if prediction.unit_price > 0.0:
        price = prediction.unit_price
    for m in range(len(books.positions)):
        (_, rows), shares = books.positions[m], books.shares[m]
        for side in range(2):
            quantity = 0.0
            for tier in range(shares.shape[1]):
                quantity += rows[side, tier].swept * shares[side, tier]
            prediction.notional[spell, side] += prediction.scales[m, side] * quantity * price


@inlined
def _trade_bar(
    books: Books, bar: Bar, window: Window, trading: Trading, trailing: Trailing
) -> None:
    # Last prices say where trading was, and so where positions are turned over.
    duration = _duration(bar)
    variance = range_variance(bar.high, bar.low)
    accrue(trailing.variance, variance, duration, trading.half_life_ns)
    amount, turned_over = _turned_over(bar, duration, trading)
    accrue(trailing.turnover, turned_over, duration, trading.half_life_ns)
    entries = path_entries(
        _bucket(bar.open, window),
        _bucket(bar.high, window),
        _bucket(bar.low, window),
        _bucket(bar.close, window),
    )
    dust = _DUST * trading.open_interest
    closing = Closing(window.position, trading.loser_ratio, dust)
    for m in range(len(books.traded)):
        note_traded(books.traded[m], entries, amount)
        if dust > 0.0 and turned_over > 0.0:
            fractions = 1.0 - np.exp(-turned_over * books.multiples[m])
            turn_over(books.positions[m], entries, fractions, trading.open_interest, closing)
    # Longs lie below the current price and shorts above, whatever was just opened.
    sweep_all(books, window.position, window.position)


@inlined
def range_variance(high: float, low: float) -> float:
    """Return the variance of the log price that a bar's range speaks of (Parkinson 1980)."""
    reach = math.log(high / low)
    return reach * reach / (4.0 * math.log(2.0))


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
def _turned_over(bar: Bar, duration: float, trading: Trading) -> tuple[float, float]:
    # How much was traded, and the fraction of open interest that turned over.
    volume, hours = bar.volume, duration / HOUR_NS
    is_known = volume > 0.0 or (volume == 0.0 and bar.high == bar.low)
    if is_known and trading.open_interest > 0.0:
        return volume, trading.volume_turnover * volume / trading.open_interest
    return volume if is_known else hours, trading.hourly_turnover * hours


@inlined
def turn_over(
    positions: Positions,
    entries: Entries,
    fractions: FloatArray,
    open_interest: float,
    closing: Closing,
) -> None:
    """
    Close a fraction of every row, and open that fraction of open interest elsewhere.

    What was liquidated is not opened again at the same leverage, so that rows the path often sweeps
    hold less than the others.

    Parameters
    ----------
    positions : Positions
        Changed.
    entries : Entries
        Where positions are opened.
    fractions : ndarray of shape (n_tiers,)
        The fraction of each tier, in [0, 1].
    open_interest : float
        Base quantity.
    closing : Closing
        How positions are closed.

    """
    _, rows = positions
    for side in range(2):
        for tier in range(rows.shape[1]):
            amount = fractions[tier] * rows[side, tier].held
            if amount > 0.0:
                close_row(positions, side, tier, amount, closing)
            amount = fractions[tier] * open_interest
            if amount > 0.0:
                open_row(positions, side, tier, entries, amount)


@inlined
def follow(
    positions: Positions, entries: Entries, before: float, now: float, closing: Closing
) -> None:
    """
    Follow open interest: a rise is opened in every row, a fall closes every row in proportion.

    Parameters
    ----------
    positions : Positions
        Changed.
    entries : Entries
        Where positions are opened.
    before, now : float
        Open interest (base quantity).
    closing : Closing
        How positions are closed.

    """
    _, rows = positions
    for side in range(2):
        for tier in range(rows.shape[1]):
            if now > before:
                open_row(positions, side, tier, entries, now - before)
            elif now < before:
                amount = rows[side, tier].held * (1.0 - now / before)
                if amount > 0.0:
                    close_row(positions, side, tier, amount, closing)


@compiled
def follow_all(books: Books, before: float, now: float, window: Window, loser_ratio: float) -> None:
    """
    Follow open interest in the models that trade, opening where trading was since the last time.

    Parameters
    ----------
    books : Books
        Changed.
    before, now : float
        Open interest (base quantity).
    window : Window
        Where the current price is.
    loser_ratio : float
        As in `Closing`.

    """
    closing = Closing(window.position, loser_ratio, _DUST * now)
    for m in range(len(books.traded)):
        entries = take_traded(books.traded[m], window.position)
        follow(books.positions[m], entries, before, now, closing)
    sweep_all(books, window.position, window.position)
