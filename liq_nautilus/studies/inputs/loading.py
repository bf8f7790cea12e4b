"""Reads windows from the catalog: labels, and the market data of the time before and in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.feed import WARM_UP_DAYS
from liq_nautilus.core.science.paths import Bars
from liq_nautilus.data.bracket_files import read_brackets
from liq_nautilus.data.kinds.liquidations import COMPLETENESS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_ORDERS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.catalog.events import event_options
from liq_nautilus.nautilus.catalog.events import read_events
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import finest_bar_interval
from liq_nautilus.studies.inputs.labels import find_labels
from liq_nautilus.studies.inputs.labels import find_orders
from liq_nautilus.studies.inputs.labels import read_label_file
from liq_nautilus.studies.inputs.windows import Window
from liq_nautilus.studies.inputs.windows import split_stretches
from liq_nautilus.studies.inputs.windows import with_paths
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from liq_nautilus.core.feed import Event
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.studies.inputs.windows import Labels


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
    brackets : Path or None
        A saved answer of `leverageBracket`; the built-in dated tables by default.

    """

    catalog: Path
    symbol: str
    start_ns: int | None = None
    end_ns: int | None = None
    labels: Path | None = None
    bar: str | None = None
    large_trade_notional: float = 100_000.0
    brackets: Path | None = None


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
    catalog = Catalog(request.catalog)
    if request.labels is None:
        found = find_labels(catalog, request.symbol, request.start_ns, request.end_ns)
    else:
        found = read_label_file(request.labels, request.start_ns, request.end_ns)
    is_one = request.start_ns is not None or request.end_ns is not None
    stretches = _largest(found) if is_one else [s for one in found for s in split_stretches(one)]
    windows: list[Window] = []
    gaps: list[DataGapError] = []
    for stretch in _without_overlap(stretches):
        try:
            windows.append(_load(request, catalog, stretch))
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


def _load(request: Request, catalog: Catalog, labels: Labels) -> Window:
    start, end = int(labels.ts_open[0]), int(labels.ts_close[-1])
    symbol = request.symbol
    interval = request.bar or finest_bar_interval(catalog, symbol, start, end)
    events = tuple(
        read_events(
            catalog,
            symbol,
            start - round(WARM_UP_DAYS * DAY_NS),
            end,
            bar=interval,
            options=event_options()._replace(large_trade_notional=request.large_trade_notional),
            without=(LIQUIDATION_SUMS, LIQUIDATION_ORDERS, COMPLETENESS),
        )
    )
    told: dict[str, list[Event]] = {}
    for event in events:
        told.setdefault(event.kind, []).append(event)
    bars = _bars(told["bar"])
    kept, paths = with_paths(labels, bars)
    if len(kept) == 0:
        msg = (
            f"{catalog.path} must hold bars of {symbol} that fill the label intervals from "
            f"{iso(start)} to {iso(end)}, found none in bars of {interval}; ingest klines of those "
            "days, of an interval no longer than the labels'"
        )
        raise DataGapError(msg)
    return Window(
        symbol=symbol,
        labels=kept,
        paths=paths,
        bars=bars,
        events=events,
        has_trades="trades" in told,
        has_mark="mark" in told,
        open_interest=_known(told.get("open_interest", []), 1),
        funding=_known(told.get("funding", []), 0),
        brackets=read_brackets(request.brackets, symbol, "--brackets"),
        orders=find_orders(catalog, symbol, start, end),
    )


def _bars(events: list[Event]) -> Bars:
    columns = zip(*(event.payload for event in events), strict=True)
    open_, high, low, close, ts_open, ts_close, _, volume = columns
    prices = (np.array(column, dtype=np.float64) for column in (open_, high, low, close, volume))
    opened, closed = np.array(ts_open, dtype=np.int64), np.array(ts_close, dtype=np.int64)
    return Bars(opened, closed, *prices)


def _known(events: list[Event], at: int) -> tuple[TimeArray, FloatArray]:
    # When each was known, and one of its values.
    return (
        np.array([event.ts_known for event in events], dtype=np.int64),
        np.array([event.payload[at] for event in events], dtype=np.float64),
    )
