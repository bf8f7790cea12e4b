"""What a catalog's series become as events, beyond what the demo shows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from liq_nautilus.nautilus.catalog import events
from liq_nautilus.nautilus.catalog.inventory import Series
from liq_nautilus.times import MINUTE_NS

START_NS = 1_767_225_600_000_000_000


@pytest.fixture
def series(monkeypatch):
    """Serve frames in place of a catalog; a test replaces those it is about."""
    ts = START_NS + MINUTE_NS * np.arange(5)
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
    bars = pd.DataFrame({"ts_open": ts, "ts_close": ts + MINUTE_NS - 1_000_000, **prices})
    held = {
        "read_bars": bars.assign(volume=3.0),
        "read_mark_bars": bars.iloc[:0],
        "read_open_interest": pd.DataFrame(
            {"ts": ts[[1, 3]], "open_interest": 7.0, "open_interest_notional": 700.0}
        ),
        "read_funding": pd.DataFrame({"ts": ts[:0], "rate": 0.0}),
        "read_liquidation_volume": pd.DataFrame(
            columns=["ts_open", "ts_close", "long_notional", "short_notional"]
        ),
        "read_liquidation_orders": pd.DataFrame(
            {"ts": ts[2:3], "position_side": [-1], "quantity": 2.0, "average_price": 50.0}
        ),
        "read_trades": pd.DataFrame(columns=["ts", "price", "quantity", "taker_side"]),
    }
    for name in list(held):
        monkeypatch.setattr(events, name, lambda *_, name=name, **__: held[name])
    monkeypatch.setattr(events, "inventory", lambda _: [])
    return held


def read(**options) -> list:
    end_ns = START_NS + 10 * MINUTE_NS
    return list(events.read_events(Path(), "BTCUSDT", START_NS, end_ns, bar="1m", **options))


def kinds(found: list) -> list[str]:
    return [event.kind for event in found]


def test_orders_stand_in_where_there_are_no_sums(series):
    (order,) = [event for event in read() if event.kind == "liquidation"]
    assert order.payload == (
        -1,
        100.0,
        START_NS + 2 * MINUTE_NS,
        START_NS + 2 * MINUTE_NS,
        "orders",
    )


def test_sums_are_taken_rather_than_orders(series):
    series["read_liquidation_volume"] = pd.DataFrame(
        {
            "ts_open": [START_NS],
            "ts_close": [START_NS + MINUTE_NS],
            "long_notional": [5.0],
            "short_notional": [6.0],
        }
    )
    found = [event.payload for event in read() if event.kind == "liquidation"]
    assert {payload[:2] for payload in found} == {(1, 5.0), (-1, 6.0)}
    assert {payload[4] for payload in found} == {"bars"}


def test_liquidations_and_trades_can_be_left_out(series):
    found = read(has_liquidations=False, has_trades=False)
    assert set(kinds(found)) == {"bar", "open_interest"}


def test_snapshots_that_state_nothing_are_left_out(series):
    series["read_open_interest"].loc[0, "open_interest"] = np.nan
    assert kinds(read()).count("open_interest") == 1


def test_open_interest_is_known_after_its_delay(series):
    found = [event for event in read(delay_secs=30.0) if event.kind == "open_interest"]
    assert [event.ts_known - event.payload[2] for event in found] == [30_000_000_000] * 2


def test_trades_are_cut_where_other_data_comes(series):
    # At 1:00 comes open interest, believed at 2:00; bars close at 0:59.999 and so on.
    offsets = np.array([10, 60, 119.999, 120, 121]) * 1e9
    series["read_trades"] = pd.DataFrame(
        {
            "ts": START_NS + offsets.astype(np.int64),
            "price": 100.0,
            "quantity": np.arange(1.0, 6.0),
            "taker_side": np.array([1, -1, 1, -1, 1], dtype=np.int8),
        }
    )
    batches = [e.payload[1].tolist() for e in read(has_liquidations=False) if e.kind == "trades"]
    assert batches == [[1.0], [2.0], [3.0, 4.0], [5.0]]


def test_trades_of_an_update_s_moment_come_before_it(series):
    series["read_trades"] = pd.DataFrame(
        {
            "ts": [START_NS + 2 * MINUTE_NS],
            "price": 100.0,
            "quantity": 1.0,
            "taker_side": np.array([1], dtype=np.int8),
        }
    )
    found = kinds(read())
    assert found.index("trades") < found.index("open_interest")


def test_the_finest_mark_bars_are_taken(series, monkeypatch):
    frames = {"1m": series["read_bars"], "5m": series["read_bars"].iloc[:1]}
    monkeypatch.setattr(
        events,
        "inventory",
        lambda _: [Series("BTCUSDT", f"markPriceKlines-{name}", 1, 0, 1) for name in ("5m", "1m")],
    )
    monkeypatch.setattr(
        events, "read_mark_bars", lambda _, __, interval, *___, **____: frames[interval]
    )
    assert kinds(read()).count("mark") == 5


def test_events_come_in_the_order_in_which_they_are_known(series):
    found = read()
    assert [event.ts_known for event in found] == sorted(event.ts_known for event in found)
