"""The application object and the one place where a failure becomes an exit code."""

from __future__ import annotations

import contextlib
import os
import sys

import typer

from liq_nautilus.cli import accuracy
from liq_nautilus.cli import backtest
from liq_nautilus.cli import calibrate
from liq_nautilus.cli import demo
from liq_nautilus.cli import download
from liq_nautilus.cli import ingest
from liq_nautilus.cli import live
from liq_nautilus.cli import quality
from liq_nautilus.cli import serve
from liq_nautilus.cli.common import load_environment_file
from liq_nautilus.cli.common import with_local_paths
from liq_nautilus.cli.faults import fault_of_the_world
from liq_nautilus.cli.logs import with_log
from liq_nautilus.cli.questions import compare
from liq_nautilus.cli.questions import forecast
from liq_nautilus.cli.questions import heatmap
from liq_nautilus.cli.questions import history
from liq_nautilus.cli.questions import levels
from liq_nautilus.cli.questions import scenario
from liq_nautilus.cli.questions import signals
from liq_nautilus.errors import LiqNautilusError

app = typer.Typer(
    name="liq-nautilus",
    help="Where leveraged Binance futures positions get liquidated: maps, signals, backtests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


for command in (
    ingest.ingest,
    backtest.backtest,
    calibrate.calibrate,
    accuracy.accuracy,
    demo.demo,
    levels.levels,
    scenario.scenario,
    forecast.forecast,
    heatmap.heatmap,
    history.history,
    compare.compare,
    signals.signals,
    serve.serve,
    live.live,
    quality.quality,
    download.download,
):
    app.command(command.__name__)(with_local_paths(with_log(command)))


def run() -> None:
    """
    Run the command line and exit with its code.

    0 done; 1 a failure, told in one line; 2 wrong usage.
    """
    load_environment_file()
    try:
        try:
            app()
        finally:
            # Here rather than when Python ends: nobody could say then that the disk is full.
            sys.stdout.flush()
    except LiqNautilusError as e:
        _fail(str(e))
    except Exception as e:  # the one place: a person gets a line, not a traceback
        if os.environ.get("LIQ_NAUTILUS_DEBUG"):
            raise
        _fail(fault_of_the_world(e) or _defect(e))


def _defect(error: Exception) -> str:
    return (
        f"unexpected {type(error).__name__}: {error}; this is a defect of liq-nautilus: "
        "set LIQ_NAUTILUS_DEBUG=1 for the traceback and report it"
    )


def _fail(text: str) -> None:
    # One line whatever the message holds.
    typer.echo(f"error: {' '.join(text.split())}", err=True)
    with contextlib.suppress(OSError, ValueError):
        # What could not be written would be tried again, and fail again, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
