"""Reading the map: what is expected to be liquidated where, in one unit for all that is shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.expected_openings import expected_swept_length
from liq_nautilus.core.expected_openings import swept_length
from liq_nautilus.core.kernels.arguments import Spread
from liq_nautilus.core.levels import Bands
from liq_nautilus.core.published.level_columns import LevelColumns
from liq_nautilus.core.published.level_columns import with_bands_of
from liq_nautilus.core.published.readings import Native
from liq_nautilus.core.published.readings import Openings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from liq_nautilus.core.exchange.contracts import ContractUnits
    from liq_nautilus.core.expected_openings import Market
    from liq_nautilus.core.grid import Grid
    from liq_nautilus.core.models.base import ExposureModel
    from liq_nautilus.core.models.ensemble import Ensemble
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.published.readings import Path
    from liq_nautilus.core.records import FloatArray

# The leverage of what has none of its own: the even spread of cross-margined positions.
_NO_LEVERAGE = 1.0


class PublishedMap:
    """
    The models' open positions and what will be opened, read as notional expected to be liquidated.

    Parameters
    ----------
    ensemble : Ensemble
        The models.
    parameters : TrackerParameters
        What is assumed.
    scale : ndarray of shape (2,)
        What notional is multiplied with, longs then shorts; followed as it changes.
    units : ContractUnits
        What the map's base units are worth.

    """

    def __init__(
        self,
        ensemble: Ensemble,
        parameters: TrackerParameters,
        scale: FloatArray,
        units: ContractUnits,
    ) -> None:
        self._ensemble = ensemble
        self._units = units
        self._parameters = p = parameters
        self.scale = scale
        first = ensemble.models[0]
        self.note_brackets()
        self._multiple = first.turnover_multiple
        self._leverages = first.leverages
        self._opened_share = p.openings_share * first.liquidated
        self._even_share = np.array([p.background_share_long, p.background_share_short])
        self._weights = {
            model.model_name: np.stack(
                [model.weights, model.weights * model.leverages, model.liquidated]
            )
            for model in ensemble.models
        }
        self.bands = Bands(p.band_low, p.band_high, p.band_reach)

    def note_brackets(self) -> None:
        """Take over how far the models' liquidation prices lie from entries."""
        self._ratio = self._ensemble.models[0].ratio
        self._distance = np.abs(np.log(self._ratio))

    def noted(self, market: Market, whole: Grid, grid: Grid) -> Native:
        """
        Note how far the models' maps disagree, and return `native` of a part.

        Parameters
        ----------
        market : Market
            What is known.
        whole : Grid
            Of the whole map.
        grid : Grid
            The part.

        """
        native, difference = self._survey(market, whole, grid)
        self._ensemble.note_difference(difference)
        return native

    def native(self, market: Market, grid: Grid) -> Native:
        """Return the ensemble's notional per native bucket."""
        return self._survey(market, grid, grid)[0]

    def _survey(self, market: Market, whole: Grid, grid: Grid) -> tuple[Native, float]:
        scales = (self._ensemble.weighing().scales, self.scale)
        spread, unit_price = self._spread(market), self._units.unit_price
        out, border, difference = self._ensemble.books.survey(
            whole, grid, spread, scales, unit_price
        )
        return Native(out, border), difference

    def _spread(
        self, market: Market, tiers: slice = slice(None), *, has_even: bool = True
    ) -> Spread:
        # What is opened at some tiers, and the even spread, without the scale.
        hours = self._parameters.excursion_hours
        rates = self._opened_share * market.opened(hours, self._multiple)
        even = self._even_share * (market.held if has_even else 0.0)
        return Spread(self._distance[:, tiers], rates[:, tiers], even, market.deviation(hours))

    def levels(
        self, names: Sequence[str], market: Market, grid: Grid, bucket_size: float
    ) -> dict[str, LevelColumns]:
        """
        Return the levels of models and of the ensemble in shown buckets, by name.

        Parameters
        ----------
        names : sequence of str
            Of the models and the ensemble.
        market : Market
            What is known.
        grid : Grid
            Where.
        bucket_size : float
            Width of a shown bucket (quote).

        """
        added, at = self._openings_on(market, grid), (grid.price, grid.border)
        nothing = Native(np.zeros((2, grid.n)), np.zeros(2))
        whole = self._ensemble.model_name
        of_all = np.zeros((3, 2, grid.n))
        found = dict.fromkeys(names, LevelColumns.empty())
        for model, scale in zip(self._ensemble.models, self._ensemble.scales(), strict=True):
            is_named = model.model_name in names and model.has_map
            if is_named or (whole in names and scale > 0.0):
                parts = self._native_parts(model, grid)
                of_all += scale * parts
                if is_named:
                    own = added if model.trades else nothing
                    found[model.model_name] = self._shown(parts, own, at, bucket_size)
        if whole in names and any(self._ensemble.scales()):
            found[whole] = self._shown(of_all, added, at, bucket_size)
        return found

    def levels_by_leverage(
        self, name: str, market: Market, grid: Grid, bucket_size: float
    ) -> LevelColumns:
        """
        Return the levels of a model, one per shown bucket, side and leverage.

        The even spread, which has no leverage of its own, has leverage 1. A level's band is its
        part of that of its bucket. Arguments as in `levels`.
        """
        rows, at = [LevelColumns.empty()], (grid.price, grid.border)
        for leverage in self._all_leverages(name):
            parts, added = self._of_leverage(leverage, name, market, grid)
            rows.append(self._shown(parts, added, at, bucket_size))
            rows[-1] = rows[-1]._replace(leverage=np.full(rows[-1].price.size, leverage))
        joined = LevelColumns._make(np.concatenate(column) for column in zip(*rows, strict=True))
        order = np.argsort(joined.price, kind="stable")
        joined = LevelColumns._make(column[order] for column in joined)
        merged = self.levels((name,), market, grid, bucket_size)[name]
        return with_bands_of(merged, joined, bucket_size)

    def swept(self, market: Market, low: float, high: float, name: str) -> FloatArray:
        """
        Return what is expected to be liquidated if the price goes to `low`, and to `high`.

        Parameters
        ----------
        market : Market
            What is known.
        low, high : float
            The ends of the swept range (quote per base unit), which holds the current price.
        name : str
            Of a model or the ensemble.

        Returns
        -------
        ndarray of shape (2,)
            Notional of longs and of shorts (quote).

        """
        return self.swept_at(market, _adverse(market.price, low, high)[:, None], name)[:, 0]

    def swept_at(self, market: Market, adverse: FloatArray, name: str) -> FloatArray:
        """
        Return what is expected to be liquidated on moves against each side.

        Parameters
        ----------
        market : Market
            What is known.
        adverse : ndarray of shape (2, n)
            How far the price goes against longs and against shorts (log price, >= 0, ascending).
        name : str
            Of a model or the ensemble.

        Returns
        -------
        ndarray of shape (2, n)
            Notional of longs and of shorts (quote).

        """
        held = self._over_models(market, adverse, name, is_exposure=False)
        return self._summed(name, held, self._expected(market, adverse))

    def on_path(self, market: Market, path: Path, name: str) -> FloatArray:
        """Return what is expected to be liquidated on a path, shape (2,); see `swept`."""
        adverse = _adverse(market.price, path.low, path.high)[:, None]
        held = self._over_models(market, adverse, name, is_exposure=False)
        by_tier, even = self.path_openings(market, path)
        return self._summed(name, held, Openings(by_tier[:, None], even[:, None]))[:, 0]

    def exposure(self, market: Market, low: float, high: float, name: str) -> FloatArray:
        """Return the open interest whose formula price lies in a swept range, shape (2,)."""
        adverse = _adverse(market.price, low, high)[:, None]
        return self._over_models(market, adverse, name, is_exposure=True)[:, 0]

    def expected_openings(self, market: Market, low: float, high: float) -> Openings:
        """Return what is opened and swept on the way to `low`, and to `high`."""
        by_tier, even = self._expected(market, _adverse(market.price, low, high)[:, None])
        return Openings(by_tier[:, 0], even[:, 0])

    def _expected(self, market: Market, adverse: FloatArray) -> Openings:
        # On moves of shape (2, n): by tier (2, n, n_tiers), even (2, n).
        hours = self._parameters.excursion_hours
        opened, deviation = market.opened(hours, self._multiple), market.deviation(hours)
        lengths = [expected_swept_length(adverse[i], self._ratio[i], deviation) for i in range(2)]
        even = market.held * adverse
        return Openings(opened * np.stack(lengths), even)

    def path_openings(self, market: Market, path: Path) -> Openings:
        """Return what is opened and swept on a path."""
        opened = market.opened(path.hours, self._multiple)
        lengths = np.stack(
            [
                swept_length(path.open, path.high, path.low, self._ratio[0]),
                swept_length(path.open, path.low, path.high, self._ratio[1]),
            ]
        )
        even = market.held * _adverse(market.price, path.low, path.high)
        return Openings(opened * lengths, even)

    def _models(self, name: str) -> list[tuple[ExposureModel, float]]:
        # The models with a map that make up a name, and what each counts.
        if name == self._ensemble.model_name:
            pairs = zip(self._ensemble.models, self._ensemble.scales(), strict=True)
            return [(model, scale) for model, scale in pairs if scale > 0.0]
        known = self._ensemble.models
        return [(model, 1.0) for model in known if model.model_name == name and model.has_map]

    def _has_openings(self, name: str) -> bool:
        # A map of large trades alone knows of nothing but them.
        models = self._models(name)
        return bool(models) and (name == self._ensemble.model_name or models[0][0].trades)

    def _summed(self, name: str, held: FloatArray, openings: Openings) -> FloatArray:
        # Of moves, shape (2, n).
        scale = self.scale[:, None]
        if not self._has_openings(name):
            return scale * held
        opened = (self._opened_share[:, None] * openings.by_tier).sum(axis=2)
        total: FloatArray = scale * (held + opened + self._even_share[:, None] * openings.even)
        return total

    def _over_models(
        self, market: Market, adverse: FloatArray, name: str, *, is_exposure: bool
    ) -> FloatArray:
        # On moves against each side, shape (2, n): what lies there already.
        log_price = math.log(market.price)
        ends = np.stack([log_price - adverse[0], log_price + adverse[1]])
        edges = np.column_stack([np.full(2, log_price), ends])
        total = np.zeros(adverse.shape)
        for model, scale in self._models(name):
            shares = model.weights if is_exposure else model.liquidated
            total += scale * model.notional_to(shares, edges, self._units.unit_price)
        return total

    def _openings_on(
        self, market: Market, grid: Grid, tiers: slice = slice(None), *, has_even: bool = True
    ) -> Native:
        # What is opened at some tiers, and the even spread, on a grid and without the scale.
        spread = self._spread(market, tiers, has_even=has_even)
        width = self._parameters.grid_bps * 1e-4
        position = math.log(market.price) / width - grid.first
        out = np.zeros((2, grid.n))
        border = kernels.add_spread(spread, position, width, out)
        return Native(out, np.array(border))

    def _native_parts(
        self, model: ExposureModel, grid: Grid, tiers: npt.NDArray[np.bool_] | None = None
    ) -> FloatArray:
        # Base quantity, the same times leverage and what is liquidated of it, (3, 2, n); of some
        # tiers. At the price of each bucket it is worth what it is.
        weights = self._weights[model.model_name]
        if tiers is not None:
            weights = weights * tiers
        parts = model.densities(weights, grid.first, grid.n)
        return self._units.in_dollars(parts, grid.price) if self._units.unit_price else parts

    def _shown(
        self,
        parts: FloatArray,
        added: Native,
        at: tuple[FloatArray, tuple[int, int]],
        bucket_size: float,
    ) -> LevelColumns:
        # Of native buckets at prices, and which of them touch the current price.
        price, border = at
        found, side = kernels.shown_levels(
            parts,
            added.notional,
            price,
            border,
            added.border,
            self.scale,
            bucket_size,
            self.bands.curves,
        )
        return LevelColumns._make((*found, side))

    def _all_leverages(self, name: str) -> list[float]:
        tiers = {float(tier) for model, _ in self._models(name) for tier in model.leverages}
        opened = {_NO_LEVERAGE, *self._leverages.tolist()} if self._has_openings(name) else set()
        return sorted(tiers | opened)

    def _of_leverage(
        self, leverage: float, name: str, market: Market, grid: Grid
    ) -> tuple[FloatArray, Native]:
        parts = np.zeros((3, 2, grid.n))
        for model, scale in self._models(name):
            is_own = model.leverages == leverage
            if is_own.any():
                parts += scale * self._native_parts(model, grid, is_own)
        if not self._has_openings(name):
            return parts, Native(np.zeros((2, grid.n)), np.zeros(2))
        own = np.flatnonzero(self._leverages == leverage)
        tiers = slice(int(own[0]), int(own[0]) + 1) if own.size else slice(0, 0)
        is_even = leverage == _NO_LEVERAGE
        return parts, self._openings_on(market, grid, tiers, has_even=is_even)


def _adverse(price: float, low: float, high: float) -> FloatArray:
    # The log moves against longs and against shorts.
    return np.array([max(math.log(price / low), 0.0), max(math.log(high / price), 0.0)])
