"""
Measures how well the map recovers the true positions of simulated markets, and prints a table.

Run it by hand: `uv run python scripts/measure_recovery.py`; it takes a few minutes.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np

from liq_nautilus.studies.recovery import recover
from liq_nautilus.studies.recovery import train


def measure(name: str, training: range, seeds: range, days: int) -> dict[str, Any]:
    trained = train(name, training, days=days)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(partial(recover, name, trained=trained, days=days), seeds))
    distances = {
        field: {
            key: float(np.mean([getattr(one, field)[key] for one in found]))
            for key in getattr(found[0], field)
        }
        for field in ("total_variation", "wasserstein")
    }
    return distances | {
        "coverage": float(np.mean([one.coverage for one in found])),
        "reported_ratio": float(np.nanmean([one.reported_ratio for one in found])),
        "turnover_rate": trained.parameters.turnover_rate,
        "liquidated_shares": [
            sum(trained.parameters.liquidated_shares_long),
            sum(trained.parameters.liquidated_shares_short),
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="+", default=["standard", "other"])
    parser.add_argument("--training", nargs=2, type=int, default=[1, 6], help="first, last seed")
    parser.add_argument("--seeds", nargs=2, type=int, default=[401, 420], help="first, last seed")
    parser.add_argument("--days", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    training = range(options.training[0], options.training[1] + 1)
    seeds = range(options.seeds[0], options.seeds[1] + 1)
    results = {name: measure(name, training, seeds, options.days) for name in options.worlds}
    if options.json:
        print(json.dumps(results, indent=1))
        return
    for name, result in results.items():
        print(f"\n{name}: 90 % bands cover {result['coverage']:.3f}, reported share over the true")
        print(f"one {result['reported_ratio']:.3f}, turnover {result['turnover_rate']}")
        print(f"{'':34}{'total variation':>16}{'Wasserstein':>14}")
        for key, value in result["total_variation"].items():
            print(f"{key:34}{value:16.3f}{100 * result['wasserstein'][key]:12.2f} %")


if __name__ == "__main__":
    main()
