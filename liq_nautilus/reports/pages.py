"""Figures in, one HTML file out: it holds everything it needs and opens without network."""

from __future__ import annotations

import base64
import json
import math
from html import escape
from importlib import metadata
from importlib import resources
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import Protocol

import numpy as np
import pandas as pd
from plotly.offline import get_plotlyjs

from liq_nautilus.core.levels import shown_bucket_size
from liq_nautilus.json_files import json_text
from liq_nautilus.json_files import write_text
from liq_nautilus.reports import signal_worth
from liq_nautilus.reports import tables
from liq_nautilus.reports.equity_curve import equity_figure
from liq_nautilus.reports.heatmap import heatmap_figure
from liq_nautilus.reports.heatmap import hover_template
from liq_nautilus.reports.maps import liquidation_map_figure
from liq_nautilus.reports.model_panels import comparison_figure
from liq_nautilus.reports.raster import HeatmapGrid
from liq_nautilus.reports.raster import heatmap_grid
from liq_nautilus.reports.raster import shown_prices
from liq_nautilus.reports.style import empty_figure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence
    from pathlib import Path

    import plotly.graph_objects as go

# What is drawn before the reader zooms in.
_COARSE_COLUMNS: Final = 500
_COARSE_ROWS: Final = 250
_NO_VALUE: Final = 65_535
# Figures of one symbol that stand at the end.
_PER_SYMBOL: Final = ("map", "comparison")
_CAPTIONS: Final = {
    "heatmap": (
        "Liquidation levels over time",
        (
            "How much would be liquidated at each price, as estimated at each moment: longs "
            "below the price, shorts above. Drag to zoom, hold Shift to pan, double-click to go "
            "back; a close view shows finer data. The strip below is the signal in force."
        ),
    ),
    "equity": ("Equity and drawdown", "The same strategy on the same data, signals on and off."),
    "map": (
        "Liquidation map at the end of the run",
        (
            "The darker a bar, the lower the leverage. The curves add up what would be "
            "liquidated on the way from the price."
        ),
    ),
    "comparison": (
        "Models compared",
        (
            "Each model's share of its side's notional by price. Where the models lie more "
            "than five percentage points apart, the band is shaded."
        ),
    ),
}


class PairedRun(Protocol):
    """
    What a report is made of: one run without and one with signals, over the same data.

    Times are UTC nanoseconds, prices quote currency per base unit, notionals quote currency.
    """

    @property
    def summary(self) -> Mapping[str, Any]:
        """The `summary.json` of the run."""

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""

    @property
    def bars(self) -> pd.DataFrame:
        """Columns ts_close, open, high, low, close."""

    @property
    def equity(self) -> Mapping[str, pd.DataFrame]:
        """By run name (baseline, signals): columns ts, equity."""

    @property
    def fills(self) -> Mapping[str, pd.DataFrame]:
        """By run name: columns ts, side, price, quantity, fee, position_effect, reason."""

    @property
    def signals(self) -> pd.DataFrame:
        """Columns ts, action, reason, confidence, position_side, cluster_price and _notional."""

    @property
    def levels(self) -> pd.DataFrame:
        """Columns ts, model, price, notional, side."""

    @property
    def clusters(self) -> pd.DataFrame:
        """Columns ts, price_low, price_high, price_peak, notional, side, significance."""

    @property
    def events(self) -> pd.DataFrame:
        """Columns action, horizon, n_events, mean, matched_mean, difference, low, high."""

    @property
    def levels_final(self) -> pd.DataFrame:
        """The last moment's levels: columns model, price, notional, side, leverage."""


def write_report(
    result: PairedRun,
    path: Path,
    *,
    others: Sequence[PairedRun] = (),
    model: str = "ensemble",
    note: str | None = None,
) -> None:
    """
    Write the report of a paired run.

    Parameters
    ----------
    result : PairedRun
        The run, such as `liq_nautilus.nautilus.backtest.results.read_run` returns.
    path : Path
        The HTML file to write; replaced as a whole, or not at all.
    others : sequence of PairedRun, optional
        The same run's other symbols, shown below the first.
    model : str, default "ensemble"
        The model whose levels are drawn.
    note : str, optional
        A sentence to add to the reading, in plain text.

    """
    figures: dict[str, go.Figure] = {}
    fine: dict[str, Any] = {}
    runs = [result, *others]
    for run in runs:
        grid = report_grid(run, model)
        drawn = report_figures(run, grid, model)
        if run is not result:
            # Equity is the account's.
            del drawn["equity"]
        figures |= {_place(name, run, result): figure for name, figure in drawn.items()}
        if grid is not None and _coarse(grid) is not grid:
            fine[_place("heatmap", run, result)] = fine_cells(grid)
    title = f"{_symbols(runs)} liquidation report"
    write_text(path, render_page(title, _body(runs, figures, note), figures, fine), "the report")


def _place(name: str, run: PairedRun, first: PairedRun) -> str:
    # The id of a figure's element.
    return name if run is first else f"{name}-{run.symbol}"


def _symbols(runs: Sequence[PairedRun]) -> str:
    return ", ".join(run.symbol for run in runs)


def report_grid(result: PairedRun, model: str = "ensemble") -> HeatmapGrid | None:
    """Return the run's levels of one model on a grid, None if it published none."""
    levels = result.levels[result.levels["model"] == model]
    if levels.empty or result.bars.empty:
        return None
    low, high = shown_prices(
        levels["price"].to_numpy(np.float64),
        levels["notional"].to_numpy(np.float64),
        low=float(result.bars["low"].min()),
        high=float(result.bars["high"].max()),
    )
    # Rows are multiples of the buckets that the levels were published in.
    bucket = shown_bucket_size(result.symbol, float(result.bars["close"].iloc[0]))
    return heatmap_grid(levels, price_low=low, price_high=high, price_step=bucket)


def report_figures(
    result: PairedRun, grid: HeatmapGrid | None, model: str = "ensemble"
) -> dict[str, go.Figure]:
    """Return the report's figures by the name of their place on the page."""
    if grid is None:
        heatmap = empty_figure("No levels were published in this run: nothing to draw.")
    else:
        heatmap = heatmap_figure(
            _coarse(grid),
            result.bars,
            symbol=result.symbol,
            signals=result.signals,
            fills=result.fills,
            clusters=result.clusters,
        )
    final = result.levels_final
    price = float(result.bars["close"].iloc[-1]) if len(result.bars) else math.nan
    return {
        "heatmap": heatmap,
        "equity": equity_figure(result.equity),
        "map": liquidation_map_figure(
            final[final["model"] == model], price, symbol=result.symbol, model=model
        ),
        "comparison": comparison_figure(final, price, symbol=result.symbol),
    }


def _coarse(grid: HeatmapGrid) -> HeatmapGrid:
    n_rows, n_columns = grid.notional.shape
    rows, columns = -(-n_rows // _COARSE_ROWS), -(-n_columns // _COARSE_COLUMNS)
    return grid if rows == columns == 1 else grid.coarsened(rows, columns)


def fine_cells(grid: HeatmapGrid) -> dict[str, Any]:
    """
    Return the grid for the page's script: 16-bit shares of the largest cell, base64.

    Returns
    -------
    dict
        columns, rows, x0 and dx (ms), y0 and dy (quote currency per base unit: centres of
        the first cells and distances), unit (quote currency per share), zmax, hover, cells
        (row by row, little-endian; 65,535 where nothing is known).

    """
    n_rows, n_columns = grid.notional.shape
    known = np.isfinite(grid.notional)
    largest = float(np.max(grid.notional, where=known, initial=0.0))
    unit = largest / (_NO_VALUE - 1) if largest > 0 else 1.0
    shares = np.where(known, np.rint(np.nan_to_num(grid.notional) / unit), _NO_VALUE)
    return {
        "columns": n_columns,
        "rows": n_rows,
        "x0": int(grid.ts[0]) // 1_000_000,
        "dx": grid.ts_step // 1_000_000,
        "y0": float(grid.price[0]),
        "dy": grid.price_step,
        "unit": unit,
        "zmax": grid.densest,
        "hover": hover_template(grid.price_step),
        "cells": base64.b64encode(shares.astype("<u2").tobytes()).decode("ascii"),
    }


def _body(runs: Sequence[PairedRun], figures: Mapping[str, go.Figure], note: str | None) -> str:
    result, *others = runs
    summary = result.summary
    text = tables.reading(summary) + (f" {note}" if note else "")
    period = f"{_day(summary['start'])} to {_day(summary['end'])} UTC, {summary['bar']} bars"
    heading = f"<h1>{escape(_symbols(runs))} liquidation report</h1>"
    of = result.symbol if others else None
    in_force = _titled("Signals in force", "mean over the symbols" if others else None)
    parts = [
        f'<header>{heading}<span class="when">{escape(period)}</span></header>',
        f'<p class="reading">{escape(text)}</p>',
        tables.cards(summary),
        _section("heatmap", figures, of),
        _section("equity", figures),
        '<div class="columns">',
        f"<section><h2>Statistics</h2>\n{tables.statistics_table(summary)}</section>",
        f"<section><h2>{in_force}</h2>\n{tables.duty_table(summary)}</section>",
        "</div>",
        _evidence(result, of),
        _section("map", figures, of),
        _section("comparison", figures, of),
        *(part for run in others for part in _other_symbol(run, figures)),
        tables.provenance(summary, metadata.version("liq-nautilus")),
    ]
    return "\n".join(parts)


def _other_symbol(run: PairedRun, figures: Mapping[str, go.Figure]) -> list[str]:
    # What is said of a symbol and not of the account.
    duty = {"duty": run.summary.get("duty_by_symbol", {}).get(run.symbol, {})}
    in_force = _titled("Signals in force", run.symbol)
    return [
        _section(f"heatmap-{run.symbol}", figures, run.symbol),
        '<div class="columns even">',
        f"<section><h2>{escape(in_force)}</h2>\n{tables.duty_table(duty)}</section>",
        "" if run.events.empty else _followed(run, run.symbol),
        "</div>",
        *(_section(f"{name}-{run.symbol}", figures, run.symbol) for name in _PER_SYMBOL),
    ]


def _evidence(result: PairedRun, of: str | None) -> str:
    if not signal_worth.has_evidence(result.summary, result.events):
        return ""
    return (
        f'<div class="columns even">\n{_followed(result, of)}\n'
        '<section><h2>Against rivals</h2>\n<p class="caption">The same strategy with signals '
        "that know nothing of the map; P&amp;L against the run without signals.</p>\n"
        f"{signal_worth.rivals_table(result.summary)}</section>\n</div>"
    )


def _followed(run: PairedRun, of: str | None) -> str:
    return (
        f"<section><h2>{escape(_titled('What followed the signals', of))}</h2>\n"
        '<p class="caption">After AVOID the size of the move, after REVERSAL the return of the '
        "trade it argues for; beside it the same after moments of like volatility or move. The map "
        "is worth something where the 95\u00a0% interval of the difference leaves out zero.</p>\n"
        f"{signal_worth.events_table(run.events)}</section>"
    )


def _titled(heading: str, of: str | None) -> str:
    return heading if of is None else f"{heading}, {of}"


def _day(moment: str) -> str:
    # To the minute; midnight is shown as its day.
    rounded = pd.Timestamp(moment).round("min")
    text: str = rounded.strftime("%Y-%m-%d %H:%M")
    return text.removesuffix(" 00:00")


def _section(place: str, figures: Mapping[str, go.Figure], of: str | None = None) -> str:
    heading, caption = _CAPTIONS[place.partition("-")[0]]
    height = figures[place].layout.height
    return (
        f"<section><h2>{escape(_titled(heading, of))}</h2>\n"
        f'<p class="caption">{escape(caption)}</p>\n'
        f'<div class="figure" id="{escape(place)}" style="min-height:{height // 2}px"></div>'
        "</section>"
    )


def render_page(
    title: str,
    body: str,
    figures: Mapping[str, go.Figure],
    fine: Mapping[str, Any] | None = None,
) -> str:
    """
    Put figures and HTML into one page that needs nothing else.

    Parameters
    ----------
    title : str
        The page's title, plain text.
    body : str
        HTML that has, for each figure, an element with the figure's name as its id.
    figures : mapping of str to Figure
        The figures; on the page their titles are dropped, since headings stand above.
    fine : mapping, optional
        The finer grids of heatmaps, by the figure's name (see `fine_cells`).

    Returns
    -------
    str
        The HTML document.

    """
    here = resources.files("liq_nautilus.reports")
    parts = {
        "title": escape(title),
        "style": here.joinpath("page.css").read_text(encoding="utf-8"),
        "body": body,
        "plotly": get_plotlyjs(),
        "data": _script_json({"figures": _untitled(figures), "fine": fine or {}}),
        "script": "\n".join(
            here.joinpath(name).read_text(encoding="utf-8") for name in ("fitted.js", "page.js")
        ),
    }
    page = here.joinpath("page.html").read_text(encoding="utf-8")
    pieces = page.split("@")
    # Every second piece is a name: the template has no other at sign.
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def _untitled(figures: Mapping[str, go.Figure]) -> dict[str, Any]:
    documents = {}
    for name, figure in figures.items():
        document = json.loads(figure.to_json())
        layout = document["layout"]
        if layout.pop("title", None) is not None:
            layout["margin"]["t"] -= 26
        documents[name] = document
    return documents


def _script_json(document: object) -> str:
    # Inside a script element "</" would end it, and "<!--" would change how it is read.
    return json_text(document, indent=None).replace("<", "\\u003c")
