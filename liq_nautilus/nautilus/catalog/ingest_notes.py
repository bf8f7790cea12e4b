"""
What is known of the files a series was ingested from, kept beside the catalog's data.

It says what was wrong with them, and which files need not be read again: those that are noted with
the same name, size and checksum, as long as the series' own files are the ones they went into.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.core.dollars.covered_venues import UNNAMED_VENUES
from liq_nautilus.data.stamps import Meaning
from liq_nautilus.json_files import write_text
from liq_nautilus.json_files import read_json
from liq_nautilus.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy.typing as npt

    from liq_nautilus.data.reading.fingerprints import Fingerprint

NOTES_FOLDER: Final = "file_records"
UNDECIDED: Final = Meaning.UNDECIDED.name.lower()


@dataclass(frozen=True, slots=True)
class FileRecord:
    """
    What became of one file.

    Attributes
    ----------
    file : str
        Its name.
    n_rows : int
        Its rows.
    n_rejected : int
        Rows that cannot be true.
    n_out_of_order : int
        Rows earlier than the row before them.
    n_wrong_symbol : int
        Rejected rows of another symbol.
    n_repeated : int
        Rows with the time (and number) of another one near by in the file.
    n_contradicting : int
        Rows that contradict one taken before.
    n_bytes, checksum : int
        Its fingerprint; 0 when a part of it only was taken.
    first_ns, last_ns : int, optional
        The first and last time (UTC nanoseconds) of the rows that can be true.
    stamps : dict of str to int
        How many of its labels mean what, by the names of `data.stamps.Meaning`; empty for kinds of
        which labels are moments.
    n_prices : int
        How many prices there were around it when its labels were judged.
    venues : str
        What `--venues` said when it was taken in.
    untold : list of str
        Its rows while their moments are not told, as `UntoldRows` packs them; those of files of the
        same name before it, too.
    issues : list
        The rules that rows break, as lists of rule, words, count and first lines.

    """

    file: str
    n_rows: int
    n_rejected: int
    n_out_of_order: int
    n_wrong_symbol: int
    n_repeated: int = 0
    n_contradicting: int = 0
    n_bytes: int = 0
    checksum: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    issues: list[list[Any]] = field(default_factory=list)
    stamps: dict[str, int] = field(default_factory=dict)
    n_prices: int = 0
    venues: str = UNNAMED_VENUES
    untold: list[str] = field(default_factory=list)

    def after(self, earlier: FileRecord | None) -> FileRecord:
        """Return the record in place of that of an earlier file of the same name."""
        if earlier is None or not earlier.untold:
            return self
        kept = [rows for rows in earlier.untold if rows not in self.untold]
        return replace(self, untold=[*kept, *self.untold])

    @property
    def is_clean(self) -> bool:
        """Return whether there was nothing wrong."""
        return not (
            self.n_rejected or self.n_out_of_order or self.n_repeated or self.n_contradicting
        )


class UntoldRows(NamedTuple):
    """
    Rows of one file of which it was not told what their labels mean.

    Attributes
    ----------
    labels : ndarray of shape (n,)
        UTC nanoseconds.
    quantities : ndarray of shape (n,)
        Base units or contracts.
    valued_at : ndarray of shape (n,)
        The price each is valued at; not finite where it states none.

    """

    labels: npt.NDArray[np.int64]
    quantities: npt.NDArray[np.float64]
    valued_at: npt.NDArray[np.float64]

    def packed(self) -> str:
        """Return the rows as a short text."""
        raw = b"".join(np.ascontiguousarray(column).tobytes() for column in self)
        return base64.b64encode(zlib.compress(raw)).decode()

    @classmethod
    def unpacked(cls, text: str) -> UntoldRows:
        """Return the rows that `packed` made a text of."""
        raw = zlib.decompress(base64.b64decode(text))
        n = len(raw) // (3 * np.dtype(np.int64).itemsize)
        floats = np.frombuffer(raw, np.float64)
        return cls(np.frombuffer(raw, np.int64, n), floats[n : 2 * n], floats[2 * n :])


class SeriesNotes:
    """
    The files of one series.

    Parameters
    ----------
    catalog : Path
        The catalog's folder.
    series, symbol : str
        Such as "klines-5m" and "BTCUSDT".
    folders : iterable of Path
        Where the series lies in the catalog.

    Raises
    ------
    StoreError
        If the notes are damaged.

    """

    def __init__(self, catalog: Path, series: str, symbol: str, folders: Iterable[Path]) -> None:
        self._path = _path(catalog, series, symbol)
        self._folders = tuple(folders)
        state, records = _read(self._path)
        self._records = {record.file: record for record in records}
        self._is_current = state == self._state()

    def known(self, name: str, fingerprint: Fingerprint) -> FileRecord | None:
        """Return what became of a file when it was taken in; None if it must be read."""
        record = self._records.get(name) if self._is_current else None
        if record is None or (record.n_bytes, record.checksum) != fingerprint:
            return None
        return record

    def has(self, name: str) -> bool:
        """Return whether a file of that name is noted."""
        return name in self._records

    @property
    def records(self) -> list[FileRecord]:
        """The files."""
        return list(self._records.values())

    def untold(self) -> list[FileRecord]:
        """Return the files with rows of which the moments were not told."""
        return [record for record in self.records if record.untold]

    def write(self, records: Iterable[FileRecord], staging: Path) -> None:
        """Note, atomically, what became of files that are in the catalog now."""
        if not self._is_current:
            # Others changed the series: what went into it before must be read again.
            self._records = {
                name: _without_fingerprint(record) for name, record in self._records.items()
            }
        for record in records:
            self._records[record.file] = record.after(self._records.get(record.file))
        self._save(staging)

    def rewrite(self, records: Iterable[FileRecord], staging: Path) -> None:
        """Note, atomically, what has been told of files that are noted."""
        self._records |= {record.file: record for record in records}
        self._save(staging)

    def _save(self, staging: Path) -> None:
        self._is_current = True
        kept = [asdict(record) for _, record in sorted(self._records.items())]
        lines = ",\n".join(json.dumps(record, separators=(",", ":")) for record in kept)
        text = f'{{"state": "{self._state()}", "files": [\n{lines}\n]}}\n'
        if self._path.exists() and self._path.read_text(encoding="utf-8") == text:
            return
        write_text(self._path, text, "the record of ingested files", staging=staging)

    def _state(self) -> str:
        # The names and sizes of the series' own files.
        found = sorted(
            (path.parent.name, path.name, path.stat().st_size)
            for folder in self._folders
            for path in folder.glob("*.parquet")
        )
        return f"{len(found)}-{zlib.crc32(json.dumps(found).encode()):08x}"


def read_records(catalog: Path, series: str, symbol: str) -> list[FileRecord]:
    """
    Return the files a series was ingested from.

    Raises
    ------
    StoreError
        If the record is damaged.

    """
    _, records = _read(_path(catalog, series, symbol))
    return records


def _read(path: Path) -> tuple[str, list[FileRecord]]:
    if not path.exists():
        return "", []
    document = read_json(path, "the record of ingested files", error=StoreError, remedy="delete it")
    try:
        # The first version listed faulty files only.
        known = {"state": "", "files": document} if isinstance(document, list) else document
        return str(known["state"]), [FileRecord(**entry) for entry in known["files"]]
    except (TypeError, KeyError) as e:
        msg = f"{path} must hold the record of ingested files, {e}; delete it"
        raise StoreError(msg) from e


def _without_fingerprint(record: FileRecord) -> FileRecord:
    return FileRecord(**{**asdict(record), "n_bytes": 0, "checksum": 0})


def _path(catalog: Path, series: str, symbol: str) -> Path:
    return catalog / NOTES_FOLDER / f"{series}.{symbol}.json"
