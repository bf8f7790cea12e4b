"""The command `download`: Binance's dump files, verified and resumable."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING
from typing import Annotated

import typer

from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import LogFileOption
from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import say
from liq_nautilus.cli.common import window_ns
from liq_nautilus.cli.logs import LogFormatOption
from liq_nautilus.cli.logs import logging_to
from liq_nautilus.errors import DataGapError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence

    from liq_nautilus.data.files.download import Outcome
    from liq_nautilus.data.files.download import Progress

_log = logging.getLogger("liq_nautilus.download")


def download(
    symbol: Annotated[str, typer.Argument(help="Symbol such as BTCUSDT.")],
    kind: Annotated[
        list[str],
        typer.Option("--kind", help="Kind such as klines-5m or metrics; again for more."),
    ],
    start: Annotated[str, typer.Option("--start", help="First day, ISO 8601 UTC.")],
    end: Annotated[str, typer.Option("--end", help="Last day, ISO 8601 UTC (exclusive).")],
    out: Annotated[Path, typer.Option("--out", help="Folder that gets the dump's layout.")],
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Address of the dump's data folder.")
    ] = None,
    n_at_once: Annotated[
        int, typer.Option("--at-once", min=1, max=32, help="Files at a time.")
    ] = 4,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds of silence before a retry.")
    ] = 30.0,
    log_file: LogFileOption = None,
    log_format: LogFormatOption = "text",
    as_json: JsonOption = False,
) -> None:
    """
    Fetch Binance's dump files of a window, whole months as one file where there is one.

    Each file is verified by its sha256. Files that are there are not fetched again, what broke off
    goes on where it ended, what fails is tried four times; days that are missing are listed.
    """
    from liq_nautilus.data.files.download import BASE_URL
    from liq_nautilus.data.files.download import Transfer
    from liq_nautilus.data.files.download import download as fetch
    from liq_nautilus.data.files.download import dump_files

    start_ns, end_ns = window_ns(start, end)
    files = dump_files(symbol, kind, start_ns or 0, end_ns or 0)
    transfer = Transfer(base_url or BASE_URL, n_at_once, timeout)
    with logging_to(log_file, log_format), _progress(len(files)) as progress:
        outcomes = fetch(files, out, transfer, progress)
        for outcome in outcomes:
            _log.info("%s: %s %s", outcome.file.address, outcome.state, outcome.what)
    _report(outcomes, out, as_json=as_json)


@contextmanager
def _progress(n_files: int) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn
    from rich.progress import MofNCompleteColumn
    from rich.progress import Progress as RichProgress
    from rich.progress import TextColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("downloading"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
    )
    with RichProgress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=n_files)
        total = 0

        def note(n_bytes: int, finished: str | None) -> None:
            nonlocal total
            total += n_bytes
            text = f"{total / 1e6:,.1f} MB {finished or ''}"
            bar.update(task, description=text, advance=int(finished is not None))

        yield note


def _report(outcomes: Sequence[Outcome], out: Path, *, as_json: bool) -> None:
    from liq_nautilus.data.files.download import FAILED
    from liq_nautilus.data.files.download import MISSING

    states = Counter(outcome.state for outcome in outcomes)
    lacking = [outcome for outcome in outcomes if outcome.state in (MISSING, FAILED)]
    if as_json:
        print_json(
            {
                "out": str(out),
                "files": {
                    state: states.get(state, 0)
                    for state in ("downloaded", "present", "missing", "failed")
                },
                "bytes": sum(outcome.n_bytes for outcome in outcomes),
                "issues": [
                    {"file": o.file.address, "state": o.state, "what": o.what} for o in lacking
                ],
            }
        )
    else:
        parts = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        typer.echo(f"{out}: {parts}")
        for outcome in lacking:
            say(f"{outcome.file.address}: {outcome.state}, {outcome.what}")
    if len(lacking) == len(outcomes):
        first = lacking[0]
        msg = f"at least one file must come, none did: {first.file.address} {first.what}"
        raise DataGapError(msg)
