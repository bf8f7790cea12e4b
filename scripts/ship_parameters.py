"""
Make a parameters file of `liq-nautilus calibrate` the default of the package.

    uv run liq-nautilus calibrate --out fitted.json
    uv run python scripts/ship_parameters.py fitted.json

The numbers go to `liq_nautilus/core/fitted.py`, the one place that holds them; what they were
fitted on and the scales of the baselines go to `liq_nautilus/parameters/default.json`.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from liq_nautilus.core import fitted
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.data.map_parameters import parameters_of
from liq_nautilus.errors import SettingError
from liq_nautilus.json_files import read_object
from liq_nautilus.json_files import write_json
from liq_nautilus.json_files import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = Path(__file__).parents[1] / "liq_nautilus"
FITTED = tuple(name.lower() for name in vars(fitted) if name.isupper())
HEAD = '''"""
The fitted parameters that the package ships: the defaults of `TrackerParameters`.

`scripts/ship_parameters.py` writes this file from one of `liq-nautilus calibrate`; what the numbers
were fitted on stands in `liq_nautilus/parameters/default.json`.
"""

from __future__ import annotations

from typing import Final
'''


def fitted_module(parameters: TrackerParameters) -> str:
    """
    Return the text of `liq_nautilus/core/fitted.py` for the given parameters.

    Raises
    ------
    SettingError
        If a parameter that the module does not hold differs from its default.

    """
    values, defaults = asdict(parameters), asdict(TrackerParameters())
    changed = [name for name in values if values[name] != defaults[name] and name not in FITTED]
    if changed:
        msg = (
            f"what is shipped must be among {', '.join(FITTED)}; {', '.join(changed)} differs from "
            "its default too: give it a constant in liq_nautilus/core/fitted.py, and take the "
            "default of TrackerParameters from there"
        )
        raise SettingError(msg)
    return HEAD + "".join(_constant(name, values[name]) for name in FITTED) + "\n"


def ship(document: Mapping[str, Any], package: Path = PACKAGE) -> None:
    """Write the numbers of a parameters file to the module, and all else to `default.json`."""
    parameters = parameters_of(dict(document), "the parameters file")
    write_text(package / "core" / "fitted.py", fitted_module(parameters), "the fitted parameters")
    rest = {key: value for key, value in document.items() if key != "parameters"}
    write_json(package / "parameters" / "default.json", rest, "the provenance", indent=None)


def _constant(name: str, value: float | tuple[float, ...]) -> str:
    if isinstance(value, tuple):
        rows = "".join(f"    {number!r},\n" for number in value)
        return f"\n{name.upper()}: Final[tuple[float, ...]] = (\n{rows})"
    return f"\n{name.upper()}: Final = {float(value)!r}"


def main() -> None:
    """Ship the file that is named on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parameters", type=Path, help="A file written by `liq-nautilus calibrate`.")
    ship(read_object(parser.parse_args().parameters, "the parameters file"))


if __name__ == "__main__":
    main()
