"""The command `accuracy`: every model against every baseline, on realised liquidations."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any

import typer

from liq_nautilus.cli.accuracy_of_forecasts import score_forecasts
from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import EndOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import StartOption
from liq_nautilus.cli.common import interval_text
from liq_nautilus.cli.common import number_text
from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import say
from liq_nautilus.cli.common import window_ns
from liq_nautilus.cli.windows import BarOption
from liq_nautilus.cli.windows import BracketsOption
from liq_nautilus.cli.windows import LabelsOption
from liq_nautilus.cli.windows import SymbolOption
from liq_nautilus.cli.windows import chosen_windows
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from liq_nautilus.studies.accuracy import Part
    from liq_nautilus.studies.inputs.windows import Window
    from liq_nautilus.studies.window_scores import SideScores


def accuracy(
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolOption = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="Show only this model; give it again for more."),
    ] = None,
    labels: LabelsOption = None,
    params: Annotated[
        Path | None, typer.Option("--params", help="Parameters file; the shipped by default.")
    ] = None,
    walk_forward: Annotated[
        bool,
        typer.Option("--walk-forward", help="Fit on earlier windows only; the first: the prior."),
    ] = False,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Models and baselines see each bar inside an interval."),
    ] = False,
    with_liquidations: Annotated[
        bool,
        typer.Option(
            "--with-liquidations",
            help="What was liquidated in intervals that have ended is an input of map and "
            "baselines alike.",
        ),
    ] = False,
    forecast: Annotated[
        bool,
        typer.Option("--forecast", help="Score what is forecast without knowing the path instead."),
    ] = False,
    horizon: Annotated[
        str, typer.Option("--horizon", help="With --forecast: 1h, 4h or 1d.")
    ] = "4h",
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="With --forecast: fit on all other windows.")
    ] = False,
    intervals: Annotated[
        Path | None,
        typer.Option("--intervals", help="Write a CSV, one row per interval and side."),
    ] = None,
    ablations: Annotated[
        bool, typer.Option("--ablations", help="Also measure what each part of the map is worth.")
    ] = False,
    start: StartOption = None,
    end: EndOption = None,
    bar: BarOption = None,
    brackets: BracketsOption = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a report: .html, or else Markdown.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score the map against realised liquidations, beside every simpler explanation."""
    from liq_nautilus.studies.accuracy import measure_accuracy

    if walk_forward and params is not None:
        msg = "--walk-forward fits parameters anew and cannot be given with --params; drop one"
        raise SettingError(msg)
    _check_models(model or [])
    if leave_one_out and not forecast:
        msg = "--leave-one-out belongs to --forecast; give both, or --walk-forward alone"
        raise SettingError(msg)
    spans = [window_ns(start, end)]
    if forecast:
        windows = chosen_windows(catalog, symbol, spans, labels, bar, brackets=brackets)
        way = "leave-one-out" if leave_one_out else "walk-forward" if walk_forward else "shipped"
        score_forecasts(windows, params, horizon, way, intervals, as_json=as_json)
        return
    windows = chosen_windows(
        catalog, symbol, spans, labels, bar, refresh=refresh, brackets=brackets
    )
    parts_of, source = _parts(windows, params, walk_forward=walk_forward, refresh=refresh)
    document, scored = measure_accuracy(
        windows,
        parts_of,
        source=source,
        models=model or (),
        refresh=refresh,
        with_liquidations=with_liquidations,
    )
    if intervals is not None:
        _write_intervals(scored, intervals)
    if ablations:
        from liq_nautilus.studies.ablations import run_ablations

        fit = parts_of(len(windows) - 1)[-1].fit
        document["ablations"] = run_ablations(windows, fit, progress=say)
    if report is not None:
        _write_report(document, report)
    if as_json:
        print_json(document)
    else:
        _print_summary(document)


def _parts(
    windows: list[Window], params: Path | None, *, walk_forward: bool, refresh: bool
) -> tuple[Callable[[int], list[Part]], str]:
    from liq_nautilus.studies.accuracy import Part
    from liq_nautilus.studies.calibrating import Calibrator
    from liq_nautilus.studies.parameter_files import SHIPPED_SOURCE
    from liq_nautilus.studies.parameter_files import read_fit
    from liq_nautilus.studies.parameter_files import shipped_fit

    calibrator = Calibrator(progress=say, refresh=refresh)
    if walk_forward:
        source = "walk-forward: fitted on earlier windows"
        return (lambda n: [Part(windows[n], calibrator.fit(windows[:n]))]), source
    fit = shipped_fit() if params is None else read_fit(params)
    source = SHIPPED_SOURCE if params is None else str(params)
    if any(calibrator.must_learn(window, fit) for window in windows):
        source += "; other symbols and interval lengths: notional, scales and regressions fitted "
        source += "within, each half of a window on the other one"
    return (lambda n: [Part(*one) for one in calibrator.parts(windows[n], fit)]), source


def _write_intervals(scored: list[SideScores], path: Path) -> None:
    import pandas as pd

    from liq_nautilus.json_files import write_text
    from liq_nautilus.studies.accuracy import intervals_table

    table = pd.DataFrame(intervals_table(scored))
    write_text(path, table.to_csv(index=False), "--intervals")
    say(f"intervals written to {path}")


def _check_models(names: list[str]) -> None:
    from liq_nautilus.studies.window_scores import ALL_MODELS

    for name in names:
        if name not in ALL_MODELS:
            msg = f"--model must be one of {', '.join(ALL_MODELS)}, was {name}"
            raise SettingError(msg)


def _write_report(document: dict[str, Any], path: Path) -> None:
    from liq_nautilus.json_files import write_text
    from liq_nautilus.reports.accuracy_page import html_report
    from liq_nautilus.reports.accuracy_page import markdown_report

    is_page = path.suffix.lower() in {".html", ".htm"}
    write_text(path, (html_report if is_page else markdown_report)(document), "--report")
    say(f"report written to {path}")


def _print_summary(document: dict[str, Any]) -> None:
    typer.echo(
        f"{'window':22} {'side':5} {'n':>5}  {'model':>6} {'baseline':>8} {'':24}"
        f"{'gain':>7} {'95 %':>17} {'increment':>10} {'95 %':>17}"
    )
    for entry in [*document["windows"], *document["pooled"]]:
        model = entry["models"].get(entry["best_model"], {}).get("spearman")
        baseline = entry["baselines"][entry["best_baseline"]]["spearman"]
        typer.echo(
            f"{entry.get('start', 'pooled')[:10]:10} {entry.get('end', '')[:10]:11} "
            f"{entry['side']:5} {entry['intervals']:5}  {number_text(model):>6} "
            f"{number_text(baseline):>8} {entry['best_baseline']:24}"
            f"{number_text(entry['gain'], '+.3f'):>7} {interval_text(entry['gain_interval']):>17} "
            f"{number_text(entry['increment'], '+.3f'):>10} "
            f"{interval_text(entry['increment_interval']):>17}"
        )
    for row in document.get("ablations", []):
        sides = [row[side] for side in ("long", "short") if row[side] is not None]
        shown = "  ".join(f"{one['spearman']:.3f} ({one['difference']:+.3f})" for one in sides)
        typer.echo(f"{row['name']:60} {shown or row['reason']}")
    for action, entry in document["reliability"]["actions"].items():
        typer.echo(_signal_line(action, entry))
    params = document["params"]
    typer.echo(f"parameters: {params['source']} ({params['relation']})")
    typer.echo(document["verdict"])


def _signal_line(action: str, entry: dict[str, Any]) -> str:
    found = entry["signals"]
    if not found or not found["n"]:
        return f"{action:20} {entry['n']:6} signals, {entry.get('reason', 'none judged')}"
    interval = interval_text(found["interval"], ".3f") or "interval unknown"
    return (
        f"{action:20} {entry['n']:6} signals, stated {found['mean_confidence']:.3f}, came true "
        f"{found['observed']:.3f} ({interval}), "
        f"calibration error {found['calibration_error']:.3f}, "
        f"{entry['episodes']['n']} episodes: {number_text(entry['episodes']['observed'])}"
    )
