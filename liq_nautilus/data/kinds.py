"""
The declared schema of every kind of Binance file: columns, canonical values, what must hold.

A value is SQL over the text columns of the file (`raw_NAME`); DuckDB evaluates it.
`{price_decimals}` and the like are filled in from the instrument, see `Rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Final

from liq_nautilus.data.values import NOISE_PLACES
from liq_nautilus.data.values import Value
from liq_nautilus.data.values import choice
from liq_nautilus.data.values import decimal
from liq_nautilus.data.values import derived
from liq_nautilus.data.values import identifier
from liq_nautilus.data.values import moment
from liq_nautilus.data.values import number
from liq_nautilus.data.values import number_text
from liq_nautilus.data.values import optional_number
from liq_nautilus.data.values import text_moment
from liq_nautilus.data.values import whole
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: its name, other names it went by, whether a header may lack it."""

    name: str
    aliases: tuple[str, ...] = ()
    is_optional: bool = False

    def is_among(self, names: Collection[str]) -> bool:
        """Return whether one of the names is one of this column's."""
        return any(name in names for name in (self.name, *self.aliases))


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold for a row: SQL over the parsed values, and the words when it does not."""

    sql: str
    what: str


@dataclass(frozen=True, slots=True)
class Kind:
    """
    The schema of one kind of file.

    Attributes
    ----------
    columns : tuple of Column
        In the order of files without a header.
    values : tuple of Value
        What is read from them, in canonical form.
    checks : tuple of Check
        What must hold between the values of a row.
    has_interval : bool
        Whether the file's name states an interval.
    is_period_closed : bool
        Whether all rows lie in the day, month or year of the file's name.
    names_row : tuple of str
        The values that name a row: no two rows have the same.

    """

    columns: tuple[Column, ...]
    values: tuple[Value, ...]
    checks: tuple[Check, ...] = ()
    has_interval: bool = False
    is_period_closed: bool = True
    names_row: tuple[str, ...] = ("ts_event",)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the values of one symbol's file are measured by."""

    symbol: str
    interval: str
    price_decimals: int
    size_decimals: int

    def fill(self, sql: str) -> str:
        """Return SQL with the rules filled in."""
        return (
            sql.replace("{symbol}", self.symbol)
            .replace("{price_decimals}", str(self.price_decimals))
            .replace("{size_decimals}", str(self.size_decimals))
            .replace("{price_scale}", str(min(self.price_decimals + NOISE_PLACES, 18)))
            .replace("{size_scale}", str(min(self.size_decimals + NOISE_PLACES, 18)))
            .replace("{interval_ns}", str(interval_ns(self.interval) if self.interval else 0))
        )


def _columns(*names: str) -> tuple[Column, ...]:
    # "name|alias|alias", with a leading ? when the column may be missing.
    made = []
    for text in names:
        name, *aliases = text.removeprefix("?").split("|")
        made.append(Column(name, tuple(aliases), text.startswith("?")))
    return tuple(made)


_KLINE_COLUMNS: Final = _columns(
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
_KLINE_TIMES: Final = (
    moment("ts_open", "open_time"),
    moment("ts_close", "close_time"),
    derived(
        "ts_event",
        "CASE WHEN {interval_ns} = 0 THEN ts_close - ts_close % 1000000"
        " ELSE ts_open + {interval_ns} - 1000000 END",
    ),
)
_KLINE_TIME_CHECKS: Final = (
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
_POSITIVE_BAR_CHECK: Final = Check("low > 0", "prices must be above zero")

_KLINES: Final = Kind(
    columns=_KLINE_COLUMNS,
    values=(
        *_KLINE_TIMES,
        *(decimal(name, name, "{price_decimals}") for name in ("open", "high", "low", "close")),
        decimal("volume", "volume", "{size_decimals}", default=0),
        derived(
            "volume_float",
            "coalesce(TRY_CAST(raw_volume AS DOUBLE), 0)",
            "CAST(volume AS DOUBLE)",
        ),
        optional_number("quote_volume", "quote_volume", default=0),
        whole("n_trades", "count", default=0),
        optional_number("taker_buy_volume", "taker_buy_volume", default=0),
    ),
    checks=(
        *_KLINE_TIME_CHECKS,
        *_BAR_CHECKS,
        _POSITIVE_BAR_CHECK,
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
)


def _price_klines(*checks: Check) -> Kind:
    # Bars of a computed price, which is no price of an instrument: floats with all their digits.
    values = (
        *_KLINE_TIMES,
        *(number(name, name) for name in ("open", "high", "low", "close")),
    )
    return Kind(
        columns=_KLINE_COLUMNS,
        values=values,
        checks=(*_KLINE_TIME_CHECKS, *_BAR_CHECKS, *checks),
        has_interval=True,
    )


def _trades_of(identity: str, size: str, time: str, *columns: str) -> Kind:
    return Kind(
        columns=_columns(*columns),
        values=(
            identifier("trade_id", identity),
            moment("ts_event", time),
            decimal("price", "price", "{price_decimals}"),
            decimal("size", size, "{size_decimals}"),
            # The buyer is the maker: the taker, who is the aggressor, sold (2, else 1).
            choice("aggressor_side", "is_buyer_maker", {"true": 2, "false": 1}),
        ),
        checks=(
            Check("price > 0", "price must be above zero"),
            Check("size > 0", "quantity must be above zero"),
        ),
        names_row=("trade_id",),
    )


_AGG_TRADES: Final = _trades_of(
    "agg_trade_id",
    "quantity",
    "transact_time",
    "agg_trade_id|aggregate_trade_id|a|id",
    "price|p",
    "quantity|qty|q",
    "?first_trade_id|f",
    "?last_trade_id|l",
    "transact_time|timestamp|time|t",
    "is_buyer_maker|m",
)
_TRADES: Final = _trades_of(
    "id",
    "qty",
    "time",
    "id|trade_id",
    "price",
    "qty|quantity",
    "?quote_qty|base_qty|quote_quantity",
    "time|timestamp|transact_time",
    "is_buyer_maker",
)
_METRICS: Final = Kind(
    columns=_columns(
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
)
_FUNDING: Final = Kind(
    columns=_columns(
        "calc_time|fundingtime|funding_time",
        "?funding_interval_hours",
        "last_funding_rate|fundingrate|funding_rate",
    ),
    values=(
        moment("ts_event", "calc_time"),
        whole("interval_hours", "funding_interval_hours", default=8),
        # The text itself is kept: the catalog holds the rate as an exact decimal.
        number("rate", "last_funding_rate"),
        number_text("rate_text", "last_funding_rate"),
    ),
    checks=(
        Check("interval_hours BETWEEN 1 AND 24", "funding_interval_hours must be in 1..24"),
        Check("abs(rate) < 1", "last_funding_rate must be a fraction below 1"),
    ),
)
_BOOK_DEPTH: Final = Kind(
    columns=_columns("timestamp", "percentage", "depth", "notional"),
    values=(
        text_moment("ts_event", "timestamp"),
        number("percentage", "percentage"),
        number("depth", "depth"),
        number("notional", "notional"),
    ),
    checks=(
        Check("abs(percentage) <= 100", "percentage must be within -100..100"),
        Check("depth >= 0 AND notional >= 0", "depth and notional must not be negative"),
    ),
    names_row=("ts_event", "percentage"),
)
_LIQUIDATION_SNAPSHOT: Final = Kind(
    columns=_columns(
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
        number("quantity", "original_quantity"),
        number("bankruptcy_price", "price"),
        number("average_price", "average_price"),
    ),
    checks=(
        Check("quantity > 0", "original_quantity must be above zero"),
        Check("bankruptcy_price > 0", "price must be above zero"),
        Check("average_price >= 0", "average_price must not be negative"),
    ),
    names_row=("ts_event", "position_side", "quantity", "bankruptcy_price", "average_price"),
)
_LIQUIDATIONS: Final = Kind(
    columns=_columns(
        "open_time", "close_time", "long_usd|long_notional", "short_usd|short_notional"
    ),
    values=(
        moment("ts_open", "open_time"),
        moment("ts_event", "close_time"),
        number("long_notional", "long_usd"),
        number("short_notional", "short_usd"),
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
)

KINDS: Final[dict[str, Kind]] = {
    "klines": _KLINES,
    "markPriceKlines": _price_klines(_POSITIVE_BAR_CHECK),
    "indexPriceKlines": _price_klines(_POSITIVE_BAR_CHECK),
    "premiumIndexKlines": _price_klines(),
    "aggTrades": _AGG_TRADES,
    "trades": _TRADES,
    "metrics": _METRICS,
    "fundingRate": _FUNDING,
    "bookDepth": _BOOK_DEPTH,
    "liquidationSnapshot": _LIQUIDATION_SNAPSHOT,
    "liquidations": _LIQUIDATIONS,
}
