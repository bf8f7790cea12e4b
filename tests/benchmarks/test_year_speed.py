"""
What the actor costs an engine over a long run; run by `pytest -m benchmark tests/benchmarks`.

Each run has a process of its own; ratios are of processor time, which other programs disturb less.
`LIQ_BENCHMARK_DAYS` sets the length: the figures of backtests/EVIDENCE.md are about 365 days.
"""

import json
import os
import subprocess
import sys
from operator import itemgetter
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark

DAYS = float(os.environ.get("LIQ_BENCHMARK_DAYS", "30"))
ROUNDS = 3
MEGABYTE = 1024
# A short run before it loads the kernels, which a year does not notice.
RUN = (
    "import sys, json; from support import year_market; year_market.run(sys.argv[1], 0.1); "
    "print(json.dumps(year_market.run(*sys.argv[1:])))"
)
# Of a strategy that listens to signals, and where somebody listens to levels of four models too.
MOST = {"signals": 5.5, "all": 8.0}


def measured(kind):
    """Return processor seconds and peak memory (kilobytes) of a run of minute bars."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, kind, str(DAYS)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def runs():
    # Each kind in turn and the quickest of its runs: what disturbs one does not disturb all.
    kinds = ("bare", "strategy", "signals", "all")
    rounds = [{kind: measured(kind) for kind in kinds} for _ in range(ROUNDS)]
    return {kind: min((one[kind] for one in rounds), key=itemgetter("seconds")) for kind in kinds}


def test_a_long_run_stays_within_a_multiple_of_the_bare_engine(runs, capsys):
    whole = ratios_of({kind: run["seconds"] for kind, run in runs.items()})
    without = ratios_of({kind: run["seconds"] - run["making"] for kind, run in runs.items()})
    say(capsys, f"{DAYS:g} days, processor time over the bare engine's: {whole}")
    say(capsys, f"not counting that of making the data: {without}")
    assert all(whole[kind] < most for kind, most in MOST.items())


def test_memory_is_bounded(runs, capsys):
    peak, bare = (runs[kind]["peak_kilobytes"] / MEGABYTE for kind in ("all", "bare"))
    say(capsys, f"peak memory: {peak:.0f} MB, the bare engine's {bare:.0f} MB")
    assert peak < 700.0


def ratios_of(seconds):
    return {kind: round(value / seconds["bare"], 2) for kind, value in seconds.items()}


def say(capsys, text):
    """Show a figure although the test passes."""
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")
