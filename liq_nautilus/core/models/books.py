"""The open positions of several models, taken through the kernels together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.kernels.arguments import Books
from liq_nautilus.core.kernels.arguments import Trading
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from liq_nautilus.core.grid import Grid
    from liq_nautilus.core.kernels.arguments import Bars
    from liq_nautilus.core.kernels.arguments import Prediction
    from liq_nautilus.core.kernels.arguments import Progress
    from liq_nautilus.core.kernels.arguments import Spread
    from liq_nautilus.core.kernels.arguments import Trailing
    from liq_nautilus.core.models.base import ExposureModel
    from liq_nautilus.core.records import FloatArray


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
        trading = [model for model in models if model.trades]
        self._trading = tuple(model.exposure for model in trading)
        hiding = [i for i, model in enumerate(models) if model.hides_beyond]
        self._books = Books(
            positions=tuple(exposure.positions for exposure in self._exposures),
            n_swept=sum(model.is_swept for model in models),
            hidden=hiding[0] if hiding else -1,
            shares=tuple(model.liquidated for model in models),
            leverages=tuple(model.leverages for model in models),
            multiples=tuple(model.turnover_multiple for model in trading),
            traded=tuple(exposure.traded for exposure in self._trading),
        )
        self._parameters = p = models[0].parameters
        self._habits = Trading(
            0.0,
            p.turnover_rate,
            p.turnover_per_hour,
            p.loser_closing_ratio,
            p.volatility_half_life_hours * HOUR_NS,
        )

    @property
    def open_interest(self) -> float:
        """The open interest seen last (base quantity); 0 before any."""
        return self._exposures[0].open_interest

    def set_price(self, price: float) -> None:
        """Move the current price (quote per base unit, > 0) of all."""
        for exposure in self._exposures:
            exposure.set_price(price)

    def advance(
        self, bars: Bars, progress: Progress, trailing: Trailing, prediction: Prediction
    ) -> Progress:
        """
        Take in bars one after another.

        Parameters
        ----------
        bars, trailing, prediction
            As in `kernels.advance`.
        progress : Progress
            How far they were taken in before.

        Returns
        -------
        Progress
            How far they are taken in now: to the end, or to before a bar to the close of which the
            window must move first.

        """
        window, trading = self._exposures[0].window, self._habits
        if trading.open_interest != self.open_interest:
            trading = self._habits = trading._replace(open_interest=self.open_interest)
        now = progress._replace(position=window.position)
        now = kernels.advance(self._books, bars, window, now, trading, trailing, prediction)
        for exposure in self._exposures:
            exposure.note_position(now.position)
        return now

    def set_open_interest(self, contracts: float, *, begins_anew: bool = False) -> None:
        """Open or close positions of the models that trade, as open interest (base) changed."""
        before = self.open_interest
        if before == 0.0 or begins_anew:
            for model in self._models:
                model.open_prior(contracts)
            self.clip()
            return
        for exposure in self._trading:
            exposure.open_interest = contracts
        loser_ratio = self._parameters.loser_closing_ratio
        kernels.follow_all(self._books, before, contracts, self._exposures[0].window, loser_ratio)

    def clip(self) -> None:
        """Let longs lie below the current price and shorts above, whatever was just opened."""
        here = self._exposures[0].window.position
        kernels.sweep_all(self._books, here, here)

    def survey(
        self,
        whole: Grid,
        part: Grid,
        spread: Spread,
        scales: tuple[FloatArray, FloatArray],
        unit_price: float,
    ) -> tuple[FloatArray, FloatArray, float]:
        """
        Return what is liquidated of the models' positions and of what will be opened.

        Parameters
        ----------
        whole, part : Grid
            Where the models are compared, and the part that is returned.
        spread : Spread
            What will be opened.
        scales : tuple of ndarray of shape (n_models,) and (2,)
            What each model counts, those of 0 are left out, and what notional is multiplied with.
        unit_price : float
            What a base unit is worth wherever it lies (quote); 0: the price there.

        Returns
        -------
        tuple of ndarray of shape (2, n), ndarray of shape (2,) and float
            The notional per native bucket and that of the border (quote); by how much the models'
            mean prices of longs, or of shorts, differ at most, as a fraction of the current price.

        """
        out = np.empty((2, part.n))
        begin = part.first - whole.first
        difference, *border = kernels.survey(
            self._books,
            scales[0],
            whole,
            (begin, begin + part.n),
            self._exposures[0].window,
            spread,
            scales[1],
            unit_price,
            out,
        )
        return out, np.array(border), difference / whole.reference_price
