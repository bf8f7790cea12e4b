"""
Controls on the simulated market: a signal must pay where there is something, and not elsewhere.

The seeds are not those used in building.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pytest

from liq_nautilus.core.records import REVERSAL_OPPORTUNITY
from liq_nautilus.market.files import write_files
from liq_nautilus.market.simulation import simulate
from liq_nautilus.market.worlds import world
from liq_nautilus.nautilus.backtest import run_paired
from liq_nautilus.nautilus.ingest import ingest
from liq_nautilus.nautilus.options import BacktestOptions

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.nautilus.results import RunResult

pytestmark = pytest.mark.slow

_KINDS: Final = ("klines-5m", "metrics", "fundingRate", "liquidations-1h")
_SEEDS: Final = tuple(range(101, 111))
_DAYS: Final = 7


def backtest_of(name: str, seed: int, folder: Path, symbols: tuple[str, ...]) -> RunResult:
    for symbol in symbols:
        market = simulate(world(name), symbol=symbol, days=_DAYS, seed=seed)
        write_files(market, folder / "files", kinds=_KINDS)
    ingest(folder / "files", folder / "catalog")
    return run_paired(
        BacktestOptions(
            catalog=folder / "catalog",
            out=folder / "out",
            symbols=symbols,
            random_runs=0,
            actor={"publish_models": ["ensemble"], "publish_clusters": False},
        )
    )


def differences(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return per seed the difference of P&L, and of returns an hour after a reversal signal."""
    pnl, returns = [], []
    for seed in _SEEDS:
        result = backtest_of(name, seed, folder / str(seed), ("BTCUSDT",))
        pnl.append(result.summary["difference"]["pnl"])
        events = result.events.set_index(["action", "horizon"])
        returns.append(events.loc[(REVERSAL_OPPORTUNITY, "1h"), "difference"])
    return np.array(pnl), np.array(returns)


def interval(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    drawn = np.random.default_rng(0).choice(known, size=(10_000, known.size)).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def test_signals_help_where_cascades_push_the_price_and_revert(tmp_path: Path):
    pnl, returns = differences("cascade", tmp_path)
    low, _ = interval(pnl)
    assert low > 0.0
    low, _ = interval(returns)
    assert low > 0.0


def test_signals_do_not_help_where_liquidations_leave_no_trace(tmp_path: Path):
    pnl, returns = differences("no_impact", tmp_path)
    # They must not help. With the shipped parameters both intervals lie below 0: there is nothing
    # to earn against the move, and trades cost fees.
    low, _ = interval(pnl)
    assert low < 0.0
    low, _ = interval(returns)
    assert low < 0.0


def test_two_simulated_symbols_share_an_account(tmp_path: Path):
    result = backtest_of("standard", 101, tmp_path, ("BTCUSDT", "SOLUSDT"))
    assert result.summary["symbols"] == ["BTCUSDT", "SOLUSDT"]
    for name in ("baseline", "signals"):
        run = result.summary[name]
        parts = run["price_pnl"] + run["fees"] + run["funding"] + run["liquidations"]
        assert parts == pytest.approx(run["pnl"], abs=1e-8)
        assert run["positions"] > 0
        assert run["funding"] != 0.0
