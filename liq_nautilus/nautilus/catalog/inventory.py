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
from liq_nautilus.nautilus.catalog.exchange_info import dated_message
from liq_nautilus.nautilus.catalog.exchange_info import is_dated
from liq_nautilus.nautilus.catalog.layout import Span
from liq_nautilus.nautilus.catalog.layout import folder_of
from liq_nautilus.nautilus.catalog.layout import symbol_and_interval
from liq_nautilus.nautilus.catalog.layout import symbol_of
from liq_nautilus.nautilus.catalog.stored_files import StoredFile
from liq_nautilus.nautilus.catalog.stored_files import overlaps
from liq_nautilus.nautilus.catalog.trade_source import trade_source
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
            if overlaps(file.name_span, start_ns, end_ns)
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
                if overlaps(span, start_ns, end_ns)
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
        if is_dated(symbol):
            raise DataGapError(dated_message(symbol))
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
