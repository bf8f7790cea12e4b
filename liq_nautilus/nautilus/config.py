"""The settings of actor, strategy and settlement; all go through a BacktestRunConfig's JSON."""

from __future__ import annotations

from typing import Any
from typing import Final
from typing import Literal

import msgspec
from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.common.config import ActorConfig
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import ClientId
from nautilus_trader.model.identifiers import ComponentId
from nautilus_trader.model.identifiers import InstrumentId

from liq_nautilus.core.feed import LIQUIDATION_DELAY_SECS
from liq_nautilus.core.feed import OPEN_INTEREST_DELAY_SECS
from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.errors import SettingError


class LiquidationActorConfig(ActorConfig, frozen=True, kw_only=True):
    """
    The settings of a `LiquidationActor`.

    Without a `component_id` the actor is named after its instrument, so that a node can hold one
    for each of several perpetuals.

    Parameters
    ----------
    instrument_id : InstrumentId
        The perpetual whose map is kept.
    bar_type : BarType
        The bars of last prices that move the map.
    mark_prices : {"bars", "updates", "none"}
        Mark prices from `MarkPriceBar`, from single `MarkPriceUpdate`, or not at all. Where they
        come, they move the map in place of last prices.
    use_trades : bool
        Whether trades are taken, which `py_liquidation_map` needs.
    liquidations : {"volume", "orders", "none"}
        Where realised liquidations come from: sums over an interval (`LiquidationVolume`), the
        thinned feed of forced orders (`LiquidationOrder`), or nowhere.
    open_interest_delay_secs : float
        How long after its stamp an open interest snapshot is known (seconds, >= 0).
    liquidation_delay_secs : float
        How long after its end the sum of an interval's liquidations is known (seconds, >= 0).
    parameters : dict, optional
        The map's parameters; what is absent has its default.
    parameters_path : str, optional
        A file written by `liq-nautilus calibrate`, in place of `parameters`.
    brackets_path : str, optional
        A saved answer of Binance's `leverageBracket`; without it the built-in dated tables.
    publish : bool
        Whether levels, clusters, forecasts and signals go onto the message bus.
    publish_models : list of str, optional
        The models whose levels are published; all without it.
    publish_clusters : bool
        Whether clusters are published.
    publish_forecasts : tuple of str
        The horizons of which forecasts are published: "1h", "4h", "1d".
    publish_range : float, optional
        Levels farther than this fraction from the price are left out; none are without it.
    publish_from_ns : int
        Nothing is published before this moment (UTC nanoseconds): earlier data is warm-up.
    stale_check_secs : float
        How often the signal is looked at when nothing arrives (seconds, > 0).
    store_path : str, optional
        The catalog that receives what is published, day by day; without it nothing is kept.
    store_interval_secs : float
        Levels are kept at most this often (seconds, >= 0); clusters and signals always.
    client_id : ClientId, optional
        The data client of custom data; by default that of the instrument's venue.

    Raises
    ------
    SettingError
        If a value is out of its range, or both kinds of parameters are given.

    """

    instrument_id: InstrumentId
    bar_type: BarType
    mark_prices: Literal["bars", "updates", "none"] = "bars"
    use_trades: bool = False
    liquidations: Literal["volume", "orders", "none"] = "volume"
    open_interest_delay_secs: float = OPEN_INTEREST_DELAY_SECS
    liquidation_delay_secs: float = LIQUIDATION_DELAY_SECS
    parameters: dict[str, Any] | None = None
    parameters_path: str | None = None
    brackets_path: str | None = None
    publish: bool = True
    publish_models: list[str] | None = None
    publish_clusters: bool = True
    publish_forecasts: tuple[str, ...] = ("4h",)
    publish_range: float | None = 0.2
    publish_from_ns: int = 0
    stale_check_secs: float = 300.0
    store_path: str | None = None
    store_interval_secs: float = 0.0
    client_id: ClientId | None = None

    def __post_init__(self) -> None:
        """Check ranges, also where `parse` was not used."""
        _require_instrument(self)
        if self.component_id is None:
            name = ComponentId(f"LiquidationActor-{self.instrument_id}")
            msgspec.structs.force_setattr(self, "component_id", name)
        _require("open_interest_delay_secs", self.open_interest_delay_secs, at_least=0.0)
        _require("liquidation_delay_secs", self.liquidation_delay_secs, at_least=0.0)
        _require("stale_check_secs", self.stale_check_secs, above=0.0)
        _require("store_interval_secs", self.store_interval_secs, at_least=0.0)
        for horizon in self.publish_forecasts:
            _require_horizon(horizon)
        if self.publish_range is not None:
            _require("publish_range", self.publish_range, above=0.0)
        if self.parameters is not None and self.parameters_path is not None:
            msg = "parameters and parameters_path must not both be given; leave one out"
            raise SettingError(msg)


def _require_horizon(horizon: str) -> None:
    if horizon not in HORIZON_HOURS:
        msg = f"publish_forecasts must be among {', '.join(HORIZON_HOURS)}, was {horizon}"
        raise SettingError(msg)


class LiquidationReplayConfig(ActorConfig, frozen=True, kw_only=True):
    """
    The settings of a `LiquidationReplay`.

    Parameters
    ----------
    instrument_id : InstrumentId
        The perpetual the signals speak about.
    table_path : str
        A Parquet file with columns ts (UTC nanoseconds), action, position_side, cluster_price and
        cluster_notional, rising in time.

    """

    instrument_id: InstrumentId
    table_path: str


class LiquidationStrategyConfig(StrategyConfig, frozen=True, kw_only=True):
    """
    The settings of a `LiquidationStrategy`.

    Parameters
    ----------
    instrument_id : InstrumentId
        The perpetual that is traded.
    bar_type : BarType
        The bars the rule looks at.
    use_signals : bool
        Whether signals gate the rule; without them it is the baseline.
    fast_period, slow_period : int
        The bars of the two exponential averages whose crossing starts a trend (fast < slow).
    range_period : int
        The bars of the exponential average of true ranges.
    stop_multiple : float
        Distance of the stop from the entry, in ranges (see Notes), > 0.
    take_profit_multiple : float
        Distance of the take-profit, in ranges, > 0.
    patience : int
        For how many bars after the crossing an entry may still be made (>= 1).
    risk_fraction : float
        The share of equity lost when the stop is hit, in (0, 1].
    max_leverage : float
        The largest notional of a position, in equities (> 0).
    scale_by_risk : bool
        With signals, positions are smaller by the signal's risk: at a chance of .3 that an unusual
        amount is liquidated, by .3.
    place_stops : bool
        With signals, a stop among significant clusters lies just beyond the last of them, and the
        quantity is smaller accordingly.
    trade_reversals : bool
        Whether REVERSAL_OPPORTUNITY opens positions against the cascade. On real windows that could
        not be told from a coin, so that it is off.
    reversal_stop_multiple, reversal_take_profit_multiple : float
        The same distances for entries on REVERSAL_OPPORTUNITY.
    reversal_hold_secs : float
        A reversal position is closed after this time (seconds, > 0).
    max_signal_age_secs : float
        An older signal counts as WAIT (seconds, > 0).
    avoid_distance : float
        AVOID speaks about prices within this fraction of its cluster.
    trade_from_ns : int
        No order before this moment (UTC nanoseconds): earlier data is warm-up.

    Raises
    ------
    SettingError
        If a value is out of its range.

    Notes
    -----
    A range is the average true range of one bar times the square root of `fast_period`: what the
    price moves over the time the rule looks at, whatever the bar.

    """

    instrument_id: InstrumentId
    bar_type: BarType
    use_signals: bool = True
    fast_period: int = 48
    slow_period: int = 192
    range_period: int = 96
    stop_multiple: float = 1.5
    take_profit_multiple: float = 3.0
    patience: int = 48
    risk_fraction: float = 0.01
    max_leverage: float = 2.0
    scale_by_risk: bool = False
    place_stops: bool = False
    trade_reversals: bool = False
    reversal_stop_multiple: float = 1.0
    reversal_take_profit_multiple: float = 1.5
    reversal_hold_secs: float = 14_400.0
    max_signal_age_secs: float = 7_500.0
    avoid_distance: float = 0.03
    trade_from_ns: int = 0

    def __post_init__(self) -> None:
        """Check ranges, also where `parse` was not used."""
        _require_instrument(self)
        for name in ("fast_period", "slow_period", "range_period", "patience"):
            _require(name, getattr(self, name), at_least=1)
        _require("slow_period", self.slow_period, above=self.fast_period)
        for name in _POSITIVE:
            _require(name, getattr(self, name), above=0.0)
        _require("risk_fraction", self.risk_fraction, at_most=1.0)


_POSITIVE: Final = (
    "stop_multiple",
    "take_profit_multiple",
    "risk_fraction",
    "max_leverage",
    "reversal_stop_multiple",
    "reversal_take_profit_multiple",
    "reversal_hold_secs",
    "max_signal_age_secs",
    "avoid_distance",
)


class SettlementConfig(SimulationModuleConfig, frozen=True, kw_only=True):
    """
    The settings of a `Settlement`.

    Parameters
    ----------
    funding : bool
        Whether funding is settled.
    liquidation : bool
        Whether positions are liquidated.
    margin : {"isolated", "cross"}
        What backs a position: its own margin (notional over the account's leverage for the
        instrument) or the whole account.
    refuse_orders : bool
        Whether orders are refused for want of margin or above the leverage's largest position.
    clearance_fee_rate : float, optional
        The fee of a liquidation, as a fraction of the liquidated notional (>= 0); never more than
        what is left of the margin. Without it each symbol has its own.
    max_mark_age_secs : float
        A mark price older than this is none: last prices take its place (seconds, >= 0).
    settlement_tolerance_secs : float
        A funding update stamped later than this after a whole hour is no settlement (>= 0).
    brackets_path : str, optional
        A saved answer of Binance's `leverageBracket`; without it the built-in dated tables.

    Raises
    ------
    SettingError
        If a value is out of its range.

    """

    funding: bool = True
    liquidation: bool = True
    margin: Literal["isolated", "cross"] = "isolated"
    refuse_orders: bool = True
    clearance_fee_rate: float | None = None
    max_mark_age_secs: float = 300.0
    settlement_tolerance_secs: float = 60.0
    brackets_path: str | None = None

    def __post_init__(self) -> None:
        """Check ranges, also where `parse` was not used."""
        if self.clearance_fee_rate is not None:
            _require("clearance_fee_rate", self.clearance_fee_rate, at_least=0.0, at_most=1.0)
        _require("max_mark_age_secs", self.max_mark_age_secs, at_least=0.0)
        _require("settlement_tolerance_secs", self.settlement_tolerance_secs, at_least=0.0)


def _require(
    name: str,
    value: float,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> None:
    rules = (
        (above, "above", above is not None and not value > above),
        (at_least, "at least", at_least is not None and not value >= at_least),
        (at_most, "at most", at_most is not None and not value <= at_most),
    )
    for bound, words, is_wrong in rules:
        if is_wrong:
            msg = f"{name} must be {words} {bound:g}, was {value:g}"
            raise SettingError(msg)


def _require_instrument(config: LiquidationActorConfig | LiquidationStrategyConfig) -> None:
    if config.bar_type.instrument_id != config.instrument_id:
        msg = (
            f"bar_type must be one of {config.instrument_id}, was {config.bar_type}; "
            "give both for the same instrument"
        )
        raise SettingError(msg)
