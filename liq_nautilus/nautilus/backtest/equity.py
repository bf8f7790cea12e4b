"""The equity of a run along its bars, and what is reckoned from it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np
import pandas as pd

from liq_nautilus.core.exchange.forced_close import LINEAR

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from liq_nautilus.core.exchange.forced_close import Contract
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.nautilus.backtest.ledger import Ledger
    from liq_nautilus.nautilus.backtest.venue.path_record import PricePath

EQUITY_COLUMNS: Final = ("ts", "equity", "low", "high", "peak", "trough")


class _Account(NamedTuple):
    # What a symbol did to the balance: cash (without funding) and signed quantity after no fill,
    # the first, the second and so on; when funding came and what all of it sums to by then.
    cash: FloatArray
    held: FloatArray
    funding_ns: npt.NDArray[np.int64]
    received: FloatArray
    contract: Contract

    def at(
        self,
        n_fills: npt.NDArray[np.int64],
        ts: npt.NDArray[np.int64],
        price: FloatArray,
    ) -> FloatArray:
        # What the symbol adds to the balance at some moments and prices.
        funding = self.received[np.searchsorted(self.funding_ns, ts, side="right")]
        worth = _worth(self.held[n_fills], price, self.contract)
        total: FloatArray = self.cash[n_fills] + funding + np.nan_to_num(worth)
        return total


def equity_curve(ledger: Ledger, bars: Mapping[str, pd.DataFrame], start_ns: int) -> pd.DataFrame:
    """
    Return the equity at every bar's close, and how it went inside the bar.

    Parameters
    ----------
    ledger : Ledger
        The run's ledger.
    bars : mapping of str to DataFrame
        Per symbol the bars, with columns ts_close and close.
    start_ns : int
        The first row is the starting balance at this moment.

    Returns
    -------
    DataFrame
        Columns ts (int64 UTC nanoseconds), equity, low, high, peak and trough (the account's
        currency). What is open is valued at the last close. `low` and `high` are the worst and
        best equity on the way on which the venue took prices and orders through the bar, `peak`
        and `trough` a high and what came after it between which equity fell most. Several symbols
        reach them as if together: the fall is then the worst that may have been.

    """
    times = np.unique(np.concatenate([frame["ts_close"].to_numpy() for frame in bars.values()]))
    names = EQUITY_COLUMNS[1:]
    curves = np.full((len(names), times.size + 1), ledger.starting_balance)
    for symbol, frame in bars.items():
        curves[:, 1:] += _symbol_curves(ledger, symbol, frame, times)
    ts = np.concatenate([[start_ns], times]).astype(np.int64)
    return pd.DataFrame({"ts": ts, **dict(zip(names, curves, strict=True))})


def max_drawdown(curve: pd.DataFrame) -> float:
    """
    Return the largest fall from a high, as a positive fraction of that high.

    Parameters
    ----------
    curve : DataFrame
        Of `equity_curve`.

    Examples
    --------
    >>> values = [100.0, 120.0, 90.0, 110.0]
    >>> max_drawdown(pd.DataFrame(dict.fromkeys(("low", "high", "peak", "trough"), values)))
    0.25

    """
    low, high, peak, trough = (curve[name].to_numpy() for name in EQUITY_COLUMNS[2:])
    before = np.maximum.accumulate(np.concatenate([high[:1], high[:-1]]))
    fallen = np.maximum(1.0 - low / before, 1.0 - trough / np.maximum(before, peak))
    return float(np.maximum(fallen, 0.0).max())


def _symbol_curves(
    ledger: Ledger, symbol: str, frame: pd.DataFrame, times: npt.NDArray[np.int64]
) -> FloatArray:
    # What a symbol adds to the balance, in the order of `EQUITY_COLUMNS`.
    fills = ledger.fills[ledger.fills["symbol"] == symbol]
    account = _account(ledger, symbol, fills)
    # What was closed when the run stopped belongs to its last moment.
    moments = np.minimum(fills["ts"].to_numpy(), times[-1])
    done = np.searchsorted(moments, times, side="right")
    row = np.searchsorted(frame["ts_close"].to_numpy(), times, side="right") - 1
    close = np.where(row >= 0, frame["close"].to_numpy(dtype=float)[np.maximum(row, 0)], np.nan)
    equity = account.at(done, times, close)
    curves = np.tile(equity, (len(EQUITY_COLUMNS) - 1, 1))
    path = ledger.paths.get(symbol)
    if path is not None:
        _follow(curves, path, account.at(path.n_fills, path.ts, path.price), times)
    return curves


def _account(ledger: Ledger, symbol: str, fills: pd.DataFrame) -> _Account:
    contract = ledger.contracts.get(symbol, LINEAR)
    signed = (fills["side"] * fills["quantity"]).to_numpy(dtype=float)
    cash = -_worth(signed, fills["price"].to_numpy(dtype=float), contract)
    cash -= fills["fee"].to_numpy(dtype=float)
    funding = ledger.funding[ledger.funding["symbol"] == symbol]
    sums = (np.cumsum(values) for values in (cash, signed, funding["amount"].to_numpy(dtype=float)))
    after_cash, held, received = (np.concatenate([[0.0], values]) for values in sums)
    return _Account(after_cash, held, funding["ts"].to_numpy(), received, contract)


def _follow(
    curves: FloatArray, path: PricePath, equity: FloatArray, times: npt.NDArray[np.int64]
) -> None:
    # Take the way through each bar into its extremes; it ends at the bar's close.
    bar = np.searchsorted(times, path.ts)
    bar, equity = bar[bar < times.size], equity[bar < times.size]
    if not bar.size:
        return
    rows, starts = np.unique(bar, return_index=True)
    ends = np.append(starts[1:], bar.size)
    close = curves[0, rows]
    way = np.insert(equity, ends, close)
    starts = starts + np.arange(rows.size)
    highest = pd.Series(way).groupby(np.insert(bar, ends, rows)).cummax().to_numpy()
    fallen = highest - way
    deepest = np.maximum.reduceat(fallen, starts)
    # The first of the deepest falls of each bar.
    is_deepest = np.flatnonzero(fallen == np.repeat(deepest, np.diff(starts, append=way.size)))
    first = is_deepest[np.searchsorted(is_deepest, starts)]
    curves[1, rows] = np.minimum.reduceat(way, starts)
    curves[2, rows] = np.maximum.reduceat(way, starts)
    curves[3, rows], curves[4, rows] = highest[first], way[first]


def _worth(signed: FloatArray, price: FloatArray, contract: Contract) -> FloatArray:
    # What a signed quantity is worth: an inverse contract gains as its value in coins falls.
    if contract.is_inverse:
        return -signed * contract.multiplier / price
    worth: FloatArray = signed * contract.multiplier * price
    return worth
