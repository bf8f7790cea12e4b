"""What all commands share: options, times, output, settings from the environment."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any
from urllib.parse import unquote

import typer

from liq_nautilus.errors import SettingError
from liq_nautilus.json_files import json_text
from liq_nautilus.times import from_iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping

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


def local_path(path: Path) -> Path:
    """
    Return a path with `~` for the home folder resolved, and without `file://`.

    Raises
    ------
    SettingError
        If there is no such home folder.

    """
    text = str(path)
    if text.startswith("file:/"):
        path = Path(unquote(text.removeprefix("file:")))
    try:
        return path.expanduser()
    except RuntimeError as e:
        msg = f"a path must not begin with ~ where no home folder is known, was {path}"
        raise SettingError(msg) from e


def with_local_paths[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Return a command with its paths, also those of the environment, made local."""

    @functools.wraps(command)
    def run(*args: P.args, **options: P.kwargs) -> R:
        for name, value in options.items():
            if isinstance(value, Path):
                options[name] = local_path(value)
        return command(*args, **options)

    return run


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
        return from_iso(text)
    except ValueError as e:
        msg = f"{option} must be an ISO 8601 time such as 2026-01-31T12:00, was {text!r}"
        raise SettingError(msg) from e


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


def print_json(document: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print one JSON document on stdout."""
    sys.stdout.write(json_text(document))


def say(text: str) -> None:
    """Print a line for the person at the terminal on stderr, where it spoils no JSON."""
    typer.echo(text, err=True)


def what_labels_mean(stamps: Mapping[str, int]) -> str:
    """
    Return in words of how many files the labels of snapshots mean what.

    Examples
    --------
    >>> what_labels_mean({"at_label": 5, "later": 2, "undecided": 1})
    'labels are the moment of the snapshot in 5 files, five minutes before it in 2, untold in 1'

    """
    return (
        f"labels are the moment of the snapshot in {stamps['at_label']:,} files, five minutes "
        f"before it in {stamps['later']:,}, untold in {stamps['undecided']:,}"
    )


def number_text(value: float | None, form: str = ".3f") -> str:
    """Return a number of a table, or that there is none."""
    return "n/a" if value is None else format(value, form)


def interval_text(values: list[float] | None, form: str = "+.3f") -> str:
    """Return an interval of a table, empty if there is none."""
    return "" if values is None else f"{values[0]:{form}}..{values[1]:{form}}"
