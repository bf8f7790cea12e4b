"""
Reads large files of plain numbers with a compiled loop, many times as fast as a general reader.

It knows one spelling (see `parsing`) and gives up at the first line of another, so that the rows
are those of `rows.read_fast`. What must hold between the values of a row, DuckDB checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from liq_nautilus.data.parsing import parse_lines
from liq_nautilus.data.parsing import widen
from liq_nautilus.data.rows import Chunk
from liq_nautilus.data.rows import NeedsCareError
from liq_nautilus.data.rows import are_few
from liq_nautilus.data.rows import count_stray
from liq_nautilus.data.source import LONGEST_LINE
from liq_nautilus.data.source import readable
from liq_nautilus.data.values import DECIMAL_FORM
from liq_nautilus.data.values import DECIMAL_PLACES
from liq_nautilus.data.values import FLOAT_FORM
from liq_nautilus.data.values import TRUTH_FORM

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb
    import numpy.typing as npt

    from liq_nautilus.data.kinds import Rules
    from liq_nautilus.data.source import OpenedFile
    from liq_nautilus.data.values import Value

_BLOCK_BYTES: Final = 16 << 20


def read_plain(
    file: OpenedFile, rules: Rules, connection: duckdb.DuckDBPyConnection
) -> Iterator[Chunk]:
    """
    Stream the rows of a plain file in file order.

    Parameters
    ----------
    file : OpenedFile
        A file of a kind whose `is_plain` holds.
    rules : Rules
        What values are measured by.
    connection : DuckDBPyConnection
        Checks the rows.

    Raises
    ------
    NeedsCareError
        As soon as a line is not plain or its values cannot be true, at the latest after the last.

    """
    layout = _Layout(file, rules)
    n_rows, n_stray = 0, 0
    for text in _whole_lines(file):
        numbers = layout.parse(text)
        columns = layout.columns(_checked(numbers, layout, connection))
        first = n_rows + 1 + file.has_header
        n_rows += len(columns[0])
        table = pa.table(columns, names=[value.name for value in file.kind.values])
        chunk = Chunk(table, np.arange(first, first + table.num_rows))
        n_stray += count_stray(file, chunk.time)
        yield chunk
    if are_few(n_stray, n_rows):
        raise NeedsCareError


class _Layout:
    # Which column of a file goes where, and how.

    def __init__(self, file: OpenedFile, rules: Rules) -> None:
        self._values = file.kind.values
        self._decimals = {
            value.name: int(rules.fill(value.decimals)) if value.decimals else 0
            for value in self._values
        }
        n_columns = len(file.columns)
        self._forms, self._slots, self._places = np.zeros((3, n_columns), dtype=np.int64)
        self._slot_of: dict[str, int] = {}
        n_slots = {True: 0, False: 0}
        for value in self._values:
            if not value.column:
                continue
            if value.column not in file.columns:
                raise NeedsCareError
            at = file.columns.index(value.column)
            is_float = value.form == FLOAT_FORM
            self._slot_of[value.name] = n_slots[is_float]
            self._forms[at], self._slots[at] = value.form, n_slots[is_float]
            self._places[at] = self._decimals[value.name]
            n_slots[is_float] += 1
        self._n_slots = n_slots
        derived = [v for v in self._values if not v.column]
        conditions = ") AND (".join(check.sql for check in file.kind.checks) or "true"
        is_bad = f"NOT coalesce(({conditions}), false) AS is_bad"
        selected = [f"{value.derivation} AS {value.name}" for value in derived]
        self.query = rules.fill(", ".join([*selected, is_bad]))

    def parse(self, text: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        # The numbers of each value that stands in the file.
        # A line has a digit and a separator in each column, at least.
        most = len(text) // len(self._forms) + 1
        whole = np.empty((self._n_slots[False], most), dtype=np.int64)
        floats = np.empty((self._n_slots[True], most))
        n_lines, end = parse_lines(text, self._forms, self._slots, self._places, whole, floats)
        if end != len(text):
            raise NeedsCareError
        return {
            value.name: (floats if value.form == FLOAT_FORM else whole)[
                self._slot_of[value.name], :n_lines
            ]
            for value in self._values
            if value.column
        }

    def columns(self, numbers: dict[str, npt.NDArray[Any]]) -> list[pa.Array]:
        return [self._column(value, numbers[value.name]) for value in self._values]

    def _column(self, value: Value, numbers: npt.NDArray[Any]) -> pa.Array:
        if value.form == TRUTH_FORM:
            return pa.array(np.where(numbers, *reversed(value.codes)).astype(np.int8))
        if value.form != DECIMAL_FORM:
            return pa.array(numbers)
        wide = np.empty((len(numbers), 2), dtype=np.uint64)
        widen(numbers, 10 ** (DECIMAL_PLACES - self._decimals[value.name]), wide)
        kind = pa.decimal128(38, DECIMAL_PLACES)
        return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(wide)])


def _checked(
    numbers: dict[str, npt.NDArray[Any]], layout: _Layout, connection: duckdb.DuckDBPyConnection
) -> dict[str, npt.NDArray[Any]]:
    # The numbers with those derived from them.
    made = connection.from_arrow(pa.table(numbers)).project(layout.query).to_arrow_table()
    if pc.any(made.column("is_bad")).as_py():
        raise NeedsCareError
    derived = [name for name in made.column_names if name != "is_bad"]
    return numbers | {name: made.column(name).to_numpy() for name in derived}


def _whole_lines(file: OpenedFile) -> Iterator[npt.NDArray[np.uint8]]:
    # One buffer for all blocks: each is read before the next comes.
    n_block = min(_BLOCK_BYTES, file.n_bytes + 1)
    buffer = bytearray(LONGEST_LINE + n_block)
    text = np.frombuffer(buffer, dtype=np.uint8)
    n_rest = 0
    with readable(file.source), file.body() as body, memoryview(buffer) as view:
        while n_read := body.readinto(view[n_rest : n_rest + n_block]):
            n_bytes = n_rest + n_read
            end = buffer.rfind(b"\n", 0, n_bytes) + 1
            yield text[:end]
            n_rest = n_bytes - end
            if n_rest >= LONGEST_LINE:
                raise NeedsCareError
            view[:n_rest] = view[end:n_bytes]
    if n_rest:
        text[n_rest] = ord("\n")
        yield text[: n_rest + 1]
