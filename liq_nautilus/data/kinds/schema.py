"""What a kind of file is: its columns, what is read from them, what must hold, what it feeds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from typing import NamedTuple

from liq_nautilus.core.dollars.covered_venues import UNNAMED_VENUES
from liq_nautilus.core.exchange.contracts import contract_value
from liq_nautilus.data.values import NOISE_PLACES
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection

    import pyarrow as pa

    from liq_nautilus.data.kinds.stored import StoredType
    from liq_nautilus.data.values import Value

    # From a canonical table of the file, and the interval of its name, to the columns of a type.
    type Prepare = Callable[[pa.Table, str], pa.Table]


class Column(NamedTuple):
    """
    A column of the file.

    Attributes
    ----------
    name : str
        Its name.
    aliases : tuple of str
        Other names it went by.
    is_optional : bool
        Whether a header may lack it.
    is_addition : bool
        Whether files without a header may end before it.

    """

    name: str
    aliases: tuple[str, ...] = ()
    is_optional: bool = False
    is_addition: bool = False

    def is_among(self, names: Collection[str]) -> bool:
        """Return whether one of the names is one of this column's."""
        return any(name in names for name in (self.name, *self.aliases))


class Check(NamedTuple):
    """What must hold for a row: SQL over the parsed values, and the words when it does not."""

    sql: str
    what: str


class Dump(Enum):
    """In which files Binance's public dump holds a kind."""

    DAYS_AND_MONTHS = "daily and monthly"
    DAYS = "daily"
    MONTHS = "monthly"
    NOWHERE = "not at all"


def as_read(table: pa.Table, interval: str) -> pa.Table:
    """Return the canonical table as it is: its columns are those of the type."""
    return table


class Feeds(NamedTuple):
    """
    A type of the catalog that a kind of file feeds.

    Attributes
    ----------
    stored : StoredType
        The type.
    prepare : callable
        Gives the canonical table of a file the type's columns; types of Nautilus's own are encoded
        from the canonical table itself.

    """

    stored: StoredType
    prepare: Prepare = as_read


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """
    One kind of file: everything there is to say about it.

    Attributes
    ----------
    name : str
        As it stands in the file's name or folder, such as "metrics".
    columns : tuple of Column
        In the order of files without a header.
    values : tuple of Value
        What is read from them, in canonical form.
    feeds : tuple of Feeds
        The types of the catalog it fills; the first takes every row.
    checks : tuple of Check
        What must hold between the values of a row.
    has_interval : bool
        Whether the file's name states an interval.
    is_period_closed : bool
        Whether all rows lie in the day, month or year of the file's name.
    names_row : tuple of str
        The values that name a row: no two rows have the same.
    dump : Dump
        Where `download` finds it.
    label_lead_ns : int
        How much later than its label a row may have been taken (ns): which of the two holds is told
        file by file. 0 where the label is the moment.

    """

    name: str
    columns: tuple[Column, ...]
    values: tuple[Value, ...]
    feeds: tuple[Feeds, ...]
    checks: tuple[Check, ...] = ()
    has_interval: bool = False
    is_period_closed: bool = True
    names_row: tuple[str, ...] = ("ts_event",)
    dump: Dump = Dump.DAYS_AND_MONTHS
    label_lead_ns: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What the values of one symbol's file are measured by."""

    symbol: str
    interval: str
    price_decimals: int
    size_decimals: int
    venues: str = UNNAMED_VENUES

    def fill(self, sql: str) -> str:
        """Return SQL with the rules filled in."""
        return (
            sql.replace("{symbol}", self.symbol)
            .replace("{pair}", self.symbol.removesuffix("_PERP"))
            .replace("{price_decimals}", str(self.price_decimals))
            .replace("{size_decimals}", str(self.size_decimals))
            .replace("{price_scale}", str(min(self.price_decimals + NOISE_PLACES, 18)))
            .replace("{size_scale}", str(min(self.size_decimals + NOISE_PLACES, 18)))
            .replace("{venues}", self.venues)
            .replace("{contract_value}", str(contract_value(self.symbol) or 0))
            .replace("{interval_ns}", str(interval_ns(self.interval) if self.interval else 0))
        )


def named_columns(*names: str) -> tuple[Column, ...]:
    """
    Return columns written as "name|alias|alias".

    A leading ? stands where a header may lack it, ?? where files without a header may, too.

    Examples
    --------
    >>> named_columns("id", "?qty|quantity")[1]
    Column(name='qty', aliases=('quantity',), is_optional=True, is_addition=False)

    """
    made = []
    for text in names:
        name, *aliases = text.lstrip("?").split("|")
        made.append(Column(name, tuple(aliases), text.startswith("?"), text.startswith("??")))
    return tuple(made)
