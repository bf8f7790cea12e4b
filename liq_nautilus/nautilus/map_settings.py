"""What an actor's settings say of its map, checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.data.map_parameters import checked_parameters
from liq_nautilus.data.map_parameters import read_parameters
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.nautilus.config import LiquidationActorConfig


def parameters_from(config: LiquidationActorConfig) -> TrackerParameters:
    """
    Return the map's parameters of an actor's settings.

    Raises
    ------
    SettingError
        If the file cannot be read, or a parameter is wrong.

    """
    if config.parameters_path is not None:
        return read_parameters(Path(config.parameters_path), "parameters_path")
    return checked_parameters(config.parameters or {}, "parameters")


def published_models(config: LiquidationActorConfig) -> tuple[str, ...]:
    """
    Return the models whose levels an actor publishes.

    Raises
    ------
    SettingError
        If one is unknown.

    """
    known = LiquidationTracker.model_names
    wanted = known if config.publish_models is None else tuple(config.publish_models)
    unknown = [model for model in wanted if model not in known]
    if unknown:
        msg = f"publish_models must be among {', '.join(known)}, was {', '.join(unknown)}"
        raise SettingError(msg)
    return wanted
