"""The columns of the views of a catalog: by name, type, and where they come from."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

from liq_nautilus.core.records import SideForecast
from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.data.kinds.funding import FUNDING
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_ORDERS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.data.kinds.trades import TRADES

if TYPE_CHECKING:
    from liq_nautilus.data.kinds import StoredType


class Column(NamedTuple):
    """A column of a view: its name, its SQL type, and the expression it is read by."""

    name: str
    type: str
    expression: str


class Kept(NamedTuple):
    """
    A view of what is kept of a map.

    Attributes
    ----------
    folders : tuple of str
        Where it is kept.
    columns : tuple of Column
        What is read.
    rows, shown : str
        Which rows are read, and which of those that come of them are shown.

    """

    folders: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: str = "true"
    shown: str = "true"


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "VARCHAR", f'"{name}"') for name in names)


def _numbers(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "DOUBLE", f'"{name}"') for name in names)


def _raw_numbers(**names: str) -> tuple[Column, ...]:
    # Nautilus's fixed-point numbers, by the name they get.
    return tuple(Column(name, "DOUBLE", f"number_of({own})") for name, own in names.items())


# Of a folder of the catalog, and of what is kept of a map.
_SYMBOL: Final = Column("symbol", "VARCHAR", "'{symbol}'")
_SEEN: Final = (Column("timestamp", "TIMESTAMP", "time_of(ts_init)"), _SYMBOL)
_SAID: Final = (Column("timestamp", "TIMESTAMP", "time_of(ts)"), _SYMBOL)
_SIDE: Final = Column("side", "VARCHAR", "side_of(side)")

# What lies in the catalog, as it lies there.
STORED: Final[dict[str, tuple[StoredType, tuple[Column, ...]]]] = {
    "bars": (
        BARS,
        (
            *_SEEN,
            Column("interval", "VARCHAR", "'{interval}'"),
            *_raw_numbers(open="open", high="high", low="low", close="close", volume="volume"),
        ),
    ),
    "trades": (
        TRADES,
        (
            *_SEEN,
            *_raw_numbers(price="price", quantity="size"),
            Column("taker_side", "VARCHAR", "['buy', 'sell'][aggressor_side]"),
            *_texts("trade_id"),
        ),
    ),
    "open_interest_history": (
        OPEN_INTEREST,
        (
            *_SEEN,
            *_numbers("open_interest", "open_interest_notional"),
            *_numbers("top_trader_account_ratio", "top_trader_position_ratio"),
            *_numbers("account_ratio", "taker_volume_ratio"),
        ),
    ),
    "funding_rate_history": (
        FUNDING,
        (*_SEEN, Column("rate", "DOUBLE", "trim(decode(rate), '\"')")),
    ),
    "liquidation_orders": (
        LIQUIDATION_ORDERS,
        (
            *_SEEN,
            Column("price", "DOUBLE", "average_price"),
            *_numbers("quantity"),
            Column("notional", "DOUBLE", "quantity * {worth}"),
            Column("side", "VARCHAR", "side_of(position_side)"),
        ),
    ),
    "liquidation_bars": (
        LIQUIDATION_SUMS,
        (
            *_SEEN,
            *_texts("interval"),
            *_numbers("long_notional", "short_notional"),
            *_texts("source"),
        ),
    ),
}
KEPT: Final[dict[str, Kept]] = {
    "liquidation_levels": Kept(
        ("levels", "asked"),
        (
            *_SAID,
            *_texts("model"),
            Column("price_level", "DOUBLE", "price"),
            Column("liquidation_volume", "DOUBLE", "notional"),
            Column("volume_low", "DOUBLE", "notional_low"),
            Column("volume_high", "DOUBLE", "notional_high"),
            *_numbers("exposure"),
            Column("leverage_tier", "DOUBLE", "leverage"),
            _SIDE,
            *_numbers("confidence"),
        ),
    ),
    "heatmap_cache": Kept(
        ("density-1h",),
        (
            Column("time_bucket", "TIMESTAMP", "time_of(ts)"),
            # A row holds a column of the map: its buckets are laid out one after another.
            Column("price_bucket", "DOUBLE", "(unnest(range(len(volume))) + first_bucket) * width"),
            _SYMBOL,
            *_texts("model"),
            Column("density", "DOUBLE", "unnest(volume)::DOUBLE / width"),
            Column("volume", "DOUBLE", "unnest(volume)"),
        ),
        rows="is_valid",
        shown="volume > 0",
    ),
    "signals": Kept(
        ("signals",),
        (
            *_SAID,
            *_texts("action", "reason"),
            *_numbers("confidence"),
            Column("risk", "DOUBLE", "known(risk)"),
            Column("position_side", "VARCHAR", "side_of(position_side)"),
            Column("cluster_price", "DOUBLE", "known(cluster_price)"),
            Column("cluster_notional", "DOUBLE", "known(cluster_notional)"),
        ),
    ),
    "forecasts": Kept(
        ("forecasts",),
        (
            *_SAID,
            *_texts("horizon", "side"),
            *(
                Column(field.name, "DOUBLE", f"known({field.name})")
                for field in dataclasses.fields(SideForecast)
            ),
        ),
    ),
    "clusters": Kept(
        ("clusters",),
        (
            *_SAID,
            *_numbers("price_low", "price_high", "price_peak", "notional"),
            _SIDE,
            *_numbers("significance", "confidence"),
        ),
    ),
}
