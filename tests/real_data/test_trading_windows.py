from __future__ import annotations

from pathlib import Path

import pytest

from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions
from liq_nautilus.nautilus.backtest.paired import run_paired
from liq_nautilus.nautilus.ingest.ingest import ingest

DATA = Path(__file__).parents[2] / "../shared/data"
DAY = 86_400_000_000_000

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason="the real data is not on this machine"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalog")
    for folder in ("futures/um", "liquidation-bars"):
        ingest(DATA / folder, path, symbols=["BTCUSDT"])
    return path


@pytest.mark.parametrize(
    ("start_day", "days", "bar", "fewest_updates"),
    [(20_599, 8, "5m", 8 * 288), (20_427, 13, "5m", 13 * 24), (20_454, 31, "1h", 31 * 24 - 1)],
    ids=["A", "B", "C"],
)
def test_windows_of_real_data(
    catalog: Path, tmp_path: Path, start_day: int, days: int, bar: str, fewest_updates: int
):
    options = BacktestOptions(
        catalog=catalog,
        out=tmp_path,
        start_ns=start_day * DAY,
        end_ns=(start_day + days) * DAY,
        bar=bar,
        random_runs=0,
    )
    result = run_paired(options)
    summary = result.summary
    assert summary["map_updates"] >= fewest_updates - 1
    assert summary["updates"]["levels"] == 4 * summary["map_updates"]
    assert summary["duty"]["AVOID"] < 0.3
    assert summary["skipped"] == 0
    for name in ("baseline", "signals"):
        run = summary[name]
        parts = run["price_pnl"] + run["fees"] + run["funding"] + run["liquidations"]
        assert parts == pytest.approx(run["pnl"], abs=1e-8)
    assert len(result.events) == 12
