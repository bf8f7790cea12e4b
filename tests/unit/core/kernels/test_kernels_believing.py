"""Bars that can follow each other, against plain rules."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liq_nautilus.core import kernels

FACTOR = 10.0
ORDINARY = [100.0, 101.0, 99.0, 100.5, 3.0, 0.0]


def bar(**changes):
    row = dict(zip(("open", "high", "low", "close", "volume", "mark"), ORDINARY, strict=True))
    return list((row | changes).values())


@pytest.mark.parametrize(
    ("rows", "close", "is_fine"),
    [
        ([bar()], math.nan, True),
        ([bar()], 100.0, True),
        ([bar()], 1005.0, True),
        ([bar()], 1005.1, False),
        ([bar()], 10.0, True),
        ([bar()], 9.99, False),
        ([bar(), bar(open=1100.0, close=1200.0, high=1300.0, low=1000.0)], 100.0, False),
        ([bar(), bar(open=5.0, close=4.0, high=6.0, low=3.0)], 100.0, False),
        ([bar(open=1000.0, close=1e4, high=1e4, low=1e3), bar(open=9e4, close=9e4)], 100.0, False),
        ([bar(high=1005.0)], 100.0, True),
        ([bar(high=1005.1)], 100.0, False),
        ([bar(low=10.0)], 100.0, True),
        ([bar(low=9.99)], 100.0, False),
        ([], 100.0, True),
    ],
)
def test_bars_are_fine_while_each_is_whole_and_near_the_one_before(kernel, rows, close, is_fine):
    values = np.array(rows).reshape(-1, 6)
    assert kernel("follow_bars")(values, close, FACTOR, (0.0, 0.0))[0] == is_fine


@given(
    st.lists(
        st.tuples(
            st.one_of(st.just(math.nan), st.just(math.inf), st.floats(0.0, 1e9)), st.booleans()
        ),
        max_size=8,
    )
)
def test_volumes_of_last_prices_add_up_one_by_one(volumes):
    rows = np.array([bar(volume=v, mark=float(m)) for v, m in volumes]).reshape(-1, 6)
    total, before, is_traded = 7.0, 5.0, False
    for volume, is_mark in volumes:
        if not is_mark and math.isfinite(volume):
            before, total, is_traded = total, total + volume, is_traded or volume != 0.0
    found = kernels.follow_bars(rows, 100.0, FACTOR, (7.0, 5.0))
    assert found == (True, total, before, is_traded)
