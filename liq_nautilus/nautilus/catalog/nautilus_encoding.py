"""
What Nautilus says of its own encoding: the schemas, and whether the direct way still writes them.

Nautilus's encoding of bars, trades and prices is private. Whether it still is what `targets` writes
is tried on a sample; if it is not, the supported wranglers of Nautilus take over.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from nautilus_trader.core import nautilus_pyo3
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import BarType
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import IndexPriceUpdate
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Price
from nautilus_trader.model.objects import Quantity
from nautilus_trader.persistence.wranglers_v2 import BarDataWranglerV2
from nautilus_trader.persistence.wranglers_v2 import TradeTickDataWranglerV2
from nautilus_trader.serialization.arrow.serializer import ArrowSerializer

from liq_nautilus.data.kinds.stored import RAW_BYTES
from liq_nautilus.errors import SchemaError
from liq_nautilus.nautilus.catalog.kinds import class_of
from liq_nautilus.nautilus.catalog.layout import bar_type_of
from liq_nautilus.nautilus.catalog.targets import PRICE_UPDATE_DECIMALS
from liq_nautilus.nautilus.catalog.targets import Encoding
from liq_nautilus.nautilus.catalog.targets import direct_encoder
from liq_nautilus.nautilus.catalog.targets import flat

if TYPE_CHECKING:
    from collections.abc import Callable

    from liq_nautilus.data.kinds import StoredType
    from liq_nautilus.nautilus.catalog.definitions import Definition

    type Encoder = Callable[[pa.Table], pa.Table]

_PRICE_UPDATES: Final[dict[str, type[MarkPriceUpdate | IndexPriceUpdate]]] = {
    "MarkPriceUpdate": MarkPriceUpdate,
    "IndexPriceUpdate": IndexPriceUpdate,
}


def asked(stored: StoredType, interval: str, definition: Definition) -> Encoding:
    """
    Return the encoding of a series as Nautilus has it.

    Raises
    ------
    SchemaError
        If Nautilus has no such bars.

    """
    if stored.is_own:
        return Encoding(class_of(stored).arrow_schema(), is_direct=True)  # type: ignore[attr-defined]
    sample, row = _sample(stored, interval, definition)
    documented = ArrowSerializer.serialize_batch([sample], type(sample))
    return Encoding(documented.schema, _agrees(stored, row, documented))


def supported_encoder(stored: StoredType, interval: str, definition: Definition) -> Encoder:
    """Return the slower way from a prepared canonical table, through objects of Nautilus."""
    if stored.name == "Bar":
        return _supported_bars(definition, _bar_type(definition.symbol, interval))
    if stored.name == "TradeTick":
        return _supported_trades(stored, definition)
    if stored.name == "FundingRateUpdate":
        return _supported_funding(definition)
    return _supported_prices(definition, _PRICE_UPDATES[stored.name])


def _sample(stored: StoredType, interval: str, definition: Definition) -> tuple[Any, pa.Table]:
    # One datum and the prepared canonical row it stands for.
    price, size = definition.price_precision, definition.size_precision
    identifier = InstrumentId.from_str(definition.identifier)
    if stored.name == "Bar":
        bar_type = _bar_type(definition.symbol, interval)
        prices = [Price(value, price) for value in (2, 4, 1, 3)]
        row = _canonical_row(open=2, high=4, low=1, close=3, volume=5)
        return Bar(bar_type, *prices, Quantity(5, size), 7, 7), row
    if stored.name == "TradeTick":
        sizes = Price(2, price), Quantity(5, size)
        row = _canonical_row(price=2, size=5)
        row = row.append_column("aggressor_side", pa.array([2], pa.int8()))
        row = row.append_column("trade_id", pa.array([11], pa.int64()))
        return TradeTick(identifier, *sizes, AggressorSide.SELLER, TradeId("11"), 7, 7), row
    if stored.name == "FundingRateUpdate":
        row = _canonical_row().append_column("rate_json", pa.array([b'"-0.00010000"']))
        row = row.append_column("minutes", pa.array([480], pa.int64()))
        row = row.append_column("next_funding", pa.nulls(1, pa.uint64()))
        return FundingRateUpdate(identifier, Decimal("-0.00010000"), 7, 7, 480), row
    price_update = _PRICE_UPDATES[stored.name](identifier, Price(3, PRICE_UPDATE_DECIMALS), 7, 7)
    return price_update, _canonical_row(close_decimal=3)


def _bar_type(symbol: str, interval: str) -> BarType:
    try:
        return BarType.from_str(bar_type_of(symbol, interval))
    except ValueError as e:
        msg = f"bars of {interval} must be known to Nautilus, {e}; leave these files out"
        raise SchemaError(msg) from e


def _canonical_row(**values: int) -> pa.Table:
    decimal = pa.decimal128(38, RAW_BYTES)
    columns = {name: pa.array([Decimal(value)], decimal) for name, value in values.items()}
    return pa.table({**columns, "ts_event": pa.array([7], pa.int64())})


def _agrees(stored: StoredType, row: pa.Table, documented: pa.Table) -> bool:
    # Whether Nautilus encodes the sample exactly as the direct way does.
    if nautilus_pyo3.PRECISION_BYTES != RAW_BYTES:
        return False
    schema = documented.schema
    try:
        direct = direct_encoder(stored, flat(stored, schema))(row).cast(schema)
    except (ValueError, pa.ArrowException):
        return False
    return bool(direct.equals(documented, check_metadata=True))


def _supported_bars(definition: Definition, bar_type: BarType) -> Encoder:
    wrangler = BarDataWranglerV2(
        str(bar_type), definition.price_precision, definition.size_precision
    )

    def encode(table: pa.Table) -> pa.Table:
        names = ("open", "high", "low", "close", "volume")
        frame = pd.DataFrame({name: _floats(table.column(name)) for name in names})
        frame["ts_event"] = pd.to_datetime(table.column("ts_event").to_numpy(), utc=True)
        bars = wrangler.from_pandas(frame)
        return ArrowSerializer.serialize_batch(bars, nautilus_pyo3.Bar).combine_chunks()

    return encode


def _supported_trades(stored: StoredType, definition: Definition) -> Encoder:
    wrangler = TradeTickDataWranglerV2(
        definition.identifier, definition.price_precision, definition.size_precision
    )

    def encode(table: pa.Table) -> pa.Table:
        frame = pd.DataFrame({name: _floats(table.column(name)) for name in ("price", "size")})
        # The wrangler takes True for a buyer (1), whatever its column of the same origin says.
        frame["aggressor_side"] = table.column("aggressor_side").to_numpy() == 1
        frame["trade_id"] = table.column("trade_id").to_numpy()
        frame["ts_event"] = pd.to_datetime(table.column("ts_event").to_numpy(), utc=True)
        trades = wrangler.from_pandas(frame)
        made = ArrowSerializer.serialize_batch(trades, nautilus_pyo3.TradeTick).combine_chunks()
        return made.cast(flat(stored, made.schema))

    return encode


def _supported_prices(
    definition: Definition, data_cls: type[MarkPriceUpdate | IndexPriceUpdate]
) -> Encoder:
    identifier = InstrumentId.from_str(definition.identifier)

    def encode(table: pa.Table) -> pa.Table:
        rows = zip(table["close_decimal"].to_pylist(), table["ts_event"].to_pylist(), strict=True)
        updates = [
            data_cls(identifier, Price.from_str(f"{close:.{PRICE_UPDATE_DECIMALS}f}"), ts, ts)
            for close, ts in rows
        ]
        return ArrowSerializer.serialize_batch(updates, data_cls).combine_chunks()

    return encode


def _floats(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy())


def _supported_funding(definition: Definition) -> Encoder:
    identifier = InstrumentId.from_str(definition.identifier)

    def encode(table: pa.Table) -> pa.Table:
        updates = [
            FundingRateUpdate(
                identifier,
                Decimal(row["rate_text"]),
                row["ts_event"],
                row["ts_event"],
                row["minutes"],
            )
            for row in table.to_pylist()
        ]
        return ArrowSerializer.serialize_batch(updates, FundingRateUpdate).combine_chunks()

    return encode
