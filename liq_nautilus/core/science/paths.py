"""
The price path of each label interval, and what was known of prices when it began.

The information set of a prediction for [t, t + d) is everything known at t, and from inside the
interval its open, high and low alone: no volume, no open interest, no liquidations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.records import LONG
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray

    type TimeArray = npt.NDArray[np.int64]

# Bars may miss this share of an interval before it is left out.
_MISSING_SHARE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """
    Price bars in time order.

    Attributes
    ----------
    ts_open, ts_close : ndarray of shape (n_bars,)
        UTC ns; the close may be inclusive (xx:59.999) or exclusive.
    open, high, low, close : ndarray of shape (n_bars,)
        Quote per base unit, > 0.
    volume : ndarray of shape (n_bars,)
        Base quantity; NaN or 0 where unknown.

    """

    ts_open: TimeArray
    ts_close: TimeArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __len__(self) -> int:
        """Return the number of bars."""
        return self.ts_open.size


@dataclass(frozen=True, slots=True, eq=False)
class IntervalPaths:
    """
    The path of each label interval and the extremes before it.

    Attributes
    ----------
    ts_open, ts_close : ndarray of shape (n,)
        UTC ns; the close is exclusive.
    open, high, low : ndarray of shape (n,)
        Of the interval (quote per base unit).
    high_4h, low_4h, high_24h, low_24h : ndarray of shape (n,)
        The extremes of the 4 and 24 hours before the interval and its open.
    volatility_24h : ndarray of shape (n,)
        Standard deviation of the log price per hour over the 24 hours before; 0 with no bar.
    first_bar, last_bar : ndarray of shape (n,)
        The interval's bars, the last one excluded.

    """

    ts_open: TimeArray
    ts_close: TimeArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    high_4h: FloatArray
    low_4h: FloatArray
    high_24h: FloatArray
    low_24h: FloatArray
    volatility_24h: FloatArray
    first_bar: TimeArray
    last_bar: TimeArray

    def __len__(self) -> int:
        """Return the number of intervals."""
        return self.ts_open.size

    def adverse(self, side: int) -> FloatArray:
        """Return the move against a side from the open (fraction of the open, >= 0)."""
        return self.fall if side == LONG else self.rise

    def favourable(self, side: int) -> FloatArray:
        """Return the move in favour of a side from the open (fraction of the open, >= 0)."""
        return self.rise if side == LONG else self.fall

    @property
    def fall(self) -> FloatArray:
        """The fall from open to low (fraction of the open)."""
        return (self.open - self.low) / self.open

    @property
    def rise(self) -> FloatArray:
        """The rise from open to high (fraction of the open)."""
        return (self.high - self.open) / self.open

    @property
    def hours(self) -> FloatArray:
        """The length of each interval."""
        length: FloatArray = (self.ts_close - self.ts_open) / HOUR_NS
        return length


def covered_intervals(ts_open: TimeArray, ts_close: TimeArray, bars: Bars) -> npt.NDArray[np.bool_]:
    """
    Say which intervals are made of whole bars.

    Parameters
    ----------
    ts_open, ts_close : ndarray of shape (n,)
        UTC ns; the close is exclusive.
    bars : Bars
        The bars.

    Returns
    -------
    ndarray of shape (n,)
        False where bars are missing for more than a tenth of the interval, or reach beyond it.

    """
    first, last = _bar_range(ts_open, ts_close, bars)
    covered = np.zeros(ts_open.size, dtype=np.bool_)
    # Inclusive closes lack a millisecond per bar, which is far less than the tolerance.
    length = np.concatenate([[0], np.cumsum(bars.ts_close - bars.ts_open)])
    some = last > first
    held = length[last[some]] - length[first[some]]
    wanted = ts_close[some] - ts_open[some]
    inside = bars.ts_close[last[some] - 1] <= ts_close[some]
    covered[some] = inside & (held >= (1.0 - _MISSING_SHARE) * wanted)
    return covered


def interval_paths(ts_open: TimeArray, ts_close: TimeArray, bars: Bars) -> IntervalPaths:
    """
    Return the path of each interval.

    Parameters
    ----------
    ts_open, ts_close : ndarray of shape (n,)
        UTC ns; the close is exclusive.
    bars : Bars
        The bars, from before the first interval if possible.

    Raises
    ------
    ValueError
        If an interval has no bar.

    """
    first, last = _bar_range(ts_open, ts_close, bars)
    if np.any(last <= first):
        where = int(ts_open[np.argmax(last <= first)])
        msg = f"every interval must have a bar, the one from {where} ns had none; leave it out"
        raise ValueError(msg)
    open_ = bars.open[first]
    day = np.searchsorted(bars.ts_open, ts_open - DAY_NS)
    four_hours = np.searchsorted(bars.ts_open, ts_open - 4 * HOUR_NS)
    return IntervalPaths(
        ts_open=ts_open,
        ts_close=ts_close,
        open=open_,
        high=_over(np.maximum, bars.high, first, last),
        low=_over(np.minimum, bars.low, first, last),
        high_4h=np.maximum(_over(np.maximum, bars.high, four_hours, first, open_), open_),
        low_4h=np.minimum(_over(np.minimum, bars.low, four_hours, first, open_), open_),
        high_24h=np.maximum(_over(np.maximum, bars.high, day, first, open_), open_),
        low_24h=np.minimum(_over(np.minimum, bars.low, day, first, open_), open_),
        volatility_24h=_volatility(bars, day, first),
        first_bar=first,
        last_bar=last,
    )


def path_features(paths: IntervalPaths, side: int) -> FloatArray:
    """
    Return the inputs of the path-only regression.

    Parameters
    ----------
    paths : IntervalPaths
        The intervals.
    side : int
        +1 long, -1 short: whose liquidations are explained.

    Returns
    -------
    ndarray of shape (n, 7)
        Adverse and favourable move; drawdown of the interval's low from the 4 h and 24 h highs and
        rise of its high above the 4 h and 24 h lows; 24 h volatility. Moves are fractions of the
        open over the square root of the hours they had, so that intervals of different length
        can be trained on together.

    """
    hours = paths.hours
    short, middle, long = (np.sqrt(hours + before) for before in (0.0, 4.0, 24.0))
    return np.column_stack(
        [
            paths.adverse(side) / short,
            paths.favourable(side) / short,
            (paths.high_4h - paths.low) / paths.open / middle,
            (paths.high_24h - paths.low) / paths.open / long,
            (paths.high - paths.low_4h) / paths.open / middle,
            (paths.high - paths.low_24h) / paths.open / long,
            paths.volatility_24h,
        ]
    )


def _bar_range(ts_open: TimeArray, ts_close: TimeArray, bars: Bars) -> tuple[TimeArray, TimeArray]:
    first = np.searchsorted(bars.ts_open, ts_open).astype(np.int64)
    last = np.searchsorted(bars.ts_open, ts_close).astype(np.int64)
    return first, last


def _over(
    function: np.ufunc,
    values: FloatArray,
    first: TimeArray,
    last: TimeArray,
    empty: FloatArray | None = None,
) -> FloatArray:
    # The extreme of values[first:last] per interval; `empty` where there is none.
    result = np.zeros(first.size) if empty is None else empty.copy()
    for i, (begin, end) in enumerate(zip(first, last, strict=True)):
        if end > begin:
            result[i] = function.reduce(values[begin:end])
    return result


def _volatility(bars: Bars, first: TimeArray, last: TimeArray) -> FloatArray:
    squares = np.concatenate([[0.0], np.cumsum(np.log(bars.close / bars.open) ** 2)])
    hours = np.concatenate([[0.0], np.cumsum((bars.ts_close - bars.ts_open) / HOUR_NS)])
    span = hours[last] - hours[first]
    variance = np.divide(
        squares[last] - squares[first], span, out=np.zeros(first.size), where=span > 0.0
    )
    volatility: FloatArray = np.sqrt(variance)
    return volatility
