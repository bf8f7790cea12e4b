"""
From canonical tables to the catalog's own Arrow schemas, without a Python object per row.

Nothing here needs Nautilus: its schemas, and whether its encoding still is what this module writes,
come from who asked it once and remembers the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from liq_nautilus.data.kinds import KINDS
from liq_nautilus.data.kinds.stored import RAW_BYTES
from liq_nautilus.data.columns import array_of
from liq_nautilus.data.columns import bytes_array
from liq_nautilus.data.columns import empty_table
from liq_nautilus.data.columns import numbers
from liq_nautilus.data.columns import repeated
from liq_nautilus.data.columns import single
from liq_nautilus.data.columns import wide_decimals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from liq_nautilus.data.kinds import StoredType
    from liq_nautilus.data.kinds.schema import Feeds
    from liq_nautilus.nautilus.catalog.definitions import Definition

    type Encoder = Callable[[pa.Table], pa.Table]

# Mark and index prices are computed: Binance states them with eight decimals, beyond the tick.
PRICE_UPDATE_DECIMALS: Final = 8
_MINUTES_PER_HOUR: Final = 60
# Up to here a float holds every whole number.
_MOST_EXACT: Final = 2**53
# Nautilus's own types: the canonical column behind each of theirs, in their order.
_PRICE_COLUMNS: Final = ("close_decimal", "ts_event", "ts_event")
_COLUMNS: Final = {
    "Bar": ("open", "high", "low", "close", "volume", "ts_event", "ts_event"),
    "TradeTick": ("price", "size", "aggressor_side", "trade_id", "ts_event", "ts_event"),
    "MarkPriceUpdate": _PRICE_COLUMNS,
    "IndexPriceUpdate": _PRICE_COLUMNS,
    "FundingRateUpdate": ("rate_json", "minutes", "next_funding", "ts_event", "ts_event"),
}


def _unchanged(table: pa.Table) -> pa.Table:
    return table


class Encoding(NamedTuple):
    """The schema of a series' files, and whether it is written column by column."""

    schema: pa.Schema
    is_direct: bool


class KnownEncodings(Protocol):
    """Who knows how Nautilus encodes a series."""

    def of(self, stored: StoredType, interval: str, definition: Definition) -> Encoding:
        """Return the encoding; raise `SchemaError` if Nautilus has no such series."""

    def supported(self, stored: StoredType, interval: str, definition: Definition) -> Encoder:
        """Return the slower way of encoding, through objects of Nautilus."""


@dataclass(frozen=True, slots=True)
class Target:
    """
    A series of the catalog that a kind of file feeds.

    Attributes
    ----------
    stored : StoredType
        Its type: what names a row, which files it is cut into.
    symbol, interval : str
        Of which symbol, and of which interval if the type has one.
    file_schema : pa.Schema
        The schema of its Parquet files, metadata included.
    encode : callable
        Turns a canonical table into a flat table of the series.
    streams : bool
        Whether rows can be written as they come.
    to_file, from_file : callable
        From the flat table to the file's and back, where they differ.
    repetitive : tuple of str, optional
        The columns whose values repeat, for a dictionary in the file; None for Nautilus's own
        types: all columns, as Nautilus writes them.

    """

    stored: StoredType
    symbol: str
    interval: str
    file_schema: pa.Schema
    encode: Encoder
    streams: bool = True
    to_file: Encoder = _unchanged
    from_file: Encoder = _unchanged
    repetitive: tuple[str, ...] | None = None

    def open_file(self, path: Path) -> pq.ParquetWriter:
        """Return a writer of a file of the series."""
        if self.repetitive is None:
            return pq.ParquetWriter(path, self.file_schema)
        # Times and counts rise by steady steps: their differences take half the time and space.
        steady = [field.name for field in self.file_schema if pa.types.is_integer(field.type)]
        return pq.ParquetWriter(
            path,
            self.file_schema,
            use_dictionary=list(self.repetitive),
            column_encoding=dict.fromkeys(steady, "DELTA_BINARY_PACKED"),
        )

    @property
    def flat_schema(self) -> pa.Schema:
        """Return the schema of the flat table."""
        return self.from_file(empty_table(self.file_schema)).schema


def targets_of(
    kind: str, interval: str, definition: Definition, encodings: KnownEncodings
) -> tuple[Target, ...]:
    """
    Return the series a kind of file feeds; the first holds every row of it.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    interval : str
        Such as "5m"; empty for kinds without one.
    definition : Definition
        The instrument of the file's symbol.
    encodings : KnownEncodings
        What is known of Nautilus's schemas.

    Raises
    ------
    SchemaError
        If Nautilus has no such series.

    """
    return tuple(_target(feeds, interval, definition, encodings) for feeds in KINDS[kind].feeds)


def _target(
    feeds: Feeds, interval: str, definition: Definition, encodings: KnownEncodings
) -> Target:
    stored = feeds.stored
    encoding = encodings.of(stored, interval, definition)
    if stored.is_own:
        return _own_target(feeds, interval, definition, encoding.schema)
    schema = encoding.schema
    flat_schema = flat(stored, schema)
    encode = direct_encoder(stored, flat_schema)
    if not encoding.is_direct:
        encode = encodings.supported(stored, interval, definition)
    is_same = flat_schema == schema
    return Target(
        stored,
        definition.symbol,
        interval,
        schema,
        lambda table: encode(_prepared(stored, table)),
        to_file=_unchanged if is_same else lambda rows: rows.cast(schema),
        from_file=_unchanged if is_same else lambda rows: rows.cast(flat_schema),
    )


def flat(stored: StoredType, schema: pa.Schema) -> pa.Schema:
    """Return the schema in which rows are compared: the texts of trade ids are numbers there."""
    if stored.unique is None:
        return schema
    at = schema.get_field_index(stored.unique)
    return schema.set(at, schema.field(at).with_type(pa.int64()))


def direct_encoder(stored: StoredType, schema: pa.Schema) -> Encoder:
    """Return what turns a prepared canonical table into one of Nautilus's own, column by column."""
    columns = _COLUMNS[stored.name]

    def encode(table: pa.Table) -> pa.Table:
        arrays = [
            _to_field(table.column(name), field)
            for name, field in zip(columns, schema, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=schema)

    return encode


def _prepared(stored: StoredType, table: pa.Table) -> pa.Table:
    # With the columns that Nautilus's types have in another form.
    if stored.name in ("MarkPriceUpdate", "IndexPriceUpdate"):
        return table.append_column("close_decimal", _price_decimals(table.column("close")))
    if stored.name == "FundingRateUpdate":
        rates = [f'"{Decimal(text)}"'.encode() for text in table.column("rate_text").to_pylist()]
        minutes = numbers(table.column("interval_hours")) * _MINUTES_PER_HOUR
        table = table.append_column("rate_json", bytes_array(rates))
        table = table.append_column("minutes", array_of(minutes))
        return table.append_column("next_funding", pa.nulls(table.num_rows, pa.uint64()))
    return table


def _price_decimals(column: pa.ChunkedArray) -> pa.Array:
    kind = pa.decimal128(38, RAW_BYTES)
    units = np.rint(numbers(column) * 10.0**PRICE_UPDATE_DECIMALS)
    if not len(units) or np.abs(units).max() < _MOST_EXACT:
        return wide_decimals(units.astype(np.int64), PRICE_UPDATE_DECIMALS, kind)
    texts = [f"{value:.{PRICE_UPDATE_DECIMALS}f}" for value in column.to_pylist()]
    return pa.array([Decimal(text) for text in texts], kind)


def raw_decimal(column: pa.ChunkedArray) -> pa.Array:
    """
    Return decimals of 16 places as Nautilus's raw fixed-point bytes.

    Both are 16-byte little-endian integers: nothing is copied.
    """
    array = single(column)
    buffers = [None, array.buffers()[1]]
    raw = pa.binary(RAW_BYTES)
    return pa.Array.from_buffers(raw, len(array), buffers, offset=array.offset)


def _to_field(column: pa.ChunkedArray, field: pa.Field) -> pa.Array:
    if pa.types.is_decimal(column.type) and field.type == pa.binary(RAW_BYTES):
        return raw_decimal(column)
    return pc.cast(single(column), field.type)


def _own_target(
    feeds: Feeds, interval: str, definition: Definition, file_schema: pa.Schema
) -> Target:
    # Lists are flat, one row per item, until a file is written: one datum per time then.
    lists = [field.name for field in file_schema if pa.types.is_list(field.type)]
    flat_schema = _flattened(file_schema) if lists else file_schema

    def encode(table: pa.Table) -> pa.Table:
        return _to_schema(feeds.prepare(table, interval), flat_schema, definition.identifier)

    ways = (lambda rows: _grouped(rows, file_schema), lambda rows: _exploded(rows, flat_schema))
    return Target(
        feeds.stored,
        definition.symbol,
        interval,
        file_schema,
        encode,
        # Floats hardly repeat: a dictionary of them costs time and space.
        repetitive=tuple(field.name for field in file_schema if pa.types.is_string(field.type)),
        streams=not lists,
        **(dict(zip(("to_file", "from_file"), ways, strict=True)) if lists else {}),
    )


def _flattened(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [
            pa.field(field.name, field.type.value_type) if pa.types.is_list(field.type) else field
            for field in schema
        ]
    )


def _to_schema(table: pa.Table, schema: pa.Schema, identifier: str) -> pa.Table:
    arrays = []
    for field in schema:
        if field.name == "instrument_id":
            arrays.append(repeated(identifier, table.num_rows))
        else:
            is_known_at_once = field.name == "ts_init" and "ts_init" not in table.column_names
            column = "ts_event" if is_known_at_once else field.name
            arrays.append(pc.cast(single(table.column(column)), field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _grouped(table: pa.Table, schema: pa.Schema) -> pa.Table:
    table = table.combine_chunks()
    ts = numbers(table.column("ts_init"))
    starts = np.flatnonzero(np.diff(ts, prepend=ts[:1] + 1))
    offsets = array_of(np.append(starts, len(ts)).astype(np.int32))
    firsts = table.take(array_of(starts))
    arrays = [
        pa.ListArray.from_arrays(
            offsets, table.column(field.name).combine_chunks(), type=field.type
        )
        if pa.types.is_list(field.type)
        else firsts.column(field.name).combine_chunks()
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _exploded(table: pa.Table, schema: pa.Schema) -> pa.Table:
    table = table.combine_chunks()
    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    rows = pc.list_parent_indices(table.column(lists[0]).combine_chunks())
    arrays = [
        pc.list_flatten(table.column(field.name).combine_chunks())
        if field.name in lists
        else table.column(field.name).combine_chunks().take(rows)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
