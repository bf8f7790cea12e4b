"""What kernels are handed: arrays and numbers that belong together, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from liq_nautilus.core.records import FloatArray

    type IndexArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    type RowArray = np.recarray[tuple[int, int], np.dtype[Any]]
    # One element of it.
    type Row = Any
    # The open positions of one model: their mass and what else is known of each row. The mass, of
    # shape (2, n_tiers, n_buckets), is base quantity before the row's scale by liquidation price:
    # bucket ``j`` holds those in ``[(origin + j) * width, (origin + j + 1) * width)`` of
    # ``log(price)`` less the row's offset. A pair, which numba tells apart quicker than a record.
    type Positions = tuple[FloatArray, RowArray]
    # Where trading was since the last open interest: how much, in any unit, in each bucket of entry
    # prices (shape (n_buckets,)), and the first and the one-past-last bucket that is not 0.
    type Traded = tuple[FloatArray, IndexArray]
    type TruthArray = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

# One row of open positions: those of one side and leverage tier. Quantities are base currency.
ROW = np.dtype(
    [
        # The first and the one-past-last bucket that may be occupied.
        ("first", np.int64),
        ("last", np.int64),
        # What the row's masses are multiplied by: closing a fraction of all is one multiplication.
        ("scale", np.float64),
        # What the row holds.
        ("held", np.float64),
        # What settled funding has moved the row, in buckets.
        ("offset", np.float64),
        # From an entry price's bucket to its liquidation price's without funding, in buckets.
        ("log_ratio", np.float64),
        # What the last sweep removed.
        ("swept", np.float64),
        # What was opened, closed, swept and let go (out of the window, or dust) since the start.
        ("opened", np.float64),
        ("closed", np.float64),
        ("consumed", np.float64),
        ("expired", np.float64),
    ]
)


class Entries(NamedTuple):
    """
    Where positions are opened.

    Attributes
    ----------
    first : int
        The window bucket of the first weight.
    weights : ndarray of shape (n_entries,)
        The share of each bucket, summing to 1.

    """

    first: int
    weights: FloatArray


class Closing(NamedTuple):
    """
    How positions are closed at will.

    Attributes
    ----------
    position : float
        The current price, in buckets from the window's origin: longs whose liquidation price is
        beyond that of an entry there, and shorts before it, are at a loss.
    loser_ratio : float
        Closing rate of positions at a loss relative to those in profit.
    dust : float
        Buckets below this base quantity are emptied when their row is put right.

    """

    position: float
    loser_ratio: float
    dust: float


class Books(NamedTuple):
    """
    The open positions of several models that saw the same prices, and so have the same window.

    Attributes
    ----------
    positions : tuple of Positions
        Of each model: first those that trade, last those that paths do not sweep.
    n_swept : int
        So many models, from the first, are swept by the path.
    hidden : int
        The model of which levels beyond the price are hidden; -1: none.
    shares : tuple of ndarray of shape (2, n_tiers)
        What is liquidated of each tier of each model where a path crosses it.
    leverages : tuple of ndarray of shape (n_tiers,)
        The tiers of each model.
    multiples : tuple of ndarray of shape (n_tiers,)
        The turnover of each tier relative to 25x, of the models that trade.
    traded : tuple of Traded
        Where trading was, of the models that trade.

    """

    positions: tuple[Positions, ...]
    n_swept: int
    hidden: int
    shares: tuple[FloatArray, ...]
    leverages: tuple[FloatArray, ...]
    multiples: tuple[FloatArray, ...]
    traded: tuple[Traded, ...]


class Spread(NamedTuple):
    """
    What is expected to be opened and liquidated besides what the map holds, and an even spread.

    Attributes
    ----------
    distances : ndarray of shape (2, n_tiers)
        Between entry and liquidation (log price, > 0), longs then shorts.
    rates : ndarray of shape (2, n_tiers)
        Notional per length of path swept (quote).
    even : ndarray of shape (2,)
        Notional per log price of the even spread (quote).
    deviation : float
        The standard deviation of the log price over the horizon (> 0).

    """

    distances: FloatArray
    rates: FloatArray
    even: FloatArray
    deviation: float


class Window(NamedTuple):
    """
    Where the buckets lie, and the current price in them.

    Attributes
    ----------
    width : float
        Log width of a bucket.
    origin : int
        The first bucket, counted from a log price of 0.
    position : float
        The current price, in buckets from the origin.

    """

    width: float
    origin: int
    position: float


class Bars(NamedTuple):
    """
    Bars in the order in which they came.

    Attributes
    ----------
    values : ndarray of shape (n_bars, 6)
        Open, high, low, close (quote per base unit), volume (base quantity; NaN: unknown), and 1
        where they are prices of the mark, which liquidate where they come, else 0.
    times : ndarray of shape (n_bars, 2)
        When each opens and closes (UTC ns).

    """

    values: FloatArray
    times: IndexArray


class Bar(NamedTuple):
    """One of `Bars`: prices (quote), volume (base; NaN: unknown), times (UTC ns)."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    is_mark: bool
    ts_open: int
    ts_close: int


class Progress(NamedTuple):
    """
    How far bars were taken in.

    Attributes
    ----------
    n_bars : int
        So many of them were.
    n_spells : int
        So many spells of five minutes they closed in.
    ts : int
        The newest time (UTC ns).
    marks_until : int
        Until then marks take precedence over last prices (UTC ns).
    position : float
        The current price, in buckets from the window's origin.
    price : float
        The current price (quote per base unit).

    """

    n_bars: int
    n_spells: int
    ts: int
    marks_until: int
    position: float
    price: float


class Trading(NamedTuple):
    """
    What moves positions besides the path.

    Attributes
    ----------
    open_interest : float
        Base quantity; 0 before any came, and then nothing turns over.
    volume_turnover : float
        The share of volume that turns over.
    hourly_turnover : float
        The share of open interest that turns over per hour where no volume is known.
    loser_ratio : float
        Closing rate of positions at a loss relative to those in profit.
    half_life_ns : float
        After this time an observation of volatility or turnover weighs half.

    """

    open_interest: float
    volume_turnover: float
    hourly_turnover: float
    loser_ratio: float
    half_life_ns: float


class Trailing(NamedTuple):
    """
    Rates of late; each of shape (2,): what accrued and the time it took (ns), both weighted.

    Attributes
    ----------
    variance : ndarray of shape (2,)
        Of the log price, by ranges (Parkinson 1980).
    turnover : ndarray of shape (2,)
        Of open interest, as a fraction.

    """

    variance: FloatArray
    turnover: FloatArray


class Prediction(NamedTuple):
    """
    What the path swept, in spells of five minutes.

    Attributes
    ----------
    scales : ndarray of shape (n_models, 2)
        What each model's longs and shorts count in the sum.
    notional : ndarray of shape (n_bars, 2)
        Takes what was swept of longs and shorts, at the middle of each bar's range (quote), summed
        over bars that close in the same spell.
    until : ndarray of shape (n_bars,)
        Takes the last time of each spell (UTC ns).
    unit_price : float
        What a base unit is worth (quote); 0: the price in the middle of the bar's range.

    """

    scales: FloatArray
    notional: FloatArray
    until: IndexArray
    unit_price: float


class UsualClusters(NamedTuple):
    """
    How large clusters were of late.

    Attributes
    ----------
    near, far : ndarray of shape (n_bins,)
        Histograms of the notional of near and of far clusters.
    near_distance : float
        Near is within this fraction of the price.
    bins_per_decade : int
        The width of the histograms' bins.

    """

    near: FloatArray
    far: FloatArray
    near_distance: float
    bins_per_decade: int
