"""
Fit the forecasts that the package ships on all windows of a catalog.

    uv run python scripts/fit_forecast.py catalog

The map's numbers go to `liq_nautilus/core/fitted_forecast.py`; those of every simpler forecast
that is compared with it, and what all were fitted on, to `liq_nautilus/parameters/forecast.json`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.json_files import write_json
from liq_nautilus.json_files import write_text
from liq_nautilus.studies.forecasts.measuring import fit_windows
from liq_nautilus.studies.forecasts.rival_fits import FILE
from liq_nautilus.studies.forecasts.rival_fits import numbers_of
from liq_nautilus.studies.forecasts.rival_fits import to_document
from liq_nautilus.studies.inputs.loading import Request
from liq_nautilus.studies.inputs.loading import load_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE = Path(__file__).parents[1] / "liq_nautilus"
WIDTH = 100
HEAD = '''"""
The fitted numbers of forecasts that the package ships; `forecasting.fits` says what they are.

`scripts/fit_forecast.py` writes this file; what the numbers were fitted on stands in
`liq_nautilus/parameters/forecast.json`.
"""

from __future__ import annotations

from typing import Final

FORECAST_NUMBERS: Final[tuple[float, ...]] = (
'''


def fitted_module(numbers: Sequence[float]) -> str:
    """Return the text of `liq_nautilus/core/fitted_forecast.py`."""
    lines = ["   "]
    for number in numbers:
        text = f" {number!r},"
        if len(lines[-1] + text) > WIDTH:
            lines.append("   ")
        lines[-1] += text
    return HEAD + "\n".join(lines) + "\n)  # fmt: skip\n"


def main() -> None:
    """Fit on the catalog that is named on the command line, and ship."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("catalog", type=Path)
    parser.add_argument("--symbol", default="BTCUSDT")
    options = parser.parse_args()
    windows = load_windows(Request(options.catalog, options.symbol), print)
    fits, provenance = fit_windows(windows, TrackerParameters())
    text = fitted_module(numbers_of(fits))
    write_text(PACKAGE / "core" / "fitted_forecast.py", text, "the fitted forecasts")
    document = to_document(fits, {"windows": provenance})
    write_json(PACKAGE / "parameters" / FILE, document, "the fits", indent=None)


if __name__ == "__main__":
    main()
