"""Tells a file from another of the same name, as it lies on the disk, without unpacking it."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

from liq_nautilus.data.reading.source import readable

if TYPE_CHECKING:
    from liq_nautilus.data.files.finding import SourceFile

_BLOCK: Final = 1 << 20


class Fingerprint(NamedTuple):
    """The size of a file and the CRC-32 of its bytes."""

    n_bytes: int
    checksum: int


def fingerprint_of(source: SourceFile) -> Fingerprint:
    """
    Return the fingerprint of a file.

    Raises
    ------
    SchemaError
        If the file cannot be read.

    """
    n_bytes, checksum = 0, 0
    with readable(source), source.path.open("rb") as file:
        while block := file.read(_BLOCK):
            n_bytes += len(block)
            checksum = zlib.crc32(block, checksum)
    return Fingerprint(n_bytes, checksum)
