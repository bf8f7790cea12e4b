import math

import numpy as np
import pytest
from nautilus_trader.persistence.catalog import ParquetDataCatalog
from support.study_windows import START
from support.study_windows import made_up_window

from liq_nautilus.core.dollars.completeness import LEAST_SECONDS
from liq_nautilus.core.dollars.completeness import ShownPart
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.types import LiquidationCompleteness
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.reports.accuracy_page import labels_words
from liq_nautilus.studies.inputs.labels import find_labels
from liq_nautilus.studies.inputs.windows import Labels
from liq_nautilus.studies.inputs.windows import Orders
from liq_nautilus.studies.inputs.windows import labels_from_orders
from liq_nautilus.studies.inputs.windows import last_known
from liq_nautilus.studies.inputs.windows import liquidation_events
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


def orders_at(minutes: list[float], shares: list[float]) -> Orders:
    ts = np.array([round(minute * 60e9) for minute in minutes], dtype=np.int64)
    side = np.array([1, -1] * len(minutes), dtype=np.int8)[: len(minutes)]
    share = np.array(shares) if shares else None
    return Orders(ts, side, np.ones(ts.size), np.full(ts.size, 10.0), share)


def test_orders_are_made_up_by_the_shares_that_are_known():
    # One hour in which nothing is known yet, one with an order of an unknown share, two known.
    minutes = [1.0, 61.0, 62.0, 121.0, 122.0, 181.0]
    orders = orders_at(minutes, [math.nan, 0.5, math.nan, 0.5, 0.25, 1.0])
    labels = labels_from_orders(orders, 0, 4 * HOUR_NS, HOUR_NS)
    assert (labels.ts_open // HOUR_NS).tolist() == [2, 3]
    assert labels.long_notional.tolist() == [40.0, 0.0]
    assert labels.short_notional.tolist() == [20.0, 10.0]
    assert labels.share == pytest.approx(30.0 / 70.0)
    # As a tracker takes them in: what was seen, and which share it is.
    told = [event.payload for event in liquidation_events(labels) if event.payload[1]]
    assert {payload[4] for payload in told} == {"bars"}
    assert {payload[6] for payload in told} == {labels.share}
    assert sum(payload[1] / payload[6] for payload in told) == pytest.approx(70.0)


@pytest.mark.parametrize("shares", [[], [math.nan] * 3])
def test_orders_of_unknown_shares_stay_what_was_seen_and_it_is_said(shares: list[float]):
    labels = labels_from_orders(orders_at([1.0, 2.0, 61.0], shares), 0, 2 * HOUR_NS, HOUR_NS)
    assert labels.long_notional.tolist() == [10.0, 10.0]
    assert labels.short_notional.tolist() == [10.0, 0.0]
    assert math.isnan(labels.share)
    told = [event.payload for event in liquidation_events(labels)]
    # The tracker assumes a share, and says so.
    assert {payload[4:] for payload in told} == {("orders", (), None)}


@pytest.mark.parametrize(
    ("share", "words"),
    [(None, "in no dollars"), (0.41, "41% seen, the rest made up"), (1.0, "all there were")],
)
def test_the_report_says_how_much_of_the_labels_was_seen(share: float | None, words: str):
    assert words in labels_words({"labels": "forced orders", "completeness": share})


def test_labels_of_a_catalog_are_made_up_by_what_was_recorded(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    btc, eth = instrument_id("BTCUSDT"), instrument_id("ETHUSDT")
    times = [round(minute * 60e9) for minute in (1.0, 61.0, 121.0)]
    part = ShownPart(1, 1e6, 4e5, LEAST_SECONDS)
    catalog.write_data([LiquidationOrder(btc, 1, 2.0, 50.0, 50.0, ts, ts) for ts in times])
    # What is told of another instrument says nothing.
    told = [LiquidationCompleteness.from_record(part, eth, "BYBIT", times[0] - 1)]
    catalog.write_data(told)
    (labels,) = find_labels(Catalog(tmp_path), "BTCUSDT")
    assert labels.long_notional.tolist() == [100.0] * 3
    assert math.isnan(labels.share)
    catalog.write_data([LiquidationCompleteness.from_record(part, btc, "BYBIT", times[1])])
    (labels,) = find_labels(Catalog(tmp_path), "BTCUSDT")
    assert labels.long_notional.tolist() == pytest.approx([250.0] * 2)
    assert labels.share == pytest.approx(0.4)
