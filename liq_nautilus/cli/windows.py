"""The options by which `accuracy` and `calibrate` choose their windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated

import typer

from liq_nautilus.cli.common import say
from liq_nautilus.errors import DataGapError

if TYPE_CHECKING:
    from liq_nautilus.studies.inputs.windows import Window

SymbolOption = Annotated[
    str | None, typer.Option("--symbol", help="Symbol such as BTCUSDT; the only one by default.")
]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", help="CSV of liquidation bars or forced orders, not the catalog's."),
]
BracketsOption = Annotated[
    Path | None,
    typer.Option("--brackets", help="Binance's leverageBracket response, as a JSON file."),
]
BarOption = Annotated[
    str | None, typer.Option("--bar", help="Interval of the bars; the finest by default.")
]


def chosen_windows(
    catalog: Path,
    symbol: str | None,
    spans: list[tuple[int | None, int | None]],
    labels: Path | None,
    bar: str | None,
    *,
    refresh: bool = False,
    brackets: Path | None = None,
) -> list[Window]:
    """
    Load the windows of each span (UTC ns; both None: all there are).

    In refresh mode those whose bars are as long as the label intervals are left out: there the map
    cannot be refreshed, and a regression learnt on finer bars would not know them.
    """
    from liq_nautilus.nautilus.catalog.inventory import Catalog
    from liq_nautilus.nautilus.catalog.inventory import only_symbol
    from liq_nautilus.studies.inputs.loading import Request
    from liq_nautilus.studies.inputs.loading import load_windows
    from liq_nautilus.studies.inputs.windows import has_finer_bars
    from liq_nautilus.times import iso

    name = only_symbol(Catalog(catalog), symbol)
    windows = [
        window
        for start_ns, end_ns in spans
        for window in load_windows(
            Request(catalog, name, start_ns, end_ns, labels, bar, brackets=brackets), say
        )
    ]
    if not refresh:
        return windows
    for window in windows:
        if not has_finer_bars(window):
            say(f"window left out, its bars are as long as its labels: {iso(window.start)}")
    kept = [window for window in windows if has_finer_bars(window)]
    if not kept:
        msg = (
            f"--refresh must have bars shorter than the label intervals, {catalog} had none of "
            f"{name} for them; ingest finer klines, or leave --refresh out"
        )
        raise DataGapError(msg)
    return kept
