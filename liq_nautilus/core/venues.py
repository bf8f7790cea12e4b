"""Names of venues in the text that says whose liquidations a sum holds."""

from __future__ import annotations

_SEPARATOR = "+"


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
