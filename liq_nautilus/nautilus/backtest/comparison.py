"""What signals changed: two runs on identical data, side by side."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pandas as pd

from liq_nautilus.core.records import ACTIONS
from liq_nautilus.core.records import AVOID
from liq_nautilus.core.records import REVERSAL_OPPORTUNITY
from liq_nautilus.core.records import WAIT
from liq_nautilus.core.science.event_study import day_block_interval
from liq_nautilus.core.science.event_study import event_effect
from liq_nautilus.core.science.event_study import forward_returns
from liq_nautilus.core.science.event_study import matched
from liq_nautilus.core.science.event_study import onsets
from liq_nautilus.core.science.event_study import trailing_move
from liq_nautilus.core.science.event_study import trailing_volatility
from liq_nautilus.nautilus.strategy import REVERSAL
from liq_nautilus.nautilus.strategy import TREND
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray

HORIZONS_NS: Final = {"1h": HOUR_NS, "4h": 4 * HOUR_NS, "24h": DAY_NS}
_N_MATCHES: Final = 20


def duty(signals: pd.DataFrame, start_ns: int, end_ns: int) -> dict[str, float]:
    """
    Return the share of the window in which each action held.

    Parameters
    ----------
    signals : DataFrame
        Columns ts (UTC nanoseconds, rising) and action. An action holds until the next signal;
        before the first one it is WAIT.
    start_ns, end_ns : int
        The window (UTC nanoseconds).

    Returns
    -------
    dict of str to float
        All four actions; they sum to 1.

    """
    inside = signals[(signals["ts"] >= start_ns) & (signals["ts"] < end_ns)]
    edges = np.concatenate([[start_ns], inside["ts"].to_numpy(), [end_ns]]).astype(np.int64)
    lasted = np.diff(edges)
    held = np.concatenate([[WAIT], inside["action"].to_numpy(dtype=object)])
    # Counted in whole nanoseconds, so that the fractions sum to 1.
    total = end_ns - start_ns
    return {action: int(lasted[held == action].sum()) / total for action in ACTIONS}


def daily_difference(baseline: pd.DataFrame, signals: pd.DataFrame) -> pd.DataFrame:
    """
    Return by how much one run's equity gained on the other's, per UTC day.

    Parameters
    ----------
    baseline, signals : DataFrame
        Columns ts and equity, at the same times.

    Returns
    -------
    DataFrame
        Columns ts (the day's start) and difference (quote).

    """
    gap = signals["equity"].to_numpy() - baseline["equity"].to_numpy()
    day = baseline["ts"].to_numpy() // DAY_NS
    last = np.flatnonzero(np.diff(day, append=day[-1] + 1))
    return pd.DataFrame(
        {"ts": day[last] * DAY_NS, "difference": np.diff(gap[last], prepend=gap[0])}
    )


def pnl_difference(daily: pd.DataFrame) -> dict[str, Any]:
    """Return the summed difference of P&L and its 95 % day-block bootstrap interval."""
    times, values = daily["ts"].to_numpy(), daily["difference"].to_numpy()
    return {
        "pnl": float(values.sum()),
        "interval": list(day_block_interval(times, values)),
        "days": len(daily),
    }


def trade_changes(baseline: pd.DataFrame, signals: pd.DataFrame) -> dict[str, Any]:
    """
    Return which trades there are because of signals.

    Parameters
    ----------
    baseline, signals : DataFrame
        Positions of the two runs. A trend position is the same trade in both runs when symbol and
        crossing are the same.

    Returns
    -------
    dict
        `avoided`: the baseline's trades that signals kept out, `delayed`: those that came later,
        `taken`: reversal trades; each with count and P&L (quote; of `delayed` the difference).

    """
    of_baseline = _trend_trades(baseline)
    of_signals = _trend_trades(signals)
    both = of_baseline.join(of_signals.add_suffix("_signals"), how="inner")
    later = both[both["ts_opened_signals"] > both["ts_opened"]]
    avoided = of_baseline.loc[of_baseline.index.difference(of_signals.index)]
    taken = signals[signals["entry_reason"] == REVERSAL]
    return {
        "avoided": {"trades": len(avoided), "pnl": float(avoided["pnl"].sum())},
        "delayed": {
            "trades": len(later),
            "pnl": float((later["pnl_signals"] - later["pnl"]).sum()),
        },
        "taken": {"trades": len(taken), "pnl": float(taken["pnl"].sum())},
    }


def study_events(signals: pd.DataFrame, ts_close: np.ndarray, closes: FloatArray) -> pd.DataFrame:
    """
    Return what prices did after signals, against matched random times.

    Parameters
    ----------
    signals : DataFrame
        Columns ts, action, position_side.
    ts_close, closes : ndarray of shape (n_bars,)
        The bars of the window: close times (UTC nanoseconds) and prices.

    Returns
    -------
    DataFrame
        Per action and horizon: n_events, mean, matched_mean, difference, low, high. Events are the
        starts of spells. Returns are log returns: after REVERSAL_OPPORTUNITY in the direction of
        the trade it argues for, after AVOID their size, after the others as they are.

    Notes
    -----
    Matched times are drawn among all signals: for REVERSAL_OPPORTUNITY those after a move of like
    size over the hour before, in the direction against that move, since a cascade comes after a
    move and times before it would have the move in their future; for the others those of like
    volatility over the day before.

    """
    times = signals["ts"].to_numpy()
    sides = signals["position_side"].to_numpy(dtype=float)
    volatility = trailing_volatility(times, ts_close, closes)
    move = trailing_move(times, ts_close, closes)
    after = {
        name: forward_returns(times, ts_close, closes, horizon_ns)
        for name, horizon_ns in HORIZONS_NS.items()
    }
    rows = []
    for action in ACTIONS:
        starts = onsets(signals["action"].to_numpy(dtype=object) == action)
        feature = np.abs(move) if action == REVERSAL_OPPORTUNITY else volatility
        drawn = np.zeros((0, _N_MATCHES), dtype=np.intp)
        if starts.size:
            drawn = matched(feature[starts], feature, _N_MATCHES, seed=1)
        for name, returns in after.items():
            own, others = returns[starts], returns[drawn]
            if action == AVOID:
                own, others = np.abs(own), np.abs(others)
            elif action == REVERSAL_OPPORTUNITY:
                own, others = own * sides[starts], others * -np.sign(move[drawn])
            effect = event_effect(times[starts], own, others)
            rows.append({"action": action, "horizon": name, **asdict(effect)})
    return pd.DataFrame(rows)


def _trend_trades(positions: pd.DataFrame) -> pd.DataFrame:
    trades = positions[positions["entry_reason"] == TREND]
    return trades.set_index(["symbol", "tag"])[["ts_opened", "pnl"]]
