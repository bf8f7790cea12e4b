"""The account of an ingestion: what became of every row and every file."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from liq_nautilus.data.issues import Issue
from liq_nautilus.data.issues import Issues
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from liq_nautilus.data.quality_rules import Stretch


@dataclass(slots=True)
class SeriesCounts:
    """
    The rows of one kind and symbol: read = kept + rejected + duplicate + already_present.

    Attributes
    ----------
    read : int
        Rows in the files (and in the window asked for).
    kept : int
        Rows that are new in the catalog.
    rejected : int
        Rows that cannot be true, or contradict one taken before.
    duplicate : int
        Rows equal to another of the same run.
    already_present : int
        Rows equal to one that was in the catalog before the run.
    first_ns, last_ns : int, optional
        The first and last time (UTC nanoseconds) of the good rows read.

    """

    read: int = 0
    kept: int = 0
    rejected: int = 0
    duplicate: int = 0
    already_present: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def cover(self, first_ns: int, last_ns: int) -> None:
        """Widen the span of time."""
        self.first_ns = first_ns if self.first_ns is None else min(self.first_ns, first_ns)
        self.last_ns = last_ns if self.last_ns is None else max(self.last_ns, last_ns)


@dataclass(slots=True)
class IngestSummary:
    """
    The account of one ingestion.

    Attributes
    ----------
    n_files_read, n_files_refused, n_files_ignored : int
        Files by what became of them; ignored ones are no market data.
    kinds : dict
        Kind with interval, then symbol, to counts.
    notes : Issues
        Rejected rows, grouped by file and reason, and refused files.
    stamps : dict
        Kind, then symbol, to what the labels of its files mean: how many files of each `Meaning`.
    suspicious : dict
        Symbol, then kind as `quality` names it, to the stretches of rows that are in the catalog
        and not believed by the map.

    """

    n_files_read: int = 0
    n_files_refused: int = 0
    n_files_ignored: int = 0
    kinds: dict[str, dict[str, SeriesCounts]] = field(default_factory=dict)
    notes: Issues = field(default_factory=Issues)
    stamps: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    suspicious: dict[str, dict[str, tuple[Stretch, ...]]] = field(default_factory=dict)

    @property
    def issues(self) -> list[Issue]:
        """Return what was not taken, in the order in which it was met."""
        return self.notes.to_list()

    def count_file(self, *, is_read: bool) -> None:
        """Count a file; one without any good row counts as refused."""
        self.n_files_read += is_read
        self.n_files_refused += not is_read

    def counts(self, series: str, symbol: str) -> SeriesCounts:
        """Return the counts of a kind and symbol."""
        return self.kinds.setdefault(series, {}).setdefault(symbol, SeriesCounts())

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document of `ingest --json`."""
        return {
            "files": {
                "read": self.n_files_read,
                "refused": self.n_files_refused,
                "ignored": self.n_files_ignored,
            },
            "kinds": {
                series: {symbol: _counts(counts) for symbol, counts in sorted(symbols.items())}
                for series, symbols in sorted(self.kinds.items())
            },
            "stamps": self.stamps,
            "suspicious": {
                symbol: [_stretch(kind, one) for kind, found in kinds.items() for one in found]
                for symbol, kinds in self.suspicious.items()
            },
            "issues": [asdict(issue) for issue in self.issues],
        }


def _counts(counts: SeriesCounts) -> dict[str, Any]:
    values = asdict(counts)
    first, last = values.pop("first_ns"), values.pop("last_ns")
    return {**values, "first": _moment(first), "last": _moment(last)}


def _stretch(kind: str, one: Stretch) -> dict[str, Any]:
    return {"kind": kind, "start": iso(one.start_ns), "end": iso(one.end_ns), "rows": one.n_rows}


def _moment(ts_ns: int | None) -> str | None:
    return None if ts_ns is None else iso(ts_ns)
