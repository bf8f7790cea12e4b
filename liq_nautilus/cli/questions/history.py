"""`liq-nautilus history`: what was liquidated."""

from __future__ import annotations

from typing import Annotated

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import EndOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import StartOption
from liq_nautilus.cli.questions.options import CsvOption
from liq_nautilus.cli.questions.options import SymbolOption
from liq_nautilus.cli.questions.options import give


def history(
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolOption = None,
    start: StartOption = None,
    end: EndOption = None,
    aggregate: Annotated[
        str | None,
        typer.Option("--aggregate", help="Sum each side over an interval such as 1h or 1d."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the last so many rows.")
    ] = None,
    csv: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Print the liquidations that happened, as far as the catalog knows.

    Example: liq-nautilus history --symbol BTCUSDT --aggregate 1d
    """
    from liq_nautilus.queries import asking

    answer = asking.history(catalog, symbol, start=start, end=end, aggregate=aggregate, limit=limit)
    if give(answer, csv, as_json=as_json):
        from liq_nautilus.cli.questions.tables import show_history

        show_history(answer)
