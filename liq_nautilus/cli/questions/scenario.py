"""`liq-nautilus scenario`: how much will be liquidated if the price goes there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import time_ns
from liq_nautilus.cli.questions.options import AtOption
from liq_nautilus.cli.questions.options import BracketsOption
from liq_nautilus.cli.questions.options import ParamsOption
from liq_nautilus.cli.questions.options import SymbolOption
from liq_nautilus.cli.questions.options import WeightsOption
from liq_nautilus.cli.questions.options import map_settings
from liq_nautilus.cli.questions.options import telling
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from liq_nautilus.core.records import ExpectedLiquidations
    from liq_nautilus.queries.scenario import Scenario

_UNIT_HOURS = {"m": 1.0 / 60.0, "h": 1.0, "d": 24.0}


def scenario(
    to: Annotated[float, typer.Option("--to", help="The price that is reached.")],
    within: Annotated[str, typer.Option("--within", help="In this time, such as 4h or 30m.")],
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolOption = None,
    at: AtOption = None,
    params: ParamsOption = None,
    brackets: BracketsOption = None,
    model_weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """
    Tell how much will be liquidated, per side, if the price goes to a price.

    Example: liq-nautilus scenario --symbol BTCUSDT --to 90000 --within 4h
    """
    from liq_nautilus.nautilus.catalog.inventory import Catalog
    from liq_nautilus.queries.scenario import scenario as ask

    with telling():
        found = ask(
            Catalog(catalog),
            symbol,
            to=to,
            hours=_hours(within),
            at_ns=time_ns(at, "--at"),
            **map_settings(params, brackets, model_weights),
        )
    document = scenario_document(found, within)
    if as_json:
        print_json(document)
    else:
        _tell(document)


def _hours(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mhd])", text)
    if found is None:
        msg = f"--within must be a length of time such as 30m, 4h or 1d, was {text!r}"
        raise SettingError(msg)
    return float(found[1]) * _UNIT_HOURS[found[2]]


def scenario_document(found: Scenario, within: str) -> dict[str, Any]:
    """Return a scenario as the JSON of the command."""
    from liq_nautilus.times import iso

    return {
        "symbol": found.symbol,
        "timestamp": iso(found.ts_event),
        "current_price": found.current_price,
        "to": found.to,
        "within": within,
        "venues": list(found.venues),
        "sides": {"long": _side(found.long), "short": _side(found.short)},
    }


def _side(found: ExpectedLiquidations) -> dict[str, float]:
    return {"expected": found.expected, "low": found.low, "high": found.high}


def _tell(document: dict[str, Any]) -> None:
    move = document["to"] / document["current_price"] - 1.0
    typer.echo(
        f"{document['symbol']} {document['timestamp']}  from {document['current_price']:,.6g} to "
        f"{document['to']:,.6g} ({move:+.2%}) within {document['within']}, "
        f"liquidated on {', '.join(document['venues'])}:"
    )
    for name, side in document["sides"].items():
        typer.echo(
            f"{name:<6} {side['expected']:>16,.0f}  90 %: {side['low']:,.0f} .. {side['high']:,.0f}"
        )
