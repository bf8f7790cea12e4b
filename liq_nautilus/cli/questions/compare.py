"""`liq-nautilus compare`: all models side by side."""

from __future__ import annotations

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.questions.options import AtOption
from liq_nautilus.cli.questions.options import BracketsOption
from liq_nautilus.cli.questions.options import CsvOption
from liq_nautilus.cli.questions.options import HtmlOption
from liq_nautilus.cli.questions.options import ParamsOption
from liq_nautilus.cli.questions.options import SymbolOption
from liq_nautilus.cli.questions.options import WeightsOption
from liq_nautilus.cli.questions.options import give
from liq_nautilus.cli.questions.options import map_settings
from liq_nautilus.cli.questions.options import telling
from liq_nautilus.cli.questions.options import write_page


def compare(
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolOption = None,
    at: AtOption = None,
    params: ParamsOption = None,
    brackets: BracketsOption = None,
    model_weights: WeightsOption = None,
    html: HtmlOption = None,
    csv: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Print what each model says of the same moment, and how far they agree.

    Example: liq-nautilus compare --symbol BTCUSDT --html models.html
    """
    from liq_nautilus.queries import asking

    with telling():
        settings = map_settings(params, brackets, model_weights)
        answer = asking.compare(catalog, symbol, at=at, **settings)
        if html is not None:
            from liq_nautilus.reports.answer_pages import comparison_page

            write_page(html, comparison_page(answer))
        if give(answer, csv, as_json=as_json):
            from liq_nautilus.cli.questions.tables import show_comparison

            show_comparison(answer)
