"""
The strategy of this package with signals off and on, from a file of settings.

Run `uv run liq-nautilus demo` once, which makes the catalog, then

    uv run python backtests/paired.py

which is what `uv run liq-nautilus backtest backtests/paired.json` does, but for the report.

`demo` runs the same strategy on the same market with bars of one minute. Its averages and stops
then look at other moments and it makes other trades: the two often disagree on whether signals
paid, which is what the interval of the difference says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from liq_nautilus.nautilus.backtest.backtest_options import options_from_document
from liq_nautilus.nautilus.backtest.paired import run_paired

CONFIG = Path(__file__).with_suffix(".json")


def main(path: Path = CONFIG) -> None:
    """Run the pair and say what it was worth."""
    document = json.loads(path.read_text(encoding="utf-8"))
    options = options_from_document(
        document,
        catalog=Path(document["catalog"]),
        out=Path(document["out"]),
        symbols=tuple(document["symbol"]),
        bar=document["bar"],
    )
    summary = run_paired(options).summary
    for name in ("baseline", "signals", "difference"):
        print(name, summary[name])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
