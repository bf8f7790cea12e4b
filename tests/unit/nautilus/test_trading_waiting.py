"""Orders on their way to the venue: what waits for a price, what follows it, what is not ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AccountType
from nautilus_trader.model.enums import OmsType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Money
from support.hourly_runs import BTC
from support.hourly_runs import FLAT
from support.hourly_runs import E
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
from support.trading_engine import hourly_bars
from support.trading_engine import make_bar
from support.trading_engine import make_engine
from support.trading_engine import play

from liq_nautilus.nautilus.config import SettlementConfig
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instrument_id
from liq_nautilus.nautilus.types import MarkPriceBar

# Each bar opens and closes at prices of its own.
ROWS = [FLAT, *[(E + i, E + i + 0.5, E + i - 0.5, E + i + 0.3) for i in (100.0, 200.0, 300.0)]]


@pytest.mark.parametrize(
    ("latency", "sent", "expected"),
    [
        # Within a second of the next bar's open it pays that, later its close.
        (1, [bar_time(0)], [(E + 100.0, 1)]),
        (SECOND + 1_000_000, [bar_time(0)], [(E + 100.0, 1)]),
        (SECOND + 1_000_001, [bar_time(0)], [(E + 100.3, 1)]),
        (HOUR, [bar_time(0)], [(E + 100.3, 1)]),
        (HOUR + 1, [bar_time(0)], [(E + 200.0, 2)]),
        # Two that are on their way at once, each with its own time.
        (40 * MINUTE, [START + 70 * MINUTE, START + 90 * MINUTE], [(E + 100.3, 1), (E + 200.3, 2)]),
    ],
)
def test_an_order_pays_the_first_price_after_its_way(latency: int, sent: list, expected: list):
    acts = {ts: [("market", BTC, 0.1)] for ts in sent}
    venue = {"latency_model": LatencyModel(latency)}
    ledger, _ = play(Play(hourly_bars(ROWS), acts=acts, venue=venue))
    found = zip(ledger.fills["price"], ledger.fills["ts"], strict=True)
    assert list(found) == [(price, bar_time(number)) for price, number in expected]


class Changing(Script):
    """Take back, or change, the one order that is on its way."""

    def _act(self, event: Any) -> None:
        how = self.acts[int(event.name.removeprefix("act-"))]
        orders = self.cache.orders_inflight()
        if how == "one":
            self.cancel_order(orders[0])
        elif how == "batch":
            self.cancel_orders(orders)
        elif how == "change":
            price = built_in_instrument(BTC).make_price(E - 50.0)
            self.modify_order(orders[0], price=price)
        else:
            super()._act(event)


@pytest.mark.parametrize(
    ("how", "price"), [("one", 0.0), ("batch", 0.0), ("change", E - 50.0), (None, E - 100.0)]
)
def test_what_is_sent_about_a_waiting_order_follows_it(how: str | None, price: float):
    rows = [FLAT, FLAT, (E, E, E - 200.0, E)]
    strategy = Changing(ScriptConfig())
    strategy.acts = {START + HOUR + MINUTE: [("limit", BTC, 0.1, E - 100.0)]}
    if how:
        strategy.acts[START + HOUR + 2 * MINUTE] = how
    engine = make_engine((BTC,), SettlementConfig())
    add_data(engine, hourly_bars(rows))
    engine.add_strategy(strategy)
    engine.run()
    (order,) = engine.cache.orders()
    assert order.status == (OrderStatus.FILLED if price else OrderStatus.CANCELED)
    assert (order.avg_px or 0.0) == price
    assert order.ts_last == (bar_time(2) if price else bar_time(1))


class Ending(Script):
    """Close what is open when the run ends."""

    def on_stop(self) -> None:
        self.close_all_positions(instrument_id(BTC))


def test_what_is_closed_at_the_end_of_a_run_pays_the_last_price():
    # Until then an order between two prices waits; after the end there is no next one, which what
    # was sent before goes on waiting for.
    strategy = Ending(ScriptConfig())
    strategy.acts = {
        bar_time(0): [("market", BTC, 0.1)],
        bar_time(4): [("market", BTC, 0.2)],
    }
    engine = make_engine((BTC,), SettlementConfig())
    update = custom(MarkPriceBar(instrument_id(BTC), *FLAT, "1h", bar_time(5), bar_time(5)))
    add_data(engine, [*hourly_bars(ROWS), update])
    engine.add_strategy(strategy)
    engine.run()
    assert engine.cache.positions_open() == []
    sent = sorted(engine.cache.orders(), key=lambda order: order.client_order_id)
    assert [order.avg_px for order in sent] == [E, 0.0, E + 300.3]
    assert sent[1].status == OrderStatus.SUBMITTED
    assert sent[2].ts_last == bar_time(5)


class Elsewhere(Script):
    """Trade an instrument of another venue as well."""

    other: Any = None

    def _act(self, event: Any) -> None:
        super()._act(event)
        size = self.other.make_qty(0.01)
        self.submit_order(self.order_factory.market(self.other.id, OrderSide.BUY, size))


def test_another_venue_is_left_alone():
    # There an order is filled at once at the last price, whatever its margin; no position there is
    # liquidated by mark prices, and none here by those of another venue.
    given = built_in_instrument(BTC).to_dict(built_in_instrument(BTC))
    other = CryptoPerpetual.from_dict({**given, "id": "BTCUSDT-PERP.OTHER"})
    engine = make_engine((BTC,), SettlementConfig())
    engine.add_venue(
        Venue("OTHER"),
        OmsType.NETTING,
        AccountType.MARGIN,
        starting_balances=[Money(10_000, USDT)],
        base_currency=USDT,
        default_leverage=Decimal(100),
    )
    engine.add_instrument(other)
    kind = BarType.from_str(f"{other.id}-1-HOUR-LAST-EXTERNAL")
    bars = []
    for number, row in enumerate(ROWS):
        bar = make_bar(hourly_bars([FLAT])[0].bar_type, START + number * HOUR, row)
        bars.append(
            type(bar)(
                kind,
                *[getattr(bar, n) for n in ("open", "high", "low", "close")],
                bar.volume,
                bar.ts_event,
                bar.ts_init,
            )
        )
    ts = bar_time(2)
    marks = custom(MarkPriceBar(other.id, 1.0, 1.0, 1.0, 1.0, "1h", ts, ts))
    add_data(engine, [*hourly_bars(ROWS), *bars, marks])
    strategy = Elsewhere(ScriptConfig())
    strategy.other = other
    strategy.acts = {START + HOUR + MINUTE: [("market", BTC, 0.1)]}
    engine.add_strategy(strategy)
    engine.run()
    there, here = sorted(engine.cache.orders(), key=lambda order: order.ts_last)
    assert (there.instrument_id, there.avg_px, there.ts_last) == (
        other.id,
        E,
        START + HOUR + MINUTE,
    )
    assert (here.avg_px, here.ts_last) == (E + 100.3, bar_time(1))
    assert len(engine.cache.positions_open()) == 2
