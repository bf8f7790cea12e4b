"""Bars: of last prices, with what takers traded in them, and of computed prices."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa

from liq_nautilus.core.feed import bar_event
from liq_nautilus.data.columns import array_of
from liq_nautilus.data.columns import numbers
from liq_nautilus.data.columns import repeated
from liq_nautilus.data.kinds.schema import Check
from liq_nautilus.data.kinds.schema import Feeds
from liq_nautilus.data.kinds.schema import Kind
from liq_nautilus.data.kinds.schema import named_columns
from liq_nautilus.data.kinds.stored import StoredType
from liq_nautilus.data.kinds.stored import floats
from liq_nautilus.data.kinds.stored import prices
from liq_nautilus.data.kinds.stored import quantity
from liq_nautilus.data.kinds.stored import whole
from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.quality_rules import impossible_bars
from liq_nautilus.data.values import decimal
from liq_nautilus.data.values import derived
from liq_nautilus.data.values import moment
from liq_nautilus.data.values import number
from liq_nautilus.data.values import optional_number
from liq_nautilus.data.values import whole as whole_number
from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from liq_nautilus.core.feed import Event
    from liq_nautilus.data.frames import Frame
    from liq_nautilus.data.kinds.stored import EventOptions
    from liq_nautilus.data.kinds.stored import SampleRule

_OHLC: Final = ("open", "high", "low", "close")


# -- What the catalog holds -----------------------------------------------------------------------


def bar_events(frame: Frame, kind: str = "last") -> Iterator[Event]:
    """
    Yield bars as events.

    Parameters
    ----------
    frame : Frame
        Columns open, high, low, close, ts_open, ts_close; without a column volume it is unknown.
    kind : {"last", "mark"}
        Whose prices they are.

    """
    names = ("open", "high", "low", "close", "ts_open", "ts_close")
    volumes = frame["volume"] if "volume" in frame else np.full(len(frame), np.nan)
    for (open_, high, low, close, ts_open, ts_close), volume in zip(
        frame.rows(*names), volumes.tolist(), strict=True
    ):
        yield bar_event(open_, high, low, close, ts_open, ts_close, kind, volume=volume)


def _last_events(frame: Frame, _: EventOptions) -> Iterator[Event]:
    return bar_events(frame)


def _mark_events(frame: Frame, _: EventOptions) -> Iterator[Event]:
    return bar_events(frame, "mark")


def _last_samples(frame: Frame, interval: str) -> Samples:
    return Samples(
        frame["ts_open"],
        interval_ns(interval),
        frame["close"],
        is_impossible=impossible_bars(*(frame[name] for name in _OHLC)),
        volume=frame["volume"],
    )


def _computed_samples(frame: Frame, interval: str) -> Samples:
    return Samples(
        frame["ts_open"],
        interval_ns(interval),
        frame["close"],
        can_freeze=True,
        is_impossible=impossible_bars(*(frame[name] for name in _OHLC)),
    )


def _premium_samples(frame: Frame, interval: str) -> Samples:
    # The premium has any sign: only its times are judged.
    return Samples(frame["ts_open"], interval_ns(interval))


# open, high, low, close (quote currency) and volume (base units).
BARS: Final = StoredType(
    "Bar",
    "bars",
    kind="klines",
    fields=(*prices(*_OHLC), quantity("volume", "volume")),
    samples=_last_samples,
    events=_last_events,
    is_needed=True,
    is_own=False,
    closes_before_ns=MILLISECOND_NS,
)
# What takers bought and sold in each bar that traded: buy_volume, sell_volume (base units),
# quote_volume, n_trades.
TAKER_VOLUME: Final = StoredType(
    "TakerVolume",
    "taker volumes",
    fields=(*floats("buy_volume", "sell_volume", "quote_volume"), whole("n_trades")),
    closes_before_ns=MILLISECOND_NS,
    keys=("interval",),
)


def _computed_bars(name: str, what: str, kind: str, samples: SampleRule) -> StoredType:
    return StoredType(
        name,
        what,
        kind=kind,
        fields=floats(*_OHLC),
        samples=samples,
        events=_mark_events if name == "MarkPriceBar" else None,
        closes_before_ns=MILLISECOND_NS,
        keys=("interval",),
    )


MARK_BARS: Final = _computed_bars(
    "MarkPriceBar", "mark price bars", "markPriceKlines", _computed_samples
)
INDEX_BARS: Final = _computed_bars(
    "IndexPriceBar", "index price bars", "indexPriceKlines", _computed_samples
)
PREMIUM_BARS: Final = _computed_bars(
    "PremiumIndexBar", "premium index bars", "premiumIndexKlines", _premium_samples
)
# The price at the close of each bar, for programs that want no bars.
MARK_PRICES: Final = StoredType("MarkPriceUpdate", "mark prices", is_own=False)
INDEX_PRICES: Final = StoredType("IndexPriceUpdate", "index prices", is_own=False)


# -- The files ------------------------------------------------------------------------------------


_COLUMNS: Final = named_columns(
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "?volume",
    "close_time",
    "?quote_volume|quote_asset_volume|base_asset_volume|base_volume",
    "?count|number_of_trades|num_trades|trades",
    "?taker_buy_volume|taker_buy_base_asset_volume|taker_buy_base_volume|taker_base_vol",
    "?taker_buy_quote_volume|taker_buy_quote_asset_volume|taker_quote_vol|taker_buy_base_asset",
    "?ignore",
)
# The close of a bar is the last millisecond of its interval; a month is as long as it is.
_TIMES: Final = (
    moment("ts_open", "open_time"),
    moment("ts_close", "close_time"),
    derived(
        "ts_event",
        "CASE WHEN {interval_ns} = 0 THEN ts_close - ts_close % 1000000"
        " ELSE ts_open + {interval_ns} - 1000000 END",
    ),
)
_TIME_CHECKS: Final = (
    Check(
        "ts_open % least(if({interval_ns} = 0, 86400000000000, {interval_ns}), 86400000000000) = 0",
        "open_time must lie on the grid of the interval",
    ),
    Check(
        "ts_close - ts_close % 1000000 = ts_event AND ts_close > ts_open",
        "close_time must be the last millisecond of the interval",
    ),
)
_BAR_CHECKS: Final = (
    Check("high >= greatest(open, close, low)", "high must not be below open, low or close"),
    Check("low <= least(open, close)", "low must not be above open or close"),
)
_POSITIVE_CHECK: Final = Check("low > 0", "prices must be above zero")


def with_texts(table: pa.Table, **values: str) -> pa.Table:
    """Return a table with columns that hold one text throughout."""
    for name, text in values.items():
        table = table.append_column(name, repeated(text, table.num_rows))
    return table


def _with_interval(table: pa.Table, interval: str) -> pa.Table:
    return with_texts(table, interval=interval)


def _taker_volume(table: pa.Table, interval: str) -> pa.Table:
    # Files whose source had no taker columns hold zeros there: such rows say nothing.
    names = ("quote_volume", "n_trades", "taker_buy_volume")
    is_known = np.logical_or.reduce([numbers(table[name]) > 0 for name in names])
    known = table if is_known.all() else table.filter(array_of(is_known))
    bought = known["taker_buy_volume"]
    columns = {
        "buy_volume": bought,
        "sell_volume": array_of(np.maximum(numbers(known["volume_float"]) - numbers(bought), 0.0)),
        "quote_volume": known["quote_volume"],
        "n_trades": known["n_trades"],
        "ts_event": known["ts_event"],
    }
    return with_texts(pa.table(columns), interval=interval)


_KLINES: Final = Kind(
    name="klines",
    columns=_COLUMNS,
    values=(
        *_TIMES,
        *(decimal(name, name, "{price_decimals}") for name in _OHLC),
        decimal("volume", "volume", "{size_decimals}", default=0),
        derived(
            "volume_float",
            "coalesce(TRY_CAST(raw_volume AS DOUBLE), 0)",
            "CAST(volume AS DOUBLE)",
        ),
        optional_number("quote_volume", "quote_volume", default=0),
        whole_number("n_trades", "count", default=0),
        optional_number("taker_buy_volume", "taker_buy_volume", default=0),
    ),
    checks=(
        *_TIME_CHECKS,
        *_BAR_CHECKS,
        _POSITIVE_CHECK,
        Check(
            "quote_volume >= 0 AND n_trades >= 0 AND taker_buy_volume >= 0",
            "volumes and counts must not be negative",
        ),
        Check(
            "taker_buy_volume <= volume_float * 1.000001",
            "taker_buy_volume must not exceed volume",
        ),
    ),
    has_interval=True,
    feeds=(Feeds(BARS), Feeds(TAKER_VOLUME, _taker_volume)),
)


def _price_klines(name: str, feeds: tuple[Feeds, ...], *checks: Check) -> Kind:
    # Bars of a computed price, which is no price of an instrument: floats with all their digits.
    return Kind(
        name=name,
        columns=_COLUMNS,
        values=(*_TIMES, *(number(column, column) for column in _OHLC)),
        checks=(*_TIME_CHECKS, *_BAR_CHECKS, *checks),
        has_interval=True,
        feeds=feeds,
    )


KINDS: Final = (
    _KLINES,
    _price_klines(
        "markPriceKlines", (Feeds(MARK_BARS, _with_interval), Feeds(MARK_PRICES)), _POSITIVE_CHECK
    ),
    _price_klines(
        "indexPriceKlines",
        (Feeds(INDEX_BARS, _with_interval), Feeds(INDEX_PRICES)),
        _POSITIVE_CHECK,
    ),
    _price_klines("premiumIndexKlines", (Feeds(PREMIUM_BARS, _with_interval),)),
)
