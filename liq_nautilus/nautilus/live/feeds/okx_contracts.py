"""What a contract of OKX holds, asked for once: its liquidations are stated in contracts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from liq_nautilus.nautilus.live.feeds.requests import Backoff
from liq_nautilus.nautilus.live.feeds.requests import RequestError
from liq_nautilus.nautilus.live.sources import okx
from liq_nautilus.nautilus.live.sources.messages import MessageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from liq_nautilus.nautilus.live.feeds.requests import RestClient


class Contracts:
    """
    Sizes of contracts, of the symbols that are wanted.

    Parameters
    ----------
    rest : RestClient
        Asks the venue.
    on_failure : callable
        Takes what was asked for and the error; it is asked for again.
    sizes : dict of str to float
        Receives them: base units, by Binance's name of the perpetual.

    """

    def __init__(
        self,
        rest: RestClient,
        on_failure: Callable[[str, RequestError | MessageError], None],
        sizes: dict[str, float],
    ) -> None:
        self._rest = rest
        self._on_failure = on_failure
        self._all: dict[str, float] = {}
        self._asking = asyncio.Lock()
        self._sizes = sizes

    async def want(self, symbol: str) -> bool:
        """Make the size of a symbol's contract known; return whether the venue has one."""
        async with self._asking:
            if not self._all:
                self._all = await self._ask()
        if symbol in self._all:
            self._sizes[symbol] = self._all[symbol]
        return symbol in self._all

    async def _ask(self) -> dict[str, float]:
        backoff = Backoff()
        while True:
            try:
                raw = await self._rest.get(okx.INSTRUMENTS_PATH, **okx.instruments_query())
                return okx.parse_instruments(raw)
            except (RequestError, MessageError) as e:
                self._on_failure("contracts of OKX", e)
                await asyncio.sleep(backoff.next_secs())
