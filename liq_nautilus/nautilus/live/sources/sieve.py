"""What may pass of what a venue sent: nothing twice, nothing late, nothing from the future."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING
from typing import Final
from typing import Literal

from liq_nautilus.nautilus.live.sources.messages import ForcedOrder
from liq_nautilus.nautilus.live.sources.messages import OpenInterestReading
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Hashable

    from liq_nautilus.nautilus.live.sources.messages import Record

    type Verdict = Literal["passed", "duplicate", "out_of_order", "future", "stale", "zero"]

# So many forced orders of a symbol are remembered: minutes of the wildest cascade.
_MEMORY: Final = 20_000
_TOLERANCE_SECS: Final = 10.0
_LATEST_SECS: Final = 3_600.0


class Sieve:
    """
    Judges each record once, in the order of arrival.

    Readings of a symbol (open interest, mark price) must move forward in time. Forced orders may
    come in any order within an hour, but each only once.

    Parameters
    ----------
    tolerance_secs : float, optional
        A record stamped later than this after its arrival is from the future: one of the clocks is
        wrong, and what comes after it would seem late for as long.

    """

    def __init__(self, tolerance_secs: float = _TOLERANCE_SECS) -> None:
        self._tolerance_ns = round(tolerance_secs * SECOND_NS)
        self._newest: dict[Hashable, int] = {}
        self._seen: dict[str, OrderedDict[ForcedOrder, None]] = {}

    def judge(self, record: Record, ts_now: int) -> Verdict:
        """
        Return whether a record may pass, and remember it if so.

        Parameters
        ----------
        record : Record
            As parsed.
        ts_now : int
            When it arrived (UTC nanoseconds).

        """
        if record.ts_event > ts_now + self._tolerance_ns:
            return "future"
        if isinstance(record, ForcedOrder):
            return self._judge_order(record, ts_now)
        if isinstance(record, OpenInterestReading) and record.open_interest == 0.0:
            # Binance shows single zeros between sound readings; no market empties in a moment.
            return "zero"
        key = (type(record), record.symbol)
        newest = self._newest.get(key, -1)
        if record.ts_event <= newest:
            return "duplicate" if record.ts_event == newest else "out_of_order"
        self._newest[key] = record.ts_event
        return "passed"

    def _judge_order(self, order: ForcedOrder, ts_now: int) -> Verdict:
        if order.ts_event < ts_now - round(_LATEST_SECS * SECOND_NS):
            return "stale"
        seen = self._seen.setdefault(order.symbol, OrderedDict())
        if order in seen:
            return "duplicate"
        seen[order] = None
        if len(seen) > _MEMORY:
            seen.popitem(last=False)
        return "passed"
