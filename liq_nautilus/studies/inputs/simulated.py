"""A window straight from a simulated market: what a venue would have published of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liq_nautilus.core.feed import OPEN_INTEREST_DELAY_SECS
from liq_nautilus.core.feed import in_time_order
from liq_nautilus.core.science.paths import Bars
from liq_nautilus.data.frames import Frame
from liq_nautilus.data.kinds.bars import bar_events
from liq_nautilus.data.kinds.funding import funding_events
from liq_nautilus.data.kinds.open_interest import open_interest_events
from liq_nautilus.studies.inputs.windows import Labels
from liq_nautilus.studies.inputs.windows import Orders
from liq_nautilus.studies.inputs.windows import Window
from liq_nautilus.studies.inputs.windows import with_paths
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from liq_nautilus.market.published import SimulatedMarket

_DELAY_NS = round(OPEN_INTEREST_DELAY_SECS * SECOND_NS)
_PRICES = ("open", "high", "low", "close", "ts_open", "ts_close")


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
    events = [
        *bar_events(_frame(last, *_PRICES, "volume")),
        *bar_events(_frame(mark, *_PRICES), "mark"),
    ]
    counts = _frame(metrics, "ts", "open_interest", "open_interest_notional")
    events += open_interest_events(counts, _DELAY_NS)
    events += funding_events(_frame(funding, "ts", "rate"))
    orders = market.reported_orders
    return Window(
        symbol=market.symbol,
        labels=labels,
        paths=paths,
        bars=bars,
        events=tuple(in_time_order(events)),
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


def _frame(record: object, *names: str) -> Frame:
    return Frame({name: getattr(record, name) for name in names})
