"""An actor that publishes signals from a table: random ones, or those of a plain rule."""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from nautilus_trader.common.actor import Actor

from liq_nautilus.core.records import CLEAR
from liq_nautilus.core.records import REVERSAL_OPPORTUNITY
from liq_nautilus.nautilus.internals import instrument_topic
from liq_nautilus.nautilus.types import LiquidationSignal
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from nautilus_trader.common.component import TimeEvent

    from liq_nautilus.nautilus.config import LiquidationReplayConfig


class LiquidationReplay(Actor):
    """
    Publish the signals of a table, each at its time.

    Parameters
    ----------
    config : LiquidationReplayConfig
        The settings.

    """

    def __init__(self, config: LiquidationReplayConfig) -> None:
        super().__init__(config)
        self._settings = config
        self._rows = pd.read_parquet(config.table_path)
        self._next = 0

    def on_start(self) -> None:
        """Wait for the first signal."""
        self._topic = instrument_topic(LiquidationSignal, self._settings.instrument_id)
        self._wait()

    def _wait(self) -> None:
        if self._next < len(self._rows):
            ts = int(self._rows["ts"].iloc[self._next])
            self.clock.set_time_alert_ns("signal", ts, self._on_time)

    def _on_time(self, event: TimeEvent) -> None:
        row = self._rows.iloc[self._next]
        self._next += 1
        signal = LiquidationSignal(
            instrument_id=self._settings.instrument_id,
            action=row["action"],
            reason="Replayed",
            confidence=1.0,
            position_side=int(row["position_side"]),
            cluster_price=float(row["cluster_price"]),
            cluster_notional=float(row["cluster_notional"]),
            risk=math.nan,
            completeness=math.nan,
            ts_event=int(row["ts"]),
            ts_init=event.ts_event,
        )
        self.msgbus.publish(topic=self._topic, msg=signal)
        self._wait()


def shifted_signals(signals: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """
    Return signals turned round in time: the same duty cycle and spells, at random moments.

    Parameters
    ----------
    signals : DataFrame
        Columns ts (int64 UTC nanoseconds, rising), action, position_side, cluster_price,
        cluster_notional.
    fraction : float
        By which share of the rows, in [0, 1).

    Returns
    -------
    DataFrame
        The same columns. The times stay, the rest moves. AVOID speaks about the price of its own
        moment: its cluster price becomes NaN, which forbids entries at any price.

    """
    n = len(signals)
    rows = (np.arange(n) + round(fraction * n)) % max(n, 1)
    shifted = signals.iloc[rows].reset_index(drop=True)
    shifted["ts"] = signals["ts"].to_numpy()
    shifted["cluster_price"] = np.nan
    return shifted


def plain_drop_signals(
    times: np.ndarray, ts_close: np.ndarray, closes: np.ndarray, share: float
) -> pd.DataFrame:
    """
    Return the signals of the plain rule: buy after a large fall, sell after a large rise.

    A move over the last hour is large when it is among the largest `share` of those seen before.
    No open interest, no map: what is left of REVERSAL_OPPORTUNITY when the map adds nothing.

    Parameters
    ----------
    times : ndarray of shape (n,)
        When signals are due (int64 UTC nanoseconds, rising).
    ts_close, closes : ndarray of shape (n_bars,)
        The bars known: close times (int64 UTC nanoseconds) and prices.
    share : float
        In [0, 1]: the share of the time in which the signals to compare with say so.

    Returns
    -------
    DataFrame
        Columns ts, action, position_side, cluster_price, cluster_notional.

    """
    # At the moment itself a bar that closes then is not known yet to every listener.
    last = np.searchsorted(ts_close, times, side="left") - 1
    first = np.searchsorted(ts_close, times - HOUR_NS, side="left") - 1
    is_known = first >= 0
    move = np.zeros(times.size)
    move[is_known] = np.log(closes[last[is_known]] / closes[first[is_known]])
    is_large = _is_among_largest(np.abs(move), share) & is_known & (move != 0.0)
    return pd.DataFrame(
        {
            "ts": times,
            "action": np.where(is_large, REVERSAL_OPPORTUNITY, CLEAR),
            "position_side": np.where(is_large, -np.sign(move), 0).astype(np.int8),
            "cluster_price": np.nan,
            "cluster_notional": np.nan,
        }
    )


def _is_among_largest(values: np.ndarray, share: float, warm_up: int = 50) -> np.ndarray:
    # Compared with earlier values only, so that the rule knows no future.
    found = np.zeros(values.size, dtype=bool)
    if share <= 0.0:
        return found
    seen = sorted(values[:warm_up].tolist())
    for i, value in enumerate(values[warm_up:].tolist(), start=warm_up):
        found[i] = bisect.bisect_left(seen, value) >= (1.0 - share) * len(seen)
        bisect.insort(seen, value)
    return found
