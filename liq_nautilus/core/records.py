"""What the core answers: frozen records of numbers, ready to be published or drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Final
from typing import Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type FloatArray = npt.NDArray[np.float64]
    type SideArray = npt.NDArray[np.int8]

MODEL_NAMES: Final = ("binance_standard", "funding_adjusted", "py_liquidation_map", "ensemble")
LONG: Final = 1
SHORT: Final = -1

type Action = Literal["AVOID", "REVERSAL_OPPORTUNITY", "WAIT", "CLEAR"]

AVOID: Final = "AVOID"
REVERSAL_OPPORTUNITY: Final = "REVERSAL_OPPORTUNITY"
WAIT: Final = "WAIT"
CLEAR: Final = "CLEAR"
ACTIONS: Final[tuple[Action, ...]] = (AVOID, REVERSAL_OPPORTUNITY, WAIT, CLEAR)


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """
    What is expected to be liquidated by price, side and leverage at one moment.

    Attributes
    ----------
    model : str
        The name of the model.
    ts_event : int
        The time of the newest input, in UTC nanoseconds.
    reference_price : float
        The current price: longs lie below it, shorts above.
    price : ndarray of shape (n_levels,)
        The notional-weighted mean liquidation price of each bucket, ascending.
    notional : ndarray of shape (n_levels,)
        The notional (quote currency) expected to be liquidated if the price trades there, of the
        venues named.
    notional_low, notional_high : ndarray of shape (n_levels,)
        What the level adds to the 90 % band of all that is liquidated on the way to it: sums from
        the current price on are the band of the sum.
    exposure : ndarray of shape (n_levels,)
        The open interest (quote currency) whose liquidation price lies there.
    side : ndarray of shape (n_levels,)
        The positions being liquidated: +1 long, -1 short.
    leverage : ndarray of shape (n_levels,)
        The leverage, or the exposure-weighted mean leverage of a merged bucket; 1 where no exposure
        of a leverage of its own lies.
    confidence : ndarray of shape (n_levels,)
        In [0, 1].
    is_valid : bool
        False when the model's confidence is too low to be used.
    params_hash : str
        The hash of the parameters that made the levels.
    venues : tuple of str
        The venues whose liquidations `notional` speaks of; `exposure` is Binance's.

    """

    model: str
    ts_event: int
    reference_price: float
    price: FloatArray
    notional: FloatArray
    notional_low: FloatArray
    notional_high: FloatArray
    exposure: FloatArray
    side: SideArray
    leverage: FloatArray
    confidence: FloatArray
    is_valid: bool
    params_hash: str
    venues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExpectedLiquidations:
    """
    What is expected to be liquidated of one side, with its 90 % band.

    Attributes
    ----------
    expected, low, high : float
        Notional (quote currency) of the venues named in the levels.

    """

    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """
    Significant concentrations of liquidation notional at one moment.

    Attributes
    ----------
    ts_event : int
        The time of the newest input, in UTC nanoseconds.
    reference_price : float
        The current price.
    price_low, price_high, price_peak : ndarray of shape (n_clusters,)
        The extent of each cluster and its densest price.
    notional : ndarray of shape (n_clusters,)
        The notional inside the extent (quote currency).
    side : ndarray of shape (n_clusters,)
        +1 long, -1 short.
    significance : ndarray of shape (n_clusters,)
        How often, lately, a side's largest cluster was smaller, in [0, 1].
    confidence : float
        The confidence of the map the clusters were found on, in [0, 1].

    """

    ts_event: int
    reference_price: float
    price_low: FloatArray
    price_high: FloatArray
    price_peak: FloatArray
    notional: FloatArray
    side: SideArray
    significance: FloatArray
    confidence: float


@dataclass(frozen=True, slots=True)
class Signal:
    """
    What the map advises at one moment.

    Attributes
    ----------
    ts_event : int
        The time of the newest input, in UTC nanoseconds.
    action : str
        AVOID, REVERSAL_OPPORTUNITY, WAIT or CLEAR.
    reason : str
        One sentence for a person.
    confidence : float
        In [0, 1].
    position_side : int
        The positions being liquidated (+1 long, -1 short), 0 when none is meant.
        A cascade of longs (+1) argues for buying.
    cluster_price, cluster_notional : float
        The cluster that is meant; NaN when none is.
    risk : float
        The forecast's chance that an unusual amount is liquidated within the signal's horizon; NaN
        when it cannot be told.
    completeness : float
        Which share of the last hour's realised liquidations was seen, the rest being made up; NaN
        where there were none, or of more than half of them nobody knows.

    """

    ts_event: int
    action: Action
    reason: str
    confidence: float
    position_side: int
    cluster_price: float
    cluster_notional: float
    risk: float = math.nan
    completeness: float = math.nan


@dataclass(frozen=True, slots=True)
class SideForecast:
    """
    What is expected of one side.

    Attributes
    ----------
    expected : float
        Liquidated notional (quote), on average.
    q10, q50, q90, q99 : float
        Its quantiles (quote).
    probability_unusual : float
        The chance that it exceeds what is unusual.
    threshold_unusual : float
        The 90th percentile of the totals over the same horizon that ended in the last 72 hours
        (quote); NaN where realised liquidations are not known.

    """

    expected: float
    q10: float
    q50: float
    q90: float
    q99: float
    probability_unusual: float
    threshold_unusual: float


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """
    How much will be liquidated over a horizon, without knowing the path.

    Attributes
    ----------
    ts_event : int
        The time of the newest input, in UTC nanoseconds.
    horizon : str
        "1h", "4h" or "1d".
    reference_price : float
        The current price.
    sides : dict of str to SideForecast
        Of "long", "short" and "both"; NaN before map and prices are known.
    price, notional, probability_touched : ndarray of shape (n,)
        The levels that contribute most, that is by notional times chance, the largest first: quote
        per base unit, quote, and the chance that the price gets there within the horizon.
    side : ndarray of shape (n,)
        +1 long, -1 short.
    venues : tuple of str
        The venues whose liquidations are meant.
    deviation : float
        Standard deviation of the log price over the horizon, from the last hours; NaN when unknown.

    """

    ts_event: int
    horizon: str
    reference_price: float
    sides: dict[str, SideForecast]
    price: FloatArray
    side: SideArray
    notional: FloatArray
    probability_touched: FloatArray
    venues: tuple[str, ...]
    deviation: float = math.nan


@dataclass(frozen=True, slots=True)
class PositionRisk:
    """
    How much forced flow lies between a position and its end, and how likely it is set off.

    Attributes
    ----------
    side : int
        +1 long, -1 short.
    end_price : float
        Its stop or its liquidation price, whichever comes first (quote per base unit).
    liquidation_price : float
        Of an isolated position (quote per base unit).
    notional_between : float
        What is liquidated of positions of the same side on the way there (quote).
    probability_touched : float
        The chance that the price gets there within the horizon; NaN when unknown.
    probability_unusual : float
        The chance that an unusual amount is liquidated within the horizon; NaN when unknown.
    stop_placement : float
        A stop just beyond the last significant cluster before the stop; the stop itself where there
        is none (quote per base unit).

    """

    side: int
    end_price: float
    liquidation_price: float
    notional_between: float
    probability_touched: float
    probability_unusual: float
    stop_placement: float
