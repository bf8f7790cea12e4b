"""`liq-nautilus levels`: where positions would be liquidated, at a moment of the catalog."""

from __future__ import annotations

from typing import Annotated

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.questions.options import AtOption
from liq_nautilus.cli.questions.options import BracketsOption
from liq_nautilus.cli.questions.options import CsvOption
from liq_nautilus.cli.questions.options import ModelOption
from liq_nautilus.cli.questions.options import ParamsOption
from liq_nautilus.cli.questions.options import SymbolOption
from liq_nautilus.cli.questions.options import WeightsOption
from liq_nautilus.cli.questions.options import give
from liq_nautilus.cli.questions.options import map_settings
from liq_nautilus.cli.questions.options import telling


def levels(
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolOption = None,
    model: ModelOption = "ensemble",
    leverage: Annotated[
        float | None, typer.Option("--leverage", help="Only the levels of this leverage.")
    ] = None,
    at: AtOption = None,
    params: ParamsOption = None,
    brackets: BracketsOption = None,
    model_weights: WeightsOption = None,
    csv: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Print the liquidation levels by price and side, nearest first.

    Example: liq-nautilus levels --symbol BTCUSDT --at 2026-05-30T12:00 --json
    """
    from liq_nautilus.queries import asking

    with telling():
        answer = asking.levels(
            catalog,
            symbol,
            model,
            leverage=leverage,
            at=at,
            **map_settings(params, brackets, model_weights),
        )
        if give(answer, csv, as_json=as_json):
            from liq_nautilus.cli.questions.tables import show_levels

            show_levels(answer)
