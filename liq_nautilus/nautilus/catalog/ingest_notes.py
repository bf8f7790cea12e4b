"""
What is known of the files a series was ingested from, kept beside the catalog's data.

It says what was wrong with them, and which files need not be read again: those that are noted with
the same name, size and checksum, as long as the series' own files are the ones they went into.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.core.dollars.covered_venues import UNNAMED_VENUES
from liq_nautilus.data.stamps import Meaning
from liq_nautilus.json_files import write_text
from liq_nautilus.json_files import read_json
from liq_nautilus.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

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
    valued_at : dict of str to float
        The prices at which rows without a moment are valued, by their labels (UTC nanoseconds);
        empty where the catalog tells them.
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
    valued_at: dict[str, float] = field(default_factory=dict)

    def with_stamps(self, stamps: dict[str, int]) -> FileRecord:
        """Return the record with other meanings; prices are kept while some are not told."""
        valued_at = self.valued_at if UNDECIDED in stamps else {}
        return replace(self, stamps=stamps, valued_at=valued_at)

    @property
    def is_clean(self) -> bool:
        """Return whether there was nothing wrong."""
        return not (
            self.n_rejected or self.n_out_of_order or self.n_repeated or self.n_contradicting
        )


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

    def undecided(self) -> list[FileRecord]:
        """Return the files with labels of which the meaning could not be told."""
        return [record for record in self.records if UNDECIDED in record.stamps]

    def write(self, records: Iterable[FileRecord], staging: Path) -> None:
        """Note, atomically, what became of files that are in the catalog now."""
        if not self._is_current:
            # Others changed the series: what went into it before must be read again.
            self._records = {
                name: _without_fingerprint(record) for name, record in self._records.items()
            }
        self._records |= {record.file: record for record in records}
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
