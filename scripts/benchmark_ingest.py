"""
Measures ingestion against Nautilus's documented path, on the same generated files in one run.

Run it by hand: `uv run python scripts/benchmark_ingest.py`. Each measurement is a process of its
own, so that peak memory is that of one path alone; the two take turns, and the best of several
rounds of each counts. What is loaded once per process (imports, compiled code) does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

_START_MS: Final = 1_735_689_600_000
_YEAR_OF_MINUTES: Final = 525_600
_MEGABYTE: Final = 1e6
# So much that everything which large files need is loaded.
_WARM_UP_BYTES: Final = 26 << 20


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


def ours(path: Path, catalog: Path) -> None:
    from liq_nautilus.nautilus.ingest.ingest import ingest

    ingest(path, catalog)


def measure(way: str, path: Path) -> dict[str, float]:
    """Return the wall time (s), the CPU time and the peak memory (MB) of one way."""
    run = ours if way == "ours" else documented
    with tempfile.TemporaryDirectory() as folder:
        head = Path(folder) / path.name
        with path.open() as file:
            head.write_text("".join(file.readlines(_WARM_UP_BYTES)))
        run(head, Path(folder) / "catalog")
    with tempfile.TemporaryDirectory() as folder:
        wall, busy = time.perf_counter(), time.process_time()
        run(path, Path(folder) / "catalog")
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": wall, "cpu_seconds": busy, "peak_mb": peak}


def measure_apart(way: str, path: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", way, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ourselves
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def best_of_turns(path: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Return the least of each figure of both ways."""
    results: dict[str, list[dict[str, float]]] = {"documented": [], "ours": []}
    for _ in range(rounds):
        for way, measured in results.items():
            measured.append(measure_apart(way, path))
    return {
        way: {name: min(result[name] for result in measured) for name in measured[0]}
        for way, measured in results.items()
    }


def compare(folder: Path, rounds: int, *, is_quick: bool) -> None:
    cases = [("aggTrades, 1M rows", "BTCUSDT-aggTrades-2025-01.csv", 1_000_000)]
    if not is_quick:
        cases.append(("aggTrades, 10M rows", "BTCUSDT-aggTrades-2025.csv", 10_000_000))
    cases += [
        ("klines 1m, a year, no taker columns", "BTCUSDT-1m-2025.csv", _YEAR_OF_MINUTES),
        ("klines 1m, a year", "BTCUSDT-1m-2026.csv", _YEAR_OF_MINUTES),
    ]
    print(
        "| file | MB | way | s | CPU s | rows/s | MB/s | peak MB | times faster | less CPU | load |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for title, name, n_rows in cases:
        path = folder / name
        if "aggTrades" in name:
            write_agg_trades(path, n_rows)
        else:
            write_klines(path, n_rows, has_takers="2026" in name)
        megabytes = path.stat().st_size / _MEGABYTE
        results = best_of_turns(path, rounds)
        base = results["documented"]
        for way, result in results.items():
            seconds, busy = result["seconds"], result["cpu_seconds"]
            print(
                f"| {title} | {megabytes:.0f} | {way} | {seconds:.2f} | {busy:.2f} "
                f"| {n_rows / seconds:,.0f} | {megabytes / seconds:.0f} | {result['peak_mb']:.0f} "
                f"| {base['seconds'] / seconds:.1f} | {base['cpu_seconds'] / busy:.1f} "
                f"| {os.getloadavg()[0]:.1f} |",
                flush=True,
            )
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FILE"), help="one way, as JSON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="without the 10M rows")
    options = parser.parse_args()
    if options.measure:
        way, path = options.measure
        print(json.dumps(measure(way, Path(path))))
        return
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    try:
        compare(folder, options.rounds, is_quick=options.quick)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
