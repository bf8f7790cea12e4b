"""Takes a damaged file apart line by line: what is a row goes on with its line number."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

from liq_nautilus.data.reading.source import LONGEST_LINE
from liq_nautilus.data.reading.source import readable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from liq_nautilus.data.reading.source import OpenedFile

# Stands in no row: lines with control characters are none.
SEPARATOR: Final = "\x1f"


class Reason(NamedTuple):
    """The rule a line breaks, and the words for what was found instead."""

    rule: str
    found: str = ""


def write_clean_lines(file: OpenedFile, target: Path) -> dict[Reason, list[int]]:
    """
    Write the rows of a file, each with its line number, and return the lines that are none.

    Parameters
    ----------
    file : OpenedFile
        The damaged file.
    target : Path
        Gets one line per row: the line number and the fields, parted by `SEPARATOR`.

    Returns
    -------
    dict
        The lines that are no rows, counted from 1, by the rule they break and what was found.

    """
    refused: dict[Reason, list[int]] = {}
    with target.open("w", encoding="utf-8", newline="") as clean:
        for number, line in enumerate(_lines(file), start=1):
            raw = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if (number == 1 and file.has_header) or not raw.strip():
                continue
            fields = _fields(raw, file)
            if isinstance(fields, Reason):
                refused.setdefault(fields, []).append(number)
            else:
                clean.write(f"{number}{SEPARATOR}{SEPARATOR.join(fields)}\n")
    return refused


def _lines(file: OpenedFile) -> Iterator[bytes]:
    # A line without end is cut, so that no binary file fills the memory.
    with readable(file.source), file.lines() as lines:
        while line := lines.readline(LONGEST_LINE):
            rest = line
            while len(rest) == LONGEST_LINE and not rest.endswith(b"\n"):
                rest = lines.readline(LONGEST_LINE)
            yield line


def _fields(raw: bytes, file: OpenedFile) -> list[str] | Reason:
    # The fields of a row, or why it is none.
    if len(raw) >= LONGEST_LINE:
        return Reason(f"a row must be shorter than {LONGEST_LINE} bytes")
    try:
        line = raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return Reason("a row must be UTF-8 text")
    if not line.isprintable():
        return Reason("a row must not hold control characters")
    if '"' in line:
        try:
            (fields,) = csv.reader([line], strict=True)
        except (csv.Error, ValueError):
            return Reason("quotes must come in pairs around a field")
    else:
        fields = line.split(",")
    fields = [field.strip() for field in fields]
    if len(fields) != len(file.columns):
        return Reason(f"a row must have {len(file.columns)} columns", f", had {len(fields)}")
    if [field.lower() for field in fields if field] == [name for name in file.columns if name]:
        return Reason("a header must stand only on the first line")
    return fields
