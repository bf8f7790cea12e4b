"""Which series of the catalog each kind of file feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from nautilus_trader.model.data import BarType
from nautilus_trader.model.data import IndexPriceUpdate
from nautilus_trader.model.data import MarkPriceUpdate

from liq_nautilus.errors import SchemaError
from liq_nautilus.nautilus.catalog.encoding import Target
from liq_nautilus.nautilus.catalog.encoding import bar_target
from liq_nautilus.nautilus.catalog.encoding import funding_target
from liq_nautilus.nautilus.catalog.encoding import price_update_target
from liq_nautilus.nautilus.catalog.encoding import trade_target
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.types import BookDepth
from liq_nautilus.nautilus.types import CustomRecord
from liq_nautilus.nautilus.types import IndexPriceBar
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.nautilus.types import LiquidationVolume
from liq_nautilus.nautilus.types import MarkPriceBar
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.nautilus.types import PremiumIndexBar
from liq_nautilus.nautilus.types import TakerVolume

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.model.instruments import CryptoPerpetual

    type Encoder = Callable[[pa.Table], pa.Table]

# Who was summed over does not stand in the files of liquidation bars.
AGGREGATED_SOURCE: Final = "aggregated"
_AGGREGATIONS: Final = {
    "s": "SECOND",
    "m": "MINUTE",
    "h": "HOUR",
    "d": "DAY",
    "w": "WEEK",
    "mo": "MONTH",
}
_BAR_CLASSES: Final[dict[str, type[CustomRecord]]] = {
    "markPriceKlines": MarkPriceBar,
    "indexPriceKlines": IndexPriceBar,
    "premiumIndexKlines": PremiumIndexBar,
}
_LISTS: Final = ("percentage", "depth", "notional")


def bar_type(symbol: str, interval: str) -> BarType:
    """
    Return the type of a symbol's external bars of last prices.

    Raises
    ------
    SchemaError
        If Nautilus has no such bars.

    Examples
    --------
    >>> str(bar_type("BTCUSDT", "5m"))
    'BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL'

    """
    step = interval.rstrip("smhdwo")
    aggregation = _AGGREGATIONS[interval.removeprefix(step)]
    text = f"{instrument_id(symbol)}-{step}-{aggregation}-LAST-EXTERNAL"
    try:
        return BarType.from_str(text)
    except ValueError as e:
        msg = f"bars of {interval} must be known to Nautilus, {e}; leave these files out"
        raise SchemaError(msg) from e


def targets_of(kind: str, interval: str, instrument: CryptoPerpetual) -> tuple[Target, ...]:
    """
    Return the series a kind of file feeds; the first holds every row of it.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    interval : str
        Such as "5m"; empty for kinds without one.
    instrument : CryptoPerpetual
        The instrument of the file's symbol.

    """
    if kind == "klines":
        bars = bar_target(instrument, bar_type(str(instrument.raw_symbol), interval))
        return bars, _custom_target(TakerVolume, instrument, _taker_volume(interval), ("interval",))
    if kind in _BAR_CLASSES:
        bars = _custom_target(_BAR_CLASSES[kind], instrument, _with(interval), ("interval",))
        updates = {"markPriceKlines": MarkPriceUpdate, "indexPriceKlines": IndexPriceUpdate}
        if kind not in updates:
            return (bars,)
        return bars, price_update_target(instrument, updates[kind])
    if kind in {"aggTrades", "trades"}:
        return (trade_target(instrument),)
    if kind == "fundingRate":
        return (funding_target(instrument),)
    return (_plain_target(kind, interval, instrument),)


def _plain_target(kind: str, interval: str, instrument: CryptoPerpetual) -> Target:
    if kind == "metrics":
        return _custom_target(OpenInterest, instrument, _nulls_as_nan)
    if kind == "liquidationSnapshot":
        keys = ("position_side", "quantity", "bankruptcy_price", "average_price")
        return _custom_target(LiquidationOrder, instrument, _unchanged, keys)
    if kind == "liquidations":
        encode = _with(interval, source=AGGREGATED_SOURCE)
        return _custom_target(LiquidationVolume, instrument, encode, ("interval", "source"))
    return _book_depth_target(instrument)


def _custom_target(
    data_cls: type[CustomRecord],
    instrument: CryptoPerpetual,
    prepare: Encoder,
    keys: tuple[str, ...] = (),
) -> Target:
    schema = data_cls.arrow_schema()

    def encode(table: pa.Table) -> pa.Table:
        return _to_schema(prepare(table), schema, str(instrument.id))

    return Target(data_cls, str(instrument.id), schema, encode, keys, repetitive=_texts_of(schema))


def _texts_of(schema: pa.Schema) -> tuple[str, ...]:
    # Floats hardly repeat: a dictionary of them costs time and space.
    return tuple(field.name for field in schema if pa.types.is_string(field.type))


def _to_schema(table: pa.Table, schema: pa.Schema, identifier: str) -> pa.Table:
    arrays = []
    for field in schema:
        if field.name == "instrument_id":
            arrays.append(_repeated(identifier, table.num_rows))
        else:
            column = "ts_event" if field.name == "ts_init" else field.name
            arrays.append(pc.cast(table.column(column).combine_chunks(), field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _repeated(text: str, n: int) -> pa.Array:
    codes = pa.array(np.zeros(n, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(codes, pa.array([text])).cast(pa.string())


def _unchanged(table: pa.Table) -> pa.Table:
    return table


def _nulls_as_nan(table: pa.Table) -> pa.Table:
    columns = [
        pc.fill_null(column, float("nan")) if pa.types.is_floating(column.type) else column
        for column in table.columns
    ]
    return pa.table(columns, names=table.column_names)


def _with(interval: str, **texts: str) -> Encoder:
    def prepare(table: pa.Table) -> pa.Table:
        for name, text in {"interval": interval, **texts}.items():
            table = table.append_column(name, _repeated(text, table.num_rows))
        return table

    return prepare


def _taker_volume(interval: str) -> Encoder:
    # Files whose source had no taker columns hold zeros there: such rows say nothing.
    def prepare(table: pa.Table) -> pa.Table:
        is_known = pc.or_(
            pc.greater(table["quote_volume"], 0),
            pc.or_(pc.greater(table["n_trades"], 0), pc.greater(table["taker_buy_volume"], 0)),
        )
        known = table if pc.all(is_known).as_py() else table.filter(is_known)
        bought = known["taker_buy_volume"]
        columns = {
            "buy_volume": bought,
            "sell_volume": pc.max_element_wise(pc.subtract(known["volume_float"], bought), 0.0),
            "quote_volume": known["quote_volume"],
            "n_trades": known["n_trades"],
            "ts_event": known["ts_event"],
        }
        return _with(interval)(pa.table(columns))

    return prepare


def _book_depth_target(instrument: CryptoPerpetual) -> Target:
    # Flat, one row per percentage, until a file is written: one datum per time then.
    file_schema = BookDepth.arrow_schema()
    fields = [
        pa.field(field.name, pa.float64()) if field.name in _LISTS else field
        for field in file_schema
    ]
    flat_schema = pa.schema(fields)

    def encode(table: pa.Table) -> pa.Table:
        return _to_schema(table, flat_schema, str(instrument.id))

    def to_file(table: pa.Table) -> pa.Table:
        return _grouped(table, file_schema)

    def from_file(table: pa.Table) -> pa.Table:
        return _exploded(table, flat_schema)

    return Target(
        BookDepth,
        str(instrument.id),
        file_schema,
        encode,
        keys=("percentage",),
        is_daily=True,
        streams=False,
        to_file=to_file,
        from_file=from_file,
        repetitive=_texts_of(file_schema),
    )


def _grouped(table: pa.Table, schema: pa.Schema) -> pa.Table:
    table = table.combine_chunks()
    ts = table.column("ts_init").to_numpy()
    starts = np.flatnonzero(np.diff(ts, prepend=ts[:1] + 1))
    offsets = pa.array(np.append(starts, len(ts)).astype(np.int32))
    firsts = table.take(pa.array(starts))
    arrays = [
        pa.ListArray.from_arrays(
            offsets, table.column(field.name).combine_chunks(), type=field.type
        )
        if field.name in _LISTS
        else firsts.column(field.name).combine_chunks()
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _exploded(table: pa.Table, schema: pa.Schema) -> pa.Table:
    table = table.combine_chunks()
    rows = pc.list_parent_indices(table.column("percentage").combine_chunks())
    arrays = [
        pc.list_flatten(table.column(field.name).combine_chunks())
        if field.name in _LISTS
        else table.column(field.name).combine_chunks().take(rows)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
