"""The instrument definitions in a catalog."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from nautilus_trader.persistence.catalog import ParquetDataCatalog

from liq_nautilus.nautilus.catalog.layout import STAGING_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from nautilus_trader.model.instruments import CryptoPerpetual


def read_instruments(catalog: Path) -> dict[str, CryptoPerpetual]:
    """Return the perpetuals of a catalog by Binance symbol; empty if there is no catalog yet."""
    if not (catalog / "data").is_dir():
        return {}
    found = ParquetDataCatalog(catalog.absolute()).instruments()
    return {str(instrument.raw_symbol): instrument for instrument in found}


def write_instrument(catalog: Path, instrument: CryptoPerpetual) -> None:
    """Write an instrument definition atomically, unless the catalog has it already."""
    place = f"data/crypto_perpetual/{instrument.id}"
    directory = catalog / place
    if any(directory.glob("*.parquet")):
        return
    staging = catalog / STAGING_NAME / "instrument"
    ParquetDataCatalog(staging.absolute()).write_data([instrument])
    directory.mkdir(parents=True, exist_ok=True)
    for file in (staging / place).glob("*.parquet"):
        file.replace(directory / file.name)
    shutil.rmtree(staging)
