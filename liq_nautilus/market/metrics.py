"""Open interest and long/short ratios of a simulated market, on the venue's 5-minute grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.market.book import NEVER

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.market.bar_series import Bars
    from liq_nautilus.market.book import StepArray
    from liq_nautilus.market.record import MarketRecord

# Minutes from one snapshot of the open interest to the next.
STAMP_MINUTES = 5
# Binance's top traders are the fifth of users with the highest margin balance.
_TOP_SHARE = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Metrics:
    """
    What the venue's `metrics` files hold, arrays of shape (n_stamps,).

    Attributes
    ----------
    ts : ndarray
        The moment of the snapshot (UTC nanoseconds), every 5 minutes from the start.
    open_interest, open_interest_notional : ndarray
        Base units, and quote at the mark price.
    top_count_ratio, top_quantity_ratio : ndarray
        Number and quantity of longs over shorts among the fifth with the highest margin.
    count_ratio : ndarray
        Number of longs over shorts.
    taker_ratio : ndarray
        Taker buys over sells of the 5 minutes before; NaN at the first stamp.

    """

    ts: StepArray
    open_interest: FloatArray
    open_interest_notional: FloatArray
    top_count_ratio: FloatArray
    top_quantity_ratio: FloatArray
    count_ratio: FloatArray
    taker_ratio: FloatArray


def measure(market: MarketRecord, bars: Bars) -> Metrics:
    """
    Return the metrics of a run.

    Parameters
    ----------
    market : MarketRecord
        The run.
    bars : Bars
        The bars of its trades, one per snapshot, for what takers bought and sold.

    Returns
    -------
    Metrics
        One row for each 5 minutes.

    """
    every = 60 * STAMP_MINUTES // market.world.step_seconds
    n = market.n_steps // every
    index = np.flatnonzero(market.book.positions["opened"] != NEVER)
    known = market.book.positions[index]
    quantity = known["quantity"]
    margin = known["notional"] / known["leverage"][np.arange(len(known)), known["regime"]]
    is_top = (margin >= np.quantile(margin, 1.0 - _TOP_SHARE)).astype(np.float64)
    ones = np.ones(len(index))
    counts, tops, top_sums, sums = (
        _open_at_stamps(market, index, weight, every, n)
        for weight in (ones, is_top, is_top * quantity, quantity)
    )
    stamps = np.arange(n) * every
    mark = np.where(stamps > 0, market.trace.mark_price[stamps - 1], market.start_mark_price)
    open_interest = sums.max(axis=0)
    taker = bars.taker_buy_volume / np.maximum(bars.volume - bars.taker_buy_volume, 1e-9)
    return Metrics(
        ts=market.start_ns + stamps.astype(np.int64) * market.step_ns,
        open_interest=open_interest,
        open_interest_notional=open_interest * mark,
        top_count_ratio=tops[0] / tops[1],
        top_quantity_ratio=top_sums[0] / top_sums[1],
        count_ratio=counts[0] / counts[1],
        taker_ratio=np.concatenate([[np.nan], taker[:-1]]),
    )


# Sum of a weight over the positions open at each stamp, shape (2, n_stamps): longs, shorts.
def _open_at_stamps(
    market: MarketRecord, index: StepArray, weight: FloatArray, every: int, n: int
) -> FloatArray:
    known = market.book.positions[index]
    opened, closed = known["opened"], known["closed"]
    first = np.maximum(opened // every + 1, 0)
    until = np.where(closed == NEVER, n, np.maximum(closed // every + 1, 0))
    sums = []
    for side in range(2):
        mine = (index & 1) == side
        came = np.bincount(np.minimum(first[mine], n), weight[mine], minlength=n + 1)
        went = np.bincount(np.minimum(until[mine], n), weight[mine], minlength=n + 1)
        sums.append(np.cumsum(came - went)[:n])
    return np.stack(sums)
