"""A Nautilus run configuration from a JSON file, checked for what a liquidation map needs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import msgspec
from nautilus_trader.common.config import resolve_path
from nautilus_trader.config import BacktestRunConfig
from nautilus_trader.model.data import Bar

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.actor import LiquidationActor
from liq_nautilus.nautilus.custom import CustomRecord
from liq_nautilus.nautilus.types import OpenInterest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nautilus_trader.config import BacktestDataConfig
    from nautilus_trader.config import ImportableActorConfig

_CLIENT: Final = '"client_id": "CATALOG"'


def read_run_config(path: Path) -> BacktestRunConfig:
    """
    Return the configuration of a `BacktestNode` from its JSON file, ready to run.

    Nautilus keeps the classes of data as text and then ignores their bar types; here they are
    classes. What would make a run fail late, or end without a map, is told now.

    Parameters
    ----------
    path : Path
        The JSON of a `BacktestRunConfig`.

    Returns
    -------
    BacktestRunConfig

    Raises
    ------
    SettingError
        If the file is no run configuration; if custom data has no `client_id`, or a `metadata`
        under which no actor listens; if an actor's bars or open interest are not among the data;
        or if two actors have one name.

    """
    try:
        config = BacktestRunConfig.parse(path.read_bytes())
        data = [msgspec.structs.replace(one, data_cls=one.data_type) for one in config.data]
    except (OSError, ValueError, TypeError, AttributeError, ImportError) as e:
        reason = getattr(e, "strerror", None) or e
        msg = f"{path} must be a BacktestRunConfig as JSON, was not: {reason}; correct it"
        raise SettingError(msg) from e
    for problem in (*_data_problems(data), *_actor_problems(config, data)):
        msg = f"{path}: {problem}"
        raise SettingError(msg)
    ready: BacktestRunConfig = msgspec.structs.replace(config, data=data)
    return ready


def _data_problems(data: list[BacktestDataConfig]) -> Iterator[str]:
    for number, one in enumerate(data):
        if not issubclass(one.data_type, CustomRecord):
            continue
        name = f"data[{number}] ({one.data_type.__name__})"
        if one.client_id is None:
            yield f"{name} must have a client_id, had none; add {_CLIENT}"
        wanted = {"instrument_id": str(one.instrument_id)}
        if one.metadata and one.metadata != wanted:
            yield f"{name} must have no metadata or {wanted}, had {one.metadata}; correct it"


def _actor_problems(config: BacktestRunConfig, data: list[BacktestDataConfig]) -> Iterator[str]:
    names: set[str] = set()
    for actor in config.engine.actors if config.engine else ():
        settings = _settings_of(actor)
        name = str(settings.get("component_id") or settings.get("instrument_id"))
        if name in names:
            yield f"two actors must not both be named {name}; give each a component_id"
        names.add(name)
        if settings:
            yield from _input_problems(settings, data)


def _settings_of(actor: ImportableActorConfig) -> dict[str, Any]:
    # The settings of our own actor; those of others are theirs.
    if not issubclass(resolve_path(actor.actor_path), LiquidationActor):
        return {}
    return dict(actor.config)


def _input_problems(settings: dict[str, Any], data: list[BacktestDataConfig]) -> Iterator[str]:
    instrument_id, bar_type = str(settings["instrument_id"]), str(settings["bar_type"])
    if not any(one.data_type is Bar and bar_type in _bar_types(one) for one in data):
        yield f"the data must hold the actor's bars {bar_type}, did not; add their bar_types"
    holders = [_instruments(one) for one in data if one.data_type is OpenInterest]
    # Data of no instrument in particular is that of all.
    if not any(instrument_id in names or not names for names in holders):
        yield (
            f"the data must hold OpenInterest of {instrument_id}, did not, and the signal would "
            f"stay WAIT; add it with {_CLIENT}"
        )


def _instruments(config: BacktestDataConfig) -> list[str]:
    return [str(name) for name in (config.instrument_id, *(config.instrument_ids or ())) if name]


def _bar_types(config: BacktestDataConfig) -> list[str]:
    if config.bar_types:
        return [str(bar_type) for bar_type in config.bar_types]
    return [f"{name}-{config.bar_spec}-EXTERNAL" for name in _instruments(config)]
