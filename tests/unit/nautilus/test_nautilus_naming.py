"""Names of the catalog's files promise what is in them, and rows find the file they belong to."""

import numpy as np
import pytest

from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.layout import Span
from liq_nautilus.nautilus.catalog.layout import file_name
from liq_nautilus.nautilus.catalog.naming import Held
from liq_nautilus.nautilus.catalog.naming import promised
from liq_nautilus.nautilus.catalog.naming import rename
from liq_nautilus.nautilus.ingest.slots import Slots

JANUARY, FEBRUARY = 1_735_689_600 * 10**9, 1_738_368_000 * 10**9
HOUR = 3_600 * 10**9


@pytest.mark.parametrize(
    ("hours_before", "hours_after", "is_joined"),
    [(0, 0, True), (1, 0, True), (2, 0, False), (0, 1, True), (1, 1, False), (0, 2, False)],
)
def test_names_meet_at_the_end_of_a_month_where_rows_go_on(hours_before, hours_after, is_joined):
    earlier = Held(Span(JANUARY, FEBRUARY - hours_before * HOUR - 1), 745 - hours_before)
    later = Held(Span(FEBRUARY + hours_after * HOUR, FEBRUARY + 99 * HOUR), 100 - hours_after)
    first = promised(None, earlier, later, daily=False)
    second = promised(earlier, later, None, daily=False)
    assert (first.first_ns, second.last_ns) == (earlier.span.first_ns, later.span.last_ns)
    if is_joined:
        assert (first.last_ns, second.first_ns) == (FEBRUARY - 1, FEBRUARY)
    else:
        assert (first, second) == (earlier.span, later.span)


@pytest.mark.parametrize("months", [(0, 2), (1, 0)])
def test_names_of_files_that_are_no_neighbours_do_not_meet(months):
    spans = [
        Span(*(np.asarray([660 + month, 661 + month]).astype("M8[M]").astype("M8[ns]").astype(int)))
        for month in months
    ]
    earlier, later = (Held(Span(int(a), int(b) - HOUR), 700) for a, b in spans)
    assert promised(earlier, later, None, daily=False) == later.span


@pytest.mark.parametrize("hours", [1, 3, 7, 24])
def test_names_by_periods_stay_and_meet_what_is_appended(hours):
    # As `consolidate_data_by_period` names files: from the beginning of a period to its end.
    start, period = JANUARY + 5 * 24 * HOUR + HOUR, hours * HOUR
    minute = 60 * 10**9

    def part(i: int) -> Held:
        first, end = start + i * period, start + (i + 1) * period
        return Held(Span(first + minute, end), 60 * hours, Span(first + 1, end))

    parts = [part(i) for i in range(3)]
    names = [
        promised(parts[i - 1] if i else None, parts[i], (*parts, None)[i + 1], daily=False)
        for i in range(3)
    ]
    assert names[1:] == [one.named for one in parts[1:]]
    assert names[0] == Span(parts[0].span.first_ns, start + period)
    added = Held(Span(start + 3 * period + minute, start + 9 * period), 360 * hours)
    assert promised(parts[2], added, None, daily=False).first_ns == names[2].last_ns + 1


@pytest.mark.parametrize("is_met", [True, False])
def test_a_hole_between_periods_that_meet_is_theirs(is_met):
    end = JANUARY + 9 * HOUR
    own = Held(Span(JANUARY + HOUR, JANUARY + 2 * HOUR), 2, Span(JANUARY + 1, end - 1))
    start = end if is_met else end + 1
    after = Held(Span(JANUARY + 14 * HOUR, JANUARY + 15 * HOUR), 2, Span(start, start + 9 * HOUR))
    assert promised(None, own, after, daily=False).last_ns == (
        end - 1 if is_met else own.span.last_ns
    )
    assert promised(None, own, None, daily=False) == own.span


def test_single_trades_a_minute_apart_go_on_over_midnight():
    midnight = FEBRUARY + 5 * 24 * HOUR
    earlier = Held(Span(midnight - HOUR, midnight - 30 * 10**9), 9_999)
    for seconds, meets in ((29, True), (31, False)):
        later = Held(Span(midnight + seconds * 10**9, midnight + HOUR), 2)
        promise = promised(None, earlier, later, daily=True)
        assert promise.last_ns == (midnight - 1 if meets else earlier.span.last_ns)


def test_no_file_takes_the_name_of_another(tmp_path):
    path, other = (tmp_path / file_name(Span(0, n)) for n in (5, 9))
    path.touch()
    assert rename(path, Span(0, 5)) == path
    other.touch()
    with pytest.raises(StoreError, match="must be the only file of its span"):
        rename(path, Span(0, 9))


def test_rows_find_their_file_whoever_wrote_it(tmp_path):
    spans = [
        Span(JANUARY + 5 * HOUR, JANUARY + 9 * HOUR),
        Span(JANUARY + 20 * HOUR, JANUARY + 30 * HOUR),
        Span(FEBRUARY - HOUR, FEBRUARY + HOUR),
    ]
    for span in spans:
        (tmp_path / file_name(span)).touch()
    slots = Slots(tmp_path, daily=False)
    january = [0, 5, 9, 12, 19, 20, 25, 30, 300]
    times = [JANUARY + h * HOUR for h in january]
    times += [
        FEBRUARY - HOUR,
        FEBRUARY,
        FEBRUARY + HOUR,
        FEBRUARY + HOUR + 1,
        FEBRUARY + 999 * HOUR,
    ]
    found = [slots.path(slot) for slot in slots.of(np.asarray(times)).tolist()]
    names = [None if path is None else path.name for path in found]
    first, second, third = (file_name(span) for span in spans)
    assert names == [first] * 5 + [second] * 4 + [third] * 3 + [None] * 2
    numbers = slots.of(np.asarray(times))
    assert np.all(np.diff(numbers) >= 0)
    assert numbers[-1] != numbers[-2]
    assert set(slots.numbers) == set(numbers[:-2].tolist())
