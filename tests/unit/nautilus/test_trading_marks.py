"""Which mark prices decide over a position, and when last prices do."""

from __future__ import annotations

import dataclasses

import pytest
from nautilus_trader.model.data import MarkPriceUpdate
from support.hourly_runs import BTC
from support.hourly_runs import FLAT
from support.hourly_runs import E
from support.hourly_runs import mark_bar
from support.hourly_runs import run
from support.hourly_runs import trade
from support.trading_engine import HOUR
from support.trading_engine import MINUTE
from support.trading_engine import SECOND
from support.trading_engine import START
from support.trading_engine import Play
from support.trading_engine import Script
from support.trading_engine import ScriptConfig
from support.trading_engine import add_data
from support.trading_engine import bar_time
from support.trading_engine import custom
from support.trading_engine import flat_bars
from support.trading_engine import funding
from support.trading_engine import hourly_bars
from support.trading_engine import make_bar
from support.trading_engine import make_engine
from support.trading_engine import play

from liq_nautilus.nautilus.backtest.venue.market_prices import MarketPrices
from liq_nautilus.nautilus.backtest.venue.market_prices import MarkPiece
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instrument_id


def mark(ts: int, price: float) -> MarkPriceUpdate:
    return MarkPriceUpdate(instrument_id(BTC), built_in_instrument(BTC).make_price(price), ts, ts)


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
    # Nor where an order is met on the way, or waits for the open.
    more = {bars[1].ts_init: [("entry", BTC, 0.001 * side, beyond + side)], **acts}
    more[bars[1].ts_init + SECOND] = [("market", BTC, 0.001 * side)]
    ledger, _ = play(Play([*bars, *marks], acts=more))
    assert ledger.fills["reason"].tolist() == ["order", "order"]
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


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("distance", "reason"), [(4_500.0, "order"), (5_200.0, "liquidation")])
def test_mark_prices_go_along_with_last_prices_in_proportion(
    side: int, distance: float, reason: str
):
    # The mark price goes twice as far: it reaches the trigger, some 9,600 away, at half of that.
    last = (E, *sorted((E, E - side * 10_000.0), reverse=True), E - side * 10_000.0)
    marks = (E, *sorted((E, E - side * 20_000.0), reverse=True), E - side * 20_000.0)
    first = [mark_bar(START, HOUR, FLAT, "1h"), mark_bar(START + HOUR, HOUR, marks, "1h")]
    orders = [("market", BTC, 0.1 * side), ("stop", BTC, -0.1 * side, E - side * distance)]
    data = [*first, *hourly_bars([FLAT, last])]
    ledger, _ = play(Play(data, acts={bar_time(0): orders}))
    assert ledger.fills["reason"].tolist() == ["order", reason]
    if reason == "liquidation":
        trigger = 90_361.5 if side > 0 else 109_561.7
        assert ledger.fills["price"].iloc[1] == pytest.approx(trigger, abs=0.11)
        ends = ledger.paths[BTC].price
        assert ends[ledger.paths[BTC].n_fills == 1][-1] == pytest.approx(
            E + (trigger - E) / 2.0, abs=0.11
        )


@pytest.mark.parametrize("side", [1, -1])
def test_a_last_price_beyond_the_mark_price_is_what_a_position_is_closed_at(side: int):
    # The last price goes twice as far: where the mark price reaches the trigger nothing is left.
    last = (E, *sorted((E, E - side * 20_000.0), reverse=True), E - side * 20_000.0)
    marks = (E, *sorted((E, E - side * 10_000.0), reverse=True), E - side * 10_000.0)
    first = [mark_bar(START, HOUR, FLAT, "1h"), mark_bar(START + HOUR, HOUR, marks, "1h")]
    data = [*first, *hourly_bars([FLAT, last])]
    ledger, _ = play(Play(data, acts={bar_time(0): [("market", BTC, 0.1 * side)]}))
    assert ledger.fills["tag"].iloc[1] == "takeover"
    assert ledger.fills["price"].iloc[1] == E - side * 10_000.0
    assert float(ledger.pnl.insurance) > 0.0


def ended(data: list, at: int, side: int) -> list[tuple]:
    """What became of a position of 10x entered at a moment, besides its entry."""
    ledger, _ = play(Play(data, acts={at: [("market", BTC, 0.1 * side)]}))
    assert ledger.fills["reason"].iloc[0] == "order"
    return [(fill.ts - START, fill.price, fill.reason) for fill in ledger.fills.itertuples()][1:]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("with_bars", [True, False])
def test_where_no_mark_price_is_known_each_trade_decides(side: int, with_bars: bool):
    # A jump beyond the bankruptcy price, 10 % away: the insurance fund takes the position over.
    beyond = E - side * 15_000.0
    prices = [beyond if i in (5, 40) else E for i in range(60)]
    bars = hourly_bars([FLAT, FLAT]) if with_bars else []
    data = [*(trade(START + i * MINUTE, price) for i, price in enumerate(prices)), *bars]
    taken = [(40 * MINUTE, E - side * 10_000.0, "liquidation")]
    assert ended(data, START + 10 * MINUTE, side) == taken
    # A mark price not too old decides instead, in both directions.
    fresh, old, far = (
        mark(START + 39 * MINUTE, E),
        mark(START + 34 * MINUTE, E),
        mark(START + 20 * MINUTE, beyond),
    )
    assert ended([*data, fresh], START + 10 * MINUTE, side) == []
    assert ended([*data, old], START + 10 * MINUTE, side) == taken
    assert ended([*data, far], START + 10 * MINUTE, side) == [(20 * MINUTE, *taken[0][1:])]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("seconds", [1, 30, 90])
def test_a_mark_price_between_a_bar_and_the_first_trade_after_it_counts(side: int, seconds: int):
    # Reached for a moment only: a second before, and after, it was far away.
    trades = [trade(START + i * MINUTE, E) for i in (*range(1, 60), *range(61, 120))]
    steps = [mark(START + HOUR + i * SECOND, E) for i in range(-300, 300) if i != seconds]
    data = [*hourly_bars([FLAT, FLAT]), *trades, *steps]
    assert ended(data, START + 10 * MINUTE, side) == []
    reached = mark(START + HOUR + seconds * SECOND, E - side * 9_800.0)
    ((_, price, reason),) = ended([*data, reached], START + 10 * MINUTE, side)
    assert (price, reason) == (E - side * 9_800.0, "liquidation")


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("after_ns", "end", "is_liquidated"),
    [
        # Of a mark bar from the entry on the extreme counts, of one that was open then the end,
        # of one that was over nothing.
        (0, 0.0, True),
        (1, 0.0, False),
        (1, 9_800.0, True),
        (MINUTE - 1_000_000, 9_800.0, True),
        (MINUTE - 999_999, 9_800.0, False),
    ],
)
def test_of_mark_bars_between_trades_what_follows_the_entry_counts(
    side: int, after_ns: int, end: float, is_liquidated: bool
):
    opened = START + 5 * MINUTE
    at = E - side * end
    extremes = sorted((at, E + side * 2_000.0, E - side * 9_800.0))
    bar = mark_bar(opened, MINUTE, (E, extremes[-1], extremes[0], at), "1m")
    trades = [trade(START + i * MINUTE, E) for i in range(5)]
    trades += [trade(opened + after_ns, E), trade(opened + MINUTE - 999_999, E)]
    # Sent a moment before, so that it waits for the trade.
    found = ended([*trades, bar], opened + after_ns - 1, side)
    if is_liquidated:
        ((_, price, reason),) = found
        assert reason == "liquidation"
        # Walked to the trigger, 90,361.5 or 109,561.7; or found beyond it.
        assert abs(price - E) == pytest.approx(end or 9_600.0, abs=50.0)
    else:
        assert found == []


@pytest.mark.parametrize("side", [1, -1])
def test_of_a_mark_bar_longer_than_the_bars_the_end_counts_wherever_it_began(side: int):
    kind = type(hourly_bars([FLAT])[0].bar_type).from_str(
        f"{instrument_id(BTC)}-1-MINUTE-LAST-EXTERNAL"
    )
    bars = [make_bar(kind, START + i * MINUTE, FLAT) for i in range(20)]
    beyond, near = E - side * 9_800.0, E - side * 9_000.0
    for end, expected in ((near, []), (beyond, [(10 * MINUTE - 1_000_000, beyond, "liquidation")])):
        row = (beyond, *sorted((beyond, E), reverse=True), end)
        marks = [
            mark_bar(START, 5 * MINUTE, FLAT, "5m"),
            mark_bar(START + 5 * MINUTE, 5 * MINUTE, row, "5m"),
        ]
        assert ended([*bars, *marks], START + 3 * MINUTE - 1_000_000, side) == expected


def test_a_mark_bar_decides_over_every_position_by_itself():
    # The first was entered after the bar was over, the others long before; all are 10x.
    bar = mark_bar(START, 5 * MINUTE, (E, E, 85_000.0, 85_000.0), "5m")
    late = custom(dataclasses.replace(bar.data, ts_init=START + 20 * MINUTE))
    engine = make_engine((BTC,), SettlementConfig())
    add_data(engine, [*(trade(START + i * MINUTE, E) for i in range(30)), late])
    for number, minute in enumerate((15, 12, 0, 0)):
        strategy = Script(ScriptConfig(strategy_id=f"S-{number}", order_id_tag=str(number)))
        strategy.acts = {START + minute * MINUTE: [("market", BTC, 0.1)]}
        engine.add_strategy(strategy)
    engine.run()
    assert {str(p.strategy_id) for p in engine.cache.positions_open()} == {"S-0-0", "S-1-1"}
    assert len(engine.cache.positions_closed()) == 2
