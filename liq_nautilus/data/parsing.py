"""
The inner loops of reading numbers from the text of a plain CSV file, compiled by numba.

They know one spelling only: fields without quotes, digits with at most one point, "true" and
"false", lines that end in LF or CRLF. At anything else they stop, and others read the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import cast

import numba
import numpy as np

from liq_nautilus.data.values import DECIMAL_FORM
from liq_nautilus.data.values import FIRST_MS
from liq_nautilus.data.values import FLOAT_FORM
from liq_nautilus.data.values import LAST_MS
from liq_nautilus.data.values import NO_FORM
from liq_nautilus.data.values import TIME_FORM
from liq_nautilus.data.values import TRUTH_FORM

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    type Bytes = npt.NDArray[np.uint8]
    type Integers = npt.NDArray[np.int64]
    type Floats = npt.NDArray[np.float64]

_LF, _CR, _QUOTE, _COMMA, _POINT, _ZERO = (ord(sign) for sign in '\n\r",.0')
_FIRST_PRINTABLE, _LAST_PRINTABLE = ord(" "), ord("~")
# More may leave 64 bits.
_MOST_DIGITS = 18
# Up to here a float holds every whole number, so that its quotient by a power of ten (itself exact
# up to 10^22) is the float nearest to the decimal (Clinger 1990, the fast path of strtod).
_MOST_EXACT = 2**53
_POWERS = np.array([float(f"1e{places}") for places in range(_MOST_DIGITS + 1)])
_MS_DIGITS, _US_DIGITS = 13, 16
_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def _compiled[F: Callable[..., Any]](function: F) -> F:
    # Other threads write meanwhile: no lock of the interpreter is held.
    return cast("F", numba.njit(cache=True, nogil=True)(function))


@_compiled
def parse_lines(
    text: Bytes, forms: Integers, slots: Integers, places: Integers, whole: Integers, floats: Floats
) -> tuple[int, int]:
    """
    Read lines of comma-separated numbers.

    Parameters
    ----------
    text : ndarray of shape (n_bytes,)
        Whole lines: the last byte must be a line feed.
    forms, slots, places : ndarray of shape (n_columns,)
        The form of each column (a `..._FORM` of `values`), the row of the output its numbers go
        to, and the decimals a decimal number is counted in.
    whole : ndarray of shape (n_slots, n_lines)
        Filled with times (ns), whole numbers, decimals (in units of their last place) and truths.
    floats : ndarray of shape (n_slots, n_lines)
        Filled with floats.

    Returns
    -------
    tuple of int
        How many lines were read, and how many bytes; fewer than there are if a line is not plain.

    """
    at, n_lines = 0, 0
    while at < len(text):
        start = at
        for column in range(len(forms)):
            if column:
                if text[at] != _COMMA:
                    return n_lines, start
                at += 1
            form, slot = forms[column], slots[column]
            if form == FLOAT_FORM:
                at, floats[slot, n_lines] = _float(text, at)
            elif form == NO_FORM:
                at = _after_field(text, at)
            else:
                at, whole[slot, n_lines] = _whole(text, at, form, places[column])
            if at < 0:
                return n_lines, start
        if text[at] == _CR:
            at += 1
        if text[at] != _LF:
            return n_lines, start
        at += 1
        n_lines += 1
    return n_lines, at


@_compiled
def _whole(text: Bytes, at: int, form: int, places: int) -> tuple[int, int]:
    # Where the field ends, negative if it is not plain; and its value as a whole number.
    if form == TRUTH_FORM:
        return _truth(text, at)
    if form == DECIMAL_FORM:
        return _decimal(text, at, places)
    value, end = _digits(text, at, 0, _MOST_DIGITS)
    if form == TIME_FORM:
        if end - at == _MS_DIGITS and FIRST_MS <= value <= LAST_MS:
            return end, value * 1_000_000
        if end - at == _US_DIGITS and FIRST_MS * 1_000 <= value <= LAST_MS * 1_000:
            return end, value * 1_000
        return -1, 0
    return (end, value) if end > at else (-1, 0)


@_compiled
def _digits(text: Bytes, at: int, value: int, most: int) -> tuple[int, int]:
    # The number that up to `most` digits make behind `value`, and where they end.
    end = at + most
    while at < end:
        # Through a signed number: unsigned and signed together would make a float.
        digit = int(np.int64(text[at])) - _ZERO
        if not 0 <= digit <= 9:
            break
        value = value * 10 + digit
        at += 1
    return value, at


@_compiled
def _point_number(text: Bytes, at: int) -> tuple[int, int, int]:
    # Where a number ends (negative if there is none), its digits, and how many decimals they have.
    value, end = _digits(text, at, 0, _MOST_DIGITS)
    if end == at:
        return -1, 0, 0
    if text[end] != _POINT:
        return end, value, 0
    point = end
    value, end = _digits(text, point + 1, value, _MOST_DIGITS - (point - at))
    return end, value, end - point - 1


@_compiled
def _decimal(text: Bytes, at: int, places: int) -> tuple[int, int]:
    # Zeros behind the last place are no part of the value; other digits are rounding noise.
    end, value, n_decimals = _point_number(text, at)
    while n_decimals > places:
        if value % 10:
            return -1, 0
        value //= 10
        n_decimals -= 1
    while n_decimals < places and value <= _MOST_EXACT:
        value *= 10
        n_decimals += 1
    return (end, value) if value <= _MOST_EXACT else (-1, 0)


@_compiled
def _float(text: Bytes, at: int) -> tuple[int, float]:
    end, value, n_decimals = _point_number(text, at)
    while value > _MOST_EXACT:
        if n_decimals == 0 or value % 10:
            return -1, 0.0
        value //= 10
        n_decimals -= 1
    return end, value / _POWERS[n_decimals]


@_compiled
def _truth(text: Bytes, at: int) -> tuple[int, int]:
    # "true" or "false"; the line feed at the end stops every comparison in time.
    is_true = text[at] == ord("t")
    if not is_true and text[at] != ord("f"):
        return -1, 0
    for letter in "rue" if is_true else "alse":
        at += 1
        if text[at] != ord(letter):
            return -1, 0
    return at + 1, int(is_true)


@_compiled
def _after_field(text: Bytes, at: int) -> int:
    # Where a field that is not needed ends.
    while text[at] not in (_COMMA, _LF, _CR):
        if text[at] == _QUOTE or not _FIRST_PRINTABLE <= text[at] <= _LAST_PRINTABLE:
            return -1
        at += 1
    return at


@_compiled
def widen(values: Integers, factor: int, wide: npt.NDArray[np.uint64]) -> None:
    """
    Multiply and widen to 128 bits.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Not negative.
    factor : int
        Not negative.
    wide : ndarray of shape (n, 2)
        Filled with the lower and the upper 64 bits of each product.

    """
    low, high = np.uint64(factor) & _MASK, np.uint64(factor) >> _HALF
    for i in range(len(values)):
        value = np.uint64(values[i])
        lower, upper = value & _MASK, value >> _HALF
        first = lower * low
        middle = lower * high + (first >> _HALF)
        other = upper * low + (middle & _MASK)
        wide[i, 0] = (other << _HALF) | (first & _MASK)
        wide[i, 1] = upper * high + (middle >> _HALF) + (other >> _HALF)
