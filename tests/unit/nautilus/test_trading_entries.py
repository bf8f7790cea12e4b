"""When the trend-following strategy enters and leaves, and how large: to the bar and the step."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING
from typing import Any

import pandas as pd
import pytest
from nautilus_trader.indicators import AverageTrueRange
from nautilus_trader.indicators import MovingAverageType
from nautilus_trader.model.currencies import BTC as COIN
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money
from support.trading_engine import MINUTE
from support.trading_engine import SECOND
from support.trading_engine import START
from support.trading_engine import VENUE
from support.trading_engine import add_data
from support.trading_engine import make_bar
from support.trading_engine import make_engine
from support.trading_market import bar_type_of

from liq_nautilus.nautilus.backtest.ledger import read_ledger
from liq_nautilus.nautilus.backtest.ledger import record_fills
from liq_nautilus.nautilus.backtest.rival_signals import LiquidationReplay
from liq_nautilus.nautilus.config import LiquidationReplayConfig
from liq_nautilus.nautilus.config import LiquidationStrategyConfig
from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.consumer import SignalConsumer
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.strategy import LiquidationStrategy

if TYPE_CHECKING:
    from pathlib import Path

E = 100_000.0
STEP = 5 * MINUTE
# So wide that nothing but crossings, or time, ends a position.
WIDE = {"stop_multiple": 40.0, "take_profit_multiple": 80.0}
USUAL = {"fast_period": 2, "slow_period": 4, "range_period": 3, "patience": 3, **WIDE}
# Falling until bar 8; from bar 9 on it rises, and crosses there.
CLOSES = [E - 20.0 * i for i in range(9)] + [E + 100.0 * i for i in range(1, 12)]
CROSSING = 9
# And down again from bar 20 on, which the averages follow at once: it leaves at that bar's close,
# and turns round at the next one.
THERE_AND_BACK = CLOSES + [CLOSES[-1] - 400.0 * i for i in range(1, 8)]


def ohlc(first: float, last: float) -> tuple[float, float, float, float]:
    return first, max(first, last) * 1.0001, min(first, last) / 1.0001, last


def closed(number: int) -> int:
    return START + (number + 1) * STEP - 1_000_000


def run(
    closes: list[float],
    path: Path | None = None,
    signals: list[tuple] | None = None,
    symbol: str = "BTCUSDT",
    venue: dict[str, Any] | None = None,
    instrument: Any = None,
    signals_of: str = "BTCUSDT",
    **settings: Any,
) -> tuple[Any, LiquidationStrategy]:
    """Run on five-minute bars; signals as (ts, action, side, cluster price)."""
    kind = BarType.from_str(f"{instrument_id(symbol)}-5-MINUTE-LAST-EXTERNAL")
    bars = [
        make_bar(kind, START + i * STEP, ohlc(a, b), 1e6)
        for i, (a, b) in enumerate(zip([closes[0], *closes], closes, strict=False))
    ]
    given = {"use_signals": signals is not None, **USUAL, **settings}
    strategy = LiquidationStrategy(
        LiquidationStrategyConfig(instrument_id=kind.instrument_id, bar_type=kind, **given)
    )
    engine = make_engine((), SettlementConfig(), **(venue or {}))
    engine.add_instrument(instrument or built_in_instrument(symbol))
    add_data(engine, bars)
    if signals:
        columns = ["ts", "action", "position_side", "cluster_price"]
        table = pd.DataFrame(signals, columns=columns).assign(cluster_notional=1.0)
        table.to_parquet(path / "signals.parquet")
        engine.add_actor(
            LiquidationReplay(
                LiquidationReplayConfig(
                    instrument_id=instrument_id(signals_of),
                    table_path=str(path / "signals.parquet"),
                )
            )
        )
    engine.add_strategy(strategy)
    fills = record_fills(engine)
    engine.run()
    currency = engine.cache.account_for_venue(VENUE).base_currency
    return read_ledger(engine, fills, VENUE, currency), strategy


def every_bar(action: str, first: int, last: int, side: int = 0) -> list[tuple]:
    return [(closed(i) - MINUTE, action, side, math.nan) for i in range(first, last)]


def entered(ledger: Any) -> list[int]:
    """The bars at whose close something was entered."""
    return [(ts - closed(0)) // STEP for ts in ledger.positions["ts_opened"]]


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


@pytest.mark.parametrize("leverage", [0.5, 6.0])
def test_a_stop_is_placed_and_the_size_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leverage: float
):
    # Whoever knows the crowd puts it 50 dollars further away.
    asked = []

    def position_risk(_: SignalConsumer, side: int, *prices: float) -> SimpleNamespace:
        asked.append((side, *prices))
        return SimpleNamespace(stop_placement=prices[1] - 50.0)

    monkeypatch.setattr(SignalConsumer, "position_risk", position_risk)
    settings = {"place_stops": True, "stop_multiple": 2.0, "max_leverage": leverage}
    _, strategy = run(CLOSES, tmp_path, every_bar("CLEAR", 3, 20), **settings)
    price = CLOSES[CROSSING]
    distance = 2.0 * width_at(CLOSES, CROSSING)
    assert asked == [(1, price, pytest.approx(price - distance), max(leverage, 1.0))]
    entry, stop = sorted(strategy.cache.orders(), key=lambda order: order.client_order_id)[:2]
    assert stop.trigger_price.as_double() == pytest.approx(price - distance - 50.0, abs=0.06)
    size = min(0.01 * E / (distance + 50.0), leverage * E / price)
    assert entry.quantity.as_double() == pytest.approx(size, abs=0.001)


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


def width_at(closes: list[float], bar: int, fast: int = 2) -> float:
    kind = bar_type_of()
    indicator = AverageTrueRange(3, MovingAverageType.EXPONENTIAL)
    for a, b in list(zip([closes[0], *closes], closes, strict=False))[: bar + 1]:
        indicator.handle_bar(make_bar(kind, START, ohlc(a, b)))
    return indicator.value * math.sqrt(fast)


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


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("risk", [0.004, 0.02])
def test_contracts_of_dollars_are_sized_by_what_they_lose_in_coins(risk: float, side: int):
    venue = {"starting_balances": [Money(1, COIN)], "base_currency": COIN}
    settings = {"risk_fraction": risk, "max_leverage": 9.0, "stop_multiple": 2.0}
    closes = [E + side * (close - E) for close in CLOSES]
    _, strategy = run(closes, symbol="BTCUSD_PERP", venue=venue, **settings)
    entry = min(strategy.cache.orders(), key=lambda order: order.client_order_id)
    assert entry.is_buy == (side > 0)
    # Reckoned as if the price fell, by which coins lose most.
    price = closes[CROSSING]
    stop = price - 2.0 * width_at(closes, CROSSING)
    lost = 100.0 * (1.0 / stop - 1.0 / price)
    assert entry.quantity.as_double() == min(risk / lost, 9.0 * price / 100.0) // 1.0


@pytest.mark.parametrize(
    ("leverage", "quantity"),
    # At 100,100: a step of 0.001 is worth 100.1, and the venue wants 100 at least.
    [(0.001, 0.0), (0.001001, 0.001), (0.002001, 0.001), (0.002002, 0.002), (0.003003, 0.003)],
)
def test_sizes_are_rounded_down_to_the_step_and_not_below_the_least(
    leverage: float, quantity: float
):
    ledger, strategy = run(CLOSES, max_leverage=leverage)
    assert ledger.positions["quantity"].tolist() == [quantity][: quantity > 0.0]
    assert strategy.n_refused == (quantity == 0.0)


@pytest.mark.parametrize(
    ("limits", "n"),
    [
        ({"min_notional": "100.09 USDT"}, 1),
        ({"min_notional": "100.10 USDT"}, 1),
        ({"min_notional": "100.11 USDT"}, 0),
        ({"min_quantity": None}, 1),
        ({"min_quantity": "0.002"}, 0),
    ],
)
def test_an_order_is_as_large_as_the_venue_wants_at_least(limits: dict, n: int):
    given = built_in_instrument("BTCUSDT").to_dict(built_in_instrument("BTCUSDT"))
    instrument = CryptoPerpetual.from_dict({**given, **limits})
    ledger, strategy = run(CLOSES, instrument=instrument, max_leverage=0.001002)
    assert ledger.positions["quantity"].tolist() == [0.001] * n
    assert strategy.n_refused == 1 - n


@pytest.mark.parametrize(
    ("settings", "sides"),
    [
        # The short's target or the long's stop below nothing, a stop nearer than a tick.
        ({"take_profit_multiple": 1e6}, [1]),
        ({"stop_multiple": 1_000.0, "risk_fraction": 0.9}, [-1]),
        ({"stop_multiple": 1e-5}, []),
    ],
)
def test_orders_that_no_price_could_meet_are_not_sent(settings: dict, sides: list[int]):
    ledger, strategy = run(THERE_AND_BACK, **settings)
    assert ledger.positions["side"].tolist() == sides
    assert strategy.n_refused == 2 - len(sides)


def test_after_a_refusal_by_the_venue_the_next_crossing_is_tried():
    # 50 times the account at the venue's 10x.
    settings = {"max_leverage": 50.0, "risk_fraction": 1.0, "stop_multiple": 1.0}
    ledger, strategy = run(THERE_AND_BACK, **settings)
    entries = [order for order in strategy.cache.orders() if order.tags[0] == "trend"]
    assert [order.status for order in entries] == [OrderStatus.REJECTED] * 2
    assert ledger.fills.empty
    assert strategy.n_refused == 0
