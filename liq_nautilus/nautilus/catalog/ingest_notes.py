"""What was wrong with the files a series was ingested from, kept beside the catalog's data."""

from __future__ import annotations

import json
from dataclasses import asdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER: Final = "file_records"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """
    The faults of one file.

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

    """

    file: str
    n_rows: int
    n_rejected: int
    n_out_of_order: int
    n_wrong_symbol: int
    n_repeated: int = 0

    @property
    def is_clean(self) -> bool:
        """Return whether there was nothing wrong."""
        return not (self.n_rejected or self.n_out_of_order or self.n_repeated)


def read_records(catalog: Path, series: str, symbol: str) -> list[FileRecord]:
    """
    Return the files of a series that had faults.

    Raises
    ------
    StoreError
        If the record is damaged.

    """
    path = _path(catalog, series, symbol)
    if not path.exists():
        return []
    try:
        document: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return [FileRecord(**entry) for entry in document]
    except (ValueError, TypeError) as e:
        msg = f"{path} must hold the record of ingested files, {e}; delete it"
        raise StoreError(msg) from e


def update_records(
    catalog: Path, staging: Path, series: str, symbol: str, records: list[FileRecord]
) -> None:
    """Replace what is recorded of the given files, atomically; clean files are not recorded."""
    known = {record.file: record for record in read_records(catalog, series, symbol)}
    updated = known | {record.file: record for record in records}
    kept = sorted(
        (record for record in updated.values() if not record.is_clean), key=lambda r: r.file
    )
    if kept == sorted(known.values(), key=lambda r: r.file):
        return
    path = _path(catalog, series, symbol)
    if not kept:
        path.unlink()
        return
    path.parent.mkdir(exist_ok=True)
    made = staging / path.name
    made.write_text(json.dumps([asdict(record) for record in kept], indent=1), encoding="utf-8")
    made.replace(path)


def _path(catalog: Path, series: str, symbol: str) -> Path:
    return catalog / _FOLDER / f"{series}.{symbol}.json"
