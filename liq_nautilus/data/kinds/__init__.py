"""
The table of kinds: each kind of Binance file, and what the catalog holds of it.

One declaration per kind says its columns and what must hold (`Kind`), where Binance's dump has it,
which types of the catalog it feeds and how; and one per type (`StoredType`) which columns are read
back, how good they are, and what the map is told. Everything else in the project looks kinds up
here. To add a kind, declare it beside its relatives, or in a new module that is listed below.

A value of a file is SQL over its text columns (`raw_NAME`), which DuckDB evaluates;
`{price_decimals}` and the like are filled in from the instrument, see `Rules`.
"""

from __future__ import annotations

from typing import Final

from liq_nautilus.data.kinds import bars
from liq_nautilus.data.kinds import depth
from liq_nautilus.data.kinds import funding
from liq_nautilus.data.kinds import liquidations
from liq_nautilus.data.kinds import open_interest
from liq_nautilus.data.kinds import trades
from liq_nautilus.data.kinds.schema import Check
from liq_nautilus.data.kinds.schema import Column
from liq_nautilus.data.kinds.schema import Dump
from liq_nautilus.data.kinds.schema import Kind
from liq_nautilus.data.kinds.schema import Rules
from liq_nautilus.data.kinds.stored import StoredType

__all__ = [
    "KINDS",
    "STORED_TYPES",
    "Check",
    "Column",
    "Dump",
    "Kind",
    "Rules",
    "StoredType",
    "kinds_of",
]

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for module in (bars, trades, open_interest, funding, depth, liquidations)
    for kind in module.KINDS
}
# At equal times the map is told in this order of types: the path, then what it did to positions,
# then the counts.
_ORDER: Final = (
    bars.MARK_BARS,
    bars.BARS,
    trades.TRADES,
    liquidations.LIQUIDATION_SUMS,
    liquidations.COMPLETENESS,
    liquidations.LIQUIDATION_ORDERS,
    funding.FUNDING,
    open_interest.OPEN_INTEREST,
)
STORED_TYPES: Final[dict[str, StoredType]] = {
    stored.name: stored
    for stored in (*_ORDER, *(feeds.stored for kind in KINDS.values() for feeds in kind.feeds))
}


def kinds_of(stored: StoredType) -> list[str]:
    """Return the kinds of file that feed a type."""
    return [
        kind.name for kind in KINDS.values() if any(feeds.stored is stored for feeds in kind.feeds)
    ]
