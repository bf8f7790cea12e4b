"""The paired backtest: the same strategy with signals off and on, and what that is worth."""

from __future__ import annotations

import gc
import shutil
from dataclasses import dataclass
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pandas as pd
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Currency

from liq_nautilus.core.records import REVERSAL_OPPORTUNITY
from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.actor import LiquidationActor
from liq_nautilus.nautilus.backtest.comparison import daily_difference
from liq_nautilus.nautilus.backtest.comparison import duty
from liq_nautilus.nautilus.backtest.comparison import pnl_difference
from liq_nautilus.nautilus.backtest.comparison import study_events
from liq_nautilus.nautilus.backtest.comparison import trade_changes
from liq_nautilus.nautilus.backtest.equity import equity_curve
from liq_nautilus.nautilus.backtest.equity import max_drawdown
from liq_nautilus.nautilus.backtest.ledger import Ledger
from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.backtest.missing import missing_inputs
from liq_nautilus.nautilus.backtest.results import RunResult
from liq_nautilus.nautilus.backtest.results import levels_frame
from liq_nautilus.nautilus.backtest.results import read_run
from liq_nautilus.nautilus.backtest.results import read_signals
from liq_nautilus.nautilus.backtest.results import write_summary
from liq_nautilus.nautilus.backtest.results import write_table
from liq_nautilus.nautilus.backtest.rival_signals import plain_drop_signals
from liq_nautilus.nautilus.backtest.rival_signals import shifted_signals
from liq_nautilus.nautilus.backtest.run_config import run_config
from liq_nautilus.nautilus.backtest.scope import Scope
from liq_nautilus.nautilus.backtest.scope import resolve_scope
from liq_nautilus.nautilus.backtest.statistics import run_statistics
from liq_nautilus.nautilus.backtest.streaming import build_engine
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.layout import VENUE
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping
    from pathlib import Path

    from nautilus_trader.config import BacktestRunConfig

    from liq_nautilus.core.records import Levels
    from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions

_SEED: Final = 20_251
_FEWEST_RUNS: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class RunOutcome:
    """
    One run.

    Attributes
    ----------
    ledger : Ledger
        What it did to the account.
    n_updates, n_levels, n_signals, n_skipped : int
        What the actors published and could not take.
    final_levels : dict of str to list of Levels
        Per symbol the levels of every model at the end, by leverage.

    """

    ledger: Ledger
    n_updates: int
    n_levels: int
    n_signals: int
    n_skipped: int
    final_levels: Mapping[str, list[Levels]]


def run_once(config: BacktestRunConfig) -> RunOutcome:
    """
    Run one configuration and return what it did.

    Parameters
    ----------
    config : BacktestRunConfig
        See `liq_nautilus.nautilus.backtest.run_config.run_config`.

    """
    engine = build_engine(config)
    try:
        fills = record_fills(engine)
        engine.run(start=config.start, end=config.end, run_config_id=config.id)
        currency = Currency.from_str(str(config.venues[0].base_currency))
        ledger = read_ledger(engine, fills, Venue(VENUE), currency)
        actors = [a for a in engine.trader.actors() if isinstance(a, LiquidationActor)]
        return RunOutcome(
            ledger=ledger,
            n_updates=sum(actor.n_updates for actor in actors),
            n_levels=sum(actor.n_levels for actor in actors),
            n_signals=sum(actor.n_signals for actor in actors),
            n_skipped=sum(actor.n_skipped for actor in actors),
            final_levels={
                binance_symbol(actor.config.instrument_id): [
                    actor.tracker.levels(model, by_leverage=True)
                    for model in actor.tracker.model_names
                ]
                for actor in actors
            },
        )
    finally:
        engine.dispose()
        # An engine is full of cycles; the next one needs the room.
        gc.collect()


def run_paired(
    options: BacktestOptions, progress: Callable[[str], None] | None = None
) -> RunResult:
    """
    Run with signals off and on over identical data, compare, and write everything into a folder.

    Parameters
    ----------
    options : BacktestOptions
        What is asked for.
    progress : callable, optional
        Told in a few words what is being done.

    Returns
    -------
    RunResult
        Of the first symbol; read again with `read_run`.

    Raises
    ------
    DataGapError
        If the catalog lacks a symbol, bars or open interest for the window.
    SettingError
        If a setting is wrong.
    StoreError
        If the folder cannot be written, or is the catalog.

    """
    say = progress or _say_nothing
    scope = resolve_scope(options)
    published = _prepare(scope)
    say("running with signals off")
    baseline = run_once(_kept(scope, "baseline", run_config(scope, use_signals=False)))
    say("running with signals on")
    config = run_config(scope, use_signals=True, store_path=str(published))
    signals = run_once(_kept(scope, "signals", config))
    tables = {symbol: read_signals(published, symbol) for symbol in scope.symbols}
    bars = {symbol: _bars(scope, symbol) for symbol in scope.symbols}
    say("running with the signals at random moments, and a plain rule")
    rivals = _run_rivals(scope, tables, bars, baseline.ledger)
    plain = _without_slippage(scope, tables)
    extra = {"rivals": rivals, "without_slippage": plain}
    _write(scope, {"baseline": baseline, "signals": signals}, tables, bars, extra)
    return read_run(options.out)


def _say_nothing(text: str) -> None:
    del text


def _prepare(scope: Scope) -> Path:
    out = scope.options.out
    if out.resolve() == scope.options.catalog.resolve():
        msg = f"--out must be another folder than the catalog, was {out}; give another"
        raise StoreError(msg)
    published = out / "published"
    try:
        # What an earlier run left would mix with what this one publishes.
        shutil.rmtree(published, ignore_errors=True)
        shutil.rmtree(out / "tables", ignore_errors=True)
        published.mkdir(parents=True)
    except OSError as e:
        msg = f"--out must be a folder that can be written, was {out} ({e.strerror}); give another"
        raise StoreError(msg) from e
    return published


def _kept(scope: Scope, name: str, config: BacktestRunConfig) -> BacktestRunConfig:
    # The configuration stays beside the results, to be looked at and run again.
    path = scope.options.out / f"run-{name}.json"
    path.write_bytes(config.json())
    return config


def _bars(scope: Scope, symbol: str) -> pd.DataFrame:
    options = scope.options
    columns = ["ts_close", "open", "high", "low", "close"]
    # In parts: what reading needs beside the result is several times as large.
    edges = [*range(scope.start_ns, scope.end_ns, 30 * DAY_NS), scope.end_ns]
    catalog = Catalog(options.catalog)
    frames = (
        read(catalog, BARS, symbol, first, last, interval=scope.bar, required=False)
        for first, last in pairwise(edges)
    )
    parts = [pd.DataFrame({name: frame[name] for name in columns}) for frame in frames]
    return pd.concat(parts, ignore_index=True)


def _without_slippage(scope: Scope, tables: Mapping[str, pd.DataFrame]) -> dict[str, float] | None:
    # The same pair with market orders at the best price: what the assumed slippage costs.
    options = scope.options
    is_asked = options.slippage_pair and options.fill_model != {}
    if not is_asked or any(table.empty for table in tables.values()):
        return None
    scope = replace(scope, options=replace(scope.options, fill_model={}))
    baseline = run_once(run_config(scope, use_signals=False)).ledger.pnl.total
    signals = _replay(scope, tables).pnl.total
    return {
        "baseline": float(baseline),
        "signals": float(signals),
        "difference": float(signals - baseline),
    }


def _run_rivals(
    scope: Scope,
    tables: Mapping[str, pd.DataFrame],
    bars: Mapping[str, pd.DataFrame],
    baseline: Ledger,
) -> dict[str, Any]:
    # The same number of signals without the map's knowledge: what is left of the difference?
    base = float(baseline.pnl.total)
    if any(table.empty for table in tables.values()):
        return {"random": None, "plain_drop": None}
    rng = np.random.default_rng(_SEED)
    differences = []
    for _ in range(scope.options.random_runs or 0):
        fraction = float(rng.uniform(0.05, 0.95))
        rival = {symbol: shifted_signals(table, fraction) for symbol, table in tables.items()}
        differences.append(float(_replay(scope, rival).pnl.total) - base)
    drops = {}
    for symbol, table in tables.items():
        share = duty(table, scope.start_ns, scope.end_ns)[REVERSAL_OPPORTUNITY]
        drops[symbol] = plain_drop_signals(
            table["ts"].to_numpy(),
            bars[symbol]["ts_close"].to_numpy(),
            bars[symbol]["close"].to_numpy(),
            share,
        )
    plain = _replay(scope, drops)
    return {
        "random": _spread(differences),
        "plain_drop": {"difference": float(plain.pnl.total) - base, **_pnl(plain)},
    }


def _spread(differences: list[float]) -> dict[str, Any] | None:
    if not differences:
        return None
    # From fewer the outer percentiles would be hardly more than the extremes.
    interval: list[float | None] = [None, None]
    if len(differences) >= _FEWEST_RUNS:
        interval = [float(value) for value in np.percentile(differences, [2.5, 97.5])]
    return {
        "runs": len(differences),
        "mean_difference": float(np.mean(differences)),
        "interval": interval,
        "differences": differences,
    }


def _replay(scope: Scope, tables: Mapping[str, pd.DataFrame]) -> Ledger:
    folder = scope.options.out / "replayed"
    folder.mkdir(parents=True, exist_ok=True)
    paths = {symbol: str(folder / f"{symbol}.parquet") for symbol in tables}
    try:
        for symbol, table in tables.items():
            table.to_parquet(paths[symbol], index=False)
        return run_once(run_config(scope, use_signals=True, replay_paths=paths)).ledger
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(
    scope: Scope,
    outcomes: Mapping[str, RunOutcome],
    tables: Mapping[str, pd.DataFrame],
    bars: Mapping[str, pd.DataFrame],
    extra: dict[str, Any],
) -> None:
    out = scope.options.out
    equity = {
        name: equity_curve(outcome.ledger, bars, scope.start_ns)
        for name, outcome in outcomes.items()
    }
    for name, outcome in outcomes.items():
        write_table(out, f"equity_{name}", equity[name])
        write_table(out, f"fills_{name}", outcome.ledger.fills)
        write_table(out, f"positions_{name}", outcome.ledger.positions)
        write_table(out, f"funding_{name}", outcome.ledger.funding)
    final = outcomes["signals"].final_levels
    write_table(out, "bars", _stacked(bars))
    write_table(out, "levels_final", _stacked({s: levels_frame(r) for s, r in final.items()}))
    events = {
        symbol: study_events(
            table, bars[symbol]["ts_close"].to_numpy(), bars[symbol]["close"].to_numpy()
        )
        for symbol, table in tables.items()
    }
    write_table(out, "events", _stacked(events))
    daily = daily_difference(equity["baseline"], equity["signals"])
    write_table(out, "daily_difference", daily)
    write_summary(out, _summary(scope, outcomes, tables, equity, daily) | extra)


def _stacked(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [frame.assign(symbol=symbol) for symbol, frame in frames.items()]
    return pd.concat(parts, ignore_index=True)


def _summary(
    scope: Scope,
    outcomes: Mapping[str, RunOutcome],
    tables: Mapping[str, pd.DataFrame],
    equity: Mapping[str, pd.DataFrame],
    daily: pd.DataFrame,
) -> dict[str, Any]:
    duties = {symbol: duty(t, scope.start_ns, scope.end_ns) for symbol, t in tables.items()}
    signals = outcomes["signals"]
    runs = {name: _run(outcome.ledger, equity[name]) for name, outcome in outcomes.items()}
    return {
        "symbol": ",".join(scope.symbols),
        "symbols": list(scope.symbols),
        "start": iso(scope.start_ns),
        "end": iso(scope.end_ns),
        "bar": scope.bar,
        "warm_up": {
            "start": iso(scope.data_start_ns),
            "note": "data before the start moves map and averages; nothing is traded in it",
        },
        "updates": {"levels": signals.n_levels, "signals": signals.n_signals},
        "map_updates": signals.n_updates,
        "skipped": signals.n_skipped,
        "duty": _mean_duty(duties),
        "duty_by_symbol": duties,
        **runs,
        "difference": pnl_difference(daily),
        "trades": trade_changes(outcomes["baseline"].ledger.positions, signals.ledger.positions),
        "starting_balance": scope.starting_balance,
        "currency": scope.currency,
        "rules": scope.options.rules,
        "missing": missing_inputs(scope),
    }


def _run(ledger: Ledger, curve: pd.DataFrame) -> dict[str, Any]:
    fallen = max_drawdown(curve)
    return {
        **_pnl(ledger),
        "clearance_fees": float(ledger.pnl.clearance_fees),
        "insurance": float(ledger.pnl.insurance),
        "orders": ledger.n_orders,
        "refused": ledger.refusals,
        "slippage": ledger.slippage,
        "positions": ledger.n_positions,
        "max_drawdown": fallen,
        **run_statistics(curve, ledger.positions, fallen),
    }


def _mean_duty(duties: Mapping[str, dict[str, float]]) -> dict[str, float]:
    return {
        action: sum(one[action] for one in duties.values()) / len(duties)
        for action in next(iter(duties.values()))
    }


def _pnl(ledger: Ledger) -> dict[str, float]:
    return {
        "pnl": float(ledger.pnl.total),
        "price_pnl": float(ledger.pnl.price),
        "fees": float(ledger.pnl.fees),
        "funding": float(ledger.pnl.funding),
        "liquidations": float(ledger.pnl.liquidations),
    }
