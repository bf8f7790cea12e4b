"""
Measures ingestion as whole processes, from start to exit, on generated files in one run.

Run it by hand: `uv run python scripts/benchmark_ingest.py`. Beside it run Nautilus's documented
path and bare reading: the same columns by Arrow's CSV reader, written to one Parquet file. All take
turns, in processes of their own, after one turn that does not count; medians are given. Compare
ratios of one run: seconds depend on the machine and what else runs on it.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator

_START_MS: Final = 1_735_689_600_000
_YEAR_OF_MINUTES: Final = 525_600
_MEGABYTE: Final = 1e6
_DAYS: Final = 365
_BARE_TYPES: Final = {
    "agg_trade_id": pa.int64(),
    "id": pa.int64(),
    **dict.fromkeys(("price", "quantity", "qty"), pa.decimal128(38, 16)),
    **dict.fromkeys(("open", "high", "low", "close", "volume"), pa.decimal128(38, 16)),
    **dict.fromkeys(("transact_time", "time", "close_time"), pa.int64()),
    "is_buyer_maker": pa.bool_(),
    **dict.fromkeys(("create_time", "timestamp"), pa.timestamp("us")),
    **dict.fromkeys(("sum_open_interest", "sum_open_interest_value"), pa.float64()),
    **dict.fromkeys(("percentage", "depth", "notional"), pa.float64()),
}


def write_agg_trades(path: Path, n_rows: int) -> None:
    random = np.random.default_rng(7)
    with path.open("w") as file:
        file.write(
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
        )
        first_id, time_ms, price = 2_500_000_000, _START_MS, 94_000.0
        for done in range(0, n_rows, 500_000):
            n = min(500_000, n_rows - done)
            prices = np.round(price + np.cumsum(random.normal(0, 0.4, n)), 1)
            sizes = np.maximum(np.round(random.exponential(0.05, n), 3), 0.001)
            times = time_ms + np.cumsum(random.integers(0, 130, n))
            makers = random.random(n) < 0.5
            ids = first_id + done + np.arange(n)
            file.writelines(
                f"{i},{p:.1f},{q:.3f},{2 * i},{2 * i + 1},{t},{'true' if m else 'false'}\n"
                for i, p, q, t, m in zip(ids, prices, sizes, times, makers, strict=True)
            )
            time_ms, price = int(times[-1]), float(prices[-1])


def write_klines(path: Path, n_rows: int, *, has_takers: bool) -> None:
    random = np.random.default_rng(11)
    close = np.round(94_000 + np.cumsum(random.normal(0, 8, n_rows)), 1)
    opens = np.concatenate([[94_000.0], close[:-1]])
    high = np.maximum(opens, close) + np.round(random.exponential(9, n_rows), 1)
    low = np.minimum(opens, close) - np.round(random.exponential(9, n_rows), 1)
    volume = np.round(random.exponential(90, n_rows), 3)
    with path.open("w") as file:
        file.write(
            "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
            "taker_buy_volume,taker_buy_quote_volume,ignore\n"
        )
        for i in range(n_rows):
            t = _START_MS + 60_000 * i
            quote, half = volume[i] * close[i], volume[i] / 2
            rest = f"{quote:.5f},{i % 5000},{half:.3f},{quote / 2:.5f}" if has_takers else "0,0,0,0"
            file.write(
                f"{t},{opens[i]:.2f},{high[i]:.2f},{low[i]:.2f},{close[i]:.2f},{volume[i]:.3f},"
                f"{t + 59_999},{rest},0\n"
            )


def documented(path: Path, catalog: Path) -> None:
    """Ingest as Nautilus's documentation shows: pandas, wrangler, write_data."""
    import pandas as pd
    from nautilus_trader.model.data import BarType
    from nautilus_trader.persistence.catalog import ParquetDataCatalog
    from nautilus_trader.persistence.wranglers import BarDataWrangler
    from nautilus_trader.persistence.wranglers import TradeTickDataWrangler

    from liq_nautilus.nautilus.catalog.layout import bar_type_of
    from liq_nautilus.nautilus.instruments import built_in_instrument

    instrument = built_in_instrument("BTCUSDT")
    frame = pd.read_csv(path)
    if "aggTrades" in path.name:
        frame = frame.rename(columns={"agg_trade_id": "trade_id", "is_buyer_maker": "buyer_maker"})
        frame = frame[["trade_id", "price", "quantity", "buyer_maker", "transact_time"]]
        frame.index = pd.to_datetime(frame.pop("transact_time"), unit="ms", utc=True).dt.as_unit(
            "ns"
        )
        data = TradeTickDataWrangler(instrument).process(frame)
    else:
        frame.index = pd.to_datetime(frame["close_time"], unit="ms", utc=True).dt.as_unit("ns")
        frame = frame[["open", "high", "low", "close", "volume"]].copy()
        # pandas 3 hands out read-only columns, which the wrangler does not take.
        for name in frame.columns:
            frame[name] = np.array(frame[name], copy=True)
        bar_type = BarType.from_str(bar_type_of("BTCUSDT", "1m"))
        data = BarDataWrangler(bar_type, instrument).process(frame)
    store = ParquetDataCatalog(catalog)
    store.write_data([instrument])
    store.write_data(data)


def write_trades(path: Path, n_rows: int) -> None:
    random = np.random.default_rng(13)
    times = _START_MS + np.cumsum(random.integers(0, 60, n_rows))
    prices = np.round(94_000 + np.cumsum(random.normal(0, 0.2, n_rows)), 1)
    with path.open("w") as file:
        file.write("id,price,qty,quote_qty,time,is_buyer_maker\n")
        file.writelines(
            f"{i},{p:.1f},0.{1 + i % 9}05,{p * 0.1:.5f},{t},{'true' if i % 3 else 'false'}\n"
            for i, (p, t) in enumerate(zip(prices, times, strict=True))
        )


def write_depth(path: Path, n_times: int) -> None:
    start = np.datetime64("2025-01-01T00:00:00")
    with path.open("w") as file:
        file.write("timestamp,percentage,depth,notional\n")
        for i in range(n_times):
            when = str(start + np.timedelta64(30 * i, "s")).replace("T", " ")
            file.writelines(
                f"{when},{p},{1000 + i % 977 + abs(p):.8f},{9e7 + i:.8f}\n"
                for p in (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)
            )


def write_year_of_days(folder: Path) -> None:
    """Write a year of daily archives of 5m klines and metrics: 730 files, 210,240 rows."""
    header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    header += "taker_buy_volume,taker_buy_quote_volume,ignore\n"
    names = "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    names += "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    names += "count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
    for day in range(_DAYS):
        date = np.datetime64("2025-01-01") + day
        bars, snapshots = [header], [names]
        for i in range(288):
            t, price = _START_MS + (day * 288 + i) * 300_000, 94_000 + (day * 7 + i * 37) % 211 / 10
            when = str(np.datetime64(t, "ms").astype("datetime64[s]")).replace("T", " ")
            bars.append(
                f"{t},{price:.1f},{price + 5:.1f},{price - 5:.1f},{price + 1:.1f},12.125,"
                f"{t + 299_999},1140000.5,900,6.5,611000.25,0\n"
            )
            contracts = 80_000 + i % 97 + 0.125
            ratios = "1.5,1.25,0.75,1.125"
            snapshots.append(f"{when},BTCUSDT,{contracts},{contracts * price:.5f},{ratios}\n")
        for kind, lines in (("5m", bars), ("metrics", snapshots)):
            name = f"BTCUSDT-{kind}-{date}"
            with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"{name}.csv", "".join(lines))


def bare(source: Path, target: Path) -> None:
    """Read the columns that matter with Arrow and write them to one Parquet file."""
    options = pyarrow.csv.ConvertOptions(column_types=_BARE_TYPES)
    if source.is_dir():
        for path in sorted(source.glob("*.zip")):
            with zipfile.ZipFile(path) as archive:
                text = archive.read(archive.namelist()[0])
            pyarrow.csv.read_csv(io.BytesIO(text), convert_options=options)
        return
    with source.open() as file:
        names = file.readline().strip().split(",")
    options.include_columns = [name for name in names if name in _BARE_TYPES]
    reading = pyarrow.csv.ReadOptions(block_size=16 << 20)
    target.mkdir(exist_ok=True)
    with (
        pyarrow.csv.open_csv(source, reading, convert_options=options) as reader,
        pq.ParquetWriter(target / "bare.parquet", reader.schema) as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)


def ours(source: Path, catalog: Path) -> None:
    from liq_nautilus.nautilus.ingest.ingest import ingest

    ingest(source, catalog)


_WAYS: Final = {"documented": documented, "bare": bare, "ours": ours}


class Figures(NamedTuple):
    """Of one process: seconds, seconds of CPU time, and its peak memory (MB)."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def run_apart(way: str, source: Path, target: Path) -> Figures:
    start = time.perf_counter()
    command = [sys.executable, __file__, "--run", way, str(source), str(target)]
    child = subprocess.Popen(command)  # noqa: S603 - ourselves
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(child.returncode)
    seconds = time.perf_counter() - start
    return Figures(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def medians(figures: Iterable[Figures]) -> Figures:
    return Figures(*(statistics.median(column) for column in zip(*figures, strict=True)))


def in_turns(ways: Iterable[str], source: Path, rounds: int) -> dict[str, Figures]:
    """Return the medians of each way; "again" is a run of ours that changes nothing."""
    found: dict[str, list[Figures]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        with tempfile.TemporaryDirectory(dir=source.parent) as folder:
            for way, measured in found.items():
                target = Path(folder) / ("ours" if way == "again" else way)
                result = run_apart("ours" if way == "again" else way, source, target)
                if turn:  # the first is no measurement: files and caches are cold
                    measured.append(result)
    return {way: medians(measured) for way, measured in found.items()}


def cases(folder: Path, *, is_quick: bool) -> Iterator[tuple[str, Path, int, list[str]]]:
    """Yield the title, source, number of rows and ways of each case, and remove the files after."""
    all_ways = ["documented", "bare", "ours"]
    agg = [("aggTrades, 1M", "BTCUSDT-aggTrades-2025-01.csv", 1_000_000)]
    if not is_quick:
        agg.append(("aggTrades, 10M", "BTCUSDT-aggTrades-2025.csv", 10_000_000))
    for title, name, n_rows in agg:
        write_agg_trades(folder / name, n_rows)
        yield title, folder / name, n_rows, all_ways if n_rows == 1_000_000 else all_ways[1:]
        (folder / name).unlink()
    for title, has_takers in (("no takers", False), ("", True)):
        path = folder / "BTCUSDT-1m-2025.csv"
        write_klines(path, _YEAR_OF_MINUTES, has_takers=has_takers)
        yield f"klines 1m, a year {title}".strip(), path, _YEAR_OF_MINUTES, all_ways
        path.unlink()
    for kind, write, n in (("trades", write_trades, 1_000_000), ("bookDepth", write_depth, 80_000)):
        path = folder / f"BTCUSDT-{kind}-2025-01.csv"
        write(path, n)
        n_rows = n * 10 if kind == "bookDepth" else n
        yield f"{kind}, {n_rows:,}", path, n_rows, ["bare", "ours"]
        path.unlink()
    days = folder / "days"
    days.mkdir()
    write_year_of_days(days)
    yield "5m klines and metrics, 730 zips", days, 2 * 288 * _DAYS, ["bare", "ours", "again"]
    shutil.rmtree(days)


def compare(folder: Path, rounds: int, *, is_quick: bool) -> None:
    names = (
        "files",
        "MB",
        "way",
        "s",
        "CPU s",
        "s per GB",
        "peak MB",
        "over bare",
        "faster",
        "load",
    )
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for title, source, _, ways in cases(folder, is_quick=is_quick):
        paths = source.iterdir() if source.is_dir() else [source]
        megabytes = sum(path.stat().st_size for path in paths) / _MEGABYTE
        results = in_turns(ways, source, rounds)
        for way, found in results.items():
            slower = results.get("documented", found).seconds / found.seconds
            print(
                f"| {title} | {megabytes:.0f} | {way} | {found.seconds:.2f} "
                f"| {found.cpu_seconds:.2f} | {found.seconds / megabytes * 1000:.1f} "
                f"| {found.peak_mb:.0f} | {found.seconds / results['bare'].seconds:.2f} "
                f"| {slower:.1f} | {os.getloadavg()[0]:.1f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", nargs=3, metavar=("WAY", "SOURCE", "TARGET"), help="one way")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="without the 10M rows")
    options = parser.parse_args()
    if options.run:
        way, source, target = options.run
        _WAYS[way](Path(source), Path(target))
        return
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    try:
        compare(folder, options.rounds, is_quick=options.quick)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
