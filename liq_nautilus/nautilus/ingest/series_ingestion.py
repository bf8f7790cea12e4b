"""Ingests the files of one series: small ones together, large ones as a stream."""

from __future__ import annotations

import queue
import threading
from itertools import groupby
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa

from liq_nautilus.data.plain import read_plain
from liq_nautilus.data.plain import read_together
from liq_nautilus.data.rows import Chunk
from liq_nautilus.data.rows import FileReport
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
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb
    import numpy.typing as npt

    from liq_nautilus.data.finding import SourceFile
    from liq_nautilus.data.kinds import Rules
    from liq_nautilus.nautilus.catalog.encoding import Target
    from liq_nautilus.nautilus.ingest.account import IngestSummary

# Small files are read and written together.
_READ_BYTES: Final = 16 << 20
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
        self._waiting: list[OpenedFile] = []
        self._gathered: list[tuple[SourceFile, Chunk]] = []

    def take(self, source: SourceFile) -> None:
        """Ingest one file; if it cannot be read at all, that is noted and nothing else happens."""
        try:
            with opened(source, self._staging) as file:
                if file.is_small:
                    self._wait(file)
                else:
                    self.finish()
                    self._stream(file)
        except SchemaError as e:
            self._refuse(source, str(e))

    def finish(self) -> None:
        """Write what was gathered."""
        self._read_waiting()
        if not self._gathered:
            self._commit()
            return
        gathered, self._gathered = self._gathered, []
        table = pa.concat_tables([chunk.table for _, chunk in gathered])
        self._account(gathered, self._add(table))
        self._commit()

    def _wait(self, file: OpenedFile) -> None:
        # Small files are read together.
        self._waiting.append(file)
        if sum(waiting.n_bytes for waiting in self._waiting) >= _READ_BYTES:
            self._read_waiting()
        if sum(chunk.table.nbytes for _, chunk in self._gathered) >= _GATHERED_BYTES:
            self.finish()

    def _read_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for _, files in groupby(waiting, key=lambda file: file.looks):
            self._read_group(list(files))

    def _read_group(self, files: list[OpenedFile]) -> None:
        # A file that is not plain is found by halving: the others are still read together.
        try:
            chunks = read_together(files, self._rules, self._connection)
        except NeedsCareError:
            if len(files) == 1:
                self._read_alone(files[0])
                return
            half = len(files) // 2
            self._read_group(files[:half])
            self._read_group(files[half:])
            return
        for file, chunk in zip(files, chunks, strict=True):
            self._gather(file, [chunk], FileReport())

    def _read_alone(self, file: OpenedFile) -> None:
        # That the file is not plain is known.
        try:
            for read in (self._read_fast, self._read_careful):
                report = FileReport()
                try:
                    chunks = list(read(file, report))
                except NeedsCareError:
                    continue
                self._gather(file, chunks, report)
                break
        except SchemaError as e:
            self._refuse(file.source, str(e))
        finally:
            file.close()

    def _gather(self, file: OpenedFile, chunks: list[Chunk], report: FileReport) -> None:
        for chunk in chunks:
            report.add_good(chunk, file.kind)
        self._note(file.source, report)
        for chunk in chunks:
            inside = self._inside(chunk)
            if inside.table.num_rows:
                self._gathered.append((file.source, inside))

    def _stream(self, file: OpenedFile) -> None:
        # Nothing counts before the last row was read: the fast ways may find damage late.
        for read in (self._read_plain, self._read_fast, self._read_careful):
            report = FileReport()
            outcomes: list[tuple[Chunk, npt.NDArray[np.uint8]]] = []
            try:
                for chunk in _ahead(read(file, report)):
                    report.add_good(chunk, file.kind)
                    self._take_chunk(self._inside(chunk), outcomes)
            except NeedsCareError:
                self._rollback()
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

    def _read_plain(self, file: OpenedFile, _: FileReport) -> Iterator[Chunk]:
        return read_plain(file, self._rules, self._connection)

    def _read_fast(self, file: OpenedFile, _: FileReport) -> Iterator[Chunk]:
        return read_fast(file, self._rules, self._connection)

    def _read_careful(self, file: OpenedFile, report: FileReport) -> Iterator[Chunk]:
        return read_careful(file, self._rules, self._connection, self._staging, report)

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
        self._summary.notes.extend(report.issues)
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
            self._summary.notes.add_rows(file, _CONTRADICTION, "", [line])

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
        self._summary.notes.add_file(source.name, source.series, what)


def _record(source: SourceFile, report: FileReport) -> FileRecord:
    return FileRecord(
        file=source.path.name,
        n_rows=report.n_good + report.n_rejected,
        n_rejected=report.n_rejected,
        n_out_of_order=report.n_out_of_order,
        n_repeated=report.n_repeated,
        n_wrong_symbol=report.issues.count("symbol must be"),
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
