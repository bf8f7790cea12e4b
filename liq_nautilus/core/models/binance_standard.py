"""Model A: Binance's liquidation formula over the estimated positions."""

from __future__ import annotations

from liq_nautilus.core.models.base import ExposureModel


class BinanceStandard(ExposureModel):
    """Positions keep the margin they were opened with."""

    @property
    def model_name(self) -> str:
        """The name by which the model is asked for."""
        return "binance_standard"

    @property
    def base_confidence(self) -> float:
        """A fixed 0.95: the formula is exact, the positions are estimated."""
        return 0.95
