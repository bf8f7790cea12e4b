"""
What the catalog holds, as numpy columns in pandas frames: no Nautilus object is made.

Times are UTC nanoseconds (int64). A window [start_ns, end_ns) takes rows by `ts`, and intervals
that lie in it whole. Every read makes sure that rows came back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import TradeTick

from liq_nautilus.times import DAY_NS
from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import interval_ns
from liq_nautilus.times import opened_at
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.layout import identifier_of
from liq_nautilus.nautilus.catalog.layout import series_directory
from liq_nautilus.nautilus.catalog.encoding import decimals_of_raw
from liq_nautilus.nautilus.catalog.kinds import bar_type
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.nautilus.types import LiquidationVolume
from liq_nautilus.nautilus.types import MarkPriceBar
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.nautilus.types import TakerVolume

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    type Columns = Callable[[pa.Table], dict[str, Any]]

_PRICES: Final = ("open", "high", "low", "close")
_RATIOS: Final = (
    "top_trader_account_ratio",
    "top_trader_position_ratio",
    "account_ratio",
    "taker_volume_ratio",
)


@dataclass(frozen=True, slots=True)
class Reader:
    """
    Reads one kind of series as a frame, in time order.

    Attributes
    ----------
    what : str
        Its name in messages.
    data_cls : type
        The class of its data.
    columns : callable
        Turns a table of the catalog into the frame's columns.

    """

    what: str
    data_cls: type
    columns: Columns

    def __call__(
        self,
        catalog: Path,
        symbol: str,
        start_ns: int | None = None,
        end_ns: int | None = None,
        *,
        required: bool = True,
    ) -> pd.DataFrame:
        """
        Return the rows of a window.

        Parameters
        ----------
        catalog : Path
            The catalog's folder.
        symbol : str
            Binance's symbol.
        start_ns, end_ns : int, optional
            The window in UTC nanoseconds, end exclusive.
        required : bool
            Whether it is an error when there are no rows; else the frame is empty.

        Raises
        ------
        DataGapError
            If rows are required and there are none.

        """
        table = _read(catalog, self.data_cls, identifier_of(symbol), start_ns, end_ns)
        frame = pd.DataFrame(self.columns(table))
        return _checked(frame, self.what, catalog, symbol, required=required)


@dataclass(frozen=True, slots=True)
class IntervalReader:
    """Reads one kind of series of bars: as `Reader`, with columns ts_open and ts_close in front."""

    what: str
    data_cls: type
    columns: Columns

    def __call__(
        self,
        catalog: Path,
        symbol: str,
        interval: str,
        start_ns: int | None = None,
        end_ns: int | None = None,
        *,
        required: bool = True,
    ) -> pd.DataFrame:
        """
        Return the bars that lie in a window whole.

        The arguments are those of `Reader`, and `interval` such as "5m". A bar closes at its last
        millisecond.
        """
        is_own_type = self.data_cls is not Bar
        identifier = identifier_of(symbol) if is_own_type else str(bar_type(symbol, interval))
        table = _read(catalog, self.data_cls, identifier, start_ns, end_ns)
        if is_own_type:
            table = table.filter(pc.equal(table["interval"], interval))
        ts_close = _times(table, "ts_event")
        times = {"ts_open": _opens(ts_close + MILLISECOND_NS, interval), "ts_close": ts_close}
        frame = _inside(pd.DataFrame({**times, **self.columns(table)}), "ts_open", start_ns)
        what = f"{self.what} of {interval}"
        return _checked(frame, what, catalog, symbol, required=required)


def _opens(ends: npt.NDArray[np.int64], interval: str) -> npt.NDArray[np.int64]:
    if interval_ns(interval):
        return ends - interval_ns(interval)
    return np.asarray([opened_at(int(end), interval) for end in ends], dtype=np.int64)


def _columns(*names: str) -> Columns:
    return lambda table: {name: _floats(table, name) for name in names}


def _with_time(columns: Columns) -> Columns:
    return lambda table: {"ts": _times(table, "ts_event"), **columns(table)}


def _bar_columns(table: pa.Table) -> dict[str, Any]:
    prices = {name: _raw_floats(table, name, b"price_precision") for name in _PRICES}
    return {**prices, "volume": _raw_floats(table, "volume", b"size_precision")}


def _taker_columns(table: pa.Table) -> dict[str, Any]:
    volumes = _columns("buy_volume", "sell_volume", "quote_volume")(table)
    return {**volumes, "n_trades": _times(table, "n_trades")}


def _funding_columns(table: pa.Table) -> dict[str, Any]:
    texts = pc.utf8_trim(pc.cast(table["rate"], pa.string()), characters='"')
    return {"rate": np.asarray(pc.cast(texts, pa.float64()).to_numpy())}


def _trade_columns(table: pa.Table) -> dict[str, Any]:
    side = np.asarray(table["aggressor_side"].to_numpy())
    return {
        "price": _raw_floats(table, "price", b"price_precision"),
        "quantity": _raw_floats(table, "size", b"size_precision"),
        "taker_side": np.where(side == 1, 1, -1).astype(np.int8),
    }


def _order_columns(table: pa.Table) -> dict[str, Any]:
    side = _times(table, "position_side").astype(np.int8)
    values = _columns("quantity", "bankruptcy_price", "average_price")(table)
    return {"position_side": side, **values}


# Bars of last prices: open, high, low, close (quote currency), volume (base units).
read_bars: Final = IntervalReader("bars", Bar, _bar_columns)
# Bars of mark prices: open, high, low, close.
read_mark_bars: Final = IntervalReader("mark price bars", MarkPriceBar, _columns(*_PRICES))
# What takers bought and sold in each bar that traded: buy_volume, sell_volume (base units),
# quote_volume, n_trades.
read_taker_volume: Final = IntervalReader("taker volumes", TakerVolume, _taker_columns)
# Snapshots of open interest: ts, open_interest (base units), open_interest_notional (quote
# currency) and four ratios (NaN where Binance gave none).
read_open_interest: Final = Reader(
    "open interest (metrics)",
    OpenInterest,
    _with_time(_columns("open_interest", "open_interest_notional", *_RATIOS)),
)
# Settled funding: ts, rate (a fraction).
read_funding: Final = Reader("funding rates", FundingRateUpdate, _with_time(_funding_columns))
# Trades: ts, price (quote currency), quantity (base units), taker_side (int8: +1 the taker bought,
# -1 sold). A window of some days at a time keeps the memory bounded.
read_trades: Final = Reader("trades", TradeTick, _with_time(_trade_columns))
# Forced orders: ts, position_side (int8: +1 a long was liquidated, -1 a short), quantity (base
# units), bankruptcy_price, average_price.
read_liquidation_orders: Final = Reader(
    "forced orders", LiquidationOrder, _with_time(_order_columns)
)


def read_liquidation_volume(
    catalog: Path,
    symbol: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    required: bool = True,
) -> pd.DataFrame:
    """
    Return liquidated notionals per interval.

    Columns ts_open, ts_close (exclusive), long_notional, short_notional (quote currency),
    interval, source.
    """
    last_ns = None if end_ns is None else end_ns + 1
    table = _read(catalog, LiquidationVolume, identifier_of(symbol), start_ns, last_ns)
    ts_close = _times(table, "ts_event")
    intervals = table["interval"].to_pylist()
    lengths = np.asarray([interval_ns(interval) for interval in intervals], dtype=np.int64)
    columns = {
        "ts_open": ts_close - lengths,
        "ts_close": ts_close,
        "long_notional": _floats(table, "long_notional"),
        "short_notional": _floats(table, "short_notional"),
        "interval": intervals,
        "source": table["source"].to_pylist(),
    }
    frame = _inside(pd.DataFrame(columns), "ts_open", start_ns)
    return _checked(frame, "liquidation bars", catalog, symbol, required=required)


def series_files(
    catalog: Path,
    data_cls: type,
    identifier: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> list[Path]:
    """Return the files of a series that may hold rows of the window, in time order."""
    directory = series_directory(catalog, data_cls, identifier)
    chosen = []
    for path in sorted(directory.glob("*.parquet")):
        first, _, last = path.stem.partition("_")
        span = np.asarray([first[:10], last[:10]], dtype="datetime64[D]").astype("datetime64[ns]")
        begin, end = (int(ts) for ts in span.astype(np.int64))
        if start_ns is not None and end + DAY_NS <= start_ns:
            continue
        if end_ns is None or begin < end_ns:
            chosen.append(path)
    return chosen


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """
    Return the rows of one Parquet file, metadata included.

    Raises
    ------
    StoreError
        If it is damaged.

    """
    try:
        return pq.ParquetFile(path).read(columns=columns)
    except (OSError, pa.ArrowException) as e:
        msg = f"{path} must be a sound Parquet file, {e}; delete it and ingest again"
        raise StoreError(msg) from e


def _read(
    catalog: Path, data_cls: type, identifier: str, start_ns: int | None, end_ns: int | None
) -> pa.Table:
    files = series_files(catalog, data_cls, identifier, start_ns, end_ns)
    if not files:
        return _empty(data_cls)
    table = pa.concat_tables([read_table(path) for path in files])
    if start_ns is not None:
        table = table.filter(pc.greater_equal(table["ts_init"], max(start_ns, 0)))
    if end_ns is not None:
        table = table.filter(pc.less(table["ts_init"], max(end_ns, 0)))
    return table


def _empty(data_cls: type) -> pa.Table:
    raw = pa.binary(16)
    known: dict[type, dict[str, pa.DataType]] = {
        Bar: dict.fromkeys(("open", "high", "low", "close", "volume"), raw),
        TradeTick: {"price": raw, "size": raw, "aggressor_side": pa.uint8()},
        FundingRateUpdate: {"rate": pa.binary()},
    }
    if data_cls in known:
        times = dict.fromkeys(("ts_event", "ts_init"), pa.uint64())
        return pa.schema({**known[data_cls], **times}).empty_table()
    return data_cls.arrow_schema().empty_table()  # type: ignore[attr-defined]


def _times(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    return np.asarray(table[name].to_numpy()).astype(np.int64)


def _floats(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _raw_floats(table: pa.Table, name: str, precision: bytes) -> npt.NDArray[np.float64]:
    # Through whole numbers of the smallest step: the nearest float of the decimal comes out.
    decimals = int((table.schema.metadata or {}).get(precision, 0))
    values = pc.cast(decimals_of_raw(table[name]), pa.decimal128(38, decimals))
    buffer = values.buffers()[1]
    if buffer is None or not len(values):
        return np.zeros(0)
    steps = np.frombuffer(buffer, dtype=np.int64)[::2][values.offset : values.offset + len(values)]
    return steps / 10.0**decimals


def _inside(frame: pd.DataFrame, column: str, start_ns: int | None) -> pd.DataFrame:
    if start_ns is None:
        return frame
    return frame[frame[column] >= start_ns].reset_index(drop=True)


def _checked(
    frame: pd.DataFrame, what: str, catalog: Path, symbol: str, *, required: bool
) -> pd.DataFrame:
    if required and frame.empty:
        msg = (
            f"{catalog} must hold {what} of {symbol} in the window asked for, there were none; "
            "ingest such files or choose another window"
        )
        raise DataGapError(msg)
    return frame
