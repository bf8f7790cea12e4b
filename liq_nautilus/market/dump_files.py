"""Writes a simulated market as files in the layout of Binance's public dump."""

from __future__ import annotations

import io
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa
from pyarrow import csv
from pyarrow import parquet

from liq_nautilus.errors import SettingError
from liq_nautilus.market import dump_tables
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import iso_day

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from liq_nautilus.market.published import SimulatedMarket


KINDS: Final = (
    "klines-1m",
    "klines-5m",
    "markPriceKlines-1m",
    "indexPriceKlines-1m",
    "premiumIndexKlines-1m",
    "metrics",
    "fundingRate",
    "aggTrades",
    "liquidationSnapshot",
    "bookDepth",
    "liquidations-1h",
    "true-positions",
)


def write_files(
    market: SimulatedMarket,
    folder: Path,
    *,
    kinds: Iterable[str] = KINDS,
    zipped: bool = False,
) -> list[Path]:
    """
    Write what the venue would publish, and the true positions beside it.

    Parameters
    ----------
    market : SimulatedMarket
        The run.
    folder : Path
        Gets ``futures/um/...`` as on data.binance.vision, ``liquidation-bars/`` and
        ``true-positions/`` (Parquet, one file a day, a snapshot every hour).
    kinds : iterable of str, optional
        Some of `KINDS`; by default all.
    zipped : bool, optional
        Write the dump's files zipped with a checksum beside each, as Binance does.

    Returns
    -------
    list of Path
        The files, in the order written.

    Raises
    ------
    SettingError
        If a kind is unknown.

    """
    chosen = list(kinds)
    unknown = [kind for kind in chosen if kind not in KINDS]
    if unknown:
        msg = f"kinds must be some of {', '.join(KINDS)}, was {', '.join(unknown)}: leave them out"
        raise SettingError(msg)
    paths: list[Path] = []
    for kind in chosen:
        if kind == "true-positions":
            paths += _write_positions(market, folder / "true-positions")
        elif kind == "fundingRate":
            paths += _write_months(market, folder / "futures" / "um" / "monthly", zipped=zipped)
        elif kind.startswith("liquidations-"):
            paths += _write_days(market, kind, folder / "liquidation-bars", zipped=False)
        else:
            name, _, interval = kind.partition("-")
            place = folder / "futures" / "um" / "daily" / name / market.symbol / interval
            paths += _write_days(market, kind, place, zipped=zipped)
    return paths


def _write_days(market: SimulatedMarket, kind: str, folder: Path, *, zipped: bool) -> list[Path]:
    name, _, interval = kind.partition("-")
    part = {"liquidations": kind}.get(name, interval or name)
    ts, table = dump_tables.build(market, kind)
    edges = np.searchsorted(ts, market.start_ns + np.arange(market.days + 1) * DAY_NS)
    paths = []
    for day in range(market.days):
        rows = table.slice(edges[day], edges[day + 1] - edges[day])
        stem = f"{market.symbol}-{part}-{iso_day(market.start_ns + day * DAY_NS)}"
        paths += _write(rows, folder, stem, zipped=zipped)
    return paths


def _write_months(market: SimulatedMarket, folder: Path, *, zipped: bool) -> list[Path]:
    ts, table = dump_tables.build(market, "fundingRate")
    months = np.array([iso_day(int(moment))[:7] for moment in ts])
    paths = []
    for month in dict.fromkeys(months.tolist()):
        rows = table.filter(pa.array(months == month))
        stem = f"{market.symbol}-fundingRate-{month}"
        paths += _write(rows, folder / "fundingRate" / market.symbol, stem, zipped=zipped)
    return paths


def _write_positions(market: SimulatedMarket, folder: Path) -> list[Path]:
    place = folder / market.symbol
    place.mkdir(parents=True, exist_ok=True)
    paths = []
    for day in range(market.days):
        first = market.start_ns + day * DAY_NS
        hours = [dump_tables.positions_table(market, first + hour * HOUR_NS) for hour in range(24)]
        path = place / f"{market.symbol}-true-positions-{iso_day(first)}.parquet"
        parquet.write_table(pa.concat_tables(hours), path, compression="zstd")
        paths.append(path)
    return paths


# One CSV file with a header, or its zip archive and checksum.
def _write(table: pa.Table, folder: Path, stem: str, *, zipped: bool) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    csv.write_csv(table, buffer, csv.WriteOptions(quoting_style="none", quoting_header="none"))
    if not zipped:
        path = folder / f"{stem}.csv"
        path.write_bytes(buffer.getvalue())
        return [path]
    path = folder / f"{stem}.zip"
    # A fixed date in the archive: the same market gives the same bytes.
    entry = zipfile.ZipInfo(f"{stem}.csv")
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, buffer.getvalue(), compresslevel=1)
    checksum = folder / f"{stem}.zip.CHECKSUM"
    checksum.write_text(f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    return [path, checksum]
