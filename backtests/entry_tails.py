"""
What the signals are worth to who is leveraged: not direction but tails, on random entries.

Thousands of entries at random moments, sides and leverages of 5x to 50x are held for four hours
with a stop; every way of sizing them has the same average exposure. Forecasts are fitted on all
windows but the one that is entered in.

    uv run python backtests/entry_tails.py catalog --entries 5000
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.json_files import write_json
from liq_nautilus.studies.forecasts.entries import MEASURES
from liq_nautilus.studies.forecasts.entries import draw_entries
from liq_nautilus.studies.forecasts.entries import measure_entries
from liq_nautilus.studies.forecasts.measuring import LEAVE_ONE_OUT
from liq_nautilus.studies.forecasts.measuring import trained_windows
from liq_nautilus.studies.forecasts.moments import gather_moments
from liq_nautilus.studies.inputs.loading import Request
from liq_nautilus.studies.inputs.loading import load_windows


def main() -> None:
    """Measure on the catalog that is named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--symbol", default="BTCUSDT")
    parser.add_argument("--entries", type=int, default=5000, help="Per window.")
    parser.add_argument("--out", type=Path, help="Write the figures as JSON.")
    options = parser.parse_args()
    windows = load_windows(Request(options.catalog, options.symbol), print)
    parts = []
    for window, trained in trained_windows(
        windows, TrackerParameters(), "4h", LEAVE_ONE_OUT, print
    ):
        moments = gather_moments(window, trained.parameters, "4h")
        parts.append(draw_entries(window, moments, options.entries))
    found = measure_entries(parts)
    write = sys.stdout.write
    write(f"{found['n']:,} entries, all ways with the same average exposure\n")
    for way, values in found["ways"].items():
        shown = "  ".join(f"{name} {values[name]:.5f}" for name in MEASURES)
        write(f"{way:28} {shown}\n")
    for row in found["differences"]:
        shown = "  ".join(
            f"{name} {row[name][0]:+.5f} [{row[name][1]:+.5f}, {row[name][2]:+.5f}]"
            for name in MEASURES
        )
        write(f"{row['way']} less {row['from']}: {shown}\n")
    if options.out is not None:
        write_json(options.out, found, "--out")


if __name__ == "__main__":
    main()
