"""How each kind of file becomes series of the catalog: the table of kinds, met with Nautilus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from nautilus_trader.model import data as nautilus_data

from liq_nautilus.data.kinds import KINDS
from liq_nautilus.nautilus import types
from liq_nautilus.nautilus.catalog.encoding import NAUTILUS_ENCODINGS
from liq_nautilus.nautilus.catalog.encoding import Target
from liq_nautilus.nautilus.catalog.encoding import repeated

if TYPE_CHECKING:
    from nautilus_trader.model.instruments import CryptoPerpetual

    from liq_nautilus.data.kinds import StoredType
    from liq_nautilus.data.kinds.schema import Feeds
    from liq_nautilus.nautilus.types import CustomRecord


def class_of(stored: StoredType) -> type:
    """
    Return the Nautilus class of a type.

    Examples
    --------
    >>> from liq_nautilus.data.kinds import STORED_TYPES
    >>> class_of(STORED_TYPES["Bar"]).__name__, class_of(STORED_TYPES["OpenInterest"]).__module__
    ('Bar', 'liq_nautilus.nautilus.types')

    """
    found: type = getattr(types if stored.is_own else nautilus_data, stored.name)
    return found


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
    return tuple(
        _own_target(feeds, interval, instrument)
        if feeds.stored.is_own
        else NAUTILUS_ENCODINGS[feeds.stored.name](feeds.stored, interval, instrument)
        for feeds in KINDS[kind].feeds
    )


def _own_target(feeds: Feeds, interval: str, instrument: CryptoPerpetual) -> Target:
    data_cls: type[CustomRecord] = class_of(feeds.stored)
    file_schema = data_cls.arrow_schema()
    # Lists are flat, one row per item, until a file is written: one datum per time then.
    lists = [field.name for field in file_schema if pa.types.is_list(field.type)]
    flat_schema = _flattened(file_schema) if lists else file_schema

    def encode(table: pa.Table) -> pa.Table:
        return _to_schema(feeds.prepare(table, interval), flat_schema, str(instrument.id))

    ways = (lambda rows: _grouped(rows, file_schema), lambda rows: _exploded(rows, flat_schema))
    return Target(
        feeds.stored,
        str(instrument.raw_symbol),
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
            column = "ts_event" if field.name == "ts_init" else field.name
            arrays.append(pc.cast(table.column(column).combine_chunks(), field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


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
