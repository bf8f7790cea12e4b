"""Names of venues in the text that says whose liquidations a sum holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEPARATOR = "+"
# What follows the name of a venue whose feed shows a part of its liquidations only: such sums are
# those of no venue, and never taken for its dollars.
THINNED = ":THINNED"
_NAME = re.compile(rf"[A-Z][A-Z0-9_.]*({THINNED})?")


def joined_venues(venues: tuple[str, ...]) -> str:
    """
    Return venues as one text.

    Examples
    --------
    >>> joined_venues(("BINANCE", "BYBIT"))
    'BINANCE+BYBIT'

    """
    return _SEPARATOR.join(venues)


def named_venues(text: str) -> tuple[str, ...]:
    """
    Return the venues a text names, in capitals; none where it names none.

    Examples
    --------
    >>> named_venues("Binance + Bybit"), named_venues("aggregated")
    (('BINANCE', 'BYBIT'), ())

    """
    if not text or text == UNNAMED_VENUES:
        return ()
    return tuple(part.strip().upper() for part in text.split(_SEPARATOR) if part.strip())


# Sums over venues of which nobody said which they are.
UNNAMED_VENUES = "aggregated"


def venues_text(names: Iterable[str]) -> str:
    """
    Return names of venues as one text, each once and in order.

    Parameters
    ----------
    names : iterable of str
        Names in any case, or several joined by + or commas; with ":thinned" where the feed shows a
        part of the venue's liquidations only.

    Raises
    ------
    ValueError
        If one is no name.

    Examples
    --------
    >>> venues_text(["Bybit", "binance, okx"]), venues_text(["binance:thinned"]), venues_text([])
    ('BINANCE+BYBIT+OKX', 'BINANCE:THINNED', 'aggregated')

    """
    parts = [part.strip().upper() for text in names for part in re.split(r"[+,]", text)]
    for part in parts:
        if _NAME.fullmatch(part) is None:
            msg = f"venues must be names such as BINANCE or BINANCE{THINNED}, was {part or 'empty'}"
            raise ValueError(msg)
    return joined_venues(tuple(sorted(set(parts)))) if parts else UNNAMED_VENUES
