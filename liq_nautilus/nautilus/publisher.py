"""What an actor published, kept day by day in a catalog of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from nautilus_trader.persistence.catalog.parquet import ParquetDataCatalog

from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from liq_nautilus.nautilus.custom import CustomRecord


class PublishedStore:
    """
    A buffer of published data that is written whenever a day is over.

    A year of four models would fill gigabytes; a day fits.

    Parameters
    ----------
    path : str
        The catalog's folder; it is made.

    """

    def __init__(self, path: str) -> None:
        Path(path).mkdir(parents=True, exist_ok=True)
        self._catalog = ParquetDataCatalog(path)
        self._buffers: dict[type[CustomRecord], list[CustomRecord]] = {}
        self._day = -1

    def add(self, datum: CustomRecord) -> None:
        """Keep a datum; they come in the order of `ts_init`."""
        day = datum.ts_init // DAY_NS
        if day != self._day:
            self.flush()
            self._day = day
        self._buffers.setdefault(type(datum), []).append(datum)

    def flush(self) -> None:
        """Write what is buffered."""
        for data in self._buffers.values():
            if data:
                self._catalog.write_data(data)
        self._buffers.clear()
        # Arrow keeps what it once had, which over a year is a lot.
        pa.default_memory_pool().release_unused()
