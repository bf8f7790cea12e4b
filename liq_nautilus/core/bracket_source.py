"""Which notional brackets apply to a symbol at a moment."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Final
from typing import NamedTuple

from liq_nautilus.core.brackets import BracketTable
from liq_nautilus.core.built_in_brackets import built_in_versions

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
        if self._document is not None:
            return DatedTable(BracketTable.from_binance(self._document, symbol), 0, _FOREVER_NS)
        changes = [_midnight_ns(date) for date, _ in built_in_versions(symbol)[1:]]
        since_ns = max((ns for ns in changes if ns <= ts_ns), default=0)
        until_ns = min((ns for ns in changes if ns > ts_ns), default=_FOREVER_NS)
        return DatedTable(BracketTable.built_in(symbol, ts_ns), since_ns, until_ns)


def _midnight_ns(date: str) -> int:
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()) * 1_000_000_000
