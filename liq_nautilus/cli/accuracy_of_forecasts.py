"""What `accuracy --forecast` prints and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

import typer

from liq_nautilus.cli.common import interval_text
from liq_nautilus.cli.common import number_text
from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import say

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.studies.inputs.windows import Window


def score_forecasts(
    windows: list[Window],
    params: Path | None,
    horizon: str,
    way: str,
    intervals: Path | None,
    *,
    as_json: bool,
) -> None:
    """
    Score forecasts, and print and write the result.

    Parameters
    ----------
    windows : list of Window
        In time order.
    params : Path or None
        A parameters file; the shipped by default.
    horizon : str
        "1h", "4h" or "1d".
    way : str
        What is fitted on which windows; see `measure_forecasts`.
    intervals : Path or None
        Where one row per moment and side goes.
    as_json : bool
        Print the document instead of a table.

    """
    from liq_nautilus.studies.forecasts.measuring import measure_forecasts
    from liq_nautilus.studies.parameter_files import read_fit
    from liq_nautilus.studies.parameter_files import shipped_fit

    parameters = (shipped_fit() if params is None else read_fit(params)).parameters
    document, rows = measure_forecasts(windows, parameters, horizon, way=way, progress=say)
    if intervals is not None:
        _write(rows, intervals)
    if as_json:
        print_json(document)
    else:
        _show(document)


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    import pandas as pd

    from liq_nautilus.json_files import write_text

    write_text(path, pd.DataFrame(rows).to_csv(index=False), "--intervals")
    say(f"intervals written to {path}")


def _show(document: dict[str, Any]) -> None:
    typer.echo(
        f"{'window':22} {'side':5} {'n':>5} {'forecast':>8} {'vol+past':>8} {'increment':>9} "
        f"{'95 %':>15} {'in 90 %':>7}  AVOID: duty, on, off, 95 % of the difference"
    )
    for entry in [*document["windows"], *document["pooled"]]:
        ranks, avoid = entry["spearman"], entry["avoid"]
        typer.echo(
            f"{entry.get('start', 'pooled')[:10]:10} {entry.get('end', '')[:10]:11} "
            f"{entry['side']:5} {entry['n']:5} {number_text(ranks['forecast'], '.3f'):>8} "
            f"{number_text(ranks['volatility_and_past'], '.3f'):>8} "
            f"{number_text(entry['increment'], '+.3f'):>9} "
            f"{interval_text(entry['increment_interval']):>15} {entry['coverage']['0.9']:7.3f}  "
            f"{avoid['duty']:.2f} {number_text(avoid['p_on'], '.2f')} "
            f"{number_text(avoid['p_off'], '.2f')} "
            f"{interval_text(avoid['interval'])}"
        )
    params = document["params"]
    typer.echo(f"parameters: {params['source']} ({params['relation']})")
