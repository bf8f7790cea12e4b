"""The command `quality`: what is wrong with the data of a catalog, kind by kind and day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import SymbolsOption
from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import what_labels_mean
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import iso
from liq_nautilus.times import iso_day

if TYPE_CHECKING:
    from liq_nautilus.data.quality_rules import DayQuality
    from liq_nautilus.data.quality_rules import Stretch
    from liq_nautilus.nautilus.catalog.quality import SeriesReport

_COUNTS = (
    "missing",
    "duplicate",
    "out_of_order",
    "impossible",
    "outlier",
    "frozen",
    "zero_volume",
    "absent",
    "rejected",
)
_MOST_STRETCHES = 8


def quality(
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolsOption = None,
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Kind such as klines, klines-5m, metrics; again for more."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """
    Show what is wrong with each kind of data, day by day, and a score.

    Days without a fault are not listed. Missing rows are those the interval asks for; an outlier is
    a step 40 robust standard deviations from the series' usual one; frozen rows repeat their value
    for two hours or longer (open interest, mark and index prices, depth); impossible is what the
    map does not believe, such as open interest of zero or at a price nobody paid. Rows that were
    rejected, of another symbol, out of order or duplicate when files were ingested are listed by
    file: the catalog holds none of them. A score is the share of rows that are there and without
    fault; a bar of zero volume is a quarter of a fault.
    """
    from liq_nautilus.nautilus.catalog.inventory import Catalog
    from liq_nautilus.nautilus.catalog.quality import QUALITY_WEIGHTS
    from liq_nautilus.nautilus.catalog.quality import CatalogQuality

    judge = CatalogQuality(Catalog(catalog))
    reports = judge.reports(symbols=symbol, kinds=kind)
    names = sorted({report.series.symbol for report in reports})
    scores = {name: judge.score(name) for name in names}
    if as_json:
        print_json({"scores": scores, "series": [_document(report) for report in reports]})
        return
    for report in reports:
        _print_report(report)
    for name, score in scores.items():
        parts = judge.parts(name)
        terms = " + ".join(
            f"{QUALITY_WEIGHTS[part]} x {parts[part]:.3f} ({part})" for part in parts
        )
        typer.echo(f"data quality of {name}: {score:.3f} = {terms}")


def _document(report: SeriesReport) -> dict[str, Any]:
    series, found = report.series, report.quality
    return {
        "symbol": series.symbol,
        "kind": series.kind,
        "rows": series.n_rows,
        "first": iso(series.first_ns),
        "last": iso(series.last_ns),
        "score": found.score,
        **{name: found.total(f"n_{name}") for name in _COUNTS},
        "missing_days": [_date(day) for day in found.missing_days],
        "gaps": [_stretch(gap) for gap in found.gaps],
        "frozen_stretches": [_stretch(stretch) for stretch in found.frozen],
        "impossible_stretches": [_stretch(stretch) for stretch in found.impossible],
        **({"stamps": report.stamps} if report.stamps else {}),
        "days": [_day(day) for day in found.days],
        "files": [
            {
                "file": record.file,
                "rows": record.n_rows,
                "rejected": record.n_rejected,
                "out_of_order": record.n_out_of_order,
                "wrong_symbol": record.n_wrong_symbol,
                "duplicate": record.n_repeated,
            }
            for record in report.files
        ],
    }


def _day(day: DayQuality) -> dict[str, Any]:
    counts = {name: getattr(day, f"n_{name}") for name in _COUNTS}
    return {
        "day": _date(day.day),
        "rows": day.n_rows,
        "expected": day.n_expected,
        **counts,
        "score": day.score,
    }


def _stretch(stretch: Stretch) -> dict[str, Any]:
    return {
        "start": iso(stretch.start_ns),
        "end": iso(stretch.end_ns),
        "rows": stretch.n_rows,
    }


def _date(day: int) -> str:
    return iso_day(day * DAY_NS)


def _print_report(report: SeriesReport) -> None:
    series, found = report.series, report.quality
    typer.echo(
        f"{series.symbol} {series.kind}: {series.n_rows:,} rows "
        f"{iso(series.first_ns)} .. {iso(series.last_ns)}, "
        f"{len(found.missing_days)} days without rows, score {found.score:.3f}"
    )
    faulty = [day for day in found.days if any(getattr(day, f"n_{name}") for name in _COUNTS)]
    if faulty:
        typer.echo("  " + "".join(f"{name:>13}" for name in ("day", "rows", *_COUNTS, "score")))
    for day in faulty:
        counts = "".join(f"{getattr(day, f'n_{name}'):>13,}" for name in ("rows", *_COUNTS))
        typer.echo(f"  {_date(day.day):>13}{counts}{day.score:>13.3f}")
    for title, stretches in (
        ("gap", found.gaps),
        ("frozen", found.frozen),
        ("not believed", found.impossible),
    ):
        for stretch in stretches[:_MOST_STRETCHES]:
            span = f"{iso(stretch.start_ns)} .. {iso(stretch.end_ns)}"
            typer.echo(f"  {title} {span}: {stretch.n_rows:,} rows")
        if len(stretches) > _MOST_STRETCHES:
            typer.echo(f"  and {len(stretches) - _MOST_STRETCHES} more; --json has them all")
    if report.stamps:
        typer.echo(f"  {what_labels_mean(report.stamps)}")
    for record in report.files:
        typer.echo(
            f"  file {record.file}: of {record.n_rows:,} rows {record.n_rejected:,} rejected "
            f"({record.n_wrong_symbol:,} of another symbol), "
            f"{record.n_out_of_order:,} out of order, {record.n_repeated:,} duplicate"
        )
