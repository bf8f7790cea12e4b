import numpy as np
import pytest
from support.study_windows import START
from support.study_windows import made_up_window

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.studies.inputs.windows import Labels
from liq_nautilus.studies.inputs.windows import Orders
from liq_nautilus.studies.inputs.windows import labels_from_orders
from liq_nautilus.studies.inputs.windows import last_known
from liq_nautilus.studies.inputs.windows import split_stretches
from liq_nautilus.times import HOUR_NS


def hourly_labels(hours: list[int], length: int = HOUR_NS) -> Labels:
    ts = np.array(hours, dtype=np.int64) * HOUR_NS
    return Labels(ts, ts + length, np.arange(len(hours)) * 1.0, np.zeros(len(hours)), "test")


def test_one_missing_hour_does_not_split_and_a_long_hole_does():
    labels = hourly_labels([0, 1, 3, 4, 40, 41])
    assert [len(one) for one in split_stretches(labels)] == [4, 2]


def test_another_interval_begins_another_stretch():
    short = hourly_labels([2, 3], HOUR_NS // 2)
    long = hourly_labels([0, 1])
    together = Labels(
        *(
            np.concatenate([getattr(long, name), getattr(short, name)])
            for name in ("ts_open", "ts_close", "long_notional", "short_notional")
        ),
        "test",
    )
    assert [len(one) for one in split_stretches(together)] == [2, 2]
    assert split_stretches(together.take(np.zeros(4, dtype=bool))) == []


def test_a_window_knows_its_span_and_sides():
    window = made_up_window(2)
    assert (window.start, window.end) == (START, START + 48 * HOUR_NS)
    assert window.labels.of(LONG) is window.labels.long_notional
    assert window.labels.of(SHORT) is window.labels.short_notional


def test_last_known_is_what_was_known_at_the_time():
    known = np.array([10, 20]), np.array([1.0, 2.0])
    found = last_known(known, np.array([9, 10, 19, 20, 99]), -1.0)

    assert found.tolist() == [-1.0, 1.0, 1.0, 2.0, 2.0]
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
    assert last_known(nothing, np.array([1, 2]), 7.0).tolist() == [7.0, 7.0]


def test_orders_are_summed_by_interval_and_side():
    ts = np.array([1, 2, HOUR_NS + 1, 5 * HOUR_NS], dtype=np.int64)
    orders = Orders(ts, np.array([1, 1, -1, 1], dtype=np.int8), np.ones(4), np.arange(1.0, 5.0))
    labels = labels_from_orders(orders, 0, 2 * HOUR_NS, HOUR_NS)

    assert labels.long_notional.tolist() == [3.0, 0.0]
    assert labels.short_notional.tolist() == [0.0, 3.0]
    assert labels.ts_close.tolist() == [HOUR_NS, 2 * HOUR_NS]
    assert labels.long_notional.sum() + labels.short_notional.sum() == pytest.approx(6.0)
