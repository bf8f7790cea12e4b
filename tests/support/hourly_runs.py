"""Short runs on hourly bars of one contract, and what comes between them."""

from __future__ import annotations

from typing import Any

from nautilus_trader.model.data import TradeTick
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import TradeId
from support.trading_engine import Play
from support.trading_engine import bar_time
from support.trading_engine import custom
from support.trading_engine import hourly_bars
from support.trading_engine import play

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


def mark_bar(
    open_ns: int, step: int, ohlc: tuple[float, float, float, float], interval: str
) -> Any:
    ts = open_ns + step - 1_000_000
    return custom(MarkPriceBar(instrument_id(BTC), *ohlc, interval, ts, ts))
