"""The heatmap's cells: what was kept of the map's densities, cut to a window and to prices."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from liq_nautilus.data.frames import Frame
from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.queries.derived.day_record import MODELS
from liq_nautilus.times import interval_ns
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.nautilus.catalog.inventory import Catalog
    from liq_nautilus.queries.derived.kept_map import KeptMap

    type BoolArray = np.ndarray[tuple[int], np.dtype[np.bool_]]
    type TimeArray = np.ndarray[tuple[int], np.dtype[np.int64]]

# Beyond the prices traded so much of the price is shown, where no other prices are asked for.
_REACH: Final = 0.1
_IN_MEMORY: Final = 2_000


@dataclass(frozen=True, slots=True)
class Ask:
    """
    What cells are asked for.

    Attributes
    ----------
    start_ns, end_ns : int
        The window (UTC ns, end exclusive).
    step_ns : int
        The distance of columns.
    price_low, price_high : float or None
        The prices (quote per base unit).
    rows : int
        At most so many buckets.

    """

    start_ns: int
    end_ns: int
    step_ns: int
    price_low: float | None
    price_high: float | None
    rows: int


class Cells(NamedTuple):
    """Columns' times (UTC ns), rows' middles (quote), their width, and the notional in each."""

    ts: TimeArray
    prices: FloatArray
    step: float
    volume: FloatArray


class _Day(NamedTuple):
    # One model's kept columns of a day: cells of all of them, one after another.
    ts: TimeArray
    is_valid: BoolArray
    reference: FloatArray
    first: TimeArray
    offsets: TimeArray
    volume: np.ndarray[tuple[int], np.dtype[np.float32]]
    width: float


def densities(kept: KeptMap, model: str, ask: Ask) -> Cells:
    """
    Return a model's densities over a window of time and prices.

    Parameters
    ----------
    kept : KeptMap
        The map's history.
    model : str
        Whose map.
    ask : Ask
        The window.

    Raises
    ------
    DataGapError
        If no map is known in the window.

    """
    first_ns = -(-ask.start_ns // ask.step_ns) * ask.step_ns
    ts = np.arange(first_ns, ask.end_ns, ask.step_ns, dtype=np.int64)
    days = [
        _read_day(path, model)
        for path in kept.density_files(ask.start_ns, ask.end_ns - 1, ask.step_ns)
    ]
    days = [day for day in days if day.ts.size]
    if not any(_chosen(day, ask).any() for day in days):
        msg = (
            f"{kept.basis.catalog} must hold open interest of {kept.basis.symbol} from "
            f"{iso(ask.start_ns)} to {iso(ask.end_ns)}, there was none; choose another window"
        )
        raise DataGapError(msg)
    width = next(day.width for day in days if math.isfinite(day.width))
    first, n_buckets = _shown_buckets(days, ask, width)
    per_row = max(1, math.ceil(n_buckets / ask.rows))
    n_rows = math.ceil(n_buckets / per_row)
    volume = np.full((ts.size, n_rows), np.nan)
    for day in days:
        chosen = np.flatnonzero(_chosen(day, ask))
        columns = (day.ts[chosen] - first_ns) // ask.step_ns
        volume[columns] = _rows(day, chosen, first, (n_rows, per_row))
    step = width * per_row
    prices = np.asarray(first * width + step * (np.arange(n_rows) + 0.5), dtype=np.float64)
    return Cells(ts, prices, step, volume)


def _chosen(day: _Day, ask: Ask) -> BoolArray:
    inside = (day.ts >= ask.start_ns) & (day.ts < ask.end_ns)
    chosen: BoolArray = inside & (day.ts % ask.step_ns == 0) & day.is_valid
    return chosen


def _shown_buckets(days: list[_Day], ask: Ask, width: float) -> tuple[int, int]:
    # The first bucket that is shown, and how many.
    prices = np.concatenate([day.reference[_chosen(day, ask)] for day in days])
    low = prices.min() * (1.0 - _REACH) if ask.price_low is None else ask.price_low
    high = prices.max() * (1.0 + _REACH) if ask.price_high is None else ask.price_high
    if high <= low:
        low, high = min(low, high) * (1.0 - _REACH), max(low, high)
    first = math.floor(low / width)
    # No more than a map can hold, whatever is asked for.
    return first, min(max(1, math.ceil(high / width) - first), 100_000)


def _rows(
    day: _Day, chosen: npt.NDArray[np.int64], first: int, size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    # The cells of the chosen columns, as so many rows of so many buckets each from `first` on.
    n_rows, per_row = size
    n_cells = day.offsets[chosen + 1] - day.offsets[chosen]
    begins = np.cumsum(n_cells) - n_cells
    within = np.arange(n_cells.sum()) - np.repeat(begins, n_cells)
    row = (np.repeat(day.first[chosen], n_cells) + within - first) // per_row
    cell = np.repeat(np.arange(chosen.size), n_cells) * n_rows + row
    inside = (row >= 0) & (row < n_rows)
    weights = day.volume[np.repeat(day.offsets[chosen], n_cells) + within][inside]
    found = np.bincount(cell[inside], weights=weights, minlength=chosen.size * n_rows)
    return found.reshape(chosen.size, n_rows)


class _Memory:
    # The days last read, in this process, by what tells a replaced file.
    def __init__(self) -> None:
        self._days: OrderedDict[tuple[str, int, int, str], _Day] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[str, int, int, str]) -> _Day | None:
        with self._lock:
            day = self._days.get(key)
            if day is not None:
                self._days.move_to_end(key)
            return day

    def put(self, key: tuple[str, int, int, str], day: _Day) -> None:
        with self._lock:
            self._days[key] = day
            while len(self._days) > _IN_MEMORY:
                self._days.popitem(last=False)


_MEMORY: Final = _Memory()


def _read_day(path: Path, model: str) -> _Day:
    try:
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_ino, model)
        day = _MEMORY.get(key)
        if day is None:
            day = _day_of(pq.ParquetFile(path), model)
            _MEMORY.put(key, day)
    except (OSError, pa.ArrowException) as e:
        msg = f"{path} must stay while it is read, it did not: {e}; ask again"
        raise StoreError(msg) from e
    return day


def _day_of(file: pq.ParquetFile, model: str) -> _Day:
    # A row group per model; none where the day has no column.
    number = MODELS.index(model)
    is_there = number < file.num_row_groups
    table = file.read_row_group(number) if is_there else file.schema_arrow.empty_table()
    table = table.combine_chunks()
    lists = table["volume"].combine_chunks()
    widths = np.asarray(table["width"].to_numpy())
    known = widths[np.isfinite(widths)]
    return _Day(
        table["ts"].to_numpy(),
        np.asarray(table["is_valid"].to_numpy(zero_copy_only=False), dtype=np.bool_),
        table["reference_price"].to_numpy(),
        table["first_bucket"].to_numpy(),
        np.asarray(lists.offsets.to_numpy(), dtype=np.int64),
        lists.values.to_numpy(),
        float(known[0]) if known.size else math.nan,
    )


def candles(catalog: Catalog, symbol: str, ts: TimeArray, step_ns: int, end_ns: int) -> FloatArray:
    """
    Return the path of the price in each column of a heatmap.

    Parameters
    ----------
    catalog : Catalog
        The Parquet catalog.
    symbol : str
        Binance's name.
    ts : ndarray of shape (n_times,)
        The columns' beginnings (UTC ns).
    step_ns : int
        Their length.
    end_ns : int
        Where the last one ends at the latest (UTC ns).

    Returns
    -------
    ndarray of shape (n_candles, 5)
        Time (UTC ns), open, high, low and close; columns without bars are left out.

    """
    if not ts.size:
        return np.zeros((0, 5))
    bars = _fitting_bars(catalog, symbol, (int(ts[0]), end_ns), step_ns)
    opened = np.asarray(bars["ts_open"], dtype=np.int64)
    column = (opened - int(ts[0])) // step_ns
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    if not starts.size:
        return np.zeros((0, 5))
    prices = {name: np.asarray(bars[name], dtype=np.float64) for name in _PRICES}
    ends = np.append(starts[1:], column.size) - 1
    return np.column_stack(
        [
            ts[0] + column[starts] * step_ns,
            prices["open"][starts],
            np.maximum.reduceat(prices["high"], starts),
            np.minimum.reduceat(prices["low"], starts),
            prices["close"][ends],
        ]
    )


_PRICES: Final = ("open", "high", "low", "close")


def _fitting_bars(catalog: Catalog, symbol: str, window: tuple[int, int], step_ns: int) -> Frame:
    # The coarsest bars that fill columns whole, of those that cover the window best.
    own = catalog.intervals(BARS, symbol, *window)
    fitting = [i for i in own if 0 < interval_ns(i) <= step_ns and step_ns % interval_ns(i) == 0]
    best = Frame({name: np.zeros(0) for name in ("ts_open", *_PRICES)})
    covered = 0
    for interval in reversed(fitting):
        bars = read(catalog, BARS, symbol, *window, interval=interval, required=False)
        if len(bars) * interval_ns(interval) > covered:
            covered, best = len(bars) * interval_ns(interval), bars
    return best
