from __future__ import annotations

import errno
import os
import signal
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.objects import Price
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from support.trading_engine import START
from support.trading_engine import make_bar
from support.trading_market import BTC
from support.trading_market import bar_type_of
from support.trading_market import open_interest

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.live.live_options import RecordingOptions
from liq_nautilus.nautilus.live.recording import files as files_module
from liq_nautilus.nautilus.live.recording.files import RollingFiles
from liq_nautilus.nautilus.live.recording.files import is_recordable
from liq_nautilus.nautilus.live.recording.recorder import RecorderConfig
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from pathlib import Path


def reading(number: int, ts: int | None = None) -> OpenInterest:
    return open_interest(START + number * SECOND_NS if ts is None else ts, 100.0 + number).data


def kept(path: Path) -> list[float]:
    found = ParquetDataCatalog(path).query(OpenInterest, identifiers=[str(BTC)])
    return [item.data.open_interest for item in found]


def parquet(path: Path) -> list[Path]:
    return sorted((path / "data").rglob("*.parquet"))


def test_files_roll_and_the_newest_grows(tmp_path):
    files = RollingFiles(tmp_path, roll_secs=60.0)
    for first in range(0, 150, 10):
        files.write([reading(i) for i in range(first, first + 10)])
    assert kept(tmp_path) == [100.0 + i for i in range(150)]
    names = [path.name for path in parquet(tmp_path)]
    assert len(names) == 3
    assert names[1].startswith("2026-01-01T00-01-00-000000000Z_2026-01-01T00-01-59-999999999Z")
    assert files.n_written == 150
    assert not (tmp_path / ".recording" / "staged.parquet").exists()


def test_a_second_node_goes_on_with_the_file_of_the_first(tmp_path):
    RollingFiles(tmp_path, 60.0).write([reading(i) for i in range(5)])
    again = RollingFiles(tmp_path, 60.0)
    again.write([reading(i) for i in range(5, 8)])
    assert kept(tmp_path) == [100.0 + i for i in range(8)]
    assert again.n_written == 3


def test_a_clock_set_back_leaves_rows_in_order(tmp_path):
    files = RollingFiles(tmp_path, 60.0)
    files.write([reading(70), reading(10)])
    files.write([reading(5), reading(20)])
    table = pq.ParquetFile(parquet(tmp_path)[0]).read()
    times = np.asarray(table["ts_init"].to_numpy())
    assert np.all(np.diff(times.astype(np.int64)) > 0)
    assert kept(tmp_path) == [105.0, 110.0, 120.0, 170.0]


def test_nautilus_reads_back_what_venues_sent(tmp_path):
    mark = MarkPriceUpdate(BTC, Price.from_str("100.12345678"), START, START + 1)
    bar = make_bar(bar_type_of(1), START, (100.0, 101.0, 99.0, 100.5))
    funding = FundingRateUpdate(BTC, Decimal("-0.00012"), START, START + 2)
    RollingFiles(tmp_path).write([mark, bar, funding, reading(0)])
    catalog = ParquetDataCatalog(tmp_path)
    assert str(catalog.query(MarkPriceUpdate, identifiers=[str(BTC)])) == str([mark])
    assert catalog.query(Bar, identifiers=[str(bar.bar_type)]) == [bar]
    (back,) = catalog.query(FundingRateUpdate, identifiers=[str(BTC)])
    assert (back.rate, back.ts_init) == (Decimal("-0.00012"), START + 2)


def test_a_full_disk_loses_nothing_that_fits_later(tmp_path, monkeypatch):
    files = RollingFiles(tmp_path, 60.0)
    files.write([reading(0)])
    whole = pq.write_table

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    for number in range(1, 200, 10):
        files.write([reading(number)])
    assert kept(tmp_path) == [100.0]
    assert files.n_errors > 0
    assert "No space left on device" in files.last_error
    monkeypatch.setattr(pq, "write_table", whole)
    files.write([reading(300)])
    assert kept(tmp_path) == [100.0, *(100.0 + n for n in range(1, 200, 10)), 400.0]
    assert files.n_dropped == 0


def test_what_fits_nowhere_is_given_up_oldest_first(tmp_path, monkeypatch):
    monkeypatch.setattr(files_module, "_MOST_ROWS", 50)
    monkeypatch.setattr(files_module.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "x")))
    files = RollingFiles(tmp_path, 10.0)
    files.write([reading(i) for i in range(100)])
    assert files.n_dropped == 50
    monkeypatch.undo()
    files.write([reading(100)])
    assert kept(tmp_path) == [100.0 + i for i in range(50, 101)]


def test_old_files_are_deleted_when_a_new_one_begins(tmp_path):
    files = RollingFiles(tmp_path, 3_600.0, retention_days=2.0)
    for day in range(5):
        files.write([reading(day, START + day * DAY_NS)])
    assert kept(tmp_path) == [102.0, 103.0, 104.0]


def test_only_what_a_catalog_holds_is_recorded():
    assert is_recordable(reading(0))
    assert not is_recordable("text")


@pytest.mark.parametrize("name", ["flush_secs", "roll_secs", "retention_days"])
def test_times_must_be_above_zero(name):
    with pytest.raises(SettingError, match=f"{name} must be above 0, was 0"):
        RecorderConfig(path="x", **{name: 0.0})
    with pytest.raises(SettingError, match=f"recording.{name} must be above 0, was -1"):
        RecordingOptions("x", **{name: -1.0})


def test_a_killed_writer_leaves_whole_files_that_lack_its_last_rows_only(tmp_path):
    rng = np.random.default_rng(5)
    RollingFiles(tmp_path, 20.0).write([reading(0)])
    next_number = 1
    for _ in range(20):
        acknowledged = tmp_path / "acknowledged"
        child = os.fork()
        if child == 0:
            try:
                files = RollingFiles(tmp_path, 20.0)
                for number in range(next_number, next_number + 100_000, 7):
                    files.write([reading(i) for i in range(number, number + 7)])
                    staged = tmp_path / "acknowledged.staged"
                    staged.write_text(str(number + 7))
                    staged.replace(acknowledged)
            finally:
                os._exit(1)
        time.sleep(float(rng.uniform(0.02, 0.2)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        numbers = [round(value) - 100 for value in kept(tmp_path)]
        assert numbers == list(range(len(numbers)))
        n_told = int(acknowledged.read_text()) if acknowledged.exists() else 1
        assert len(numbers) >= n_told
        next_number = len(numbers)
    assert next_number > 20
