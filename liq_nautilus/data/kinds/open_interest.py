"""Open interest: snapshots of all open contracts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa

from liq_nautilus.core.feed import open_interest_event
from liq_nautilus.core.plausibility import PRICE_FACTOR
from liq_nautilus.data.columns import array_of
from liq_nautilus.data.columns import filled
from liq_nautilus.data.columns import numbers
from liq_nautilus.data.kinds.schema import Check
from liq_nautilus.data.kinds.schema import Dump
from liq_nautilus.data.kinds.schema import Feeds
from liq_nautilus.data.kinds.schema import Kind
from liq_nautilus.data.kinds.schema import named_columns
from liq_nautilus.data.kinds.stored import StoredType
from liq_nautilus.data.kinds.stored import floats
from liq_nautilus.data.kinds.stored import whole
from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.values import choice
from liq_nautilus.data.values import derived
from liq_nautilus.data.values import moment
from liq_nautilus.data.values import number
from liq_nautilus.data.values import optional_number
from liq_nautilus.data.values import text_moment
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import MINUTE_NS

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
        Columns open_interest, open_interest_notional, ts, and ts_known where that may be later.
    delay_ns : int
        How long after it could be known at the earliest a snapshot is known (ns).

    """
    known = "ts_known" if "ts_known" in frame else "ts"
    names = ("open_interest", "open_interest_notional", "ts", known)
    for contracts, notional, ts, ts_known in frame.rows(*names):
        if np.isfinite(contracts):
            yield open_interest_event(contracts, notional, ts, ts_known - ts + delay_ns)


def _events(frame: Frame, options: EventOptions) -> Iterator[Event]:
    return open_interest_events(frame, options.delay_ns)


def _samples(frame: Frame, _: str) -> Samples:
    return Samples(frame["ts"], -1, frame["open_interest"], can_freeze=True)


# open_interest (base units; contracts on COIN-M), open_interest_notional (quote currency) and four
# ratios (NaN where Binance gave none). ts_known is later than ts where the moment of a snapshot
# could not be told: ts is its label then.
OPEN_INTEREST: Final = StoredType(
    "OpenInterest",
    "open interest (metrics)",
    kind="metrics",
    fields=(
        *floats("open_interest", "open_interest_notional", *_RATIOS),
        whole("ts_known", "ts_init"),
    ),
    samples=_samples,
    events=_events,
    is_needed=True,
    keys=("ts_event",),
)


def _with_stated_worth(table: pa.Table) -> pa.Table:
    # Contracts of COIN-M are worth their dollars, unless the value stated in coins says otherwise:
    # then what it says, at the usual price of the day, so that it shows. Elsewhere the columns are
    # the same.
    contracts, coins, dollars = (
        numbers(table[name])
        for name in ("open_interest", "base_quantity", "open_interest_notional")
    )
    if np.array_equal(contracts, coins):
        return table
    with np.errstate(divide="ignore", invalid="ignore"):
        price = dollars / coins
    is_stated = np.isfinite(price) & (price > 0)
    usual = np.full(len(price), np.nan)
    days = numbers(table["ts_event"]).astype(np.int64) // DAY_NS
    for day in np.unique(days[is_stated]):
        usual[days == day] = np.median(price[is_stated & (days == day)])
    with np.errstate(divide="ignore", invalid="ignore"):
        is_off = is_stated & (np.abs(np.log(price / usual)) > np.log(PRICE_FACTOR))
    if not is_off.any():
        return table
    at = table.schema.get_field_index("open_interest_notional")
    worth = array_of(np.where(is_off, coins * usual, dollars))
    return table.set_column(at, "open_interest_notional", worth)


def _nulls_as_nan(table: pa.Table, _: str) -> pa.Table:
    table = _with_stated_worth(table)
    columns = [
        filled(column, np.nan) if pa.types.is_floating(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


_COUNTS: Final = (
    # Answers on COIN-M name the pair.
    replace(choice("is_symbol", "symbol", {"{symbol}": 1, "{pair}": 1}), what="must be {symbol}"),
    number("open_interest", "sum_open_interest"),
    number("stated_value", "sum_open_interest_value"),
    # COIN-M states contracts, and their value in coins; a contract is worth so many dollars.
    derived(
        "open_interest_notional",
        "if({contract_value} > 0, open_interest * {contract_value}, stated_value)",
    ),
    derived("base_quantity", "if({contract_value} > 0, stated_value, open_interest)"),
)
_COUNTS_CHECK: Final = Check(
    "open_interest >= 0 AND stated_value >= 0", "open interest must not be negative"
)
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
        *_COUNTS,
        optional_number("top_trader_account_ratio", "count_toptrader_long_short_ratio"),
        optional_number("top_trader_position_ratio", "sum_toptrader_long_short_ratio"),
        optional_number("account_ratio", "count_long_short_ratio"),
        optional_number("taker_volume_ratio", "sum_taker_long_short_vol_ratio"),
    ),
    checks=(
        _COUNTS_CHECK,
        Check(
            "coalesce(least(top_trader_account_ratio, top_trader_position_ratio, account_ratio,"
            " taker_volume_ratio), 0) >= 0",
            "ratios must not be negative",
        ),
    ),
    dump=Dump.DAYS,
    label_lead_ns=5 * MINUTE_NS,
    feeds=(Feeds(OPEN_INTEREST, _nulls_as_nan),),
)


def _without_ratios(table: pa.Table, _: str) -> pa.Table:
    table = _with_stated_worth(table)
    unknown = array_of(np.full(table.num_rows, np.nan))
    for name in _RATIOS:
        table = table.append_column(name, unknown)
    return table


# The answer of /futures/data/openInterestHist, of which a label is the moment of the snapshot:
# https://developers.binance.com/docs/derivatives/usds-margined-futures/market-data/rest-api/Open-Interest-Statistics
# and .../coin-margined-futures/market-data/rest-api/Open-Interest-Statistics, which names the pair.
_STATISTICS: Final = Kind(
    name="openInterestHist",
    columns=named_columns(
        "symbol|pair",
        "sum_open_interest|sumopeninterest",
        "sum_open_interest_value|sumopeninterestvalue",
        "timestamp",
    ),
    values=(moment("ts_event", "timestamp"), *_COUNTS),
    checks=(_COUNTS_CHECK,),
    dump=Dump.NOWHERE,
    feeds=(Feeds(OPEN_INTEREST, _without_ratios),),
)
KINDS: Final = (_METRICS, _STATISTICS)
