"""Parameters files: written by `calibrate`, read by whatever needs a map."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING
from typing import Any

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.errors import StoreError
from liq_nautilus.json_files import read_object
from liq_nautilus.json_files import write_json
from liq_nautilus.studies.fitting import Fit

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = "default.json"
SHIPPED_SOURCE = "shipped with liq_nautilus"


def shipped_fit() -> Fit:
    """Return the parameters the package ships, with the provenance they were fitted with."""
    with resources.as_file(resources.files("liq_nautilus") / "parameters" / SHIPPED) as path:
        provenance = read_object(path, "the provenance of the shipped parameters", error=StoreError)
    # The numbers are the defaults of the map; the file holds what they were fitted on.
    return Fit.from_dict({**provenance, "parameters": TrackerParameters().to_dict()})


def read_fit(path: Path) -> Fit:
    """
    Return the parameters of a file.

    Raises
    ------
    SettingError
        If the file cannot be read, is no JSON or was not written by `calibrate`.

    """
    return Fit.from_dict(read_object(path, "--params"))


def write_fit(fit: Fit, path: Path) -> Fit:
    """
    Write a parameters file and return what it says, which is rounded.

    Raises
    ------
    StoreError
        If the file cannot be written.

    """
    document = rounded(fit.to_dict())
    write_json(path, document, "--out", indent=None)
    return Fit.from_dict(document)


def rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value with floats of six significant digits: smaller files, same figures."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value
