"""What a map is computed by: symbol, parameters, brackets and the program's own code."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING
from typing import Final

from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.exchange.brackets import brackets_of
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.queries.derived.day_prints import print_of
from liq_nautilus.queries.derived.derived_files import derived_folder

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

# Rises when the kept files change their shape.
_FORMAT: Final = 1
# The code that decides what a map is and what is kept of it.
_ROOMS: Final = ("core", "nautilus/catalog", "queries/derived")


@dataclass(frozen=True)
class MapBasis:
    """
    What a map is computed by, besides the data.

    Attributes
    ----------
    catalog : Path
        The Parquet catalog.
    symbol : str
        Binance's name.
    parameters : TrackerParameters
        What is assumed.
    brackets : BracketTable
        The exchange's notional brackets.

    """

    catalog: Path
    symbol: str
    parameters: TrackerParameters
    brackets: BracketTable

    @classmethod
    def of(
        cls,
        catalog: Path,
        symbol: str,
        parameters: TrackerParameters | None = None,
        brackets: object | None = None,
    ) -> MapBasis:
        """
        Return the basis of a symbol's map.

        Parameters
        ----------
        catalog : Path
            The Parquet catalog.
        symbol : str
            Binance's name.
        parameters : TrackerParameters, optional
            What is assumed.
        brackets : object, optional
            A parsed `leverageBracket` response of Binance in place of the built-in brackets, which
            are dated.

        Raises
        ------
        ValueError
            If the response does not hold the symbol's brackets.

        """
        return cls(
            catalog,
            symbol,
            TrackerParameters() if parameters is None else parameters,
            brackets_of(symbol, brackets),
        )

    @functools.cached_property
    def folder(self) -> Path:
        """Where what was computed by it is kept."""
        digest = print_of(f"{_FORMAT} {_code_print()} {self.brackets!r}".encode())
        return derived_folder(self.catalog) / self.params_hash / self.symbol / digest

    @property
    def params_hash(self) -> str:
        """Of the parameters."""
        return _hash_of(self.parameters)


@functools.lru_cache(maxsize=64)
def _hash_of(parameters: TrackerParameters) -> str:
    # Every question asks for it, and it takes milliseconds.
    return parameters.params_hash


@functools.cache
def _code_print() -> str:
    # Another version of the program may draw another map of the same data.
    package = resources.files("liq_nautilus")
    sources = [path for room in _ROOMS for path in _sources(package.joinpath(room))]
    return print_of(b"".join(path.read_bytes() for path in sources))


def _sources(folder: Traversable) -> list[Traversable]:
    found: list[Traversable] = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.is_dir():
            found += _sources(path)
        elif path.name.endswith(".py"):
            found.append(path)
    return found
