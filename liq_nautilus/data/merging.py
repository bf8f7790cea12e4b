"""Puts new rows into a stored table: sorted, none twice; of contradicting ones the first wins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from liq_nautilus.data.columns import array_of
from liq_nautilus.data.columns import filled
from liq_nautilus.data.columns import numbers

if TYPE_CHECKING:
    import numpy.typing as npt

KEPT: Final = 0
SAME: Final = 1
CONFLICT: Final = 2
UNKNOWN_ROW: Final = -1


@dataclass(frozen=True, slots=True)
class Merged:
    """
    The outcome of a merge.

    Attributes
    ----------
    table : pa.Table or None
        Old and new rows in order; None when no row is new.
    rows : ndarray of shape (n_rows,)
        Which row of old and new together (old first) each row of `table` was.
    codes : ndarray of shape (n_new,)
        What became of each new row: KEPT, SAME (as an earlier one) or CONFLICT (with one).
    same_as : ndarray of shape (n_new,)
        The row (of old and new together) a SAME or CONFLICT row met, else UNKNOWN_ROW.

    """

    table: pa.Table | None
    rows: npt.NDArray[np.int64]
    codes: npt.NDArray[np.uint8]
    same_as: npt.NDArray[np.int64]


def key_arrays(table: pa.Table, keys: tuple[str, ...]) -> list[npt.NDArray[np.int64 | np.float64]]:
    """Return sortable numbers for the key columns, `ts_init` first; texts by their rank."""
    return [sortable(table.column(name)) for name in ("ts_init", *keys)]


def sortable(column: pa.ChunkedArray) -> npt.NDArray[np.int64 | np.float64]:
    """Return a column as numbers in the same order: texts of digits by value, others by rank."""
    if pa.types.is_string(column.type):
        try:
            return numbers(pc.cast(column, pa.int64()))
        except pa.ArrowInvalid:
            texts = column.combine_chunks().dictionary_encode()
        values = np.asarray(texts.dictionary.to_pylist(), dtype=object)
        ranks = np.argsort(np.argsort(values)).astype(np.int64)
        return np.asarray(ranks[numbers(texts.indices)])
    array = numbers(column)
    return np.asarray(array, dtype=np.float64 if array.dtype.kind == "f" else np.int64)


def is_strictly_sorted(table: pa.Table, keys: tuple[str, ...]) -> bool:
    """Return whether each row comes after the one before it by time and then by its keys."""
    tied = np.ones(max(table.num_rows - 1, 0), dtype=bool)
    after = np.zeros_like(tied)
    for name in ("ts_init", *keys):
        key = sortable(table.column(name))
        after |= tied & (key[1:] > key[:-1])
        tied &= key[1:] == key[:-1]
        if not tied.any():
            break
    return bool(after.all())


def merge(
    old: pa.Table | None, new: pa.Table, keys: tuple[str, ...], unique: str | None = None
) -> Merged:
    """
    Merge new rows into a table.

    Parameters
    ----------
    old : pa.Table, optional
        Sorted rows without repetition.
    new : pa.Table
        Rows of the same schema in any order.
    keys : tuple of str
        The columns which, with `ts_init`, name a row and order the table.
    unique : str, optional
        A key column that may not repeat at another time either.

    """
    n_old = old.num_rows if old is not None else 0
    both = new if old is None else pa.concat_tables([old, new])
    both = both.combine_chunks()
    columns = key_arrays(both, keys)
    order = np.lexsort(columns[::-1])
    is_first = _first_of_each([column[order] for column in columns])
    leaders = order[np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))]
    codes = np.full(len(order), KEPT, dtype=np.uint8)
    same_as = np.full(len(order), UNKNOWN_ROW, dtype=np.int64)
    followers, met = order[~is_first], leaders[~is_first]
    named = {"ts_init", *keys}
    codes[followers] = np.where(_equal_rows(both, followers, met, named), SAME, CONFLICT)
    same_as[followers] = met
    if unique is not None:
        _mark_repeated(columns[1 + keys.index(unique)], codes, same_as)
    kept = order[codes[order] == KEPT]
    table = both.take(array_of(kept)) if len(kept) > n_old else None
    return Merged(table, kept, codes[n_old:], same_as[n_old:])


def _first_of_each(
    keys: list[npt.NDArray[np.int64 | np.float64]],
) -> npt.NDArray[np.bool_]:
    is_first = np.ones(len(keys[0]), dtype=bool)
    is_first[1:] = False
    for key in keys:
        is_first[1:] |= key[1:] != key[:-1]
    return is_first


def _equal_rows(
    table: pa.Table,
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    skip: set[str],
) -> npt.NDArray[np.bool_]:
    # Floats by their bits. What is unknown (NaN) on the left contradicts nothing.
    equal = np.ones(len(left), dtype=bool)
    if not len(left):
        return equal
    for name in table.column_names:
        if name in skip:
            continue
        column = table.column(name)
        a, b = column.take(array_of(left)), column.take(array_of(right))
        if pa.types.is_floating(column.type):
            ours, theirs = (numbers(filled(side, np.nan)) for side in (a, b))
            equal &= np.isnan(ours) | (ours.view(np.int64) == theirs.view(np.int64))
        else:
            same = pc.fill_null(pc.equal(a, b), pa.scalar(value=False))
            both_null = pc.and_(pc.is_null(a), pc.is_null(b))
            equal &= numbers(pc.or_(same, both_null))
    return equal


def _mark_repeated(
    values: npt.NDArray[np.int64 | np.float64],
    codes: npt.NDArray[np.uint8],
    same_as: npt.NDArray[np.int64],
) -> None:
    # Of rows kept so far, the earliest given (old before new) holds a value that stands twice.
    candidates = np.flatnonzero(codes == KEPT)
    _, first = np.unique(values[candidates], return_index=True)
    if len(first) == len(candidates):
        return
    holders = candidates[first]
    repeated = np.setdiff1d(candidates, holders)
    codes[repeated] = CONFLICT
    same_as[repeated] = holders[np.searchsorted(values[holders], values[repeated])]
