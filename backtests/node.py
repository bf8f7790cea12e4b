"""
Actor, strategy and settlement in a plain Nautilus BacktestNode, by import path from its JSON.

Nothing of this package runs the backtest. Run `uv run liq-nautilus demo` once, which makes the
catalog, then

    uv run python backtests/node.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.config import BacktestRunConfig

CONFIG = Path(__file__).with_suffix(".json")


def main(path: Path = CONFIG) -> None:
    """Run the configuration and print Nautilus's own account report."""
    config = BacktestRunConfig.parse(path.read_bytes())
    # From JSON the class is a name, and then Nautilus ignores the bar types.
    data = [msgspec.structs.replace(one, data_cls=one.data_type) for one in config.data]
    config = msgspec.structs.replace(config, data=data)
    node = BacktestNode([config])
    (result,) = node.run()
    engine = node.get_engine(config.id)
    if engine is not None:
        print(engine.trader.generate_positions_report())
    print(result.summary)
    node.dispose()  # type: ignore[no-untyped-call] # Nautilus 1.x ships no types


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
