"""The way prices went while something was held: what a run's equity was inside bars."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from dataclasses import dataclass
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.objects import Money

if TYPE_CHECKING:
    import numpy.typing as npt
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Currency

    from liq_nautilus.core.records import FloatArray


class PricePath(NamedTuple):
    """
    Prices of one instrument in the order in which the venue went through them.

    Attributes
    ----------
    ts : ndarray of shape (n,)
        When, not falling (UTC nanoseconds); of prices inside a bar its end.
    n_fills : ndarray of shape (n,)
        How many fills of the instrument came before.
    price : ndarray of shape (n,)
        Quote per base unit.

    """

    ts: npt.NDArray[np.int64]
    n_fills: npt.NDArray[np.int64]
    price: FloatArray


@dataclass(slots=True)
class VenueReport:
    """
    What a venue tells of a run when it is asked.

    Attributes
    ----------
    paths : dict of InstrumentId to PricePath
        Where prices went while something was held.
    n_walked, n_assumed : int or None
        How many market and stop orders walked an order book, and how many paid the assumed
        slippage; None where another fill model is used.
    unsettled_by_currency : dict of Currency to Decimal
        What open positions will be paid beyond what Nautilus values them at.

    """

    paths: dict[InstrumentId, PricePath] = field(default_factory=dict)
    n_walked: int | None = None
    n_assumed: int | None = None
    unsettled_by_currency: dict[Currency, Decimal] = field(default_factory=dict)

    def add_unsettled(self, currency: Currency, amount: float) -> None:
        """Count what an open position will be paid beyond what Nautilus values it at."""
        total = self.unsettled(currency) + Money(amount, currency).as_decimal()
        self.unsettled_by_currency[currency] = total

    def unsettled(self, currency: Currency) -> Decimal:
        """Return what open positions will be paid beyond what Nautilus values them at."""
        return self.unsettled_by_currency.get(currency, Decimal(0))


class PathRecord:
    """Keeps the way of the prices of one instrument while something is held."""

    __slots__ = ("_fills", "_high", "_low", "_noted", "_prices", "_ts", "n_fills")

    def __init__(self) -> None:
        self._ts, self._fills, self._prices = array("q"), array("q"), array("d")
        self.n_fills = 0
        self.begin()

    def begin(self) -> None:
        """Start a bar: what was filled since the last one was filled before it."""
        self._noted = self.n_fills
        self._low, self._high = math.inf, -math.inf

    def reach(self, price: float, ts: int) -> None:
        """Note that a price is reached, before and after what is filled at it."""
        if self._noted != self.n_fills:
            self._add(price, ts)
            self._noted = self.n_fills
        self._add(price, ts)

    def trade(self, price: float, ts: int) -> None:
        """Note a trade, if none since the last bar or fill was lower, or none higher."""
        if self._noted != self.n_fills:
            self.begin()
        if not self._low <= price <= self._high:
            self._low, self._high = min(price, self._low), max(price, self._high)
            self._add(price, ts)

    def path(self) -> PricePath:
        """Return the way so far."""
        return PricePath(
            np.array(self._ts, dtype=np.int64),
            np.array(self._fills, dtype=np.int64),
            np.array(self._prices, dtype=np.float64),
        )

    def _add(self, price: float, ts: int) -> None:
        self._ts.append(ts)
        self._fills.append(self._noted)
        self._prices.append(price)


class PathRecords:
    """The ways of all instruments of a venue."""

    def __init__(self) -> None:
        self._records: defaultdict[InstrumentId, PathRecord] = defaultdict(PathRecord)

    def attach(self, msgbus: MessageBus, venue: Venue) -> None:
        """Count the fills of a venue."""
        self._venue = venue
        msgbus.subscribe(topic="events.order.*", handler=self._on_order_event)

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()

    def of(self, instrument_id: InstrumentId) -> PathRecord:
        """Return the record of an instrument."""
        return self._records[instrument_id]

    def paths(self) -> dict[InstrumentId, PricePath]:
        """Return the ways so far."""
        return {instrument_id: record.path() for instrument_id, record in self._records.items()}

    def _on_order_event(self, event: object) -> None:
        if isinstance(event, OrderFilled) and event.instrument_id.venue == self._venue:
            self.of(event.instrument_id).n_fills += 1


def report_endpoint(venue: Venue) -> str:
    """Return where on the message bus a venue is asked for its report."""
    return f"Settlement.{venue}.report"
