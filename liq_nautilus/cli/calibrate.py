"""The command `calibrate`: fits the map's parameters on the windows given."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import TYPE_CHECKING
from typing import Annotated

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import JsonOption
from liq_nautilus.cli.common import print_json
from liq_nautilus.cli.common import say
from liq_nautilus.cli.common import window_ns
from liq_nautilus.cli.windows import BarOption
from liq_nautilus.cli.windows import BracketsOption
from liq_nautilus.cli.windows import LabelsOption
from liq_nautilus.cli.windows import SymbolOption
from liq_nautilus.cli.windows import chosen_windows
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from liq_nautilus.studies.fitting import Fit


def calibrate(
    out: Annotated[Path, typer.Option("--out", help="Parameters file to write (JSON).")],
    catalog: CatalogOption = DEFAULT_CATALOG,
    symbol: SymbolOption = None,
    start: Annotated[
        list[str] | None,
        typer.Option("--start", help="Start of a training window; again, with --end, for more."),
    ] = None,
    end: Annotated[
        list[str] | None, typer.Option("--end", help="End of a training window, exclusive.")
    ] = None,
    labels: LabelsOption = None,
    bar: BarOption = None,
    brackets: BracketsOption = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="For `accuracy --refresh`: read at every bar.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Fit leverage mix, turnover, closing and scales; without windows, on all labels there are."""
    from datetime import UTC
    from datetime import datetime

    from liq_nautilus.studies.calibrating import Calibrator
    from liq_nautilus.studies.parameter_files import write_fit

    windows = chosen_windows(
        catalog,
        symbol,
        _spans(start or [], end or []),
        labels,
        bar,
        refresh=refresh,
        brackets=brackets,
    )
    say(f"fitting on {len(windows)} windows, {sum(len(w.labels) for w in windows)} intervals")
    calibrator = Calibrator(progress=say, refresh=refresh)
    today = datetime.now(tz=UTC).date().isoformat()
    fit = write_fit(calibrator.fit(windows, created=today), out)
    if as_json:
        print_json(_summary(fit))
    else:
        typer.echo(f"parameters written to {out} (hash {fit.parameters.params_hash})")


def _spans(starts: list[str], ends: list[str]) -> list[tuple[int | None, int | None]]:
    if max(len(starts), len(ends)) > 1 and len(starts) != len(ends):
        msg = (
            "--start and --end must come in pairs when there are several windows, "
            f"found {len(starts)} starts and {len(ends)} ends"
        )
        raise SettingError(msg)
    n = max(len(starts), len(ends), 1)
    return [
        window_ns(
            starts[i] if i < len(starts) else None,
            ends[i] if i < len(ends) else None,
        )
        for i in range(n)
    ]


def _summary(fit: Fit) -> dict[str, object]:
    document = fit.to_dict()
    return {key: document[key] for key in ("version", "parameters", "provenance")} | {
        "best_model": fit.best_model,
        "params_hash": fit.parameters.params_hash,
    }
