"""The equity of a run along its bars, and what is reckoned from it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pandas as pd

from liq_nautilus.core.exchange.forced_close import LINEAR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from liq_nautilus.core.exchange.forced_close import Contract
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.nautilus.backtest.ledger import Ledger

EQUITY_COLUMNS: Final = ("ts", "equity", "low", "high")


def equity_curve(ledger: Ledger, bars: Mapping[str, pd.DataFrame], start_ns: int) -> pd.DataFrame:
    """
    Return the equity at every bar's close, and the worst and best inside the bar.

    Parameters
    ----------
    ledger : Ledger
        The run's ledger.
    bars : mapping of str to DataFrame
        Per symbol the bars, with columns ts_close, high, low and close.
    start_ns : int
        The first row is the starting balance at this moment.

    Returns
    -------
    DataFrame
        Columns ts (int64 UTC nanoseconds), equity, low and high (the account's currency). What is
        open is valued at the last close; `low` and `high` value what was held all through the bar
        at the extremes of each symbol's bar, as if they came together.

    """
    times = np.unique(np.concatenate([frame["ts_close"].to_numpy() for frame in bars.values()]))
    curves = np.full((3, times.size), ledger.starting_balance)
    for symbol, frame in bars.items():
        contract = ledger.contracts.get(symbol, LINEAR)
        curves += _symbol_curves(ledger, symbol, frame, times, contract)
    equity, low, high = np.column_stack([np.full(3, ledger.starting_balance), curves])
    return pd.DataFrame(
        {
            "ts": np.concatenate([[start_ns], times]).astype(np.int64),
            "equity": equity,
            "low": np.minimum(low, equity),
            "high": np.maximum(high, equity),
        }
    )


def max_drawdown(curve: pd.DataFrame) -> float:
    """
    Return the largest fall from a high, as a positive fraction of that high.

    Parameters
    ----------
    curve : DataFrame
        Of `equity_curve`. Inside a bar the low is taken to come before the high.

    Examples
    --------
    >>> values = [100.0, 120.0, 90.0, 110.0]
    >>> max_drawdown(pd.DataFrame({"equity": values, "low": values, "high": values}))
    0.25

    """
    high = curve["high"].to_numpy()
    before = np.maximum.accumulate(np.concatenate([high[:1], high[:-1]]))
    lowest = np.minimum(curve["low"].to_numpy(), curve["equity"].to_numpy())
    return float(np.maximum(1.0 - lowest / before, 0.0).max())


def _symbol_curves(
    ledger: Ledger, symbol: str, frame: pd.DataFrame, times: np.ndarray, contract: Contract
) -> FloatArray:
    # What a symbol adds to the balance: at the close, at worst and at best inside the bar.
    fills = ledger.fills[ledger.fills["symbol"] == symbol]
    signed = (fills["side"] * fills["quantity"]).to_numpy(dtype=float)
    cash = -_worth(signed, fills["price"].to_numpy(dtype=float), contract)
    cash -= fills["fee"].to_numpy(dtype=float)
    # What was closed when the run stopped belongs to its last moment.
    moments = np.minimum(fills["ts"].to_numpy(), times[-1])
    done = np.searchsorted(moments, times, side="right")
    held = np.concatenate([[0.0], np.cumsum(signed)])
    paid = np.concatenate([[0.0], np.cumsum(cash)])[done]
    funding = ledger.funding[ledger.funding["symbol"] == symbol]
    received = np.concatenate([[0.0], np.cumsum(funding["amount"].to_numpy(dtype=float))])
    paid = paid + received[np.searchsorted(funding["ts"].to_numpy(), times, side="right")]
    row = np.searchsorted(frame["ts_close"].to_numpy(), times, side="right") - 1
    prices = {
        name: np.where(row >= 0, frame[name].to_numpy(dtype=float)[np.maximum(row, 0)], np.nan)
        for name in ("close", "low", "high")
    }
    now = held[done]
    values = {name: np.nan_to_num(_worth(now, price, contract)) for name, price in prices.items()}
    # Only bars of which the position is the same from start to end.
    before = np.concatenate([[0], done[:-1]])
    is_own = (row >= 0) & (frame["ts_close"].to_numpy()[np.maximum(row, 0)] == times)
    is_whole = is_own & (before == done)
    ends = np.sort([values["low"], values["high"]], axis=0)
    worst, best = (np.where(is_whole, end, values["close"]) for end in ends)
    return np.array([paid + values["close"], paid + worst, paid + best])


def _worth(signed: FloatArray, price: FloatArray, contract: Contract) -> FloatArray:
    # What a signed quantity is worth: an inverse contract gains as its value in coins falls.
    if contract.is_inverse:
        return -signed * contract.multiplier / price
    worth: FloatArray = signed * contract.multiplier * price
    return worth
