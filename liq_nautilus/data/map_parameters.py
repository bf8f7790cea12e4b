"""The map's parameters from a file that `liq-nautilus calibrate` wrote: the one reader."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.errors import SettingError
from liq_nautilus.json_files import read_object

if TYPE_CHECKING:
    from pathlib import Path

PARAMETERS_VERSION: Final = 2


def read_parameters(path: Path, what: str = "--params") -> TrackerParameters:
    """
    Return the map's parameters of a file.

    Parameters
    ----------
    path : Path
        A file written by `liq-nautilus calibrate`.
    what : str, optional
        What the user calls it, an option or a setting; failures begin with it.

    Raises
    ------
    SettingError
        If the file cannot be read, is of another version, or holds a wrong parameter.

    """
    return parameters_of(read_object(path, what), f"{what} ({path})")


def with_weights(parameters: TrackerParameters | None, weights: str) -> TrackerParameters:
    """
    Return parameters with other weights of the models in the ensemble.

    Parameters
    ----------
    parameters : TrackerParameters or None
        The others; None for the defaults.
    weights : str
        Shares of binance_standard, funding_adjusted and py_liquidation_map.

    Raises
    ------
    SettingError
        If they are no three shares.

    Examples
    --------
    >>> with_weights(None, "1,0,0").model_weights
    (1.0, 0.0, 0.0)

    """
    try:
        shares = tuple(float(text) for text in weights.split(","))
        return replace(parameters or TrackerParameters(), model_weights=shares)
    except ValueError as e:
        msg = f"--model-weights must be 3 shares such as 0.5,0.3,0.2, was {weights!r}"
        raise SettingError(msg) from e


def parameters_of(document: dict[str, Any], what: str) -> TrackerParameters:
    """
    Return the map's parameters of a parameters file's content.

    Raises
    ------
    SettingError
        If it is of another version, holds no parameters or a wrong one.

    """
    # Files written by hand need not say it.
    version = document.get("version", PARAMETERS_VERSION)
    if version != PARAMETERS_VERSION:
        msg = (
            f"{what} must be a parameters file of version {PARAMETERS_VERSION}, was {version}; "
            "make it anew with `liq-nautilus calibrate`"
        )
        raise SettingError(msg)
    values = document.get("parameters")
    if not isinstance(values, dict):
        msg = (
            f"{what} must hold the map's `parameters` as a JSON object, held "
            f"{type(values).__name__}; make it anew with `liq-nautilus calibrate`"
        )
        raise SettingError(msg)
    return checked_parameters(values, what)


def checked_parameters(values: dict[str, Any], what: str) -> TrackerParameters:
    """
    Return the map's parameters of their plain values; what is absent has its default.

    Raises
    ------
    SettingError
        If a key is no parameter or a value is out of its range.

    """
    try:
        return TrackerParameters.from_dict(values)
    except ValueError as e:
        msg = f"{what} must hold parameters of the map, one is wrong: {e}"
        raise SettingError(msg) from e
