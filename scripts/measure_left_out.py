"""
Score each window of a catalog with what the other ones teach.

    uv run python scripts/measure_left_out.py --catalog catalog --symbol BTCUSDT

Turnover and closing are the shipped ones; what is liquidated where, bands, baselines, regressions
are fitted on the other windows. One document of `liq-nautilus accuracy` is printed without realised
liquidations as inputs, and one with those of intervals that have ended.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from liq_nautilus.studies.accuracy import Part
from liq_nautilus.studies.accuracy import measure_accuracy
from liq_nautilus.studies.calibrating import Calibrator
from liq_nautilus.studies.inputs.loading import Request
from liq_nautilus.studies.inputs.loading import load_windows
from liq_nautilus.studies.parameter_files import shipped_fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.studies.inputs.windows import Window


def left_out(windows: Sequence[Window]) -> dict[str, Any]:
    """Return the documents of `accuracy` by whether past liquidations are inputs."""
    calibrator, base = Calibrator(), shipped_fit().parameters
    fits = [
        calibrator.refit([one for one in windows if one is not window], base) for window in windows
    ]
    return {
        name: measure_accuracy(
            windows,
            lambda number: [Part(windows[number], fits[number])],
            source="fitted on the other windows",
            with_liquidations=with_liquidations,
        )[0]
        for name, with_liquidations in (("without", False), ("with_liquidations", True))
    }


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", type=Path, default=Path("catalog"))
    parser.add_argument("--symbol", default="BTCUSDT")
    options = parser.parse_args()
    windows = load_windows(Request(options.catalog, options.symbol))
    print(json.dumps(left_out(windows), indent=1))


if __name__ == "__main__":
    main()
