"""The open positions of several models, taken through the kernels together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core import kernels

if TYPE_CHECKING:
    from liq_nautilus.core.grid import Grid
    from liq_nautilus.core.kernels.positions import IndexArray
    from liq_nautilus.core.models.base import ExposureModel
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray


class ModelBooks:
    """
    The exposures of models that saw the same prices, and so have the same window.

    Parameters
    ----------
    models : tuple of ExposureModel
        First those that trade, last those that paths do not sweep.

    """

    def __init__(self, models: tuple[ExposureModel, ...]) -> None:
        self._models = models
        self._exposures = tuple(model.exposure for model in models)
        self._book = tuple(zip(*(exposure.book for exposure in self._exposures), strict=True))
        masses, bounds, _, runnings, offsets, _, _ = self._book
        self._reading = (masses, bounds, runnings, offsets)
        self._shares = tuple(model.weights for model in models)
        self._leverages = tuple(model.leverages for model in models)
        trading = [model for model in models if model.trades]
        self._trading = tuple(model.exposure for model in trading)
        self._multiples = tuple(model.turnover_multiple for model in trading)
        pending = [exposure.pending for exposure in self._trading]
        self._pendings = tuple(values for values, _ in pending)
        self._spans = tuple(span for _, span in pending)
        self._n_swept = sum(model.is_swept for model in models)
        hiding = [i for i, model in enumerate(models) if model.hides_beyond]
        self._hidden = hiding[0] if hiding else -1
        parameters = models[0].parameters
        self._width = parameters.grid_bps * 1e-4
        self._loser_ratio = parameters.loser_closing_ratio

    @property
    def position(self) -> float:
        """The current price, in buckets counted from a log price of 0."""
        return self._exposures[0].position

    def set_price(self, price: float) -> None:
        """Move the current price (quote per base unit, > 0) of all."""
        for exposure in self._exposures:
            exposure.set_price(price)

    def advance(
        self,
        bars: FloatArray,
        times: IndexArray,
        start: int,
        price: float,
        clock: IndexArray,
        scales: FloatArray,
        rates: FloatArray,
        variance: FloatArray,
        turnover: FloatArray,
        predicted: FloatArray,
        spells: IndexArray,
    ) -> tuple[int, float]:
        """
        Take in bars one after another.

        Parameters
        ----------
        bars, times, start, clock, scales, rates, variance, turnover, predicted, spells
            As in `kernels.advance`.
        price : float
            The current price.

        Returns
        -------
        tuple of int and float
            The first bar not taken in, to the close of which the window must move first, and the
            price now.

        """
        first = self._exposures[0]
        where = np.array((self._width, first.origin, first.position - first.origin, price))
        done: int = kernels.advance(
            self._book,
            self._n_swept,
            self._shares,
            scales,
            self._multiples,
            self._pendings,
            self._spans,
            bars,
            times,
            start,
            clock,
            where,
            rates,
            variance,
            turnover,
            self._loser_ratio,
            first.dust,
            predicted,
            spells,
        )
        _, _, position, price = where.tolist()
        for exposure in self._exposures:
            exposure.note_position(position)
        return done, price

    def set_open_interest(self, contracts: float) -> None:
        """Open or close positions of the models that trade, as open interest (base) changed."""
        first = self._exposures[0]
        if first.is_empty:
            for model in self._models:
                model.on_open_interest(contracts)
            self.clip()
            return
        level = first.level
        for exposure in self._trading:
            exposure.level = contracts
        kernels.hold(
            self._book,
            self._n_swept,
            self._pendings,
            self._spans,
            level,
            contracts,
            first.position - first.origin,
            self._loser_ratio,
            first.dust,
        )

    def clip(self) -> None:
        """Let longs lie below the current price and shorts above, whatever was just opened."""
        first = self._exposures[0]
        here = first.position - first.origin
        kernels.sweep_all(self._book, self._n_swept, here, here)

    def notional(self, grid: Grid, scales: FloatArray) -> tuple[FloatArray, float]:
        """
        Return the scaled sum of the models' notional per native bucket.

        Parameters
        ----------
        grid : Grid
            Where.
        scales : ndarray of shape (n_models,)
            What each counts; those of 0 are left out.

        Returns
        -------
        tuple of ndarray of shape (2, n) and float
            The notional (quote); by how much the models' mean prices of longs, or of shorts, differ
            at most, as a fraction of the current price.

        """
        out = np.empty((2, grid.n))
        difference: float = kernels.combined_notional(
            self._reading,
            self._shares,
            scales,
            self._hidden,
            grid.first - self._exposures[0].origin,
            self.position - grid.first,
            grid.middle,
            grid.below,
            grid.above,
            out,
        )
        return out, difference / grid.reference_price

    def shown_levels(
        self,
        grid: Grid,
        scales: FloatArray,
        wanted: list[bool],
        confidences: list[float],
        bucket_size: float,
    ) -> tuple[FloatArray, SideArray, list[int]]:
        """
        Return the levels of models, and of their scaled sum, in shown buckets.

        Parameters
        ----------
        grid : Grid
            Where.
        scales : ndarray of shape (n_models,)
            What each counts in the sum.
        wanted : list of bool
            Whether each model's levels are wanted, and last those of the sum.
        confidences : list of float
            Those of the models and the sum.
        bucket_size : float
            Quote.

        Returns
        -------
        tuple of ndarray of shape (4, n_levels), ndarray of shape (n_levels,) and list of int
            Price, notional, leverage and confidence; side; how many of each model.

        """
        counts = np.zeros(len(wanted), dtype=np.int64)
        levels, sides = kernels.shown_levels(
            self._reading,
            self._shares,
            self._leverages,
            scales,
            np.array(wanted),
            self._hidden,
            grid.first - self._exposures[0].origin,
            self.position - grid.first,
            grid.middle,
            grid.below,
            grid.above,
            bucket_size,
            np.array(confidences),
            counts,
        )
        return levels, sides, counts.tolist()
