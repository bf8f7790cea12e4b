"""`liq-nautilus forecast`: how much will be liquidated, without knowing the path."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Annotated

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import LogFileOption
from liq_nautilus.cli.logs import LogFormatOption
from liq_nautilus.cli.logs import logging_to
from liq_nautilus.cli.questions.options import AtOption
from liq_nautilus.cli.questions.options import BracketsOption
from liq_nautilus.cli.questions.options import CsvOption
from liq_nautilus.cli.questions.options import ParamsOption
from liq_nautilus.cli.questions.options import SymbolOption
from liq_nautilus.cli.questions.options import WeightsOption
from liq_nautilus.cli.questions.options import give
from liq_nautilus.cli.questions.options import map_settings
from liq_nautilus.cli.questions.options import telling
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from liq_nautilus.queries.forecast import AskedPosition
    from liq_nautilus.queries.forecast import ForecastAnswer

_MOST_SHOWN = 8


def forecast(
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolOption = None,
    at: AtOption = None,
    horizon: Annotated[
        str, typer.Option("--horizon", help="From the moment on: 1h, 4h or 1d.")
    ] = "1h",
    position: Annotated[
        str | None, typer.Option("--position", help="Also tell what a long or short risks.")
    ] = None,
    entry: Annotated[
        float | None, typer.Option("--entry", help="Its entry; the current price by default.")
    ] = None,
    stop: Annotated[float | None, typer.Option("--stop", help="Its stop.")] = None,
    leverage: Annotated[float, typer.Option("--leverage", help="Its leverage, isolated.")] = 10.0,
    params: ParamsOption = None,
    brackets: BracketsOption = None,
    model_weights: WeightsOption = None,
    csv: CsvOption = None,
    as_json: JsonOption = False,
    log_file: LogFileOption = None,
    log_format: LogFormatOption = "text",
) -> None:
    """
    Tell how much will be liquidated per side, how sure that is, and which levels contribute.

    Unusual is an amount above the 90th percentile of the totals over the same horizon that ended in
    the last three days; its size is known where realised liquidations come. The chance of it is
    told without them too.

    Example: liq-nautilus forecast --symbol BTCUSDT --horizon 4h
    """
    from liq_nautilus.queries.forecast import forecast as ask

    with logging_to(log_file, log_format), telling():
        settings = map_settings(params, brackets, model_weights)
        mine = _position(position, entry, stop, leverage)
        answer = ask(catalog, symbol, horizon, at=at, position=mine, **settings)
        if give(answer, csv, as_json=as_json):
            _show(answer)


def _position(
    side: str | None, entry: float | None, stop: float | None, leverage: float
) -> AskedPosition | None:
    from liq_nautilus.queries.forecast import AskedPosition

    if side is None:
        return None
    if side not in {"long", "short"} or stop is None:
        msg = f"--position must be long or short, with --stop, was {side} with --stop {stop}"
        raise SettingError(msg)
    return AskedPosition(1 if side == "long" else -1, entry, stop, leverage)


def _show(answer: ForecastAnswer) -> None:
    document = answer.document()
    typer.echo(
        f"{document['symbol']} {document['timestamp']}  at {document['current_price']:,.6g}, "
        f"liquidated within {document['horizon']} on {', '.join(document['venues'])}:"
    )
    for name, one in document["sides"].items():
        threshold = one["threshold_unusual"]
        unusual = "" if threshold is None else f" (above {threshold:,.0f})"
        typer.echo(
            f"{name:<6} {one['expected']:>16,.0f}  80 %: {one['q10']:,.0f} .. {one['q90']:,.0f}, "
            f"{one['probability_unusual']:.0%} chance of an unusual amount{unusual}"
        )
    for level in document["contributions"][:_MOST_SHOWN]:
        typer.echo(
            f"{level['price']:>14,.6g} {level['side']:<5} {level['notional']:>16,.0f}  "
            f"touched with {level['probability_touched']:.0%}"
        )
    mine = document.get("position_risk")
    if mine is not None:
        typer.echo(
            f"your {mine['side']} ends at {mine['end_price']:,.6g}: "
            f"{mine['notional_between']:,.0f} of {mine['side']}s lie before, "
            f"touched with {mine['probability_touched']:.0%}; "
            f"a stop beyond the last cluster: {mine['stop_placement']:,.6g}"
        )
