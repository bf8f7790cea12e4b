"""The exceptions a caller may want to catch: all of them are a `LiqNautilusError`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class LiqNautilusError(Exception):
    """
    The world is not as it must be; the message says what to do about it.

    The text is one line: what must hold, what was found, where, what to do.
    """


class SchemaError(LiqNautilusError):
    """
    A file's columns or content are not those of its kind.

    Parameters
    ----------
    message : str
        The whole line.
    path : Path, optional
        The file.
    row : int, optional
        The line in the file, counted from 1.
    column : str, optional
        The column's name.

    """

    def __init__(
        self,
        message: str,
        *,
        path: Path | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.row = row
        self.column = column


class DataGapError(LiqNautilusError):
    """Data that the request needs is not there."""


class StoreError(LiqNautilusError):
    """The catalog, or another file the program keeps, cannot be read or written."""


class SettingError(LiqNautilusError):
    """An option, a configuration file or an environment variable is wrong."""
