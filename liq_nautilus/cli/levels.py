"""`liq-nautilus levels`: where positions would be liquidated, at a moment of the catalog."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any
from typing import Final

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import time_ns
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from liq_nautilus.core.records import Levels

_SHOWN: Final = 24
_SIDES: Final = {1: "long", -1: "short"}


def levels(
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="Symbol; by default the catalog's only one.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="binance_standard, funding_adjusted, py_liquidation_map or ensemble.",
        ),
    ] = "ensemble",
    leverage: Annotated[
        float | None, typer.Option("--leverage", help="Only the levels of this leverage.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Moment, ISO 8601 UTC; by default the newest.")
    ] = None,
    params: Annotated[
        Path | None, typer.Option("--params", help="Parameters written by `calibrate`.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the liquidation levels by price and side."""
    from liq_nautilus.data.map_parameters import read_parameters
    from liq_nautilus.nautilus.catalog.inventory import Catalog
    from liq_nautilus.nautilus.catalog.inventory import only_symbol
    from liq_nautilus.queries.map_at import levels_in

    at_ns = time_ns(at, "--at")
    parameters = None if params is None else read_parameters(params)
    held = Catalog(catalog)
    chosen = only_symbol(held, symbol)
    found = levels_in(held, chosen, model, leverage=leverage, at_ns=at_ns, parameters=parameters)
    document = levels_document(found, chosen)
    if as_json:
        print_json(document)
    else:
        _tell(document)


def levels_document(levels: Levels, symbol: str) -> dict[str, Any]:
    """Return levels as the JSON of the command, prices ascending."""
    import numpy as np

    order = np.lexsort((levels.leverage, levels.price))
    columns = (
        levels.price[order],
        levels.notional[order],
        levels.notional_low[order],
        levels.notional_high[order],
        levels.exposure[order],
        levels.side[order],
        levels.leverage[order],
        levels.confidence[order],
    )
    return {
        "symbol": symbol,
        "model": levels.model,
        "timestamp": iso(levels.ts_event),
        "current_price": float(levels.reference_price),
        "confidence": float(levels.confidence.max(initial=0.0)),
        # No level at all is no map: py_liquidation_map, for one, needs trades.
        "is_valid": bool(levels.is_valid and levels.price.size),
        "params_hash": levels.params_hash,
        "levels": [
            {
                "price": float(price),
                "volume": float(notional),
                "volume_low": float(low),
                "volume_high": float(high),
                "exposure": float(exposure),
                "side": _SIDES[int(side)],
                "leverage": float(leverage),
                "confidence": float(confidence),
            }
            for price, notional, low, high, exposure, side, leverage, confidence in zip(
                *columns, strict=True
            )
        ],
    }


def _tell(document: dict[str, Any]) -> None:
    # The largest levels, from the highest price down, with the current price between the sides.
    typer.echo(
        f"{document['symbol']} {document['timestamp']}  {document['model']}  price "
        f"{document['current_price']:,.6g}  confidence {document['confidence']:.2f}"
        f"{'' if document['is_valid'] else '  NOT VALID: too little is known'}"
    )
    rows = document["levels"]
    largest = sorted(rows, key=lambda row: row["volume"], reverse=True)[:_SHOWN]
    for row in sorted(largest, key=lambda row: row["price"], reverse=True):
        away = row["price"] / document["current_price"] - 1.0
        typer.echo(
            f"{row['price']:>14,.2f} {away:>+8.2%}  {row['side']:<5} "
            f"{row['volume']:>16,.0f}  ({row['volume_low']:,.0f} .. {row['volume_high']:,.0f})"
        )
    if len(rows) > len(largest):
        typer.echo(f"the largest {len(largest)} of {len(rows)} levels; --json prints all")
