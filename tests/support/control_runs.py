"""Paired backtests of simulated markets, one per seed, in as many processes as there are cores."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING
from typing import Final

from liq_nautilus.core.records import REVERSAL_OPPORTUNITY
from liq_nautilus.market.dump_files import write_files
from liq_nautilus.market.simulation import simulate
from liq_nautilus.market.worlds import world
from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions
from liq_nautilus.nautilus.backtest.paired import _replay
from liq_nautilus.nautilus.backtest.paired import run_paired
from liq_nautilus.nautilus.backtest.results import read_run
from liq_nautilus.nautilus.backtest.rival_signals import plain_drop_signals
from liq_nautilus.nautilus.backtest.scope import resolve_scope
from liq_nautilus.nautilus.ingest.ingest import ingest
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Sequence
    from pathlib import Path

    from liq_nautilus.nautilus.backtest.results import RunResult

_KINDS: Final = ("klines-5m", "metrics", "fundingRate", "liquidations-1h")
_SYMBOL: Final = "BTCUSDT"
_DAYS: Final = 7


def options_of(folder: Path, symbols: Sequence[str]) -> BacktestOptions:
    """Return what is run on a catalog in a folder."""
    return BacktestOptions(
        catalog=folder / "catalog",
        out=folder / "out",
        symbols=tuple(symbols),
        random_runs=0,
        actor={"publish_models": [], "publish_clusters": False, "publish_forecasts": ()},
        strategy={"trade_reversals": True},
    )


def backtest_of(name: str, seed: int, folder: Path, symbols: Sequence[str]) -> RunResult:
    """Simulate a week, ingest its files and run with signals off and on."""
    for symbol in symbols:
        market = simulate(world(name), symbol=symbol, days=_DAYS, seed=seed)
        write_files(market, folder / "files", kinds=_KINDS)
    ingest(folder / "files", folder / "catalog")
    return run_paired(options_of(folder, symbols))


def differences_of(name: str, seed: int, folder: Path) -> dict[str, float]:
    """Return what signals changed in one simulated week (quote; log returns)."""
    own = folder / str(seed)
    result = backtest_of(name, seed, own, (_SYMBOL,))
    summary = result.summary
    fees = summary["signals"]["fees"] - summary["baseline"]["fees"]
    event = result.events.set_index(["action", "horizon"]).loc[(REVERSAL_OPPORTUNITY, "1h")]
    n = event["n_events"]
    return {
        "net": summary["difference"]["pnl"],
        "fees": fees,
        "before_fees": summary["difference"]["pnl"] - fees,
        "n_reversals": n,
        # Summed, so that a week without such signals counts as one in which nothing was won.
        "returns": n * event["difference"] if n else 0.0,
    }


def peeking_of(name: str, seed: int, folder: Path) -> float:
    """Return what a rule that knows the prices of the next hour would have won before fees."""
    options = options_of(folder / str(seed), (_SYMBOL,))
    result = read_run(options.out)
    ts_close, closes = result.bars["ts_close"].to_numpy(), result.bars["close"].to_numpy()
    times = result.signals["ts"].to_numpy()
    # The plain rule on bars stamped an hour too early, and with the move in place of against it.
    table = plain_drop_signals(times, ts_close - HOUR_NS, closes, share=0.02)
    table["position_side"] = -table["position_side"]
    ledger = _replay(resolve_scope(options), {_SYMBOL: table})
    baseline = result.summary["baseline"]
    won = float(ledger.pnl.total - ledger.pnl.fees)
    return won - (baseline["pnl"] - baseline["fees"])


def over_seeds[T](
    of_seed: Callable[[str, int, Path], T], name: str, seeds: Sequence[int], folder: Path
) -> list[T]:
    """Return what a function says of each seed."""
    # Spawned, since a forked process would share the engine's threads.
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        n = len(seeds)
        return list(pool.map(of_seed, [name] * n, seeds, [folder] * n))
