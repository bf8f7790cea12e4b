"""The command `ingest`: files of any recognised kind into the catalog."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING
from typing import Annotated

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import EndOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import LogFileOption
from liq_nautilus.cli.common import StartOption
from liq_nautilus.cli.common import SymbolsOption
from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import say
from liq_nautilus.cli.common import what_labels_mean
from liq_nautilus.cli.common import window_ns
from liq_nautilus.cli.logs import LogFormatOption
from liq_nautilus.cli.logs import logging_to
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from liq_nautilus.data.files.finding import SourceFile
    from liq_nautilus.nautilus.ingest.account import IngestSummary
    from liq_nautilus.nautilus.ingest.ingest import Progress

_LISTED_ISSUES = 20
_log = logging.getLogger("liq_nautilus.ingest")


def ingest(
    source: Annotated[Path, typer.Argument(help="A file, or a folder of any layout.")],
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolsOption = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Kind such as klines, klines-5m, metrics; again for more."),
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    exchange_info: Annotated[
        Path | None,
        typer.Option("--exchange-info", help="Binance's exchangeInfo JSON, for unusual symbols."),
    ] = None,
    venues: Annotated[
        list[str] | None,
        typer.Option(
            help="Of which venues liquidation bars are, such as BINANCE+BYBIT, or BINANCE:THINNED "
            "of a feed that shows a part; a column venues in the file counts more."
        ),
    ] = None,
    log_file: LogFileOption = None,
    log_format: LogFormatOption = "text",
    as_json: JsonOption = False,
) -> None:
    """
    Bring Binance's files into the catalog; a second run changes nothing.

    Labels of open interest (metrics) mean the moment of the snapshot in some copies of Binance's
    files and five minutes before it in others. Value over quantity is the price of the true moment:
    each file is held against the bars, in the same run or a later one.
    """
    from liq_nautilus.nautilus.ingest.ingest import ingest as run

    start_ns, end_ns = window_ns(start, end)
    with logging_to(log_file, log_format), _progress() as progress:
        summary = run(
            source,
            catalog,
            symbols=symbol,
            kinds=kind,
            start_ns=start_ns,
            end_ns=end_ns,
            exchange_info=exchange_info,
            venues=venues or (),
            progress=progress,
            on_wait=lambda: say(f"waiting for another process that writes {catalog}"),
        )
        _log_summary(summary)
    if as_json:
        print_json(summary.to_dict())
    else:
        _print_summary(summary)
    _tell_issues(summary)


@contextmanager
def _progress() -> Iterator[Progress]:
    # A bar on a terminal, nothing elsewhere; the log file gets each file either way.
    from rich.console import Console
    from rich.progress import BarColumn
    from rich.progress import MofNCompleteColumn
    from rich.progress import Progress as RichProgress
    from rich.progress import TextColumn
    from rich.progress import TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("ingesting"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with RichProgress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def note(file: SourceFile, n_files: int) -> None:
            _log.info("reading %s", file.name)
            bar.update(task, total=n_files, description=file.path.name, advance=1)

        yield note


def _log_summary(summary: IngestSummary) -> None:
    for issue in summary.issues:
        _log.warning("%s (%s): %s", issue.where, issue.kind, issue.what)
    for series, symbols in sorted(summary.kinds.items()):
        for symbol, counts in sorted(symbols.items()):
            _log.info(
                "%s %s: read %d, kept %d, rejected %d, duplicate %d, already present %d",
                series,
                symbol,
                counts.read,
                counts.kept,
                counts.rejected,
                counts.duplicate,
                counts.already_present,
            )


def _print_summary(summary: IngestSummary) -> None:
    document = summary.to_dict()
    head = f"{'kind':<24}{'symbol':<14}{'read':>12}{'kept':>12}{'rejected':>10}{'duplicate':>11}"
    typer.echo(f"{head}{'present':>12}  span")
    for series, symbols in document["kinds"].items():
        for symbol, row in symbols.items():
            typer.echo(
                f"{series:<24}{symbol:<14}{row['read']:>12,}{row['kept']:>12,}{row['rejected']:>10,}"
                f"{row['duplicate']:>11,}{row['already_present']:>12,}"
                f"  {row['first']} .. {row['last']}"
            )
    for kind, symbols in document["stamps"].items():
        for symbol, stamps in symbols.items():
            typer.echo(f"{kind} {symbol}: {what_labels_mean(stamps)}")
    for symbol, kinds in summary.suspicious.items():
        for kind, stretches in kinds.items():
            n_rows = sum(stretch.n_rows for stretch in stretches)
            typer.echo(
                f"{kind} {symbol}: {n_rows:,} rows are suspicious and not believed by the map, the "
                f"first at {iso(stretches[0].start_ns)}; `liq-nautilus quality` lists them"
            )
    files = document["files"]
    typer.echo(
        f"files: {files['read']} read, {files['refused']} refused, {files['ignored']} ignored"
    )


def _tell_issues(summary: IngestSummary) -> None:
    issues = summary.issues
    for issue in issues[:_LISTED_ISSUES]:
        say(issue.sentence)
    if len(issues) > _LISTED_ISSUES:
        n_rows = sum(issue.count for issue in issues[_LISTED_ISSUES:])
        say(
            f"and {len(issues) - _LISTED_ISSUES} more reasons for {n_rows:,} rows or files; "
            "--json or --log-file has all"
        )
