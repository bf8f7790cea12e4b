"""What all commands share: options, times, output, settings from the environment."""

from __future__ import annotations

import json
import math
import os
import sys
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Annotated
from typing import Any

import typer

from liq_nautilus.errors import SettingError

CatalogOption = Annotated[
    Path,
    typer.Option(
        "--catalog",
        help="Folder of the Parquet catalog.",
        envvar="LIQ_NAUTILUS_CATALOG",
        show_default=True,
    ),
]
SymbolsOption = Annotated[
    list[str] | None,
    typer.Option("--symbol", help="Symbol such as BTCUSDT; give it again for more."),
]
StartOption = Annotated[
    str | None, typer.Option("--start", help="First moment, ISO 8601 UTC (inclusive).")
]
EndOption = Annotated[
    str | None, typer.Option("--end", help="Last moment, ISO 8601 UTC (exclusive).")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")
]
LogFileOption = Annotated[
    Path | None, typer.Option("--log-file", help="Also write the log to this file.")
]
DEFAULT_CATALOG = Path("catalog")


def load_environment_file(path: Path = Path(".env")) -> None:
    """Put the `LIQ_NAUTILUS_*` lines of a `.env` file into the environment, where not yet set."""
    if not path.is_file():
        return
    from dotenv import dotenv_values

    for key, value in dotenv_values(path).items():
        if key.startswith("LIQ_NAUTILUS_") and value is not None:
            os.environ.setdefault(key, value)


def time_ns(text: str | None, option: str) -> int | None:
    """
    Return an option's ISO 8601 time as UTC nanoseconds.

    Raises
    ------
    SettingError
        If `text` is no ISO 8601 time.

    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as e:
        msg = f"{option} must be an ISO 8601 time such as 2026-01-31T12:00, was {text!r}"
        raise SettingError(msg) from e
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000


def window_ns(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """
    Return `--start` and `--end` as UTC nanoseconds.

    Raises
    ------
    SettingError
        If one is no time, or the end does not come after the start.

    """
    start_ns, end_ns = time_ns(start, "--start"), time_ns(end, "--end")
    if start_ns is not None and end_ns is not None and end_ns <= start_ns:
        msg = f"--end must come after --start, was {end} with --start {start}"
        raise SettingError(msg)
    return start_ns, end_ns


def iso_time(ts_ns: int) -> str:
    """Return UTC nanoseconds as ISO 8601 with a Z, without needless zeros."""
    seconds, ns = divmod(ts_ns, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{ns:09d}".rstrip("0").rstrip(".")
    return f"{text}{fraction}Z"


def without_nan(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value with NaN and infinities, which JSON lacks, as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value


def print_json(document: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print one JSON document on stdout."""
    json.dump(without_nan(document), sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def say(text: str) -> None:
    """Print a line for the person at the terminal on stderr, where it spoils no JSON."""
    typer.echo(text, err=True)
