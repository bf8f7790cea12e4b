"""
Between numpy and Arrow, without pandas.

Arrow's own `to_numpy`, `pa.array` and `pa.scalar` load pandas, which takes longer than to read a
month: what is read and written a lot goes through the buffers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


def single(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array; `combine_chunks` copies even where there is nothing to join."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def numbers(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[Any]:
    """Return a column of numbers or truths without nulls as numpy holds it."""
    array = single(column) if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_boolean(array.type):
        return numbers(array.cast(pa.uint8())).astype(np.bool_)
    return np.array(np.from_dlpack(array))


def array_of(values: npt.NDArray[Any]) -> pa.Array:
    """
    Return numbers or truths as an Arrow array.

    Examples
    --------
    >>> array_of(np.array([1, 2], dtype=np.int8)).to_pylist()
    [1, 2]
    >>> array_of(np.array([True, False, True])).to_pylist()
    [True, False, True]

    """
    n = len(values)
    if values.dtype == np.bool_:
        bits = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), n, [None, pa.py_buffer(bits)])
    kept = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(kept.dtype), n, [None, pa.py_buffer(kept)])


def filled(column: pa.Array | pa.ChunkedArray, value: float) -> pa.Array | pa.ChunkedArray:
    """Return a column of numbers with a value in place of nulls."""
    if not column.null_count:
        return column
    return pc.coalesce(column, array_of(np.full(len(column), value)).cast(column.type))


def empty_table(schema: pa.Schema) -> pa.Table:
    """Return a table without rows."""
    return pa.Table.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema)


def bytes_array(values: Sequence[bytes]) -> pa.Array:
    """
    Return an Arrow array of bytes.

    Examples
    --------
    >>> bytes_array([b"a", b"bc"]).to_pylist()
    [b'a', b'bc']

    """
    ends = np.cumsum([0, *(len(value) for value in values)]).astype(np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(pa.binary(), len(values), buffers)


def repeated(text: str, n: int) -> pa.Array:
    """
    Return a column of one text throughout.

    Examples
    --------
    >>> repeated("5m", 2).to_pylist()
    ['5m', '5m']

    """
    codes = array_of(np.zeros(n, dtype=np.int32))
    words = bytes_array([text.encode()]).cast(pa.string())
    return pa.DictionaryArray.from_arrays(codes, words).cast(pa.string())


def wide_decimals(units: npt.NDArray[np.int64], places: int, kind: pa.DataType) -> pa.Array:
    """
    Return whole numbers of 10^-`places` as decimals of 128 bits.

    Examples
    --------
    >>> wide_decimals(np.array([150, -25]), 2, pa.decimal128(38, 16)).cast(pa.float64()).to_pylist()
    [1.5, -0.25]

    """
    halves = np.stack([units, units >> 63], axis=1)
    narrow = pa.decimal128(19, places)
    return pa.Array.from_buffers(narrow, len(units), [None, pa.py_buffer(halves)]).cast(kind)
