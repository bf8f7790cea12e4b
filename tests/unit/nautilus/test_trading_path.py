"""In which order a bar's price meets orders and liquidation prices."""

from __future__ import annotations

from typing import Any

import pytest
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import TradeId
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import SECOND
from support.trading_engine import START
from support.trading_engine import Play
from support.trading_engine import bar_time
from support.trading_engine import custom
from support.trading_engine import flat_bars
from support.trading_engine import funding
from support.trading_engine import hourly_bars
from support.trading_engine import make_bar
from support.trading_engine import play

from liq_nautilus.nautilus.backtest.venue.market_prices import MarketPrices
from liq_nautilus.nautilus.backtest.venue.market_prices import MarkPiece
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.types import MarkPriceBar

BTC, SOL = "BTCUSDT", "SOLUSDT"
E = 100_000.0
FLAT = (E, E, E, E)


def run(rows: list, acts: dict[int, list], **settings: Any) -> tuple[list, Any]:
    """Fills as (signed quantity, price, reason) of hourly bars; acts by number of the bar."""
    script = {bar_time(number): orders for number, orders in acts.items()}
    extra = settings.pop("extra", [])
    ledger, engine = play(Play([*hourly_bars(rows), *extra], acts=script, **settings))
    fills = [
        (fill.side * fill.quantity, fill.price, fill.reason) for fill in ledger.fills.itertuples()
    ]
    return fills, engine


def trade(ts: int, price: float) -> TradeTick:
    instrument = built_in_instrument(BTC)
    at, size = instrument.make_price(price), instrument.make_qty(10.0)
    return TradeTick(instrument.id, at, size, AggressorSide.BUYER, TradeId(str(ts)), ts, ts)


def mark(ts: int, price: float) -> MarkPriceUpdate:
    return MarkPriceUpdate(instrument_id(BTC), built_in_instrument(BTC).make_price(price), ts, ts)


def mark_bar(
    open_ns: int, step: int, ohlc: tuple[float, float, float, float], interval: str
) -> Any:
    ts = open_ns + step - 1_000_000
    return custom(MarkPriceBar(instrument_id(BTC), *ohlc, interval, ts, ts))


# At 125x a long from 100,000 is liquidated at 99,598.394.
@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (99_700.0, (99_700.0, "order")),
        (99_598.4, (99_598.4, "order")),
        (99_598.3, (99_598.4, "liquidation")),
        (97_000.0, (99_598.4, "liquidation")),
    ],
)
def test_a_stop_and_the_liquidation_price_are_met_in_the_order_of_the_path(
    stop: float, expected: tuple
):
    fills, engine = run(
        [FLAT, FLAT, (E, E, 96_000.0, 96_500.0), (96_500.0,) * 4],
        {0: [("market", BTC, 0.1), ("stop", BTC, -0.1, stop)]},
        leverage=125,
    )
    assert [fill[1:] for fill in fills[1:]] == [expected]
    assert engine.cache.orders_open() == []


@pytest.mark.parametrize(("side", "name"), [(1, "low"), (-1, "high")])
def test_a_target_and_the_liquidation_price_in_one_bar_are_taken_the_worse_way(
    side: int, name: str
):
    both = (E, 112_000.0, 88_000.0, E)
    acts = {0: [("market", BTC, 0.1 * side), ("limit", BTC, -0.1 * side, E + side * 5_000.0)]}
    fills, engine = run([FLAT, both, FLAT], acts)
    assert [fill[2] for fill in fills] == ["order", "liquidation"], name
    assert engine.cache.orders_open() == []


def test_of_a_stop_and_a_target_in_one_bar_the_stop_is_met():
    both = (E, 106_000.0, 94_000.0, E)
    for side in (1, -1):
        orders = [("market", BTC, 0.1 * side), ("stop", BTC, -0.1 * side, E - side * 4_000.0)]
        orders.append(("limit", BTC, -0.1 * side, E + side * 4_000.0))
        fills, _ = run([FLAT, both], {0: orders})
        assert fills[1][1] == E - side * 4_000.0


def test_what_a_limit_adds_on_the_way_down_is_liquidated_by_the_low_after_it():
    # 10x from 95,000: liquidated at 85,843.4, which the low passes and the close does not.
    fills, _ = run([FLAT, (E, E, 84_000.0, 99_000.0)], {0: [("limit", BTC, 0.1, 95_000.0)]})
    assert [fill[1:] for fill in fills] == [(95_000.0, "order"), (85_843.4, "liquidation")]
    spared, _ = run([FLAT, (E, E, 86_000.0, 99_000.0)], {0: [("limit", BTC, 0.1, 95_000.0)]})
    assert len(spared) == 1


def test_an_addition_on_the_better_side_goes_along_to_the_worse_one():
    # 0.1 from 100,000 and 0.9 from 105,000, 10x: liquidated at 94,427.7.
    acts = {0: [("market", BTC, 0.1)], 1: [("entry", BTC, 0.9, 105_000.0)]}
    fills, _ = run([FLAT, FLAT, (E, 106_000.0, 93_000.0, 105_000.0)], acts)
    assert [fill[2] for fill in fills] == ["order", "order", "liquidation"]
    assert fills[2][1] == pytest.approx(94_427.8, abs=0.11)


def test_a_position_entered_by_a_stop_is_followed_by_the_other_extreme():
    # Flat, a buy stop above: its fill is followed by the low, not by the rest of the rise.
    fills, _ = run([FLAT, (E, 103_000.0, 90_000.0, E)], {0: [("entry", BTC, 0.1, 101_000.0)]})
    assert [fill[1:] for fill in fills] == [(101_000.0, "order"), (91_265.1, "liquidation")]


def test_coarser_bars_of_the_same_time_and_bars_made_of_them_move_nothing():
    minute = "1-MINUTE-LAST-EXTERNAL"
    bars = []
    for i in range(130):
        low = 85_000.0 if i == 5 else E
        kind = type(hourly_bars([FLAT])[0].bar_type).from_str(f"{instrument_id(BTC)}-{minute}")
        bars.append(make_bar(kind, START + i * MINUTE, (E, E, low, E)))
    hours = hourly_bars([(E, E, 85_000.0, E), FLAT])
    ts = START + 31 * MINUTE - 1_000_000
    ledger, _ = play(Play([*bars, *hours], acts={ts: [("market", BTC, 0.1)]}))
    assert ledger.fills["reason"].tolist() == ["order"]


@pytest.mark.parametrize("interval", ["1h", "4h"])
def test_a_mark_bar_longer_than_the_bars_says_nothing_of_what_happened_inside(interval: str):
    step = HOUR if interval == "1h" else 4 * HOUR
    kind = type(hourly_bars([FLAT])[0].bar_type).from_str(
        f"{instrument_id(BTC)}-1-MINUTE-LAST-EXTERNAL"
    )
    n = step // MINUTE + 3
    bars = [make_bar(kind, START + i * MINUTE, FLAT) for i in range(n)]
    marks = mark_bar(START, step, (E, E, 85_000.0, E), interval)
    acts = {START + 10 * MINUTE - 1_000_000: [("market", BTC, 0.1)]}
    ledger, _ = play(Play([*bars, marks], acts=acts))
    assert ledger.fills["reason"].tolist() == ["order"]


def test_only_mark_prices_after_the_entry_count():
    # Between hourly bars trades and marks come by the minute; the low mark was before the entry.
    at = START + 30 * MINUTE + SECOND
    marks = [mark(START + i * MINUTE, 85_000.0 if i == 5 else E) for i in range(1, 60)]
    trades = [trade(START + i * MINUTE + SECOND, E) for i in range(1, 59)]
    data = [*hourly_bars([FLAT, FLAT]), *marks, *trades]
    before, _ = play(Play(data, acts={at: [("market", BTC, 0.1)]}))
    assert before.fills["reason"].tolist() == ["order"]
    later = [*data, mark(START + 40 * MINUTE + 2, 85_000.0)]
    after, _ = play(Play(later, acts={at: [("market", BTC, 0.1)]}))
    assert after.fills["reason"].tolist() == ["order", "liquidation"]


def test_where_trades_come_bars_do_not_go_the_way_again():
    # The stop was placed after the trade that would have met it; the bar's low is that trade.
    trades = [trade(START + HOUR + i * MINUTE, 98_000.0 if i == 5 else E) for i in range(1, 59)]
    rows = [FLAT, (E, E, 98_000.0, E), FLAT]
    at = START + HOUR + 10 * MINUTE
    orders = [("market", BTC, 0.1), ("stop", BTC, -0.1, 98_500.0)]
    fills, _ = run(rows, {}, extra=trades, venue={})
    assert fills == []
    ledger, _ = play(Play([*hourly_bars(rows), *trades], acts={at: orders}))
    assert ledger.fills["reason"].tolist() == ["order"]


def test_a_late_mark_bar_decides_for_its_own_bar():
    # The mark bar of a bar comes after it: a spike of last prices liquidates nobody.
    rows = [FLAT, FLAT, (E, E, 85_000.0, E), FLAT]
    calm = [mark_bar(START + i * HOUR, HOUR, (E, E, 95_000.0, E), "1h") for i in range(4)]
    fills, _ = run(rows, {0: [("market", BTC, 0.1)]}, extra=calm)
    assert [fill[2] for fill in fills] == ["order"]
    low = [mark_bar(START + i * HOUR, HOUR, (E, E, 85_000.0, E), "1h") for i in (1,)]
    fills, _ = run([FLAT] * 4, {0: [("market", BTC, 0.1)]}, extra=[calm[0], *low])
    assert [fill[1:] for fill in fills[1:]] == [(90_361.5, "liquidation")]


@pytest.mark.parametrize(
    ("side", "beyond", "within"), [(1, 88_000.0, 92_000.0), (-1, 112_000.0, 108_000.0)]
)
@pytest.mark.parametrize("hours", [1, 4])
def test_where_mark_bars_keep_coming_last_prices_liquidate_nobody(
    side: int, beyond: float, within: float, hours: int
):
    # The last price stays beyond for several bars, the mark price of each stays within.
    name, step = f"{hours}h", hours * HOUR
    kind = type(hourly_bars([FLAT])[0].bar_type).from_str(
        f"{instrument_id(BTC)}-{hours}-HOUR-LAST-EXTERNAL"
    )
    rows = [FLAT, (E, max(E, beyond), min(E, beyond), beyond), *[(beyond,) * 4] * 3]
    bars = [make_bar(kind, START + i * step, row) for i, row in enumerate(rows)]
    marks = [mark_bar(START + i * step, step, (within,) * 4, name) for i in range(1, 5)]
    marks.append(mark_bar(START, step, FLAT, name))
    acts = {bars[0].ts_init: [("market", BTC, 0.1 * side)]}
    ledger, _ = play(Play([*bars, *marks], acts=acts))
    assert ledger.fills["reason"].tolist() == ["order"]
    # Without them it is liquidated in the second bar.
    ledger, _ = play(Play(bars, acts=acts))
    assert ledger.fills["reason"].tolist() == ["order", "liquidation"]


@pytest.mark.parametrize("interval", ["5m", "1h"])
def test_before_the_end_of_a_longer_mark_bar_last_prices_decide(interval: str):
    step = {"5m": 5 * MINUTE, "1h": HOUR}[interval]
    kind = type(hourly_bars([FLAT])[0].bar_type).from_str(
        f"{instrument_id(BTC)}-1-MINUTE-LAST-EXTERNAL"
    )
    n = 2 * step // MINUTE
    acts = {START + step + MINUTE - 1_000_000: [("market", BTC, 0.1)]}

    def run_with(low: float, ends: tuple[float, float]) -> list:
        rows = [FLAT] * n
        rows[n - 3] = (E, E, low, E)
        bars = [make_bar(kind, START + i * MINUTE, row) for i, row in enumerate(rows)]
        marks = [
            mark_bar(START + i * step, step, (E, 120_000.0, 80_000.0, end), interval)
            for i, end in enumerate(ends)
        ]
        ledger, _ = play(Play([*bars, *marks], acts=acts))
        return [(fill.price, fill.reason) for fill in ledger.fills.itertuples()][1:]

    assert run_with(95_000.0, (E, E)) == []
    assert run_with(90_000.0, (E, E)) == [(90_361.5, "liquidation")]
    # The end of the mark bar that was open at the entry is after it, its low perhaps not.
    assert run_with(95_000.0, (E, 90_300.0)) == [(90_300.0, "liquidation")]
    # One that ended before the entry says nothing.
    assert run_with(95_000.0, (85_000.0, E)) == []


def test_a_mark_price_grows_old():
    prices = MarketPrices(built_in_instrument(BTC), 300 * SECOND)
    prices.set_last(E, START)
    prices.add_mark(MarkPiece(START, START, 1.0, 2.0, 0.5, 110_000.0), is_kept=False)
    assert prices.mark_at(START + 300 * SECOND) == 110_000.0
    assert prices.mark_at(START + 300 * SECOND + 1) == E
    assert prices.mark_path() is None


@pytest.mark.parametrize(("age_secs", "amount"), [(300, -110.0), (301, -100.0), (7_200, -100.0)])
def test_funding_is_not_paid_on_a_mark_price_of_long_ago(age_secs: int, amount: float):
    ts = START + 8 * HOUR
    data = [*flat_bars(E, 12), mark(ts - age_secs * SECOND, 110_000.0), funding(ts, "0.001")]
    ledger, _ = play(Play(data, {0: [(BTC, 1.0)]}))
    assert ledger.funding["amount"].tolist() == [amount]


def test_an_order_between_two_prices_pays_the_next_one():
    rows = [FLAT, (101_000.0, 105_000.0, 99_000.0, 103_000.0), (103_500.0,) * 4]
    opened = START + HOUR
    # At the very opening, as after open interest or funding on the hour: the bar's open.
    for ts in (opened, opened + 47_000_000, opened + SECOND - 1_000_000):
        ledger, _ = play(Play(hourly_bars(rows), acts={ts: [("market", BTC, 0.1)]}))
        assert ledger.fills["price"].tolist() == [101_000.0]
    # Inside the bar: the first price after it that is known, which is the bar's close.
    for minutes in (1, 31, 59):
        ts = opened + minutes * MINUTE
        ledger, _ = play(Play(hourly_bars(rows), acts={ts: [("market", BTC, -0.1)]}))
        assert ledger.fills["price"].tolist() == [103_000.0]
        assert ledger.fills["ts"].tolist() == [bar_time(1)]


def test_an_order_on_a_price_is_filled_at_it():
    rows = [FLAT, (101_000.0, 105_000.0, 99_000.0, 103_000.0)]
    ledger, _ = play(Play(hourly_bars(rows), acts={bar_time(0): [("market", BTC, 0.1)]}))
    assert ledger.fills["ts"].tolist() == [bar_time(0)]
    assert ledger.fills["price"].tolist() == [E]


def test_with_latency_no_order_is_filled_at_the_price_it_was_decided_on():
    from nautilus_trader.backtest.models import LatencyModel

    rows = [FLAT, (101_000.0, 105_000.0, 99_000.0, 103_000.0)]
    venue = {"latency_model": LatencyModel(50_000_000)}
    acts = {bar_time(0): [("market", BTC, 0.1)]}
    ledger, _ = play(Play(hourly_bars(rows), acts=acts, venue=venue))
    assert ledger.fills["price"].tolist() == [101_000.0]


def test_an_order_that_waits_for_a_trade_pays_it():
    data = [trade(START + i * MINUTE, E + i) for i in range(1, 5)]
    acts = {START + 2 * MINUTE + 30 * SECOND: [("market", BTC, 0.1)]}
    ledger, _ = play(Play(data, acts=acts))
    assert ledger.fills["price"].tolist() == [E + 3]


def test_what_is_cancelled_on_its_way_arrives_before_the_cancel():
    opened = START + HOUR
    acts = {opened: [("market", BTC, 0.1), ("limit", BTC, 0.1, 95_000.0)]}
    acts[opened + 10 * MINUTE] = [("cancel", BTC)]
    rows = [FLAT, (101_000.0, 105_000.0, 99_000.0, 103_000.0), (103_000.0,) * 4]
    ledger, engine = play(Play(hourly_bars(rows), acts=acts))
    assert ledger.fills["price"].tolist() == [101_000.0]
    assert engine.cache.orders_open() == []
    assert engine.cache.orders_inflight() == []


def test_each_instrument_waits_for_its_own_price():
    # The order in SOL is sent on a bar of BTC, a moment before SOL's own bar of that time comes.
    btc = hourly_bars([FLAT, FLAT, FLAT])
    sol = hourly_bars([(200.0,) * 4, (200.0, 210.0, 200.0, 205.0), (206.0,) * 4], SOL)
    ledger, _ = play(Play([*btc, *sol], {1: [(SOL, 1.0)]}, symbols=(BTC, SOL)))
    assert ledger.fills["price"].tolist() == [205.0]


def test_liquidation_and_refusals_can_be_switched_off():
    settings = SettlementConfig(liquidation=False, refuse_orders=False)
    rows = [FLAT, (E, E, 50_000.0, 60_000.0), (60_000.0,) * 4]
    acts = {0: [("market", BTC, 2.0)]}
    fills, engine = run(rows, acts, settlement=settings, balance=1_000.0)
    assert [fill[2] for fill in fills] == ["order"]
    assert len(engine.cache.positions_open()) == 1
