"""What a complete feed of liquidations tells of thinned ones, as custom data."""

# No `from __future__ import annotations`: the annotations below are read as types at import time.

from dataclasses import dataclass
from typing import Self

from nautilus_trader.model.identifiers import InstrumentId

from liq_nautilus.core.dollars.completeness import ShownPart
from liq_nautilus.nautilus.custom import CustomRecord
from liq_nautilus.nautilus.custom import register


@register
@dataclass(frozen=True, slots=True, eq=False)
class LiquidationCompleteness(CustomRecord):
    """
    How much a feed of the largest liquidation a second shows at one intensity.

    The values are those of `core.dollars.completeness.ShownPart`, summed up since the beginning
    over the complete feed that `source` names; `instrument_id` is that of the thinned feed.
    """

    instrument_id: InstrumentId
    n_shown: int
    total_notional: float
    shown_notional: float
    n_seconds: int
    source: str
    ts_event: int
    ts_init: int

    @classmethod
    def from_record(
        cls, record: ShownPart, instrument_id: InstrumentId, source: str, ts: int
    ) -> Self:
        """Return the core's record as a datum of `instrument_id`, known at a time (UTC ns)."""
        return cls(instrument_id, *record, source, ts, ts)

    def to_record(self) -> ShownPart:
        """Return the core's record."""
        return ShownPart(self.n_shown, self.total_notional, self.shown_notional, self.n_seconds)
