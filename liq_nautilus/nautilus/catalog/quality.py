"""The quality of what a catalog holds, kind by kind; and the score that accompanies a map."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from liq_nautilus.data.frames import Frame
from liq_nautilus.data.kinds import STORED_TYPES
from liq_nautilus.data.kinds import kinds_of
from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.data.kinds.funding import FUNDING
from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.data.columns import numbers
from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.quality_rules import SeriesQuality
from liq_nautilus.data.quality_rules import Stretch
from liq_nautilus.data.quality_rules import assess
from liq_nautilus.data.quality_rules import stretches
from liq_nautilus.data.quality_rules import with_rejected
from liq_nautilus.data.stamps import files_by_meaning
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.catalog.beliefs import JUDGED
from liq_nautilus.nautilus.catalog.beliefs import unknown_rows
from liq_nautilus.nautilus.catalog.ingest_notes import FileRecord
from liq_nautilus.nautilus.catalog.ingest_notes import read_records
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import Series
from liq_nautilus.nautilus.catalog.inventory import finest_interval
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Iterable

    import numpy.typing as npt

    from liq_nautilus.data.kinds import StoredType

QUALITY_WEIGHTS: Final = {"bars": 0.4, "metrics": 0.4, "fundingRate": 0.2}
_WEIGHED: Final = {"bars": BARS, "metrics": OPEN_INTEREST, "fundingRate": FUNDING}
# What is believed depends on what came before; what has lasted two days does not give way.
_LEAD_NS: Final = 3 * DAY_NS
_BY_KIND: Final = {kind: s for s in STORED_TYPES.values() if s.kind for kind in kinds_of(s)}


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """
    What is to be said of a series of the catalog.

    Attributes
    ----------
    series : Series
        The series.
    quality : SeriesQuality
        Its quality.
    files : tuple of FileRecord
        The files that had faults when it was ingested.
    stamps : dict of str to int
        How many files have labels of each `Meaning`; empty where labels are moments.

    """

    series: Series
    quality: SeriesQuality
    files: tuple[FileRecord, ...]
    stamps: dict[str, int]


class CatalogQuality:
    """
    Judges the series of a catalog, each of them once.

    Parameters
    ----------
    catalog : Catalog
        The catalog.

    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._judged: dict[tuple[str, str, str, int | None, int | None], SeriesQuality] = {}

    def reports(
        self, *, symbols: Collection[str] | None = None, kinds: Collection[str] | None = None
    ) -> list[SeriesReport]:
        """
        Return what is to be said of every series.

        Parameters
        ----------
        symbols, kinds : collection of str, optional
            Which to judge; kinds with ("klines-5m") or without ("klines") interval.

        Raises
        ------
        DataGapError
            If the catalog has none of them.

        """
        reports = []
        for series in self._catalog.series:
            kind, _, interval = series.kind.partition("-")
            if symbols and series.symbol not in symbols:
                continue
            if kinds and not {series.kind, kind} & set(kinds):
                continue
            quality = self._quality(_BY_KIND[kind], series.symbol, interval)
            records = self._records_of(_BY_KIND[kind], series.symbol, interval)
            faulty = tuple(record for record in records if not record.is_clean)
            stamps = [record.stamps for record in records if record.stamps]
            found = files_by_meaning(stamps) if stamps else {}
            reports.append(SeriesReport(series, quality, faulty, found))
        if not reports:
            msg = (
                f"{self._catalog.path} must hold data of the symbols and kinds asked for, had "
                "none; ingest some"
            )
            raise DataGapError(msg)
        return reports

    def parts(
        self, symbol: str, start_ns: int | None = None, end_ns: int | None = None
    ) -> dict[str, float]:
        """
        Return the scores that make up `score`, by the names of `QUALITY_WEIGHTS`.

        Without bars there is no map: then all are 0.
        """
        window = (start_ns, end_ns)
        interval = finest_interval(self._catalog, BARS, symbol, *window)
        if interval is None:
            return dict.fromkeys(QUALITY_WEIGHTS, 0.0)
        return {
            name: self._quality(
                stored, symbol, interval if stored.has_interval else "", *window
            ).score
            for name, stored in _WEIGHED.items()
        }

    def score(
        self, symbol: str, start_ns: int | None = None, end_ns: int | None = None
    ) -> float:
        """
        Return how good the input of a symbol's map is in a window, in [0, 1].

        Bars and open interest weigh 0.4 each, funding 0.2; what is missing counts as 0.

        Parameters
        ----------
        symbol : str
            Binance's symbol.
        start_ns, end_ns : int, optional
            The window in UTC nanoseconds, end exclusive; the span of each series by default.

        """
        parts = self.parts(symbol, start_ns, end_ns)
        return min(sum(QUALITY_WEIGHTS[name] * score for name, score in parts.items()), 1.0)

    def suspicious(
        self, stored: StoredType, symbol: str, interval: str, start_ns: int, end_ns: int
    ) -> tuple[Stretch, ...]:
        """
        Return the stretches with a row in a window that the map does not believe.

        Parameters
        ----------
        stored : StoredType
            Of which type.
        symbol, interval : str
            Binance's symbol; such as "5m", empty for types without intervals.
        start_ns, end_ns : int
            The window in UTC nanoseconds, end exclusive.

        """
        window = (start_ns - _LEAD_NS, end_ns)
        frame = read(self._catalog, stored, symbol, *window, interval=interval, required=False)
        is_unknown = unknown_rows(self._catalog, stored, symbol, frame)
        found = stretches(_times(frame), is_unknown)
        return tuple(stretch for stretch in found if stretch.end_ns >= start_ns)

    def _quality(
        self,
        stored: StoredType,
        symbol: str,
        interval: str,
        start_ns: int | None = None,
        end_ns: int | None = None,
    ) -> SeriesQuality:
        key = (stored.name, symbol, interval, start_ns, end_ns)
        if key not in self._judged:
            window = (start_ns, end_ns)
            if stored.gap_ns:
                frame = _thinned(self._catalog, stored, symbol, *window)
            else:
                frame = read(
                    self._catalog, stored, symbol, *window, interval=interval, required=False
                )
            rule = stored.samples
            samples = rule(frame, interval) if rule else Samples(np.zeros(0, dtype=np.int64), 0)
            if stored in JUDGED:
                is_unknown = unknown_rows(self._catalog, stored, symbol, frame)
                samples = _with_unknown(samples, _times(frame)[is_unknown])
            found = assess(samples, *window)
            records = self._records_of(stored, symbol, interval)
            self._judged[key] = with_rejected(found, _rejected_by_day(records))
        return self._judged[key]

    def _records_of(
        self, stored: StoredType, symbol: str, interval: str
    ) -> tuple[FileRecord, ...]:
        # The files of all kinds that feed the series.
        names = [f"{name}-{interval}" if interval else name for name in kinds_of(stored)]
        return tuple(
            record for name in names for record in read_records(self._catalog.path, name, symbol)
        )


def _times(frame: Frame) -> npt.NDArray[np.int64]:
    # What each row stands for.
    return frame["ts_open"] if "ts_open" in frame else frame["ts"]


def _with_unknown(samples: Samples, ts: npt.NDArray[np.int64]) -> Samples:
    # With the rows of some moments, which the map does not believe, among the impossible ones.
    if not len(ts):
        return samples
    is_impossible = np.isin(samples.ts, ts)
    if samples.is_impossible is not None:
        is_impossible |= samples.is_impossible
    return replace(samples, is_impossible=is_impossible)


def _rejected_by_day(records: Iterable[FileRecord]) -> dict[int, tuple[int, int]]:
    # Rejected rows, and all rows of their files, spread over the days which the good rows span.
    found: dict[int, tuple[int, int]] = {}
    for record in records:
        n_rejected = record.n_rejected + record.n_contradicting
        if not n_rejected or record.first_ns is None or record.last_ns is None:
            continue
        days = range(record.first_ns // DAY_NS, record.last_ns // DAY_NS + 1)
        for day in days:
            rejected, rows = found.get(day, (0, 0))
            n_more = round(n_rejected / len(days)), round(record.n_rows / len(days))
            found[day] = rejected + n_more[0], rows + n_more[1]
    return found


def _thinned(
    catalog: Catalog, stored: StoredType, symbol: str, start_ns: int | None, end_ns: int | None
) -> Frame:
    # Rows in great numbers are thinned to the stretches they leave empty, file by file: their
    # number is no matter of quality.
    found: list[npt.NDArray[np.int64]] = [np.zeros((3, 0), dtype=np.int64)]
    last = None
    names = ["ts_init", stored.unique] if stored.unique else ["ts_init"]
    for file in catalog.files(stored, symbol, "", start_ns, end_ns):
        table = file.read(names, start_ns, end_ns)
        slots = numbers(table["ts_init"]).astype(np.int64) // stored.gap_ns
        absent, last = _absent(table, stored.unique, last)
        found.append(_summed(slots, np.ones_like(slots), absent))
    slots, n_behind, n_absent = _summed(*np.concatenate(found, axis=1))
    return Frame({"ts": slots * stored.gap_ns, "n_behind": n_behind, "n_absent": n_absent})


def _summed(
    slots: npt.NDArray[np.int64], *counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    # Each slot once, with the sums of its counts.
    kept, which = np.unique(slots, return_inverse=True)
    sums = [np.bincount(which, count, minlength=len(kept)).astype(np.int64) for count in counts]
    return np.stack([kept, *sums])


def _absent(
    table: pa.Table, unique: str | None, last: int | None
) -> tuple[npt.NDArray[np.int64], int | None]:
    # How many numbers are left out before each row; none where rows have no numbers.
    none = np.zeros(table.num_rows, dtype=np.int64)
    if unique is None or not table.num_rows:
        return none, None
    try:
        ids = numbers(pc.cast(table[unique], pa.int64()))
    except pa.ArrowInvalid:
        return none, None
    before = ids[0] - 1 if last is None else last
    return np.maximum(np.diff(ids, prepend=before) - 1, 0), int(ids[-1])
