"""Which notional brackets apply to a symbol at a moment."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Final
from typing import NamedTuple

from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.exchange.brackets import brackets_of
from liq_nautilus.core.exchange.built_in_brackets import built_in_versions

_FOREVER_NS: Final = 2**63 - 1


class DatedTable(NamedTuple):
    """
    A table of brackets and how long it applies.

    Attributes
    ----------
    table : BracketTable
        The brackets.
    since_ns, until_ns : int
        It applies from one moment to the other (UTC nanoseconds, the end exclusive).

    """

    table: BracketTable
    since_ns: int
    until_ns: int


def in_force(table: BracketTable, ts_ns: int) -> DatedTable:
    """
    Return the table that is in force at a moment, where another was before.

    Parameters
    ----------
    table : BracketTable
        One of the built-in tables, whose place the next one takes when its date has come; any other
        one, such as that of a file, stays.
    ts_ns : int
        The moment (UTC nanoseconds).

    Examples
    --------
    >>> new_year = 1_767_225_600_000_000_000
    >>> old = BracketTable.built_in("BTCUSDT", new_year - 1)
    >>> in_force(old, new_year - 1).table.valid_from, in_force(old, new_year).table.valid_from
    ('2024-10-24', '2026-01-01')

    """
    versions = built_in_versions(table.symbol)
    dates = [date for date, _ in versions]
    if table.valid_from not in dates:
        return DatedTable(table, 0, _FOREVER_NS)
    since_ns = 0
    for date, rows in versions[dates.index(table.valid_from) + 1 :]:
        next_ns = _midnight_ns(date)
        if ts_ns < next_ns:
            return DatedTable(table, since_ns, next_ns)
        table, since_ns = BracketTable.from_rows(table.symbol, date, rows), next_ns
    return DatedTable(table, since_ns, _FOREVER_NS)


class BracketSource:
    """
    The brackets of symbols, dated at the moment they apply.

    Parameters
    ----------
    document : object, optional
        A parsed answer of Binance's `leverageBracket`, which then holds at all times; without it
        the built-in dated tables.

    """

    def __init__(self, document: object | None = None) -> None:
        self._document = document
        self._known: dict[str, DatedTable] = {}

    def at(self, symbol: str, ts_ns: int) -> BracketTable:
        """
        Return the brackets of a symbol at a moment (UTC nanoseconds).

        Before the first built-in table of a symbol that table is taken.

        Raises
        ------
        ValueError
            If a document was given and does not hold the symbol.

        """
        return self.dated(symbol, ts_ns).table

    def dated(self, symbol: str, ts_ns: int) -> DatedTable:
        """Return the brackets of a symbol at a moment, and how long they apply (see `at`)."""
        known = self._known.get(symbol)
        if known is None or not known.since_ns <= ts_ns < known.until_ns:
            known = self._known[symbol] = self._find(symbol, ts_ns)
        return known

    def _find(self, symbol: str, ts_ns: int) -> DatedTable:
        return in_force(brackets_of(symbol, self._document), ts_ns)


def _midnight_ns(date: str) -> int:
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()) * 1_000_000_000
