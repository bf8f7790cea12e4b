"""
Files of what was computed from a catalog, under `derived/` beside its data.

Every file is replaced as a whole, so that a reader in another process sees the old or the new one,
never half of one. All of it may be deleted at any time: it is computed again when asked for.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock
from filelock import Timeout

from liq_nautilus.errors import StoreError
from liq_nautilus.json_files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = "derived"
DEFAULT_LIMIT_BYTES: Final = 4 * 1024**3
_LOCK: Final = ".lock"


def derived_folder(catalog: Path) -> Path:
    """
    Return the folder of all that was computed from a catalog.

    It lies beside the catalog's data; where that cannot be written, in the folder for temporary
    files, so that a read-only catalog can be asked too.
    """
    folder = catalog / FOLDER
    if os.access(folder if folder.is_dir() else catalog, os.W_OK):
        return folder
    name = hashlib.blake2b(str(catalog.absolute()).encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"liq-nautilus-{os.getuid()}" / name / FOLDER


def write_bytes(path: Path, content: bytes) -> None:
    """
    Write a file whole: what was there before stays until the new one is complete.

    Raises
    ------
    StoreError
        If it cannot be written.

    """
    with _replacing(path) as unfinished:
        unfinished.write_bytes(content)


def write_table(path: Path, table: pa.Table, *, row_group_size: int | None = None) -> None:
    """
    Write a Parquet file whole (see `write_bytes`).

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    table : Table
        Its rows.
    row_group_size : int, optional
        The rows of a row group, where a reader takes groups by their number.

    Raises
    ------
    StoreError
        If it cannot be written.

    """
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    with _replacing(path) as unfinished:
        pq.write_table(
            table,
            unfinished,
            compression="zstd",
            compression_level=1,
            use_dictionary=texts,
            row_group_size=row_group_size,
        )


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    try:
        with replacing(path) as unfinished:
            yield unfinished
    except OSError as e:
        msg = (
            f"{path.parent} must be a folder that can be written, it was not: {e.strerror or e}; "
            "free some space or make the catalog writable"
        )
        raise StoreError(msg) from e


@contextmanager
def computing_lock(folder: Path, *, timeout: float = 600.0) -> Iterator[None]:
    """
    Let one process at a time compute what goes into a folder; readers need no lock.

    Raises
    ------
    StoreError
        If the folder cannot be written, or the other process does not finish in time.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / _LOCK, timeout=timeout):
            yield
    except Timeout as e:
        msg = f"{folder} must not be computed by another process for so long; try again later"
        raise StoreError(msg) from e
    except PermissionError as e:
        msg = f"{folder} must be a folder that can be written, {e}; make the catalog writable"
        raise StoreError(msg) from e


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder, 0 if there is none."""
    return sum(size for _, size, _ in _files(folder))


def shrink(catalog: Path, limit_bytes: int, *, keep: Path) -> int:
    """
    Delete what was longest not used until all that was computed fits a limit.

    Parameters
    ----------
    catalog : Path
        The catalog.
    limit_bytes : int
        The limit (bytes).
    keep : Path
        The folder of the map in use; its files are deleted last, the oldest days first.

    Returns
    -------
    int
        How many bytes were freed.

    """
    files = _files(derived_folder(catalog))
    excess = sum(size for _, size, _ in files) - limit_bytes
    freed = 0
    for path, size, _ in sorted(files, key=lambda file: (keep in file[0].parents, file[2])):
        if freed >= excess:
            break
        path.unlink(missing_ok=True)
        freed += size
    return freed


def clear(catalog: Path) -> int:
    """Delete all that was computed from a catalog and return how many bytes that were."""
    folder = derived_folder(catalog)
    size = size_of(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return size


def _files(folder: Path) -> list[tuple[Path, int, float]]:
    # Path, size and time of last change of each; one may vanish meanwhile.
    found = []
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file() and path.name != _LOCK:
            found.append((path, status.st_size, status.st_mtime))
    return found
