"""The forecast and the simpler ones it is compared with, fitted alike and kept in one file."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.core.forecasting.corrections import Correction
from liq_nautilus.core.forecasting.corrections import Made
from liq_nautilus.core.forecasting.fits import ForecastFit
from liq_nautilus.core.forecasting.fits import HorizonFit
from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS
from liq_nautilus.core.forecasting.inputs import LEAST_SHARE
from liq_nautilus.core.forecasting.realised import RealisedTotals
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.science.forecast_fitting import ForecastSample
from liq_nautilus.core.science.forecast_fitting import fit_horizon
from liq_nautilus.errors import StoreError
from liq_nautilus.json_files import read_object
from liq_nautilus.studies.inputs.windows import PUBLICATION_DELAY_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.studies.forecasts.moments import Moments
    from liq_nautilus.studies.inputs.windows import Labels

FORECAST, WITHOUT_PAST, PLACEBO = "forecast", "without_past", "placebo"
STRONGEST, VOLATILITY, PAST, HOUR = "volatility_and_past", "volatility", "past", "hour"
INPUTS: Final[dict[str, tuple[str, ...]]] = {
    FORECAST: ("volatility", "past", "calendar", "map"),
    WITHOUT_PAST: ("volatility", "calendar", "map"),
    PLACEBO: ("volatility", "past", "calendar", "map"),
    # The opponents: the strongest, and those it is made of.
    STRONGEST: ("volatility", "past", "calendar"),
    VOLATILITY: ("volatility",),
    PAST: ("past",),
    HOUR: ("calendar",),
}
BASELINES: Final = (STRONGEST, VOLATILITY, PAST, HOUR)
FILE: Final = "forecast.json"

type Fits = dict[str, HorizonFit]


class Prediction(NamedTuple):
    """
    What one forecast says of a window's moments.

    Attributes
    ----------
    expected, chance : ndarray of shape (3, n)
        Quote; the chance of an unusual amount.
    quantiles : ndarray of shape (3, n, 4)
        Quote.

    """

    expected: FloatArray
    chance: FloatArray
    quantiles: FloatArray


def fit_all(training: Sequence[Moments]) -> Fits:
    """Fit every forecast of one horizon on training windows, by name."""
    return {name: fit_horizon(_samples(name, training), groups) for name, groups in INPUTS.items()}


def columns_of(name: str, moments: Moments) -> FloatArray:
    """Return the inputs of a forecast, (3, n, N_COLUMNS): the placebo has another day's map."""
    return moments.placebo() if name == PLACEBO else moments.columns


def predict(name: str, fits: Fits, moments: Moments, labels: Labels, horizon: str) -> Prediction:
    """
    Forecast a window's moments, corrected by what had come true by then.

    Parameters
    ----------
    name : str
        A key of `INPUTS`.
    fits : dict of str to HorizonFit
        Of the horizon.
    moments : Moments
        The window's.
    labels : Labels
        What was liquidated, known some time after each interval.
    horizon : str
        "1h", "4h" or "1d".

    """
    fit, columns = fits[name], columns_of(name, moments)
    n = len(moments.ts)
    made = Prediction(np.empty((3, n)), np.empty((3, n)), np.empty((3, n, 4)))
    correction, realised, known = Correction(horizon), RealisedTotals(), 0
    ends = labels.ts_close + PUBLICATION_DELAY_NS
    for i, ts in enumerate(moments.ts.tolist()):
        until = int(np.searchsorted(ends, ts, side="right"))
        for j in range(known, until):
            span = int(labels.ts_open[j]), int(labels.ts_close[j])
            realised.add(LONG, float(labels.long_notional[j]), *span)
            realised.add(SHORT, float(labels.short_notional[j]), *span)
        known = until
        correction.settle(realised, fit)
        share, held = fit.log_share(columns[:, i]), float(moments.open_interest[i])
        made.expected[:, i] = np.exp(share) * fit.mean_factor * correction.mean_factor() * held
        logs = share[:, None] + fit.quantiles + correction.offsets
        made.quantiles[:, i] = held * np.maximum(np.exp(logs) - LEAST_SHARE, 0.0)
        made.chance[:, i] = fit.chance(columns[:, i])
        if correction.is_due(ts):
            correction.remember(Made(ts, share, held))
    return made._replace(quantiles=np.maximum.accumulate(made.quantiles, axis=2))


def numbers_of(fits: dict[str, Fits]) -> tuple[float, ...]:
    """Return the map's `forecast_numbers` from the fits of every horizon."""
    with_past = {horizon: fits[horizon][FORECAST] for horizon in HORIZON_HOURS}
    without = {horizon: fits[horizon][WITHOUT_PAST] for horizon in HORIZON_HOURS}
    return ForecastFit(with_past, without).numbers()


def to_document(fits: dict[str, Fits], provenance: dict[str, Any]) -> dict[str, Any]:
    """Return the fits of every horizon as the JSON of `FILE`."""
    return {
        "provenance": provenance,
        "fits": {
            horizon: {name: fit.numbers() for name, fit in named.items()}
            for horizon, named in fits.items()
        },
    }


def shipped() -> tuple[dict[str, Fits], dict[str, Any]]:
    """Return the fits the package ships, by horizon and name, and what they were fitted on."""
    with resources.as_file(resources.files("liq_nautilus") / "parameters" / FILE) as path:
        document = read_object(path, "the shipped forecasts", error=StoreError)
    fits = {
        horizon: {name: HorizonFit.from_numbers(numbers) for name, numbers in named.items()}
        for horizon, named in document["fits"].items()
    }
    return fits, document["provenance"]


def _samples(name: str, training: Sequence[Moments]) -> list[ForecastSample]:
    columns = np.concatenate([columns_of(name, one) for one in training], axis=1)
    share = np.concatenate([one.realised / one.open_interest for one in training], axis=1)
    threshold = np.concatenate([one.threshold / one.open_interest for one in training], axis=1)
    return [ForecastSample(*values) for values in zip(columns, share, threshold, strict=True)]
