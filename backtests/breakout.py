"""
A second strategy, unrelated to the package's own, that consults the signals.

It buys new highs and sells new lows of two hours. Three lines make it listen: a `SignalConsumer`
in `on_start`, a question before each entry, and nothing else. That it listens is seen where a new
high or low comes under WAIT or AVOID: it stays out then, and enters at a later one or not at all.
Run `uv run liq-nautilus demo` once, which makes the catalog, then

    uv run python backtests/breakout.py
"""

from __future__ import annotations

import json
import sys
from collections import deque
from pathlib import Path
from typing import Any

import msgspec
from nautilus_trader.config import BacktestEngineConfig
from nautilus_trader.config import ImportableStrategyConfig
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy

from liq_nautilus.nautilus import SignalConsumer
from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions
from liq_nautilus.nautilus.backtest.paired import run_once
from liq_nautilus.nautilus.backtest.run_config import run_config
from liq_nautilus.nautilus.backtest.scope import resolve_scope

CONFIG = Path(__file__).with_suffix(".json")


class BreakoutConfig(StrategyConfig, frozen=True, kw_only=True):
    """
    The settings of a `Breakout`.

    Parameters
    ----------
    instrument_id : InstrumentId
        What is traded.
    bar_type : BarType
        The bars looked at.
    lookback : int
        The bars whose high and low must be passed.
    stop_fraction : float
        Distance of the stop from the entry, and a third of that of the take-profit.
    notional : float
        The size of a position (quote).
    use_signals : bool
        Whether the signals are asked.

    """

    instrument_id: InstrumentId
    bar_type: BarType
    lookback: int
    stop_fraction: float
    notional: float
    use_signals: bool = True


class Breakout(Strategy):  # type: ignore[misc] # Nautilus 1.x ships no types
    """
    Follow a new high or low, one position at a time.

    Parameters
    ----------
    config : BreakoutConfig
        The settings.

    """

    def __init__(self, config: BreakoutConfig) -> None:
        super().__init__(config)
        self.highs: deque[float] = deque(maxlen=config.lookback)
        self.lows: deque[float] = deque(maxlen=config.lookback)
        self.signals: SignalConsumer | None = None

    def on_start(self) -> None:
        """Subscribe to bars, and to the signals where they are wanted."""
        self.subscribe_bars(self.config.bar_type)
        if self.config.use_signals:
            self.signals = SignalConsumer(self, self.config.instrument_id, follows_map=False)

    def on_bar(self, bar: Bar) -> None:
        """Enter when the close passes what was seen before."""
        close = bar.close.as_double()
        if len(self.highs) == self.config.lookback and self.portfolio.is_flat(
            self.config.instrument_id
        ):
            if close > max(self.highs):
                self._enter(1, close)
            elif close < min(self.lows):
                self._enter(-1, close)
        self.highs.append(bar.high.as_double())
        self.lows.append(bar.low.as_double())

    def on_stop(self) -> None:
        """Leave nothing open."""
        self.cancel_all_orders(self.config.instrument_id)
        self.close_all_positions(self.config.instrument_id)

    def _enter(self, side: int, price: float) -> None:
        if self.signals is not None and not self.signals.may_enter(side, price):
            return
        instrument = self.cache.instrument(self.config.instrument_id)
        distance = side * self.config.stop_fraction * price
        self.submit_order_list(
            self.order_factory.bracket(
                instrument_id=instrument.id,
                order_side=OrderSide.BUY if side > 0 else OrderSide.SELL,
                quantity=instrument.make_qty(self.config.notional / price),
                sl_trigger_price=instrument.make_price(price - distance),
                tp_price=instrument.make_price(price + 3.0 * distance),
                tp_post_only=False,
            )
        )


def run(document: dict[str, Any], *, use_signals: bool) -> float:
    """Return the net P&L of one run (quote)."""
    options = BacktestOptions(
        catalog=Path(document["catalog"]),
        out=Path(document["out"]),
        symbols=(document["symbol"],),
        bar=document["bar"],
    )
    scope = resolve_scope(options)
    published = str(options.out / "published") if use_signals else None
    config = run_config(scope, use_signals=use_signals, store_path=published)
    engine = config.engine or BacktestEngineConfig()
    own = engine.strategies[0].config
    strategy = ImportableStrategyConfig(
        # Run as a script, this file is importable by its own name.
        strategy_path=f"{Path(__file__).stem}:Breakout",
        config_path=f"{Path(__file__).stem}:BreakoutConfig",
        config={
            "instrument_id": own["instrument_id"],
            "bar_type": own["bar_type"],
            "use_signals": use_signals,
            **{key: document[key] for key in ("lookback", "stop_fraction", "notional")},
        },
    )
    engine = msgspec.structs.replace(engine, strategies=[strategy])
    ledger = run_once(msgspec.structs.replace(config, engine=engine)).ledger
    print(f"signals {use_signals}: {ledger.n_positions} positions, P&L {ledger.pnl.total:,.2f}")
    return float(ledger.pnl.total)


def main(path: Path = CONFIG) -> None:
    """Run it deaf and listening."""
    document = json.loads(path.read_text(encoding="utf-8"))
    for use_signals in (False, True):
        run(document, use_signals=use_signals)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
