"""How custom data becomes Arrow columns and comes back: the base of all types of `types.py`."""

# No `from __future__ import annotations`: field annotations are read as types at import time.

from collections.abc import Iterable
from dataclasses import fields
from itertools import pairwise
from typing import Any
from typing import ClassVar
from typing import Final
from typing import Self
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from nautilus_trader.core.data import Data
from nautilus_trader.model.data import DataType
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.serialization.arrow.serializer import register_arrow
from nautilus_trader.serialization.base import register_serializable_type

from liq_nautilus.core.records import Action
from liq_nautilus.errors import StoreError

SCHEMA_VERSION: Final = 2

FloatArray = npt.NDArray[np.float64]
SideArray = npt.NDArray[np.int8]

_ARROW_TYPES: Final[dict[Any, pa.DataType]] = {
    InstrumentId: pa.string(),
    str: pa.string(),
    Action: pa.string(),
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
    # Parquet calls the items "element": named so, a file's schema is the declared one.
    FloatArray: pa.list_(pa.field("element", pa.float64())),
    SideArray: pa.list_(pa.field("element", pa.int8())),
}
_TIME_FIELDS: Final = ("ts_event", "ts_init")


def data_type(data_cls: type, instrument_id: InstrumentId) -> DataType:
    """
    Return the type of one instrument's custom data, as `CustomData` that is fed to an engine.

    To subscribe, use ``subscribe_data(DataType(data_cls), instrument_id=instrument_id)``.
    """
    return DataType(data_cls, metadata={"instrument_id": str(instrument_id)})


class CustomRecord(Data):  # type: ignore[misc, unused-ignore]
    """
    The base of all custom data: Arrow columns from the dataclass fields, and back.

    Subclasses are frozen dataclasses with slots, which end in `ts_event` and `ts_init`
    (UTC nanoseconds: when it happened, and when it could be known).
    """

    __slots__ = ()

    instrument_id: InstrumentId
    _schema: ClassVar[pa.Schema]

    @classmethod
    def arrow_schema(cls) -> pa.Schema:
        """Return the Arrow schema of the type's Parquet files."""
        return cls._schema

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: lists for arrays, text for the instrument, the schema version."""
        values: dict[str, Any] = {"type": type(self).__name__, "schema_version": SCHEMA_VERSION}
        for field in fields(cast("Any", self)):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value = value.tolist()
            elif isinstance(value, InstrumentId):
                value = value.value
            values[field.name] = value
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """
        Return the datum of `to_dict`.

        Raises
        ------
        StoreError
            If it was made under another schema version.

        """
        _check_version(cls, values.get("schema_version", SCHEMA_VERSION))
        arguments = {
            field.name: _to_python(field.type, values[field.name])
            for field in fields(cast("Any", cls))
        }
        return cls(**arguments)

    @classmethod
    def encode(cls, data: "Self | list[Self]") -> pa.RecordBatch:
        """Return one datum, or a list of them, as an Arrow record batch."""
        items = data if isinstance(data, list) else [data]
        columns = [
            _to_arrow(field, [getattr(x, field.name) for x in items]) for field in cls._schema
        ]
        return pa.RecordBatch.from_arrays(columns, schema=cls._schema)

    @classmethod
    def decode(cls, table: pa.Table | pa.RecordBatch) -> list[Self]:
        """
        Return the data of an Arrow table or record batch.

        Raises
        ------
        StoreError
            If it was written under another schema version, or lacks a column.

        """
        metadata = table.schema.metadata or {}
        _check_version(cls, int(metadata.get(b"schema_version", SCHEMA_VERSION)))
        lacking = sorted(set(cls._schema.names) - set(table.schema.names))
        if lacking:
            msg = (
                f"stored {cls.__name__} must have {', '.join(lacking)}, had not; write the catalog "
                "again with this version of liq-nautilus"
            )
            raise StoreError(msg)
        columns = [
            _from_arrow(field.type, table.column(field.name)) for field in fields(cast("Any", cls))
        ]
        return [cls(*values) for values in zip(*columns, strict=True)]


def _check_version(cls: type, version: int) -> None:
    if version != SCHEMA_VERSION:
        msg = (
            f"the schema version of {cls.__name__} must be {SCHEMA_VERSION}, was {version}; "
            "write the catalog again with this version of liq-nautilus"
        )
        raise StoreError(msg)


def _to_python(kind: Any, value: Any) -> Any:  # noqa: ANN401 - values of any column
    if kind is InstrumentId:
        return InstrumentId.from_str(value)
    if kind is FloatArray:
        return np.asarray(value, dtype=np.float64)
    if kind is SideArray:
        return np.asarray(value, dtype=np.int8)
    return value


def _to_arrow(field: pa.Field, values: list[Any]) -> pa.Array:
    if pa.types.is_list(field.type):
        dtype = field.type.value_type.to_pandas_dtype()
        arrays = [np.asarray(value, dtype=dtype) for value in values]
        offsets = np.zeros(len(arrays) + 1, dtype=np.int32)
        np.cumsum([len(array) for array in arrays], out=offsets[1:])
        flat = np.concatenate(arrays) if arrays else np.zeros(0, dtype=dtype)
        items = pa.array(flat, type=field.type.value_type)
        return pa.ListArray.from_arrays(offsets, items, type=field.type)
    if field.name == "instrument_id":
        values = [value.value for value in values]
    return pa.array(values, type=field.type)


def _from_arrow(kind: Any, column: pa.Array | pa.ChunkedArray) -> Iterable[Any]:  # noqa: ANN401 - values of any column
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if kind is InstrumentId:
        encoded = array.dictionary_encode()
        known = [InstrumentId.from_str(value) for value in encoded.dictionary.to_pylist()]
        return [known[i] for i in encoded.indices.to_pylist()]
    if kind in (FloatArray, SideArray):
        flat = array.values.to_numpy(zero_copy_only=True)
        offsets = array.offsets.to_pylist()
        return [flat[i:j] for i, j in pairwise(offsets)]
    return cast("list[Any]", array.to_pylist())


def register[T: CustomRecord](cls: type[T]) -> type[T]:
    """Declare the Arrow schema of a type from its fields and make it known to Nautilus."""
    columns = [
        pa.field(
            field.name,
            pa.uint64() if field.name in _TIME_FIELDS else _ARROW_TYPES[field.type],
            nullable=False,
        )
        for field in fields(cast("Any", cls))
    ]
    cls._schema = pa.schema(
        columns, metadata={"type": cls.__name__, "schema_version": str(SCHEMA_VERSION)}
    )
    register_serializable_type(cls, cls.to_dict, cls.from_dict)
    register_arrow(cls, cls.arrow_schema(), cls.encode, cls.decode, cls.encode)
    return cls
