"""What a run's equity and trades say: ratios, exposure, worst hour, trades."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np

from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    import pandas as pd

    from liq_nautilus.core.records import FloatArray

# Markets that never close.
DAYS_PER_YEAR: Final = 365
# Of the days of a run: fewer give no ratio.
_FEWEST_DAYS: Final = 7
_TAIL: Final = 0.05


def run_statistics(
    curve: pd.DataFrame, positions: pd.DataFrame, max_drawdown: float
) -> dict[str, float | None]:
    """
    Return the figures of a run.

    Parameters
    ----------
    curve : DataFrame
        Columns ts (UTC nanoseconds, rising) and equity.
    positions : DataFrame
        Columns ts_opened, ts_closed and pnl (net) of each position from flat to flat.
    max_drawdown : float
        A positive fraction.

    Returns
    -------
    dict
        sharpe, sortino and calmar of daily returns (no risk-free rate), annualised with 365 days,
        None for runs of less than a week; exposure: the share of time with an open position;
        hit_rate: the share of closed positions that gained; average_trade: their mean P&L;
        worst_hour: the worst P&L of an hour; expected_shortfall: the mean return of the worst 5 %
        of days, a positive fraction.

    Notes
    -----
    Sharpe and Sortino are those of NautilusTrader's analyzer with a period of 365 days: mean over
    standard deviation (of one less than the number of days), and over the root of the mean square
    of negative returns, times the root of 365. Calmar is the compound annual growth over the
    largest drawdown.
    """
    returns = daily_returns(curve)
    closed = positions[positions["ts_closed"] > 0]
    gains = closed["pnl"].to_numpy(dtype=float)
    return {
        **_ratios(returns, max_drawdown),
        "exposure": _exposure(curve, positions),
        "hit_rate": float((gains > 0.0).mean()) if gains.size else None,
        "average_trade": float(gains.mean()) if gains.size else None,
        "worst_hour": _worst_hour(curve),
        "expected_shortfall": _expected_shortfall(returns),
    }


def daily_returns(curve: pd.DataFrame) -> FloatArray:
    """Return the returns of equity per UTC day, shape (n_days,)."""
    last = _last_of(curve, DAY_NS)
    equity = np.concatenate([curve["equity"].to_numpy(dtype=float)[:1], last])
    with np.errstate(divide="ignore", invalid="ignore"):
        returns: FloatArray = np.diff(equity) / equity[:-1]
    return returns[np.isfinite(returns)]


def _ratios(returns: FloatArray, max_drawdown: float) -> dict[str, float | None]:
    names: dict[str, float | None] = {"sharpe": None, "sortino": None, "calmar": None}
    if returns.size < _FEWEST_DAYS:
        return names
    mean, root = float(returns.mean()), math.sqrt(DAYS_PER_YEAR)
    deviation = float(returns.std(ddof=1))
    if deviation > 0.0:
        names["sharpe"] = mean / deviation * root
    downside = math.sqrt(float((np.minimum(returns, 0.0) ** 2).mean()))
    if downside > 0.0:
        names["sortino"] = mean / downside * root
    if max_drawdown > 0.0:
        growth = float(np.prod(1.0 + returns)) ** (DAYS_PER_YEAR / returns.size) - 1.0
        names["calmar"] = growth / max_drawdown
    return names


def _exposure(curve: pd.DataFrame, positions: pd.DataFrame) -> float:
    start, end = int(curve["ts"].iloc[0]), int(curve["ts"].iloc[-1])
    covered, until = 0, start
    for row in positions.sort_values("ts_opened").itertuples():
        closed: Any = row.ts_closed
        first, last = max(int(row.ts_opened), until), min(int(closed) or end, end)
        if last > first:
            covered, until = covered + last - first, last
    return covered / (end - start) if end > start else 0.0


def _worst_hour(curve: pd.DataFrame) -> float | None:
    last = _last_of(curve, HOUR_NS)
    equity = np.concatenate([curve["equity"].to_numpy(dtype=float)[:1], last])
    changes = np.diff(equity)
    return float(changes.min()) if changes.size else None


def _expected_shortfall(returns: FloatArray) -> float | None:
    if returns.size < _FEWEST_DAYS:
        return None
    worst = np.sort(returns)[: max(math.ceil(_TAIL * returns.size), 1)]
    return float(max(-worst.mean(), 0.0))


def _last_of(curve: pd.DataFrame, length_ns: int) -> FloatArray:
    # The last equity of each stretch of time in which there is one; the start is none of them.
    rows = curve.iloc[1:]
    stretch = rows["ts"].to_numpy() // length_ns
    if not stretch.size:
        return np.zeros(0)
    last: FloatArray = rows["equity"].to_numpy(dtype=float)[
        np.flatnonzero(np.diff(stretch, append=stretch[-1] + 1))
    ]
    return last
