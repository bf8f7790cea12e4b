"""Ingests the files of one series: small ones together, large ones as a stream."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa

from liq_nautilus.data.columns import array_of
from liq_nautilus.data.kinds import KINDS
from liq_nautilus.data.reading.fingerprints import fingerprint_of
from liq_nautilus.data.reading.plain import read_plain
from liq_nautilus.data.reading.plain import read_together
from liq_nautilus.data.reading.rows import Chunk
from liq_nautilus.data.reading.rows import FileReport
from liq_nautilus.data.reading.rows import NeedsCareError
from liq_nautilus.data.reading.rows import read_careful
from liq_nautilus.data.reading.rows import read_fast
from liq_nautilus.data.reading.source import SMALL_BYTES
from liq_nautilus.data.reading.source import OpenedFile
from liq_nautilus.data.reading.source import opened
from liq_nautilus.errors import SchemaError
from liq_nautilus.nautilus.catalog.ingest_notes import UNDECIDED
from liq_nautilus.nautilus.catalog.ingest_notes import FileRecord
from liq_nautilus.nautilus.catalog.ingest_notes import SeriesNotes
from liq_nautilus.nautilus.catalog.layout import series_directory
from liq_nautilus.nautilus.ingest.file_accounts import FileAccount
from liq_nautilus.nautilus.ingest.file_accounts import account_again
from liq_nautilus.nautilus.ingest.partitions import ALREADY_PRESENT
from liq_nautilus.nautilus.ingest.partitions import CONFLICT
from liq_nautilus.nautilus.ingest.partitions import KEPT
from liq_nautilus.nautilus.ingest.partitions import SAME
from liq_nautilus.nautilus.ingest.partitions import SeriesStore
from liq_nautilus.nautilus.ingest.stamping import Stamping
from liq_nautilus.nautilus.ingest.stamping import untold_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb
    import numpy.typing as npt

    from liq_nautilus.data.files.finding import SourceFile
    from liq_nautilus.data.kinds import Rules
    from liq_nautilus.nautilus.catalog.targets import Target
    from liq_nautilus.nautilus.ingest.account import IngestSummary

# Small files are read and written together.
_READ_BYTES: Final = 16 << 20
_GATHERED_BYTES: Final = 48 << 20


class SeriesIngestion:
    """
    Takes the files of one kind, symbol and interval, one after the other.

    Parameters
    ----------
    catalog : Path
        The catalog's folder.
    staging : Path
        The folder for files in the making.
    series : str
        The kind with its interval.
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
        series: str,
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
        folders = (series_directory(catalog, t.stored, t.symbol, t.interval) for t in targets)
        self._notes = SeriesNotes(catalog, series, rules.symbol, folders)
        lead_ns = KINDS[series.partition("-")[0]].label_lead_ns
        self._stamping = Stamping(catalog, rules.symbol, lead_ns) if lead_ns else None
        self._accounts: list[FileAccount] = []
        self._waiting: list[tuple[OpenedFile, FileAccount]] = []
        self._gathered: list[tuple[FileAccount, Chunk]] = []

    def take(self, source: SourceFile) -> None:
        """Ingest one file; if it cannot be read at all, that is noted and nothing else happens."""
        account = FileAccount(source)
        try:
            if self._is_known(account):
                return
            with opened(source, self._staging) as file:
                if file.is_small:
                    self._wait(file, account)
                else:
                    self.finish()
                    self._stream(file, account)
        except SchemaError as e:
            self._refuse(source, str(e))

    def finish(self) -> None:
        """Write what was gathered."""
        self._read_waiting()
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            table = pa.concat_tables([chunk.table for _, chunk in gathered])
            self._account(gathered, self._add(table))
        self._commit()

    def _is_known(self, account: FileAccount) -> bool:
        # Whether the file went in before as it is, and all of it is asked for.
        source = account.source
        if not source.path.is_file():
            return False
        is_small = source.path.stat().st_size < SMALL_BYTES
        if not (is_small or self._notes.has(source.path.name)):
            return False
        account.fingerprint = fingerprint_of(source)
        record = self._notes.known(source.path.name, account.fingerprint)
        if record is None:
            return False
        if record.venues != self._rules.venues and "source" in self._targets[0].stored.keys:
            msg = (
                f"{source.name} must be of the venues it was ingested with, {record.venues}, was "
                f"given {self._rules.venues}; ingest into another --catalog"
            )
            raise SchemaError(msg, path=source.path)
        if not self._is_window_around(record.first_ns, record.last_ns):
            return False
        if self._stamping is not None and not self._is_stamped(record, self._stamping):
            return False
        account_again(source, record, self._summary)
        return True

    def _is_stamped(self, record: FileRecord, stamping: Stamping) -> bool:
        # Whether reading the file again would tell no more of what its labels mean.
        if record.stamps and UNDECIDED not in record.stamps and not record.n_contradicting:
            return True
        return stamping.n_prices(record.first_ns, record.last_ns) == record.n_prices

    def _wait(self, file: OpenedFile, account: FileAccount) -> None:
        # Small files are read together.
        self._waiting.append((file, account))
        if sum(waiting.n_bytes for waiting, _ in self._waiting) >= _READ_BYTES:
            self._read_waiting()
        if sum(chunk.table.nbytes for _, chunk in self._gathered) >= _GATHERED_BYTES:
            self.finish()

    def _read_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for _, group in groupby(waiting, key=lambda item: item[0].looks):
            self._read_group(list(group))

    def _read_group(self, group: list[tuple[OpenedFile, FileAccount]]) -> None:
        # A file that is not plain is found by halving: the others are still read together.
        try:
            files = [file for file, _ in group]
            chunks = read_together(files, self._rules, self._connection)
        except NeedsCareError:
            if len(group) == 1:
                self._read_alone(*group[0])
                return
            half = len(group) // 2
            self._read_group(group[:half])
            self._read_group(group[half:])
            return
        for (file, account), chunk in zip(group, chunks, strict=True):
            self._gather(file, [chunk], account)

    def _read_alone(self, file: OpenedFile, account: FileAccount) -> None:
        # That the file is not plain is known.
        try:
            for read in (self._read_fast, self._read_careful):
                account.report = FileReport()
                try:
                    chunks = list(read(file, account.report))
                except NeedsCareError:
                    continue
                self._gather(file, chunks, account)
                break
        except SchemaError as e:
            self._refuse(file.source, str(e))
        finally:
            file.close()

    def _gather(self, file: OpenedFile, chunks: list[Chunk], account: FileAccount) -> None:
        placed = [self._placed(chunk, account) for chunk in chunks]
        for chunk in placed:
            account.report.add_good(chunk, file.kind)
        self._note(account)
        for chunk in placed:
            inside = self._inside(chunk)
            if inside.table.num_rows:
                self._gathered.append((account, inside))

    def _placed(self, chunk: Chunk, account: FileAccount) -> Chunk:
        # With the moments that the labels mean.
        if self._stamping is None:
            return chunk
        table, stamps = self._stamping.placed(chunk.table)
        account.stamps.update(stamps)
        if UNDECIDED in stamps:
            account.untold.append(untold_rows(chunk.table).packed())
        return Chunk(table, chunk.lines)

    def _stream(self, file: OpenedFile, account: FileAccount) -> None:
        # Nothing counts before the last row was read: the fast ways may find damage late.
        with ThreadPoolExecutor(1) as aside:
            fingerprint = aside.submit(fingerprint_of, file.source)
            for read in (self._read_plain, self._read_fast, self._read_careful):
                account.report = FileReport()
                account.stamps.clear()
                account.untold.clear()
                outcomes: list[tuple[Chunk, npt.NDArray[np.uint8]]] = []
                try:
                    for unplaced in _ahead(read(file, account.report)):
                        chunk = self._placed(unplaced, account)
                        account.report.add_good(chunk, file.kind)
                        self._take_chunk(self._inside(chunk), outcomes)
                except NeedsCareError:
                    self._rollback()
                    continue
                except SchemaError:
                    self._rollback()
                    raise
                break
            account.fingerprint = fingerprint.result()
        self._note(account)
        for chunk, codes in outcomes:
            self._account([(account, chunk)], codes)
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
        span = pa.table({"ts_event": array_of(np.array([times.min(), times.max()]))})
        conflicts = np.flatnonzero(codes == CONFLICT)
        outcomes.append((Chunk(span, chunk.lines[conflicts]), codes))

    def _add(self, table: pa.Table) -> npt.NDArray[np.uint8]:
        codes = self._stores[0].add(self._targets[0].encode(table))
        if np.any(codes == CONFLICT):
            table = table.filter(array_of(codes != CONFLICT))
        for store, target in zip(self._stores[1:], self._targets[1:], strict=True):
            store.add(target.encode(table))
        return codes

    def _commit(self) -> None:
        for store in self._stores:
            store.commit()
        accounts, self._accounts = self._accounts, []
        if accounts:
            self._notes.write([self._record(account) for account in accounts], self._staging)

    def _record(self, account: FileAccount) -> FileRecord:
        span = account.report.first_ns, account.report.last_ns
        n_prices = 0 if self._stamping is None else self._stamping.n_prices(*span)
        return account.to_record(
            is_whole=self._is_window_around(*span), n_prices=n_prices, venues=self._rules.venues
        )

    def _is_window_around(self, first_ns: int | None, last_ns: int | None) -> bool:
        start, end = self.window
        if first_ns is None or last_ns is None:
            return True
        return (start is None or first_ns >= start) and (end is None or last_ns < end)

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
        return Chunk(chunk.table.filter(array_of(is_inside)), chunk.lines[is_inside])

    def _note(self, account: FileAccount) -> None:
        report, source = account.report, account.source
        counts = self._summary.counts(source.series, source.symbol)
        counts.read += report.n_rejected
        counts.rejected += report.n_rejected
        self._summary.notes.extend(report.issues)
        self._summary.count_file(is_read=bool(report.n_good or not report.n_rejected))
        self._accounts.append(account)

    def _account(
        self, chunks: list[tuple[FileAccount, Chunk]], codes: npt.NDArray[np.uint8]
    ) -> None:
        source = chunks[0][0].source
        counts = self._summary.counts(source.series, source.symbol)
        counts.read += len(codes)
        counts.kept += int(np.count_nonzero(codes == KEPT))
        counts.duplicate += int(np.count_nonzero(codes == SAME))
        counts.already_present += int(np.count_nonzero(codes == ALREADY_PRESENT))
        counts.rejected += int(np.count_nonzero(codes == CONFLICT))
        for _, chunk in chunks:
            counts.cover(int(chunk.time.min()), int(chunk.time.max()))
        if np.any(codes == CONFLICT):
            self._contradict(chunks, codes)

    def _contradict(
        self, chunks: list[tuple[FileAccount, Chunk]], codes: npt.NDArray[np.uint8]
    ) -> None:
        if len(chunks) == 1 and len(chunks[0][1].lines) != len(codes):
            account, chunk = chunks[0]
            account.contradict(chunk.lines.tolist(), self._summary)
            return
        start = 0
        for account, chunk in chunks:
            end = start + len(chunk.lines)
            lines = chunk.lines[codes[start:end] == CONFLICT]
            if len(lines):
                account.contradict(lines.tolist(), self._summary)
            start = end

    def _refuse(self, source: SourceFile, what: str) -> None:
        self._summary.count_file(is_read=False)
        self._summary.notes.add_file(source.name, source.series, what)


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
