"""The account of one file: what became of its rows, to be noted beside the catalog's data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Final

from liq_nautilus.data.reading.rows import FileReport
from liq_nautilus.nautilus.catalog.ingest_notes import FileRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.data.files.finding import SourceFile
    from liq_nautilus.data.reading.fingerprints import Fingerprint
    from liq_nautilus.nautilus.ingest.account import IngestSummary

_CONTRADICTION: Final = "a row must not contradict one taken before with the same time and number"


@dataclass(slots=True)
class FileAccount:
    """
    What became of the rows of one file.

    Attributes
    ----------
    source : SourceFile
        The file.
    fingerprint : Fingerprint, optional
        What tells it from another of the same name.
    report : FileReport
        What reading it found.
    n_contradicting : int
        Good rows that contradict one taken before.
    stamps : Counter of str
        How many of its labels mean what.
    untold : list of str
        Its rows while their moments are not told, as `FileRecord` has them.

    """

    source: SourceFile
    fingerprint: Fingerprint | None = None
    report: FileReport = field(default_factory=FileReport)
    n_contradicting: int = 0
    stamps: Counter[str] = field(default_factory=Counter)
    untold: list[str] = field(default_factory=list)

    def contradict(self, lines: Sequence[int], summary: IngestSummary) -> None:
        """Note good rows that contradict one taken before."""
        self.n_contradicting += len(lines)
        for issues in (self.report.issues, summary.notes):
            issues.add_rows(self.source, _CONTRADICTION, "", lines)

    def to_record(self, *, is_whole: bool, n_prices: int, venues: str) -> FileRecord:
        """
        Return what is noted; a file of which a part was taken must be read again.

        Parameters
        ----------
        is_whole : bool
            Whether all of it was taken.
        n_prices : int
            How many prices were known when its labels were judged.
        venues : str
            Of which venues it was said to be.

        """
        report = self.report
        n_bytes, checksum = self.fingerprint if self.fingerprint and is_whole else (0, 0)
        return FileRecord(
            file=self.source.path.name,
            n_rows=report.n_good + report.n_rejected,
            n_rejected=report.n_rejected,
            n_out_of_order=report.n_out_of_order,
            n_wrong_symbol=report.issues.count("symbol must be"),
            n_repeated=report.n_repeated,
            n_contradicting=self.n_contradicting,
            n_bytes=n_bytes,
            checksum=checksum,
            first_ns=report.first_ns,
            last_ns=report.last_ns,
            issues=report.issues.to_records(),
            stamps=dict(self.stamps),
            untold=list(self.untold),
            n_prices=n_prices,
            venues=venues,
        )


def account_again(source: SourceFile, record: FileRecord, summary: IngestSummary) -> None:
    """Account for a file that is in the catalog already as reading it again would."""
    counts = summary.counts(source.series, source.symbol)
    counts.read += record.n_rows
    counts.rejected += record.n_rejected + record.n_contradicting
    counts.already_present += record.n_rows - record.n_rejected - record.n_contradicting
    if record.first_ns is not None and record.last_ns is not None:
        counts.cover(record.first_ns, record.last_ns)
    summary.notes.add_records(source, record.issues)
    summary.count_file(is_read=record.n_rows > record.n_rejected or not record.n_rejected)
