"""What a study looks at: stretches of labels with the market data before and in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.feed import liquidation_event
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.science.paths import Bars
from liq_nautilus.core.science.paths import covered_intervals
from liq_nautilus.core.science.paths import interval_paths
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.exchange.brackets import BracketTable
    from liq_nautilus.core.feed import Event
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import IntervalPaths
    from liq_nautilus.core.science.paths import TimeArray

# When sums over an interval are out, after its end.
PUBLICATION_DELAY_NS = 60_000_000_000
_PAST_HOURS = (1.0, 6.0, 24.0)
# A hole this long in the labels ends a window: one missing hour does not.
LONGEST_HOLE_NS = 6 * HOUR_NS
ORDERS_SOURCE = "forced orders (a thinned feed)"


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """
    Realised liquidations per interval.

    Attributes
    ----------
    ts_open, ts_close : ndarray of shape (n,)
        UTC ns; the close is exclusive.
    long_notional, short_notional : ndarray of shape (n,)
        Liquidated notional of long and short positions (quote).
    source : str
        Where they come from.
    venues : tuple of str
        Of which venues they are; empty when unknown.
    share : float
        Which share of them was seen, in (0, 1], the rest being made up; NaN where that is not
        known: then they are what was seen.

    """

    ts_open: TimeArray
    ts_close: TimeArray
    long_notional: FloatArray
    short_notional: FloatArray
    source: str
    venues: tuple[str, ...] = ()
    share: float = 1.0

    def __len__(self) -> int:
        """Return the number of intervals."""
        return self.ts_open.size

    def of(self, side: int) -> FloatArray:
        """Return a side's notional (+1 long, -1 short)."""
        return self.long_notional if side == LONG else self.short_notional

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Labels:
        """Return some of the intervals."""
        return replace(
            self,
            ts_open=self.ts_open[rows],
            ts_close=self.ts_close[rows],
            long_notional=self.long_notional[rows],
            short_notional=self.short_notional[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """
    Single liquidations, where known.

    Attributes
    ----------
    ts : ndarray of shape (n,)
        UTC ns.
    side : ndarray of shape (n,)
        The position's: +1 long, -1 short.
    price, notional : ndarray of shape (n,)
        The average fill (quote per base unit) and what was liquidated (quote).
    share : ndarray of shape (n,), optional
        Which share of all liquidations each stands for, NaN where that is not known; without it
        nothing is known.

    """

    ts: TimeArray
    side: npt.NDArray[np.int8]
    price: FloatArray
    notional: FloatArray
    share: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """
    A stretch of labels and the data to replay for it.

    Attributes
    ----------
    symbol : str
        Such as BTCUSDT.
    labels : Labels
        Only intervals that bars cover.
    paths : IntervalPaths
        One per label.
    bars : Bars
        Last-price bars, with the warm-up.
    events : tuple of Event
        All inputs of the tracker, with the warm-up; never a liquidation.
    has_trades, has_mark : bool
        Whether trades and mark prices are among them.
    open_interest : tuple of two ndarray
        Times from which snapshots are known (UTC ns) and their notional (quote).
    funding : tuple of two ndarray
        Settlement times (UTC ns) and rates (fraction).
    brackets : BracketTable
        The symbol's, with which the map begins.
    orders : Orders or None
        Single liquidations.

    """

    symbol: str
    labels: Labels
    paths: IntervalPaths
    bars: Bars
    events: tuple[Event, ...]
    has_trades: bool
    has_mark: bool
    open_interest: tuple[TimeArray, FloatArray]
    funding: tuple[TimeArray, FloatArray]
    brackets: BracketTable
    orders: Orders | None = None

    @property
    def start(self) -> int:
        """The start of the first interval (UTC ns)."""
        return int(self.labels.ts_open[0])

    @property
    def end(self) -> int:
        """The end of the last interval (UTC ns, exclusive)."""
        return int(self.labels.ts_close[-1])


def split_stretches(labels: Labels) -> list[Labels]:
    """
    Split labels where they are interrupted or change their interval.

    Parameters
    ----------
    labels : Labels
        In time order.

    Returns
    -------
    list of Labels
        One per unbroken stretch; a hole of at most six hours does not break one.

    """
    if len(labels) == 0:
        return []
    hole = labels.ts_open[1:] - labels.ts_close[:-1]
    length = labels.ts_close - labels.ts_open
    breaks = np.flatnonzero((hole > LONGEST_HOLE_NS) | (np.diff(length) != 0)) + 1
    return [labels.take(rows) for rows in np.split(np.arange(len(labels)), breaks)]


def with_paths(labels: Labels, bars: Bars) -> tuple[Labels, IntervalPaths]:
    """Return the labels that bars cover and their paths."""
    kept = labels.take(covered_intervals(labels.ts_open, labels.ts_close, bars))
    return kept, interval_paths(kept.ts_open, kept.ts_close, bars)


def bar_by_bar(window: Window) -> tuple[Window, TimeArray]:
    """
    Return the window with each bar inside an interval as an interval of its own.

    Returns
    -------
    Window
        Its labels are zero: nobody knows what was liquidated in a single bar.
    ndarray of shape (n,)
        The first row of each interval.

    """
    paths, bars = window.paths, window.bars
    count = paths.last_bar - paths.first_bar
    rows = np.concatenate(
        [np.arange(a, b) for a, b in zip(paths.first_bar, paths.last_bar, strict=True)]
    )
    ts_open = bars.ts_open[rows]
    # A bar ends where the next one begins, or the interval does: its own close may be inclusive.
    firsts = np.cumsum(count) - count
    ts_close = np.append(ts_open[1:], 0)
    ts_close[np.cumsum(count) - 1] = paths.ts_close
    nothing = np.zeros(rows.size)
    fine = Labels(ts_open, ts_close, nothing, nothing, window.labels.source)
    return replace(window, labels=fine, paths=interval_paths(ts_open, ts_close, bars)), firsts


def halves(window: Window) -> list[Window]:
    """Return the window as two of half its intervals each; the first one's data warms up both."""
    parts = []
    for rows in np.array_split(np.arange(len(window.labels)), 2):
        paths = replace(
            window.paths,
            **{one.name: getattr(window.paths, one.name)[rows] for one in fields(window.paths)},
        )
        parts.append(replace(window, labels=window.labels.take(rows), paths=paths))
    return parts


def has_finer_bars(window: Window) -> bool:
    """Return whether intervals are made of several bars, without which refreshing is nothing."""
    return bool(np.median(window.paths.last_bar - window.paths.first_bar) >= 2)


def liquidation_events(labels: Labels, delay_ns: int = PUBLICATION_DELAY_NS) -> list[Event]:
    """Return what was liquidated in each interval, as known some time (ns) after its end."""
    is_thinned = labels.source == ORDERS_SOURCE
    share = None if math.isnan(labels.share) else labels.share
    source = "orders" if is_thinned and share is None else "bars"
    return [
        liquidation_event(
            side,
            # The tracker makes up itself what was not seen.
            float(notional) * (share or 1.0),
            int(opened),
            int(closed),
            source,
            labels.venues,
            share=share,
            delay_ns=delay_ns,
        )
        for side in (LONG, SHORT)
        for opened, closed, notional in zip(
            labels.ts_open, labels.ts_close, labels.of(side), strict=True
        )
    ]


def past_liquidations(window: Window, side: int) -> FloatArray:
    """
    Return what was liquidated of a side per hour before each interval, as known at its start.

    Parameters
    ----------
    window : Window
        The data.
    side : int
        +1 long, -1 short.

    Returns
    -------
    ndarray of shape (n, 3)
        Over the last 1, 6 and 24 hours (quote per hour); the window's first known value, or 0,
        before anything is known.

    """
    labels = window.labels
    known = labels.ts_close + PUBLICATION_DELAY_NS
    end = np.searchsorted(known, labels.ts_open, side="right")
    total = np.concatenate([[0.0], np.cumsum(labels.of(side))])
    hours = np.concatenate([[0.0], np.cumsum((labels.ts_close - labels.ts_open) / HOUR_NS)])
    columns = []
    for span in _PAST_HOURS:
        since = labels.ts_open - PUBLICATION_DELAY_NS - round(span * HOUR_NS)
        begin = np.minimum(np.searchsorted(labels.ts_close, since, side="right"), end)
        # At least the newest interval, however long it is.
        begin = np.where(begin == end, np.maximum(end - 1, 0), begin)
        time = hours[end] - hours[begin]
        rate = np.divide(total[end] - total[begin], time, out=np.zeros(end.size), where=time > 0.0)
        first = rate[time > 0.0][:1]
        columns.append(np.where(time > 0.0, rate, first if first.size else 0.0))
    return np.column_stack(columns)


def last_known(known: tuple[TimeArray, FloatArray], ts: TimeArray, missing: float) -> FloatArray:
    """
    Return the newest value known at each time.

    Parameters
    ----------
    known : tuple of two ndarray of shape (m,)
        From when a value is known (UTC ns, rising), and the value.
    ts : ndarray of shape (n,)
        UTC ns.
    missing : float
        Where none is known yet.

    """
    times, values = known
    if times.size == 0:
        return np.full(ts.size, missing)
    index = np.searchsorted(times, ts, side="right") - 1
    found: FloatArray = np.where(index >= 0, values[np.maximum(index, 0)], missing)
    return found


def labels_from_orders(orders: Orders, start: int, end: int, interval_ns: int) -> Labels:
    """
    Return single liquidations summed up by interval.

    Parameters
    ----------
    orders : Orders
        The liquidations.
    start, end : int
        UTC ns; the end is exclusive. Intervals begin at multiples of their length.
    interval_ns : int
        Their length.

    Returns
    -------
    Labels
        Made up by the orders' shares where they are known; intervals with an order of an unknown
        one are then left out. Where none is known they are what was seen.

    """
    first = start // interval_ns
    n = max(-(-end // interval_ns) - first, 0)
    index = orders.ts // interval_ns - first
    inside = (index >= 0) & (index < n)
    share = np.full(index.size, np.nan) if orders.share is None else orders.share
    is_known = np.isfinite(share)
    is_made_up = bool((inside & is_known).any())
    amounts = orders.notional / share if is_made_up else orders.notional

    def summed(rows: npt.NDArray[np.bool_], weights: FloatArray) -> FloatArray:
        return np.bincount(index[rows], weights=weights[rows], minlength=n)

    longs, shorts = (
        summed(inside & (orders.side == side) & (is_known | (not is_made_up)), amounts)
        for side in (LONG, SHORT)
    )
    ts_open = (first + np.arange(n, dtype=np.int64)) * interval_ns
    labels = Labels(ts_open, ts_open + interval_ns, longs, shorts, ORDERS_SOURCE, share=math.nan)
    if not is_made_up:
        return labels
    unknown = summed(inside & ~is_known, np.ones(index.size)) > 0.0
    seen = summed(inside & is_known, orders.notional)[~unknown].sum()
    total = float((longs + shorts)[~unknown].sum())
    return replace(labels.take(~unknown), share=float(seen) / total if total > 0.0 else math.nan)
