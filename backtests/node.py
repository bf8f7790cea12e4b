"""
Actor, strategy and settlement in a plain Nautilus BacktestNode, by import path from its JSON.

Nothing of this package runs the backtest. Run `uv run liq-nautilus demo` once, which makes the
catalog, then

    uv run python backtests/node.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from nautilus_trader.backtest.node import BacktestNode

from liq_nautilus.nautilus import read_run_config

CONFIG = Path(__file__).with_suffix(".json")


def main(path: Path = CONFIG) -> None:
    """Run the configuration and print Nautilus's own account report."""
    config = read_run_config(path)
    node = BacktestNode([config])
    (result,) = node.run()
    engine = node.get_engine(config.id)
    if engine is not None:
        print(engine.trader.generate_positions_report())
    print(result.summary)
    node.dispose()  # type: ignore[no-untyped-call] # Nautilus 1.x ships no types


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
