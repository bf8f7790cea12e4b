"""A catalog as DuckDB views, so that a user writes SQL of his own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import ARROW

from liq_nautilus.core.exchange.contracts import contract_value
from liq_nautilus.data.columns import array_of
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.data.kinds.stored import RAW_BYTES
from liq_nautilus.data.kinds.stored import decimals_of_raw
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import finest_interval
from liq_nautilus.queries.derived.basis import MapBasis
from liq_nautilus.queries.derived.kept_map import KeptMap
from liq_nautilus.queries.view_columns import KEPT
from liq_nautilus.queries.view_columns import STORED
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.nautilus.catalog.inventory import Folder
    from liq_nautilus.queries.view_columns import Column

_RAW: Final = pa.binary(RAW_BYTES)
_EXACT: Final = pa.decimal128(38, 9)
_MACROS: Final = """
    CREATE MACRO time_of(ts) AS make_timestamp(ts::BIGINT // 1000);
    CREATE MACRO side_of(side) AS CASE side WHEN 1 THEN 'long' WHEN -1 THEN 'short' END;
    CREATE MACRO known(value) AS nullif(value, 'nan'::DOUBLE);
"""
# What `history` answers: sums over intervals where a symbol has such, else single orders.
_SUMS: Final = """
    SELECT "timestamp" - to_microseconds({length}) AS "timestamp", symbol, NULL::DOUBLE AS price,
    NULL::DOUBLE AS quantity, notional, side, source
    FROM (
        SELECT *, unnest([long_notional, short_notional]) AS notional,
        unnest(['long', 'short']) AS side
        FROM liquidation_bars WHERE symbol = '{symbol}' AND "interval" = '{interval}'
    ) WHERE notional > 0
"""
_ORDERS: Final = """
    SELECT "timestamp", symbol, price, quantity, notional, side, 'binance' AS source
    FROM liquidation_orders WHERE symbol = '{symbol}'
"""
_HISTORY: Final = """
    CREATE VIEW liquidation_history AS
    SELECT row_number() OVER (ORDER BY "timestamp", symbol, side, price, quantity) AS id, *,
    NULL::DOUBLE AS leverage FROM ({sources})
"""
VIEWS: Final = (*STORED, "liquidation_history", *KEPT)


def connect(
    catalog: Path | str,
    *,
    parameters: TrackerParameters | None = None,
    brackets: object | None = None,
) -> duckdb.DuckDBPyConnection:
    """
    Return a DuckDB connection with views of a catalog and of the map of each of its symbols.

    Maps are brought up to date first, which takes some seconds per month of data that was never
    asked about. Times are UTC, prices and quantities doubles, notionals quote currency.

    Parameters
    ----------
    catalog : Path or str
        The Parquet catalog.
    parameters : TrackerParameters, optional
        What the maps assume.
    brackets : object, optional
        A parsed `leverageBracket` response of Binance in place of the built-in brackets.

    Returns
    -------
    DuckDBPyConnection
        With the views `bars`, `trades`, `open_interest_history`, `funding_rate_history`,
        `liquidation_orders`, `liquidation_bars` (sums over intervals, stamped with their end),
        `liquidation_history` (what `history` answers; leverage is null, since nobody publishes it),
        and of the map: `liquidation_levels` (every four hours, and each moment that was asked for),
        `heatmap_cache` (every hour; density is the volume per unit of price), `signals` (at each
        update), `forecasts` (every hour) and `clusters` (every hour).

    Raises
    ------
    DataGapError
        If the catalog holds nothing.

    """
    files = Catalog(Path(catalog))
    if not files.symbols:
        msg = f"{files.path} must hold data, there was none; run `liq-nautilus ingest` first"
        raise DataGapError(msg)
    connection = duckdb.connect()
    connection.create_function("number_of", number_of, ["BLOB"], "DOUBLE", type=ARROW)
    connection.execute(_MACROS)
    _show_stored(connection, files)
    _show_kept(connection, files, parameters, brackets)
    return connection


def _show_stored(connection: duckdb.DuckDBPyConnection, files: Catalog) -> None:
    # The files of a folder are looked up each time a view is asked: what is recorded meanwhile is
    # seen.
    for name, (stored, columns) in STORED.items():
        sources = [
            _selected(columns, [folder.path / "*.parquet"], **_named(folder))
            for folder in files.folders
            if folder.stored is stored
        ]
        _create(connection, name, columns, sources)
    happened = [_happened(files, symbol) for symbol in files.symbols]
    connection.execute(_HISTORY.format(sources=" UNION ALL ".join(happened)))


def _show_kept(
    connection: duckdb.DuckDBPyConnection,
    files: Catalog,
    parameters: TrackerParameters | None,
    brackets: object | None,
) -> None:
    maps = [
        kept.basis
        for symbol in files.symbols
        if (kept := _kept(files, symbol, parameters, brackets)) is not None
    ]
    for name, view in KEPT.items():
        sources = [
            f"FROM ({_selected(view.columns, patterns, symbol=basis.symbol)} WHERE {view.rows}) "
            f"WHERE {view.shown}"
            for basis in maps
            if (patterns := _patterns(basis.folder, view.folders))
        ]
        _create(connection, name, view.columns, sources)


def _kept(
    files: Catalog,
    symbol: str,
    parameters: TrackerParameters | None,
    brackets: object | None,
) -> KeptMap | None:
    # None where there is no map, for want of open interest.
    basis = MapBasis.of(files.path, symbol, parameters, brackets)
    try:
        kept = KeptMap.open(basis, files)
    except DataGapError:
        return None
    kept.follow()
    return kept


def _named(folder: Folder) -> dict[str, str]:
    # What is said of a folder's rows that does not stand in them.
    value = contract_value(folder.symbol)
    worth = "average_price" if value is None else str(value)
    return {"symbol": folder.symbol, "interval": folder.interval, "worth": worth}


def _happened(files: Catalog, symbol: str) -> str:
    interval = finest_interval(files, LIQUIDATION_SUMS, symbol)
    if interval is None:
        return _ORDERS.format(symbol=_quoted(symbol))
    length = interval_ns(interval) // 1_000
    return _SUMS.format(symbol=_quoted(symbol), interval=interval, length=length)


def _patterns(folder: Path, names: tuple[str, ...]) -> list[Path]:
    return [folder / name / "*.parquet" for name in names if any((folder / name).glob("*.parquet"))]


def _selected(columns: tuple[Column, ...], patterns: list[Path], **named: str) -> str:
    # The same moment may be kept in two files: each row counts once.
    inside = {name: _quoted(value) for name, value in named.items()}
    chosen = ", ".join(
        f'CAST({column.expression.format(**inside)} AS {column.type}) AS "{column.name}"'
        for column in columns
    )
    files = ", ".join(f"'{_quoted(str(pattern.absolute()))}'" for pattern in patterns)
    distinct = "DISTINCT " if len(patterns) > 1 else ""
    return f"SELECT {distinct}{chosen} FROM read_parquet([{files}], union_by_name = true)"  # noqa: S608 - names of the catalog, quoted


def _create(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: tuple[Column, ...],
    sources: list[str],
) -> None:
    if not sources:
        empty = ", ".join(f'NULL::{column.type} AS "{column.name}"' for column in columns)
        sources = [f"SELECT {empty} WHERE false"]
    connection.execute(f"CREATE VIEW {name} AS {' UNION ALL '.join(sources)}")


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def number_of(raw: pa.ChunkedArray) -> pa.Array:
    """Return Nautilus's raw fixed-point numbers, as DuckDB hands them over, as doubles."""
    words = pc.cast(pa.chunked_array([raw]) if isinstance(raw, pa.Array) else raw, _RAW)
    whole = decimals_of_raw(words)
    # In steps of nine places, where these fit into 64 bits, the nearest double comes out.
    steps, fits = _halves(whole.cast(_EXACT, safe=False))
    low, high = _halves(whole, np.uint64)
    rough = (high * 2.0**64 + low) / 10.0**whole.type.scale
    return array_of(np.where(fits == steps >> 63, steps / 10.0**_EXACT.scale, rough))


def _halves(
    column: pa.Array, low: type[np.int64 | np.uint64] = np.int64
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    # The lower and upper 64 bits of decimals.
    first, n = 2 * column.offset, 2 * len(column)
    pairs = np.frombuffer(column.buffers()[1] or b"", dtype=np.int64)[first : first + n]
    return pairs[::2].view(low), pairs[1::2]
