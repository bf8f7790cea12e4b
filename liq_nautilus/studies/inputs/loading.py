"""Reads windows from the catalog: labels, and the market data of the time before and in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.brackets import BracketTable
from liq_nautilus.core.feed import trades_event
from liq_nautilus.core.science.paths import Bars
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.catalog.events import bar_events
from liq_nautilus.nautilus.catalog.events import funding_events
from liq_nautilus.nautilus.catalog.events import open_interest_events
from liq_nautilus.nautilus.catalog.inventory import finest_bar_interval
from liq_nautilus.nautilus.catalog.inventory import inventory
from liq_nautilus.nautilus.catalog.reading import read_bars
from liq_nautilus.nautilus.catalog.reading import read_funding
from liq_nautilus.nautilus.catalog.reading import read_mark_bars
from liq_nautilus.nautilus.catalog.reading import read_open_interest
from liq_nautilus.nautilus.catalog.reading import read_trades
from liq_nautilus.nautilus.config import OPEN_INTEREST_DELAY_SECS
from liq_nautilus.studies.inputs.labels import find_labels
from liq_nautilus.studies.inputs.labels import find_orders
from liq_nautilus.studies.inputs.labels import read_label_file
from liq_nautilus.studies.inputs.windows import Window
from liq_nautilus.studies.inputs.windows import split_stretches
from liq_nautilus.studies.inputs.windows import with_paths
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from liq_nautilus.core.feed import Event
    from liq_nautilus.studies.inputs.windows import Labels

# With the usual turnover nothing older than this is left in the part of the map near the price.
WARM_UP_NS = 7 * DAY_NS
# Large trades are handed over by the minute: fewer events, and none is known too early.
_TRADE_BATCH_NS = MINUTE_NS
_DELAY_NS = round(OPEN_INTEREST_DELAY_SECS * SECOND_NS)


@dataclass(frozen=True, slots=True)
class Request:
    """
    What to load.

    Attributes
    ----------
    catalog : Path
        The catalog's folder.
    symbol : str
        Binance's symbol.
    start_ns, end_ns : int or None
        One window from the labels in [start, end); without both, one per unbroken stretch.
    labels : Path or None
        A file of liquidation bars or forced orders instead of the catalog's.
    bar : str or None
        The bars' interval; the finest that covers the window by default.
    large_trade_notional : float
        Smaller trades are not handed to the tracker, which would ignore them (quote).

    """

    catalog: Path
    symbol: str
    start_ns: int | None = None
    end_ns: int | None = None
    labels: Path | None = None
    bar: str | None = None
    large_trade_notional: float = 100_000.0


def load_windows(request: Request, on_skip: Callable[[str], None] | None = None) -> list[Window]:
    """
    Return the windows of a catalog, in time order.

    Parameters
    ----------
    request : Request
        What to load.
    on_skip : callable, optional
        Told why a stretch of labels is left out while others remain.

    Raises
    ------
    DataGapError
        If there are no labels, or no bars or open interest to go with any of them.

    """
    if request.labels is None:
        found = find_labels(request.catalog, request.symbol, request.start_ns, request.end_ns)
    else:
        found = read_label_file(request.labels, request.start_ns, request.end_ns)
    is_one = request.start_ns is not None or request.end_ns is not None
    stretches = _largest(found) if is_one else [s for one in found for s in split_stretches(one)]
    windows: list[Window] = []
    gaps: list[DataGapError] = []
    for stretch in _without_overlap(stretches):
        try:
            windows.append(_load(request, stretch))
        except DataGapError as e:
            gaps.append(e)
    if not windows:
        raise gaps[0]
    for gap in gaps:
        if on_skip is not None:
            on_skip(f"labels left out: {gap}")
    return windows


def _largest(found: list[Labels]) -> list[Labels]:
    return [max(found, key=len)]


def _without_overlap(stretches: list[Labels]) -> list[Labels]:
    # Of labels for the same time the finer ones are kept.
    kept: list[Labels] = []
    for one in sorted(stretches, key=len, reverse=True):
        start, end = one.ts_open[0], one.ts_close[-1]
        if all(end <= other.ts_open[0] or start >= other.ts_close[-1] for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: int(one.ts_open[0]))


def _load(request: Request, labels: Labels) -> Window:
    start, end = int(labels.ts_open[0]), int(labels.ts_close[-1])
    source, symbol = request.catalog, request.symbol
    interval = request.bar or finest_bar_interval(source, symbol, start, end)
    frame = read_bars(
        source, symbol, interval, start - WARM_UP_NS, end, required=request.bar is not None
    )
    bars = _bars(frame)
    kept, paths = with_paths(labels, bars)
    if len(kept) == 0:
        msg = (
            f"{source} must hold bars of {symbol} that fill the label intervals from {iso(start)} "
            f"to {iso(end)}, found none in bars of {interval}; ingest klines of those days, of an "
            "interval no longer than the labels'"
        )
        raise DataGapError(msg)
    open_interest = read_open_interest(source, symbol, start - WARM_UP_NS, end, required=False)
    if open_interest.empty:
        msg = (
            f"{source} must hold open interest of {symbol} from {iso(start)} to {iso(end)}, "
            "found none; ingest metrics of those days"
        )
        raise DataGapError(msg)
    funding = read_funding(source, symbol, start - WARM_UP_NS, end, required=False)
    mark, trades = _mark_events(request, start, end), _trade_events(request, start, end)
    events = [*bar_events(frame), *open_interest_events(open_interest, _DELAY_NS), *mark, *trades]
    events += funding_events(funding)
    return Window(
        symbol=symbol,
        labels=kept,
        paths=paths,
        bars=bars,
        events=tuple(sorted(events)),
        has_trades=bool(trades),
        has_mark=bool(mark),
        open_interest=(
            open_interest["ts"].to_numpy(np.int64) + _DELAY_NS,
            open_interest["open_interest_notional"].to_numpy(np.float64),
        ),
        funding=(funding["ts"].to_numpy(np.int64), funding["rate"].to_numpy(np.float64)),
        brackets=BracketTable.built_in(symbol, start),
        orders=find_orders(source, symbol, start, end),
    )


def _bars(frame: pd.DataFrame) -> Bars:
    names = ("open", "high", "low", "close", "volume")
    prices = {name: frame[name].to_numpy(np.float64) for name in names}
    return Bars(frame["ts_open"].to_numpy(np.int64), frame["ts_close"].to_numpy(np.int64), **prices)


def _mark_events(request: Request, start: int, end: int) -> list[Event]:
    prefix = "markPriceKlines-"
    intervals = [
        series.kind.removeprefix(prefix)
        for series in inventory(request.catalog)
        if series.symbol == request.symbol
        and series.kind.startswith(prefix)
        and series.first_ns < end
        and series.last_ns >= start
    ]
    frames = [
        read_mark_bars(
            request.catalog, request.symbol, interval, start - WARM_UP_NS, end, required=False
        )
        for interval in intervals
    ]
    return list(bar_events(max(frames, key=len), "mark")) if frames else []


def _trade_events(request: Request, start: int, end: int) -> list[Event]:
    # Day by day, so that memory holds the large trades only.
    events: list[Event] = []
    for day in range(start - WARM_UP_NS, end, DAY_NS):
        frame = read_trades(
            request.catalog, request.symbol, day, min(day + DAY_NS, end), required=False
        )
        large = frame[frame["price"] * frame["quantity"] >= request.large_trade_notional]
        for _, batch in large.groupby(large["ts"] // _TRADE_BATCH_NS):
            events.append(
                trades_event(
                    batch["price"].to_numpy(np.float64),
                    batch["quantity"].to_numpy(np.float64),
                    batch["taker_side"].to_numpy(np.int8),
                    int(batch["ts"].iloc[-1]),
                )
            )
    return events
