"""JSON and text files: read with one line per fault, written whole or not at all, free of NaN."""

from __future__ import annotations

import json
import math
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from typing import Any

from liq_nautilus.errors import LiqNautilusError
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_json(
    path: Path,
    what: str,
    *,
    error: type[LiqNautilusError] = SettingError,
    remedy: str = "give another",
) -> Any:  # noqa: ANN401 - any JSON value
    """
    Return what a JSON file holds.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What the user calls it, such as an option or a setting; failures begin with it.
    error : type of LiqNautilusError, optional
        What is raised.
    remedy : str, optional
        What the user can do about a failure.

    Raises
    ------
    LiqNautilusError
        If the file cannot be read or holds no JSON.

    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        reason = getattr(e, "strerror", None) or e
        msg = f"{what} must be a readable JSON file, {path} was not: {reason}; {remedy}"
        raise error(msg) from e


def read_object(
    path: Path,
    what: str,
    *,
    error: type[LiqNautilusError] = SettingError,
    remedy: str = "give another",
) -> dict[str, Any]:
    """
    Return the object that a JSON file holds (see `read_json`).

    Raises
    ------
    LiqNautilusError
        If the file cannot be read, or holds anything but a JSON object.

    """
    document = read_json(path, what, error=error, remedy=remedy)
    if not isinstance(document, dict):
        found = type(document).__name__
        msg = f"{what} must hold a JSON object, {path} held a {found}; {remedy}"
        raise error(msg)
    return document


def without_nan(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """
    Return a value as JSON can say it: NaN and infinities are null, numpy's numbers plain ones.

    Examples
    --------
    >>> without_nan({"ratio": float("nan"), "pair": (1.5, float("inf"))})
    {'ratio': None, 'pair': [1.5, None]}

    """
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    # Numpy's scalars know their plain value; this room needs no numpy for that.
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def json_text(document: Any, *, indent: int | None = 2) -> str:  # noqa: ANN401 - any JSON value
    r"""
    Return a document as JSON with a line's end; without indent it takes no needless space.

    Examples
    --------
    >>> json_text({"a": float("nan"), "b": [1]}, indent=None)
    '{"a":null,"b":[1]}\n'

    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(without_nan(document), indent=indent, allow_nan=False, separators=separators)
    return text + "\n"


@contextmanager
def replacing(path: Path, *, staging: Path | None = None) -> Iterator[Path]:
    """
    Give the place of an unfinished file, which takes the place of a file once the block ends well.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    staging : Path, optional
        A folder of the same file system for the unfinished file; that of `path` by default.

    Raises
    ------
    OSError
        If the file cannot be written.

    """
    unfinished = (staging or path.parent) / f".{path.name}.{os.getpid()}.tmp"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_to_disk(path: Path, content: bytes) -> None:
    """Write bytes and wait until they are on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str, what: str, *, staging: Path | None = None) -> None:
    """
    Write a text file whole: what was there before stays until the new one is complete.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    text : str
        The content, written as UTF-8.
    what : str
        What the user calls the file; a failure begins with it.
    staging : Path, optional
        A folder of the same file system for the unfinished file; that of `path` by default.

    Raises
    ------
    StoreError
        If the file cannot be written.

    """
    try:
        with replacing(path, staging=staging) as unfinished:
            write_to_disk(unfinished, text.encode())
    except OSError as e:
        reason = e.strerror or e
        msg = f"{what} must be a writable file, {path} was not: {reason}; give another"
        raise StoreError(msg) from e


def write_json(
    path: Path,
    document: Any,  # noqa: ANN401 - any JSON value
    what: str,
    *,
    indent: int | None = 2,
    staging: Path | None = None,
) -> None:
    """
    Write a document as a JSON file, whole or not at all (see `json_text` and `write_text`).

    Raises
    ------
    StoreError
        If the file cannot be written.

    """
    write_text(path, json_text(document, indent=indent), what, staging=staging)
