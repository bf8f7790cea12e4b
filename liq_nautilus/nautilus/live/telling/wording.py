"""Numbers as a trader reads them."""

from __future__ import annotations

import math
from typing import Final

_DIGITS: Final = 6


def price_words(price: float) -> str:
    """
    Return a price with six digits at least, of a coin of any size.

    Examples
    --------
    >>> price_words(65_432.17), price_words(143.2571), price_words(0.00001234)
    ('65,432.2', '143.257', '0.0000123400')
    >>> price_words(math.nan)
    'unknown'

    """
    if not math.isfinite(price):
        return "unknown"
    size = math.floor(math.log10(abs(price))) if price else 0
    return f"{price:,.{max(_DIGITS - 1 - size, 0)}f}"
