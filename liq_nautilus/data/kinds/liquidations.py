"""Realised liquidations: single forced orders, and sums by the interval."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.core.dollars.completeness import ShownPart
from liq_nautilus.core.dollars.covered_venues import named_venues
from liq_nautilus.core.exchange.contracts import order_notional
from liq_nautilus.core.feed import LIQUIDATION_DELAY_SECS
from liq_nautilus.core.feed import completeness_event
from liq_nautilus.core.feed import liquidation_event
from liq_nautilus.data.kinds.bars import with_texts
from liq_nautilus.data.kinds.schema import Check
from liq_nautilus.data.kinds.schema import Dump
from liq_nautilus.data.kinds.schema import Feeds
from liq_nautilus.data.kinds.schema import Kind
from liq_nautilus.data.kinds.schema import named_columns
from liq_nautilus.data.kinds.stored import StoredType
from liq_nautilus.data.kinds.stored import floats
from liq_nautilus.data.kinds.stored import texts
from liq_nautilus.data.kinds.stored import whole
from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.values import choice
from liq_nautilus.data.values import derived
from liq_nautilus.data.values import moment
from liq_nautilus.data.values import number
from liq_nautilus.data.values import optional_number
from liq_nautilus.data.values import venues
from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from liq_nautilus.core.feed import Event
    from liq_nautilus.data.frames import Frame
    from liq_nautilus.data.kinds.stored import EventOptions

_SUMS_DELAY_NS: Final = round(LIQUIDATION_DELAY_SECS * SECOND_NS)


def _sum_events(frame: Frame, _: EventOptions) -> Iterator[Event]:
    names = ("ts_open", "ts_close", "long_notional", "short_notional", "source")
    for opened, closed, long, short, source in frame.rows(*names):
        of_venues = named_venues(source)
        for side, notional in ((1, long), (-1, short)):
            yield liquidation_event(
                side, notional, opened, closed, "bars", of_venues, delay_ns=_SUMS_DELAY_NS
            )


def _order_events(frame: Frame, options: EventOptions) -> Iterator[Event]:
    names = ("ts", "position_side", "quantity", "average_price")
    for ts, side, quantity, price in frame.rows(*names):
        if quantity * price > 0:  # else nothing was executed
            notional = order_notional(options.symbol, quantity, price)
            yield liquidation_event(side, notional, ts, ts, "orders")


def _completeness_events(frame: Frame, _: EventOptions) -> Iterator[Event]:
    names = ("ts", "n_shown", "total_notional", "shown_notional", "n_seconds")
    for ts, *part in frame.rows(*names):
        yield completeness_event(ShownPart(*part), ts)


def _sum_samples(frame: Frame, interval: str) -> Samples:
    return Samples(frame["ts_open"], interval_ns(interval))


def _order_samples(frame: Frame, _: str) -> Samples:
    return Samples(np.unique(frame["ts"]), 0)


# long_notional, short_notional (quote currency), interval, source (the venues, see `core.venues`);
# ts_close is exclusive.
LIQUIDATION_SUMS: Final = StoredType(
    "LiquidationVolume",
    "liquidation bars",
    kind="liquidations",
    fields=(*floats("long_notional", "short_notional"), *texts("interval", "source")),
    samples=_sum_samples,
    events=_sum_events,
    closes_before_ns=0,
    keys=("interval", "source"),
)
# position_side (+1 a long was liquidated, -1 a short), quantity (executed, base units),
# bankruptcy_price, average_price. Sums over all orders are worth more than these, which are a
# thinned feed.
LIQUIDATION_ORDERS: Final = StoredType(
    "LiquidationOrder",
    "forced orders",
    kind="liquidationSnapshot",
    fields=(
        whole("position_side"),
        *floats("quantity", "bankruptcy_price", "average_price"),
    ),
    samples=_order_samples,
    events=_order_events,
    keys=("position_side", "quantity", "bankruptcy_price", "average_price"),
    stands_in_for="LiquidationVolume",
    chunk_days=2.0,
)

# n_shown (orders in a minute, at most), total_notional, shown_notional, n_seconds, source: what a
# complete feed tells of the orders above, measured while a node ran.
COMPLETENESS: Final = StoredType(
    "LiquidationCompleteness",
    "completeness of forced orders",
    fields=(
        whole("n_shown"),
        *floats("total_notional", "shown_notional"),
        whole("n_seconds"),
        *texts("source"),
    ),
    events=_completeness_events,
    keys=("n_shown", "source"),
    stands_in_for="LiquidationVolume",
)


def _with_interval(table: pa.Table, interval: str) -> pa.Table:
    return with_texts(table, interval=interval)


_SNAPSHOT: Final = Kind(
    name="liquidationSnapshot",
    columns=named_columns(
        "time|timestamp",
        "side",
        "?order_type",
        "?time_in_force",
        "original_quantity|orig_qty|original_qty",
        "price",
        "average_price|avg_price",
        "?order_status",
        "?last_fill_quantity|last_filled_quantity",
        "?accumulated_fill_quantity|accumulated_filled_quantity",
    ),
    values=(
        moment("ts_event", "time"),
        # A SELL order closes a long position.
        choice("position_side", "side", {"SELL": 1, "BUY": -1}),
        # What was executed counts: the rest of an order went to the insurance fund, or nowhere.
        number("ordered", "original_quantity"),
        optional_number("executed", "accumulated_fill_quantity"),
        derived("quantity", "coalesce(executed, ordered)"),
        number("bankruptcy_price", "price"),
        number("average_price", "average_price"),
    ),
    checks=(
        Check("ordered > 0", "original_quantity must be above zero"),
        Check(
            "quantity BETWEEN 0 AND ordered * 1.000001",
            "accumulated_fill_quantity must be within 0..original_quantity",
        ),
        Check("bankruptcy_price > 0", "price must be above zero"),
        Check("average_price >= 0", "average_price must not be negative"),
    ),
    names_row=("ts_event", "position_side", "quantity", "bankruptcy_price", "average_price"),
    dump=Dump.DAYS,
    feeds=(Feeds(LIQUIDATION_ORDERS),),
)
_SUMS: Final = Kind(
    name="liquidations",
    columns=named_columns(
        "open_time",
        "close_time",
        "long_usd|long_notional",
        "short_usd|short_notional",
        "??venues|venue|source",
    ),
    values=(
        moment("ts_open", "open_time"),
        moment("ts_event", "close_time"),
        number("long_notional", "long_usd"),
        number("short_notional", "short_usd"),
        venues("source", "venues"),
    ),
    checks=(
        Check(
            "ts_event - ts_open = {interval_ns} OR {interval_ns} = 0",
            "close_time must be open_time plus the interval",
        ),
        Check(
            "long_notional >= 0 AND short_notional >= 0",
            "liquidated notionals must not be negative",
        ),
    ),
    has_interval=True,
    is_period_closed=False,
    dump=Dump.NOWHERE,
    feeds=(Feeds(LIQUIDATION_SUMS, _with_interval),),
)
KINDS: Final = (_SNAPSHOT, _SUMS)
