"""Bars of a simulated market: of its trades, of its mark price and of its index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.times import MINUTE_NS

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.market.book import StepArray
    from liq_nautilus.market.record import MarketRecord
    from liq_nautilus.market.trade_series import Trades

_PREMIUM_DECIMALS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """
    Bars without a gap, arrays of shape (n_bars,).

    Attributes
    ----------
    ts_open, ts_close : ndarray
        UTC nanoseconds; the close is the last millisecond of the bar.
    open, high, low, close : ndarray
        Quote per base unit.
    volume, taker_buy_volume : ndarray
        Base units; 0 for mark and index prices.
    quote_volume, taker_buy_quote_volume : ndarray
        Quote currency.
    count : ndarray
        Number of fills, or of observations.

    """

    ts_open: StepArray
    ts_close: StepArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    taker_buy_volume: FloatArray
    quote_volume: FloatArray
    taker_buy_quote_volume: FloatArray
    count: StepArray


def bars_of_trades(trades: Trades, start_ns: int, end_ns: int, minutes: int) -> Bars:
    """
    Return the bars that the trades make.

    Parameters
    ----------
    trades : Trades
        By time, at least one in every minute.
    start_ns, end_ns : int
        The run (UTC nanoseconds).
    minutes : int
        The length of a bar.

    Returns
    -------
    Bars
        One for every interval.

    """
    ts_open = np.arange(start_ns, end_ns, minutes * MINUTE_NS, dtype=np.int64)
    first = np.searchsorted(trades.ts, ts_open)
    last = np.append(first[1:], len(trades.ts)) - 1
    bought = np.where(trades.taker_side > 0, trades.quantity, 0.0)
    return Bars(
        ts_open=ts_open,
        ts_close=ts_open + minutes * MINUTE_NS - 1_000_000,
        open=trades.price[first],
        high=np.maximum.reduceat(trades.price, first),
        low=np.minimum.reduceat(trades.price, first),
        close=trades.price[last],
        volume=np.add.reduceat(trades.quantity, first),
        taker_buy_volume=np.add.reduceat(bought, first),
        quote_volume=np.add.reduceat(trades.quantity * trades.price, first),
        taker_buy_quote_volume=np.add.reduceat(bought * trades.price, first),
        count=np.add.reduceat(trades.n_fills, first),
    )


def price_bars(market: MarketRecord, prices: FloatArray, minutes: int) -> Bars:
    """
    Return the bars of a price known at the end of every step, without volume.

    Parameters
    ----------
    market : MarketRecord
        The run, for its times and decimals.
    prices : ndarray of shape (n_steps,)
        The price, or the premium of one price over another.
    minutes : int
        The length of a bar.

    Returns
    -------
    Bars
        Volumes are 0; `count` is the number of steps.

    """
    per_bar = minutes * 60 // market.world.step_seconds
    rounded = np.round(prices, _PREMIUM_DECIMALS).reshape(-1, per_bar)
    n = len(rounded)
    ts_open = market.start_ns + np.arange(n, dtype=np.int64) * minutes * MINUTE_NS
    nothing = np.zeros(n)
    return Bars(
        ts_open=ts_open,
        ts_close=ts_open + minutes * MINUTE_NS - 1_000_000,
        open=rounded[:, 0],
        high=rounded.max(axis=1),
        low=rounded.min(axis=1),
        close=rounded[:, -1],
        volume=nothing,
        taker_buy_volume=nothing,
        quote_volume=nothing,
        taker_buy_quote_volume=nothing,
        count=np.full(n, per_bar, dtype=np.int64),
    )
