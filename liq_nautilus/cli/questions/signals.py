"""`liq-nautilus signals`: what the map advises at a moment of the catalog."""

from __future__ import annotations

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.questions.options import AtOption
from liq_nautilus.cli.questions.options import BracketsOption
from liq_nautilus.cli.questions.options import CsvOption
from liq_nautilus.cli.questions.options import ParamsOption
from liq_nautilus.cli.questions.options import SymbolOption
from liq_nautilus.cli.questions.options import WeightsOption
from liq_nautilus.cli.questions.options import give
from liq_nautilus.cli.questions.options import map_settings
from liq_nautilus.cli.questions.options import telling


def signals(
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolOption = None,
    at: AtOption = None,
    params: ParamsOption = None,
    brackets: BracketsOption = None,
    model_weights: WeightsOption = None,
    csv: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Print the signal in force: AVOID, REVERSAL_OPPORTUNITY, WAIT or CLEAR, with its reason.

    Example: liq-nautilus signals --symbol BTCUSDT --at 2026-05-30T12:00
    """
    from liq_nautilus.queries import asking

    with telling():
        settings = map_settings(params, brackets, model_weights)
        answer = asking.signals(catalog, symbol, at=at, **settings)
        if give(answer, csv, as_json=as_json):
            from liq_nautilus.cli.questions.tables import show_signal

            show_signal(answer)
