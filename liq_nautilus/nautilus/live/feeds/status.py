"""What became of a feed, as custom data: recorded with everything else, so that gaps are known."""

# No `from __future__ import annotations`: the annotations below are read as types at import time.

from dataclasses import dataclass

from nautilus_trader.model.identifiers import InstrumentId

from liq_nautilus.nautilus.custom import CustomRecord
from liq_nautilus.nautilus.custom import register


@register
@dataclass(frozen=True, slots=True, eq=False)
class FeedStatus(CustomRecord):
    """
    A feed was lost, or is heard again.

    `feed` names it, `condition` is "lost" or "live", `ts_from` is when it was last heard before
    (UTC nanoseconds; 0 if never) and `reason` says why, for a person. A feed that is heard again
    has a gap from `ts_from` to `ts_event`.
    """

    instrument_id: InstrumentId
    feed: str
    condition: str
    ts_from: int
    reason: str
    ts_event: int
    ts_init: int
