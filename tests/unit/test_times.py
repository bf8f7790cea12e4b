"""Times as text have one form, in and out."""

from datetime import UTC
from datetime import datetime
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import INTERVALS
from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import MONTH
from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import from_iso
from liq_nautilus.times import interval_ns
from liq_nautilus.times import iso
from liq_nautilus.times import iso_day
from liq_nautilus.times import opened_at

YEARS_NS = 100 * 365 * DAY_NS


def test_units_are_multiples_of_each_other():
    assert MILLISECOND_NS * 1_000 == SECOND_NS
    assert SECOND_NS * 60 == MINUTE_NS
    assert MINUTE_NS * 60 == HOUR_NS
    assert HOUR_NS * 24 == DAY_NS
    assert timedelta(days=1).total_seconds() * SECOND_NS == DAY_NS


@given(st.integers(0, YEARS_NS // MILLISECOND_NS))
def test_text_to_the_millisecond_comes_back(milliseconds):
    assert from_iso(iso(milliseconds * MILLISECOND_NS)) == milliseconds * MILLISECOND_NS


@given(st.integers(0, YEARS_NS))
def test_a_text_never_says_later_than_the_time(ts_ns):
    assert 0 <= ts_ns - from_iso(iso(ts_ns)) < MILLISECOND_NS
    assert iso(ts_ns).startswith(iso_day(ts_ns))


def test_a_whole_second_shows_no_fraction_and_a_part_shows_three_digits():
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert iso(DAY_NS - 1) == "1970-01-01T23:59:59.999Z"
    assert iso(500 * MILLISECOND_NS) == "1970-01-01T00:00:00.500Z"
    assert iso(999_999) == "1970-01-01T00:00:00Z"


def test_text_without_zone_is_utc():
    noon = from_iso("2026-03-01T12:00")
    assert noon == round(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * SECOND_NS
    assert from_iso("2026-03-01T14:00+02:00") == noon
    assert from_iso("2026-03-01T12:00:00.000001Z") == noon + 1_000
    with pytest.raises(ValueError, match="soon"):
        from_iso("soon")


@pytest.mark.parametrize("interval", [name for name in INTERVALS if name != MONTH])
def test_an_interval_opens_its_length_before_its_end(interval):
    end = from_iso("2026-03-02")
    assert end - opened_at(end, interval) == interval_ns(interval) > 0


def test_a_month_opens_on_its_first_day():
    assert opened_at(from_iso("2026-03-01"), MONTH) == from_iso("2026-02-01")
    assert opened_at(from_iso("2024-03-01"), MONTH) == from_iso("2024-02-01")
    assert interval_ns(MONTH) == 0


def test_an_unknown_interval_is_told():
    with pytest.raises(ValueError, match=r"interval must be one of 1s, .* was '7m'"):
        interval_ns("7m")
