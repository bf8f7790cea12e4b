"""Small files of every kind in Binance's layout, and what a plain reading of them gives."""

import csv
import gzip
import hashlib
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from liq_nautilus.data.kinds.stored import decimals_of_raw

SYMBOL = "BTCUSDT"
START_MS = 1_735_689_600_000  # 2025-01-01
MINUTE_MS = 60_000
DAY_MS = 86_400_000
MS = 1_000_000

KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)


@dataclass(frozen=True)
class FileKind:
    """A kind of file: its name, header, rows, their plain meaning, and where that ends up."""

    kind: str
    name: str
    header: str
    row: Callable[[int], str]
    parse: Callable[[list[str]], tuple[Any, ...]]
    folder: str
    stored: Callable[[dict[str, Any]], tuple[Any, ...]]

    def lines(self, n: int, first: int = 0) -> list[str]:
        return [self.row(i) for i in range(first, first + n)]

    @property
    def series(self) -> str:
        return f"{self.kind}-1m" if "1m" in self.name else self.kind


def kline_row(i: int) -> str:
    t = START_MS + i * MINUTE_MS
    price = 94_000 + (i * 37 % 211) / 10
    volume = 10 + i % 7
    return (
        f"{t},{price:.2f},{price + 5.1:.2f},{price - 4.2:.2f},{price + 1.3:.2f},{volume:.3f},"
        f"{t + 59_999},{volume * price:.5f},{100 + i % 9},{volume / 2:.3f},"
        f"{volume * price / 2:.5f},0"
    )


def price_kline_row(i: int) -> str:
    t = START_MS + i * MINUTE_MS
    price = 94_000 + (i * 37 % 211) / 10 + 0.12345678
    return (
        f"{t},{price:.8f},{price + 5:.8f},{price - 4:.8f},{price + 1:.8f},0,{t + 59_999},0,60,0,0,0"
    )


def premium_row(i: int) -> str:
    t = START_MS + i * MINUTE_MS
    value = (i % 11 - 5) * 1e-4
    return (
        f"{t},{value:.8f},{value + 2e-4:.8f},{value - 2e-4:.8f},{value + 1e-4:.8f},0,{t + 59_999},"
        "0,12,0,0,0"
    )


def agg_trade_row(i: int) -> str:
    t = START_MS + i * 700 // 3
    maker = "true" if i % 3 else "false"
    price, size = 94_000 + i % 50 / 10, f"{1 + i % 9}.{i % 7}5"
    return f"{5000 + i},{price:.1f},{size},{2 * i},{2 * i + 1},{t},{maker}"


def trade_row(i: int) -> str:
    t = START_MS + i * 130
    maker = "true" if i % 4 else "false"
    return f"{900 + i},{94_000 + i % 50 / 10:.1f},0.{1 + i % 9},{9_400 + i % 50:.2f},{t},{maker}"


def metrics_row(i: int) -> str:
    when = datetime.fromtimestamp((START_MS + i * 5 * MINUTE_MS) / 1000, tz=UTC)
    contracts = 80_000 + i * 7 % 90 + 0.125
    ratio = '""' if i % 5 == 0 else f"{1 + i % 10 / 10:.8f}"
    return (
        f"{when:%Y-%m-%d %H:%M:%S},{SYMBOL},{contracts:.8f},{contracts * 94_000:.8f},"
        f"{ratio},1.10000000,,0.95000000"
    )


def statistics_row(i: int) -> str:
    contracts = 80_000 + i * 7 % 90 + 0.125
    time = START_MS + i * 15 * MINUTE_MS
    return f"{SYMBOL},{contracts:.8f},{contracts * 94_000:.8f},{time}"


def funding_row(i: int) -> str:
    return f"{START_MS + i * 8 * 60 * MINUTE_MS + i % 9},8,{(i % 7 - 3) * 1.3e-5:.8f}"


def depth_row(i: int) -> str:
    when = datetime.fromtimestamp((START_MS + i // 10 * 30_000) / 1000, tz=UTC)
    percentage = [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5][i % 10]
    depth = 100.5 + i % 13
    return f"{when:%Y-%m-%d %H:%M:%S},{percentage},{depth:.8f},{depth * 94_000:.8f}"


def snapshot_row(i: int) -> str:
    t = START_MS + i * 61_003
    side = "SELL" if i % 2 else "BUY"
    quantity = f"0.0{1 + i % 9}"
    return (
        f"{t},{side},LIMIT,IOC,{quantity},{94_100 + i % 9}.25,{94_050 + i % 7}.10,FILLED,"
        f"{quantity},{quantity}"
    )


def liquidations_row(i: int) -> str:
    t = START_MS + i * MINUTE_MS
    return f"{t},{t + MINUTE_MS},{1000 + i % 17 * 3.25},{0 if i % 3 else 512.5}"


def _ms(text: str) -> int:
    # Milliseconds or microseconds, told by magnitude.
    if not text.isascii() or not text.isdigit() or not 1e12 < int(text) < 5e15:
        msg = f"no time: {text}"
        raise ValueError(msg)
    return int(text) * (MS if int(text) < 5e12 else 1000)


def _text_ns(text: str) -> int:
    if text.isdigit():
        return _ms(text)
    when = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(when.timestamp()) * 1_000_000_000


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        msg = f"no number: {text}"
        raise ValueError(msg)
    return value


def _optional(text: str) -> float | None:
    return _float(text) if text else None


def _decimal(text: str, decimals: int) -> float:
    value = Decimal(text)
    if not value.is_finite() or "_" in text or value < 0:
        msg = f"no decimal: {text}"
        raise ValueError(msg)
    # Rounding noise far below the precision is no part of the value.
    return float(round(value, decimals))


def _kline(f: list[str]) -> tuple[Any, ...]:
    return (
        _ms(f[0]) + MINUTE_MS * MS - MS,
        *(_decimal(x, 2) for x in f[1:5]),
        _decimal(f[5] or "0", 3),
    )


def _price_kline(f: list[str]) -> tuple[Any, ...]:
    return (_ms(f[0]) + MINUTE_MS * MS - MS, *(_float(x) for x in f[1:5]), "1m")


def _side(text: str, words: dict[str, int]) -> int:
    return words[text.lower()]


def _trade(f: list[str], time: int, maker: int) -> tuple[Any, ...]:
    side = _side(f[maker], {"true": 2, "false": 1})
    return (_ms(f[time]), str(int(f[0])), _decimal(f[1], 2), _decimal(f[2], 3), side)


def _metrics(f: list[str]) -> tuple[Any, ...]:
    if f[1] != SYMBOL:
        raise ValueError(f[1])
    return (_text_ns(f[0]), _float(f[2]), _float(f[3]), *(_optional(x) for x in f[4:8]))


def _statistics(f: list[str]) -> tuple[Any, ...]:
    if f[0] != SYMBOL:
        raise ValueError(f[0])
    return (_ms(f[3]), _float(f[1]), _float(f[2]))


def _snapshot(f: list[str]) -> tuple[Any, ...]:
    side = _side(f[1], {"sell": 1, "buy": -1})
    ordered, executed = _float(f[4]), _optional(f[9])
    quantity = ordered if executed is None else executed
    return (_ms(f[0]), side, quantity, _float(f[5]), _float(f[6]))


def _nan_as_none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _columns(*names: str) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    return lambda row: tuple(_nan_as_none(row[name]) for name in ("ts_event", *names))


_OHLC = ("open", "high", "low", "close")
KINDS = {
    kind.kind: kind
    for kind in (
        FileKind(
            "klines",
            "BTCUSDT-1m-2025-01-01",
            KLINE_HEADER,
            kline_row,
            _kline,
            "bar",
            _columns(*_OHLC, "volume"),
        ),
        FileKind(
            "markPriceKlines",
            "BTCUSDT-1m-2025-01-01",
            KLINE_HEADER,
            price_kline_row,
            _price_kline,
            "custom_mark_price_bar",
            _columns(*_OHLC, "interval"),
        ),
        FileKind(
            "indexPriceKlines",
            "BTCUSDT-1m-2025-01-01",
            KLINE_HEADER,
            price_kline_row,
            _price_kline,
            "custom_index_price_bar",
            _columns(*_OHLC, "interval"),
        ),
        FileKind(
            "premiumIndexKlines",
            "BTCUSDT-1m-2025-01-01",
            KLINE_HEADER,
            premium_row,
            _price_kline,
            "custom_premium_index_bar",
            _columns(*_OHLC, "interval"),
        ),
        FileKind(
            "aggTrades",
            "BTCUSDT-aggTrades-2025-01-01",
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
            agg_trade_row,
            lambda f: _trade(f, 5, 6),
            "trade_tick",
            _columns("trade_id", "price", "size", "aggressor_side"),
        ),
        FileKind(
            "trades",
            "BTCUSDT-trades-2025-01-01",
            "id,price,qty,quote_qty,time,is_buyer_maker",
            trade_row,
            lambda f: _trade(f, 4, 5),
            "trade_tick",
            _columns("trade_id", "price", "size", "aggressor_side"),
        ),
        FileKind(
            "metrics",
            "BTCUSDT-metrics-2025-01-01",
            "create_time,symbol,sum_open_interest,sum_open_interest_value,"
            "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
            "count_long_short_ratio,sum_taker_long_short_vol_ratio",
            metrics_row,
            _metrics,
            "custom_open_interest",
            _columns(
                "open_interest",
                "open_interest_notional",
                "top_trader_account_ratio",
                "top_trader_position_ratio",
                "account_ratio",
                "taker_volume_ratio",
            ),
        ),
        FileKind(
            "openInterestHist",
            "BTCUSDT-openInterestHist-2025-01-01",
            "symbol,sumOpenInterest,sumOpenInterestValue,timestamp",
            statistics_row,
            _statistics,
            "custom_open_interest",
            _columns("open_interest", "open_interest_notional"),
        ),
        FileKind(
            "fundingRate",
            "BTCUSDT-fundingRate-2025-01",
            "calc_time,funding_interval_hours,last_funding_rate",
            funding_row,
            lambda f: (_ms(f[0]), _float(f[2]), round(float(f[1] or "8")) * 60),
            "funding_rate_update",
            _columns("rate", "interval"),
        ),
        FileKind(
            "bookDepth",
            "BTCUSDT-bookDepth-2025-01-01",
            "timestamp,percentage,depth,notional",
            depth_row,
            lambda f: (_text_ns(f[0]), _float(f[1]), _float(f[2]), _float(f[3])),
            "custom_book_depth",
            _columns("percentage", "depth", "notional"),
        ),
        FileKind(
            "liquidationSnapshot",
            "BTCUSDT-liquidationSnapshot-2025-01-01",
            "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,"
            "last_fill_quantity,accumulated_fill_quantity",
            snapshot_row,
            _snapshot,
            "custom_liquidation_order",
            _columns("position_side", "quantity", "bankruptcy_price", "average_price"),
        ),
        FileKind(
            "liquidations",
            "BTCUSDT-liquidations-1m-2025-01-01",
            "open_time,close_time,long_usd,short_usd",
            liquidations_row,
            lambda f: (_ms(f[1]), _float(f[2]), _float(f[3])),
            "custom_liquidation_volume",
            _columns("long_notional", "short_notional"),
        ),
    )
}

# They feed what another kind feeds as well.
SECOND_SOURCES = {"trades", "openInterestHist"}


def write_file(
    folder: Path,
    kind: FileKind,
    lines: list[str],
    *,
    name: str = "",
    has_header: bool = True,
    ending: str = "\n",
    start: bytes = b"",
    suffix: str = ".csv",
) -> Path:
    """Write lines below a folder named like the kind, packed as the suffix says."""
    rows = [kind.header, *lines] if has_header else lines
    text = start + ending.join([*rows, ""]).encode()
    return write_bytes(folder / kind.kind, name or kind.name, text, suffix)


def write_bytes(folder: Path, name: str, text: bytes, suffix: str = ".csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{suffix}"
    if suffix == ".csv.gz":
        path.write_bytes(gzip.compress(text))
    elif suffix.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{name}.csv", text)
    else:
        path.write_bytes(text)
    return path


def parsed(kind: FileKind, line: str) -> tuple[Any, ...] | None:
    """Return what a line says, read as plainly as can be; None if it says nothing."""
    try:
        (fields,) = csv.reader([line], strict=True)
        if len(fields) != kind.header.count(",") + 1:
            return None
        return kind.parse([field.strip() for field in fields])
    except (ValueError, ArithmeticError, KeyError, IndexError, csv.Error, OverflowError):
        return None


def stored_rows(catalog: Path, kind: FileKind) -> list[tuple[Any, ...]]:
    """Return every row a catalog holds of a kind, in stored order."""
    rows: list[tuple[Any, ...]] = []
    folder = catalog / "data" / kind.folder
    for path in sorted(folder.rglob("*.parquet")):
        table = pq.ParquetFile(path).read()
        rows += [kind.stored(row) for row in _plain(table).to_pylist()]
    if kind.kind == "bookDepth":
        return [(ts, *level) for ts, *lists in rows for level in zip(*lists, strict=True)]
    return rows


def _plain(table: pa.Table) -> pa.Table:
    # Raw fixed-point bytes as floats, the funding rate's JSON as a float.
    for i, field in enumerate(table.schema):
        column = table.column(i)
        if field.type == pa.binary(16):
            values = [float(x) for x in decimals_of_raw(column).to_pylist()]
            table = table.set_column(i, field.name, pa.array(values))
        elif field.type == pa.binary():
            values = [float(x.decode().strip('"')) for x in column.to_pylist()]
            table = table.set_column(i, field.name, pa.array(values))
    return table


def digest(folder: Path) -> dict[str, str]:
    """Return the hash of every file below a folder, but for the lock and the notes of sources."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock" and path.parent.name != "file_records"
    }
