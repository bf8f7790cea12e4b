"""The application object and the one place where a failure becomes an exit code."""

from __future__ import annotations

import os
import sys

import typer

from liq_nautilus.cli import accuracy
from liq_nautilus.cli import backtest
from liq_nautilus.cli import calibrate
from liq_nautilus.cli import demo
from liq_nautilus.cli import download
from liq_nautilus.cli import ingest
from liq_nautilus.cli import levels
from liq_nautilus.cli import quality
from liq_nautilus.cli.common import load_environment_file
from liq_nautilus.errors import LiqNautilusError

app = typer.Typer(
    name="liq-nautilus",
    help="Where leveraged Binance futures positions get liquidated: maps, signals, backtests.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


app.command("ingest")(ingest.ingest)
app.command("backtest")(backtest.backtest)
app.command("calibrate")(calibrate.calibrate)
app.command("accuracy")(accuracy.accuracy)
app.command("demo")(demo.demo)
app.command("levels")(levels.levels)
app.command("quality")(quality.quality)
app.command("download")(download.download)


def run() -> None:
    """
    Run the command line and exit with its code.

    0 done; 1 a failure, told in one line; 2 wrong usage.
    """
    load_environment_file()
    try:
        app()
    except LiqNautilusError as e:
        _fail(str(e))
    except Exception as e:  # the one place: a person gets a line, not a traceback
        if os.environ.get("LIQ_NAUTILUS_DEBUG"):
            raise
        _fail(
            f"unexpected {type(e).__name__}: {e}; this is a defect of liq-nautilus: "
            "set LIQ_NAUTILUS_DEBUG=1 for the traceback and report it"
        )


def _fail(text: str) -> None:
    # One line whatever the message holds.
    typer.echo(f"error: {' '.join(text.split())}", err=True)
    sys.exit(1)
