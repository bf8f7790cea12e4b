"""
Reads the rows of an opened file with DuckDB, checks each, and accounts for every line.

Two ways give the same rows. The fast one streams a sound file and stops at the first sign of
damage; the careful one numbers the lines, sets aside what is no row, and says why of each.
"""

from __future__ import annotations

import glob
import tempfile
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from liq_nautilus.data.columns import numbers
from liq_nautilus.data.issues import Issues
from liq_nautilus.data.reading.cleaning import SEPARATOR
from liq_nautilus.data.reading.cleaning import write_clean_lines
from liq_nautilus.data.reading.source import scan
from liq_nautilus.errors import SchemaError
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Sequence

    import numpy.typing as npt

    from liq_nautilus.data.files.finding import SourceFile
    from liq_nautilus.data.kinds import Kind
    from liq_nautilus.data.kinds import Rules
    from liq_nautilus.data.reading.source import OpenedFile

ROWS_PER_CHUNK: Final = 500_000
# A file that names its day holds rows of that day. A few rows further away than a day are garbled
# times; if there are many of them, the name means something else.
_STRAY_SHARE: Final = 0.01


class NeedsCareError(Exception):
    """The fast way met something it cannot account for: read the file the careful way."""


@dataclass(slots=True)
class FileReport:
    """What became of the rows of one file."""

    n_good: int = 0
    n_rejected: int = 0
    n_out_of_order: int = 0
    n_repeated: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    issues: Issues = field(default_factory=Issues)
    _last_row_ns: int = 0

    def add_good(self, chunk: Chunk, kind: Kind) -> None:
        """Count good rows, those earlier than the row before them, and those of the same name."""
        time = chunk.time
        if not len(time):
            return
        self.n_good += len(time)
        self.n_out_of_order += int(np.count_nonzero(np.diff(time, prepend=self._last_row_ns) < 0))
        self.n_repeated += _count_repeated([chunk.table[name] for name in kind.names_row])
        self._last_row_ns = int(time[-1])
        first, last = int(time.min()), int(time.max())
        self.first_ns = first if self.first_ns is None else min(self.first_ns, first)
        self.last_ns = last if self.last_ns is None else max(self.last_ns, last)

    def add_rejected(self, source: SourceFile, rule: str, found: str, lines: Sequence[int]) -> None:
        """Count and list rejected rows that break one rule."""
        self.n_rejected += len(lines)
        self.issues.add_rows(source, rule, found, lines)


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    Some rows of one file in canonical columns.

    Attributes
    ----------
    table : pa.Table
        The values of the kind.
    lines : ndarray of shape (n_rows,)
        The line of each row in the file, counted from 1.

    """

    table: pa.Table
    lines: npt.NDArray[np.int64]

    @property
    def time(self) -> npt.NDArray[np.int64]:
        """Return the time each row stands for: the opening of an interval, else the event."""
        return time_of(self.table)


def time_of(table: pa.Table) -> npt.NDArray[np.int64]:
    """Return the UTC nanoseconds each canonical row stands for."""
    name = "ts_open" if "ts_open" in table.column_names else "ts_event"
    return numbers(table.column(name)).astype(np.int64, copy=False)


def _count_repeated(columns: list[pa.ChunkedArray]) -> int:
    values = [numbers(column) for column in columns]
    if np.all(np.diff(values[0]) > 0):  # as it nearly always is
        return 0
    order = np.lexsort(values[::-1])
    is_equal = [value[order][1:] == value[order][:-1] for value in values]
    return int(np.count_nonzero(np.logical_and.reduce(is_equal)))


def connect(scratch: Path, *, threads: int = 2, memory_mb: int = 400) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection that stays small and spills into `scratch`."""
    connection = duckdb.connect(":memory:")
    # Its own progress bar would go to stdout, between the lines of a JSON document.
    connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET threads = {threads}")
    connection.execute(f"SET memory_limit = '{memory_mb}MB'")
    connection.execute(f"SET temp_directory = {_text(str(scratch.absolute() / 'spill'))}")
    return connection


def read_fast(
    file: OpenedFile, rules: Rules, connection: duckdb.DuckDBPyConnection
) -> Iterator[Chunk]:
    """
    Stream the rows of a sound file in file order.

    Raises
    ------
    NeedsCareError
        As soon as anything about the file is not as it must be, at the latest after its last row.

    """
    n_rows, n_stray = 0, 0
    found = scan(file)
    # DuckDB does not look whether columns that nobody asks for are text at all.
    if not found.is_ascii:
        raise NeedsCareError
    try:
        relation = connection.sql(_fast_query(file, rules, found.odd_signs))
        for batch in relation.to_arrow_reader(ROWS_PER_CHUNK):
            table = pa.Table.from_batches([batch])
            if pc.any(table.column("is_bad")).as_py():
                raise NeedsCareError
            first = n_rows + 1 + file.has_header
            n_rows += table.num_rows
            chunk = Chunk(table.drop_columns("is_bad"), np.arange(first, first + table.num_rows))
            n_stray += count_stray(file, chunk.time)
            yield chunk
    except (duckdb.Error, pa.ArrowException, OSError) as e:  # of the parser, through Arrow
        raise NeedsCareError from e
    # An independent count: no line was skipped, none was joined with the next.
    if n_rows != found.n_lines or are_few(n_stray, n_rows):
        raise NeedsCareError


def read_careful(
    file: OpenedFile,
    rules: Rules,
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
    report: FileReport,
) -> Iterator[Chunk]:
    """
    Stream the good rows of a damaged file; the others are counted and listed in `report`.

    Rows that DuckDB sets aside are listed after those that are no rows at all.

    Raises
    ------
    SchemaError
        If the file cannot be read.

    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        clean = Path(folder) / "clean.csv"
        for (rule, found), lines in write_clean_lines(file, clean).items():
            report.add_rejected(file.source, rule, found, lines)
        if clean.stat().st_size == 0:
            return
        try:
            yield from _judged(file, _careful_query(file, rules, clean), connection, report)
        except (duckdb.Error, pa.ArrowException) as e:
            what = str(e).partition("\n")[0]
            msg = f"{file.source.name} must be read by DuckDB, {what}; report this file"
            raise SchemaError(msg, path=file.source.path) from e


def _judged(
    file: OpenedFile, query: str, connection: duckdb.DuckDBPyConnection, report: FileReport
) -> Iterator[Chunk]:
    ((good, stray),) = connection.execute(_stray_query(file, query)).fetchall()
    if are_few(stray, good):
        query = _without_strays(file, query)
    for batch in connection.sql(query).to_arrow_reader(ROWS_PER_CHUNK):
        table = pa.Table.from_batches([batch])
        is_good = pc.is_null(table.column("reason"))
        _list_rejected(file, table.filter(pc.invert(is_good)), report)
        kept = table.filter(is_good)
        if kept.num_rows:
            lines = numbers(kept.column("line"))
            yield Chunk(kept.drop_columns(["line", "reason", "found"]), lines)


def _list_rejected(file: OpenedFile, bad: pa.Table, report: FileReport) -> None:
    lines, reasons = numbers(bad.column("line")), bad.column("reason")
    for reason in pc.unique(reasons).to_pylist():
        rows = np.flatnonzero(numbers(pc.equal(reasons, reason)))
        first = rows[np.argmin(lines[rows])]
        found = bad.column("found")[int(first)].as_py() or ""
        report.add_rejected(file.source, reason, found, np.sort(lines[rows]).tolist())


def count_stray(file: OpenedFile, time: npt.NDArray[np.int64]) -> int:
    """Return how many rows lie more than a day outside the dates in the file's name."""
    if file.source.period is None:
        return 0
    start, end = file.source.period
    return int(np.count_nonzero((time < start - DAY_NS) | (time >= end + DAY_NS)))


def are_few(n_stray: int, n_rows: int) -> bool:
    """Return whether rows outside those dates are so few that they must be garbled times."""
    return 0 < n_stray <= max(1.0, _STRAY_SHARE * n_rows) and n_stray < n_rows


def _stray_condition(file: OpenedFile) -> str:
    if file.source.period is None:
        return "false"
    start, end = file.source.period
    is_open = any(value.name == "ts_open" for value in file.kind.values)
    name = "ts_open" if is_open else "ts_event"
    return f"({name} < {start - DAY_NS} OR {name} >= {end + DAY_NS})"


def _stray_query(file: OpenedFile, query: str) -> str:
    return (
        "SELECT count(*) FILTER (reason IS NULL),"  # noqa: S608 - built from declared schemas
        f" count(*) FILTER (reason IS NULL AND {_stray_condition(file)}) FROM ({query})"
    )


def _without_strays(file: OpenedFile, query: str) -> str:
    what = _text("the time must lie within a day of the dates in the file's name")
    return (
        "SELECT * REPLACE (CASE WHEN reason IS NOT NULL THEN reason"  # noqa: S608 - all names are our own
        f" WHEN {_stray_condition(file)} THEN {what} END AS reason) FROM ({query})"
    )


def _fast_query(file: OpenedFile, rules: Rules, odd_signs: str) -> str:
    values = ", ".join(f"{value.sql} AS {value.name}" for value in file.kind.values)
    conditions = [value.exact for value in file.kind.values if value.exact]
    conditions += [c for value in file.kind.values for c in value.without_signs(odd_signs)]
    conditions += [check.sql for check in file.kind.checks]
    is_bad = f"NOT coalesce(({') AND ('.join(conditions)}), false)"
    reader = _reader(file, file.path, ",", has_header=file.has_header)
    # One level, so that DuckDB computes what values and conditions share only once.
    return rules.fill(
        f"SELECT {values}, {is_bad} AS is_bad FROM ({reader})"  # noqa: S608 - all names are our own
    )


def _careful_query(file: OpenedFile, rules: Rules, clean: Path) -> str:
    values, reasons, founds = [], [], []
    for value in file.kind.values:
        # A garbled number can overflow where it is scaled: it is no value, and no failure.
        values.append(f"TRY({value.careful_sql or value.sql}) AS {value.name}")
        exact = value.careful_exact or value.exact
        if exact:
            fails = f"WHEN NOT coalesce(TRY(({exact})), false) THEN"
            reasons.append(f"{fails} {_text(f'{value.column} {value.what}')}")
            text = f"coalesce(nullif(raw_{value.column}, ''), 'empty')"
            founds.append(f"{fails} concat(', was ', {text})")
    reasons += [
        f"WHEN NOT coalesce(TRY(({check.sql})), false) THEN {_text(check.what)}"
        for check in file.kind.checks
    ]
    names = ", ".join(value.name for value in file.kind.values)
    found = f"CASE {' '.join(founds)} END"
    reader = _reader(file, clean, SEPARATOR, has_header=False, line=True)
    return rules.fill(
        f"SELECT line, {names}, CASE {' '.join(reasons)} END AS reason,"  # noqa: S608 - all names are our own
        f" {found} AS found FROM (SELECT *, {', '.join(values)} FROM ({reader}))"
    )


def _reader(
    file: OpenedFile, path: Path, separator: str, *, has_header: bool, line: bool = False
) -> str:
    names = [f"raw_{name}" if name else f"unused_{i}" for i, name in enumerate(file.columns)]
    types = {"line": "BIGINT"} if line else {}
    types |= dict.fromkeys(names, "VARCHAR")
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    missing = [
        f"NULL::VARCHAR AS raw_{column.name}"
        for column in file.kind.columns
        if column.name not in file.columns
    ]
    selected = ", ".join(["*", *missing])
    # DuckDB takes signs such as [ in a path for a pattern.
    name = _text(glob.escape(str(path.absolute())))
    quote = "" if line else '"'
    return (
        f"SELECT {selected} FROM read_csv({name}, columns = {{{columns}}},"  # noqa: S608 - all names are our own
        f" header = {has_header}, auto_detect = false, delim = '{separator}',"
        f" quote = '{quote}', escape = '{quote}', nullstr = '', hive_partitioning = false)"
    )


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
