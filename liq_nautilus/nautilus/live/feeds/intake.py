"""From what venues send to Nautilus data: judged, stamped, counted, published."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from nautilus_trader.model.data import CustomData
from nautilus_trader.model.data import DataType
from nautilus_trader.model.data import MarkPriceUpdate
from nautilus_trader.model.objects import Price

from liq_nautilus.nautilus.live.feeds.fetching import funding_update
from liq_nautilus.nautilus.live.feeds.fetching import length_ns
from liq_nautilus.nautilus.live.feeds.fetching import open_interest_of
from liq_nautilus.nautilus.live.feeds.health import HealthBoard
from liq_nautilus.nautilus.live.feeds.status import FeedStatus
from liq_nautilus.nautilus.live.feeds.symbols import BARS
from liq_nautilus.nautilus.live.feeds.symbols import BINANCE
from liq_nautilus.nautilus.live.feeds.symbols import FUNDING
from liq_nautilus.nautilus.live.feeds.symbols import MARK_PRICES
from liq_nautilus.nautilus.live.feeds.symbols import OPEN_INTEREST
from liq_nautilus.nautilus.live.feeds.symbols import VENUES
from liq_nautilus.nautilus.live.feeds.symbols import order_feed
from liq_nautilus.nautilus.live.feeds.symbols import symbol_of
from liq_nautilus.nautilus.live.sources.messages import ForcedOrder
from liq_nautilus.nautilus.live.sources.messages import MarkPriceReading
from liq_nautilus.nautilus.live.sources.messages import MessageError
from liq_nautilus.nautilus.live.sources.messages import OpenInterestReading
from liq_nautilus.nautilus.live.sources.messages import UnknownMessageError
from liq_nautilus.nautilus.live.sources.sieve import Sieve
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping

    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.identifiers import InstrumentId

    from liq_nautilus.nautilus.custom import CustomRecord
    from liq_nautilus.nautilus.live.feeds.health import Change
    from liq_nautilus.nautilus.live.feeds.health import FeedHealth
    from liq_nautilus.nautilus.live.feeds.requests import RequestError
    from liq_nautilus.nautilus.live.sources.messages import Record
    from liq_nautilus.nautilus.live.sources.messages import SettledFunding

    type Parser = Callable[[bytes], tuple[Record, ...]]

_PRICE_DECIMALS: Final = 8
# These say nothing about how a feed does: a zero as little as silence.
_MUTE: Final = ("zero", "future")
_ORDER_VENUES: Final = {order_feed(venue): venue for venue in VENUES}
_FEEDS: Final = {OpenInterestReading: OPEN_INTEREST, MarkPriceReading: MARK_PRICES}


class Intake:
    """
    Takes messages and answers, and publishes what may pass.

    Parameters
    ----------
    publish : callable
        Takes a datum for the data engine.
    timestamp_ns : callable
        The clock (UTC nanoseconds).
    warn : callable
        Takes a line for the log.
    tolerance_secs : float
        A message stamped later than this after its arrival is refused.
    parsers : mapping of str to callable
        By venue: from a message to its records.

    Attributes
    ----------
    health : HealthBoard
        How each feed does.
    predicted : dict of str to MarkPriceReading
        Per symbol the newest mark price, with the announced funding rate.
    marked : set of str
        The symbols whose mark prices are published.

    """

    def __init__(
        self,
        publish: Callable[[Any], None],
        timestamp_ns: Callable[[], int],
        warn: Callable[[str], None],
        tolerance_secs: float,
        parsers: Mapping[str, Parser],
    ) -> None:
        self._publish = publish
        self._parsers = parsers
        self._timestamp_ns = timestamp_ns
        self._warn = warn
        # What one venue said is no repetition of what another did.
        self._sieves = {venue: Sieve(tolerance_secs) for venue in parsers}
        self._instruments: dict[tuple[str, str], InstrumentId] = {}
        self._last_init_ns = 0
        self.health = HealthBoard()
        self.predicted: dict[str, MarkPriceReading] = {}
        self.marked: set[str] = set()

    def expect(
        self, feed: str, instrument_id: InstrumentId, interval_secs: float | None = None
    ) -> str:
        """Make a feed known, with how often it is heard at least; return the venue's symbol."""
        symbol = symbol_of(instrument_id)
        self._instruments[instrument_id.venue.value, symbol] = instrument_id
        self.health.feed(feed, symbol, interval_secs)
        return symbol

    def next_ns(self) -> int:
        """Return the time, strictly rising, so that a recording has one order only."""
        self._last_init_ns = max(self._timestamp_ns(), self._last_init_ns + 1)
        return self._last_init_ns

    # -- What comes -------------------------------------------------------------------------------

    def take_message(self, venue: str, raw: bytes) -> None:
        """Take in what a venue's stream says."""
        try:
            records = self._parsers[venue](raw)
        except MessageError as e:
            self.note_failure(f"{venue}'s stream", e)
            return
        for record in records:
            self.take(venue, record)

    def take(self, venue: str, record: Record) -> None:
        """Take in one record of a venue."""
        ts = self.next_ns()
        instrument_id = self._instruments.get((venue, record.symbol))
        if instrument_id is None:
            self.health.n["unasked"] += 1
            return
        feed = order_feed(venue) if isinstance(record, ForcedOrder) else _FEEDS[type(record)]
        health = self.health.feed(feed, record.symbol)
        verdict = self._sieves[venue].judge(record, ts)
        health.n[verdict] += 1
        if verdict not in _MUTE:
            self._tell(health.hear(ts))
        if verdict == "passed":
            self._pass_on(record, instrument_id)

    def take_funding(self, funding: SettledFunding, instrument_id: InstrumentId) -> None:
        """Take in a settlement."""
        self._note(self.health.feed(FUNDING, funding.symbol))
        self._publish(funding_update(funding, instrument_id, self.next_ns()))

    def see_bar(self, bar: Bar) -> None:
        """Note a bar on its way."""
        self._note(self._bar_health(bar))

    def take_bars(self, bars: list[Bar]) -> None:
        """Take in bars that were missing."""
        for bar in bars:
            self._bar_health(bar).fill(1)
            self._publish(bar)

    def _bar_health(self, bar: Bar) -> FeedHealth:
        symbol = symbol_of(bar.bar_type.instrument_id)
        return self.health.feed(BARS, symbol, length_ns(bar.bar_type) / SECOND_NS)

    def _note(self, health: FeedHealth) -> None:
        health.n["passed"] += 1
        self._tell(health.hear(self._timestamp_ns()))

    def _pass_on(self, record: Record, instrument_id: InstrumentId) -> None:
        ts = self.next_ns()
        if isinstance(record, OpenInterestReading):
            self._publish_custom(open_interest_of(record, instrument_id, ts))
        elif isinstance(record, ForcedOrder):
            numbers = (record.position_side, record.quantity)
            prices = (record.bankruptcy_price, record.average_price)
            self._publish_custom(
                LiquidationOrder(instrument_id, *numbers, *prices, record.ts_event, ts)
            )
        else:
            self.predicted[record.symbol] = record
            if record.symbol in self.marked:
                price = Price(record.mark_price, _PRICE_DECIMALS)
                self._publish(MarkPriceUpdate(instrument_id, price, record.ts_event, ts))

    def _publish_custom(self, datum: CustomRecord) -> None:
        # On the topic of the instrument, as users of Nautilus subscribe.
        self._publish(CustomData(DataType(type(datum)), datum))

    # -- How it does ------------------------------------------------------------------------------

    def on_connection(self, venue: str, reason: str, *, stands: bool) -> None:
        """Note that a venue's connection stands, or does not."""
        now = self._timestamp_ns()
        streamed = (order_feed(venue), MARK_PRICES) if venue == BINANCE else (order_feed(venue),)
        for health in list(self.health):
            if health.feed not in streamed:
                continue
            if not stands:
                self._tell(health.lose(now, reason))
            elif health.feed != MARK_PRICES:
                # Forced orders may not come for hours: the connection speaks for them.
                self._tell(health.hear(now))

    def check(self) -> None:
        """Notice what has been silent for too long."""
        now = self._timestamp_ns()
        for health in list(self.health):
            self._tell(health.check(now))

    def note_failure(self, what: str, error: RequestError | MessageError) -> None:
        """Count an unreadable message or an unanswered request; the first of a kind is told."""
        if isinstance(error, UnknownMessageError):
            kind = "unknown"
        elif isinstance(error, MessageError):
            kind = "malformed"
        else:
            kind = f"answered {error.status}" if error.status else "not answered"
        if self.health.note_error(kind, str(error)) == 1:
            self._warn(f"{what}: {error}; later ones of the kind ({kind}) are only counted")

    def _tell(self, change: Change | None) -> None:
        if change is None:
            return
        venue = _ORDER_VENUES.get(change.feed, BINANCE)
        instrument_id = self._instruments.get((venue, change.symbol))
        if instrument_id is not None:
            facts = (change.feed, change.condition, change.ts_from, change.reason, change.ts_event)
            self._publish_custom(FeedStatus(instrument_id, *facts, self.next_ns()))
