"""
The Parquet catalog on disk: where a series lies, in which files, and who may write.

A series is cut into calendar partitions (UTC days for trades and depth, months for the rest), one
file each, named by the bounds of the partition. So intervals are disjoint whatever was ingested
when, and one atomic rename brings a file into its next complete state.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
from filelock import FileLock
from filelock import Timeout
from nautilus_trader.core.datetime import unix_nanos_to_iso8601
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from nautilus_trader.persistence.funcs import class_to_filename
from nautilus_trader.persistence.funcs import urisafe_identifier

from liq_nautilus.times import DAY_NS
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.instruments import instrument_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt
    from nautilus_trader.model.instruments import CryptoPerpetual

ROWS_PER_GROUP: Final = 5_000  # as ParquetDataCatalog writes by default
_LOCK_NAME: Final = ".liq-nautilus.lock"
_STAGING_NAME: Final = ".staging"
_FIRST_WAIT_SECONDS: Final = 0.2


def open_catalog(path: Path) -> ParquetDataCatalog:
    """
    Return Nautilus's view of an existing catalog.

    Raises
    ------
    DataGapError
        If there is none.

    """
    if not (path / "data").is_dir():
        msg = (
            f"the catalog must hold data, there was none in {path}; run `liq-nautilus ingest` first"
        )
        raise DataGapError(msg)
    return ParquetDataCatalog(path.absolute())


def series_directory(catalog: Path, data_cls: type, identifier: str) -> Path:
    """Return the folder of a series, as ParquetDataCatalog names it."""
    folder = catalog / "data" / class_to_filename(data_cls)
    return folder / urisafe_identifier(identifier)


def partitions_of(ts: npt.NDArray[np.int64], *, daily: bool) -> npt.NDArray[np.int64]:
    """Return the day, or the month, since 1970 of each time (UTC nanoseconds)."""
    if daily:
        return ts // DAY_NS
    return ts.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)


def partition_file_name(partition: int, *, daily: bool) -> str:
    """
    Return the file name of a partition: its first and its last nanosecond.

    Examples
    --------
    >>> partition_file_name(0, daily=True)
    '1970-01-01T00-00-00-000000000Z_1970-01-01T23-59-59-999999999Z.parquet'

    """
    unit = "datetime64[D]" if daily else "datetime64[M]"
    bounds = np.asarray([partition, partition + 1]).astype(unit).astype("datetime64[ns]")
    first, after = (int(ts) for ts in bounds.astype(np.int64))
    names = (
        unix_nanos_to_iso8601(ts).replace(":", "-").replace(".", "-") for ts in (first, after - 1)
    )
    return "_".join(names) + ".parquet"


@contextmanager
def writing_lock(
    catalog: Path, *, timeout: float = 600.0, on_wait: Callable[[], None] | None = None
) -> Iterator[Path]:
    """
    Hold the catalog for writing and yield an empty staging folder inside it.

    What an interrupted run left in the staging folder is removed first.

    Parameters
    ----------
    catalog : Path
        The catalog's folder, made if missing.
    timeout : float
        How many seconds to wait for another process that writes.
    on_wait : callable, optional
        Called once when there is something to wait for.

    Raises
    ------
    StoreError
        If the folder cannot be written, or the other process does not finish in time.

    """
    try:
        catalog.mkdir(parents=True, exist_ok=True)
        lock = FileLock(catalog / _LOCK_NAME)
        try:
            lock.acquire(timeout=min(timeout, _FIRST_WAIT_SECONDS))
        except Timeout:
            if on_wait is not None:
                on_wait()
            lock.acquire(timeout=timeout)
    except Timeout as e:
        msg = f"{catalog} must not be written by another process; wait for it to end and try again"
        raise StoreError(msg) from e
    except OSError as e:
        msg = f"{catalog} must be a folder that can be written, {e}; use another --catalog"
        raise StoreError(msg) from e
    try:
        staging = catalog / _STAGING_NAME
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        yield staging
    finally:
        shutil.rmtree(catalog / _STAGING_NAME, ignore_errors=True)
        lock.release()


def read_instruments(catalog: Path) -> dict[str, CryptoPerpetual]:
    """Return the perpetuals of a catalog by Binance symbol; empty if there is no catalog yet."""
    if not (catalog / "data").is_dir():
        return {}
    found = ParquetDataCatalog(catalog.absolute()).instruments()
    return {str(instrument.raw_symbol): instrument for instrument in found}


def write_instrument(catalog: Path, instrument: CryptoPerpetual) -> None:
    """Write an instrument definition atomically, unless the catalog has it already."""
    directory = series_directory(catalog, type(instrument), str(instrument.id))
    if any(directory.glob("*.parquet")):
        return
    staging = catalog / _STAGING_NAME / "instrument"
    ParquetDataCatalog(staging.absolute()).write_data([instrument])
    made = series_directory(staging, type(instrument), str(instrument.id))
    directory.mkdir(parents=True, exist_ok=True)
    for file in made.glob("*.parquet"):
        file.replace(directory / file.name)
    shutil.rmtree(staging)


def identifier_of(symbol: str) -> str:
    """Return the identifier of a symbol's series other than bars."""
    return str(instrument_id(symbol))
