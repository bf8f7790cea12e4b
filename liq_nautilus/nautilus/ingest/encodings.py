"""
What Nautilus says of its encoding, asked once per version and remembered.

To load Nautilus takes longer than to ingest a million trades. Its schemas and definitions depend on
its version, its build and this project's code alone: they are kept in the user's cache folder under
a name that changes with any of these. Without a cache folder Nautilus is asked every time.
"""

from __future__ import annotations

import base64
import importlib.metadata
import importlib.util
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import pyarrow as pa

from liq_nautilus.errors import LiqNautilusError
from liq_nautilus.json_files import read_object
from liq_nautilus.json_files import write_json
from liq_nautilus.nautilus.catalog.definitions import Definition
from liq_nautilus.nautilus.catalog.layout import series_identifier
from liq_nautilus.nautilus.catalog.targets import Encoding

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping

    from liq_nautilus.data.kinds import StoredType

    type Encoder = Callable[[pa.Table], pa.Table]

CACHE_VARIABLE: Final = "LIQ_NAUTILUS_CACHE"
_PACKAGE: Final = Path(__file__).parents[1]
# The code that makes schemas and definitions.
_SOURCES: Final = ("types.py", "custom.py", "instruments.py", "catalog")


class Encodings:
    """
    Schemas and definitions of Nautilus, from the cache or from Nautilus itself.

    Parameters
    ----------
    path : Path, optional
        The file they are remembered in; none by default.

    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[str, Any] = {}
        self._is_changed = False
        if path is not None and path.is_file():
            with suppress(LiqNautilusError):  # damaged: as if there were none
                self._known = read_object(path, "the cache")

    def of(self, stored: StoredType, interval: str, definition: Definition) -> Encoding:
        """
        Return the encoding of a series.

        Raises
        ------
        SchemaError
            If Nautilus has no such series.

        """
        series = series_identifier(stored, definition.symbol, interval)
        key = f"{stored.name} {series} {definition.price_precision} {definition.size_precision}"
        with suppress(KeyError, TypeError, ValueError, pa.ArrowException):
            entry = self._known[key]
            message = pa.py_buffer(base64.b64decode(entry["schema"]))
            return Encoding(pa.ipc.read_schema(message), bool(entry["is_direct"]))
        from liq_nautilus.nautilus.catalog.nautilus_encoding import asked  # noqa: PLC0415 - only here is Nautilus needed

        encoding = asked(stored, interval, definition)
        schema = base64.b64encode(encoding.schema.serialize()).decode()
        self._remember(key, {"schema": schema, "is_direct": encoding.is_direct})
        return encoding

    def supported(self, stored: StoredType, interval: str, definition: Definition) -> Encoder:
        """Return the slower way of encoding, through objects of Nautilus."""
        from liq_nautilus.nautilus.catalog import nautilus_encoding  # noqa: PLC0415 - only here is Nautilus needed

        return nautilus_encoding.supported_encoder(stored, interval, definition)

    def definition(self, symbol: str, entry: Mapping[str, Any] | None) -> Definition:
        """
        Return the definition of a perpetual.

        Parameters
        ----------
        symbol : str
            Binance's symbol.
        entry : mapping, optional
            What exchangeInfo says of it; the built-in definition by default.

        Raises
        ------
        SchemaError
            If there is no such definition.

        """
        key = f"instrument {symbol} {zlib.crc32(repr(entry).encode()):08x}"
        with suppress(KeyError, TypeError, ValueError):
            kept = self._known[key]
            return Definition(**{**kept, "content": base64.b64decode(kept["content"])})
        from liq_nautilus.nautilus.instruments import defined  # noqa: PLC0415 - only here is Nautilus needed

        definition = defined(symbol, entry)
        content = base64.b64encode(definition.content).decode()
        self._remember(key, {**definition._asdict(), "content": content})
        return definition

    def save(self) -> None:
        """Keep what was asked; a folder that cannot be written is no failure."""
        if self._path is None or not self._is_changed:
            return
        with suppress(OSError, LiqNautilusError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, self._known, "the cache")
            self._is_changed = False

    def _remember(self, key: str, entry: dict[str, Any]) -> None:
        self._known[key] = entry
        self._is_changed = True


def user_encodings() -> Encodings:
    """Return the encodings kept in the user's cache folder."""
    try:
        return Encodings(_cache_folder() / f"encodings-{_state_of_nautilus()}.json")
    except (OSError, RuntimeError, importlib.metadata.PackageNotFoundError):
        return Encodings()


def _cache_folder() -> Path:
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "liq-nautilus"


def _state_of_nautilus() -> str:
    # The version and build of Nautilus, and the code here.
    version = importlib.metadata.version("nautilus_trader")
    spec = importlib.util.find_spec("nautilus_trader")
    folders = spec.submodule_search_locations if spec is not None else None
    seal = 0
    for library in sorted(Path(next(iter(folders or ("",))), "core").glob("nautilus_pyo3*")):
        status = library.stat()
        seal = zlib.crc32(f"{library.name} {status.st_size} {status.st_mtime_ns}".encode(), seal)
    for name in _SOURCES:
        path = _PACKAGE / name
        for source in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            seal = zlib.crc32(source.read_bytes(), seal)
    return f"{version}-{seal:08x}"
