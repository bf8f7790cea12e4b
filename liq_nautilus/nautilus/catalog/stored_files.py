"""One Parquet file of a catalog, told from its name and its footer, and read by row groups."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from liq_nautilus.data.columns import numbers
from liq_nautilus.data.kinds.stored import coded_texts
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.layout import Span
from liq_nautilus.nautilus.catalog.layout import named_span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

_NOTHING: Final = Span(0, -1)


class Group(NamedTuple):
    """A row group of a file: its number, its rows, and the span of their `ts_init`."""

    number: int
    n_rows: int
    span: Span


class StoredFile:
    """
    One Parquet file; its footer is read when it is first asked for, and once.

    Parameters
    ----------
    path : Path
        Where it is.

    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def name_span(self) -> Span:
        """What its name promises; what its footer says where the name promises nothing."""
        return named_span(self.path) or self.span

    @cached_property
    def footer(self) -> pq.FileMetaData:
        """Its footer."""
        with _sound(self.path):
            return pq.read_metadata(self.path)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Its row groups."""
        return tuple(self._group(number) for number in range(self.footer.num_row_groups))

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return int(self.footer.num_rows)

    @property
    def span(self) -> Span:
        """The span of its rows."""
        spans = [group.span for group in self.groups]
        if not spans:
            return _NOTHING
        return Span(min(span.first_ns for span in spans), max(span.last_ns for span in spans))

    def read(
        self, columns: list[str] | None = None, start_ns: int | None = None, end_ns: int | None = None
    ) -> pa.Table:
        """
        Return the rows of the row groups that may hold any of a window, metadata included.

        Parameters
        ----------
        columns : list of str, optional
            Which; all by default.
        start_ns, end_ns : int, optional
            The window in UTC nanoseconds, end exclusive.

        Raises
        ------
        StoreError
            If the file is damaged.

        """
        numbers = [group.number for group in self.groups if overlaps(group.span, start_ns, end_ns)]
        with _sound(self.path):
            file = pq.ParquetFile(self.path, metadata=self.footer)
            return file.read_row_groups(numbers, columns=columns)

    def intervals(self) -> Iterator[tuple[str, int, Span]]:
        """Yield each interval that its column `interval` states, with its rows and their span."""
        mixed = []
        for group in self.groups:
            statistics = self._statistics(group.number, "interval")
            if statistics is None or statistics.min != statistics.max:
                mixed.append(group.number)
            else:
                yield str(statistics.min), group.n_rows, group.span
        if not mixed:
            return
        with _sound(self.path):
            file = pq.ParquetFile(self.path, metadata=self.footer)
            table = file.read_row_groups(mixed, columns=["ts_init", "interval"])
        times, (codes, known) = numbers(table["ts_init"]), coded_texts(table["interval"])
        for code, interval in enumerate(known):
            own = times[codes == code]
            yield interval, len(own), _span_of(own)

    def count(self, start_ns: int | None, end_ns: int | None, interval: str = "") -> int:
        """Return the rows in a window, of one interval where the file has a column of them."""
        n_rows, partial = 0, []
        for group in self.groups:
            if not interval and lies_in(group.span, start_ns, end_ns):
                n_rows += group.n_rows
            elif overlaps(group.span, start_ns, end_ns):
                partial.append(group.number)
        if not partial:
            return n_rows
        columns = ["ts_init", "interval"] if interval else ["ts_init"]
        with _sound(self.path):
            file = pq.ParquetFile(self.path, metadata=self.footer)
            table = file.read_row_groups(partial, columns=columns)
        return n_rows + int(np.count_nonzero(rows_inside(table, start_ns, end_ns, interval)))

    def _group(self, number: int) -> Group:
        n_rows = self.footer.row_group(number).num_rows
        statistics = self._statistics(number, "ts_init")
        if statistics is not None:
            return Group(number, n_rows, Span(int(statistics.min), int(statistics.max)))
        with _sound(self.path):
            file = pq.ParquetFile(self.path, metadata=self.footer)
            times = numbers(file.read_row_groups([number], columns=["ts_init"])["ts_init"])
        return Group(number, n_rows, _span_of(times))

    def _statistics(self, number: int, column: str) -> pq.Statistics | None:
        at = self._columns.get(column)
        if at is None:
            msg = (
                f"{self.path} must have a column {column}, it has {', '.join(self._columns)}; "
                "ingest into another --catalog"
            )
            raise StoreError(msg)
        statistics = self.footer.row_group(number).column(at).statistics
        return statistics if statistics is not None and statistics.has_min_max else None

    @cached_property
    def _columns(self) -> dict[str, int]:
        schema = self.footer.schema
        return {schema.column(i).path.partition(".")[0]: i for i in range(len(schema))}


def rows_inside(
    table: pa.Table, start_ns: int | None, end_ns: int | None, interval: str = ""
) -> npt.NDArray[np.bool_]:
    """
    Return which rows of a table lie in a window, and are of an interval if one is given.

    Parameters
    ----------
    table : pa.Table
        With `ts_init`, and `interval` where one is given.
    start_ns, end_ns : int, optional
        The window in UTC nanoseconds, end exclusive.
    interval : str, optional
        Such as "5m".

    """
    times = numbers(table["ts_init"]).astype(np.int64)
    inside = np.ones(len(times), dtype=np.bool_)
    if start_ns is not None:
        inside &= times >= start_ns
    if end_ns is not None:
        inside &= times < end_ns
    if interval:
        codes, known = coded_texts(table["interval"])
        inside &= codes == (known.index(interval) if interval in known else -1)
    return inside


def overlaps(span: Span, start_ns: int | None, end_ns: int | None) -> bool:
    """Return whether a span has a moment of a window [start_ns, end_ns)."""
    is_over = start_ns is not None and span.last_ns < start_ns
    is_ahead = end_ns is not None and span.first_ns >= end_ns
    return not (is_over or is_ahead)


def lies_in(span: Span, start_ns: int | None, end_ns: int | None) -> bool:
    """Return whether a span lies in a window [start_ns, end_ns) whole."""
    is_early = start_ns is not None and span.first_ns < start_ns
    is_late = end_ns is not None and span.last_ns >= end_ns
    return not (is_early or is_late)


def _span_of(times: npt.NDArray[np.uint64]) -> Span:
    return Span(int(times.min()), int(times.max())) if len(times) else _NOTHING


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    # Says of a Parquet file that cannot be read that it is damaged.
    try:
        yield
    except (OSError, pa.ArrowException) as e:
        msg = f"{path} must be a sound Parquet file, {e}; delete it and ingest again"
        raise StoreError(msg) from e
