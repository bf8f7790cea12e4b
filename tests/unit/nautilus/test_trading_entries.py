"""When the trend-following strategy enters and leaves: to the bar."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from support.crossings import CLOSES
from support.crossings import CROSSING
from support.crossings import THERE_AND_BACK
from support.crossings import E
from support.crossings import closed
from support.crossings import entered
from support.crossings import every_bar
from support.crossings import run
from support.crossings import width_at
from support.trading_engine import MINUTE
from support.trading_engine import SECOND

if TYPE_CHECKING:
    from pathlib import Path


def test_it_enters_at_the_close_of_the_bar_that_crosses_and_leaves_when_it_crosses_back():
    ledger, _ = run(THERE_AND_BACK)
    assert entered(ledger) == [CROSSING, 21]
    assert ledger.positions["side"].tolist() == [1, -1]
    assert ledger.positions["ts_closed"].tolist() == [closed(20), closed(len(THERE_AND_BACK) - 1)]
    assert ledger.positions["exit_reason"].tolist() == ["close", "close"]
    assert ledger.positions["tag"].tolist() == [str(closed(CROSSING)), str(closed(20))]


@pytest.mark.parametrize(("after_ns", "bar"), [(0, CROSSING), (1, CROSSING + 1)])
def test_it_trades_from_the_very_moment_on(after_ns: int, bar: int):
    ledger, _ = run(CLOSES, trade_from_ns=closed(CROSSING) + after_ns)
    assert entered(ledger) == [bar]


@pytest.mark.parametrize("action", ["AVOID", "WAIT"])
@pytest.mark.parametrize(("last", "expected"), [(2, [CROSSING + 2]), (3, [CROSSING + 3]), (4, [])])
def test_patience_lasts_so_many_bars(tmp_path: Path, action: str, last: int, expected: list[int]):
    free = CROSSING + last
    signals = [*every_bar(action, 3, free), *every_bar("CLEAR", free, 20)]
    ledger, _ = run(CLOSES, tmp_path, signals)
    assert entered(ledger) == expected


def test_a_crossing_is_used_once():
    # Its stop is met in the next bar, its patience would last longer.
    closes = [*CLOSES[:10], CLOSES[9] - 60.0, CLOSES[9] + 200.0, CLOSES[9] + 400.0]
    ledger, _ = run(closes, stop_multiple=0.2, patience=10)
    assert entered(ledger) == [CROSSING]
    assert ledger.positions["exit_reason"].tolist() == ["stop"]


@pytest.mark.parametrize(
    ("settings", "price", "expected"),
    [
        ({"avoid_distance": 0.01}, 0.985 * E, [CROSSING]),
        ({"avoid_distance": 0.02}, 0.985 * E, []),
    ],
)
def test_avoid_keeps_out_within_its_distance(
    tmp_path: Path, settings: dict, price: float, expected: list[int]
):
    signals = [(ts, action, 1, price) for ts, action, *_ in every_bar("AVOID", 3, 20)]
    ledger, _ = run(CLOSES, tmp_path, signals, **settings)
    assert entered(ledger) == expected


@pytest.mark.parametrize(("max_age_secs", "expected"), [(660.0, [CROSSING]), (600.0, [])])
def test_a_signal_grows_old(tmp_path: Path, max_age_secs: float, expected: list[int]):
    # The last one came eleven minutes before the crossing's close.
    signals = every_bar("CLEAR", 3, CROSSING - 1)
    ledger, _ = run(CLOSES, tmp_path, signals, max_signal_age_secs=max_age_secs)
    assert entered(ledger) == expected


@pytest.mark.parametrize(
    ("action", "side", "signals_of", "expected"),
    [
        ("CLEAR", 0, "BTCUSDT", [CROSSING]),
        ("CLEAR", 0, "SOLUSDT", []),
        # Who does not trade reversals may still go along with one.
        ("REVERSAL_OPPORTUNITY", 1, "BTCUSDT", [CROSSING]),
        ("REVERSAL_OPPORTUNITY", -1, "BTCUSDT", []),
    ],
)
def test_signals_of_its_instrument_and_side_let_it_enter(
    tmp_path: Path, action: str, side: int, signals_of: str, expected: list[int]
):
    signals = every_bar(action, 3, 20, side)
    ledger, strategy = run(CLOSES, tmp_path, signals, signals_of=signals_of, order_id_tag="7")
    assert entered(ledger) == expected
    assert strategy.id.value == "LiquidationStrategy-7"


def reversal(at_ns: int, side: int, n: int = 1) -> list[tuple]:
    return [(at_ns + i * SECOND, "REVERSAL_OPPORTUNITY", side, math.nan) for i in range(n)]


REVERSED = {
    "trade_reversals": True,
    "reversal_stop_multiple": 40.0,
    "reversal_take_profit_multiple": 80.0,
    "reversal_hold_secs": 600.0,
}


@pytest.mark.parametrize("side", [1, -1])
def test_a_reversal_is_held_for_its_time_and_no_crossing_ends_it(tmp_path: Path, side: int):
    # On a close: filled there, and left at the close ten minutes later, though bar 9 crosses.
    at = CROSSING - 1
    ledger, _ = run(CLOSES, tmp_path, reversal(closed(at), side, 3), **REVERSED)
    taken = ledger.positions.iloc[0]
    assert taken[["side", "entry_reason", "exit_reason"]].tolist() == [side, "reversal", "close"]
    assert (taken["ts_opened"], taken["ts_closed"]) == (closed(at), closed(at + 2))
    assert taken["tag"] == str(closed(at))


@pytest.mark.parametrize(
    ("break_", "expected"), [("CLEAR", 2), ("WAIT", 2), ("REVERSAL_OPPORTUNITY", 1)]
)
def test_a_reversal_is_taken_once_until_another_signal_comes(
    tmp_path: Path, break_: str, expected: int
):
    closes = CLOSES[:9] + [CLOSES[8]] * 4
    # While it is held, until bar 7, nothing is added to it; later it may be taken again.
    for first, second, n in ((6, 6, 1), (8, 9, expected)):
        broken = (closed(first) - SECOND, break_, 1, math.nan)
        signals = [*reversal(closed(5), 1), broken, *reversal(closed(second), 1)]
        ledger, _ = run(closes, tmp_path, signals, **REVERSED)
        assert (ledger.positions["entry_reason"] == "reversal").sum() == n


def test_an_entry_on_its_way_is_not_sent_again(tmp_path: Path):
    # Inside a bar: it waits for the close, another reversal comes meanwhile.
    sent = closed(5) + MINUTE
    signals = [*reversal(sent, 1), (sent + SECOND, "CLEAR", 0, math.nan)]
    _, strategy = run(CLOSES[:9], tmp_path, [*signals, *reversal(sent + MINUTE, 1)], **REVERSED)
    entries = [order for order in strategy.cache.orders() if order.tags[0] == "reversal"]
    assert [order.ts_last for order in entries] == [closed(6)]


@pytest.mark.parametrize(("after_ns", "n"), [(0, 1), (1, 0)])
def test_no_reversal_is_taken_before_its_time(tmp_path: Path, after_ns: int, n: int):
    from_ns = closed(6) + after_ns
    ledger, _ = run(
        CLOSES[:12], tmp_path, reversal(closed(6), 1), **REVERSED, trade_from_ns=from_ns
    )
    assert (ledger.positions["entry_reason"] == "reversal").sum() == n
    # Nor before the averages are known: they take four bars.
    early, _ = run(CLOSES[:8], tmp_path, reversal(closed(2), 1), **REVERSED)
    assert early.positions.empty


def test_a_reversal_with_the_position_leaves_it_alone(tmp_path: Path):
    signals = [*every_bar("CLEAR", 3, 13), *reversal(closed(13), 1)]
    ledger, _ = run(CLOSES, tmp_path, signals, **REVERSED)
    assert ledger.positions["entry_reason"].tolist() == ["trend"]
    assert ledger.positions["ts_closed"].tolist() == [closed(len(CLOSES) - 1)]


def test_a_target_met_early_ends_a_reversals_time_limit(tmp_path: Path):
    # The reversal's target is met in bar 10 at the latest; the trend entry that follows is kept
    # beyond its hour.
    settings = {**REVERSED, "reversal_take_profit_multiple": 0.5, "reversal_hold_secs": 1_800.0}
    signals = [*reversal(closed(CROSSING - 1), 1), *every_bar("CLEAR", CROSSING, 20)]
    ledger, _ = run(CLOSES, tmp_path, signals, **settings)
    assert ledger.positions["entry_reason"].tolist() == ["reversal", "trend"]
    assert ledger.positions["exit_reason"].tolist() == ["take-profit", "close"]
    assert ledger.positions["ts_closed"].iloc[1] == closed(len(CLOSES) - 1)


def test_a_reversal_that_is_not_sent_sets_no_time_limit(tmp_path: Path):
    # Its stop would be nearer than a tick; the trend's position outlives its half an hour.
    settings = {**REVERSED, "reversal_stop_multiple": 1e-5, "reversal_hold_secs": 1_800.0}
    signals = [*reversal(closed(CROSSING - 1), 1), *every_bar("CLEAR", CROSSING, 20)]
    ledger, strategy = run(CLOSES, tmp_path, signals, **settings)
    assert strategy.n_refused == 1
    assert ledger.positions["entry_reason"].tolist() == ["trend"]
    assert ledger.positions["ts_closed"].tolist() == [closed(len(CLOSES) - 1)]


def test_a_reversal_risks_its_share_of_what_is_there_now(tmp_path: Path):
    # A long of the rule is 300 dollars a coin ahead when it is closed and turned round.
    at = CROSSING + 3
    signals = [*every_bar("CLEAR", 3, at), *reversal(closed(at), -1)]
    settings = {**REVERSED, "reversal_stop_multiple": 1.7, "reversal_take_profit_multiple": 2.9}
    _, strategy = run(CLOSES, tmp_path, signals, **settings, stop_multiple=0.9, max_leverage=9.0)
    sent = sorted(strategy.cache.orders(), key=lambda order: order.client_order_id)
    trend = sent[0]
    entry = next(order for order in sent if order.tags[0] == "reversal")
    stop, target = (
        next(order for order in sent if order.tags == [name] and order.ts_init == entry.ts_init)
        for name in ("stop", "take-profit")
    )
    first = trend.quantity.as_double()
    fees = 0.0005 * first * CLOSES[CROSSING]
    equity = E - fees + first * (CLOSES[at] - CLOSES[CROSSING])
    distance = 1.7 * width_at(CLOSES, at)
    assert entry.quantity.as_double() == pytest.approx(0.01 * equity / distance, abs=0.001)
    assert entry.is_sell
    price = CLOSES[at]
    assert stop.trigger_price.as_double() == pytest.approx(price + distance, abs=0.06)
    found = target.price.as_double()
    assert found == pytest.approx(price - 2.9 * width_at(CLOSES, at), abs=0.06)
