"""Ingests the files of one series: small ones together, large ones as a stream."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa

from liq_nautilus.data.rows import Chunk
from liq_nautilus.data.rows import FileReport
from liq_nautilus.data.rows import Issue
from liq_nautilus.data.rows import NeedsCareError
from liq_nautilus.data.rows import read_careful
from liq_nautilus.data.rows import read_fast
from liq_nautilus.data.source import OpenedFile
from liq_nautilus.data.source import opened
from liq_nautilus.errors import SchemaError
from liq_nautilus.nautilus.catalog.ingest_notes import FileRecord
from liq_nautilus.nautilus.catalog.ingest_notes import update_records
from liq_nautilus.nautilus.ingest.partitions import ALREADY_PRESENT
from liq_nautilus.nautilus.ingest.partitions import CONFLICT
from liq_nautilus.nautilus.ingest.partitions import KEPT
from liq_nautilus.nautilus.ingest.partitions import SAME
from liq_nautilus.nautilus.ingest.partitions import SeriesStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb
    import numpy.typing as npt

    from liq_nautilus.data.finding import SourceFile
    from liq_nautilus.data.kinds import Rules
    from liq_nautilus.nautilus.catalog.encoding import Target
    from liq_nautilus.nautilus.ingest.account import IngestSummary

# Files from this size on are streamed, smaller ones are gathered and written together.
_STREAM_BYTES: Final = 24 << 20
_GATHERED_BYTES: Final = 48 << 20
_CONTRADICTION: Final = "a row must not contradict one taken before with the same time and number"


class SeriesIngestion:
    """
    Takes the files of one kind, symbol and interval, one after the other.

    Parameters
    ----------
    catalog : Path
        The catalog's folder.
    staging : Path
        The folder for files in the making.
    targets : tuple of Target
        The series that are fed; the first holds every row.
    rules : Rules
        What values are measured by.
    connection : DuckDBPyConnection
        Reads the files.
    summary : IngestSummary
        Where the account goes.

    """

    def __init__(
        self,
        catalog: Path,
        staging: Path,
        targets: tuple[Target, ...],
        rules: Rules,
        connection: duckdb.DuckDBPyConnection,
        summary: IngestSummary,
    ) -> None:
        self.window: tuple[int | None, int | None] = (None, None)
        self._catalog = catalog
        self._staging = staging
        self._targets = targets
        self._stores = [SeriesStore(catalog, staging, target) for target in targets]
        self._rules = rules
        self._connection = connection
        self._summary = summary
        self._records: list[tuple[str, FileRecord]] = []
        self._gathered: list[tuple[SourceFile, Chunk]] = []
        self._n_gathered_bytes = 0
        self._n_bytes = 0

    def take(self, source: SourceFile) -> None:
        """Ingest one file; if it cannot be read at all, that is noted and nothing else happens."""
        try:
            with opened(source, self._staging) as file:
                self._n_bytes += file.n_bytes
                if file.n_bytes >= _STREAM_BYTES:
                    self.finish()
                    self._stream(file)
                else:
                    self._gather(file)
        except SchemaError as e:
            self._refuse(source, str(e))

    def finish(self) -> None:
        """Write what was gathered."""
        if not self._gathered:
            self._commit()
            return
        gathered, self._gathered, self._n_gathered_bytes = self._gathered, [], 0
        table = pa.concat_tables([chunk.table for _, chunk in gathered])
        self._account(gathered, self._add(table))
        self._commit()

    def _gather(self, file: OpenedFile) -> None:
        report = FileReport()
        for read in self._ways(file, report):
            try:
                chunks = list(read())
            except NeedsCareError:
                continue
            break
        for chunk in chunks:
            report.add_good(chunk, file.kind)
        self._note(file.source, report)
        for chunk in chunks:
            inside = self._inside(chunk)
            if inside.table.num_rows:
                self._gathered.append((file.source, inside))
        self._n_gathered_bytes += file.n_bytes
        if self._n_gathered_bytes >= _GATHERED_BYTES:
            self.finish()

    def _stream(self, file: OpenedFile) -> None:
        # Nothing counts before the last row was read: the fast ways may find damage late.
        report = FileReport()
        for read in self._ways(file, report):
            outcomes: list[tuple[Chunk, npt.NDArray[np.uint8]]] = []
            try:
                for chunk in _ahead(read()):
                    report.add_good(chunk, file.kind)
                    self._take_chunk(self._inside(chunk), outcomes)
            except NeedsCareError:
                self._rollback()
                report.forget()
                continue
            except SchemaError:
                self._rollback()
                raise
            break
        self._note(file.source, report)
        for chunk, codes in outcomes:
            self._account([(file.source, chunk)], codes)
        self._commit()

    def _rollback(self) -> None:
        for store in self._stores:
            store.rollback()

    def _ways(
        self, file: OpenedFile, report: FileReport
    ) -> Iterator[Callable[[], Iterator[Chunk]]]:
        # From the fastest to the one that takes everything.
        if file.kind.is_plain and self._n_bytes >= _STREAM_BYTES:
            # The compiled loop takes half a second to load: little data does without.
            from liq_nautilus.data.plain import read_plain  # noqa: PLC0415

            yield lambda: read_plain(file, self._rules, self._connection)
        yield lambda: read_fast(file, self._rules, self._connection)
        yield lambda: self._read_careful(file, report)

    def _take_chunk(
        self, chunk: Chunk, outcomes: list[tuple[Chunk, npt.NDArray[np.uint8]]]
    ) -> None:
        if not chunk.table.num_rows:
            return
        codes = self._add(chunk.table)
        # Only the lines of contradictions are needed later, and the span of time.
        times = chunk.time
        span = pa.table({"ts_event": pa.array([times.min(), times.max()])})
        conflicts = np.flatnonzero(codes == CONFLICT)
        outcomes.append((Chunk(span, chunk.lines[conflicts]), codes))

    def _add(self, table: pa.Table) -> npt.NDArray[np.uint8]:
        codes = self._stores[0].add(self._targets[0].encode(table))
        if np.any(codes == CONFLICT):
            table = table.filter(pa.array(codes != CONFLICT))
        for store, target in zip(self._stores[1:], self._targets[1:], strict=True):
            store.add(target.encode(table))
        return codes

    def _commit(self) -> None:
        for store in self._stores:
            store.commit()
        records, self._records = self._records, []
        for series in {series for series, _ in records}:
            mine = [record for name, record in records if name == series]
            update_records(self._catalog, self._staging, series, self._rules.symbol, mine)

    def _read_careful(self, file: OpenedFile, report: FileReport) -> Iterator[Chunk]:
        return read_careful(file, self._rules, self._connection, self._staging, report)

    def _inside(self, chunk: Chunk) -> Chunk:
        start, end = self.window
        if start is None and end is None:
            return chunk
        time = chunk.time
        is_inside = np.ones(len(time), dtype=bool)
        if start is not None:
            is_inside &= time >= start
        if end is not None:
            is_inside &= time < end
        return Chunk(chunk.table.filter(pa.array(is_inside)), chunk.lines[is_inside])

    def _note(self, source: SourceFile, report: FileReport) -> None:
        counts = self._summary.counts(source.series, source.symbol)
        counts.read += report.n_rejected
        counts.rejected += report.n_rejected
        self._summary.issues.extend(report.issues)
        self._records.append((source.series, _record(source, report)))
        if report.n_good or not report.n_rejected:
            self._summary.n_files_read += 1
        else:
            self._summary.n_files_refused += 1

    def _account(
        self, chunks: list[tuple[SourceFile, Chunk]], codes: npt.NDArray[np.uint8]
    ) -> None:
        source = chunks[0][0]
        counts = self._summary.counts(source.series, source.symbol)
        counts.read += len(codes)
        counts.kept += int(np.count_nonzero(codes == KEPT))
        counts.duplicate += int(np.count_nonzero(codes == SAME))
        counts.already_present += int(np.count_nonzero(codes == ALREADY_PRESENT))
        counts.rejected += int(np.count_nonzero(codes == CONFLICT))
        for _, chunk in chunks:
            counts.cover(int(chunk.time.min()), int(chunk.time.max()))
        for file, line in self._conflict_lines(chunks, codes):
            self._summary.issues.append(Issue(file.name, line, file.series, _CONTRADICTION))

    def _conflict_lines(
        self, chunks: list[tuple[SourceFile, Chunk]], codes: npt.NDArray[np.uint8]
    ) -> list[tuple[SourceFile, int]]:
        if len(chunks) == 1 and len(chunks[0][1].lines) != len(codes):
            source, chunk = chunks[0]
            return [(source, int(line)) for line in chunk.lines]
        found = []
        ends = np.cumsum([len(chunk.lines) for _, chunk in chunks])
        for row in np.flatnonzero(codes == CONFLICT):
            i = int(np.searchsorted(ends, row, side="right"))
            source, chunk = chunks[i]
            found.append((source, int(chunk.lines[row - ends[i] + len(chunk.lines)])))
        return found

    def _refuse(self, source: SourceFile, what: str) -> None:
        self._summary.n_files_refused += 1
        self._summary.issues.append(Issue(source.name, None, source.series, what))


def _record(source: SourceFile, report: FileReport) -> FileRecord:
    return FileRecord(
        file=source.path.name,
        n_rows=report.n_good + report.n_rejected,
        n_rejected=report.n_rejected,
        n_out_of_order=report.n_out_of_order,
        n_repeated=report.n_repeated,
        n_wrong_symbol=sum(issue.what.startswith("symbol must be") for issue in report.issues),
    )


def _ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    # Reads in a thread of its own, so that the next rows are parsed while these are written.
    ready: queue.Queue[Chunk | BaseException | None] = queue.Queue(maxsize=2)
    is_stopped = threading.Event()

    def put(item: Chunk | BaseException | None) -> bool:
        while not is_stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for chunk in chunks:
                if not put(chunk):
                    return
            put(None)
        except BaseException as e:  # noqa: BLE001 - raised again where the rows are taken
            put(e)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_stopped.set()
        thread.join()
