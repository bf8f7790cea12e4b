"""SIGKILL at random moments, two processes at once, and bounded memory: with real processes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from support.data_files import KINDS
from support.data_files import digest
from support.data_files import write_file

from liq_nautilus.nautilus.ingest.ingest import ingest

N_KILLS = 50
# Says when everything is imported, ingests when told to, and says what that took.
CHILD = """
import resource, sys, time
from pathlib import Path
from liq_nautilus.nautilus.ingest.ingest import ingest
import json
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
summary = ingest(Path(sys.argv[1]), Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak_mb": peak, **summary.to_dict()}), flush=True)
"""


def start_child(source: Path, catalog: Path) -> subprocess.Popen:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(source), str(catalog)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def go(child: subprocess.Popen) -> None:
    assert child.stdin is not None
    child.stdin.write("go\n")
    child.stdin.flush()


def result_of(child: subprocess.Popen) -> dict:
    with child:
        assert child.stdout is not None
        return json.loads(child.stdout.read())


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    klines, metrics, trades = KINDS["klines"], KINDS["metrics"], KINDS["aggTrades"]
    for day in range(20):
        date = f"2025-01-{day + 1:02d}"
        write_file(folder, klines, klines.lines(1440, day * 1440), name=f"BTCUSDT-1m-{date}")
        write_file(folder, metrics, metrics.lines(288, day * 288), name=f"BTCUSDT-metrics-{date}")
    write_file(folder, klines, klines.lines(31 * 1440), name="BTCUSDT-1m-2025-01", suffix=".zip")
    write_file(folder, trades, trades.lines(900_000), name="BTCUSDT-aggTrades-2025-01")
    return folder


def kill_at_random(source: Path, folder: Path, n_kills: int, seed: int) -> None:
    """Kill runs, let some come to their end, and hold those against one that was not disturbed."""
    ingest(source, folder / "undisturbed")
    wanted = digest(folder / "undisturbed")
    child = start_child(source, folder / "timed")
    go(child)
    seconds = result_of(child)["seconds"]
    dice = random.Random(seed)
    n_killed = 0
    catalog = folder / "catalog0"
    for i in range(n_kills * 4):
        child = start_child(source, catalog)
        go(child)
        # Spread over the whole run, and its end in particular, where files are moved.
        time.sleep(dice.uniform(0, 1.1 * seconds))
        with child:
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
                n_killed += 1
        if (catalog / "data" / "bar").exists():
            found = ParquetDataCatalog(catalog).query(Bar)
            assert len(found) == len({bar.ts_init for bar in found})
        if i % 5 == 4 or child.returncode == 0 or n_killed >= n_kills:
            # Now and then a run may finish; every other time the next kill meets the remains.
            ingest(source, catalog)
            assert digest(catalog) == wanted
            catalog = folder / f"catalog{i + 1}"
        if n_killed >= n_kills:
            break
    assert n_killed >= n_kills


def test_killed_a_few_times_the_catalog_is_the_same_in_the_end(tmp_path):
    klines, metrics = KINDS["klines"], KINDS["metrics"]
    for day in range(28, 34):
        date = f"2025-01-{day + 1:02}" if day < 31 else f"2025-02-{day - 30:02}"
        rows = klines.lines(1440, day * 1440)
        write_file(tmp_path / "source", klines, rows, name=f"BTCUSDT-1m-{date}")
        rows = metrics.lines(288, day * 288)
        write_file(tmp_path / "source", metrics, rows, name=f"BTCUSDT-metrics-{date}")
    kill_at_random(tmp_path / "source", tmp_path, 3, seed=1)


@pytest.mark.slow
def test_killed_at_random_moments_the_catalog_is_the_same_in_the_end(source, tmp_path):
    kill_at_random(source, tmp_path, N_KILLS, seed=3)


@pytest.mark.slow
def test_two_processes_at_once_do_not_corrupt(source, tmp_path):
    children = [start_child(source, tmp_path / "catalog") for _ in range(2)]
    for child in children:
        go(child)
    first, second = (result_of(child)["kinds"]["klines-1m"]["BTCUSDT"] for child in children)
    assert sorted([first["kept"], second["kept"]]) == [0, 31 * 1440]
    ingest(source, tmp_path / "alone")
    assert digest(tmp_path / "catalog") == digest(tmp_path / "alone")


def write_many_trades(path: Path, n_rows: int) -> None:
    lines = KINDS["aggTrades"].lines(100_000)
    with path.open("w") as file:
        file.write(KINDS["aggTrades"].header + "\n")
        for block in range(n_rows // len(lines)):
            for i, line in enumerate(lines):
                number = block * len(lines) + i
                fields = line.split(",")
                fields[0], fields[5] = str(number), str(1_735_689_600_000 + number * 30)
                file.write(",".join(fields) + "\n")


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [1_000_000, 6_000_000])
def test_memory_is_bounded_whatever_the_size(tmp_path, n_rows):
    path = tmp_path / "BTCUSDT-aggTrades-2025-01.csv"
    write_many_trades(path, n_rows)
    child = start_child(path, tmp_path / "catalog")
    go(child)
    result = result_of(child)
    assert result["kinds"]["aggTrades"]["BTCUSDT"]["kept"] == n_rows
    assert result["peak_mb"] < 1_500
    # The second run compares every row with what is there: that must not take more either.
    child = start_child(path, tmp_path / "catalog")
    go(child)
    again = result_of(child)
    assert again["kinds"]["aggTrades"]["BTCUSDT"]["already_present"] == n_rows
    assert again["peak_mb"] < 1_500
