"""`liq-nautilus heatmap`: the map over a window of time."""

from __future__ import annotations

from typing import Annotated

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import EndOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import StartOption
from liq_nautilus.cli.questions.options import BracketsOption
from liq_nautilus.cli.questions.options import CsvOption
from liq_nautilus.cli.questions.options import HtmlOption
from liq_nautilus.cli.questions.options import ModelOption
from liq_nautilus.cli.questions.options import ParamsOption
from liq_nautilus.cli.questions.options import SymbolOption
from liq_nautilus.cli.questions.options import WeightsOption
from liq_nautilus.cli.questions.options import give
from liq_nautilus.cli.questions.options import map_settings
from liq_nautilus.cli.questions.options import telling
from liq_nautilus.cli.questions.options import write_page


def heatmap(
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolOption = None,
    model: ModelOption = "ensemble",
    timeframe: Annotated[
        str | None,
        typer.Option(
            "--timeframe", help="Length of the window: 1h, 4h, 12h, 1d, 7d or 30d (the default)."
        ),
    ] = None,
    resolution: Annotated[
        str | None,
        typer.Option(
            "--resolution", help="Distance of columns: 1m, 5m, 15m, 30m, 1h, 4h or 1d; else chosen."
        ),
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    price_low: Annotated[
        float | None, typer.Option("--price-low", help="Lowest price to show.")
    ] = None,
    price_high: Annotated[
        float | None, typer.Option("--price-high", help="Highest price to show.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", help="At most so many buckets of price.")] = 240,
    params: ParamsOption = None,
    brackets: BracketsOption = None,
    model_weights: WeightsOption = None,
    html: HtmlOption = None,
    csv: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Print the map over a window of time: how much would be liquidated at each price.

    Example: liq-nautilus heatmap --symbol BTCUSDT --timeframe 7d --html heatmap.html
    """
    from liq_nautilus.queries import asking
    from liq_nautilus.queries.time_windows import Window

    window = Window(timeframe, start, end, resolution, price_low, price_high, rows)
    with telling():
        settings = map_settings(params, brackets, model_weights)
        answer = asking.heatmap(catalog, symbol, model, window, **settings)
        if html is not None:
            from liq_nautilus.reports.answer_pages import heatmap_page

            write_page(html, heatmap_page(answer))
        if give(answer, csv, as_json=as_json):
            from liq_nautilus.cli.questions.tables import show_heatmap

            show_heatmap(answer)
