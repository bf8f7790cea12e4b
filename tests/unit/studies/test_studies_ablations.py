from dataclasses import replace

import numpy as np
import pytest
from support.study_windows import START
from support.study_windows import made_up_window
from support.study_windows import measured

from liq_nautilus.core.feed import bar_event
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.errors import DataGapError
from liq_nautilus.reports.accuracy_page import html_report
from liq_nautilus.reports.accuracy_page import markdown_report
from liq_nautilus.studies.ablation_changes import fresher_open_interest
from liq_nautilus.studies.ablation_changes import one_sided
from liq_nautilus.studies.ablation_changes import without_mark
from liq_nautilus.studies.ablation_changes import without_volume
from liq_nautilus.studies.ablations import ABLATIONS
from liq_nautilus.studies.ablations import REFERENCE
from liq_nautilus.studies.ablations import run_ablations
from liq_nautilus.studies.calibrating import Calibrator
from liq_nautilus.studies.inputs.windows import halves
from liq_nautilus.times import DAY_NS

SOME = {
    REFERENCE,
    "the map alone, without both",
    "prior leverage mix, not fitted",
    "simplified liquidation formula",
    "open interest credited to one side by the price's direction",
    "open interest known without delay",
}


@pytest.fixture(scope="module")
def windows():
    return [made_up_window(2, 1), made_up_window(2, 2, START + 10 * DAY_NS)]


@pytest.fixture(scope="module")
def fit(windows):
    return Calibrator(candidates={"turnover_rate": (1.0,)}).fit(windows)


@pytest.fixture(scope="module")
def rows(windows, fit):
    chosen = [a for a in ABLATIONS if a.name in SOME or a.needs == "mark"]
    return run_ablations(windows, fit, ablations=chosen)


def open_interest_of(window):
    return [event.payload[0] for event in window.events if event.kind == "open_interest"]


def test_every_ablation_has_its_own_name():
    assert len({ablation.name for ablation in ABLATIONS}) == len(ABLATIONS)
    assert {ablation.name for ablation in ABLATIONS} >= SOME


def test_each_ablation_has_a_row_and_the_reference_differs_by_nothing(rows):
    assert len(rows) == len(SOME) + 1
    assert rows[0]["name"] == REFERENCE
    for side in ("long", "short"):
        assert rows[0][side]["difference"] == 0.0
        assert rows[0][side]["difference_interval"] == [0.0, 0.0]
    assert any(row["long"] and row["long"]["difference"] != 0.0 for row in rows)


def test_what_the_data_lacks_is_null_with_the_reason(rows, windows, fit):
    last = rows[-1]
    assert last["name"] == "last instead of mark price"
    assert last["long"] is None
    assert "no mark prices" in last["reason"]

    bare = [
        replace(without_volume(w, 0), funding=(np.zeros(0, dtype=np.int64), np.zeros(0)))
        for w in windows
    ]
    wide = replace(fit.parameters, leverages=tuple(x + 1 for x in fit.parameters.leverages))
    other = replace(fit, parameters=wide)
    needy = [a for a in ABLATIONS if a.needs] + [ABLATIONS[0]]
    reasons = [row.get("reason", "") for row in run_ablations(bare, other, ablations=needy)]
    assert sum("windows have no" in reason for reason in reasons) == 3
    assert sum("other leverage tiers" in reason for reason in reasons) == 1


def test_a_single_window_is_cut_in_two(windows, fit):
    (row,) = run_ablations(windows[:1], fit, ablations=ABLATIONS[:1])
    first, second = halves(windows[0])

    assert row["long"]["spearman"] > 0.0
    assert (first.start, second.end) == (windows[0].start, windows[0].end)
    assert first.end == second.start
    assert len(first.paths) == len(second.labels) == 24


def test_too_few_intervals_are_refused(windows, fit):
    short = made_up_window(1)
    with pytest.raises(DataGapError, match="at least 20 label intervals"):
        run_ablations([short], fit)


def test_progress_is_told(windows, fit):
    told = []
    run_ablations(windows, fit, ablations=ABLATIONS[:1], progress=told.append)
    assert told == [f"ablation: {REFERENCE}"]


def test_reports_show_ablations(windows, fit, rows):
    document = measured(windows, lambda _: fit, source="x") | {"ablations": rows}
    for report in (markdown_report(document), html_report(document)):
        assert "Ablations" in report
        assert "simplified liquidation formula" in report
        assert "no mark prices" in report


def test_volume_and_mark_can_be_taken_away(windows):
    quiet = without_volume(windows[0], 0)
    volumes = [event.payload[7] for event in quiet.events if event.kind == "bar"]
    assert np.isnan(volumes).all()
    assert not quiet.bars.volume.any()

    mark = bar_event(1.0, 1.0, 1.0, 1.0, START, START + 1, "mark")
    marked = replace(windows[0], events=(mark, *windows[0].events), has_mark=True)
    plain = without_mark(marked, 0)
    assert plain.events == windows[0].events
    assert not plain.has_mark


def test_open_interest_can_be_known_at_once(windows):
    fresh = fresher_open_interest(windows[0], 0)
    stamps = [e.payload[2] for e in fresh.events if e.kind == "open_interest"]
    known = [e.ts_known for e in fresh.events if e.kind == "open_interest"]
    assert known == stamps == fresh.open_interest[0].tolist()
    assert open_interest_of(fresh) == open_interest_of(windows[0])


def test_rising_open_interest_goes_to_one_side_or_the_other(windows):
    whole = np.diff(open_interest_of(windows[0]))
    sides = [np.diff(open_interest_of(one_sided(windows[0], side))) for side in (LONG, SHORT)]
    rising = whole > 0

    # Twice to one side, nothing to the other.
    np.testing.assert_allclose((sides[0] + sides[1])[rising], 2 * whole[rising])
    assert np.all((sides[0][rising] == 0) | (sides[1][rising] == 0))
    assert np.all(sides[0][~rising] <= 0)


def test_open_interest_of_nothing_stays_nothing(windows):
    events = [e for e in windows[0].events if e.kind == "open_interest"]
    empty = tuple(e._replace(payload=(0.0, 0.0, e.payload[2])) for e in events[:3])
    changed = one_sided(replace(windows[0], events=empty), LONG)
    assert open_interest_of(changed) == [0.0, 0.0, 0.0]
