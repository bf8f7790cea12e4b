"""Writes one series of a catalog: rows stream in, files are staged, a commit moves them in."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from liq_nautilus.data.columns import array_of
from liq_nautilus.data.columns import empty_table
from liq_nautilus.data.columns import numbers
from liq_nautilus.data.held_rows import ALREADY_PRESENT
from liq_nautilus.data.held_rows import HeldRows
from liq_nautilus.data.merging import CONFLICT
from liq_nautilus.data.merging import KEPT
from liq_nautilus.data.merging import SAME
from liq_nautilus.data.merging import is_strictly_sorted
from liq_nautilus.data.merging import sortable
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.layout import ROWS_PER_GROUP
from liq_nautilus.nautilus.catalog.layout import Span
from liq_nautilus.nautilus.catalog.layout import file_name
from liq_nautilus.nautilus.catalog.layout import named_span
from liq_nautilus.nautilus.catalog.layout import series_directory
from liq_nautilus.nautilus.catalog.naming import Held
from liq_nautilus.nautilus.catalog.naming import promised
from liq_nautilus.nautilus.catalog.naming import rename
from liq_nautilus.nautilus.catalog.stored_files import StoredFile
from liq_nautilus.nautilus.ingest.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from liq_nautilus.nautilus.catalog.targets import Target

    type Codes = npt.NDArray[np.uint8]

__all__ = ["ALREADY_PRESENT", "CONFLICT", "KEPT", "SAME", "SeriesStore"]
_ROWS_PER_WRITE: Final = 20 * ROWS_PER_GROUP


@dataclass(slots=True)
class _Partition:
    # One file of the series. `is_prior` tells which of its rows were there before this run, packed
    # to bits; None stands for "all of them" as long as the run has not changed the file.
    path: Path | None
    is_prior: npt.NDArray[np.uint8] | None = None
    staged: Path | None = None
    staged_is_prior: npt.NDArray[np.uint8] | None = None
    staged_rows: Held | None = None
    rows: Held | None = None
    is_emptied: bool = False

    @property
    def current(self) -> Path | None:
        return self.staged or (None if self.is_emptied else self.path)

    def prior_rows(self, n_rows: int) -> npt.NDArray[np.bool_]:
        packed = self.staged_is_prior if self.staged is not None else self.is_prior
        if packed is None:
            return np.ones(n_rows, dtype=bool)
        return np.unpackbits(packed, count=n_rows).astype(bool)

    def stage(self, path: Path, is_prior: npt.NDArray[np.bool_], span: Span) -> None:
        if self.staged is not None:
            self.staged.unlink()
        self.staged, self.staged_is_prior = path, np.packbits(is_prior)
        self.staged_rows, self.is_emptied = Held(span, len(is_prior)), False

    def empty(self) -> None:
        # Nothing of it is left.
        if self.staged is not None:
            self.staged.unlink()
        self.staged, self.staged_is_prior, self.is_emptied = None, None, True

    def commit(self, directory: Path) -> bool:
        # The rows only, under the name of those before: at no moment there are two files.
        if self.is_emptied and self.path is not None:
            self.path.unlink()
            self.path, self.rows, self.is_emptied = None, None, False
            return True
        if self.staged is None or self.staged_rows is None:
            return False
        directory.mkdir(parents=True, exist_ok=True)
        self.path = self.path or directory / file_name(self.staged_rows.span)
        self.staged.replace(self.path)
        self.rows, self.is_prior = self.staged_rows, self.staged_is_prior
        self.staged, self.staged_is_prior = None, None
        return True

    def held(self) -> Held | None:
        # What the file holds, from its footer unless this run wrote it.
        if self.rows is None and self.path is not None:
            file = StoredFile(self.path)
            self.rows = Held(file.span, file.n_rows)
        if self.rows is None or self.path is None:
            return self.rows
        return self.rows._replace(named=named_span(self.path))


@dataclass(slots=True)
class _Stream:
    # A partition that is being written from its first row on.
    partition: int
    path: Path
    writer: pq.ParquetWriter
    first_ns: int
    last: tuple[int, int]
    n_rows: int = 0
    waiting: list[pa.Table] = field(default_factory=list)
    n_waiting: int = 0


class SeriesStore:
    """
    The files of one series.

    Parameters
    ----------
    catalog : Path
        The catalog's folder.
    staging : Path
        A folder on the same file system for files in the making.
    target : Target
        What the series holds.

    Raises
    ------
    StoreError
        If the folder holds files that are none of a catalog's.

    """

    def __init__(self, catalog: Path, staging: Path, target: Target) -> None:
        self._target = target
        self._directory = series_directory(catalog, target.stored, target.symbol, target.interval)
        self._staging = staging / self._directory.parent.name / self._directory.name
        self._slots = Slots(self._directory, daily=target.stored.is_daily)
        self._partitions: dict[int, _Partition] = {}
        self._stream: _Stream | None = None
        self._held: tuple[int, HeldRows] | None = None
        self._n_staged = 0

    def add(self, table: pa.Table) -> Codes:
        """
        Take rows, and return what becomes of each once `commit` is called.

        Parameters
        ----------
        table : pa.Table
            Rows in the target's flat schema, in any order.

        Returns
        -------
        ndarray of shape (n_rows,)
            KEPT, SAME (as another of this run), ALREADY_PRESENT (before the run) or CONFLICT.

        """
        codes = np.zeros(table.num_rows, dtype=np.uint8)
        ts = numbers(table.column("ts_init")).astype(np.int64)
        partitions = self._slots.of(ts)
        if np.any(np.diff(partitions) < 0):
            order = np.argsort(partitions, kind="stable")
            codes[order] = self._add_ordered(table.take(array_of(order)), partitions[order])
            return codes
        return self._add_ordered(table, partitions)

    def commit(self) -> None:
        """Move everything staged into the catalog, file by file, each atomically."""
        self._close_stream()
        self._put_down()
        partitions = sorted(self._partitions.items())
        changed = [number for number, one in partitions if one.commit(self._directory)]
        self._name(changed)

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        if self._stream is not None:
            self._stream.writer.close()
            self._stream.path.unlink()
            self._stream = None
        self._held = None
        for partition in self._partitions.values():
            partition.is_emptied = False
            if partition.staged is not None:
                partition.staged.unlink()
                partition.staged, partition.staged_is_prior = None, None

    def take_out(self, is_out: Callable[[pa.Table], npt.NDArray[np.bool_]]) -> pa.Table:
        """
        Take rows out of the series, and return them.

        Parameters
        ----------
        is_out : callable
            Tells which rows of a table in the flat schema.

        """
        taken = [empty_table(self._target.flat_schema)]
        for number in self._slots.numbers:
            rows = self._hold(number, self._partition(number))
            taken.append(rows.take_out(is_out(rows.table)))
        self._put_down()
        return pa.concat_tables(taken)

    def _name(self, changed: list[int]) -> None:
        # Names depend on the files on both sides.
        written = [number for number, one in self._partitions.items() if one.path is not None]
        known = sorted({*self._slots.numbers, *written})
        places = {bisect_left(known, number) + step for number in changed for step in (-1, 0, 1)}
        for place in sorted(places & set(range(len(known)))):
            before, own, after = (
                self._partition(known[i]).held() if 0 <= i < len(known) else None
                for i in (place - 1, place, place + 1)
            )
            partition = self._partition(known[place])
            if partition.path is not None and own is not None:
                span = promised(before, own, after, daily=self._target.stored.is_daily)
                partition.path = rename(partition.path, span)

    def _add_ordered(self, table: pa.Table, partitions: npt.NDArray[np.int64]) -> Codes:
        if not len(partitions):
            return np.zeros(0, dtype=np.uint8)
        starts = np.flatnonzero(np.diff(partitions, prepend=partitions[0] - 1))
        ends = [*starts[1:], len(partitions)]
        return np.concatenate(
            [
                self._add_to(int(partitions[start]), table.slice(start, end - start))
                for start, end in zip(starts, ends, strict=True)
            ]
        )

    def _add_to(self, number: int, table: pa.Table) -> Codes:
        partition = self._partition(number)
        if self._target.streams and self._stream_rows(number, partition, table):
            return np.zeros(table.num_rows, dtype=np.uint8)
        if self._stream is not None and self._stream.partition == number:
            self._close_stream()
        return self._hold(number, partition).merge(
            table, self._target.stored.keys, self._target.stored.unique
        )

    def _partition(self, number: int) -> _Partition:
        if number not in self._partitions:
            self._partitions[number] = _Partition(self._slots.path(number))
        return self._partitions[number]

    def _stream_rows(self, number: int, partition: _Partition, table: pa.Table) -> bool:
        # Appends rows that are in order to a partition that did not exist; False if they are not.
        stream = self._stream
        is_open = stream is not None and stream.partition == number
        is_held = self._held is not None and self._held[0] == number
        if is_held or not (is_open or partition.current is None):
            return False
        if not is_strictly_sorted(table, self._target.stored.keys):
            return False
        bounds = self._bounds(table)
        if bounds is None:
            return False
        first, last = bounds
        if stream is None or not is_open:
            self._close_stream()
            stream = self._stream = self._open_stream(number, first[0])
        elif not self._comes_after(first, stream.last):
            return False
        stream.last = last
        stream.waiting.append(table)
        stream.n_waiting += table.num_rows
        stream.n_rows += table.num_rows
        self._write_waiting(stream, at_least=_ROWS_PER_WRITE)
        return True

    def _bounds(self, table: pa.Table) -> tuple[tuple[int, int], tuple[int, int]] | None:
        # Time and number of the first and the last row; None if the numbers do not rise.
        times = table.column("ts_init")
        first, last = times[0].as_py(), times[-1].as_py()
        if self._target.stored.unique is None:
            return (first, 0), (last, 0)
        numbers = sortable(table.column(self._target.stored.unique))
        if not np.all(np.diff(numbers) > 0):
            return None
        return (first, int(numbers[0])), (last, int(numbers[-1]))

    def _comes_after(self, first: tuple[int, int], last: tuple[int, int]) -> bool:
        if self._target.stored.unique is None:
            return first[0] > last[0]
        return first[0] >= last[0] and first[1] > last[1]

    def _open_stream(self, number: int, first_ns: int) -> _Stream:
        path = self._next_staged_path()
        return _Stream(number, path, self._target.open_file(path), first_ns, last=(0, 0))

    def _next_staged_path(self) -> Path:
        self._staging.mkdir(parents=True, exist_ok=True)
        self._n_staged += 1
        return self._staging / f"{self._n_staged}.parquet"

    def _write_waiting(self, stream: _Stream, *, at_least: int) -> None:
        # Whole row groups only, so that the bytes do not depend on how the rows came in.
        if stream.n_waiting < max(at_least, 1):
            return
        table = pa.concat_tables(stream.waiting)
        n_whole = (
            table.num_rows if at_least == 0 else table.num_rows // ROWS_PER_GROUP * ROWS_PER_GROUP
        )
        whole = self._target.to_file(table.slice(0, n_whole)).combine_chunks()
        stream.writer.write_table(whole, row_group_size=ROWS_PER_GROUP)
        stream.waiting = [table.slice(n_whole)]
        stream.n_waiting = table.num_rows - n_whole

    def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        self._write_waiting(stream, at_least=0)
        stream.writer.close()
        partition = self._partition(stream.partition)
        span = Span(stream.first_ns, stream.last[0])
        partition.stage(stream.path, np.zeros(stream.n_rows, dtype=bool), span)

    def _hold(self, number: int, partition: _Partition) -> HeldRows:
        # The rows of a partition, kept in memory until another is needed.
        if self._held is not None and self._held[0] == number:
            return self._held[1]
        self._put_down()
        if partition.current is None:
            rows = HeldRows(empty_table(self._target.flat_schema), np.zeros(0, dtype=bool))
        else:
            table = self._read(partition.current)
            rows = HeldRows(table, partition.prior_rows(table.num_rows))
        self._held = (number, rows)
        return rows

    def _put_down(self) -> None:
        held, self._held = self._held, None
        if held is None or not held[1].is_changed:
            return
        number, rows = held
        if not rows.table.num_rows:
            self._partition(number).empty()
            return
        path = self._next_staged_path()
        made = self._target.to_file(rows.table)
        with self._target.open_file(path) as writer:
            for start in range(0, made.num_rows, _ROWS_PER_WRITE):
                part = made.slice(start, _ROWS_PER_WRITE).combine_chunks()
                writer.write_table(part, row_group_size=ROWS_PER_GROUP)
        self._partition(number).stage(path, rows.is_prior, Span(*rows.bounds))

    def _read(self, path: Path) -> pa.Table:
        try:
            table = pq.ParquetFile(path).read()
        except (OSError, pa.ArrowException) as e:
            msg = f"{path} must be a sound Parquet file, {e}; delete it and ingest again"
            raise StoreError(msg) from e
        if not table.schema.equals(self._target.file_schema, check_metadata=True):
            msg = (
                f"{path} must have the schema of this version and instrument, it has another; "
                "ingest into another --catalog"
            )
            raise StoreError(msg)
        return self._target.from_file(table)
