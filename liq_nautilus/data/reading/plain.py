"""
Reads plain rows with Arrow's CSV reader, many times as fast as any reader that looks at each text.

Arrow takes more than it should: "1.5e2", " 7", "0x1F". So every block's bytes are counted: beyond
digits, points, commas and minus signs there must be exactly the line ends, and the letters, blanks
and colons of the words and times that were read. At the first deviation others read the file, so
that the rows are those of `rows.read_fast`. What must hold between values, DuckDB checks.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from liq_nautilus.data.columns import numbers
from liq_nautilus.data.columns import single
from liq_nautilus.data.reading import plain_columns
from liq_nautilus.data.reading.rows import Chunk
from liq_nautilus.data.reading.rows import NeedsCareError
from liq_nautilus.data.reading.rows import are_few
from liq_nautilus.data.reading.rows import count_stray
from liq_nautilus.data.reading.source import LONGEST_LINE
from liq_nautilus.data.reading.source import readable
from liq_nautilus.data.values import MOST_DECIMAL_DIGITS
from liq_nautilus.data.values import Form

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence
    from concurrent.futures import Future

    import duckdb
    import numpy.typing as npt

    from liq_nautilus.data.kinds import Rules
    from liq_nautilus.data.reading.source import OpenedFile
    from liq_nautilus.data.values import Value

_BLOCK_BYTES: Final = 8 << 20
_N_READERS: Final = 2
# Comma, minus sign, point, slash and the digits follow each other in ASCII.
_FIRST_NUMERIC, _N_NUMERIC = ord(","), ord("9") - ord(",") + 1
_LF, _COLON = ord("\n"), ord(":")
_COUNTED_BYTES: Final = 1 << 18
_MICROSECOND: Final = pa.timestamp("us")
_WORDS: Final = pa.dictionary(pa.int32(), pa.string())
_TRUTHS: Final = {"true", "false"}
# "2026-01-04 00:05:00" has a blank and two colons.
_COLONS_PER_TIME, _ODD_PER_TIME = 2, 3


def read_plain(
    file: OpenedFile, rules: Rules, connection: duckdb.DuckDBPyConnection
) -> Iterator[Chunk]:
    """
    Stream the rows of a plain file in file order.

    Parameters
    ----------
    file : OpenedFile
        The file.
    rules : Rules
        What values are measured by.
    connection : DuckDBPyConnection
        Checks the rows.

    Raises
    ------
    NeedsCareError
        As soon as a line is not plain or its values cannot be true, at the latest after the last.

    """
    reader = _PlainReader(file, rules)
    n_rows, n_stray = 0, 0
    with readable(file.source):
        for table in _in_turn(reader, _whole_lines(file), connection):
            first = n_rows + 1 + file.has_header
            n_rows += table.num_rows
            chunk = Chunk(table, np.arange(first, first + table.num_rows))
            n_stray += count_stray(file, chunk.time)
            yield chunk
    if are_few(n_stray, n_rows):
        raise NeedsCareError


def read_together(
    files: Sequence[OpenedFile], rules: Rules, connection: duckdb.DuckDBPyConnection
) -> list[Chunk]:
    """
    Return the rows of small plain files that have the same columns, one chunk per file.

    They are read as one text: a file of a few hundred rows costs hardly more than its unpacking.

    Parameters
    ----------
    files : sequence of OpenedFile
        Files of one kind, symbol and interval, whose `looks` are equal.
    rules, connection
        As of `read_plain`.

    Raises
    ------
    NeedsCareError
        If anything about any of them is not plain.

    """
    texts = [b"".join(_whole_lines(file)) for file in files]
    counts = [text.count(b"\n") for text in texts]
    reader = _PlainReader(files[0], rules)
    whole = b"".join(texts)
    table = reader.read(whole, connection) if whole else reader.no_rows(connection)
    chunks, start = [], 0
    for file, n_rows in zip(files, counts, strict=True):
        first = 1 + file.has_header
        chunk = Chunk(table.slice(start, n_rows), np.arange(first, first + n_rows))
        if are_few(count_stray(file, chunk.time), n_rows):
            raise NeedsCareError
        chunks.append(chunk)
        start += n_rows
    return chunks


class _PlainReader:
    # Reads blocks of whole lines of files that have the same columns.

    def __init__(self, file: OpenedFile, rules: Rules) -> None:
        self._values = file.kind.values
        self._rules = rules
        self._names = [name or f"unused {i}" for i, name in enumerate(file.columns)]
        self._types = _arrow_types(file, self._names, rules)
        conditions = ") AND (".join(check.sql for check in file.kind.checks) or "true"
        derivations = [f"{v.derivation} AS {v.name}" for v in self._values if not v.column]
        is_bad = f"NOT coalesce(({conditions}), false) AS is_bad"
        self._query = rules.fill(", ".join([*derivations, is_bad]))

    def read(self, text: bytes, connection: duckdb.DuckDBPyConnection) -> pa.Table:
        text = _without_empty_quotes(text)
        raw = self._parse(text)
        _check_bytes(text, raw)
        n_rows = raw.num_rows
        read = {v.name: self._column(v, raw, n_rows) for v in self._values if v.column}
        return self._checked(read, connection)

    def no_rows(self, connection: duckdb.DuckDBPyConnection) -> pa.Table:
        raw = pa.table({n: pa.nulls(0, t) for n, t in self._types.items()})
        read = {v.name: self._column(v, raw, 0) for v in self._values if v.column}
        return self._checked(read, connection)

    def _parse(self, text: bytes) -> pa.Table:
        try:
            return pyarrow.csv.read_csv(
                pa.BufferReader(text),
                pyarrow.csv.ReadOptions(
                    use_threads=False, block_size=len(text) + 1, column_names=self._names
                ),
                pyarrow.csv.ParseOptions(quote_char=False),
                pyarrow.csv.ConvertOptions(
                    column_types=self._types,
                    include_columns=list(self._types),
                    null_values=[""],
                    strings_can_be_null=True,
                    true_values=["true", "True", "TRUE"],
                    false_values=["false", "False", "FALSE"],
                ),
            )
        except pa.ArrowException as e:
            raise NeedsCareError from e

    def _checked(
        self, read: dict[str, pa.Array], connection: duckdb.DuckDBPyConnection
    ) -> pa.Table:
        # With the values that are derived from those read.
        made = connection.from_arrow(pa.table(read)).project(self._query).to_arrow_table()
        if pc.any(made.column("is_bad")).as_py():
            raise NeedsCareError
        columns = [
            plain_columns.widened(read[value.name]) if value.column else made.column(value.name)
            for value in self._values
        ]
        return pa.table(columns, names=[value.name for value in self._values])

    def _column(self, value: Value, raw: pa.Table, n_rows: int) -> pa.Array:
        if value.column in raw.column_names:
            column = single(raw.column(value.column))
            if column.null_count and not value.is_optional:
                raise NeedsCareError
        else:
            column = pa.nulls(n_rows, _arrow_type(value, self._rules))
        return _canonical(column, value, self._rules)


def _arrow_types(file: OpenedFile, names: list[str], rules: Rules) -> dict[str, pa.DataType]:
    # Words in columns that nobody asks for are read too, so that their letters are known.
    is_text = dict(zip(names, file.is_text, strict=True))
    types = {name: _WORDS for name, is_words in is_text.items() if is_words}
    # A number whose text is kept too comes from the text: that value stands behind it.
    for value in file.kind.values:
        if value.column in file.columns:
            is_written = value.form is Form.MOMENT and is_text[value.column]
            types[value.column] = _MICROSECOND if is_written else _arrow_type(value, rules)
    # A colon of a column that is not read could make up for one that a time lacks.
    if _MICROSECOND in types.values() and len(types) < len(names):
        raise NeedsCareError
    return types


def _arrow_type(value: Value, rules: Rules) -> pa.DataType:
    if value.form is Form.DECIMAL:
        places = int(rules.fill(value.decimals))
        return pa.decimal128(MOST_DECIMAL_DIGITS + places, places)
    if value.form is Form.WORD:
        is_truth = set(value.codes) == _TRUTHS
        return pa.bool_() if is_truth else _WORDS
    if value.form is Form.VENUES:
        return _WORDS
    if value.form is Form.FLOAT:
        return pa.float64()
    return pa.string() if value.form is Form.NUMBER_TEXT else pa.int64()


def _canonical(column: pa.Array, value: Value, rules: Rules) -> pa.Array:
    match value.form:
        case Form.EPOCH | Form.MOMENT:
            return plain_columns.moments(column)
        case Form.WHOLE:
            return plain_columns.wholes(column, value.default)
        case Form.DECIMAL:
            return plain_columns.decimals(column)
        case Form.FLOAT:
            return plain_columns.floats(column, value.default)
        case Form.WORD:
            return plain_columns.codes(
                column, {rules.fill(w).lower(): c for w, c in value.codes.items()}
            )
        case Form.VENUES:
            return plain_columns.venues(column, rules.venues)
        case _:
            return column


def _check_bytes(text: bytes, raw: pa.Table) -> None:
    # Every byte must belong to what was read.
    signs = np.frombuffer(text, dtype=np.uint8)
    n_rows = raw.num_rows
    if np.count_nonzero(signs == _LF) != n_rows:
        raise NeedsCareError
    n_times = sum(n_rows for column in raw.columns if column.type == _MICROSECOND)
    if n_times and np.count_nonzero(signs == _COLON) != _COLONS_PER_TIME * n_times:
        raise NeedsCareError
    n_letters = sum(_count_letters(column) for column in raw.columns)
    n_line_ends = _count_odd(signs) - n_letters - _ODD_PER_TIME * n_times
    is_crlf = n_line_ends == 2 * n_rows and text.count(b"\r\n") == n_rows
    if n_line_ends != n_rows and not is_crlf:
        raise NeedsCareError


def _count_odd(signs: npt.NDArray[np.uint8]) -> int:
    # Bytes that stand in no number, block by block, so that they stay in the processor's cache.
    n_odd = 0
    for start in range(0, len(signs), _COUNTED_BYTES):
        shifted = signs[start : start + _COUNTED_BYTES] - np.uint8(_FIRST_NUMERIC)
        n_odd += int(np.count_nonzero(shifted >= _N_NUMERIC))
    return n_odd


def _count_letters(column: pa.ChunkedArray) -> int:
    # What stands in no number of the words that were read.
    if column.type == pa.bool_():
        n_true = pc.sum(column).as_py() or 0
        return int(len("true") * n_true + len("false") * (len(column) - n_true))
    if not pa.types.is_dictionary(column.type):
        return 0
    counts = pc.value_counts(single(column))
    words = [word or "" for word in counts.field("values").dictionary_decode().to_pylist()]
    if not all(word.isprintable() and '"' not in word for word in words):
        raise NeedsCareError
    odd = [_count_odd(np.frombuffer(word.encode(), dtype=np.uint8)) for word in words]
    return int(np.dot(odd, numbers(counts.field("counts")))) if words else 0


def _in_turn(
    reader: _PlainReader, texts: Iterator[bytes], connection: duckdb.DuckDBPyConnection
) -> Iterator[pa.Table]:
    # The blocks are read side by side and come out one after the other.
    def read(text: bytes) -> pa.Table:
        with connection.cursor() as own:
            return reader.read(text, own)

    with ThreadPoolExecutor(_N_READERS) as pool:
        ahead: deque[Future[pa.Table]] = deque()
        try:
            for text in texts:
                ahead.append(pool.submit(read, text))
                if len(ahead) > _N_READERS:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _whole_lines(file: OpenedFile) -> Iterator[bytes]:
    rest = b""
    with file.body() as body:
        while block := body.read(_BLOCK_BYTES):
            end = block.rfind(b"\n") + 1
            if end:
                yield rest + block[:end]
                rest = b""
            rest += block[end:]
            if len(rest) >= LONGEST_LINE:
                raise NeedsCareError
    if rest:
        yield _ended(rest)


def _ended(text: bytes) -> bytes:
    return text if not text or text.endswith(b"\n") else text + b"\n"


def _without_empty_quotes(text: bytes) -> bytes:
    # Old files of metrics write "" for a ratio that is not known.
    if b'"' not in text:
        return text
    for _ in range(2):  # neighbours share a comma
        text = text.replace(b',"",', b",,")
    return text.replace(b',""\n', b",\n").replace(b',""\r', b",\r")
