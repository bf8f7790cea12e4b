"""
The map of a symbol, followed once through its days and kept from day to day.

At the end of each day the tracker's state is kept, so that any moment needs at most a day to be
followed again, and new days go on from those before. A state is good for as long as nothing changed
of what it was computed from: each day's fingerprint holds those of the days before.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.queries.derived.day_prints import day_prints
from liq_nautilus.queries.derived.day_record import DAY_FOLDERS
from liq_nautilus.queries.derived.day_record import MODELS
from liq_nautilus.queries.derived.day_record import DayRecord
from liq_nautilus.queries.derived.day_record import density_row
from liq_nautilus.queries.derived.day_record import write_densities
from liq_nautilus.queries.derived.day_replay import day_events
from liq_nautilus.queries.derived.day_replay import follow_day
from liq_nautilus.queries.derived.derived_files import DEFAULT_LIMIT_BYTES
from liq_nautilus.queries.derived.derived_files import computing_lock
from liq_nautilus.queries.derived.derived_files import shrink
from liq_nautilus.queries.derived.kept_days import GAP_DAYS
from liq_nautilus.queries.derived.kept_days import KeptDay
from liq_nautilus.queries.derived.kept_days import days_of
from liq_nautilus.queries.derived.kept_states import read_tracker
from liq_nautilus.queries.derived.kept_states import tracker_class
from liq_nautilus.queries.derived.kept_states import write_tracker
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from pathlib import Path

    from liq_nautilus.core.feed import Event
    from liq_nautilus.core.tracker import LiquidationTracker
    from liq_nautilus.queries.derived.basis import MapBasis

    # Told of each day that was followed.
    type Progress = Callable[[str], None]

_LOG: Final = logging.getLogger(__name__)
STATES: Final = "states"


@dataclass(frozen=True, slots=True)
class KeptMap:
    """
    The history of one symbol's map.

    Attributes
    ----------
    basis : MapBasis
        What it is computed by.
    files : Catalog
        What lay in the catalog when the map was opened.
    days : tuple of KeptDay
        Those the catalog had data of when the map was opened.

    """

    basis: MapBasis
    files: Catalog
    days: tuple[KeptDay, ...]

    @classmethod
    def open(cls, basis: MapBasis, files: Catalog | None = None) -> KeptMap:
        """
        Return the map of what the catalog holds now.

        Parameters
        ----------
        basis : MapBasis
            What it is computed by.
        files : Catalog, optional
            What lies in the catalog, where that is known.

        Raises
        ------
        DataGapError
            If it holds no open interest of the symbol.

        """
        found = Catalog(basis.catalog) if files is None else files
        days = days_of(day_prints(found, basis.symbol))
        if not days:
            msg = (
                f"{basis.catalog} must hold open interest (metrics) of {basis.symbol}, there was "
                "none; ingest such files"
            )
            raise DataGapError(msg)
        return cls(basis, found, tuple(days))

    def tracker_at(self, at_ns: int) -> LiquidationTracker:
        """
        Return a tracker that knows what could be known at a moment.

        Parameters
        ----------
        at_ns : int
            UTC nanoseconds.

        Raises
        ------
        DataGapError
            If there is no open interest in the time before the moment.

        """
        index = self.index_at(at_ns)
        day = self.days[index]
        until_ns = min(at_ns, day.start_ns + DAY_NS - 1)
        tracker = self._state_before(index)
        if tracker is None:
            self.follow(index - 1, index, has_records=False)
            tracker = self._state_before(index)
        if tracker is None:
            raise StoreError(_vanished(self.basis.folder))
        events = self._events(day)
        follow_day(tracker, events, day.start_ns, until_ns)
        # At the very moment of an input the map is what it was made of it, as it is published.
        if not any(event.ts_known == at_ns for event in events):
            tracker.on_time(at_ns)
        return tracker

    def index_at(self, at_ns: int) -> int:
        """
        Return which of `days` a moment (UTC ns) lies in, or follows.

        Raises
        ------
        DataGapError
            If there is no open interest in the time before the moment.

        """
        before = [index for index, day in enumerate(self.days) if day.start_ns <= at_ns]
        if not before or at_ns - self.days[before[-1]].start_ns > (GAP_DAYS + 1) * DAY_NS:
            first, last = self.days[0].name, self.days[-1].name
            msg = (
                f"{self.basis.catalog} must hold open interest (metrics) of {self.basis.symbol} in "
                f"the {GAP_DAYS} days before {iso(at_ns)}, there was none; it has data from "
                f"{first} to {last}: choose another moment or ingest such files"
            )
            raise DataGapError(msg)
        return before[-1]

    def newest_ns(self) -> int:
        """Return when the newest input became known (UTC ns)."""
        day = self.days[-1]
        events = self._events(day)
        return events[-1].ts_known if events else day.start_ns

    def follow(
        self,
        first: int = 0,
        end: int | None = None,
        progress: Progress | None = None,
        *,
        has_records: bool = True,
    ) -> None:
        """
        Bring what is kept up to date.

        Parameters
        ----------
        first, end : int, optional
            Only so much of `days`, and what comes before it of the same month; by default all.
        progress : callable, optional
            Told of each day that had to be followed.
        has_records : bool, optional
            Whether levels, signals and densities are kept too, or the states alone.

        Raises
        ------
        StoreError
            If what was computed cannot be written.

        """
        wanted = self._wanted(first, end)
        if not self._missing(wanted, has_records=has_records) and not self._stale():
            return
        with computing_lock(self.basis.folder):
            for run in self._missing(wanted, has_records=has_records):
                self._follow_run(run, progress, has_records=has_records)
            self._forget_others()
            shrink(self.basis.catalog, DEFAULT_LIMIT_BYTES, keep=self.basis.folder)

    def is_followed(self, first: int, end: int, *, has_records: bool = True) -> bool:
        """Return whether `follow` with these arguments finds all kept, so that no time is lost."""
        return not self._missing(self._wanted(first, end), has_records=has_records)

    def between(self, first_ns: int, last_ns: int) -> tuple[int, int]:
        """Return the first of `days` that touches a window (UTC ns), and the one after the last."""
        asked = [
            index
            for index, day in enumerate(self.days)
            if day.start_ns <= last_ns and day.start_ns + DAY_NS > first_ns
        ]
        return (asked[0], asked[-1] + 1) if asked else (0, 0)

    def density_files(self, first_ns: int, last_ns: int, step_ns: int) -> Iterator[Path]:
        """
        Yield the files with the densities of a window at a step, computed where they are missing.

        Parameters
        ----------
        first_ns, last_ns : int
            The window (UTC nanoseconds).
        step_ns : int
            The distance of columns; below an hour a divisor of it.

        """
        first, end = self.between(first_ns, last_ns)
        if first == end:
            return
        self.follow(first, end)
        is_daily = step_ns % DAY_NS == 0
        folder = "density-1d" if is_daily else "density-1h"
        if step_ns < HOUR_NS:
            folder = f"density-{step_ns // 60_000_000_000}m"
        for index in range(first, end):
            day = self.days[index]
            path = self.basis.folder / folder / f"{day.name}.parquet"
            if step_ns < HOUR_NS:
                path = path.with_stem(f"{day.name}.{day.digest}")
                if not path.exists():
                    self._follow_finely(index, path, step_ns)
            yield path

    def _wanted(self, first: int, end: int | None) -> tuple[KeptDay, ...]:
        while not self.days[first].is_first:
            first -= 1
        return self.days[first:end]

    # -- What is kept ------------------------------------------------------------------------------

    def _events(self, day: KeptDay) -> list[Event]:
        return day_events(self.files, self.basis.symbol, day.start_ns, self.basis.parameters)

    def _state_path(self, day: KeptDay) -> Path:
        return self.basis.folder / STATES / f"{day.name}.{day.digest}.state"

    def _missing(self, wanted: tuple[KeptDay, ...], *, has_records: bool) -> list[list[KeptDay]]:
        # Runs of days to be followed; each begins where a state before it is kept. What was
        # deleted of a day is written again.
        states = _names_in(self.basis.folder / STATES)
        whole = set.intersection(*(_names_in(self.basis.folder / name) for name in DAY_FOLDERS))
        kept = [
            self._state_path(day).name in states
            and (not has_records or f"{day.name}.parquet" in whole)
            for day in wanted
        ]
        runs: list[list[KeptDay]] = []
        for index, day in enumerate(wanted):
            if kept[index]:
                continue
            if index and not kept[index - 1] and not day.is_first:
                runs[-1].append(day)
            else:
                runs.append([day])
        return runs

    def _state_before(self, index: int) -> LiquidationTracker | None:
        # None where it is not kept; one that was warmed up where a map begins.
        day = self.days[index]
        return (
            self._begun(index)
            if day.is_first
            else read_tracker(self._state_path(self.days[index - 1]))
        )

    def _begun(self, index: int) -> LiquidationTracker:
        day = self.days[index]
        path = self.basis.folder / STATES / f"{day.name}-begun.{day.digest}.state"
        tracker = read_tracker(path) if day.warm_up else None
        if tracker is None:
            tracker = self._new_tracker()
            for earlier in self.days[index - day.warm_up : index]:
                until_ns = earlier.start_ns + DAY_NS - 1
                follow_day(tracker, self._events(earlier), earlier.start_ns, until_ns)
            if day.warm_up:
                write_tracker(path, tracker)
        return tracker

    def _new_tracker(self) -> LiquidationTracker:
        return tracker_class()(self.basis.parameters, brackets=self.basis.brackets)

    # -- What is computed --------------------------------------------------------------------------

    def _follow_run(
        self, run: list[KeptDay], progress: Progress | None, *, has_records: bool
    ) -> None:
        index = self.days.index(run[0])
        end = index + len(run)
        # Where the state before turns out to be damaged, from the last good one on.
        while (tracker := self._state_before(index)) is None:
            index -= 1
        for day in self.days[index:end]:
            events = self._events(day)
            until_ns = self._until(day, events)
            if has_records:
                record = DayRecord(tracker, day.start_ns)
                follow_day(tracker, events, day.start_ns, until_ns, record.note)
                record.write(self.basis.folder, day.name)
            else:
                follow_day(tracker, events, day.start_ns, until_ns)
            # Last, since it says that the day is done.
            write_tracker(self._state_path(day), tracker)
            if progress is not None:
                progress(day.name)
        _LOG.info("followed %s from %s to %s", self.basis.symbol, run[0].name, run[-1].name)

    def _until(self, day: KeptDay, own: list[Event]) -> int:
        # The newest day ends with its newest input: of what follows nothing is known.
        end_ns = day.start_ns + DAY_NS - 1
        if day is not self.days[-1]:
            return end_ns
        return min(end_ns, own[-1].ts_known if own else day.start_ns)

    def _follow_finely(self, index: int, path: Path, step_ns: int) -> None:
        day = self.days[index]
        tracker = self._state_before(index)
        if tracker is None:
            raise StoreError(_vanished(self.basis.folder))
        events = self._events(day)
        rows: list[dict[str, Any]] = []

        def note(ts: int, is_update: bool) -> None:  # noqa: FBT001 - called back
            if ts % step_ns == 0:
                width = tracker.bucket_size
                rows.extend(density_row(levels, ts, width) for levels in tracker.levels_of(MODELS))

        follow_day(tracker, events, day.start_ns, self._until(day, events), note, step_ns)
        write_densities(path, rows)

    def _stale(self) -> set[str]:
        # Days that are kept and that the catalog no longer has.
        kept = _names_in(self.basis.folder / DAY_FOLDERS[0])
        return kept - {f"{day.name}.parquet" for day in self.days}

    def _forget_others(self) -> None:
        # Days the catalog no longer has, or no longer so.
        names = {f"{day.name}.parquet" for day in self.days}
        ends = tuple(f".{day.digest}" for day in self.days)
        for path in self.basis.folder.glob("*/[!.]*"):
            if path.name not in names and not path.stem.endswith(ends):
                path.unlink(missing_ok=True)


def _vanished(folder: Path) -> str:
    return (
        f"what is kept in {folder} must stay while it is read, a part was gone; do not delete it "
        "meanwhile, and leave room for it"
    )


def _names_in(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))  # noqa: PTH208 - names alone, which is quicker
    except FileNotFoundError:
        return set()
