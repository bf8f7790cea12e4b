"""Unpacks zip and gzip files that may be damaged, or made to fill the disk."""

from __future__ import annotations

import gzip
import lzma
import shutil
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO
from typing import TYPE_CHECKING
from typing import Final
from typing import cast

from liq_nautilus.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from liq_nautilus.data.files.finding import SourceFile

# Market data shrinks to a twentieth at most, even where nothing trades.
_MOST_GROWTH: Final = 200
_ALWAYS_FINE_BYTES: Final = 64 << 20
_BLOCK: Final = 1 << 20
# What the readers of damaged archives were seen to raise.
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    LookupError,
)


def unpack(source: SourceFile, target: Path) -> None:
    """
    Write the one CSV file of an archive to `target`.

    Raises
    ------
    SchemaError
        If the archive is damaged, holds other than one CSV file, or grows beyond reason or beyond
        the space there is.
    OSError
        If `target` cannot be written.

    """
    most = max(source.path.stat().st_size * _MOST_GROWTH, _ALWAYS_FINE_BYTES)
    free = shutil.disk_usage(target.parent).free
    n_bytes = 0
    with target.open("wb") as file:
        for block in _blocks(source):
            n_bytes += len(block)
            if n_bytes > most:
                msg = (
                    f"{source.name} must unpack to at most {_MOST_GROWTH} times its size, was more;"
                    " it is no file of market data"
                )
                raise SchemaError(msg, path=source.path)
            if n_bytes > free:
                msg = (
                    f"{source.name} must fit on the disk unpacked, {free >> 20} MB are free below "
                    f"{target.parent}; make room and run it again"
                )
                raise SchemaError(msg, path=source.path)
            file.write(block)


def unpacked_text(source: SourceFile, most_bytes: int) -> bytes | None:
    """
    Return the one CSV file of an archive; None if it is larger than `most_bytes`.

    Raises
    ------
    SchemaError
        If the archive is damaged or holds other than one CSV file.

    """
    blocks, n_bytes = [], 0
    for block in _blocks(source):
        n_bytes += len(block)
        if n_bytes > most_bytes:
            return None
        blocks.append(block)
    return b"".join(blocks)


def _blocks(source: SourceFile) -> Iterator[bytes]:
    try:
        with _opened(source) as packed:
            while block := packed.read(_BLOCK):
                yield block
    except _DAMAGE as e:
        what = str(e) or type(e).__name__
        msg = f"{source.name} must be a sound archive, {what}; download it again"
        raise SchemaError(msg, path=source.path) from e


@contextmanager
def _opened(source: SourceFile) -> Iterator[IO[bytes]]:
    if source.path.suffix.lower() == ".gz":
        with gzip.open(source.path) as packed:
            yield cast("IO[bytes]", packed)
        return
    with (
        zipfile.ZipFile(source.path) as archive,
        archive.open(_member(source, archive)) as packed,
    ):
        yield packed


def _member(source: SourceFile, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    # Hidden files, as macOS adds them, are not meant.
    members = [
        member
        for member in archive.infolist()
        if member.filename.lower().endswith(".csv")
        and not member.filename.rpartition("/")[2].startswith(".")
    ]
    if len(members) != 1:
        msg = (
            f"{source.name} must hold exactly one CSV file, held {len(members)}; unpack it yourself"
        )
        raise SchemaError(msg, path=source.path)
    return members[0]
