"""Which rows of whole series the map does not believe, by the rules of `core.plausibility`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core.plausibility import HIGHEST_FUNDING_RATE
from liq_nautilus.core.plausibility import JUMP_FACTOR
from liq_nautilus.core.plausibility import LIQUIDATED_FACTOR
from liq_nautilus.core.plausibility import PRICE_FACTOR
from liq_nautilus.core.plausibility import Plausibility

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray


def unknown_snapshots(
    ts: npt.NDArray[np.int64],
    contracts: FloatArray,
    notional: FloatArray,
    bar_ends: npt.NDArray[np.int64],
    bars: FloatArray,
    *,
    contract_value: float | None = None,
) -> npt.NDArray[np.bool_]:
    """
    Return which snapshots of a series the map does not believe.

    Parameters
    ----------
    ts : ndarray of shape (n,)
        When each was taken (UTC ns, rising).
    contracts, notional : ndarray of shape (n,)
        Base quantity; quote. Snapshots that state nothing (NaN) are passed over.
    bar_ends : ndarray of shape (m,)
        When each bar closed (UTC ns, rising).
    bars : ndarray of shape (m, 6)
        Open, high, low, close, volume, and 1.0 for mark prices.
    contract_value : float, optional
        What a contract is worth (quote) where quantities are contracts.

    """
    judge = Plausibility()
    unknown = np.zeros(len(ts), dtype=np.bool_)
    price, traded, before = _known_after(judge, bars)
    n_bars = np.searchsorted(bar_ends, ts, side="right")
    worth = price[n_bars]
    if contract_value is not None:
        worth = np.full(len(ts), contract_value)
    if _are_ordinary(contracts, notional, worth):
        return unknown
    columns = (ts, contracts, notional, worth, traded[n_bars], before[n_bars])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for i, (moment, quantity, value, last, total, total_before) in enumerate(rows):
        if math.isfinite(quantity):
            judge.note_traded(total, total_before)
            unknown[i] = not judge.open_interest(quantity, value, moment, last)
    return unknown


def unknown_bars(bars: FloatArray) -> npt.NDArray[np.bool_]:
    """
    Return which bars of a series the map does not believe.

    Parameters
    ----------
    bars : ndarray of shape (n, 6)
        Open, high, low, close, volume, and 1.0 for mark prices.

    """
    if not len(bars):
        return np.zeros(0, dtype=np.bool_)
    return ~Plausibility().bars(bars)


def unknown_rates(rates: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which funding rates (fractions, shape (n,)) the map does not believe."""
    return np.asarray(~(np.abs(rates) <= HIGHEST_FUNDING_RATE))


def unknown_liquidations(notional: FloatArray, held: FloatArray) -> npt.NDArray[np.bool_]:
    """
    Return which liquidated notionals the map does not believe.

    Parameters
    ----------
    notional : ndarray of shape (n,)
        Quote.
    held : ndarray of shape (n,)
        The value of all open interest at that time (quote); NaN where it is not known.

    """
    return np.asarray(notional > LIQUIDATED_FACTOR * held)


def _are_ordinary(contracts: FloatArray, notional: FloatArray, worth: FloatArray) -> bool:
    # Whether each snapshot follows the one before it and is priced as it must: all are believed.
    stated = np.isfinite(contracts)
    quantity = contracts[stated]
    if not np.all(quantity > 0.0):
        return False
    with np.errstate(invalid="ignore"):
        ratio = notional[stated] / quantity / worth[stated]
    is_priced = np.isnan(ratio) | ((ratio >= 1.0 / PRICE_FACTOR) & (ratio <= PRICE_FACTOR))
    jumps = np.abs(np.diff(np.log(quantity)))
    return bool(is_priced.all() and np.all(jumps <= math.log(JUMP_FACTOR)))


def _known_after(
    judge: Plausibility, bars: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    # After no bar, the first, the second and so on: the last price that is believed, what was
    # traded in all, and what was before the newest bar.
    n = len(bars)
    if not n:
        return np.array([math.nan]), np.zeros(1), np.zeros(1)
    believed = judge.bars(bars)
    is_traded = believed & (bars[:, 5] == 0.0) & np.isfinite(bars[:, 4])
    traded = np.append(0.0, np.cumsum(np.where(is_traded, bars[:, 4], 0.0)))
    newest = np.maximum.accumulate(np.where(is_traded, np.arange(n), -1))
    nearest = np.maximum.accumulate(np.where(believed, np.arange(n), -1))
    price = np.where(nearest < 0, bars[0, 0], bars[nearest, 3])
    return (
        np.append(bars[0, 0], price),
        traded,
        np.append(0.0, np.where(newest < 0, 0.0, traded[newest])),
    )
