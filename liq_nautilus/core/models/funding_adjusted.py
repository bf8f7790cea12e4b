"""Model B: as model A, with the margin drained or fed by settled funding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.models.base import ExposureModel

if TYPE_CHECKING:
    import pandas as pd

    from liq_nautilus.core.exchange.brackets import BracketTable
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray


class FundingAdjusted(ExposureModel):
    """
    Positions whose isolated margin pays and receives funding.

    Positive funding moves longs' levels closer and shorts' farther. `funding_factor` also
    multiplies all levels by ``1 + rate * factor`` for the newest rate; by default it is 0.
    """

    def __init__(
        self, parameters: TrackerParameters | None = None, brackets: BracketTable | None = None
    ) -> None:
        super().__init__(parameters, brackets)
        self._factor = 1.0
        self._rate = 0.0

    @property
    def model_name(self) -> str:
        """The name by which the model is asked for."""
        return "funding_adjusted"

    @property
    def base_confidence(self) -> float:
        """A fixed 0.75: who paid the funding, and whether margin was added since, is unknown."""
        return 0.75

    def on_funding(self, rate: float) -> None:
        """Settle a funding rate (fraction; positive: longs pay)."""
        self._rate = rate
        self.exposure.settle_funding(rate)
        factor = max(1.0 + rate * self.parameters.funding_factor, 0.5)
        if factor != self._factor:
            self.exposure.shift_prices(factor / self._factor)
            self._factor = factor

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return super().state() | {"factor": self._factor, "rate": self._rate}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        super().restore(state)
        self._factor = float(state["factor"])
        self.exposure.set_factor(self._factor)
        self._rate = float(state["rate"])

    def _row_drift(self, rows: pd.DataFrame) -> FloatArray:
        # A `funding` column holds what each row has paid since entry, as a fraction of notional;
        # without it all are taken to have paid the newest rate. As settled funding moves them.
        if "funding" in rows.columns:
            paid = rows["funding"].to_numpy(np.float64)
        else:
            paid = np.full(len(rows), self._rate)
        drift = np.zeros((len(rows), *self.ratio.shape))
        for i, one in enumerate(paid.tolist()):
            drift[i] = self.exposure.funding_shift(one)
        return drift + math.log(self._factor)
