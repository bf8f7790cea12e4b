"""What a tracker answers from its map: levels, and what a price or a path would liquidate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.dollars.realised_scale import RealisedScale
from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.expected_openings import Market
from liq_nautilus.core.expected_openings import RecentVolatility
from liq_nautilus.core.models.ensemble import Ensemble
from liq_nautilus.core.parameters import TrackerParameters
from liq_nautilus.core.position_map import PositionMap
from liq_nautilus.core.published.level_reader import LevelReader
from liq_nautilus.core.published.level_reader import Moment
from liq_nautilus.core.published.readings import Openings
from liq_nautilus.core.published.readings import Path
from liq_nautilus.core.published.view import PublishedMap
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import MODEL_NAMES
from liq_nautilus.core.records import ExpectedLiquidations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import Levels

    # Of longs and of shorts.
    type Swept = tuple[ExpectedLiquidations, ExpectedLiquidations]


class MapAnswers:
    """
    The map of one instrument as it can be asked; what moves it is `LiquidationTracker`.

    Parameters
    ----------
    parameters : TrackerParameters, optional
        What is assumed.
    brackets : BracketTable, optional
        The symbol's brackets; BTCUSDT's newest by default.

    Attributes
    ----------
    parameters : TrackerParameters
        What is assumed.
    model_names : tuple of str
        The models that `levels` can be asked for.
    ts : int
        The time of the newest input (UTC ns).

    """

    model_names = MODEL_NAMES

    def __init__(
        self,
        parameters: TrackerParameters | None = None,
        *,
        brackets: BracketTable | None = None,
    ) -> None:
        self.parameters = p = TrackerParameters() if parameters is None else parameters
        self.brackets = BracketTable.built_in("BTCUSDT") if brackets is None else brackets
        self._map = PositionMap(p, self.brackets)
        self._ensemble = self._map.ensemble
        self._followed = RealisedScale(p.scale_half_life_hours, p.scale_prior_hours, p.scale_bound)
        self._map.scale = self._followed.values
        self._published = PublishedMap(self._ensemble, p, self._followed.values, self._map.units)
        self._reader = LevelReader(p, self._ensemble, self._published)
        self._recent = RecentVolatility(p.excursion_half_life_hours)
        self.ts = 0

    @property
    def reference_price(self) -> float:
        """The current price: the mark price where it comes, else the last; NaN before any."""
        return self._map.price

    @property
    def is_valid(self) -> bool:
        """Whether the ensemble's confidence is not too low to be used."""
        return self._ensemble.confidence_score() >= self.parameters.invalid_confidence

    @property
    def bucket_size(self) -> float:
        """The width of a shown bucket (quote); NaN before any price."""
        return self._map.bucket_size

    @property
    def turnover_per_hour(self) -> float:
        """The fraction of open interest turned over per hour lately (at 25x); a default before."""
        return self._map.turnover_per_hour

    def volatility(self, hours: float) -> float:
        """Return the standard deviation of the log return over some hours; NaN before any bar."""
        return self._map.volatility_over(hours)

    def levels(
        self,
        model: str = "ensemble",
        *,
        by_leverage: bool = False,
        price_range: float | None = None,
    ) -> Levels:
        """
        Return the current levels of a model.

        Parameters
        ----------
        model : str, optional
            One of `model_names`.
        by_leverage : bool, optional
            One level per bucket, side and leverage instead of one per bucket and side.
        price_range : float, optional
            Only within this fraction of the price (by default 60 %).

        Raises
        ------
        ValueError
            If the model is unknown, or the range not in (0, 1).

        """
        if not by_leverage:
            return self.levels_of((model,), price_range=price_range)[0]
        return self._reader.levels_by_leverage(model, self._moment, price_range)

    def levels_of(
        self, models: Sequence[str] = MODEL_NAMES, *, price_range: float | None = None
    ) -> list[Levels]:
        """
        Return the current levels of several models at once, which is quicker than each by itself.

        Parameters
        ----------
        models : sequence of str, optional
            Of `model_names`; all without it.
        price_range : float, optional
            Only within this fraction of the price (by default 60 %).

        Returns
        -------
        list of Levels
            In the order asked for; one level per bucket and side.

        Raises
        ------
        ValueError
            If a model is unknown, or the range not in (0, 1).

        """
        return self._reader.levels_of(models, self._moment, price_range)

    def notional_between(
        self, side: int, price_low: float, price_high: float, model: str = "ensemble"
    ) -> float:
        """
        Return the notional (quote) expected to be liquidated between two prices.

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        price_low, price_high : float
            Quote per base unit, > 0. What lies at the current price itself counts where the range
            reaches it.
        model : str, optional
            One of `model_names`.

        Raises
        ------
        ValueError
            If the model is unknown or the range is not positive.

        """
        self._ensemble.named(model)
        _check_range(price_low, price_high)
        if not self._map.has_price:
            return 0.0
        index = 0 if side == LONG else 1
        far, near = (price_low, price_high) if side == LONG else (price_high, price_low)
        is_on_side = far < self._map.price if side == LONG else far > self._map.price
        if not is_on_side:
            return 0.0
        total = self._swept_to(far, model)[index]
        is_open = near < self._map.price if side == LONG else near > self._map.price
        return float(total - self._swept_to(near, model)[index] if is_open else total)

    def swept(self, price_low: float, price_high: float, model: str = "ensemble") -> Swept:
        """
        Return what the map says of a range around the current price: the levels in it, summed.

        Parameters
        ----------
        price_low, price_high : float
            Quote per base unit; longs are swept down to one, shorts up to the other.
        model : str, optional
            One of `model_names`.

        Returns
        -------
        tuple of two ExpectedLiquidations
            Longs and shorts; nothing before any price is known.

        Raises
        ------
        ValueError
            If the model is unknown or the range is not positive.

        """
        self._ensemble.named(model)
        _check_range(price_low, price_high)
        if not self._map.has_price:
            return _NOTHING_EXPECTED
        return self._with_bands(self._published.swept(self._market, price_low, price_high, model))

    def expected_liquidations(
        self, open_: float, high: float, low: float, hours: float, model: str = "ensemble"
    ) -> Swept:
        """
        Return how much will be liquidated if the price takes a path.

        It is what the map holds on the path and what is opened on the way.

        Parameters
        ----------
        open_, high, low : float
            Where the path begins, and its extremes (quote per base unit).
        hours : float
            How long it takes (> 0).
        model : str, optional
            One of `model_names`.

        Returns
        -------
        tuple of two ExpectedLiquidations
            Longs and shorts; nothing before any price is known.

        Raises
        ------
        ValueError
            If the model is unknown, or the prices not ``0 < low <= open_ <= high``, or the hours
            not above 0.

        """
        self._ensemble.named(model)
        if not (0.0 < low <= open_ <= high < math.inf and hours > 0.0):
            msg = (
                "a path must have 0 < low <= open <= high and take more than 0 hours, "
                f"was {(open_, high, low, hours)}"
            )
            raise ValueError(msg)
        if not self._map.has_price:
            return _NOTHING_EXPECTED
        path = Path(open_, high, low, hours)
        return self._with_bands(self._published.on_path(self._market, path, model))

    def expected_excursion(self, hours: float) -> float:
        """Return how far (log price) the price is expected to go to one side in some hours."""
        return self._market.deviation(hours) * math.sqrt(2.0 / math.pi)

    def exposure_swept(
        self, price_low: float, price_high: float, model: str = "ensemble"
    ) -> FloatArray:
        """Return the open interest of longs and of shorts in a swept range, (2,); see `swept`."""
        self._ensemble.named(model)
        _check_range(price_low, price_high)
        if not self._map.has_price:
            return np.zeros(2)
        return self._published.exposure(self._market, price_low, price_high, model)

    def openings_to(self, price_low: float, price_high: float) -> Openings:
        """Return what is opened and swept on the way to the ends of a range, at weight 1."""
        return self._published.expected_openings(self._market, price_low, price_high)

    def openings_on(self, path: Path) -> Openings:
        """Return what is opened and swept on a path, at weight 1."""
        return self._published.path_openings(self._market, path)

    def notional_by_tier(
        self, side: int, price_low: float, price_high: float, model: str = "funding_adjusted"
    ) -> FloatArray:
        """
        Return what each tier would hold between two prices if all were opened at its leverage.

        The map is linear in the leverage shares: this is what they are fitted on.

        Parameters
        ----------
        side : int
            +1 long, -1 short.
        price_low, price_high : float
            Quote per base unit, > 0.
        model : str, optional
            A single model, not the ensemble.

        Returns
        -------
        ndarray of shape (n_tiers,)
            Quote.

        Raises
        ------
        ValueError
            If the model is unknown or has no tiers, or the range is not positive.

        """
        chosen = self._ensemble.named(model)
        if isinstance(chosen, Ensemble):
            msg = "model must be a single one, the ensemble has no tiers of its own"
            raise ValueError(msg)
        _check_range(price_low, price_high)
        unit_price = self._map.units.unit_price
        return chosen.notional_by_tier(side, price_low, price_high, unit_price)

    def state(self) -> dict[str, Any]:
        """Return everything that changes: arrays, plain numbers, nested dictionaries."""
        return {
            "parameters": self.parameters.to_dict(),
            "brackets": self.brackets.state(),
            "map": self._map.state(),
            "recent": self._recent.state(),
            "followed": self._followed.state(),
            "ts": self.ts,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` of a map with the same parameters and brackets returned."""
        self._map.restore(state["map"])
        self._recent.restore(state["recent"])
        self._followed.restore(state["followed"])
        self.ts = int(state["ts"])

    @property
    def _moment(self) -> Moment:
        return Moment(self.ts, self._market, self._map.bucket_size)

    @property
    def _market(self) -> Market:
        held = self._map
        return Market(held.price, held.open_interest, held.turnover_per_hour, self._recent.per_hour)

    def _swept_to(self, price: float, model: str) -> FloatArray:
        # Longs down to a price, or shorts up to it.
        return self._published.swept(self._market, price, price, model)

    def _with_bands(self, totals: FloatArray) -> Swept:
        low, high = self._published.bands.around(totals)
        longs, shorts = (
            ExpectedLiquidations(*map(float, one)) for one in zip(totals, low, high, strict=True)
        )
        return longs, shorts


_NOTHING_EXPECTED = (ExpectedLiquidations(0.0, 0.0, 0.0), ExpectedLiquidations(0.0, 0.0, 0.0))


def _check_range(price_low: float, price_high: float) -> None:
    if not 0.0 < price_low <= price_high:
        msg = f"a range must have 0 < low <= high, was {price_low} to {price_high}"
        raise ValueError(msg)
