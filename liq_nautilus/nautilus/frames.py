"""
What the catalog holds, as numpy columns in pandas frames: no Nautilus object is made.

Times are UTC nanoseconds (int64). A window [start_ns, end_ns) takes rows by `ts`, and intervals
that lie in it whole. Every read makes sure that rows came back.
"""

from __future__ import annotations

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

from liq_nautilus.data.intervals import DAY_NS
from liq_nautilus.data.intervals import MILLISECOND_NS
from liq_nautilus.data.intervals import interval_ns
from liq_nautilus.data.intervals import opened_at
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog import identifier_of
from liq_nautilus.nautilus.catalog import series_directory
from liq_nautilus.nautilus.encoding import decimals_of_raw
from liq_nautilus.nautilus.targets import bar_type
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.nautilus.types import LiquidationVolume
from liq_nautilus.nautilus.types import MarkPriceBar
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.nautilus.types import TakerVolume

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

_RATIOS: Final = (
    "top_trader_account_ratio",
    "top_trader_position_ratio",
    "account_ratio",
    "taker_volume_ratio",
)


def read_bars(
    catalog: Path,
    symbol: str,
    interval: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    required: bool = True,
) -> pd.DataFrame:
    """
    Return bars of last prices.

    Parameters
    ----------
    catalog : Path
        The catalog's folder.
    symbol : str
        Binance's symbol.
    interval : str
        Such as "5m".
    start_ns, end_ns : int, optional
        The window in UTC nanoseconds, end exclusive.
    required : bool
        Whether it is an error when there are no rows; else the frame is empty.

    Returns
    -------
    pd.DataFrame
        Columns ts_open, ts_close (the last millisecond), open, high, low, close (quote currency),
        volume (base units), in time order.

    Raises
    ------
    DataGapError
        If rows are required and there are none.

    """
    identifier = str(bar_type(symbol, interval))
    table = _read(catalog, Bar, identifier, start_ns, end_ns)
    ts_close = _times(table, "ts_event")
    columns: dict[str, Any] = {
        "ts_open": ts_close + MILLISECOND_NS - interval_ns(interval),
        "ts_close": ts_close,
    }
    if interval_ns(interval) == 0:
        opens = [opened_at(int(ts) + MILLISECOND_NS, interval) for ts in ts_close]
        columns["ts_open"] = np.asarray(opens, dtype=np.int64)
    for name in ("open", "high", "low", "close"):
        columns[name] = _raw_floats(table, name, b"price_precision")
    columns["volume"] = _raw_floats(table, "volume", b"size_precision")
    frame = _inside(pd.DataFrame(columns), "ts_open", start_ns)
    return _checked(frame, f"bars of {interval}", catalog, symbol, required=required)


def read_mark_bars(
    catalog: Path,
    symbol: str,
    interval: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    required: bool = True,
) -> pd.DataFrame:
    """Return bars of mark prices: the columns of `read_bars` but for the volume."""
    table = _read(catalog, MarkPriceBar, identifier_of(symbol), start_ns, end_ns)
    table = table.filter(pc.equal(table["interval"], interval))
    ts_close = _times(table, "ts_event")
    columns: dict[str, Any] = {
        "ts_open": ts_close + MILLISECOND_NS - interval_ns(interval),
        "ts_close": ts_close,
    }
    columns |= {name: _floats(table, name) for name in ("open", "high", "low", "close")}
    frame = _inside(pd.DataFrame(columns), "ts_open", start_ns)
    return _checked(frame, f"mark price bars of {interval}", catalog, symbol, required=required)


def read_taker_volume(
    catalog: Path,
    symbol: str,
    interval: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    required: bool = True,
) -> pd.DataFrame:
    """
    Return what takers bought and sold in each bar that traded.

    Columns ts_open, ts_close, buy_volume, sell_volume (base units), quote_volume, n_trades.
    """
    table = _read(catalog, TakerVolume, identifier_of(symbol), start_ns, end_ns)
    table = table.filter(pc.equal(table["interval"], interval))
    ts_close = _times(table, "ts_event")
    columns: dict[str, Any] = {
        "ts_open": ts_close + MILLISECOND_NS - interval_ns(interval),
        "ts_close": ts_close,
    }
    columns |= {
        name: _floats(table, name) for name in ("buy_volume", "sell_volume", "quote_volume")
    }
    columns["n_trades"] = _times(table, "n_trades")
    frame = _inside(pd.DataFrame(columns), "ts_open", start_ns)
    return _checked(frame, f"taker volumes of {interval}", catalog, symbol, required=required)


def read_open_interest(
    catalog: Path,
    symbol: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    required: bool = True,
) -> pd.DataFrame:
    """
    Return the snapshots of open interest.

    Columns ts, open_interest (base units), open_interest_notional (quote currency) and the four
    ratios top_trader_account_ratio, top_trader_position_ratio, account_ratio, taker_volume_ratio
    (NaN where Binance gave none).
    """
    table = _read(catalog, OpenInterest, identifier_of(symbol), start_ns, end_ns)
    names = ("open_interest", "open_interest_notional", *_RATIOS)
    columns = {"ts": _times(table, "ts_event"), **{name: _floats(table, name) for name in names}}
    frame = pd.DataFrame(columns)
    return _checked(frame, "open interest (metrics)", catalog, symbol, required=required)


def read_funding(
    catalog: Path,
    symbol: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    required: bool = True,
) -> pd.DataFrame:
    """Return the settled funding rates: columns ts, rate (a fraction)."""
    table = _read(catalog, FundingRateUpdate, identifier_of(symbol), start_ns, end_ns)
    texts = pc.utf8_trim(pc.cast(table["rate"], pa.string()), characters='"')
    rate = np.asarray(pc.cast(texts, pa.float64()).to_numpy())
    frame = pd.DataFrame({"ts": _times(table, "ts_event"), "rate": rate})
    return _checked(frame, "funding rates", catalog, symbol, required=required)


def read_trades(
    catalog: Path,
    symbol: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    required: bool = True,
) -> pd.DataFrame:
    """
    Return trades.

    Columns ts, price (quote currency), quantity (base units), taker_side (int8: +1 the taker
    bought, -1 sold). A window of some days at a time keeps the memory bounded.
    """
    table = _read(catalog, TradeTick, identifier_of(symbol), start_ns, end_ns)
    side = np.asarray(table["aggressor_side"].to_numpy())
    columns = {
        "ts": _times(table, "ts_event"),
        "price": _raw_floats(table, "price", b"price_precision"),
        "quantity": _raw_floats(table, "size", b"size_precision"),
        "taker_side": np.where(side == 1, 1, -1).astype(np.int8),
    }
    return _checked(pd.DataFrame(columns), "trades", catalog, symbol, required=required)


def read_liquidation_orders(
    catalog: Path,
    symbol: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    *,
    required: bool = True,
) -> pd.DataFrame:
    """
    Return forced orders.

    Columns ts, position_side (int8: +1 a long was liquidated, -1 a short), quantity (base units),
    bankruptcy_price, average_price.
    """
    table = _read(catalog, LiquidationOrder, identifier_of(symbol), start_ns, end_ns)
    names = ("quantity", "bankruptcy_price", "average_price")
    columns = {
        "ts": _times(table, "ts_event"),
        "position_side": _times(table, "position_side").astype(np.int8),
        **{name: _floats(table, name) for name in names},
    }
    return _checked(pd.DataFrame(columns), "forced orders", catalog, symbol, required=required)


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
