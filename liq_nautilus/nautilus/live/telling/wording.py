"""Numbers as a trader reads them."""

from __future__ import annotations

import math
from typing import Final

_DIGITS: Final = 6
_UNITS: Final = ((1e9, "B"), (1e6, "M"), (1e3, "K"))


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


def money_words(amount: float) -> str:
    """
    Return an amount of dollars with three digits, as it is read at a glance.

    Examples
    --------
    >>> money_words(16_856_106.0), money_words(57_250.0), money_words(999_999.0), money_words(7.4)
    ('$16.9M', '$57.2K', '$1.00M', '$7')
    >>> money_words(math.nan)
    'unknown'

    """
    if not math.isfinite(amount):
        return "unknown"
    for unit, letter in _UNITS:
        # As rounded: what is shown never has four digits.
        if abs(amount) >= 0.9995 * unit:
            share = amount / unit
            digits = 2 if abs(share) < 9.995 else 1 if abs(share) < 99.95 else 0
            return f"${share:,.{digits}f}{letter}"
    return f"${amount:,.0f}"
