"""Damaged files of every kind: never a traceback, never a wrong value, every row accounted for."""

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from support.data_files import KINDS
from support.data_files import FileKind
from support.data_files import digest
from support.data_files import parsed
from support.data_files import stored_rows
from support.data_files import write_bytes

from liq_nautilus.data.reading import plain
from liq_nautilus.data.reading import source as source_files
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.ingest.ingest import IngestSummary
from liq_nautilus.nautilus.ingest.ingest import ingest

# As long as a time, and no time: scaled to nanoseconds they leave 64 bits.
ODD_TIMES = [
    "17357760000e3",
    "9999999999999",
    "-173577600000",
    "9999999999999999",
    "9223372036854775",
    "0x1941F297C00",
]
ODD_NUMBERS = [
    *("", '""', "0", "-1", "nan", "inf", "1e400", "1e-7", "abc", "9" * 30, "0.1234567890123456789"),
    *("0x1F", "0b11", "+5", "5.", ".5", "1_000", " 7", "007", "1.5", "true", "NaN", "9" * 18),
    *("90071992547409.93", "170141183460469231731687303715884105728", "1e5", "-0.0", "1E-400"),
]
CHARACTERS = '0123456789.,-+eE_ "xT:\t\x00\r\n\xff'


def drop(lines, draw):
    del lines[draw(st.integers(0, len(lines) - 1))]
    return lines


def swap(lines, draw):
    i, j = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    lines[i], lines[j] = lines[j], lines[i]
    return lines


def duplicate(lines, draw):
    line = lines[draw(st.integers(0, len(lines) - 1))]
    lines.insert(draw(st.integers(0, len(lines))), line)
    return lines


def truncate(lines, draw):
    i = draw(st.integers(0, len(lines) - 1))
    lines[i] = lines[i][: draw(st.integers(0, len(lines[i])))]
    return lines


def cut_off(lines, draw):
    text = "\n".join(lines)
    return text[: draw(st.integers(0, len(text)))].split("\n")


def garble(lines, draw):
    i = draw(st.integers(0, len(lines) - 1))
    if lines[i]:
        at = draw(st.integers(0, len(lines[i]) - 1))
        lines[i] = lines[i][:at] + draw(st.sampled_from(CHARACTERS)) + lines[i][at + 1 :]
    return lines


def insert_characters(lines, draw):
    i = draw(st.integers(0, len(lines) - 1))
    at = draw(st.integers(0, len(lines[i])))
    lines[i] = lines[i][:at] + draw(st.text(CHARACTERS, min_size=1, max_size=4)) + lines[i][at:]
    return lines


def replace_field(lines, draw):
    i = draw(st.integers(0, len(lines) - 1))
    fields = lines[i].split(",")
    odd = [*ODD_NUMBERS, *ODD_TIMES]
    fields[draw(st.integers(0, len(fields) - 1))] = draw(st.sampled_from(odd))
    lines[i] = ",".join(fields)
    return lines


def shift_units(lines, draw):
    i = draw(st.integers(0, len(lines) - 1))
    fields = [
        f"{field}000" if len(field) == 13 and field.isdigit() else field
        for field in lines[i].split(",")
    ]
    lines[i] = ",".join(fields)
    return lines


def quote(lines, draw):
    i = draw(st.integers(0, len(lines) - 1))
    lines[i] = ",".join(
        f'"{field}"' if '"' not in field else field for field in lines[i].split(",")
    )
    return lines


def pad_zeros(lines, draw):
    i = draw(st.integers(0, len(lines) - 1))
    fields = [f"{f}0000" if "." in f and f[-1].isdigit() else f for f in lines[i].split(",")]
    lines[i] = ",".join(fields)
    return lines


def blank_line(lines, draw):
    lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(["", " ", "\r"])))
    return lines


MUTATIONS = [
    drop,
    swap,
    duplicate,
    truncate,
    cut_off,
    garble,
    insert_characters,
    replace_field,
    shift_units,
    quote,
    pad_zeros,
    blank_line,
]


@st.composite
def damaged_files(draw) -> tuple[FileKind, bytes, bool]:
    """Return a kind of file, its bytes, and whether it is read as a stream."""
    kind = KINDS[draw(st.sampled_from(sorted(KINDS)))]
    lines = kind.lines(draw(st.integers(1, 24)))
    for mutation in draw(st.lists(st.sampled_from(MUTATIONS), max_size=4)):
        if lines:
            lines = mutation(lines, draw)
    has_header = draw(st.booleans())
    if has_header:
        lines = [kind.header, *lines]
    if draw(st.integers(0, 9)) == 0:
        lines.insert(draw(st.integers(0, len(lines))), kind.header)
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    text = ending.join(lines) + draw(st.sampled_from(["", ending, ending * 2]))
    start = b"\xef\xbb\xbf" if draw(st.booleans()) else b""
    return kind, start + text.encode("latin-1"), draw(st.booleans())


def rows_of(text: bytes, kind: FileKind) -> tuple[list[str], list[str]]:
    """Return the lines that count as rows, and those of them that can be read as text."""
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if is_header(lines[0], kind):
        lines = lines[1:]
    lines = [line for line in lines if line.strip()]
    texts = []
    for line in lines:
        try:
            texts.append(line.decode().rstrip("\r"))
        except UnicodeDecodeError:
            texts.append("")
    return texts, [line for line in texts if line]


def is_header(line: bytes, kind: FileKind) -> bool:
    names = kind.header.encode().split(b",")
    fields = [field.strip().strip(b'"').lower() for field in line.split(b",")]
    return sum(field in names for field in fields) * 2 >= len(fields)


def check_damaged(kind: FileKind, text: bytes, *, streams: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if streams:
            patch.setattr(source_files, "SMALL_BYTES", 0)
            patch.setattr(plain, "_BLOCK_BYTES", 500)
        source, catalog = Path(folder) / "source", Path(folder) / "catalog"
        write_bytes(source / kind.kind, kind.name, text)
        try:
            summary = ingest(source, catalog)
        except DataGapError:
            assert stored_rows(catalog, kind) == []
            return
        check_account(summary, text, kind, catalog)
        check_again(summary, source, catalog)


def check_account(summary: IngestSummary, text: bytes, kind: FileKind, catalog: Path) -> None:
    counts = summary.kinds[kind.series]["BTCUSDT"]
    rows, readable = rows_of(text, kind)
    assert counts.read == len(rows)
    total = counts.kept + counts.rejected + counts.duplicate + counts.already_present
    assert counts.read == total
    of_rows = [issue for issue in summary.issues if issue.line is not None]
    assert sum(issue.count for issue in of_rows) == counts.rejected
    stored = stored_rows(catalog, kind)
    assert len(stored) == len(set(stored)) == counts.kept
    times = [row[0] for row in stored]
    assert times == sorted(times)
    # Every stored row stands in the file; every undamaged line is stored, was doubled or listed.
    said = Counter(value for value in (parsed(kind, line) for line in readable) if value)
    assert set(stored) <= set(said)
    listed = {line for issue in of_rows for line in issue.lines}
    all_lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    good = set(kind.lines(24))
    for number, line in enumerate(all_lines, start=1):
        plain = line.decode("latin-1").rstrip("\r")
        if plain in good and number not in listed:
            assert parsed(kind, plain) in stored


def check_again(summary: IngestSummary, source: Path, catalog: Path) -> None:
    before = digest(catalog)
    again = ingest(source, catalog)
    assert digest(catalog) == before
    for name, symbols in again.kinds.items():
        counts, first = symbols["BTCUSDT"], summary.kinds[name]["BTCUSDT"]
        assert (counts.kept, counts.rejected, counts.read) == (0, first.rejected, first.read)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("name", sorted(KINDS))
def test_number_beyond_64_bits_is_accounted_for(name, streams):
    kind = KINDS[name]
    lines = kind.lines(24)
    first = lines[0].split(",")
    for odd in [*ODD_TIMES, "9" * 22 + ".99", "9" * 19]:
        lines += [",".join([*first[:i], odd, *first[i + 1 :]]) for i in range(len(first))]
    check_damaged(kind, "\n".join([kind.header, *lines]).encode(), streams=streams)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("name", sorted(KINDS))
def test_bytes_that_are_no_text_are_accounted_for_in_any_column(name, streams):
    kind = KINDS[name]
    lines = kind.lines(24)
    first = lines[0].split(",")
    for i in range(len(first)):
        for odd in ("\xff", "\xe9", "\x00", "\x7f"):
            lines.append(",".join([*first[:i], odd + first[i], *first[i + 1 :]]))
    text = "\n".join([kind.header, *lines]).encode("latin-1")
    check_damaged(kind, text, streams=streams)


@given(damaged_files())
@settings(max_examples=100)
def test_damaged_file_is_accounted_for(case):
    kind, text, streams = case
    check_damaged(kind, text, streams=streams)


@pytest.mark.slow
@given(damaged_files())
@settings(max_examples=3000)
def test_many_damaged_files_are_accounted_for(case):
    kind, text, streams = case
    check_damaged(kind, text, streams=streams)


@pytest.mark.slow
@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=400), st.booleans())
@settings(max_examples=500)
def test_any_bytes_are_accounted_for(name, junk, has_header):
    kind = KINDS[name]
    text = (kind.header.encode() + b"\n" if has_header else b"") + junk
    check_damaged(kind, text, streams=len(junk) % 2 == 0)
