"""The instrument definitions in a catalog, read and written without Nautilus."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.layout import STAGING_NAME
from liq_nautilus.nautilus.catalog.layout import symbol_of

if TYPE_CHECKING:
    from pathlib import Path

_FOLDER: Final = "crypto_perpetual"
_PRECISIONS: Final = ["price_precision", "size_precision"]


class Definition(NamedTuple):
    """
    What ingestion needs to know of a perpetual.

    Attributes
    ----------
    symbol : str
        Binance's symbol.
    identifier : str
        The Nautilus id.
    price_precision, size_precision : int
        The decimals of prices and sizes.
    file_name : str
        The name of its file in a catalog; empty when it was read from there.
    content : bytes
        What Nautilus writes to that file.

    """

    symbol: str
    identifier: str
    price_precision: int
    size_precision: int
    file_name: str = ""
    content: bytes = b""


def read_definitions(catalog: Path) -> dict[str, Definition]:
    """
    Return the Binance perpetuals of a catalog by symbol; empty if there is no catalog yet.

    Raises
    ------
    StoreError
        If a definition cannot be read.

    """
    found = {}
    for path in sorted((catalog / "data" / _FOLDER).glob("*/*.parquet")):
        identifier = path.parent.name
        symbol = symbol_of(identifier)
        if symbol is None:
            continue
        try:
            row = pq.ParquetFile(path).read(columns=_PRECISIONS).to_pylist()[-1]
        except (OSError, IndexError, pa.ArrowException) as e:
            msg = f"{path} must be a sound definition of an instrument, {e}; delete it"
            raise StoreError(msg) from e
        found[symbol] = Definition(symbol, identifier, *(row[name] for name in _PRECISIONS))
    return found


def write_definition(catalog: Path, definition: Definition) -> None:
    """Write a definition atomically, unless the catalog has it already."""
    directory = catalog / "data" / _FOLDER / definition.identifier
    if any(directory.glob("*.parquet")):
        return
    made = catalog / STAGING_NAME / definition.file_name
    made.write_bytes(definition.content)
    directory.mkdir(parents=True, exist_ok=True)
    made.replace(directory / definition.file_name)
