"""What the commands that ask a catalog share: options, where the map comes from, output."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any

import typer

from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import say
from liq_nautilus.cli.logs import heard_by
from liq_nautilus.errors import StoreError
from liq_nautilus.json_files import read_json
from liq_nautilus.json_files import replacing
from liq_nautilus.json_files import write_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from liq_nautilus.queries.answer import Answer

SymbolOption = Annotated[
    str | None,
    typer.Option("--symbol", help="Symbol such as BTCUSDT; by default the catalog's only one."),
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model", help="binance_standard, funding_adjusted, py_liquidation_map or ensemble."
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", help="Moment, ISO 8601 UTC; by default that of the newest input."),
]
ParamsOption = Annotated[
    Path | None,
    typer.Option(
        "--params", help="Parameters written by `calibrate`.", envvar="LIQ_NAUTILUS_PARAMS"
    ),
]
BracketsOption = Annotated[
    Path | None,
    typer.Option(
        "--brackets",
        help="Binance's leverageBracket response, as a JSON file.",
        envvar="LIQ_NAUTILUS_BRACKETS",
    ),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--model-weights",
        help="Weights of binance_standard, funding_adjusted, py_liquidation_map in the ensemble.",
        envvar="LIQ_NAUTILUS_MODEL_WEIGHTS",
        metavar="A,B,C",
    ),
]
CsvOption = Annotated[
    Path | None, typer.Option("--csv", help="Also write the rows to this CSV file.")
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", help="Also write a page to this file; it needs no network.")
]


def map_settings(params: Path | None, brackets: Path | None, weights: str | None) -> dict[str, Any]:
    """
    Return the parameters and brackets of the options, as the queries take them.

    Raises
    ------
    SettingError
        If a file or the weights are wrong.

    """
    from liq_nautilus.data.map_parameters import read_parameters
    from liq_nautilus.data.map_parameters import with_weights

    document = None if brackets is None else read_json(brackets, "--brackets")
    chosen = None if params is None else read_parameters(params)
    if weights is not None:
        chosen = with_weights(chosen, weights)
    return {"parameters": chosen, "brackets": document}


def give(answer: Answer, csv: Path | None, *, as_json: bool) -> bool:
    """
    Write an answer as the options say, and return whether a table is still to be shown.

    Raises
    ------
    StoreError
        If the CSV file cannot be written.

    """
    if csv is not None:
        _write_csv(answer, csv)
    if as_json:
        print_json(answer.document())
    return not as_json


def _write_csv(answer: Answer, path: Path) -> None:
    from pyarrow import csv as arrow_csv

    table = answer.to_arrow()
    try:
        with replacing(path) as unfinished:
            arrow_csv.write_csv(table, unfinished)
    except OSError as e:
        msg = f"--csv must be a file that can be written, {e}; choose another"
        raise StoreError(msg) from e
    say(f"wrote {table.num_rows:,} rows to {path}")


def write_page(path: Path, page: str) -> None:
    """
    Write a page whole.

    Raises
    ------
    StoreError
        If it cannot be written.

    """
    write_text(path, page, "--html")
    say(f"wrote {path}")


@contextmanager
def telling() -> Iterator[None]:
    """Tell a person at a terminal what takes long, on stderr, while the block runs."""
    if not sys.stderr.isatty():
        yield
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    with heard_by(handler, "liq_nautilus.queries"):
        yield
