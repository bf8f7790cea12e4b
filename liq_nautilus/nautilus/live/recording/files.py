"""Rolling Parquet files in the layout of Nautilus's catalog, whole at any moment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from nautilus_trader.core.datetime import unix_nanos_to_iso8601
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.data import TradeTick
from nautilus_trader.persistence.funcs import class_to_filename
from nautilus_trader.persistence.funcs import urisafe_identifier
from nautilus_trader.serialization.arrow.serializer import ArrowSerializer

from liq_nautilus.nautilus.custom import CustomRecord
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NATIVE: Final = (Bar, TradeTick, MarkPriceUpdate, FundingRateUpdate)
# So many rows are kept while the disk takes none: minutes of twenty busy symbols.
_MOST_ROWS: Final = 500_000
# Beside the catalog's data, where no reader of it looks.
_STAGING: Final = ".recording"


class Series(NamedTuple):
    """
    A series of the catalog.

    Attributes
    ----------
    data_cls : type
        The class of its data.
    identifier : str
        The instrument's id, or the bar type.

    """

    data_cls: type
    identifier: str

    @property
    def folder(self) -> str:
        """The folder below a catalog's data, as Nautilus names it."""
        return f"{class_to_filename(self.data_cls)}/{urisafe_identifier(self.identifier)}"


@dataclass
class _Part:
    # One file: its rows, kept as long as it may grow or could not be written.
    path: Path
    tables: list[pa.Table] = field(default_factory=list)
    n_on_disk: int = 0

    @property
    def n_rows(self) -> int:
        return sum(map(len, self.tables))

    @property
    def is_written(self) -> bool:
        return self.n_rows == self.n_on_disk


class RollingFiles:
    """
    A catalog's folder that grows.

    Each file holds a stretch of `roll_secs` and is replaced by its next state in one rename: a
    reader, and whoever comes after a crash, finds whole files only. A full disk leaves them as they
    are; what could not be written is tried again with the next rows, and the oldest of it is given
    up when it becomes too much.

    Parameters
    ----------
    path : Path
        The folder; it is made.
    roll_secs : float, optional
        How long a file is (seconds).
    retention_days : float, optional
        Files that ended earlier are deleted whenever a new one begins.

    Attributes
    ----------
    n_written, n_dropped, n_errors : int
        Rows on disk, rows given up, failed attempts to write.
    last_error : str
        Of the newest failed attempt.

    """

    def __init__(
        self, path: Path, roll_secs: float = 600.0, retention_days: float | None = None
    ) -> None:
        self._path = path
        self._roll_ns = round(roll_secs * SECOND_NS)
        self._retention_ns = None if retention_days is None else round(retention_days * DAY_NS)
        self._parts: dict[tuple[Series, int], _Part] = {}
        self.n_written = 0
        self.n_dropped = 0
        self.n_errors = 0
        self.last_error = ""
        self._staged = path / _STAGING / "staged.parquet"
        self._staged.parent.mkdir(parents=True, exist_ok=True)

    def write(self, data: Sequence[Any]) -> None:
        """Bring data (see `is_recordable`) onto the disk; a failed attempt is counted."""
        groups: dict[tuple[Series, int], list[Any]] = {}
        for datum in data:
            key = (_series_of(datum), datum.ts_init // self._roll_ns * self._roll_ns)
            groups.setdefault(key, []).append(datum)
        for key, rows in groups.items():
            self._part(*key).tables.append(_encoded(key[0].data_cls, rows))
        for part in self._parts.values():
            if not part.is_written:
                self._write_part(part)
        self._let_go()

    def _part(self, series: Series, start_ns: int) -> _Part:
        part = self._parts.get((series, start_ns))
        if part is None:
            folder = self._path / "data" / series.folder
            part = _Part(folder / file_name(start_ns, start_ns + self._roll_ns - 1))
            if part.path.exists():
                # Of the node before this one, or of a clock that was set back.
                part.tables.append(pq.ParquetFile(part.path).read())
                part.n_on_disk = part.n_rows
            self._parts[series, start_ns] = part
            self._forget(folder, start_ns)
        return part

    def _write_part(self, part: _Part) -> None:
        staged = self._staged
        table = _in_order(part.tables)
        try:
            part.path.parent.mkdir(parents=True, exist_ok=True)
            with staged.open("wb") as file:
                pq.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            staged.replace(part.path)
        except OSError as e:
            self.n_errors += 1
            self.last_error = f"{part.path} could not be written ({e.strerror})"
            staged.unlink(missing_ok=True)
            return
        self.n_written += len(table) - part.n_on_disk
        part.tables, part.n_on_disk = [table], len(table)

    def _let_go(self) -> None:
        # What is on disk and can no longer grow; and the oldest of what fits nowhere.
        newest: dict[Series, int] = {}
        for series, start_ns in self._parts:
            newest[series] = max(newest.get(series, start_ns), start_ns)
        for key, part in list(self._parts.items()):
            if part.is_written and key[1] < newest[key[0]]:
                del self._parts[key]
        kept = sorted(self._parts.items(), key=lambda item: item[0][1])
        n_rows = sum(part.n_rows - part.n_on_disk for _, part in kept)
        for key, part in kept:
            if n_rows <= _MOST_ROWS:
                return
            n_lost = part.n_rows - part.n_on_disk
            n_rows -= n_lost
            self.n_dropped += n_lost
            del self._parts[key]

    def _forget(self, folder: Path, ts_now: int) -> None:
        if self._retention_ns is None:
            return
        for path in folder.glob("*.parquet"):
            if _end_ns(path.stem) < ts_now - self._retention_ns:
                path.unlink(missing_ok=True)


def is_recordable(datum: object) -> bool:
    """Return whether a catalog can hold a datum."""
    return isinstance(datum, (*_NATIVE, CustomRecord))


def file_name(first_ns: int, last_ns: int) -> str:
    """
    Return the name of a file that holds a stretch of time, as Nautilus's catalog names it.

    Examples
    --------
    >>> file_name(0, 599_999_999_999)
    '1970-01-01T00-00-00-000000000Z_1970-01-01T00-09-59-999999999Z.parquet'

    """
    names = (
        unix_nanos_to_iso8601(ts).replace(":", "-").replace(".", "-") for ts in (first_ns, last_ns)
    )
    return "_".join(names) + ".parquet"


def _end_ns(stem: str) -> int:
    date, _, clock = stem.partition("_")[2].removesuffix("Z").partition("T")
    hour, minute, second, fraction = clock.split("-")
    text = f"{date}T{hour}:{minute}:{second}.{fraction}"
    return int(np.datetime64(text, "ns").astype(np.int64))


def _series_of(datum: Any) -> Series:  # noqa: ANN401 - any recordable datum
    if isinstance(datum, Bar):
        # Venues have bars with more columns, which the catalog has no room for.
        return Series(Bar, str(datum.bar_type))
    return Series(type(datum), str(datum.instrument_id))


def _encoded(data_cls: Any, data: list[Any]) -> pa.Table:  # noqa: ANN401 - a class
    if issubclass(data_cls, CustomRecord):
        return pa.Table.from_batches([data_cls.encode(data)])
    if data_cls is Bar:
        data = [
            Bar(x.bar_type, x.open, x.high, x.low, x.close, x.volume, x.ts_event, x.ts_init)
            for x in data
        ]
    return ArrowSerializer.serialize_batch(data, data_cls)


def _in_order(tables: list[pa.Table]) -> pa.Table:
    schema = tables[0].schema
    table = pa.concat_tables([part.cast(schema) for part in tables]).combine_chunks()
    times = np.asarray(table["ts_init"].to_numpy())
    if np.all(times[:-1] <= times[1:]):
        return table
    return table.take(pc.array_sort_indices(table["ts_init"].combine_chunks()))
