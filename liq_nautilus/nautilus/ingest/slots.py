"""
In which file of a series each row belongs, whoever wrote the files that are there.

New rows go to a file of their month (or day), rows within the span of a file to that file, and rows
beside the files of others to the nearest one of the same month: files stay disjoint, and none is
cut up.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.layout import Span
from liq_nautilus.nautilus.catalog.layout import named_span
from liq_nautilus.nautilus.catalog.layout import partitions_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    type Times = npt.NDArray[np.int64]

# Slots are numbered in the order of time: each file, then the months or days behind it.
_STRIDE: Final = 1 << 32


class _StoredSpan(NamedTuple):
    span: Span
    path: Path


class Slots:
    """
    The files of a folder when it was looked at, and the room between them.

    Parameters
    ----------
    directory : Path
        The folder of the series; it need not exist.
    daily : bool
        Whether new files hold a day, else a month.

    Raises
    ------
    StoreError
        If a file's name is none of a catalog's, or the names overlap.

    """

    def __init__(self, directory: Path, *, daily: bool) -> None:
        self._daily = daily
        self._files = _files_of(directory)
        spans = [file.span for file in self._files]
        self._firsts = np.asarray([span.first_ns for span in spans], dtype=np.int64)
        self._lasts = np.asarray([span.last_ns for span in spans], dtype=np.int64)
        starts = partitions_of(self._firsts, daily=daily)
        # The month of a file that lies in one, else -1: it grows within its month only.
        self._homes = np.where(starts == partitions_of(self._lasts, daily=daily), starts, -1)

    @property
    def numbers(self) -> list[int]:
        """The slots that have a file."""
        return [number * _STRIDE for number in range(len(self._files))]

    def of(self, ts: Times) -> Times:
        """
        Return the slot of each row; slots rise with time.

        Parameters
        ----------
        ts : ndarray of shape (n_rows,)
            The `ts_init` of each row (UTC nanoseconds).

        """
        months = partitions_of(ts, daily=self._daily)
        if not self._files:
            return months - _STRIDE
        before = np.searchsorted(self._firsts, ts, side="right") - 1
        is_behind = before >= 0
        is_held = is_behind & (ts <= self._lasts[before])
        is_held |= is_behind & (self._homes[before] == months)
        after = np.minimum(before + 1, len(self._files) - 1)
        is_ahead = ~is_held & (self._homes[after] == months) & (after > before)
        slots = before * _STRIDE + months
        slots[is_held] = before[is_held] * _STRIDE
        slots[is_ahead] = after[is_ahead] * _STRIDE
        return slots

    def path(self, slot: int) -> Path | None:
        """Return the file of a slot, if it has one."""
        number, month = divmod(slot, _STRIDE)
        return None if month else self._files[number].path


def _files_of(directory: Path) -> list[_StoredSpan]:
    files = []
    for path in directory.glob("*.parquet"):
        span = named_span(path)
        if span is None:
            msg = (
                f"every file of {directory} must have the name of a span of time, {path.name} has "
                "not; rename it or ingest into another --catalog"
            )
            raise StoreError(msg)
        files.append(_StoredSpan(span, path))
    files.sort()
    for earlier, later in pairwise(files):
        if later.span.first_ns <= earlier.span.last_ns:
            msg = (
                f"the files of {directory} must not overlap, {earlier.path.name} and "
                f"{later.path.name} do; delete one of them and ingest again"
            )
            raise StoreError(msg)
    return files
