"""Published levels, one snapshot per update, laid on a regular grid of time and price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.times import MINUTE_NS

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    type FloatArray = npt.NDArray[np.float64]
    type IntArray = npt.NDArray[np.int64]

_STEPS_MINUTES: Final = (1, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440)
# A map is shown until the next one, but not beyond this many usual distances between updates:
# after that the picture must show that nothing was known.
_MAX_CARRY: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class HeatmapGrid:
    """
    Liquidation notional on a regular grid of time and price.

    Attributes
    ----------
    ts_start, ts_step : int
        The first column's left edge and the columns' width (UTC ns, ns).
    price_start, price_step : float
        The lowest row's lower edge and the rows' height (quote currency per base unit).
    notional : ndarray of shape (n_rows, n_columns)
        The mean over each column's snapshots of the notional inside each row (quote
        currency); NaN where no map was known.

    """

    ts_start: int
    ts_step: int
    price_start: float
    price_step: float
    notional: npt.NDArray[np.float32]

    @property
    def ts(self) -> IntArray:
        """The columns' centres (UTC ns), shape (n_columns,)."""
        columns = np.arange(self.notional.shape[1], dtype=np.int64)
        return self.ts_start + self.ts_step // 2 + self.ts_step * columns

    @property
    def price(self) -> FloatArray:
        """The rows' centres (quote currency per base unit), shape (n_rows,)."""
        rows = np.arange(self.notional.shape[0], dtype=np.float64)
        return self.price_start + self.price_step * (rows + 0.5)

    @property
    def densest(self) -> float:
        """The notional that gets the last colour: all but the densest 0.5 % lie below it."""
        known = self.notional[self.notional > 0]
        return float(np.quantile(known, 0.995)) if known.size else 1.0

    def coarsened(self, rows: int, columns: int) -> HeatmapGrid:
        """
        Return the same map with `rows` by `columns` cells made one.

        Notional adds up over price and is averaged over time. A last incomplete group
        keeps the cells it has.
        """
        summed = _pooled(self.notional, rows, axis=0, mean=False)
        return HeatmapGrid(
            ts_start=self.ts_start,
            ts_step=self.ts_step * columns,
            price_start=self.price_start,
            price_step=self.price_step * rows,
            notional=_pooled(summed, columns, axis=1, mean=True),
        )


def _pooled(
    values: npt.NDArray[np.float32], size: int, *, axis: int, mean: bool
) -> npt.NDArray[np.float32]:
    # Sum or mean of each `size` neighbours along an axis; NaN only where all of them are.
    starts = np.arange(0, values.shape[axis], size)
    known = np.isfinite(values)
    total = np.add.reduceat(np.where(known, values, 0.0), starts, axis=axis)
    count = np.add.reduceat(known.astype(np.int64), starts, axis=axis)
    total = np.where(count > 0, total, np.nan)
    return (total / np.maximum(count, 1) if mean else total).astype(np.float32)


def heatmap_grid(
    levels: pd.DataFrame,
    *,
    price_low: float,
    price_high: float,
    price_step: float | None = None,
    max_columns: int = 1500,
    max_rows: int = 300,
) -> HeatmapGrid | None:
    """
    Lay snapshots of levels on a regular grid.

    Parameters
    ----------
    levels : DataFrame
        Columns ts (UTC ns, the snapshot's time), price (quote currency per base unit) and
        notional (quote currency); rows of one model.
    price_low, price_high : float
        The range of prices to keep (quote currency per base unit).
    price_step : float, optional
        The width of the buckets that the levels were published in; rows are a multiple of
        it, so that no row holds more buckets than its neighbours. Default: a round step.
    max_columns, max_rows : int
        The largest grid.

    Returns
    -------
    HeatmapGrid or None
        None if no level lies in the range.

    """
    ts, price = levels["ts"].to_numpy(np.int64), levels["price"].to_numpy(np.float64)
    updates = np.unique(ts)
    if not np.any((price >= price_low) & (price < price_high)):
        return None
    spacing = int(np.median(np.diff(updates))) if updates.size > 1 else MINUTE_NS
    ts_step = _time_step(int(updates[-1] - updates[0]), spacing, max_columns)
    ts_start = int(updates[0]) // ts_step * ts_step
    step = _price_step(price_high - price_low, price_step, max_rows)
    start = math.floor(price_low / step) * step
    n_columns = (int(updates[-1]) - ts_start) // ts_step + 1
    n_rows = max(1, math.ceil((price_high - start) / step - 1e-9))
    row = np.floor((price - start) / step + 1e-9).astype(np.int64)
    inside = (row >= 0) & (row < n_rows)
    cell = row[inside] * n_columns + (ts[inside] - ts_start) // ts_step
    weights = levels["notional"].to_numpy(np.float64)[inside]
    total = np.bincount(cell, weights, minlength=n_rows * n_columns).reshape(n_rows, n_columns)
    snapshots = np.bincount((updates - ts_start) // ts_step, minlength=n_columns)
    mean = np.where(snapshots > 0, total / np.maximum(snapshots, 1), np.nan)
    limit = max(1, math.ceil(_MAX_CARRY * spacing / ts_step))
    return HeatmapGrid(ts_start, ts_step, start, step, _carried(mean, limit).astype(np.float32))


def _carried(values: FloatArray, limit: int) -> FloatArray:
    # Repeat each known column over at most `limit` unknown ones after it.
    columns = np.arange(values.shape[1])
    known = np.isfinite(values).any(axis=0)
    last = np.maximum.accumulate(np.where(known, columns, 0))
    carried = values[:, last]
    carried[:, columns - last > limit] = np.nan
    return carried


def _time_step(span: int, spacing: int, max_columns: int) -> int:
    # The smallest usual step that is not finer than the updates and fits the columns.
    least = max(spacing, math.ceil(span / max(1, max_columns - 1)))
    for minutes in _STEPS_MINUTES:
        if minutes * MINUTE_NS >= least:
            return minutes * MINUTE_NS
    return math.ceil(least / (1440 * MINUTE_NS)) * 1440 * MINUTE_NS


def _price_step(span: float, bucket: float | None, max_rows: int) -> float:
    # One row less than allowed, because the lowest row starts at a multiple of the step.
    least = span / max(1, max_rows - 1)
    if bucket is not None:
        return bucket * max(1, math.ceil(least / bucket - 1e-9))
    return round_step(least)


def round_step(least: float) -> float:
    """
    Return the smallest of 1, 2, 5 times a power of ten that is not below `least`.

    Examples
    --------
    >>> round_step(0.3), round_step(70.0)
    (0.5, 100.0)

    """
    power = 10.0 ** math.floor(math.log10(least))
    return float(next(k * power for k in (1, 2, 5, 10) if k * power >= least * (1 - 1e-9)))


def shown_prices(
    price: FloatArray,
    notional: FloatArray,
    *,
    low: float,
    high: float,
    share: float = 0.98,
    reach: float = 0.1,
) -> tuple[float, float]:
    """
    Return the range of prices worth showing.

    The central `share` of the notional, widened to hold the traded range with a margin
    and cut at `reach` beyond it, so that a few far levels do not press the map flat.

    Parameters
    ----------
    price, notional : ndarray of shape (n_levels,)
        The levels (quote currency per base unit; quote currency).
    low, high : float
        The traded range (quote currency per base unit).
    share : float, default 0.98
        The share of the notional to keep.
    reach : float, default 0.1
        The farthest distance beyond the traded range, as a fraction.

    """
    margin = 0.02
    bottom, top = low * (1 - margin), high * (1 + margin)
    if notional.sum() > 0:
        order = np.argsort(price)
        cumulative = np.cumsum(notional[order]) / notional.sum()
        tail = (1 - share) / 2
        first, last = np.searchsorted(cumulative, [tail, 1 - tail])
        bottom = min(bottom, float(price[order][first]))
        top = max(top, float(price[order][min(last, price.size - 1)]))
    return max(bottom, low * (1 - reach)), min(top, high * (1 + reach))
