"""The parameters of the map: what is assumed about traders, stated in one place."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import fields
from typing import Any
from typing import Literal

from liq_nautilus.core import fitted
from liq_nautilus.core import fitted_forecast

SIDES = 2


@dataclass(frozen=True, slots=True)
class TrackerParameters:
    """
    Everything a `LiquidationTracker` assumes.

    The defaults of what is fitted (leverages and their weights, turnover, closing, prior, scales)
    stand in `liq_nautilus.core.fitted`; `liq_nautilus/parameters/default.json` says what they were
    fitted on.

    Attributes
    ----------
    leverages : tuple of float
        The leverage tiers, rising, each >= 1.
    leverage_weights_long, leverage_weights_short : tuple of float
        The share of open interest held at each tier, per side; normalised to sum 1. Leverage
        cannot be observed: this is a prior, to be fitted.
    formula : {"exact", "simplified"}
        Binance's own liquidation price, or the shortcut that divides the maintenance rate by the
        leverage once more.
    position_notional : float
        The typical position's entry notional (quote): it picks the maintenance bracket.
    grid_bps : float
        Width of a native price bucket, in basis points of the price.
    n_buckets : int
        Native buckets in the window around the price; what falls out of it is let go.
    turnover_rate : float
        The share of traded volume that opens and closes positions at equal open interest.
    turnover_per_hour : float
        The share of open interest that turns over per hour where no volume is known.
    turnover_leverage_exponent : float
        Turnover of a tier goes with ``(leverage / 25) ** exponent``.
    loser_closing_ratio : float
        How fast positions at a loss are closed, relative to those in profit.
    prior_spread : float
        Open interest that existed before the first update is taken as entered around the first
        price with this standard deviation (of the log price).
    liquidated_shares_long, liquidated_shares_short : tuple of float
        What is liquidated where the path crosses a tier, as a share of what the tier would hold if
        all open interest had its leverage, per side: the share that has this leverage times the
        chance of being liquidated; fitted.
    background_share_long, background_share_short : float
        What an even spread of positions loses per log price, as a share of open interest, per side:
        cross margin and margin added or drained; fitted.
    openings_share : float
        The part of the expected turnover on the way to a price that is liquidated as the path says;
        fitted.
    excursion_hours : float
        The horizon of a level: how much is opened and how far the price goes the other way before
        it gets there is expected over this time.
    excursion_half_life_hours : float
        Of the volatility that excursions are expected from.
    band_low, band_high : tuple of float
        The 90 % band of what is liquidated on the way to a price, as factor and power of what is
        expected in millions (quote); fitted.
    band_reach : float
        The largest expectation bands were fitted on (quote): beyond it they stay multiples.
    venues : tuple of str
        The venues whose liquidations notional speaks of. Open interest is Binance's: the fitted
        shares are what turns it into theirs.
    scale_half_life_hours : float
        Where realised liquidations come, notional follows their ratio to what was expected; after
        this time an hour weighs half.
    scale_prior_hours : float
        What the fitted shares weigh against that, in hours.
    scale_bound : float
        Notional is moved by at most this factor (>= 1).
    reported_share : float
        The share of liquidated notional that the forced-order feed shows; fitted.
    funding_factor : float
        `funding_adjusted` also multiplies its prices by ``1 + rate * factor``.
    model_weights : tuple of float
        The ensemble's weights of binance_standard, funding_adjusted, py_liquidation_map.
    bucket_size : float or None
        Width of a shown bucket (quote); None: 100 for a price near 100,000, in proportion else.
    large_trade_notional : float
        py_liquidation_map counts trades of at least this notional (quote).
    consume : {"path", "last"}
        py_liquidation_map removes the levels that the path crossed or, as the algorithm it follows
        does, only those beyond the last price.
    cluster_range : float
        Clusters are looked for within this fraction of the price.
    cluster_smoothing_bps : float
        Standard deviation of the smoothing before peaks are sought.
    cluster_memory_days : float
        Half-life of the trailing distribution that significance refers to.
    forecast_numbers : tuple of float
        What training windows said of forecasts; see `liq_nautilus.core.forecasting.fits`.
    avoid_rule : {"forecast", "cluster"}
        AVOID while the forecast's chance of an unusual amount is among the highest of the last
        three days, or while a significant cluster is near.
    avoid_share : float
        By the forecast: this share of the last three days' chances is high.
    avoid_significance : float
        By the cluster: AVOID needs one larger than a side's largest was for this share of the
        trailing time. 0: any will do, and is named by its bucket.
    avoid_distance : float
        AVOID needs it within this fraction of the price,
    avoid_volatility_multiple : float
        and within this multiple of the volatility over `signal_horizon_hours`; from 1e6 on
        volatility does not matter.
    signal_horizon_hours : float
        What a signal speaks about.
    reversal_significance : float
        REVERSAL_OPPORTUNITY needs realised liquidations larger than this share of the trailing
        ones, besides being larger than predicted.
    reversal_confidence : float
        The confidence stated with REVERSAL_OPPORTUNITY: how often the price ends the horizon beyond
        where it was, against the cascade. Over the days the shipped parameters were fitted on that
        cannot be told from a coin (`reliability` of `accuracy`).
    wait_confidence : float
        Below this model confidence the signal is WAIT.
    disagreement : float
        Models that differ by more than this fraction of the price lower the ensemble's confidence.
    invalid_confidence : float
        Below this confidence levels are not valid.
    volatility_half_life_hours : float
        Of the exponentially weighted volatility.
    warm_up_hours : float
        Confidence rises over this time from half to full.
    stale_intervals : float
        An input is stale when it is this many of its usual intervals old.
    frozen_hours : float
        Open interest that did not change for this long is not believed.

    Raises
    ------
    ValueError
        If a value is out of its range, naming it.

    """

    leverages: tuple[float, ...] = fitted.LEVERAGES
    leverage_weights_long: tuple[float, ...] = fitted.LEVERAGE_WEIGHTS_LONG
    leverage_weights_short: tuple[float, ...] = fitted.LEVERAGE_WEIGHTS_SHORT
    formula: Literal["exact", "simplified"] = "exact"
    position_notional: float = 10_000.0
    grid_bps: float = 5.0
    n_buckets: int = 4096
    turnover_rate: float = fitted.TURNOVER_RATE
    turnover_per_hour: float = fitted.TURNOVER_PER_HOUR
    turnover_leverage_exponent: float = fitted.TURNOVER_LEVERAGE_EXPONENT
    loser_closing_ratio: float = fitted.LOSER_CLOSING_RATIO
    prior_spread: float = fitted.PRIOR_SPREAD
    liquidated_shares_long: tuple[float, ...] = fitted.LIQUIDATED_SHARES_LONG
    liquidated_shares_short: tuple[float, ...] = fitted.LIQUIDATED_SHARES_SHORT
    background_share_long: float = fitted.BACKGROUND_SHARE_LONG
    background_share_short: float = fitted.BACKGROUND_SHARE_SHORT
    openings_share: float = fitted.OPENINGS_SHARE
    excursion_hours: float = 2.0
    excursion_half_life_hours: float = 0.5
    band_low: tuple[float, ...] = fitted.BAND_LOW
    band_high: tuple[float, ...] = fitted.BAND_HIGH
    band_reach: float = fitted.BAND_REACH
    venues: tuple[str, ...] = ("BINANCE", "BYBIT", "OKX")
    scale_half_life_hours: float = 72.0
    scale_prior_hours: float = 24.0
    scale_bound: float = 4.0
    reported_share: float = 0.36
    funding_factor: float = 0.0
    model_weights: tuple[float, ...] = (0.5, 0.3, 0.2)
    bucket_size: float | None = None
    large_trade_notional: float = 100_000.0
    consume: Literal["path", "last"] = "path"
    cluster_range: float = 0.1
    cluster_smoothing_bps: float = 10.0
    cluster_memory_days: float = 3.0
    forecast_numbers: tuple[float, ...] = fitted_forecast.FORECAST_NUMBERS
    avoid_rule: Literal["forecast", "cluster"] = "forecast"
    avoid_share: float = 0.18
    avoid_significance: float = 0.95
    avoid_distance: float = 0.02
    avoid_volatility_multiple: float = 2.0
    signal_horizon_hours: float = 4.0
    reversal_significance: float = 0.9
    reversal_confidence: float = 0.5
    wait_confidence: float = 0.5
    disagreement: float = 0.05
    invalid_confidence: float = 0.3
    volatility_half_life_hours: float = 12.0
    warm_up_hours: float = 24.0
    stale_intervals: float = 6.0
    frozen_hours: float = 3.0

    def __post_init__(self) -> None:
        """Check every value's range."""
        for side in ("long", "short"):
            _fit_to_tiers(self, f"liquidated_shares_{side}", f"leverage_weights_{side}")
        _check_tiers(self)
        _check_choices(self)
        n, needed = len(self.forecast_numbers), len(fitted_forecast.FORECAST_NUMBERS)
        _require(self, "forecast_numbers", is_right=n == needed, rule=f"{needed} numbers")
        for name in _POSITIVE:
            _require(self, name, is_right=getattr(self, name) > 0, rule="above 0")
        for name in _NOT_NEGATIVE:
            _require(self, name, is_right=getattr(self, name) >= 0, rule="at least 0")
        for name in _SHARES:
            _require(self, name, is_right=0 <= getattr(self, name) <= 1, rule="in [0, 1]")

    @property
    def params_hash(self) -> str:
        """Return a short hash that differs when any parameter does."""
        # Equal parameters have equal hashes, whether given as 5 or 5.0.
        document = json.loads(json.dumps(self.to_dict()), parse_int=float)
        text = json.dumps(document, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as plain JSON values."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> TrackerParameters:
        """
        Return parameters from a dictionary; what it lacks has its default.

        Raises
        ------
        ValueError
            If a key is no parameter, or a value is out of its range.

        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(document) - known)
        if unknown:
            msg = f"parameters must be among {', '.join(sorted(known))}; found {', '.join(unknown)}"
            raise ValueError(msg)
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in document.items()
        }
        try:
            return cls(**values)
        except TypeError as e:
            msg = f"parameters must be numbers, lists of numbers or names; {e}"
            raise ValueError(msg) from e


_POSITIVE = (
    "position_notional", "grid_bps", "prior_spread", "large_trade_notional",
    "cluster_range", "cluster_smoothing_bps", "cluster_memory_days", "avoid_distance",
    "avoid_volatility_multiple", "signal_horizon_hours", "volatility_half_life_hours",
    "stale_intervals", "frozen_hours", "excursion_hours", "excursion_half_life_hours",
    "scale_half_life_hours", "band_reach",
)  # fmt: skip
_NOT_NEGATIVE = (
    "turnover_rate", "turnover_per_hour", "background_share_long", "background_share_short",
    "openings_share", "warm_up_hours", "disagreement", "loser_closing_ratio", "scale_prior_hours",
)  # fmt: skip
_SHARES = (
    "reported_share", "avoid_share", "avoid_significance", "reversal_significance",
    "reversal_confidence", "wait_confidence", "invalid_confidence",
)  # fmt: skip


def _require(parameters: TrackerParameters, name: str, *, is_right: bool, rule: str) -> None:
    if not is_right:
        msg = f"{name} must be {rule}, was {getattr(parameters, name)!r}"
        raise ValueError(msg)


def _fit_to_tiers(parameters: TrackerParameters, name: str, weights_name: str) -> None:
    # Other tiers than the default's have other shares: the same in all, spread like the weights.
    weights, shares = getattr(parameters, weights_name), getattr(parameters, name)
    is_default = shares == next(one.default for one in fields(parameters) if one.name == name)
    if is_default and len(shares) != len(weights) and sum(weights) > 0:
        spread = tuple(sum(shares) * weight / sum(weights) for weight in weights)
        object.__setattr__(parameters, name, spread)


def _check_tiers(parameters: TrackerParameters) -> None:
    tiers = parameters.leverages
    is_rising = all(low < high for low, high in itertools.pairwise(tiers))
    _require(
        parameters,
        "leverages",
        is_right=bool(tiers) and is_rising and tiers[0] >= 1,
        rule="rising and at least 1",
    )
    for name in ("leverage_weights_long", "leverage_weights_short"):
        weights = getattr(parameters, name)
        is_right = len(weights) == len(tiers) and min(weights) >= 0 and sum(weights) > 0
        _require(parameters, name, is_right=is_right, rule="one share >= 0 per leverage")
    for name in ("liquidated_shares_long", "liquidated_shares_short"):
        shares = getattr(parameters, name)
        is_right = len(shares) == len(tiers) and min(shares) >= 0
        _require(parameters, name, is_right=is_right, rule="one share >= 0 per leverage")
    weights = parameters.model_weights
    is_right = len(weights) == 3 and min(weights) >= 0 and sum(weights) > 0
    _require(parameters, "model_weights", is_right=is_right, rule="three shares >= 0")


def _check_choices(parameters: TrackerParameters) -> None:
    formulas, rules = ("exact", "simplified"), ("path", "last")
    avoid = ("forecast", "cluster")
    is_known = parameters.avoid_rule in avoid
    _require(parameters, "avoid_rule", is_right=is_known, rule=f"one of {avoid}")
    _require(
        parameters,
        "formula",
        is_right=parameters.formula in formulas,
        rule=f"one of {formulas}",
    )
    _require(parameters, "consume", is_right=parameters.consume in rules, rule=f"one of {rules}")
    _require(parameters, "n_buckets", is_right=parameters.n_buckets >= 64, rule="at least 64")
    bucket = parameters.bucket_size
    _require(parameters, "bucket_size", is_right=bucket is None or bucket > 0, rule="above 0")
    _require(parameters, "scale_bound", is_right=parameters.scale_bound >= 1, rule="at least 1")
    for name in ("band_low", "band_high"):
        curve = getattr(parameters, name)
        is_right = len(curve) == 2 and min(curve) > 0
        _require(parameters, name, is_right=is_right, rule="a factor and a power above 0")
    is_right = bool(parameters.venues) and all(parameters.venues)
    _require(parameters, "venues", is_right=is_right, rule="names of venues, at least one")
