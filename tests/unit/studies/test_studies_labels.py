import numpy as np
import pytest
from support.study_windows import made_up_window
from support.study_windows import write_labels

from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SchemaError
from liq_nautilus.studies.inputs.labels import read_label_file
from liq_nautilus.times import HOUR_NS


@pytest.fixture(scope="module")
def labels():
    return made_up_window(2).labels


def test_a_file_of_bars_is_read_as_it_is(tmp_path, labels):
    path = write_labels(tmp_path / "any name.csv", labels)
    (found,) = read_label_file(path)

    np.testing.assert_array_equal(found.ts_open, labels.ts_open)
    np.testing.assert_allclose(found.long_notional, labels.long_notional, atol=1e-5)
    assert found.source == "file any name.csv"


def test_a_window_takes_whole_intervals_of_a_file(tmp_path, labels):
    path = write_labels(tmp_path / "labels.csv", labels)
    start = int(labels.ts_open[3]) + 1
    (found,) = read_label_file(path, start, int(labels.ts_close[9]))
    assert found.ts_open.tolist() == labels.ts_open[4:10].tolist()
    with pytest.raises(DataGapError, match="intervals in the window asked for"):
        read_label_file(path, 0, HOUR_NS)


def test_a_file_of_forced_orders_is_summed_by_the_hour(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(
        "time,side,order_type,original_quantity,price,average_price,order_status,"
        "accumulated_fill_quantity\n"
        "1740960000500,SELL,LIMIT,1,100,99,FILLED,1\n"
        "1740960000500,SELL,LIMIT,1,100,99,FILLED,1\n"
        "1740963700000,BUY,LIMIT,2,100,101,FILLED,2\n"
        "1741300000000,BUY,LIMIT,2,100,101,FILLED,2\n"
    )
    first, second = read_label_file(path)

    # Rows that occur twice are one order.
    assert first.long_notional.tolist() == [99.0, 0.0]
    assert first.short_notional.tolist() == [0.0, 202.0]
    assert second.short_notional.tolist() == [202.0]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a,b\n1,2\n", "must have the columns open_time"),
        ("open_time,close_time,long_usd,short_usd\nx,2,3,4\n", "must hold numbers"),
        ("", "readable CSV"),
    ],
)
def test_other_files_are_refused(tmp_path, text, match):
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(SchemaError, match=match):
        read_label_file(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SchemaError, match="No such file"):
        read_label_file(tmp_path / "none.csv")


def test_a_file_without_rows_has_no_window(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("time,side,average_price,accumulated_fill_quantity\n")
    with pytest.raises(DataGapError, match="intervals in the window"):
        read_label_file(path)
