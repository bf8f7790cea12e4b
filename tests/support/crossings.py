"""A price that falls, rises and falls again, and the trend-following strategy run on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import pandas as pd
from nautilus_trader.indicators import AverageTrueRange
from nautilus_trader.indicators import MovingAverageType
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from support.trading_engine import MINUTE
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
    currency = engine.cache.account_for_venue(VENUE).base_currency or USDT
    return read_ledger(engine, fills, VENUE, currency), strategy


def every_bar(action: str, first: int, last: int, side: int = 0) -> list[tuple]:
    return [(closed(i) - MINUTE, action, side, math.nan) for i in range(first, last)]


def entered(ledger: Any) -> list[int]:
    """The bars at whose close something was entered."""
    return [(ts - closed(0)) // STEP for ts in ledger.positions["ts_opened"]]


def width_at(closes: list[float], bar: int, fast: int = 2) -> float:
    kind = bar_type_of()
    indicator = AverageTrueRange(3, MovingAverageType.EXPONENTIAL)
    for a, b in list(zip([closes[0], *closes], closes, strict=False))[: bar + 1]:
        indicator.handle_bar(make_bar(kind, START, ohlc(a, b)))
    return indicator.value * math.sqrt(fast)
