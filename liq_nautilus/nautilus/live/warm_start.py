"""What happened before a node was started: from the catalog, and from the venue for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

from liq_nautilus.core.feed import bar_event
from liq_nautilus.core.feed import funding_event
from liq_nautilus.core.feed import open_interest_event
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.catalog.events import read_events
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.live.feeds.fetching import length_ns
from liq_nautilus.nautilus.live.feeds.symbols import symbol_of
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import MILLISECOND_NS

if TYPE_CHECKING:
    from pathlib import Path

    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.data import BarType

    from liq_nautilus.core.feed import Event
    from liq_nautilus.data.kinds.stored import EventOptions
    from liq_nautilus.nautilus.live.feeds.fetching import Fetcher


class Past(NamedTuple):
    """
    What is known of the time before the start.

    Attributes
    ----------
    events : list of Event
        Inputs of the map.
    bars : list of Bar
        For the strategy's averages, oldest first.

    """

    events: list[Event]
    bars: list[Bar]


async def fetch_past(
    fetcher: Fetcher, bar_type: BarType, start_ns: int, end_ns: int, delay_ns: int
) -> Past:
    """
    Ask the venue what happened in a window (UTC nanoseconds).

    Parameters
    ----------
    fetcher : Fetcher
        Asks.
    bar_type : BarType
        The bars; they name the instrument.
    start_ns, end_ns : int
        The window; open interest is known for its last 30 days at most.
    delay_ns : int
        How long after its stamp open interest was known.

    """
    symbol, length = symbol_of(bar_type.instrument_id), length_ns(bar_type)
    bars = await fetcher.bars(bar_type, start_ns, end_ns)
    events = [
        bar_event(
            bar.open.as_double(),
            bar.high.as_double(),
            bar.low.as_double(),
            bar.close.as_double(),
            bar.ts_event + MILLISECOND_NS - length,
            bar.ts_event,
            volume=bar.volume.as_double(),
        )
        for bar in bars
    ]
    events += [
        open_interest_event(
            reading.open_interest, reading.open_interest_notional, reading.ts_event, delay_ns
        )
        for reading in await fetcher.open_interest_history(symbol, start_ns, end_ns)
        if reading.open_interest > 0.0
    ]
    events += [
        funding_event(float(funding.rate), funding.ts_event)
        for funding in await fetcher.funding(symbol, start_ns, end_ns)
    ]
    return Past(events, bars)


def catalog_past(
    catalog: Path, symbol: str, bar: str, start_ns: int, end_ns: int, options: EventOptions
) -> list[Event]:
    """Return what a catalog knows of a window (UTC nanoseconds); nothing where it has no data."""
    try:
        known = read_events(Catalog(catalog), symbol, start_ns, end_ns, bar=bar, options=options)
        return list(known)
    except DataGapError:
        return []


def start_of_past(ts_now: int, warm_up_days: float) -> int:
    """Return where the warm-up begins (UTC nanoseconds), at a whole day."""
    return (ts_now - round(warm_up_days * DAY_NS)) // DAY_NS * DAY_NS
