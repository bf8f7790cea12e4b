"""Columns as they are parsed, checked and made canonical; what is odd needs care."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from liq_nautilus.core.dollars.covered_venues import venues_text
from liq_nautilus.data.columns import array_of
from liq_nautilus.data.columns import bytes_array
from liq_nautilus.data.columns import filled
from liq_nautilus.data.columns import numbers
from liq_nautilus.data.columns import wide_decimals
from liq_nautilus.data.reading.rows import NeedsCareError
from liq_nautilus.data.values import DECIMAL_PLACES
from liq_nautilus.data.values import FIRST_MS
from liq_nautilus.data.values import LAST_MS
from liq_nautilus.data.values import MOST_DECIMAL_DIGITS
from liq_nautilus.data.values import MOST_FLOAT_DIGITS
from liq_nautilus.data.values import MOST_WHOLE_DIGITS

_US_PER_MS: Final = 1_000


def moments(column: pa.Array) -> pa.Array:
    """Return times (ms or us since 1970, told by magnitude) as nanoseconds."""
    ts = numbers(column.cast(pa.int64()))
    is_ms = (ts >= FIRST_MS) & (ts <= LAST_MS)
    is_us = (ts >= FIRST_MS * _US_PER_MS) & (ts <= LAST_MS * _US_PER_MS)
    if not np.all(is_ms | is_us):
        raise NeedsCareError
    return array_of(ts * np.where(is_ms, 1_000_000, 1_000))


def wholes(column: pa.Array, default: float | None) -> pa.Array:
    """Return whole numbers that are not negative."""
    column = column if default is None else filled(column, default)
    whole = numbers(column)
    if len(whole) and not 0 <= whole.min() <= whole.max() < 10**MOST_WHOLE_DIGITS:
        raise NeedsCareError
    return column


def decimals(column: pa.Array) -> pa.Array:
    """Return decimals that are not negative."""
    if column.null_count:
        zeros = np.zeros(len(column), dtype=np.int64)
        column = pc.coalesce(column, wide_decimals(zeros, column.type.scale, column.type))
    # In units of the last place, 128 bits wide, of which the lower 63 suffice.
    most = min(10 ** (MOST_DECIMAL_DIGITS + column.type.scale), 2**63)
    n, first = 2 * len(column), 16 * column.offset
    halves = np.frombuffer(column.buffers()[1], np.int64, n, first).reshape(-1, 2)
    if len(halves) and (
        halves[:, 1].any() or not 0 <= halves[:, 0].min() <= halves[:, 0].max() < most
    ):
        raise NeedsCareError
    return column


def floats(column: pa.Array, default: float | None) -> pa.Array:
    """Return floats of a bounded size."""
    if pa.types.is_string(column.type):
        try:
            column = column.cast(pa.float64())
        except pa.ArrowInvalid as e:
            raise NeedsCareError from e
    bounds = pc.min_max(column).as_py()
    most = 10.0**MOST_FLOAT_DIGITS
    if bounds["min"] is not None and not -most < bounds["min"] <= bounds["max"] < most:
        raise NeedsCareError
    return column if default is None else filled(column, default)


def codes(column: pa.Array, codes: dict[str, int]) -> pa.Array:
    """Return the code of each word."""
    if column.type == pa.bool_():
        return array_of(np.where(numbers(column), codes["true"], codes["false"]).astype(np.int8))
    words = [word.lower() for word in column.dictionary.to_pylist()]
    if not codes.keys() >= set(words):
        raise NeedsCareError
    known = array_of(np.array([codes[word] for word in words], dtype=np.int8))
    return known.take(column.indices)


def venues(column: pa.Array, unstated: str) -> pa.Array:
    """Return names of venues, in order; `unstated` for an empty text."""
    try:
        words = [venues_text([word]) for word in column.dictionary.to_pylist()]
    except ValueError as e:
        raise NeedsCareError from e
    # The word behind all others stands for an empty text.
    known = bytes_array([word.encode() for word in (*words, unstated)]).cast(pa.string())
    return known.take(filled(column.indices, len(words)))


def widened(column: pa.Array) -> pa.Array:
    """Return decimals as wide as the canonical ones; other columns as they are."""
    if not pa.types.is_decimal(column.type):
        return column
    return column.cast(pa.decimal128(38, DECIMAL_PLACES))
