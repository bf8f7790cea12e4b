"""Questions to a catalog: the liquidation levels at a moment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.core.brackets import brackets_of
from liq_nautilus.core.feed import WARM_UP_DAYS
from liq_nautilus.core.feed import Feed
from liq_nautilus.core.feed import time_event
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.data.kinds.trades import TRADES
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.catalog.events import event_options
from liq_nautilus.nautilus.catalog.events import read_events
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import only_symbol
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import Levels

_MADE_OF_TRADES: Final = frozenset({"py_liquidation_map", "ensemble"})


def tracker_at(
    catalog: Catalog,
    symbol: str,
    at_ns: int | None = None,
    *,
    parameters: TrackerParameters | None = None,
    warm_up_days: float = WARM_UP_DAYS,
    has_trades: bool = True,
) -> LiquidationTracker:
    """
    Return a tracker that knows what could be known at a moment.

    Parameters
    ----------
    catalog : Catalog
        The Parquet catalog.
    symbol : str
        Binance's name.
    at_ns : int, optional
        The moment (UTC nanoseconds); by default that of the newest input.
    parameters : TrackerParameters, optional
        What is assumed.
    warm_up_days : float, optional
        How far back the replay begins (days).
    has_trades : bool, optional
        Whether trades are replayed, which only `py_liquidation_map` and the ensemble need.

    Returns
    -------
    LiquidationTracker

    Raises
    ------
    DataGapError
        If the catalog has no bars or no open interest in the time before the moment.

    """
    end_ns = _newest(catalog, symbol) + 1 if at_ns is None else at_ns + 1
    start_ns = end_ns - round(warm_up_days * DAY_NS)
    brackets = brackets_of(symbol, end_ns, None)
    feed = Feed(LiquidationTracker(parameters, brackets=brackets))
    last_ns = 0
    options, without = event_options(feed.tracker.parameters), () if has_trades else (TRADES,)
    for event in read_events(catalog, symbol, start_ns, end_ns, options=options, without=without):
        if at_ns is not None and event.ts_known > at_ns:
            break
        feed.push(event)
        last_ns = event.ts_known
    # All at once: the feed hands bars that follow each other over in one go.
    feed.release(last_ns)
    # The passing of time shows how old the newest input is.
    feed.push(time_event(last_ns if at_ns is None else at_ns))
    feed.release(end_ns)
    return feed.tracker


def _newest(catalog: Catalog, symbol: str) -> int:
    moment = catalog.newest(symbol)
    if moment is None:
        msg = (
            f"the catalog must hold data of {symbol}, {catalog.path} holds none; ingest some first"
        )
        raise DataGapError(msg)
    return moment


def levels(
    catalog: Path,
    symbol: str | None = None,
    model: str = "ensemble",
    *,
    leverage: float | None = None,
    at_ns: int | None = None,
    parameters: TrackerParameters | None = None,
) -> Levels:
    """
    Return a model's liquidation levels at a moment.

    Parameters
    ----------
    catalog : Path
        The Parquet catalog.
    symbol : str, optional
        Binance's name; by default the only symbol of the catalog.
    model : str, optional
        One of `LiquidationTracker.model_names`.
    leverage : float, optional
        Only the levels of this leverage, one of the parameters' tiers.
    at_ns : int, optional
        The moment (UTC nanoseconds); by default that of the newest input.
    parameters : TrackerParameters, optional
        What is assumed.

    Returns
    -------
    Levels
        Longs below, shorts above the price of that moment.

    Raises
    ------
    DataGapError
        If the catalog lacks what the levels need.
    SettingError
        If the model or the leverage is unknown, or the symbol must be named.

    """
    found = Catalog(catalog)
    return levels_in(
        found,
        only_symbol(found, symbol),
        model,
        leverage=leverage,
        at_ns=at_ns,
        parameters=parameters,
    )


def levels_in(
    catalog: Catalog,
    symbol: str,
    model: str = "ensemble",
    *,
    leverage: float | None = None,
    at_ns: int | None = None,
    parameters: TrackerParameters | None = None,
) -> Levels:
    """Return what `levels` does for a symbol of a catalog that was looked at already."""
    if model not in LiquidationTracker.model_names:
        known = ", ".join(LiquidationTracker.model_names)
        msg = f"--model must be one of {known}, was {model}"
        raise SettingError(msg)
    has_trades = model in _MADE_OF_TRADES
    tracker = tracker_at(catalog, symbol, at_ns, parameters=parameters, has_trades=has_trades)
    if leverage is None:
        return tracker.levels(model)
    tiers = tracker.parameters.leverages
    if leverage not in tiers:
        known = ", ".join(f"{tier:g}" for tier in tiers)
        msg = f"--leverage must be one of {known}, was {leverage:g}"
        raise SettingError(msg)
    return _of_leverage(tracker.levels(model, by_leverage=True), leverage)


def _of_leverage(levels: Levels, leverage: float) -> Levels:
    kept = np.isclose(levels.leverage, leverage)
    columns = (
        "price", "notional", "notional_low", "notional_high", "exposure", "side", "leverage",
        "confidence",
    )  # fmt: skip
    return replace(levels, **{name: getattr(levels, name)[kept] for name in columns})
