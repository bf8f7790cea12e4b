"""
What a catalog holds, as numpy columns: neither Nautilus nor pandas is needed.

Times are UTC nanoseconds (int64). A window [start_ns, end_ns) takes rows by their time, and
intervals that lie in it whole. Every read makes sure that rows came back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.data.frames import Frame
from liq_nautilus.data.columns import numbers
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.catalog.stored_files import rows_inside
from liq_nautilus.times import interval_ns
from liq_nautilus.times import opened_at

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from liq_nautilus.data.kinds import StoredType
    from liq_nautilus.nautilus.catalog.inventory import Catalog


def read(
    catalog: Catalog,
    stored: StoredType,
    symbol: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    interval: str = "",
    required: bool = True,
) -> Frame:
    """
    Return the rows of a window, in time order.

    Parameters
    ----------
    catalog : Catalog
        Where they are.
    stored : StoredType
        Of which type; its declaration in `liq_nautilus.data.kinds` names the columns.
    symbol : str
        Binance's symbol.
    start_ns, end_ns : int, optional
        The window in UTC nanoseconds, end exclusive.
    interval : str, optional
        Such as "5m"; needed for bars, for other types with intervals all are read without it.
    required : bool
        Whether it is an error when there are no rows; else the frame is empty.

    Returns
    -------
    Frame
        The type's columns behind `ts`; types with intervals have `ts_open` and `ts_close` instead,
        the latter as the catalog stamps rows.

    Raises
    ------
    DataGapError
        If rows are required and there are none.
    StoreError
        If a file is damaged.

    """
    # What ends with the window is stamped with its end where stamps are exclusive.
    last_ns = end_ns if end_ns is None or stored.closes_before_ns != 0 else end_ns + 1
    in_column = stored.has_interval_column
    frames = []
    for file in catalog.files(stored, symbol, "" if in_column else interval, start_ns, last_ns):
        table = file.read(_columns(stored), start_ns, last_ns)
        inside = rows_inside(table, start_ns, last_ns, interval if in_column else "")
        if inside.any():
            frame = _frame(stored, table, interval)
            frames.append(frame if inside.all() else frame.where(inside))
    frame = _joined(frames) if frames else _empty(stored)
    if stored.has_interval and start_ns is not None:
        frame = frame.where(frame["ts_open"] >= start_ns)
    if required and not len(frame):
        what = f"{stored.what} of {interval}" if interval else stored.what
        msg = (
            f"{catalog.path} must hold {what} of {symbol} in the window asked for, there were "
            "none; ingest such files or choose another window"
        )
        raise DataGapError(msg)
    return frame


def _columns(stored: StoredType) -> list[str]:
    names = {"ts_event", "ts_init", *(field.column for field in stored.fields)}
    if stored.has_interval_column:
        names.add("interval")
    return sorted(names)


def _frame(stored: StoredType, table: pa.Table, interval: str) -> Frame:
    metadata = table.schema.metadata or {}
    ts = numbers(table["ts_event"]).astype(np.int64)
    columns: dict[str, npt.NDArray[Any]] = {"ts": ts}
    if stored.closes_before_ns is not None:
        intervals = [interval] if interval else table["interval"].to_pylist()
        opened = _opened(ts + stored.closes_before_ns, intervals)
        columns = {"ts_open": opened, "ts_close": ts}
    for field in stored.fields:
        columns[field.name] = field.decode(table[field.column], metadata)
    return Frame(columns)


def _opened(ends: npt.NDArray[np.int64], intervals: list[str]) -> npt.NDArray[np.int64]:
    # When the intervals began; one interval stands for all.
    lengths = np.asarray([interval_ns(interval) for interval in intervals], dtype=np.int64)
    if lengths.all():
        return ends - lengths
    each = intervals if len(intervals) == len(ends) else intervals * len(ends)
    return np.asarray(
        [opened_at(int(end), one) for end, one in zip(ends, each, strict=True)], dtype=np.int64
    )


def _joined(frames: list[Frame]) -> Frame:
    if len(frames) == 1:
        return frames[0]
    return Frame({name: np.concatenate([frame[name] for frame in frames]) for name in frames[0]})


def _empty(stored: StoredType) -> Frame:
    times = ("ts_open", "ts_close") if stored.has_interval else ("ts",)
    columns: dict[str, npt.NDArray[Any]] = {name: np.zeros(0, dtype=np.int64) for name in times}
    for field in stored.fields:
        columns[field.name] = field.empty()
    return Frame(columns)
