"""What is read back of the folder that a backtest leaves."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from nautilus_trader.persistence.catalog.parquet import ParquetDataCatalog
from support.trading_engine import START

from liq_nautilus.core.records import Levels
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.backtest import results
from liq_nautilus.nautilus.backtest.results import levels_frame
from liq_nautilus.nautilus.backtest.results import read_clusters
from liq_nautilus.nautilus.backtest.results import read_levels
from liq_nautilus.nautilus.backtest.results import read_run
from liq_nautilus.nautilus.backtest.results import read_signals
from liq_nautilus.nautilus.backtest.results import write_summary
from liq_nautilus.nautilus.backtest.results import write_table
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from pathlib import Path

BTC, SOL = "BTCUSDT", "SOLUSDT"
MODELS = ("binance_standard", "funding_adjusted", "ensemble")


def levels(ts: int, model: str, n: int, symbol: str = BTC) -> LiquidationLevels:
    # Prices tell the moment and the model, notionals the place; heard a second after it happened.
    price = 1_000.0 * (1 + MODELS.index(model)) + np.arange(n)
    notional, side = np.arange(n) + ts % DAY_NS / SECOND_NS, np.where(np.arange(n) % 2, 1, -1)
    rest = (notional, notional, notional, side.astype(np.int8), price / 10.0, price / 1e5)
    btc = instrument_id(symbol)
    return LiquidationLevels(
        btc, model, 1.0, price, notional, *rest, True, "", "BINANCE", ts - SECOND_NS, ts
    )


def clusters(ts: int, low: list[float], side: list[int]) -> LiquidationClusters:
    at = np.array(low)
    sides = np.array(side, dtype=np.int8)
    btc = instrument_id(BTC)
    return LiquidationClusters(
        btc, 1.0, at, at + 2.0, at + 1.0, at * 10.0, sides, at * 0.1, 0.5, ts - SECOND_NS, ts
    )


def signal(ts: int, action: str, symbol: str = BTC) -> LiquidationSignal:
    btc = instrument_id(symbol)
    return LiquidationSignal(
        btc, action, "why", 0.7, -1, 99_000.0, 5e6, 0.2, 1.0, ts - SECOND_NS, ts
    )


def test_signals_of_one_symbol_are_read_in_the_order_of_time(tmp_path: Path):
    assert read_signals(tmp_path, BTC).empty
    assert read_signals(tmp_path, BTC).columns[0] == "ts"
    catalog = ParquetDataCatalog(tmp_path)
    # A file a day, written in the wrong order.
    for day in (1, 0):
        catalog.write_data([signal(START + day * DAY_NS + i, "AVOID") for i in (1, 2)])
    catalog.write_data([signal(START, "WAIT", SOL)])
    found = read_signals(tmp_path, BTC)
    assert found["ts"].tolist() == [START + 1, START + 2, START + DAY_NS + 1, START + DAY_NS + 2]
    assert found["ts"].dtype == read_signals(tmp_path, "ETHUSDT")["ts"].dtype == np.int64
    assert found.index.tolist() == [0, 1, 2, 3]
    assert found.drop(columns="ts").iloc[2].to_dict() == {
        "action": "AVOID",
        "reason": "why",
        "confidence": 0.7,
        "position_side": -1,
        "cluster_price": 99_000.0,
        "cluster_notional": 5e6,
    }
    assert read_signals(tmp_path, SOL)["action"].tolist() == ["WAIT"]


def test_levels_are_read_as_one_row_each(tmp_path: Path):
    columns = ["ts", "model", "price", "notional", "side"]
    assert read_levels(tmp_path, BTC).columns.tolist() == columns
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([levels(START, "ensemble", 2), levels(START, "binance_standard", 0)])
    catalog.write_data([levels(START + DAY_NS + 5 * SECOND_NS, "funding_adjusted", 3)])
    catalog.write_data([levels(START, "ensemble", 1, SOL)])
    catalog.write_data([signal(START, "WAIT")])
    found = read_levels(tmp_path, BTC)
    assert found.columns.tolist() == columns
    assert found.index.tolist() == [0, 1, 2, 3, 4]
    late = START + DAY_NS + 5 * SECOND_NS
    assert found.to_numpy().tolist() == [
        [START, "ensemble", 3_000.0, 0.0, -1],
        [START, "ensemble", 3_001.0, 1.0, 1],
        [late, "funding_adjusted", 2_000.0, 5.0, -1],
        [late, "funding_adjusted", 2_001.0, 6.0, 1],
        [late, "funding_adjusted", 2_002.0, 7.0, -1],
    ]
    assert len(read_levels(tmp_path, SOL)) == 1


@pytest.mark.parametrize(
    ("n_models", "most", "n_days", "expected"),
    [
        # Seven moments a day, in files of a day each.
        (3, 14, 2, range(14)),
        (3, 13, 2, range(0, 14, 2)),
        (3, 7, 3, range(0, 21, 3)),
        (1, 20, 3, range(0, 21, 2)),
        (1, 1, 2, [0]),
    ],
)
def test_of_many_moments_so_many_are_read_evenly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    n_models: int,
    most: int,
    n_days: int,
    expected: list[int],
):
    monkeypatch.setattr(results, "MAX_LEVEL_MOMENTS", most)
    catalog = ParquetDataCatalog(tmp_path)
    times = np.array([START + d * DAY_NS + i * SECOND_NS for d in range(n_days) for i in range(7)])
    for day in np.split(times, n_days):
        catalog.write_data([levels(int(ts), m, 2) for ts in day for m in MODELS[:n_models]])
    found = read_levels(tmp_path, BTC)
    assert found["ts"].unique().tolist() == times[list(expected)].tolist()
    assert len(found) == len(expected) * n_models * 2 <= most * n_models * 2


def test_clusters_are_read_as_one_row_each(tmp_path: Path):
    columns = ["ts", "price_low", "price_high", "price_peak", "notional", "side", "significance"]
    assert read_clusters(tmp_path, BTC).columns.tolist() == columns
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([clusters(START, [10.0, 20.0], [1, -1]), clusters(START + 1, [], [])])
    catalog.write_data([clusters(START + DAY_NS, [30.0], [-1])])
    found = read_clusters(tmp_path, BTC)
    assert found.columns.tolist() == columns
    assert found.index.tolist() == [0, 1, 2]
    assert found.to_numpy().tolist() == [
        [START, 10.0, 12.0, 11.0, 100.0, 1, 1.0],
        [START, 20.0, 22.0, 21.0, 200.0, -1, 2.0],
        [START + DAY_NS, 30.0, 32.0, 31.0, 300.0, -1, 3.0],
    ]


def test_levels_at_the_end_say_leverage_and_confidence():
    records = [
        levels(START, model, n).to_record() for model, n in zip(MODELS, (2, 1, 0), strict=True)
    ]
    assert all(isinstance(record, Levels) for record in records)
    frame = levels_frame(records)
    assert frame.index.tolist() == [0, 1, 2]
    assert frame.columns.tolist() == [
        "model",
        "price",
        "notional",
        "side",
        "leverage",
        "confidence",
    ]
    assert frame.to_numpy().tolist() == [
        ["binance_standard", 1_000.0, 0.0, -1, 100.0, 0.01],
        ["binance_standard", 1_001.0, 1.0, 1, pytest.approx(100.1), pytest.approx(0.01001)],
        ["funding_adjusted", 2_000.0, 0.0, -1, 200.0, 0.02],
    ]


def write_run(out: Path) -> None:
    """A folder in which each table tells its name, run and symbol."""
    write_summary(out, {"symbols": [BTC, SOL], "sharpe": math.nan})
    for run in ("baseline", "signals"):
        write_table(out, f"equity_{run}", pd.DataFrame({"ts": [START], "equity": [len(run)]}))
    paired = [f"{name}_{run}" for name in ("fills", "positions") for run in ("baseline", "signals")]
    for name in (*paired, "bars", "levels_final", "events"):
        rows = [(symbol, f"{name} of {symbol}") for symbol in (BTC, SOL, BTC)]
        write_table(out, name, pd.DataFrame(rows, columns=["symbol", "what"], index=[7, 8, 9]))
    catalog = ParquetDataCatalog(out / "published")
    catalog.write_data([signal(START, "WAIT", SOL)])
    catalog.write_data([levels(START, "ensemble", 2)])
    catalog.write_data([clusters(START, [1.0], [1])])


@pytest.mark.parametrize(("symbol", "expected"), [(None, BTC), (BTC, BTC), (SOL, SOL)])
def test_a_run_is_read_by_symbol(tmp_path: Path, symbol: str | None, expected: str):
    out = tmp_path / "of" / "today"
    write_table(out, "bars", pd.DataFrame())
    write_run(out)
    assert pq.read_schema(out / "tables" / "bars.parquet").names == ["symbol", "what"]
    run = read_run(out, symbol)
    assert (run.symbol, run.symbols) == (expected, (BTC, SOL))
    assert run.summary == {"symbols": [BTC, SOL], "sharpe": None}
    n = 2 if expected == BTC else 1
    tables = {"bars": run.bars, "levels_final": run.levels_final, "events": run.events}
    for name in ("baseline", "signals"):
        tables |= {f"fills_{name}": run.fills[name], f"positions_{name}": run.positions[name]}
        assert run.equity[name].to_dict("list") == {"ts": [START], "equity": [len(name)]}
    for name, table in tables.items():
        assert table.to_dict("list") == {"what": [f"{name} of {expected}"] * n}
        assert table.index.tolist() == list(range(n))
    assert len(run.signals) == (expected == SOL)
    assert len(run.levels) == 2 * (expected == BTC)
    assert len(run.clusters) == (expected == BTC)


def test_what_a_folder_lacks_is_told(tmp_path: Path):
    with pytest.raises(StoreError, match=r"summary\.json.*run `liq-nautilus backtest` first"):
        read_run(tmp_path)
    write_run(tmp_path)
    with pytest.raises(StoreError, match="must have traded ETHUSDT, it traded BTCUSDT, SOLUSDT"):
        read_run(tmp_path, "ETHUSDT")
    (tmp_path / "tables" / "events.parquet").write_text("no table")
    with pytest.raises(StoreError, match=r"must hold .*events\.parquet, it does not \(.*run back"):
        read_run(tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["sharpe"] is None
