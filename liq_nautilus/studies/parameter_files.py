"""Parameters files: written by `calibrate`, read by whatever needs a map."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING
from typing import Any

from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.studies.fitting import Fit

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = "default.json"
SHIPPED_SOURCE = "shipped with liq_nautilus"


def shipped_fit() -> Fit:
    """Return the parameters the package ships, with the provenance they were fitted with."""
    file = resources.files("liq_nautilus") / "parameters" / SHIPPED
    return Fit.from_dict(json.loads(file.read_text(encoding="utf-8")))


def read_fit(path: Path) -> Fit:
    """
    Return the parameters of a file.

    Raises
    ------
    SettingError
        If the file cannot be read, is no JSON or was not written by `calibrate`.

    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        reason = getattr(e, "strerror", None) or e
        msg = f"--params must be a JSON file written by `calibrate`, {path} was not: {reason}"
        raise SettingError(msg) from e
    if not isinstance(document, dict):
        msg = f"--params must hold a JSON object, {path} held a {type(document).__name__}"
        raise SettingError(msg)
    return Fit.from_dict(document)


def write_fit(fit: Fit, path: Path) -> Fit:
    """
    Write a parameters file and return what it says, which is rounded.

    Raises
    ------
    StoreError
        If the file cannot be written.

    """
    document = rounded(fit.to_dict())
    write_text(path, json.dumps(document, separators=(",", ":")) + "\n", "--out")
    return Fit.from_dict(document)


def write_text(path: Path, text: str, option: str) -> None:
    """
    Write a text file whole: what was there before stays until the new one is complete.

    Raises
    ------
    StoreError
        If the file cannot be written.

    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as e:
        msg = f"{option} must be a writable file, {path} was not: {e.strerror}; give another path"
        raise StoreError(msg) from e


def rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value with floats of six significant digits: smaller files, same figures."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return value
