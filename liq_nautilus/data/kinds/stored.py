"""
A type of the catalog: which columns are read from its Parquet files, its quality, its events.

Here stands what is known of a type without Nautilus: its name, from which the folder follows, and
how its columns become numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from liq_nautilus.data.columns import numbers
from liq_nautilus.data.columns import single

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator

    import numpy.typing as npt

    from liq_nautilus.core.feed import Event
    from liq_nautilus.data.frames import Frame
    from liq_nautilus.data.quality_rules import Samples

    type Decoder = Callable[[pa.ChunkedArray, dict[bytes, bytes]], npt.NDArray[Any]]
    type SampleRule = Callable[[Frame, str], Samples]
    type EventRule = Callable[[Frame, EventOptions], Iterator[Event]]

RAW_BYTES: Final = 16  # of a price or quantity in the catalog
_RAW_PLACES: Final = 16
_USUAL_CHUNK_DAYS: Final = 5.0


class EventOptions(NamedTuple):
    """
    What events are made by.

    Attributes
    ----------
    delay_ns : int
        How long after its stamp open interest is known (ns).
    large_trade_notional : float
        Smaller trades open no level of any model: they are no events (quote currency).
    symbol : str
        Binance's name, by which quantities are base units or contracts.

    """

    delay_ns: int
    large_trade_notional: float
    symbol: str = ""


class Field(NamedTuple):
    """A column that is read: its name there and in the catalog, and how it becomes numbers."""

    name: str
    column: str
    decode: Decoder
    dtype: type = np.float64

    def empty(self) -> npt.NDArray[Any]:
        """Return the column without rows."""
        return np.zeros(0, dtype=self.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class StoredType:
    """
    A type of the catalog.

    Attributes
    ----------
    name : str
        The name of its class, of Nautilus or of `liq_nautilus.nautilus.types`.
    what : str
        The words for it in messages.
    kind : str
        How `quality` names its series, such as "metrics"; empty for what is not listed by itself.
    fields : tuple of Field
        What reading it gives, beside the times.
    samples : callable, optional
        Its quality rule: what is judged of a stretch, given the interval.
    events : callable, optional
        What the map is told of a stretch; None where the map does not know the type.
    is_needed : bool
        Whether there is no map without it.
    is_own : bool
        Whether the class is one of this project.
    closes_before_ns : int, optional
        For types whose rows stand for an interval: how long before its end a row is stamped
        (a millisecond for bars); None for moments.
    keys : tuple of str
        The columns which, with `ts_init`, name a row.
    unique : str, optional
        The key that may not repeat at another time either.
    is_daily : bool
        Whether new files hold a day, else a month.
    has_one_source : bool
        Whether its series must come from one kind of file: another would count everything twice.
    gap_ns : int
        For rows that come as they come and in great numbers: a silence this long is a gap; 0 where
        the quality rule sees every row.
    stands_in_for : str
        The type which is worth more: of both together only that one makes events.
    chunk_days : float
        How much of it a backtest holds in memory at once.

    """

    name: str
    what: str
    kind: str = ""
    fields: tuple[Field, ...] = ()
    samples: SampleRule | None = None
    events: EventRule | None = None
    is_needed: bool = False
    is_own: bool = True
    closes_before_ns: int | None = None
    keys: tuple[str, ...] = ()
    unique: str | None = None
    is_daily: bool = False
    has_one_source: bool = False
    gap_ns: int = 0
    stands_in_for: str = ""
    chunk_days: float = _USUAL_CHUNK_DAYS

    @property
    def has_interval(self) -> bool:
        """Return whether its rows stand for intervals."""
        return self.closes_before_ns is not None

    @property
    def has_interval_column(self) -> bool:
        """Return whether a column states the interval; Nautilus's bars have it in the folder."""
        return self.has_interval and self.is_own


def floats(*names: str) -> tuple[Field, ...]:
    """Return columns that hold floats."""
    return tuple(Field(name, name, _floats) for name in names)


def prices(*names: str) -> tuple[Field, ...]:
    """Return columns that hold Nautilus prices."""
    return tuple(Field(name, name, _prices) for name in names)


def quantity(name: str, column: str) -> Field:
    """Return a column that holds Nautilus quantities."""
    return Field(name, column, _quantities)


def whole(name: str, column: str = "") -> Field:
    """Return a column that holds whole numbers."""
    return Field(name, column or name, _whole_numbers, np.int64)


def texts(*names: str) -> tuple[Field, ...]:
    """Return columns that hold texts."""
    return tuple(Field(name, name, _texts, np.object_) for name in names)


def decimals_of_raw(column: pa.ChunkedArray) -> pa.Array:
    """Return Nautilus's raw fixed-point bytes as decimals of 16 places, without copying."""
    array = single(column)
    buffers = [None, array.buffers()[1]]
    kind = pa.decimal128(38, _RAW_PLACES)
    return pa.Array.from_buffers(kind, len(array), buffers, offset=array.offset)


def coded_texts(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return a column of texts as numbers of a list of different texts."""
    encoded = single(column).dictionary_encode()
    return numbers(encoded.indices).astype(np.int64), encoded.dictionary.to_pylist()


def _floats(column: pa.ChunkedArray, _: dict[bytes, bytes]) -> npt.NDArray[np.float64]:
    return numbers(column).astype(np.float64, copy=False)


def _whole_numbers(column: pa.ChunkedArray, _: dict[bytes, bytes]) -> npt.NDArray[np.int64]:
    return numbers(column).astype(np.int64, copy=False)


def _texts(column: pa.ChunkedArray, _: dict[bytes, bytes]) -> npt.NDArray[np.object_]:
    codes, known = coded_texts(column)
    return np.array(known, dtype=object)[codes]


def _prices(column: pa.ChunkedArray, metadata: dict[bytes, bytes]) -> npt.NDArray[np.float64]:
    return _raw_floats(column, int(metadata.get(b"price_precision", 0)))


def _quantities(column: pa.ChunkedArray, metadata: dict[bytes, bytes]) -> npt.NDArray[np.float64]:
    return _raw_floats(column, int(metadata.get(b"size_precision", 0)))


def _raw_floats(column: pa.ChunkedArray, decimals: int) -> npt.NDArray[np.float64]:
    # Through whole numbers of the smallest step: the nearest float of the decimal comes out.
    values = pc.cast(decimals_of_raw(column), pa.decimal128(38, decimals))
    buffer = values.buffers()[1]
    if buffer is None or not len(values):
        return np.zeros(0)
    steps = np.frombuffer(buffer, dtype=np.int64)[::2][values.offset : values.offset + len(values)]
    return np.asarray(steps / 10.0**decimals)
