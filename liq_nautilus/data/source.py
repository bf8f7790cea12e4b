"""Opens a file of any packing and age: plain, zip or gz, with or without header, BOM or CRLF."""

from __future__ import annotations

import stat
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

from liq_nautilus.data.archives import unpack
from liq_nautilus.data.kinds import KINDS
from liq_nautilus.data.kinds import Kind
from liq_nautilus.data.values import ODD_SIGNS
from liq_nautilus.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from liq_nautilus.data.finding import SourceFile

LONGEST_LINE: Final = 65_536
_BLOCK: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """
    A plain CSV file ready to be read, and how it is laid out.

    Attributes
    ----------
    source : SourceFile
        The file it came from.
    kind : Kind
        The schema.
    path : Path
        The plain CSV file, which may be a temporary one.
    columns : tuple of str
        The canonical column names in the file's order; empty for a column that is not needed.
    has_header : bool
        Whether the first line is a header.
    n_bytes : int
        Its size.

    """

    source: SourceFile
    kind: Kind
    path: Path
    columns: tuple[str, ...]
    has_header: bool
    n_bytes: int

    @contextmanager
    def body(self) -> Iterator[BufferedReader]:
        """Open the file at its first row."""
        with self.path.open("rb") as file:
            if self.has_header:
                file.readline(LONGEST_LINE)
            elif file.read(len(_BOM)) != _BOM:
                file.seek(0)
            yield file


@contextmanager
def opened(source: SourceFile, scratch: Path) -> Iterator[OpenedFile]:
    """
    Open a source file; what had to be unpacked into `scratch` is deleted afterwards.

    Raises
    ------
    SchemaError
        If the file cannot be read, is empty, or its columns are not those of its kind.

    """
    with readable(source):
        is_regular = stat.S_ISREG(source.path.stat().st_mode)
    if not is_regular:  # to open a pipe would wait for a writer
        msg = f"{source.name} must be a regular file, was none; leave it out"
        raise SchemaError(msg, path=source.path)
    if source.path.suffix.lower() == ".csv":
        yield _describe(source, source.path)
        return
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        plain = Path(folder) / "plain.csv"
        unpack(source, plain)
        yield _describe(source, plain)


@contextmanager
def readable(source: SourceFile) -> Iterator[None]:
    """
    Say of a failure to read a source file that it is one.

    Raises
    ------
    SchemaError
        If there was such a failure.

    """
    try:
        yield
    except OSError as e:
        msg = f"{source.name} must be readable, {e.strerror or e}; check its rights and the disk"
        raise SchemaError(msg, path=source.path) from e


def _describe(source: SourceFile, path: Path) -> OpenedFile:
    kind = KINDS[source.kind]
    with readable(source), path.open("rb") as file:
        first = file.readline(LONGEST_LINE)
        if not first.strip():
            msg = f"{source.name} must begin with a row or header, was empty; download it again"
            raise SchemaError(msg, path=path)
        text = first.removeprefix(_BOM).decode("utf-8", "replace")
        head = first + file.read(LONGEST_LINE)
        lengths = {line.count(b",") + 1 for line in head.split(b"\n")}
        names = [_clean(name) for name in text.split(",")]
        columns, has_header = _layout(source, kind, names, lengths)
    return OpenedFile(source, kind, path, columns, has_header, path.stat().st_size)


def _clean(name: str) -> str:
    return name.strip().strip('"').strip().lower()


def _layout(
    source: SourceFile, kind: Kind, names: list[str], lengths: set[int]
) -> tuple[tuple[str, ...], bool]:
    # The columns in the file's order and whether the first line names them. Without a header the
    # file must have all columns: the first line may be damaged, so any of the first may show it.
    known = {
        alias: column.name
        for column in reversed(kind.columns)
        for alias in (column.name, *column.aliases)
    }
    has_header = sum(name in known for name in names) * 2 >= len(names)
    if has_header:
        columns = tuple(known.get(name, "") for name in names)
        missing = [c.name for c in kind.columns if not c.is_optional and c.name not in columns]
        named = [name for name in columns if name]
        if not missing and len(named) == len(set(named)):
            return columns, True
    elif len(kind.columns) in lengths:
        return tuple(column.name for column in kind.columns), False
    wanted = ",".join(column.name for column in kind.columns if not column.is_optional)
    msg = (
        f"{source.name} must have the columns {wanted} of {source.kind}, "
        f"the first line was {','.join(names)[:200]!r}; check that it is such a file"
    )
    raise SchemaError(msg, path=source.path, row=1)


class Scan(NamedTuple):
    """
    What the bytes of a file's body tell.

    Attributes
    ----------
    n_lines : int
        How many lines there are.
    odd_signs : str
        Which of `ODD_SIGNS` stand in it.
    is_ascii : bool
        Whether nothing else than ASCII does.

    """

    n_lines: int
    odd_signs: str
    is_ascii: bool


def scan(file: OpenedFile) -> Scan:
    """Look through the body of a file once."""
    n_lines, last, found, is_ascii = 0, b"\n", "", True
    with readable(file.source), file.body() as body:
        while block := body.read(_BLOCK):
            n_lines += block.count(b"\n")
            found += "".join(s for s in ODD_SIGNS if s not in found and s.encode() in block)
            is_ascii &= block.isascii()
            last = block[-1:]
    return Scan(n_lines + (last != b"\n"), found, is_ascii)
