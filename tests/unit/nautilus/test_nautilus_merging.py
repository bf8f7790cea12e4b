import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from liq_nautilus.data.merging import CONFLICT
from liq_nautilus.data.merging import KEPT
from liq_nautilus.data.merging import SAME
from liq_nautilus.data.merging import is_strictly_sorted
from liq_nautilus.data.merging import merge
from liq_nautilus.data.merging import sortable

ROWS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab"), st.integers(0, 2)), max_size=12)


def table(rows):
    ts, names, values = (
        (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    )
    return pa.table(
        {
            "name": pa.array(names, pa.string()),
            "value": pa.array([float(v) or float("nan") for v in values], pa.float64()),
            "ts_init": pa.array(ts, pa.uint64()),
        }
    )


def plain_merge(old, new):
    """Return what becomes of each new row, and the rows in the end, one by one."""
    held = {(ts, name): value for ts, name, value in old}
    codes = []
    for ts, name, value in new:
        if (ts, name) not in held:
            held[ts, name] = value
            codes.append(KEPT)
        else:
            # 0 stands for what is unknown: it contradicts nothing.
            codes.append(SAME if value in (held[ts, name], 0) else CONFLICT)
    return codes, [(*key, value) for key, value in sorted(held.items())]


@given(ROWS, ROWS)
def test_merging_agrees_with_the_plain_way(old, new):
    _, old = plain_merge([], old)
    wanted_codes, wanted = plain_merge(old, new)
    if not new:
        return
    merged = merge(table(old) if old else None, table(new), ("name",))
    assert merged.codes.tolist() == wanted_codes
    if merged.table is None:
        assert wanted == old
        return
    assert merged.table.equals(table(wanted)) or str(merged.table.to_pylist()) == str(
        table(wanted).to_pylist()
    )
    assert is_strictly_sorted(merged.table, ("name",))
    assert len(merged.rows) == len(wanted)


def test_value_that_may_not_repeat_is_a_conflict_at_another_time():
    ids = pa.table({"id": pa.array(["7", "8", "7"]), "ts_init": pa.array([1, 2, 3], pa.uint64())})
    merged = merge(None, ids, ("id",), unique="id")
    assert merged.codes.tolist() == [KEPT, KEPT, CONFLICT]
    assert merged.same_as.tolist() == [-1, -1, 0]


def test_missing_values_are_equal_to_each_other():
    rows = pa.table(
        {"value": pa.array([None, None], pa.int64()), "ts_init": pa.array([1, 1], pa.uint64())}
    )
    assert merge(None, rows, ()).codes.tolist() == [KEPT, SAME]


def test_texts_sort_by_value_when_they_are_numbers():
    assert sortable(pa.chunked_array([["10", "9"]])).tolist() == [10, 9]
    assert sortable(pa.chunked_array([["5m", "1h", "5m"]])).tolist() == [1, 0, 1]


def test_one_row_is_in_order():
    assert is_strictly_sorted(pa.table({"ts_init": np.zeros(1, dtype=np.uint64)}), ())
