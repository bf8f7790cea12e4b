"""Changes to a window's data, for ablations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.feed import bar_event
from liq_nautilus.core.feed import open_interest_event
from liq_nautilus.core.records import LONG

if TYPE_CHECKING:
    from liq_nautilus.core.feed import Event
    from liq_nautilus.studies.inputs.windows import Window


def without_volume(window: Window, _side: int) -> Window:
    """Return the window with the volume of all bars unknown."""
    events = []
    for event in window.events:
        if event.kind == "bar":
            open_, high, low, close, ts_open, ts_close, kind, _ = event.payload
            events.append(bar_event(open_, high, low, close, ts_open, ts_close, kind))
        else:
            events.append(event)
    bars = replace(window.bars, volume=np.zeros(len(window.bars)))
    return replace(window, events=tuple(sorted(events)), bars=bars)


def without_mark(window: Window, _side: int) -> Window:
    """Return the window without mark prices."""
    events = tuple(event for event in window.events if event.kind != "mark")
    return replace(window, events=events, has_mark=False)


def fresher_open_interest(window: Window, _side: int) -> Window:
    """Return the window with open interest known at the moment it was taken."""
    events, taken = [], []
    for event in window.events:
        if event.kind == "open_interest":
            contracts, notional, ts = event.payload
            events.append(open_interest_event(contracts, notional, ts))
            taken.append(ts)
        else:
            events.append(event)
    known = np.array(taken, dtype=np.int64), window.open_interest[1]
    return replace(window, events=tuple(sorted(events)), open_interest=known)


def one_sided(window: Window, side: int) -> Window:
    """
    Return the window with rising open interest credited to one side only.

    What opens while the price rises counts as longs, twice; while it falls as shorts. What closes
    leaves both sides in proportion.
    """
    closes = {event.payload[5]: event.payload[3] for event in window.events if event.kind == "bar"}
    times = np.array(sorted(closes), dtype=np.int64)
    prices = np.array([closes[int(ts)] for ts in times])
    events: list[Event] = []
    held = before = last_price = np.nan
    for event in window.events:
        if event.kind != "open_interest":
            events.append(event)
            continue
        contracts, notional, ts = event.payload
        index = int(np.searchsorted(times, ts, side="right")) - 1
        price = prices[index] if index >= 0 else np.nan
        if np.isnan(before):
            held = contracts
        elif contracts > before:
            is_own = (price < last_price) != (side == LONG)
            held += 2.0 * (contracts - before) * is_own
        else:
            held *= contracts / before if before > 0.0 else 1.0
        before, last_price = contracts, price
        scale = held / contracts if contracts > 0.0 else 1.0
        delay = event.ts_known - ts
        events.append(open_interest_event(float(held), notional * scale, ts, delay))
    return replace(window, events=tuple(sorted(events)))
