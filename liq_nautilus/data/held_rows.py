"""A partition's rows held in memory while others are merged into them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa

from liq_nautilus.data.columns import array_of
from liq_nautilus.data.columns import numbers
from liq_nautilus.data.merging import SAME
from liq_nautilus.data.merging import merge
from liq_nautilus.data.merging import sortable

if TYPE_CHECKING:
    import numpy.typing as npt

    type Codes = npt.NDArray[np.uint8]

ALREADY_PRESENT: Final = 3


class HeldRows:
    """
    The sorted rows of one partition.

    Parameters
    ----------
    table : pa.Table
        The rows, in the target's flat schema.
    is_prior : ndarray of shape (n_rows,)
        Which of them were in the catalog before this run.

    Attributes
    ----------
    is_changed : bool
        Whether rows were added.

    """

    def __init__(self, table: pa.Table, is_prior: npt.NDArray[np.bool_]) -> None:
        self.table = table
        self.is_prior = is_prior
        self.is_changed = False
        self._ts = _times(table)

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and the last `ts_init` (UTC nanoseconds)."""
        return int(self._ts[0]), int(self._ts[-1])

    def take_out(self, is_out: npt.NDArray[np.bool_]) -> pa.Table:
        """Remove the rows of a mask, and return them."""
        taken = self.table.filter(array_of(is_out))
        if taken.num_rows:
            self.table = self.table.filter(array_of(~is_out))
            self.is_prior, self._ts = self.is_prior[~is_out], self._ts[~is_out]
            self.is_changed = True
        return taken

    def merge(self, piece: pa.Table, keys: tuple[str, ...], unique: str | None) -> Codes:
        """
        Merge rows and return what becomes of each.

        Only the stretch of time the piece covers is compared and copied, so that a large
        partition costs little for each of many pieces.
        """
        ts = _times(piece)
        first = int(np.searchsorted(self._ts, ts.min(), side="left"))
        after = int(np.searchsorted(self._ts, ts.max(), side="right"))
        if unique is not None and not self._is_apart(sortable(piece[unique]), first, after, unique):
            first, after = 0, len(self._ts)
        middle = self.table.slice(first, after - first)
        merged = merge(middle if middle.num_rows else None, piece, keys, unique)
        is_prior = np.concatenate(
            [self.is_prior[first:after], np.zeros(piece.num_rows, dtype=bool)]
        )
        if merged.table is not None:
            parts = [self.table.slice(0, first), merged.table, self.table.slice(after)]
            self.table = pa.concat_tables(parts)
            self._ts = np.concatenate([self._ts[:first], _times(merged.table), self._ts[after:]])
            known = (self.is_prior[:first], is_prior[merged.rows], self.is_prior[after:])
            self.is_prior = np.concatenate(known)
            self.is_changed = True
        codes = merged.codes.copy()
        is_same = codes == SAME
        codes[is_same] = np.where(is_prior[merged.same_as[is_same]], ALREADY_PRESENT, SAME)
        return codes

    def _is_apart(
        self, numbers: npt.NDArray[np.int64 | np.float64], first: int, after: int, unique: str
    ) -> bool:
        # Whether numbers that may not repeat lie between those before and behind the stretch.
        before = sortable(self.table[unique].slice(first - 1, 1)) if first else [-1]
        behind = sortable(self.table[unique].slice(after, 1))
        return bool(numbers.min() > before[0] and (not len(behind) or numbers.max() < behind[0]))


def _times(table: pa.Table) -> npt.NDArray[np.int64]:
    return numbers(table.column("ts_init")).astype(np.int64)
