"""Open interest: snapshots of all open contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa

from liq_nautilus.core.feed import open_interest_event
from liq_nautilus.data.columns import filled
from liq_nautilus.data.kinds.schema import Check
from liq_nautilus.data.kinds.schema import Dump
from liq_nautilus.data.kinds.schema import Feeds
from liq_nautilus.data.kinds.schema import Kind
from liq_nautilus.data.kinds.schema import named_columns
from liq_nautilus.data.kinds.stored import StoredType
from liq_nautilus.data.kinds.stored import floats
from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.values import choice
from liq_nautilus.data.values import number
from liq_nautilus.data.values import optional_number
from liq_nautilus.data.values import text_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from liq_nautilus.core.feed import Event
    from liq_nautilus.data.frames import Frame
    from liq_nautilus.data.kinds.stored import EventOptions

_RATIOS: Final = (
    "top_trader_account_ratio",
    "top_trader_position_ratio",
    "account_ratio",
    "taker_volume_ratio",
)


def open_interest_events(frame: Frame, delay_ns: int) -> Iterator[Event]:
    """
    Yield the snapshots that state a number, known after a delay.

    Parameters
    ----------
    frame : Frame
        Columns open_interest, open_interest_notional, ts.
    delay_ns : int
        How long after its stamp a snapshot is known (ns).

    """
    names = ("open_interest", "open_interest_notional", "ts")
    for contracts, notional, ts in frame.rows(*names):
        if np.isfinite(contracts):
            yield open_interest_event(contracts, notional, ts, delay_ns)


def _events(frame: Frame, options: EventOptions) -> Iterator[Event]:
    return open_interest_events(frame, options.delay_ns)


def _samples(frame: Frame, _: str) -> Samples:
    return Samples(frame["ts"], -1, frame["open_interest"], can_freeze=True)


# open_interest (base units), open_interest_notional (quote currency) and four ratios (NaN where
# Binance gave none).
OPEN_INTEREST: Final = StoredType(
    "OpenInterest",
    "open interest (metrics)",
    kind="metrics",
    fields=floats("open_interest", "open_interest_notional", *_RATIOS),
    samples=_samples,
    events=_events,
    is_needed=True,
)


def _nulls_as_nan(table: pa.Table, _: str) -> pa.Table:
    columns = [
        filled(column, np.nan) if pa.types.is_floating(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


_METRICS: Final = Kind(
    name="metrics",
    columns=named_columns(
        "create_time",
        "symbol",
        "sum_open_interest",
        "sum_open_interest_value",
        "?count_toptrader_long_short_ratio",
        "?sum_toptrader_long_short_ratio",
        "?count_long_short_ratio",
        "?sum_taker_long_short_vol_ratio",
    ),
    values=(
        text_moment("ts_event", "create_time"),
        choice("is_symbol", "symbol", {"{symbol}": 1}),
        number("open_interest", "sum_open_interest"),
        number("open_interest_notional", "sum_open_interest_value"),
        optional_number("top_trader_account_ratio", "count_toptrader_long_short_ratio"),
        optional_number("top_trader_position_ratio", "sum_toptrader_long_short_ratio"),
        optional_number("account_ratio", "count_long_short_ratio"),
        optional_number("taker_volume_ratio", "sum_taker_long_short_vol_ratio"),
    ),
    checks=(
        Check(
            "open_interest >= 0 AND open_interest_notional >= 0",
            "open interest must not be negative",
        ),
        Check(
            "coalesce(least(top_trader_account_ratio, top_trader_position_ratio, account_ratio,"
            " taker_volume_ratio), 0) >= 0",
            "ratios must not be negative",
        ),
    ),
    dump=Dump.DAYS,
    feeds=(Feeds(OPEN_INTEREST, _nulls_as_nan),),
)
KINDS: Final = (_METRICS,)
