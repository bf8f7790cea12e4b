"""
The constants of the simulated market: worlds (how traders behave) and contracts (its scale).

The numbers are chosen for realism (daily volatility, open interest against volume, funding,
liquidated share of open interest) and not for what any estimator or strategy makes of them. They
are fixed before anything is tuned on them; CHANGELOG names every later change and why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import replace
from typing import Final

from liq_nautilus.errors import SettingError

_SHARES: Final = (
    "holder_share",
    "stop_share",
    "take_share",
    "impact_permanent_share",
    "impact_index_share",
    "absorption",
)


@dataclass(frozen=True, slots=True)
class WorldParameters:
    """
    How prices move and traders behave in one simulated world.

    Attributes
    ----------
    name : str
        The world's name.
    step_seconds : int
        The base step (seconds, a divisor of 60). Default 5.
    daily_volatility : float
        Standard deviation of the log price over a day, jumps excluded. Default 0.025.
    volatility_slow_sd, volatility_slow_half_life : float
        Stationary deviation of the slow part of log volatility, and its half-life (days).
        Defaults 0.45 and 2.0.
    volatility_fast_sd, volatility_fast_half_life : float
        The same of the fast part. Defaults 0.45 and 0.04 (one hour).
    jump_rate, jump_sd : float
        Jumps a day, and the standard deviation of their size (log). Defaults 1.5 and 0.006.
    turnover : float
        Share of open interest that a population of winners would close in a day, and that is
        opened anew (1/day). Default 0.45.
    loser_factor : float
        Closing rate of a losing position over that of a winning one. Default 0.67.
    closing_leverage_exponent : float
        Closing rate goes with ``(leverage / 10) ** exponent`` (within 1/4 and 4). Default 0.
    closing_age_exponent : float
        Closing rate goes with ``(age * turnover) ** exponent`` (within 1/4 and 4). Default 0.
    stop_share, take_share : float
        Shares of leveraged positions with a stop-loss and with a take-profit order. Default 0.
    stop_range : tuple of float
        Stop distance from entry as a fraction of the distance to liquidation: lowest, highest of a
        uniform draw. Default (0.3, 0.9).
    take_range : tuple of float
        The same of the take-profit distance. Default (0.5, 3.0).
    holder_share : float
        Share of opened notional in barely leveraged positions: hedges, collateral-rich accounts.
        Default 0.97.
    holder_leverages : tuple of float
        Their leverages, each as likely. Default (1, 2, 3).
    leverages, leverage_weights : tuple of float
        Leverages of the other positions and the share of their notional each has (before the
        venue's caps on size). Default 5/10/25/50/100 with .15/.30/.25/.20/.10.
    wild_leverage_weights : tuple of float
        The mix of excited traders. Default: the same.
    wild_share, wild_volatility_slope, wild_trend_slope : float
        Probability that an opener is excited: the share, plus slope x (volatility over its mean
        - 1), plus slope x side x trend in [-1, 1]. Default 0.
    trend_tilt : float
        Openings of a side go with ``1 + tilt * side * trend``: above 0 trend followers, below 0
        contrarians prevail. Default 0.
    holders, leveraged_positions : int
        Open positions per side, as an order of magnitude: sets the mean size. Defaults 4000, 11000.
    size_sd : float
        Standard deviation of log position size. Default 1.3.
    short_size_ratio : float
        Mean size of shorts over that of longs: above 1 there are more, smaller longs. Default 1.4.
    activity_sd, activity_half_life : float
        Deviation of log activity beyond what volatility explains, half-life (days).
        Defaults 0.45 and 0.03.
    activity_volatility_exponent : float
        Activity goes with volatility to this power. Default 1.4.
    burst_rate, burst_factor, burst_half_life : float
        Bursts of openings a day, by how much the opening rate rises, half-life (days).
        Defaults 4.0, 1.5 and 0.015.
    opening_sd, opening_half_life : float
        Deviation of the log opening rate from the closing rate, half-life (days).
        Defaults 0.2 and 0.1.
    open_interest_feedback : float
        Power with which openings fall as open interest exceeds its level. Default 10.
    inventory_feedback : float
        How strongly openings favour the side that the liquidity providers hold. Default 40.
    noise_volume : float
        Traded a day that neither opens nor closes a trader's position, over open interest.
        Default 1.2.
    impact : float
        Log price move per share of open interest closed by force. Default 0.30.
    impact_permanent_share : float
        The part of it that the index follows and that stays. Default 0.6.
    impact_half_life : float
        Half-life of the rest (days). Default 0.04.
    impact_limit : float
        The displacement (log price) at which further forced orders meet so much liquidity that it
        grows no more. Default 0.03.
    impact_index_share : float
        The part of the displaced last price that the index goes along with, since spot markets
        follow: the rest shows as a premium. Default 0.85.
    absorption : float
        Share of liquidated quantity taken at once by winners of the other side closing; the rest
        goes to liquidity providers. Default 0.6.
    premium_mean, premium_sd, premium_half_life : float
        Last over index price less 1: mean, deviation, half-life (days).
        Defaults -0.0004, 0.0001 and 0.4.
    premium_trend : float
        How much the premium rises in a full uptrend. Default 0.0001.
    mark_seconds : float
        Averaging time of the premium in the mark price (seconds). Default 30.
    orders_per_liquidation : float
        Mean number of forced orders a liquidated position is closed with. Default 5.0.
    history_days : float
        How far back positions open at the first step may have been opened. Default 12.
    warm_up_days : int
        Days that are run before the start and left out, so that the first day is like the others:
        the history above knows nothing of impact and orders. Default 1.

    Raises
    ------
    SettingError
        If a value is out of its range or two do not fit.

    """

    name: str
    step_seconds: int = 5
    daily_volatility: float = 0.025
    volatility_slow_sd: float = 0.45
    volatility_slow_half_life: float = 2.0
    volatility_fast_sd: float = 0.45
    volatility_fast_half_life: float = 0.04
    jump_rate: float = 1.5
    jump_sd: float = 0.006
    turnover: float = 0.45
    loser_factor: float = 0.67
    closing_leverage_exponent: float = 0.0
    closing_age_exponent: float = 0.0
    stop_share: float = 0.0
    take_share: float = 0.0
    stop_range: tuple[float, float] = (0.3, 0.9)
    take_range: tuple[float, float] = (0.5, 3.0)
    holder_share: float = 0.97
    holder_leverages: tuple[float, ...] = (1.0, 2.0, 3.0)
    leverages: tuple[float, ...] = (5.0, 10.0, 25.0, 50.0, 100.0)
    leverage_weights: tuple[float, ...] = (0.15, 0.30, 0.25, 0.20, 0.10)
    wild_leverage_weights: tuple[float, ...] = (0.15, 0.30, 0.25, 0.20, 0.10)
    wild_share: float = 0.0
    wild_volatility_slope: float = 0.0
    wild_trend_slope: float = 0.0
    trend_tilt: float = 0.0
    holders: int = 4_000
    leveraged_positions: int = 11_000
    size_sd: float = 1.3
    short_size_ratio: float = 1.4
    activity_sd: float = 0.45
    activity_half_life: float = 0.03
    activity_volatility_exponent: float = 1.4
    burst_rate: float = 4.0
    burst_factor: float = 1.5
    burst_half_life: float = 0.015
    opening_sd: float = 0.2
    opening_half_life: float = 0.1
    open_interest_feedback: float = 10.0
    inventory_feedback: float = 40.0
    noise_volume: float = 1.2
    impact: float = 0.30
    impact_permanent_share: float = 0.6
    impact_half_life: float = 0.04
    impact_limit: float = 0.03
    impact_index_share: float = 0.85
    absorption: float = 0.6
    premium_mean: float = -0.0004
    premium_sd: float = 0.0001
    premium_half_life: float = 0.4
    premium_trend: float = 0.0001
    mark_seconds: float = 30.0
    orders_per_liquidation: float = 5.0
    history_days: float = 12.0
    warm_up_days: int = 1

    def __post_init__(self) -> None:
        """Check ranges and that values fit each other."""
        if self.step_seconds < 1 or 60 % self.step_seconds:
            self._refuse("step_seconds must divide 60", self.step_seconds)
        if self.warm_up_days < 0:
            self._refuse("warm_up_days must be at least 0", self.warm_up_days)
        self._check_leverages()
        for field in _SHARES:
            if not 0.0 <= getattr(self, field) <= 1.0:
                self._refuse(f"{field} must lie in [0, 1]", getattr(self, field))
        for field in ("turnover", "daily_volatility", "history_days", "impact_limit"):
            if getattr(self, field) <= 0.0:
                self._refuse(f"{field} must be above 0", getattr(self, field))

    def _check_leverages(self) -> None:
        sizes = {len(self.leverages), len(self.leverage_weights), len(self.wild_leverage_weights)}
        if len(sizes) > 1:
            self._refuse("leverages and both weights must be equally many", sorted(sizes))
        for weights in (self.leverage_weights, self.wild_leverage_weights):
            if abs(sum(weights) - 1.0) > 1e-9 or min(weights) < 0.0:
                self._refuse("leverage weights must be at least 0 and sum to 1", weights)
        if min(*self.leverages, *self.holder_leverages) < 1.0:
            self._refuse("leverages must be at least 1", self.leverages)

    @property
    def steps_per_day(self) -> int:
        """The number of base steps in a day."""
        return 86_400 // self.step_seconds

    def _refuse(self, rule: str, found: object) -> None:
        msg = f"{rule}, was {found}, in the world {self.name!r}: correct it"
        raise SettingError(msg)


@dataclass(frozen=True, slots=True)
class Contract:
    """
    The scale of one simulated contract.

    Attributes
    ----------
    symbol : str
        Such as ``BTCUSDT``.
    price : float
        The last price at the start (quote per base unit).
    tick_size, step_size : float
        The smallest price and quantity difference.
    open_interest : float
        The level around which open interest moves (base units).
    volatility_ratio : float
        Its volatility over the world's.

    """

    symbol: str
    price: float
    tick_size: float
    step_size: float
    open_interest: float
    volatility_ratio: float

    @property
    def price_decimals(self) -> int:
        """Decimals of a price."""
        return round(-math.log10(self.tick_size))

    @property
    def quantity_decimals(self) -> int:
        """Decimals of a quantity."""
        return round(-math.log10(self.step_size))


_STANDARD: Final = WorldParameters(name="standard")

WORLDS: Final[dict[str, WorldParameters]] = {
    # What an estimator would assume: proportional closing, one leverage mix, mild impact.
    "standard": _STANDARD,
    # Nothing of that holds: stops and take-profits, closing by age and leverage, other leverages
    # that rise with volatility and trend, trend followers opening.
    "other": replace(
        _STANDARD,
        name="other",
        turnover=0.6,
        loser_factor=1.15,
        closing_leverage_exponent=0.35,
        closing_age_exponent=0.5,
        stop_share=0.45,
        take_share=0.4,
        leverages=(3.0, 7.0, 15.0, 20.0, 40.0, 75.0),
        leverage_weights=(0.15, 0.25, 0.20, 0.25, 0.10, 0.05),
        wild_leverage_weights=(0.05, 0.10, 0.15, 0.25, 0.25, 0.20),
        wild_share=0.4,
        wild_volatility_slope=0.4,
        wild_trend_slope=0.2,
        trend_tilt=0.35,
        impact_half_life=0.02,
    ),
    # Liquidations happen as in `standard` and leave no trace in the price.
    "no_impact": replace(_STANDARD, name="no_impact", impact=0.0),
    # Many leveraged positions, thin books: liquidations push the price into the next ones, and
    # most of the move comes back within hours.
    "cascade": replace(
        _STANDARD,
        name="cascade",
        daily_volatility=0.022,
        holder_share=0.945,
        impact=4.0,
        impact_permanent_share=0.05,
        impact_half_life=0.03,
    ),
}

CONTRACTS: Final[dict[str, Contract]] = {
    "BTCUSDT": Contract("BTCUSDT", 90_000.0, 0.1, 0.001, 90_000.0, 1.0),
    "ETHUSDT": Contract("ETHUSDT", 3_000.0, 0.01, 0.001, 2_000_000.0, 1.3),
    "SOLUSDT": Contract("SOLUSDT", 150.0, 0.01, 0.01, 9_000_000.0, 1.5),
}


def world(name: str) -> WorldParameters:
    """
    Return a named world.

    Raises
    ------
    SettingError
        If there is none of that name.

    """
    if name not in WORLDS:
        msg = f"world must be one of {', '.join(WORLDS)}, was {name!r}: choose one of them"
        raise SettingError(msg)
    return WORLDS[name]


def contract(symbol: str) -> Contract:
    """
    Return the scale of a symbol that can be simulated.

    Raises
    ------
    SettingError
        If there is none of that symbol.

    """
    if symbol not in CONTRACTS:
        msg = f"symbol must be one of {', '.join(CONTRACTS)}, was {symbol!r}: choose one of them"
        raise SettingError(msg)
    return CONTRACTS[symbol]
