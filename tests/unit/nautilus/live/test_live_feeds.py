from __future__ import annotations

import asyncio
import json
import math
from decimal import Decimal
from threading import Thread
from threading import get_ident
from types import SimpleNamespace

import pytest
from nautilus_trader.adapters.binance.common.types import BinanceBar
from nautilus_trader.common.component import MessageBus
from nautilus_trader.common.component import TestClock
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import BarType
from nautilus_trader.model.data import CustomData
from nautilus_trader.model.data import DataType
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.identifiers import TraderId
from nautilus_trader.model.objects import Price
from nautilus_trader.model.objects import Quantity
from support.trading_engine import START
from support.trading_engine import make_bar
from support.trading_market import BTC
from support.trading_market import bar_type_of

from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.live.feeds import polling
from liq_nautilus.nautilus.live.feeds.bar_guard import BarGuard
from liq_nautilus.nautilus.live.feeds.gate import SequenceGate
from liq_nautilus.nautilus.live.feeds.health import FeedHealth
from liq_nautilus.nautilus.live.feeds.health import HealthBoard
from liq_nautilus.nautilus.live.feeds.intake import Intake
from liq_nautilus.nautilus.live.feeds.moment import Moment
from liq_nautilus.nautilus.live.feeds.moment import on_loop
from liq_nautilus.nautilus.live.feeds.polling import Poller
from liq_nautilus.nautilus.live.feeds.requests import Backoff
from liq_nautilus.nautilus.live.feeds.requests import WeightBudget
from liq_nautilus.nautilus.live.feeds.status import FeedStatus
from liq_nautilus.nautilus.live.feeds.symbols import BINANCE
from liq_nautilus.nautilus.live.feeds.symbols import BYBIT
from liq_nautilus.nautilus.live.feeds.symbols import MARK_PRICES
from liq_nautilus.nautilus.live.feeds.symbols import OPEN_INTEREST
from liq_nautilus.nautilus.live.feeds.symbols import instrument_id_at
from liq_nautilus.nautilus.live.feeds.symbols import order_feed
from liq_nautilus.nautilus.live.live_config import LiquidationDataClientConfig
from liq_nautilus.nautilus.live.live_config import LiveLiquidationActorConfig
from liq_nautilus.nautilus.live.sources import binance
from liq_nautilus.nautilus.live.sources import bybit
from liq_nautilus.nautilus.live.sources.messages import ForcedOrder
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import SECOND_NS

MS = 1_000_000


# -- Health ----------------------------------------------------------------------------------------


def test_a_silent_feed_is_lost_and_its_gap_known():
    health = FeedHealth("open interest", "BTCUSDT", expected_secs=10.0)
    begun = health.hear(START)
    assert (begun.condition, begun.ts_from) == ("live", 0)
    assert health.hear(START + 10 * SECOND_NS) is None
    assert health.check(START + 40 * SECOND_NS) is None
    lost = health.check(START + 41 * SECOND_NS)
    assert (lost.condition, lost.ts_from) == ("lost", START + 10 * SECOND_NS)
    assert health.check(START + 50 * SECOND_NS) is None
    assert health.lose(START + 51 * SECOND_NS, "again") is None
    back = health.hear(START + 60 * SECOND_NS)
    assert (back.condition, back.ts_from) == ("live", START + 10 * SECOND_NS)
    (gap,) = health.gaps
    assert gap[:2] == (START + 10 * SECOND_NS, START + 60 * SECOND_NS)
    assert gap.reason == "nothing for 31 s"
    health.fill(3)
    assert health.gaps[-1].n_filled == health.n["filled"] == 3
    assert health.age_secs(START + 62 * SECOND_NS) == 2.0


def test_a_feed_without_rhythm_is_lost_with_its_connection_only():
    health = FeedHealth("forced orders", "BTCUSDT")
    assert health.age_secs(START) is None
    health.hear(START)
    assert health.check(START + 10_000 * SECOND_NS) is None
    assert health.lose(START, "connection lost").reason == "connection lost"


def test_the_board_describes_each_feed_in_a_line():
    board = HealthBoard()
    board.feed("open interest", "BTCUSDT", 10.0).n["passed"] += 2
    health = board.feed("forced orders", "ETHUSDT")
    health.hear(START)
    health.lose(START, "gone")
    health.hear(START + SECOND_NS)
    first, second = board.describe(START + 3 * SECOND_NS)
    assert first == "open interest BTCUSDT: waiting, never heard; 2 passed"
    assert second == (
        "forced orders ETHUSDT: live, heard 2 s ago; none; 1 gaps, "
        "the last 2026-01-01T00:00:00Z to 2026-01-01T00:00:01Z"
    )
    assert [board.note_error("malformed", "x"), board.note_error("malformed", "y")] == [1, 2]
    assert board.last_error == "y"


# -- Requests --------------------------------------------------------------------------------------


def test_weight_is_left_to_others_and_comes_back_with_the_minute():
    budget = WeightBudget(limit=100)
    start = START + 10 * SECOND_NS
    assert budget.delay_secs(80, start) == 0.0
    budget.spend(75, start)
    assert budget.delay_secs(5, start) == 0.0
    assert budget.delay_secs(6, start) == 50.0
    assert budget.delay_secs(6, START + MINUTE_NS) == 0.0
    assert budget.used == 0.0


def test_what_the_venue_has_counted_counts_if_it_is_more():
    budget = WeightBudget(limit=100)
    budget.spend(10, START)
    budget.note_header("4", START)
    budget.note_header("many", START)
    budget.note_header(None, START)
    assert budget.used == 10.0
    budget.note_header("79", START)
    assert budget.delay_secs(2, START) == 60.0


def test_a_refusal_closes_for_as_long_as_the_venue_says():
    budget = WeightBudget()
    budget.close(90.0, START)
    budget.close(30.0, START)
    assert budget.delay_secs(1, START + 60 * SECOND_NS) == 30.0


def test_delays_double_up_to_a_minute_and_begin_anew():
    backoff = Backoff()
    assert [backoff.next_secs() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.succeed()
    assert backoff.next_secs() == 1.0


# -- Bars ------------------------------------------------------------------------------------------


def test_a_bar_is_missing_after_its_grace_until_it_comes():
    bar_type = bar_type_of(1)
    guard = BarGuard([bar_type], grace_secs=3.0, ts_now=START + 20 * SECOND_NS)
    assert guard.missing(START + MINUTE_NS + 2 * SECOND_NS) == []
    (missing,) = guard.missing(START + MINUTE_NS + 3 * SECOND_NS)
    assert missing == (bar_type, START)
    guard.see(make_bar(bar_type, START, (1, 1, 1, 1)))
    assert guard.missing(START + MINUTE_NS + 3 * SECOND_NS) == []
    guard.see(make_bar(bar_type_of(5), START, (1, 1, 1, 1)))
    guard.see(make_bar(bar_type, START - MINUTE_NS, (1, 1, 1, 1)))
    (missing,) = guard.missing(START + 3 * MINUTE_NS + 3 * SECOND_NS)
    assert missing.start_ns == START + MINUTE_NS


# -- The gate --------------------------------------------------------------------------------------


def make_gate() -> tuple[SequenceGate, HealthBoard, list, MessageBus]:
    passed: list = []
    msgbus = MessageBus(TraderId("TESTER-001"), TestClock())
    msgbus.register("DataEngine.process", passed.append)
    board = HealthBoard()
    gate = SequenceGate(msgbus, passed.append, board, 10.0, {BTC}.__contains__)
    return gate, board, passed, msgbus


def trade(number: int, ts: int = START) -> TradeTick:
    price, size = Price.from_str("100.0"), Quantity.from_str("1.0")
    return TradeTick(BTC, price, size, AggressorSide.BUYER, TradeId(str(number)), ts, ts)


def mark(ts: int, ts_init: int | None = None) -> MarkPriceUpdate:
    return MarkPriceUpdate(BTC, Price.from_str("100.0"), ts, ts_init or ts)


def without_stamp(datum) -> tuple[type, dict]:
    values = type(datum).to_dict(datum)
    return type(datum), {name: x for name, x in values.items() if name != "ts_init"}


def test_each_datum_passes_once_and_in_order():
    _, board, passed, msgbus = make_gate()
    bar_type = bar_type_of(1)
    bars = [make_bar(bar_type, START + i * MINUTE_NS, (1, 1, 1, 1)) for i in (0, 1, 1, 0, 2)]
    other = make_bar(bar_type_of(5), START, (1, 1, 1, 1))
    data = [*bars, other, trade(7), trade(7), trade(6), trade(8), mark(START), mark(START)]
    for datum in data:
        msgbus.send("DataEngine.process", datum)
    expected = [bars[0], bars[1], bars[4], other, data[6], data[9], data[10]]
    assert [without_stamp(x) for x in passed] == [without_stamp(x) for x in expected]
    assert passed[:3] == expected[:3]
    assert board.n["repeated"] == 3
    assert board.n["late"] == 2


def custom(ts_init: int) -> CustomData:
    reading = OpenInterest(BTC, 5.0, 500.0, *(math.nan,) * 4, START, ts_init)
    return CustomData(DataType(OpenInterest), reading)


def test_the_order_in_which_data_passes_is_that_of_its_stamps():
    gate, _, passed, _ = make_gate()
    funding = FundingRateUpdate(BTC, Decimal("0.0001"), START + 1, START + 2)
    venue_bar = BinanceBar(
        bar_type_of(5),
        *(Price.from_str("7.5"),) * 4,
        *(Quantity.from_str("2.0"), Decimal("15.0"), 3, Decimal("1.0"), Decimal("7.5")),
        START,
        START + 1,
    )
    late = [
        make_bar(bar_type_of(1), START - MINUTE_NS, (1, 2, 1, 2)),
        trade(1, START),
        mark(START),
        funding,
        venue_bar,
        custom(START + 1),
    ]
    gate.take(custom(START + 100))
    for datum in late:
        gate.take(datum)
    gate.take(CustomData(DataType(Moment), Moment(BTC, START + 50)))
    gate.take(custom(START + 106))
    gate.take(custom(START + 300))
    inner = [x.data if isinstance(x, CustomData) else x for x in passed]
    stamps = [x.ts_init - START for x in inner]
    # A moment says what time it is, which is no order of its own.
    assert stamps == [100, 101, 102, 103, 104, 105, 106, 50, 107, 300]
    for datum, came in zip(late[:5], inner[1:6], strict=True):
        assert without_stamp(came) == without_stamp(datum)
    assert inner[6].open_interest == 5.0
    assert isinstance(inner[5], BinanceBar)
    assert inner[9].ts_init == START + 300


def test_a_moment_lets_nothing_after_it_be_stamped_before_it():
    gate, _, passed, _ = make_gate()
    gate.take(CustomData(DataType(Moment), Moment(BTC, START + 50)))
    gate.take(trade(1, START + 49))
    assert passed[1].ts_init == START + 51


def test_a_timer_of_another_thread_runs_its_handler_on_the_loop():
    seen: list[tuple[str, int]] = []

    async def main() -> None:
        call = on_loop(component, lambda event: seen.append((event, get_ident())))
        thread = Thread(target=call, args=("ring",))
        thread.start()
        thread.join()
        assert seen == []
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        # Calls that waited while the component was stopped do nothing.
        call("waiting")
        component.is_running = False
        await asyncio.sleep(0)
        later.append(call)

    later: list = []
    component = SimpleNamespace(is_running=True)
    asyncio.run(main())
    assert seen == [("ring", get_ident())]
    # A timer that rings after the end is no matter.
    later[0]("late")
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["BT\ufffdT-PERP", "SOLUSDT-PERP", "BTCUSDT"])
def test_what_is_of_no_instrument_of_the_node_stays_outside(name: str):
    gate, board, passed, _ = make_gate()
    other = InstrumentId.from_str(f"{name}.BINANCE")
    price, size = Price.from_str("100.0"), Quantity.from_str("1.0")
    numbers = (price, size, AggressorSide.BUYER, TradeId("7"), START, START)
    gate.take(TradeTick(other, *numbers))
    gate.take(MarkPriceUpdate(other, price, START, START))
    gate.take(FundingRateUpdate(other, Decimal("0.01"), START, START))
    gate.take(
        Bar(BarType.from_str(f"{other}-1-MINUTE-LAST-EXTERNAL"), *(price,) * 4, size, START, START)
    )
    assert passed == []
    assert board.n["of no instrument"] == 4
    # Its number is not remembered.
    gate.take(TradeTick(BTC, *numbers))
    assert len(passed) == 1


def test_what_is_stamped_in_the_future_leaves_no_trace():
    gate, board, passed, _ = make_gate()
    gate.take(mark(START + 11 * SECOND_NS, START))
    gate.take(mark(START + 5))
    assert len(passed) == 1
    assert board.n["future"] == 1


def test_other_data_passes_as_it_comes():
    gate, _, passed, _ = make_gate()
    price, size = Price.from_str("1.0"), Quantity.from_str("1.0")
    quote = QuoteTick(BTC, price, price, size, size, START, START)
    gate.take(quote)
    gate.take(quote)
    assert passed == [quote, quote]


# -- The intake ------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


PARSERS = {BINANCE: binance.parse_message, BYBIT: bybit.parse_message}


def make_intake() -> tuple[Intake, Clock, list, list[str]]:
    clock, published, lines = Clock(), [], []
    intake = Intake(
        lambda x: published.append(getattr(x, "data", x)), clock, lines.append, 10.0, PARSERS
    )
    return intake, clock, published, lines


def forced_order(ts_ms: int, symbol: str = "BTCUSDT") -> bytes:
    order = {"s": symbol, "S": "SELL", "p": "99.0", "ap": "99.5", "z": "2.0", "T": ts_ms}
    return json.dumps({"stream": "x", "data": {"e": "forceOrder", "o": order}}).encode()


def mark_price(ts_ms: int) -> bytes:
    body = {"e": "markPriceUpdate", "E": ts_ms, "s": "BTCUSDT", "p": "100.5", "i": "100"}
    return json.dumps({"stream": "x", "data": {**body, "r": "0.0001", "T": ts_ms}}).encode()


def test_a_forced_order_is_published_once_with_rising_stamps():
    intake, _, published, _ = make_intake()
    intake.expect(order_feed(BINANCE), BTC)
    for ts_ms in (START // MS, START // MS, START // MS + 1):
        intake.take_message(BINANCE, forced_order(ts_ms))
    orders = [x for x in published if isinstance(x, LiquidationOrder)]
    assert [(x.quantity, x.average_price) for x in orders] == [(2.0, 99.5)] * 2
    assert orders[0].ts_init < orders[1].ts_init
    health = intake.health.feed(order_feed(BINANCE), "BTCUSDT")
    assert (health.n["passed"], health.n["duplicate"]) == (2, 1)


def test_what_nobody_asked_for_is_only_counted():
    intake, _, published, _ = make_intake()
    intake.expect(order_feed(BINANCE), BTC)
    intake.take_message(BINANCE, forced_order(START // MS, "ETHUSDT"))
    assert published == []
    assert intake.health.n["unasked"] == 1


def test_unreadable_messages_are_told_once_and_counted():
    intake, _, published, lines = make_intake()
    for raw in (b"{", b"[]", b'{"e":"novelty"}', b'{"stream":"s","data":{"e":"novelty"}}'):
        intake.take_message(BINANCE, raw)
    assert published == []
    assert (intake.health.n["malformed"], intake.health.n["unknown"]) == (2, 2)
    assert len(lines) == 2


def test_mark_prices_are_published_where_wanted_and_known_anyway():
    intake, _, published, _ = make_intake()
    intake.expect(MARK_PRICES, BTC, 1.0)
    intake.take_message(BINANCE, mark_price(START // MS))
    assert not any(isinstance(x, MarkPriceUpdate) for x in published)
    assert intake.predicted["BTCUSDT"].predicted_rate == 0.0001
    intake.marked.add("BTCUSDT")
    intake.take_message(BINANCE, mark_price(START // MS + 1000))
    (update,) = [x for x in published if isinstance(x, MarkPriceUpdate)]
    assert update.value.as_double() == 100.5
    assert update.ts_event == START + SECOND_NS


def test_two_venues_may_say_the_same():
    intake, _, published, _ = make_intake()
    intake.expect(order_feed(BINANCE), BTC)
    intake.expect(order_feed(BYBIT), instrument_id_at(BYBIT, "BTCUSDT"))
    same = ForcedOrder("BTCUSDT", 1, 2.0, 99.0, 99.0, START)
    for venue in (BINANCE, BYBIT, BINANCE, BYBIT):
        intake.take(venue, same)
    orders = [x.instrument_id.venue.value for x in published if isinstance(x, LiquidationOrder)]
    assert orders == [BINANCE, BYBIT]
    for venue in (BINANCE, BYBIT):
        assert intake.health.feed(order_feed(venue), "BTCUSDT").n["duplicate"] == 1


def test_a_lost_connection_becomes_a_status_per_feed_and_a_gap():
    intake, clock, published, _ = make_intake()
    intake.expect(order_feed(BINANCE), BTC)
    intake.expect(MARK_PRICES, BTC, 1.0)
    intake.expect(OPEN_INTEREST, BTC, 10.0)
    intake.expect(order_feed(BYBIT), instrument_id_at(BYBIT, "BTCUSDT"))
    intake.on_connection(BINANCE, "connected", stands=True)
    intake.take_message(BINANCE, mark_price(START // MS))
    clock.now += 5 * SECOND_NS
    published.clear()
    intake.on_connection(BINANCE, "reset", stands=False)
    lost = [x for x in published if isinstance(x, FeedStatus)]
    assert {(x.feed, x.condition, x.reason) for x in lost} == {
        ("forced orders", "lost", "reset"),
        ("mark prices", "lost", "reset"),
    }
    clock.now += 5 * SECOND_NS
    published.clear()
    intake.on_connection(BINANCE, "connected", stands=True)
    (back,) = published
    assert (back.feed, back.condition) == ("forced orders", "live")
    assert (back.ts_from, back.ts_event) == (START, clock.now)
    intake.take_message(BINANCE, mark_price(clock.now // MS))
    assert intake.health.feed(MARK_PRICES, "BTCUSDT").n_gaps == 1


def test_silence_becomes_a_status():
    intake, clock, published, _ = make_intake()
    intake.expect(MARK_PRICES, BTC, 1.0)
    intake.take_message(BINANCE, mark_price(START // MS))
    clock.now += 4 * SECOND_NS
    intake.check()
    assert published[-1].condition == "lost"
    assert published[-1].reason == "nothing for 4 s"


def test_a_zero_keeps_a_feed_silent():
    intake, clock, published, _ = make_intake()
    intake.expect(OPEN_INTEREST, BTC, 10.0)
    raw = json.dumps({"openInterest": "0", "symbol": "BTCUSDT", "time": START // MS}).encode()
    from liq_nautilus.nautilus.live.sources.binance import parse_open_interest

    intake.take(BINANCE, parse_open_interest(raw))
    assert not any(isinstance(x, OpenInterest) for x in published)
    health = intake.health.feed(OPEN_INTEREST, "BTCUSDT")
    assert health.n["zero"] == 1
    assert health.condition == "waiting"
    assert clock.now == START


# -- Settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["open_interest_secs", "silence_secs", "bar_grace_secs"])
def test_times_of_the_client_must_be_above_zero(name):
    with pytest.raises(SettingError, match=f"{name} must be above 0, was 0"):
        LiquidationDataClientConfig(**{name: 0.0})
    with pytest.raises(SettingError, match="tolerance_secs must be at least 0"):
        LiquidationDataClientConfig(tolerance_secs=-1.0)


def test_the_actor_must_be_saved_now_and_then():
    with pytest.raises(SettingError, match="state_interval_secs must be above 0, was -1"):
        LiveLiquidationActorConfig(
            instrument_id=BTC, bar_type=bar_type_of(1), state_interval_secs=-1.0
        )


# -- Prompt ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [0.25, 0.9])
def test_symbols_that_begin_together_are_asked_for_apart(phase: float, monkeypatch):
    waits: list[float] = []

    async def sleep(secs: float) -> None:
        waits.append(secs)
        if len(waits) == 4:
            raise asyncio.CancelledError

    async def answer(symbol: str) -> str:
        return symbol

    monkeypatch.setattr(polling, "asyncio", SimpleNamespace(sleep=sleep))
    poller = Poller(SimpleNamespace(open_interest=answer), Clock(), lambda *_: None)
    taken: list[str] = []
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(poller.open_interest("SOLUSDT", 8.0, taken.append, phase))
    assert waits == [8.0 * phase, 8.0, 8.0, 8.0]
    assert taken == ["SOLUSDT"] * 4
