"""
Gives snapshots their moments, once it is known what the labels of their file mean.

Where it is not known, a row is stored as an event of its label that is known from the later moment
on: nothing is seen too early. Rows of that kind are looked at again whenever bars, or other copies
of the same day, have come.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.data.columns import array_of
from liq_nautilus.data.columns import filled
from liq_nautilus.data.columns import numbers
from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.data.kinds.bars import MARK_BARS
from liq_nautilus.data.stamps import Meaning
from liq_nautilus.data.stamps import Prices
from liq_nautilus.data.stamps import bar_prices
from liq_nautilus.data.stamps import meaning_beside
from liq_nautilus.data.stamps import meanings
from liq_nautilus.data.stamps import tally
from liq_nautilus.nautilus.catalog.ingest_notes import UNDECIDED
from liq_nautilus.nautilus.catalog.ingest_notes import UntoldRows
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import finest_interval
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.nautilus.ingest.partitions import SeriesStore
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import MILLISECOND_NS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt
    import pyarrow as pa

    from liq_nautilus.nautilus.catalog.ingest_notes import FileRecord
    from liq_nautilus.nautilus.catalog.ingest_notes import SeriesNotes
    from liq_nautilus.nautilus.catalog.targets import Target

    type TimeArray = npt.NDArray[np.int64]
    type FloatArray = npt.NDArray[np.float64]
    type Meanings = npt.NDArray[np.int8]

_NO_PRICES = Prices(np.zeros(0, dtype=np.int64), np.zeros(0))


class Stamping:
    """
    Knows what prices were, and so what the labels of a symbol's files mean.

    Parameters
    ----------
    catalog : Path
        Where the bars are.
    symbol : str
        Binance's symbol.
    lead_ns : int
        How much later than its label a snapshot may have been taken (ns).

    """

    def __init__(self, catalog: Path, symbol: str, lead_ns: int) -> None:
        self.lead_ns = lead_ns
        self._catalog = Catalog(catalog)
        self._symbol = symbol
        self._prices: dict[int, Prices] = {}

    def placed(self, table: pa.Table) -> tuple[pa.Table, dict[str, int]]:
        """
        Return a file's rows with their moments, and how many labels mean what.

        Parameters
        ----------
        table : pa.Table
            Canonical rows with `open_interest_notional` and `base_quantity`.

        """
        labels = numbers(table["ts_event"]).astype(np.int64)
        if not len(labels):
            return table, {}
        found = self.meanings(labels, untold_rows(table).valued_at)
        return _with_moments(table, labels, found, self.lead_ns), tally(found)

    def meanings(self, labels: TimeArray, valued_at: FloatArray) -> Meanings:
        """Return what the labels of a file mean, given the prices at which rows are valued."""
        return meanings(labels, valued_at, self._around(labels), self.lead_ns)

    def n_prices(self, first_ns: int | None, last_ns: int | None) -> int:
        """Return how many prices are known by which labels of a span of time are told."""
        if first_ns is None or last_ns is None:
            return 0
        ts = self._around(np.asarray([first_ns, last_ns], dtype=np.int64)).ts
        bounds = first_ns - DAY_NS // 2, last_ns + DAY_NS // 2
        return int(np.diff(np.searchsorted(ts, bounds))[0])

    def _around(self, labels: TimeArray) -> Prices:
        # The prices of the months in which labels lie, a day more on both sides.
        months = np.unique(labels.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64))
        parts = [self._of_month(month) for month in months.tolist()]
        if len(parts) == 1:
            return parts[0]
        ts, first = np.unique(np.concatenate([part.ts for part in parts]), return_index=True)
        return Prices(ts, np.concatenate([part.logs for part in parts])[first])

    def _of_month(self, month: int) -> Prices:
        if month not in self._prices:
            bounds = np.asarray([month, month + 1]).astype("datetime64[M]").astype("datetime64[ns]")
            start, end = (int(ts) for ts in bounds.astype(np.int64))
            self._prices[month] = self._between(start - DAY_NS, end + DAY_NS)
        return self._prices[month]

    def _between(self, start_ns: int, end_ns: int) -> Prices:
        window = (start_ns, end_ns)
        for stored in (BARS, MARK_BARS):
            interval = finest_interval(self._catalog, stored, self._symbol, *window)
            if interval is None:
                continue
            bars = read(
                self._catalog, stored, self._symbol, *window, interval=interval, required=False
            )
            ends = bars["ts_close"] + MILLISECOND_NS
            return bar_prices(bars["ts_open"], ends, bars["open"], bars["close"])
        return _NO_PRICES


def untold_rows(table: pa.Table) -> UntoldRows:
    """
    Return what the rows of a file say by which their moments can be told.

    Parameters
    ----------
    table : pa.Table
        Canonical rows with `open_interest`, `open_interest_notional` (quote) and `base_quantity`.

    """
    names = ("open_interest", "open_interest_notional", "base_quantity")
    counted, notional, quantity = (numbers(filled(table[name], np.nan)) for name in names)
    with np.errstate(divide="ignore", invalid="ignore"):
        valued_at = np.asarray(notional / quantity)
    return UntoldRows(numbers(table["ts_event"]).astype(np.int64), counted, valued_at)


def decide_again(
    stamping: Stamping, target: Target, notes: SeriesNotes, folders: tuple[Path, Path]
) -> None:
    """
    Give rows that are still without a moment the one that can be told now.

    Rows that other files have told meanwhile are taken out.

    Parameters
    ----------
    stamping : Stamping
        Knows the prices.
    target : Target
        The series.
    notes : SeriesNotes
        The files it came from; what was decided is noted there.
    folders : tuple of Path
        The catalog, and where files are made.

    """
    catalog, staging = folders
    frame = read(Catalog(catalog), target.stored, target.symbol, required=False)
    is_known = frame["ts"] == frame["ts_known"]
    if is_known.all():
        notes.rewrite([replace(record, untold=[]) for record in notes.untold()], staging)
        return
    known = dict(frame.where(is_known).rows("ts", "open_interest"))
    store = SeriesStore(catalog, staging, target)
    rows = store.take_out(_is_undecided)
    labels, quantities = numbers(rows["ts_event"]).astype(np.int64), numbers(rows["open_interest"])
    is_told = _are_told(labels, quantities, known, stamping.lead_ns)
    found = np.full(len(labels), Meaning.UNDECIDED, dtype=np.int8)
    # The same label stands for other moments in other copies: the quantity tells whose row it is.
    places = {key: at for at, key in enumerate(_row_keys(labels, quantities))}
    changed = [_told_now(record, stamping, known, places, found) for record in notes.untold()]
    if is_told.any() or np.any(found != Meaning.UNDECIDED):
        left = ~is_told | (found != Meaning.UNDECIDED)
        store.add(_with_moments(rows, labels, found, stamping.lead_ns).filter(array_of(left)))
        store.commit()
    else:
        store.rollback()
    notes.rewrite(changed, staging)


def _told_now(
    record: FileRecord,
    stamping: Stamping,
    known: dict[int, float],
    places: dict[tuple[int, float], int],
    found: Meanings,
) -> FileRecord:
    # What can be told now of the rows of one file, filled in where they are in the catalog.
    left, told = [], Counter[str]()
    for text in record.untold:
        own = UntoldRows.unpacked(text)
        at = np.asarray([places.get(key, -1) for key in _row_keys(own.labels, own.quantities)])
        is_there = (at >= 0) & (found[at] == Meaning.UNDECIDED)
        if not is_there.any():
            continue
        now = _told(stamping, own, known)
        if np.all(now == Meaning.UNDECIDED):
            left.append(text)
            continue
        found[at[is_there]] = now[is_there]
        told.update(tally(now[is_there]))
    return replace(record, untold=left, stamps=_joined(record.stamps, told))


def _row_keys(labels: TimeArray, quantities: FloatArray) -> list[tuple[int, float]]:
    return list(zip(labels.tolist(), quantities.tolist(), strict=True))


def _is_undecided(table: pa.Table) -> npt.NDArray[np.bool_]:
    moments, known = (numbers(table[name]) for name in ("ts_event", "ts_init"))
    return np.asarray(moments != known)


def _are_told(
    labels: TimeArray, quantities: FloatArray, known: dict[int, float], lead_ns: int
) -> npt.NDArray[np.bool_]:
    # Which rows say what is known of one of the two moments.
    pairs = zip(labels.tolist(), quantities.tolist(), strict=True)
    told = [quantity in (known.get(ts), known.get(ts + lead_ns)) for ts, quantity in pairs]
    return np.asarray(told, dtype=np.bool_)


def _told(stamping: Stamping, rows: UntoldRows, known: dict[int, float]) -> Meanings:
    found = stamping.meanings(rows.labels, rows.valued_at)
    if np.all(found == Meaning.UNDECIDED):
        found[:] = meaning_beside(rows.labels, rows.quantities, known, stamping.lead_ns)
    return found


def _joined(before: dict[str, int], told: Mapping[str, int]) -> dict[str, int]:
    # What was told now is undecided no longer.
    total = Counter(before) + Counter(told)
    total[UNDECIDED] -= sum(told.values())
    return {name: n for name, n in total.items() if n > 0}


def _with_moments(table: pa.Table, labels: TimeArray, found: Meanings, lead_ns: int) -> pa.Table:
    moments = labels + np.where(found == Meaning.LATER, lead_ns, 0)
    known = np.where(found == Meaning.UNDECIDED, labels + lead_ns, moments)
    for name, values in (("ts_event", moments), ("ts_init", known)):
        at = table.schema.get_field_index(name)
        if at < 0:
            table = table.append_column(name, array_of(values))
        else:
            column = array_of(values).cast(table.schema.field(at).type)
            table = table.set_column(at, table.schema.field(at), column)
    return table
