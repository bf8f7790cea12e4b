"""A window straight from a simulated market: what a venue would have published of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from liq_nautilus.core.feed import bar_event
from liq_nautilus.core.feed import funding_event
from liq_nautilus.core.feed import open_interest_event
from liq_nautilus.core.paths import Bars
from liq_nautilus.nautilus.config import OPEN_INTEREST_DELAY_SECS
from liq_nautilus.studies.windows import Labels
from liq_nautilus.studies.windows import Orders
from liq_nautilus.studies.windows import Window
from liq_nautilus.studies.windows import with_paths

if TYPE_CHECKING:
    from liq_nautilus.core.feed import Event
    from liq_nautilus.market.bars import Bars as MarketBars
    from liq_nautilus.market.record import SimulatedMarket

_DELAY_NS = round(OPEN_INTEREST_DELAY_SECS * 1e9)


def simulated_window(
    market: SimulatedMarket, *, bar_minutes: int = 5, label_minutes: int = 60
) -> Window:
    """
    Return the bars, mark prices, open interest, funding and liquidations of a simulated market.

    Parameters
    ----------
    market : SimulatedMarket
        The run.
    bar_minutes, label_minutes : int, optional
        The length of bars and labels.

    Returns
    -------
    Window
        With labels from all liquidations and the thinned feed of single orders. True positions are
        not among the events.

    """
    last, mark = market.bars(bar_minutes), market.mark_bars(bar_minutes)
    volumes = market.liquidation_volume(label_minutes)
    bars = Bars(
        last.ts_open, last.ts_close, last.open, last.high, last.low, last.close, last.volume
    )
    labels, paths = with_paths(
        Labels(
            volumes.ts_open,
            volumes.ts_close,
            volumes.long_notional,
            volumes.short_notional,
            f"simulated liquidations {label_minutes}m",
        ),
        bars,
    )
    metrics, funding = market.metrics, market.funding
    events = [*_bar_events(last, "last"), *_bar_events(mark, "mark")]
    events += [
        open_interest_event(contracts, notional, ts, _DELAY_NS)
        for contracts, notional, ts in zip(
            metrics.open_interest.tolist(),
            metrics.open_interest_notional.tolist(),
            metrics.ts.tolist(),
            strict=True,
        )
    ]
    events += [
        funding_event(rate, ts)
        for rate, ts in zip(funding.rate.tolist(), funding.ts.tolist(), strict=True)
    ]
    orders = market.reported_orders
    return Window(
        symbol=market.symbol,
        labels=labels,
        paths=paths,
        bars=bars,
        events=tuple(sorted(events)),
        has_trades=False,
        has_mark=True,
        open_interest=(metrics.ts + _DELAY_NS, metrics.open_interest_notional),
        funding=(funding.ts, funding.rate),
        brackets=market.table,
        orders=Orders(
            orders.ts,
            orders.position_side,
            orders.average_price,
            orders.quantity * orders.average_price,
        ),
    )


def _bar_events(bars: MarketBars, kind: str) -> list[Event]:
    names = ("open", "high", "low", "close", "ts_open", "ts_close", "volume")
    columns = [getattr(bars, name).tolist() for name in names]
    return [
        bar_event(open_, high, low, close, start, end, kind, volume if kind == "last" else math.nan)
        for open_, high, low, close, start, end, volume in zip(*columns, strict=True)
    ]
