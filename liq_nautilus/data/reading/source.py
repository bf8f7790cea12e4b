"""Opens a file of any packing and age: plain, zip or gz, with or without header, BOM or CRLF."""

from __future__ import annotations

import io
import re
import stat
import tempfile
from collections import Counter
from contextlib import ExitStack
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import IO
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

from liq_nautilus.data.files.archives import unpack
from liq_nautilus.data.files.archives import unpacked_text
from liq_nautilus.data.kinds import KINDS
from liq_nautilus.data.reading.json_rows import lines_of_json
from liq_nautilus.data.values import ODD_SIGNS
from liq_nautilus.data.values import Form
from liq_nautilus.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from liq_nautilus.data.files.finding import SourceFile
    from liq_nautilus.data.kinds import Kind

LONGEST_LINE: Final = 65_536
# Files up to here are held in memory.
SMALL_BYTES: Final = 24 << 20
_BLOCK: Final = 1 << 20
_BOM: Final = b"\xef\xbb\xbf"
_ROWS_LOOKED_AT: Final = 50
_IS_OF_SPOT: Final = re.compile(rb"[0-9]+\.[0-9]{8}")
# Trades of the spot market have one column more, at the end.
_BEST_MATCH_NAMES: Final = ("is_best_match", "isbestmatch", "best_price_match")
_IS_NUMBER: Final = re.compile(rb'(-?[0-9]*\.?[0-9]*|"")')


@dataclass(slots=True)
class OpenedFile:
    """
    The text of a file ready to be read, and how it is laid out.

    Attributes
    ----------
    source : SourceFile
        The file it came from.
    kind : Kind
        The schema.
    columns : tuple of str
        The canonical column names in the file's order; empty for a column that is not needed.
    has_header : bool
        Whether the first line is a header.
    is_text : tuple of bool
        Whether the first row holds other than a number in each column.
    n_bytes : int
        The size of the text.

    """

    source: SourceFile
    kind: Kind
    columns: tuple[str, ...]
    has_header: bool
    is_text: tuple[bool, ...]
    n_bytes: int
    _text: bytes | None
    _path: Path | None
    _scratch: Path
    _made: ExitStack = field(default_factory=ExitStack)

    @property
    def looks(self) -> tuple[object, ...]:
        """Return what files must have in common to be read together."""
        return self.columns, self.is_text

    @property
    def is_small(self) -> bool:
        """Return whether the text is held in memory."""
        return self._text is not None

    @property
    def path(self) -> Path:
        """Return a plain file with the text; one is made if there is none."""
        if self._path is None:
            folder = self._made.enter_context(tempfile.TemporaryDirectory(dir=self._scratch))
            self._path = Path(folder) / "plain.csv"
            self._path.write_bytes(self._text or b"")
        return self._path

    @contextmanager
    def lines(self) -> Iterator[IO[bytes]]:
        """Open the text at its first byte."""
        with io.BytesIO(self._text) if self._text is not None else self.path.open("rb") as file:
            yield file

    @contextmanager
    def body(self) -> Iterator[IO[bytes]]:
        """Open the text at its first row."""
        with self.lines() as file:
            if self.has_header:
                file.readline(LONGEST_LINE)
            elif file.read(len(_BOM)) != _BOM:
                file.seek(0)
            yield file

    def close(self) -> None:
        """Delete what was made."""
        self._made.close()


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
        status = source.path.stat()
    if not stat.S_ISREG(status.st_mode):  # to open a pipe would wait for a writer
        msg = f"{source.name} must be a regular file, was none; leave it out"
        raise SchemaError(msg, path=source.path)
    suffix = source.path.suffix.lower()
    is_plain = suffix == ".csv"
    with ExitStack() as made:
        text, path = None, source.path if is_plain else None
        if suffix == ".json":
            with readable(source):
                text = lines_of_json(source, KINDS[source.kind], source.path.read_bytes())
        elif not is_plain:
            text = unpacked_text(source, SMALL_BYTES)
        elif status.st_size < SMALL_BYTES:
            with readable(source), source.path.open("rb") as file:
                text = b"".join(iter(lambda: file.read(_BLOCK), b""))
        if text is None and path is None:
            folder = made.enter_context(tempfile.TemporaryDirectory(dir=scratch))
            path = Path(folder) / "plain.csv"
            unpack(source, path)
        described = _describe(source, text, path, scratch)
        made.callback(described.close)
        yield described


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


def _describe(
    source: SourceFile, text: bytes | None, path: Path | None, scratch: Path
) -> OpenedFile:
    kind = KINDS[source.kind]
    with readable(source):
        head, n_bytes = _head(text, path)
    lines = head.removeprefix(_BOM).split(b"\n")
    if not lines[0].strip():
        msg = f"{source.name} must begin with a row or header, was empty; download it again"
        raise SchemaError(msg, path=source.path)
    lengths = Counter(line.count(b",") + 1 for line in lines)
    names = [_clean(name) for name in lines[0].decode("utf-8", "replace").split(",")]
    columns, has_header = _layout(source, kind, names, lengths)
    if _is_of_spot(source, columns, lines[has_header:-1] or lines[has_header:]):
        raise SchemaError(_spot_message(source), path=source.path)
    first_row = lines[has_header] if len(lines) > has_header else b""
    fields = [*first_row.rstrip().split(b","), *[b""] * len(columns)][: len(columns)]
    is_text = tuple(_IS_NUMBER.fullmatch(field) is None for field in fields)
    return OpenedFile(source, kind, columns, has_header, is_text, n_bytes, text, path, scratch)


def _is_of_spot(source: SourceFile, columns: tuple[str, ...], rows: list[bytes]) -> bool:
    # Spot files write every price and size with eight decimals. The names are those of futures; a
    # folder of the dump tells them apart, a flat one does not.
    exact = [v.column for v in KINDS[source.kind].values if v.form is Form.DECIMAL]
    if not exact or "/futures/" in source.path.absolute().as_posix():
        return False
    places = [columns.index(name) for name in exact if name in columns]
    sampled = [row.split(b",") for row in rows[:_ROWS_LOOKED_AT] if row.strip()]
    texts = [fields[at] for fields in sampled if len(fields) == len(columns) for at in places]
    return bool(texts) and all(_IS_OF_SPOT.fullmatch(text) for text in texts)


def _spot_message(source: SourceFile) -> str:
    return (
        f"{source.name} must be a file of futures, was one of the spot market (prices and sizes "
        "with eight decimals, or a column of best matches); leave it out"
    )


def _head(text: bytes | None, path: Path | None) -> tuple[bytes, int]:
    # The first line, as far as it is read at all, and a stretch of the others.
    if text is not None:
        return text[: 2 * LONGEST_LINE], len(text)
    assert path is not None  # noqa: S101 - one of the two is given
    with path.open("rb") as file:
        return file.read(2 * LONGEST_LINE), path.stat().st_size


def _clean(name: str) -> str:
    return name.strip().strip('"').strip().lower()


def _layout(
    source: SourceFile, kind: Kind, names: list[str], lengths: Counter[int]
) -> tuple[tuple[str, ...], bool]:
    # The columns in the file's order and whether the first line names them. Without a header the
    # file must have all columns, or all but those added later: as most lines have, since any of
    # them may be damaged.
    known = {
        alias: column.name
        for column in reversed(kind.columns)
        for alias in (column.name, *column.aliases)
    }
    has_header = sum(name in known for name in names) * 2 >= len(names)
    if has_header and names[-1] not in _BEST_MATCH_NAMES:
        columns = tuple(known.get(name, "") for name in names)
        missing = [c.name for c in kind.columns if not c.is_optional and c.name not in columns]
        named = [name for name in columns if name]
        if not missing and len(named) == len(set(named)):
            return columns, True
    elif not has_header:
        layouts = (kind.columns, tuple(c for c in kind.columns if not c.is_addition))
        stated = max(layouts, key=lambda layout: lengths[len(layout)])
        if lengths[len(stated)]:
            return tuple(column.name for column in stated), False
    is_trades = any(column.name == "is_buyer_maker" for column in kind.columns)
    # Of the spot market: a file whose lines end otherwise is one long line, not a row of trades.
    is_trades &= len(names) <= len(kind.columns) + 1
    if is_trades and names[-1] in ("true", "false", *_BEST_MATCH_NAMES):
        raise SchemaError(_spot_message(source), path=source.path, row=1)
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
