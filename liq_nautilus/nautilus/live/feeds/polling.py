"""What must be asked for again and again: open interest, settlements, bars that did not come."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from liq_nautilus.nautilus.live.feeds.requests import Backoff
from liq_nautilus.nautilus.live.feeds.requests import RequestError
from liq_nautilus.nautilus.live.sources.messages import MessageError
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Coroutine

    from nautilus_trader.model.data import Bar

    from liq_nautilus.nautilus.live.feeds.bar_guard import BarGuard
    from liq_nautilus.nautilus.live.feeds.fetching import Fetcher
    from liq_nautilus.nautilus.live.sources.messages import OpenInterestReading
    from liq_nautilus.nautilus.live.sources.messages import SettledFunding

# The venue states a settlement some seconds after it happened.
_SETTLEMENT_DELAY_SECS: Final = 5.0
# Soon enough for a settlement that was announced late, or not at all.
_LONGEST_WAIT_SECS: Final = 60.0


class Poller:
    """
    Endless requests with backoff; a failure is told, counted and tried again.

    Parameters
    ----------
    fetcher : Fetcher
        Asks the venue.
    timestamp_ns : callable
        The clock (UTC nanoseconds).
    on_failure : callable
        Takes what was asked for and the error: an unanswered request or an unreadable answer.

    """

    def __init__(
        self,
        fetcher: Fetcher,
        timestamp_ns: Callable[[], int],
        on_failure: Callable[[str, RequestError | MessageError], None],
    ) -> None:
        self._fetcher = fetcher
        self._timestamp_ns = timestamp_ns
        self._on_failure = on_failure

    async def open_interest(
        self,
        symbol: str,
        interval_secs: float,
        take: Callable[[OpenInterestReading], None],
        phase: float = 1.0,
    ) -> None:
        """
        Hand on the open interest of a symbol at each interval, for ever.

        The second one comes after a part of the interval, `phase`: the maps of symbols that begin
        together would be computed together ever after, each waiting for those before it.
        """
        backoff = Backoff()
        wait = phase * interval_secs
        while True:
            reading = await self._ask(
                "open interest", lambda: self._fetcher.open_interest(symbol), backoff
            )
            if reading is not None:
                take(reading)
                await asyncio.sleep(wait)
                wait = interval_secs

    async def funding(
        self,
        symbol: str,
        next_funding_ns: Callable[[], int],
        take: Callable[[SettledFunding], None],
    ) -> None:
        """Hand on what is settled from now on, once each, soon after it happened, for ever."""
        backoff = Backoff()
        newest = self._timestamp_ns()
        while True:
            request = partial(self._fetcher.funding, symbol, newest + 1)
            settled = await self._ask("funding", request, backoff)
            for funding in settled or ():
                if funding.ts_event > newest:
                    newest = funding.ts_event
                    take(funding)
            if settled is not None:
                wait = (next_funding_ns() - self._timestamp_ns()) / SECOND_NS
                await asyncio.sleep(
                    min(max(wait + _SETTLEMENT_DELAY_SECS, 1.0), _LONGEST_WAIT_SECS)
                )

    async def bars(self, guard: BarGuard, take: Callable[[list[Bar]], None]) -> None:
        """Hand on bars that are overdue, in order, for ever."""
        backoff = Backoff()
        while True:
            await asyncio.sleep(1.0)
            for missing in guard.missing(self._timestamp_ns()):
                request = partial(self._fetcher.bars, *missing, self._timestamp_ns())
                bars = await self._ask("bars", request, backoff)
                if bars:
                    take(bars)

    async def _ask[T](
        self, what: str, request: Callable[[], Coroutine[Any, Any, T]], backoff: Backoff
    ) -> T | None:
        try:
            answer = await request()
        except (RequestError, MessageError) as e:
            self._on_failure(what, e)
            await asyncio.sleep(backoff.next_secs())
            return None
        backoff.succeed()
        return answer
