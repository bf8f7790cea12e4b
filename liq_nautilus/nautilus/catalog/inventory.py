"""
What a catalog holds, told from the names of its folders and files and from the files' footers.

A `Catalog` looks at each folder and each footer once: a command makes one and hands it on.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from liq_nautilus.data.kinds import STORED_TYPES
from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.data.kinds.stored import coded_texts
from liq_nautilus.data.columns import numbers
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.trade_source import trade_source
from liq_nautilus.nautilus.catalog.layout import Span
from liq_nautilus.nautilus.catalog.layout import folder_of
from liq_nautilus.nautilus.catalog.layout import named_span
from liq_nautilus.nautilus.catalog.layout import symbol_and_interval
from liq_nautilus.nautilus.catalog.layout import symbol_of
from liq_nautilus.times import INTERVALS
from liq_nautilus.times import interval_ns
from liq_nautilus.times import opened_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from liq_nautilus.data.kinds import StoredType

# An interval covers a window well enough when the best covers hardly more of it.
_COVERAGE_SLACK: Final = 0.95
_NOTHING: Final = Span(0, -1)


@dataclass(frozen=True, slots=True)
class Series:
    """
    One series of a catalog.

    Attributes
    ----------
    symbol : str
        Binance's symbol.
    kind : str
        The kind with its interval, as `ingest` names it: "klines-5m", "metrics".
    n_rows : int
        Its rows.
    first_ns : int
        When the first row's interval opens, or the time of the first row (UTC nanoseconds).
    last_ns : int
        The `ts_init` of the last row.

    """

    symbol: str
    kind: str
    n_rows: int
    first_ns: int
    last_ns: int


class Folder(NamedTuple):
    """A folder of the catalog with one symbol's data of a type; bars have one per interval."""

    stored: StoredType
    symbol: str
    interval: str
    path: Path


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
        numbers = [group.number for group in self.groups if _overlaps(group.span, start_ns, end_ns)]
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
            if not interval and _lies_in(group.span, start_ns, end_ns):
                n_rows += group.n_rows
            elif _overlaps(group.span, start_ns, end_ns):
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


class Catalog:
    """
    What lies in a catalog's folders.

    Parameters
    ----------
    path : Path
        The catalog's folder; nothing is in it if it does not exist.

    Attributes
    ----------
    path : Path
        The catalog's folder.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[Path, tuple[StoredFile, ...]] = {}

    @cached_property
    def folders(self) -> tuple[Folder, ...]:
        """The folders of Binance perpetuals; what else lies in a catalog is none of ours."""
        return tuple(
            folder
            for stored in STORED_TYPES.values()
            for path in _subfolders(self.path / "data" / folder_of(stored))
            if (folder := _folder(stored, path)) is not None and self._files_in(path)
        )

    @cached_property
    def symbols(self) -> list[str]:
        """The Binance symbols there is data of."""
        return sorted({folder.symbol for folder in self.folders if folder.stored.kind})

    def files(
        self,
        stored: StoredType,
        symbol: str,
        interval: str = "",
        start_ns: int | None = None,
        end_ns: int | None = None,
    ) -> list[StoredFile]:
        """Return the files of a series that may hold rows of a window, in time order."""
        in_column = stored.has_interval_column
        return [
            file
            for folder in self.folders
            if folder.stored is stored and folder.symbol == symbol
            if in_column or folder.interval == interval
            for file in self._files_in(folder.path)
            if _overlaps(file.name_span, start_ns, end_ns)
        ]

    def intervals(
        self, stored: StoredType, symbol: str, start_ns: int | None = None, end_ns: int | None = None
    ) -> list[str]:
        """Return the intervals that a symbol has of a type, and may have in a window."""
        if not stored.has_interval_column:
            own = {f.interval for f in self.folders if f.stored is stored and f.symbol == symbol}
            found = {
                interval
                for interval in own
                if self.files(stored, symbol, interval, start_ns, end_ns)
            }
        else:
            found = {
                interval
                for file in self.files(stored, symbol, "", start_ns, end_ns)
                for interval, _, span in file.intervals()
                if _overlaps(span, start_ns, end_ns)
            }
        return sorted(found, key=INTERVALS.index)

    @cached_property
    def series(self) -> tuple[Series, ...]:
        """Every series, by symbol and kind."""
        found = [series for folder in self.folders for series in self._series_of(folder)]
        return tuple(sorted(found, key=lambda series: (series.symbol, series.kind)))

    def newest(self, symbol: str) -> int | None:
        """Return the last `ts_init` of a symbol's data (UTC nanoseconds); None without any."""
        return max(
            (
                self._files_in(folder.path)[-1].span.last_ns
                for folder in self.folders
                if folder.symbol == symbol and folder.stored.kind
            ),
            default=None,
        )

    def _files_in(self, path: Path) -> tuple[StoredFile, ...]:
        if path not in self._files:
            files = [StoredFile(file) for file in path.glob("*.parquet")]
            self._files[path] = tuple(sorted(files, key=lambda file: file.name_span))
        return self._files[path]

    def _series_of(self, folder: Folder) -> list[Series]:
        stored = folder.stored
        if not stored.kind:
            return []
        files = self._files_in(folder.path)
        if stored.has_interval_column:
            parts = [part for file in files for part in file.intervals()]
        else:
            parts = [(folder.interval, file.n_rows, file.span) for file in files]
        kind = stored.kind
        if stored.has_one_source:
            kind = trade_source(self.path, folder.symbol) or kind
        found = []
        for interval in {interval: None for interval, _, _ in parts}:
            counts = [n_rows for one, n_rows, _ in parts if one == interval]
            spans = [span for one, _, span in parts if one == interval]
            first = _opened(stored, interval, min(span.first_ns for span in spans))
            last = max(span.last_ns for span in spans)
            name = f"{kind}-{interval}" if interval else kind
            found.append(Series(folder.symbol, name, sum(counts), first, last))
        return found


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


def only_symbol(catalog: Catalog, symbol: str | None = None) -> str:
    """
    Return the symbol asked for, or the only one of the catalog.

    Raises
    ------
    DataGapError
        If the catalog has no data (of the symbol).
    SettingError
        If none was asked for and there are several.

    """
    present = catalog.symbols
    if not present:
        msg = f"{catalog.path} must hold data, there was none; run `liq-nautilus ingest` first"
        raise DataGapError(msg)
    if symbol is None:
        if len(present) == 1:
            return present[0]
        msg = f"--symbol must be given when the catalog has several: {', '.join(present)}"
        raise SettingError(msg)
    if symbol not in present:
        msg = (
            f"{catalog.path} must hold data of {symbol}, it has {', '.join(present)}; "
            "ingest its files"
        )
        raise DataGapError(msg)
    return symbol


def finest_interval(
    catalog: Catalog,
    stored: StoredType,
    symbol: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> str | None:
    """Return the finest interval whose bars cover a window as well as any other's, if any does."""
    intervals = catalog.intervals(stored, symbol, start_ns, end_ns)
    if len(intervals) <= 1:
        return intervals[0] if intervals else None
    covered = {}
    for interval in intervals:
        n_rows = _count(catalog, stored, symbol, interval, start_ns, end_ns)
        # A month has no fixed length: thirty days tell well enough which interval covers more.
        covered[interval] = n_rows * (interval_ns(interval) or 30 * interval_ns("1d"))
    best = max(covered.values())
    if not best:
        return None
    return next(one for one in intervals if covered[one] >= _COVERAGE_SLACK * best)


def finest_bar_interval(
    catalog: Catalog, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> str:
    """
    Return the finest interval whose bars of last prices cover the window as well as any other's.

    Raises
    ------
    DataGapError
        If no bars lie in the window.

    """
    interval = finest_interval(catalog, BARS, symbol, start_ns, end_ns)
    if interval is None:
        msg = (
            f"{catalog.path} must hold bars of {symbol} in the window asked for, there were none; "
            "ingest klines or choose another window"
        )
        raise DataGapError(msg)
    return interval


def _count(
    catalog: Catalog,
    stored: StoredType,
    symbol: str,
    interval: str,
    start_ns: int | None,
    end_ns: int | None,
) -> int:
    # Of bars that lie in the window whole. Groups that do are counted by their footers, the others
    # by their times.
    if start_ns is not None and stored.closes_before_ns is not None:
        start_ns = _first_close(start_ns, interval) - stored.closes_before_ns
    n_rows = 0
    for file in catalog.files(stored, symbol, interval, start_ns, end_ns):
        n_rows += file.count(start_ns, end_ns, interval if stored.has_interval_column else "")
    return n_rows


def _folder(stored: StoredType, path: Path) -> Folder | None:
    if stored.has_interval and not stored.has_interval_column:
        found = symbol_and_interval(path.name)
        return None if found is None else Folder(stored, *found, path)
    symbol = symbol_of(path.name)
    return None if symbol is None else Folder(stored, symbol, "", path)


def _subfolders(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else []


def _opened(stored: StoredType, interval: str, ts: int) -> int:
    # When the interval of a row began; the row's own time for moments.
    if stored.closes_before_ns is None or not interval:
        return ts
    return opened_at(ts + stored.closes_before_ns, interval)


def _first_close(start_ns: int, interval: str) -> int:
    # When the first interval ends that begins no earlier than a moment.
    length = interval_ns(interval)
    if length:
        return start_ns + length
    month = int(np.datetime64(start_ns - 1, "ns").astype("datetime64[M]").astype(np.int64)) + 1
    return int(np.datetime64(month + 1, "M").astype("datetime64[ns]").astype(np.int64))


def _overlaps(span: Span, start_ns: int | None, end_ns: int | None) -> bool:
    is_over = start_ns is not None and span.last_ns < start_ns
    is_ahead = end_ns is not None and span.first_ns >= end_ns
    return not (is_over or is_ahead)


def _lies_in(span: Span, start_ns: int | None, end_ns: int | None) -> bool:
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
