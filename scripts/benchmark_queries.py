"""
Measures questions to a catalog, in Python, over HTTP and as whole processes, in one run.

Run it by hand: `uv run python scripts/benchmark_queries.py` for a month of 5-minute data, and with
`--days 365` for a year. Milliseconds are of the clock, beside them those of the processor, child
processes included: where the two lie far apart, other work had the machine, as the load tells.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import httpx
import numpy as np

from liq_nautilus.nautilus.ingest.ingest import ingest
from liq_nautilus.queries import asking
from liq_nautilus.queries.time_windows import Window
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator

_START_NS: Final = 1_767_225_600_000_000_000
_STEP_NS: Final = 300_000_000_000
_FUNDING_NS: Final = DAY_NS // 3
_MS: Final = 1_000_000
_CLIENTS: Final = 20
_PATHS: Final = (
    "/liquidations/levels",
    "/trading/signals",
    "/liquidations/compare-models",
    "/liquidations/heatmap?timeframe=7d",
)


class Row(NamedTuple):
    """What was measured: milliseconds of the clock and of the processor, with child processes."""

    what: str
    clock: list[float]
    processor: list[float]
    goal: str


def write_market(folder: Path, days: int) -> None:
    """Write bars, open interest and funding of a random walk, as Binance's dump has them."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    n = days * DAY_NS // _STEP_NS
    ts = _START_NS + np.arange(n) * _STEP_NS
    close = 90_000.0 * np.exp(np.cumsum(random.normal(0.0, 0.0012, n)))
    opened = np.concatenate([[90_000.0], close[:-1]])
    high = np.maximum(opened, close) * (1.0 + np.abs(random.normal(0.0, 4e-4, n))) + 0.1
    low = np.minimum(opened, close) / (1.0 + np.abs(random.normal(0.0, 4e-4, n))) - 0.1
    held = 80_000.0 * np.exp(0.2 * np.sin(np.arange(n) / 900.0) + random.normal(0.0, 2e-3, n))
    klines, metrics = (
        ["open_time,open,high,low,close,volume,close_time"],
        ["create_time,symbol,sum_open_interest,sum_open_interest_value"],
    )
    for i, t in enumerate(ts.tolist()):
        prices = f"{opened[i]:.1f},{high[i]:.1f},{low[i]:.1f},{close[i]:.1f}"
        klines.append(f"{t // _MS},{prices},250.0,{(t + _STEP_NS) // _MS - 1}")
        stamp = iso(t).replace("T", " ").removesuffix("Z")
        metrics.append(f"{stamp},BTCUSDT,{held[i]:.3f},{held[i] * opened[i]:.2f}")
    funding = ["calc_time,funding_interval_hours,last_funding_rate"]
    funding += [f"{t // _MS},8,0.0001" for t in range(_START_NS, int(ts[-1]), _FUNDING_NS)]
    (folder / "BTCUSDT-5m-2026-01.csv").write_text("\n".join(klines) + "\n")
    (folder / "BTCUSDT-metrics-2026-01-01.csv").write_text("\n".join(metrics) + "\n")
    (folder / "BTCUSDT-fundingRate-2026-01.csv").write_text("\n".join(funding) + "\n")


def repeated(what: str, ask: Callable[[int], object], n: int, goal: str) -> Row:
    """Ask so often, and take the time of each."""
    clock, processor = [], []
    for number in range(n):
        begun, used = time.perf_counter(), sum(os.times()[:4])
        ask(number)
        processor.append(1e3 * (sum(os.times()[:4]) - used))
        clock.append(1e3 * (time.perf_counter() - begun))
    return Row(what, clock, processor, goal)


def in_python(catalog: Path, days: int) -> Iterator[Row]:
    """Measure the functions of the package."""
    month = Window("30d")
    end_ns = _START_NS + days * DAY_NS
    yield repeated("first 30 days of all models", lambda _: asking.heatmap(catalog), 1, "5 s")
    if days > 30:
        everything = Window(start=_START_NS, end=end_ns, resolution="4h")
        first = "first time all days of all models"
        yield repeated(first, lambda _: asking.heatmap(catalog, window=everything), 1, "")
        yield repeated(
            "heatmap of all days, warm",
            lambda _: asking.heatmap(catalog, window=everything),
            10,
            "",
        )
    yield repeated("levels, warm", lambda _: asking.levels(catalog), 40, "20 ms")
    yield repeated("signals, warm", lambda _: asking.signals(catalog), 40, "20 ms")
    yield repeated(
        "heatmap 30d, warm", lambda _: asking.heatmap(catalog, window=month), 40, "50 ms"
    )
    moments = np.linspace(end_ns - 15 * DAY_NS, end_ns, 12, endpoint=False).astype(int).tolist()
    yield repeated(
        "levels at a moment nobody asked for",
        lambda number: asking.levels(catalog, at=moments[number] + 1),
        len(moments),
        "3 s",
    )


def as_processes(catalog: Path) -> Iterator[Row]:
    """Measure the command line from start to exit."""
    command = [sys.executable, "-c", "from liq_nautilus.cli import run; run()"]

    def run(*words: str) -> None:
        subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own words

    asked = ("levels", "--catalog", str(catalog), "--json")
    yield repeated("liq-nautilus levels --json", lambda _: run(*asked), 5, "2 s")
    yield repeated("liq-nautilus --help", lambda _: run("--help"), 5, "0.4 s")


@contextmanager
def serving(catalog: Path) -> Iterator[str]:
    """Run a server, and yield its address."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    words = ["serve", "--catalog", str(catalog), "--port", str(port)]
    command = [sys.executable, "-c", "from liq_nautilus.cli import run; run()", *words]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:  # noqa: S603 - our own words
        address = f"http://127.0.0.1:{port}"
        while True:
            try:
                httpx.get(f"{address}/health", timeout=60)
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                break
        yield address
        server.terminate()


def over_http(catalog: Path, n_each: int = 25) -> Row:
    """Measure replies to many clients at once, which ask all paths in turn."""
    clock: list[float] = []

    def ask(address: str, number: int) -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            for turn in range(n_each):
                begun = time.perf_counter()
                reply = client.get(_PATHS[(number + turn) % len(_PATHS)])
                clock.append(1e3 * (time.perf_counter() - begun))
                reply.raise_for_status()

    with serving(catalog) as address:
        for path in _PATHS:
            httpx.get(address + path, timeout=120).raise_for_status()
        clients = [threading.Thread(target=ask, args=(address, i)) for i in range(_CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    return Row(f"HTTP, {_CLIENTS} clients at once", clock, [], "60 ms")


def tell(rows: list[Row], days: int) -> None:
    """Print the table."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{days} days of 5-minute data, {os.cpu_count()} cores, load {load}; milliseconds\n")
    print(f"{'':<38} {'median':>9} {'p95':>9} {'processor':>10}  goal (p95)")
    for row in rows:
        middle, high = statistics.median(row.clock), float(np.quantile(row.clock, 0.95))
        used = f"{statistics.median(row.processor):.1f}" if row.processor else ""
        print(f"{row.what:<38} {middle:>9.1f} {high:>9.1f} {used:>10}  {row.goal}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, days in (("small", 2), ("files", given.days)):
            write_market(root / name, days)
            ingest(root / name, root / f"{name}-catalog")
        # Compiles the inner loops, which is no part of any question.
        asking.heatmap(root / "small-catalog")
        catalog = root / "files-catalog"
        rows = [*in_python(catalog, given.days), over_http(catalog), *as_processes(catalog)]
        tell(rows, given.days)


if __name__ == "__main__":
    main()
