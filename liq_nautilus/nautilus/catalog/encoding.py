"""
From canonical tables to the catalog's own Arrow schemas, without a Python object per row.

Nautilus's encoding of bars, trades and prices is private. Whether it still is what this module
writes is tried at run time, on a sample that goes both ways; if it is not, the supported wranglers
of Nautilus take over.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from nautilus_trader.core import nautilus_pyo3
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import BarType
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import IndexPriceUpdate
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Price
from nautilus_trader.model.objects import Quantity
from nautilus_trader.persistence.wranglers_v2 import BarDataWranglerV2
from nautilus_trader.persistence.wranglers_v2 import TradeTickDataWranglerV2
from nautilus_trader.serialization.arrow.serializer import ArrowSerializer

from liq_nautilus.data.kinds.stored import RAW_BYTES
from liq_nautilus.errors import SchemaError
from liq_nautilus.nautilus.catalog.layout import bar_type_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nautilus_trader.model.instruments import CryptoPerpetual

    from liq_nautilus.data.kinds import StoredType

    type Encoder = Callable[[pa.Table], pa.Table]
    type Encoding = Callable[[StoredType, str, CryptoPerpetual], Target]

# Mark and index prices are computed: Binance states them with eight decimals, beyond the tick.
PRICE_UPDATE_DECIMALS: Final = 8
_MINUTES_PER_HOUR: Final = 60


def _unchanged(table: pa.Table) -> pa.Table:
    return table


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
        return self.from_file(self.file_schema.empty_table()).schema


def repeated(text: str, n: int) -> pa.Array:
    """Return a column of one text throughout."""
    codes = pa.array(np.zeros(n, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(codes, pa.array([text])).cast(pa.string())


def _bar_target(stored: StoredType, interval: str, instrument: CryptoPerpetual) -> Target:
    bar_type = _bar_type(str(instrument.raw_symbol), interval)
    prices = [Price(value, instrument.price_precision) for value in (2, 4, 1, 3)]
    sample = Bar(bar_type, *prices, Quantity(5, instrument.size_precision), 7, 7)
    schema = _schema_of(sample)
    row = _canonical_row(open=2, high=4, low=1, close=3, volume=5)
    columns = ("open", "high", "low", "close", "volume", "ts_event", "ts_event")
    encode = _encoder(schema, columns)
    if not _agrees(encode, row, sample):
        encode = _supported_bars(instrument, bar_type)
    return Target(stored, str(instrument.raw_symbol), interval, schema, encode)


def _bar_type(symbol: str, interval: str) -> BarType:
    try:
        return BarType.from_str(bar_type_of(symbol, interval))
    except ValueError as e:
        msg = f"bars of {interval} must be known to Nautilus, {e}; leave these files out"
        raise SchemaError(msg) from e


def _trade_target(stored: StoredType, interval: str, instrument: CryptoPerpetual) -> Target:
    sample = TradeTick(
        instrument.id,
        Price(2, instrument.price_precision),
        Quantity(5, instrument.size_precision),
        AggressorSide.SELLER,
        TradeId("11"),
        7,
        7,
    )
    schema = _schema_of(sample)
    row = _canonical_row(price=2, size=5)
    row = row.append_column("aggressor_side", pa.array([2], pa.int8()))
    row = row.append_column("trade_id", pa.array([11], pa.int64()))
    columns = ("price", "size", "aggressor_side", "trade_id", "ts_event", "ts_event")
    # The texts of trade ids are numbers as long as rows are compared.
    at = schema.get_field_index("trade_id")
    flat_schema = schema.set(at, schema.field(at).with_type(pa.int64()))
    encode = _encoder(flat_schema, columns)
    if not _agrees(lambda rows: encode(rows).cast(schema), row, sample):
        supported = _supported_trades(instrument)

        def encode(table: pa.Table) -> pa.Table:
            return supported(table).cast(flat_schema)

    return Target(
        stored,
        str(instrument.raw_symbol),
        interval,
        schema,
        encode,
        to_file=lambda rows: rows.cast(schema),
        from_file=lambda rows: rows.cast(flat_schema),
    )


def _price_target(stored: StoredType, interval: str, instrument: CryptoPerpetual) -> Target:
    # Of mark or index prices at the close of each bar, whatever its interval.
    data_cls = _PRICE_UPDATES[stored.name]
    sample = data_cls(instrument.id, Price(3, PRICE_UPDATE_DECIMALS), 7, 7)
    schema = _schema_of(sample)
    encode = _encoder(schema, ("close_decimal", "ts_event", "ts_event"))
    if not _agrees(encode, _canonical_row(close_decimal=3), sample):
        encode = _supported_prices(instrument, data_cls)

    def encode_close(table: pa.Table) -> pa.Table:
        close = pc.round(table.column("close"), ndigits=PRICE_UPDATE_DECIMALS)
        texts = [f"{value:.{PRICE_UPDATE_DECIMALS}f}" for value in close.to_pylist()]
        decimals = pa.array([Decimal(text) for text in texts], pa.decimal128(38, RAW_BYTES))
        return encode(table.append_column("close_decimal", decimals))

    return Target(stored, str(instrument.raw_symbol), interval, schema, encode_close)


def _funding_target(stored: StoredType, interval: str, instrument: CryptoPerpetual) -> Target:
    # Encoded by Nautilus itself: there are three a day.

    def encode(table: pa.Table) -> pa.Table:
        updates = [
            FundingRateUpdate(
                instrument.id,
                Decimal(row["rate_text"]),
                row["ts_event"],
                row["ts_event"],
                row["interval_hours"] * _MINUTES_PER_HOUR,
            )
            for row in table.to_pylist()
        ]
        if not updates:
            return schema.empty_table()
        return ArrowSerializer.serialize_batch(updates, FundingRateUpdate).combine_chunks()

    sample = FundingRateUpdate(instrument.id, Decimal("0.0001"), 7, 7, 480)
    schema = ArrowSerializer.serialize_batch([sample], FundingRateUpdate).schema
    return Target(stored, str(instrument.raw_symbol), interval, schema, encode)


def raw_decimal(column: pa.ChunkedArray) -> pa.Array:
    """
    Return decimals of 16 places as Nautilus's raw fixed-point bytes.

    Both are 16-byte little-endian integers: nothing is copied.
    """
    array = column.combine_chunks()
    buffers = [None, array.buffers()[1]]
    raw = pa.binary(RAW_BYTES)
    return pa.Array.from_buffers(raw, len(array), buffers, offset=array.offset)


def _schema_of(sample: Any) -> pa.Schema:  # noqa: ANN401 - any datum
    return ArrowSerializer.serialize_batch([sample], type(sample)).schema


def _canonical_row(**values: int) -> pa.Table:
    decimal = pa.decimal128(38, RAW_BYTES)
    columns = {name: pa.array([Decimal(value)], decimal) for name, value in values.items()}
    return pa.table({**columns, "ts_event": pa.array([7], pa.int64())})


def _encoder(schema: pa.Schema, columns: tuple[str, ...]) -> Encoder:
    def encode(table: pa.Table) -> pa.Table:
        arrays = [
            _to_field(table.column(name), field)
            for name, field in zip(columns, schema, strict=True)
        ]
        return pa.Table.from_arrays(arrays, schema=schema)

    return encode


def _to_field(column: pa.ChunkedArray, field: pa.Field) -> pa.Array:
    if pa.types.is_decimal(column.type) and field.type == pa.binary(RAW_BYTES):
        return raw_decimal(column)
    return pc.cast(column.combine_chunks(), field.type)


def _agrees(encode: Encoder, row: pa.Table, sample: Any) -> bool:  # noqa: ANN401 - any datum
    # Whether Nautilus encodes the sample exactly as the direct way does.
    if nautilus_pyo3.PRECISION_BYTES != RAW_BYTES:
        return False
    try:
        direct = encode(row)
    except (ValueError, pa.ArrowException):
        return False
    documented = ArrowSerializer.serialize_batch([sample], type(sample))
    return bool(direct.equals(documented, check_metadata=True))


def _supported_bars(instrument: CryptoPerpetual, bar_type: BarType) -> Encoder:
    wrangler = BarDataWranglerV2(
        str(bar_type), instrument.price_precision, instrument.size_precision
    )

    def encode(table: pa.Table) -> pa.Table:
        names = ("open", "high", "low", "close", "volume")
        frame = pd.DataFrame({name: _floats(table.column(name)) for name in names})
        frame["ts_event"] = pd.to_datetime(table.column("ts_event").to_numpy(), utc=True)
        bars = wrangler.from_pandas(frame)
        return ArrowSerializer.serialize_batch(bars, nautilus_pyo3.Bar).combine_chunks()

    return encode


def _supported_trades(instrument: CryptoPerpetual) -> Encoder:
    wrangler = TradeTickDataWranglerV2(
        str(instrument.id), instrument.price_precision, instrument.size_precision
    )

    def encode(table: pa.Table) -> pa.Table:
        frame = pd.DataFrame({name: _floats(table.column(name)) for name in ("price", "size")})
        # The wrangler takes True for a buyer (1), whatever its column of the same origin says.
        frame["aggressor_side"] = table.column("aggressor_side").to_numpy() == 1
        frame["trade_id"] = table.column("trade_id").to_numpy()
        frame["ts_event"] = pd.to_datetime(table.column("ts_event").to_numpy(), utc=True)
        trades = wrangler.from_pandas(frame)
        return ArrowSerializer.serialize_batch(trades, nautilus_pyo3.TradeTick).combine_chunks()

    return encode


def _supported_prices(
    instrument: CryptoPerpetual, data_cls: type[MarkPriceUpdate | IndexPriceUpdate]
) -> Encoder:
    def encode(table: pa.Table) -> pa.Table:
        rows = zip(table["close_decimal"].to_pylist(), table["ts_event"].to_pylist(), strict=True)
        updates = [
            data_cls(instrument.id, Price.from_str(f"{close:.{PRICE_UPDATE_DECIMALS}f}"), ts, ts)
            for close, ts in rows
        ]
        return ArrowSerializer.serialize_batch(updates, data_cls).combine_chunks()

    return encode


def _floats(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy())


_PRICE_UPDATES: Final[dict[str, type[MarkPriceUpdate | IndexPriceUpdate]]] = {
    "MarkPriceUpdate": MarkPriceUpdate,
    "IndexPriceUpdate": IndexPriceUpdate,
}
# How the types that are Nautilus's own are written; all others are written column by column.
NAUTILUS_ENCODINGS: Final[dict[str, Encoding]] = {
    "Bar": _bar_target,
    "TradeTick": _trade_target,
    "MarkPriceUpdate": _price_target,
    "IndexPriceUpdate": _price_target,
    "FundingRateUpdate": _funding_target,
}
