"""
An actor's state on disk, so that a restarted node goes on where it was.

Nautilus keeps an actor's state only where Redis is its cache database.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import msgspec

from liq_nautilus.errors import StoreError
from liq_nautilus.json_files import replacing
from liq_nautilus.json_files import write_to_disk

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC: Final = b"liq-nautilus state\n"
_VERSION: Final = 1
_VERSION_BYTES: Final = 4
_DIGEST_BYTES: Final = hashlib.sha256().digest_size
_HEADER_BYTES: Final = len(_MAGIC) + _VERSION_BYTES + _DIGEST_BYTES


class SavedState(NamedTuple):
    """
    What a state file holds.

    Attributes
    ----------
    ts_saved : int
        When it was saved (UTC nanoseconds).
    state : dict of str to bytes
        As of `Actor.on_save`.

    """

    ts_saved: int
    state: dict[str, bytes]


class DamagedStateError(StoreError):
    """A state file is not what was written."""


def write_state(path: Path, saved: SavedState) -> None:
    """
    Write a state so that the file is the old one or the new one, whatever happens.

    Raises
    ------
    StoreError
        If it cannot be written.

    """
    body = msgspec.msgpack.encode(saved)
    version = _VERSION.to_bytes(_VERSION_BYTES, "big")
    try:
        with replacing(path) as unfinished:
            write_to_disk(unfinished, _MAGIC + version + hashlib.sha256(body).digest() + body)
    except OSError as e:
        msg = f"state_path must be writable, {path} was not ({e.strerror}); make room or change it"
        raise StoreError(msg) from e


def read_state(path: Path) -> SavedState | None:
    """
    Return what was saved; None if nothing was.

    Raises
    ------
    DamagedStateError
        If the file is of another version, cut short or altered.

    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as e:
        msg = f"state_path must be readable, {path} was not ({e.strerror})"
        raise DamagedStateError(msg) from e
    if not raw.startswith(_MAGIC) or len(raw) < _HEADER_BYTES:
        msg = f"{path} must be a state file of liq-nautilus, its beginning is not"
        raise DamagedStateError(msg)
    version = int.from_bytes(raw[len(_MAGIC) : len(_MAGIC) + _VERSION_BYTES], "big")
    if version != _VERSION:
        msg = f"{path} must be a state file of version {_VERSION}, was {version}"
        raise DamagedStateError(msg)
    digest, body = raw[_HEADER_BYTES - _DIGEST_BYTES : _HEADER_BYTES], raw[_HEADER_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        msg = f"{path} must have the checksum it was written with, it has another"
        raise DamagedStateError(msg)
    return msgspec.msgpack.decode(body, type=SavedState)


def set_aside(path: Path) -> Path:
    """Move a damaged file out of the way and return where it went; nothing is overwritten."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return path.replace(aside)
