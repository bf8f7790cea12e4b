"""What a server is told: by options of `serve`, which its workers read from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.data.map_parameters import read_parameters
from liq_nautilus.data.map_parameters import with_weights
from liq_nautilus.json_files import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from liq_nautilus.core.parameters import TrackerParameters

VARIABLES: Final = {
    "catalog": "LIQ_NAUTILUS_CATALOG",
    "token": "LIQ_NAUTILUS_TOKEN",
    "params": "LIQ_NAUTILUS_PARAMS",
    "brackets": "LIQ_NAUTILUS_BRACKETS",
    "model_weights": "LIQ_NAUTILUS_MODEL_WEIGHTS",
}


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """
    What a server answers from, and to whom.

    Attributes
    ----------
    catalog : Path
        The Parquet catalog.
    token : str
        What a request must show; empty: nothing, for loopback addresses alone.
    parameters : TrackerParameters or None
        What maps assume.
    brackets : object
        A parsed `leverageBracket` response of Binance; None for the built-in brackets.
    patience_seconds : float
        How long a request waits for a map that is being computed.
    waits_seconds : tuple of float
        How long after each failure to read the catalog it is tried again.

    """

    catalog: Path
    token: str = ""
    parameters: TrackerParameters | None = None
    brackets: object = None
    patience_seconds: float = 10.0
    waits_seconds: tuple[float, ...] = (1.0, 2.0, 4.0)

    @property
    def assumed(self) -> dict[str, Any]:
        """What maps assume, as the queries take it."""
        return {"parameters": self.parameters, "brackets": self.brackets}


def settings_from(environment: Mapping[str, str] = os.environ) -> ServerSettings:
    """
    Return the settings that the environment holds.

    Raises
    ------
    SettingError
        If a file or the weights are wrong.

    """
    given = {name: environment.get(variable, "") for name, variable in VARIABLES.items()}
    chosen = read_parameters(Path(given["params"])) if given["params"] else None
    if given["model_weights"]:
        chosen = with_weights(chosen, given["model_weights"])
    brackets = read_json(Path(given["brackets"]), "--brackets") if given["brackets"] else None
    return ServerSettings(Path(given["catalog"] or "catalog"), given["token"], chosen, brackets)


def is_loopback(host: str | None) -> bool:
    """
    Return whether only this machine reaches a host name or address.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)

    """
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
