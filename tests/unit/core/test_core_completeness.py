from __future__ import annotations

import math

import numpy as np
import pytest

from liq_nautilus.core.dollars.completeness import Completeness
from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import SECOND_NS

START = 1_790_000_040 * SECOND_NS // MINUTE_NS * MINUTE_NS


def test_the_largest_of_each_second_is_what_a_thinned_feed_shows():
    heard = Completeness()
    orders = [(5.0, 0), (7.0, 0), (1.0, 0), (4.0, 3), (2.0, 59)]
    for notional, second in orders:
        heard.add(notional, START + second * SECOND_NS + 999_999_999 * (notional == 7.0))
    # Not before the minute is over, and what comes late for it is left out.
    assert math.isnan(heard.factor(3))
    heard.add(1.0, START + MINUTE_NS)
    heard.add(1_000.0, START + MINUTE_NS - 1)
    assert heard.factor(3) == pytest.approx(19.0 / 13.0)
    assert heard.factor(4) == heard.factor(3)
    assert [math.isnan(heard.factor(n)) for n in (1, 2, 5, 60)] == [True] * 4
    heard.add(1.0, START + 5 * MINUTE_NS)
    assert heard.factor(1) == 1.0


@pytest.mark.parametrize(("n_seconds", "lower", "upper"), [(1, 1, 1), (6, 5, 8), (40, 33, 60)])
def test_minutes_of_one_intensity_are_summed(n_seconds: int, lower: int, upper: int):
    heard, rng = Completeness(), np.random.default_rng(n_seconds)
    total = shown = 0.0
    for minute in range(5):
        for second in rng.choice(60, n_seconds, replace=False):
            notionals = rng.lognormal(9.0, 1.0, 3)
            total, shown = total + notionals.sum(), shown + notionals.max()
            for notional in notionals:
                heard.add(float(notional), START + minute * MINUTE_NS + int(second) * SECOND_NS)
    heard.add(1.0, START + 5 * MINUTE_NS)
    for n in (lower, upper):
        assert heard.factor(n) == pytest.approx(total / shown)
    for n in {1, 2, 4, 8, 16, 32, 60} - set(range(lower, upper + 1)):
        assert math.isnan(heard.factor(n))
