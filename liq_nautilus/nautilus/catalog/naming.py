"""
What the names of a series' files promise: the rows that are there, and no more.

Nautilus asks names, not rows, for what is missing and what comes last. Where rows go on over the
end of a month (or day), or to a file that another program parted from the one before, the names on
both sides meet, so that nothing seems to be missing. A hole within a month is not in the names, as
it is not in those of what Nautilus writes at once: `quality` lists it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.layout import Span
from liq_nautilus.nautilus.catalog.layout import file_name
from liq_nautilus.nautilus.catalog.layout import partitions_of
from liq_nautilus.times import MINUTE_NS

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.nautilus.catalog.inventory import Catalog

# Rows go on where the next one comes after no more than so many usual distances, or a minute: one
# bar that is missing is a hole.
_USUAL_DISTANCES: Final = 1.5


class Held(NamedTuple):
    """
    What a file holds.

    Attributes
    ----------
    span : Span
        Of its rows.
    n_rows : int
        How many there are.
    named : Span, optional
        What its name promises now; by default the span of its rows.

    """

    span: Span
    n_rows: int
    named: Span | None = None

    @property
    def promise(self) -> Span:
        """What its name promises now."""
        return self.named or self.span

    def goes_on_to(self, later: Held) -> bool:
        """Return whether the rows of a later file follow as these follow each other."""
        first, last = self.span
        usual = (last - first) / max(self.n_rows - 1, 1)
        distance = later.span.first_ns - last
        return 0 < distance <= max(_USUAL_DISTANCES * usual, MINUTE_NS)


def promised(before: Held | None, own: Held, after: Held | None, *, daily: bool) -> Span:
    """
    Return the span that a file's name promises.

    Programs that consolidate name files by periods, which may begin before and end after their
    rows: where such names meet, they stay as they are.

    Parameters
    ----------
    before, after : Held, optional
        The files on both sides.
    own : Held
        The file itself.
    daily : bool
        Whether files hold a day, else a month.

    """
    first, last = own.span
    if before is not None:
        meeting = _meeting(before, own, daily=daily)
        first = first if meeting is None else meeting
    if after is not None:
        meeting = _meeting(own, after, daily=daily)
        last = last if meeting is None else meeting - 1
    return Span(first, last)


def name_as_held(catalog: Catalog) -> None:
    """
    Give the files of ours the names they should have.

    A run that was interrupted may have left one its new rows under its old name.

    Raises
    ------
    StoreError
        If a file is damaged.

    """
    for folder in catalog.folders:
        files = catalog.files(folder.stored, folder.symbol, folder.interval)
        held = [Held(file.span, file.n_rows, file.name_span) for file in files]
        for i, file in enumerate(files):
            before, after = held[i - 1] if i else None, next(iter(held[i + 1 : i + 2]), None)
            rename(file.path, promised(before, held[i], after, daily=folder.stored.is_daily))


def rename(path: Path, span: Span) -> Path:
    """
    Give a file the name of a span.

    Raises
    ------
    StoreError
        If another file has that name.

    """
    named = path.with_name(file_name(span))
    if named == path:
        return path
    if named.exists():
        msg = f"{path} must be the only file of its span, {named.name} is another; delete one"
        raise StoreError(msg)
    return path.rename(named)


def _meeting(earlier: Held, later: Held, *, daily: bool) -> int | None:
    # The moment at which two files meet: where others let them, or where rows go on.
    last, start = earlier.span.last_ns, later.span.first_ns
    between = later.promise.first_ns
    is_met = earlier.promise.last_ns + 1 == between and last < between <= start
    if is_met and not _begins_home(between, daily=daily):
        return between
    if not earlier.goes_on_to(later):
        return None
    home, end, opened, closed = partitions_of(
        np.asarray([*earlier.span, *later.span], dtype=np.int64), daily=daily
    ).tolist()
    if home == end == opened - 1 == closed - 1:
        return _beginning(opened, daily=daily)
    # Elsewhere others parted them, or one of them ends.
    for meeting in (between, earlier.promise.last_ns + 1):
        if last < meeting < start:
            return meeting
    return start


def _begins_home(ts: int, *, daily: bool) -> bool:
    # Whether a moment is the beginning of a month (or day).
    (home,) = partitions_of(np.asarray([ts], dtype=np.int64), daily=daily).tolist()
    return _beginning(home, daily=daily) == ts


def _beginning(home: int, *, daily: bool) -> int:
    unit = "datetime64[D]" if daily else "datetime64[M]"
    return int(np.asarray([home]).astype(unit).astype("datetime64[ns]").astype(np.int64)[0])
