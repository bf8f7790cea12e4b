"""
What a catalog holds of a symbol, as one fingerprint per day: by these one sees what changed.

Files of one day are known by name, size and time of change. Those of a month are read once after
each change, so that a day that was added leaves the days before it as they were.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.queries.derived.derived_files import derived_folder
from liq_nautilus.queries.derived.derived_files import write_bytes
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.nautilus.catalog.inventory import Catalog
    from liq_nautilus.nautilus.catalog.stored_files import StoredFile

# Name, size, time of last change and number of a file.
type _Identity = tuple[str, int, int, int]


class DayPrint(NamedTuple):
    """
    What the catalog holds of one day.

    Attributes
    ----------
    digest : str
        A fingerprint: two are equal when the rows are.
    has_open_interest : bool
        Whether there is any, without which there is no map.

    """

    digest: str
    has_open_interest: bool


def day_prints(catalog: Catalog, symbol: str) -> dict[int, DayPrint]:
    """
    Return a fingerprint of what the catalog holds of a symbol, for each day it holds data of.

    Parameters
    ----------
    catalog : Catalog
        The Parquet catalog.
    symbol : str
        Binance's name.

    Returns
    -------
    dict of int to DayPrint
        By day since 1970, ascending. Only what a map is made of counts.

    Raises
    ------
    StoreError
        If a file is damaged.

    """
    kept = _Kept(derived_folder(catalog.path) / "prints" / f"{symbol}.json")
    digests: dict[int, list[str]] = {}
    counted: set[int] = set()
    for folder in catalog.folders:
        if folder.symbol != symbol or folder.stored.events is None:
            continue
        for file in catalog.files(folder.stored, symbol, folder.interval):
            prints = kept.prints(file, _identity(file))
            for day, digest in prints.items():
                digests.setdefault(day, []).append(digest)
            if folder.stored is OPEN_INTEREST:
                counted |= prints.keys()
    kept.write()
    return {
        day: DayPrint(print_of("".join(digests[day]).encode()), day in counted)
        for day in sorted(digests)
    }


def version_of(catalog: Catalog, symbol: str | None = None) -> str:
    """
    Return a fingerprint of the files of a symbol, or of all: it changes when one of them does.

    Parameters
    ----------
    catalog : Catalog
        The Parquet catalog.
    symbol : str, optional
        Binance's name; all symbols by default.

    """
    identities = [
        _identity(file)
        for folder in catalog.folders
        if symbol in (None, folder.symbol)
        for file in catalog.files(folder.stored, folder.symbol, folder.interval)
    ]
    return print_of(repr(identities).encode())


def _identity(file: StoredFile) -> _Identity:
    status = file.path.stat()
    name = "/".join(file.path.parts[-3:])
    return name, status.st_size, status.st_mtime_ns, status.st_ino


class _Kept:
    # The prints of files as they were when last read.
    def __init__(self, path: Path) -> None:
        self._path = path
        self._old = self._read()
        self._new: dict[str, Any] = {}

    def prints(self, file: StoredFile, identity: _Identity) -> dict[int, str]:
        name, *status = identity
        known = self._old.get(name)
        if known is None or known[0] != status:
            known = [status, {str(day): print_ for day, print_ in _prints_of(file, identity)}]
        self._new[name] = known
        return {int(day): print_ for day, print_ in known[1].items()}

    def write(self) -> None:
        if self._new == self._old:
            return
        write_bytes(self._path, json.dumps(self._new).encode())

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # Not there yet, or damaged: the files are read again.
            return {}
        return document if isinstance(document, dict) else {}


def _prints_of(file: StoredFile, identity: _Identity) -> list[tuple[int, str]]:
    first_day, last_day = (ts // DAY_NS for ts in file.name_span)
    if first_day == last_day:
        return [(first_day, print_of(repr(identity).encode()))]
    table = file.read()
    days = np.asarray(table["ts_init"].to_numpy()).astype(np.int64) // DAY_NS
    cuts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
    folder = identity[0].rpartition("/")[0].encode()
    return [
        (int(days[first]), print_of(folder + _bytes_of(table.slice(first, last - first))))
        for first, last in itertools.pairwise(cuts)
        if last > first
    ]


def _bytes_of(stretch: pa.Table) -> bytes:
    # What a file says of itself beside its rows changes with every row that is added to it, and a
    # stretch may come with bytes of its neighbours: the rows alone are copied out.
    rows = pa.table(stretch.columns, names=stretch.column_names)
    rows = rows.take(pa.array(np.arange(rows.num_rows)))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks())
    content: bytes = sink.getvalue().to_pybytes()
    return content


def print_of(content: bytes) -> str:
    """Return a short fingerprint of bytes."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()
