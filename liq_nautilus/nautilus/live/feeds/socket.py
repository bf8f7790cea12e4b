"""A venue's WebSocket: subscriptions that survive lost connections."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nautilus_trader.core import nautilus_pyo3

from liq_nautilus.nautilus.live.feeds.requests import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    How a venue is spoken to.

    Attributes
    ----------
    url_of : callable
        From the topics wanted to the address.
    subscription : callable
        From topics, the message's number and whether they begin, to the message.
    heartbeat_secs : int, optional
        How often something is sent.
    heartbeat : str, optional
        What; a WebSocket ping without it.
    silence_secs : float, optional
        A connection without a word for so long is made anew.

    """

    url_of: Callable[[list[str]], str]
    subscription: Callable[..., bytes]
    heartbeat_secs: int = 20
    heartbeat: str | None = None
    silence_secs: float | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """
    Who is told what happens on a connection.

    Attributes
    ----------
    on_message : callable
        Takes the bytes of a message.
    on_change : callable
        Takes a reason for a person, and `stands`: whether there is a connection.
    log : callable
        Takes a line about a failed attempt.

    """

    on_message: Callable[[bytes], None]
    on_change: Callable[..., None]
    log: Callable[[str], None]


class Connection:
    """
    One connection over Nautilus's WebSocket client, which reconnects by itself.

    The first attempt is repeated with backoff as well; after each reconnection all topics are
    subscribed again.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        Where handlers run.
    dialect : Dialect
        How the venue is spoken to.
    listener : Listener
        Who is told.

    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, dialect: Dialect, listener: Listener
    ) -> None:
        self._loop = loop
        self._dialect = dialect
        self._listener = listener
        self._topics: list[str] = []
        self._client: nautilus_pyo3.WebSocketClient | None = None
        self._opening: asyncio.Lock = asyncio.Lock()
        self._number = 0
        self._stands = False
        self._is_closed = False

    @property
    def topics(self) -> tuple[str, ...]:
        """What is subscribed."""
        return tuple(self._topics)

    async def subscribe(self, topic: str) -> None:
        """Subscribe to a topic; the first one opens the connection."""
        if topic in self._topics:
            return
        self._topics.append(topic)
        async with self._opening:
            if self._client is None:
                await self._open()
            else:
                await self._say([topic], is_on=True)

    async def unsubscribe(self, topic: str) -> None:
        """End a subscription; the last one ends the connection."""
        if topic not in self._topics:
            return
        self._topics.remove(topic)
        if self._topics:
            await self._say([topic], is_on=False)
        else:
            await self.close()
            self._is_closed = False

    async def close(self) -> None:
        """End the connection."""
        self._is_closed = True
        client, self._client = self._client, None
        if client is not None and not client.is_closed():
            await client.disconnect()
        self._stands = False

    def check(self) -> None:
        """Tell whether the connection stands, if that has changed."""
        client = self._client
        if client is not None:
            self._tell(stands=not (client.is_reconnecting() or client.is_closed()))

    async def _open(self) -> None:
        backoff = Backoff()
        while self._client is None and self._topics and not self._is_closed:
            try:
                self._client = await self._connect()
            # The client raises no class of its own where nobody listens.
            except (nautilus_pyo3.WebSocketClientError, OSError, RuntimeError, ValueError) as e:
                delay = backoff.next_secs()
                self._listener.log(f"{self._url()} cannot be reached, {e}; again in {delay:g} s")
                self._tell(stands=False, reason=str(e))
                await asyncio.sleep(delay)
            else:
                self._tell(stands=True)

    async def _connect(self) -> nautilus_pyo3.WebSocketClient:
        dialect = self._dialect
        silence = dialect.silence_secs
        config = nautilus_pyo3.WebSocketConfig(
            url=self._url(),
            headers=[],
            heartbeat=dialect.heartbeat_secs,
            heartbeat_msg=dialect.heartbeat,
            reconnect_delay_initial_ms=500,
            reconnect_delay_max_ms=30_000,
            idle_timeout_ms=None if silence is None else round(silence * 1000),
        )
        said = list(self._topics)
        client = await nautilus_pyo3.WebSocketClient.connect(
            loop_=self._loop,
            config=config,
            handler=self._listener.on_message,
            post_reconnection=self._on_reconnected,
        )
        await client.send_text(self._message(said, is_on=True))
        return client

    def _url(self) -> str:
        return self._dialect.url_of(self._topics)

    def _on_reconnected(self) -> None:
        self._loop.call_soon_threadsafe(self._after_reconnection)

    def _after_reconnection(self) -> None:
        # The gap is told even where it was shorter than the time between two checks.
        self._tell(stands=False, reason="connection lost")
        self._loop.create_task(self._say(self._topics, is_on=True))
        self._tell(stands=True)

    async def _say(self, topics: Iterable[str], *, is_on: bool) -> None:
        client = self._client
        if client is None:
            return
        try:
            await client.send_text(self._message(topics, is_on=is_on))
        # Lost again meanwhile: after the next reconnection all topics are said anew.
        except (nautilus_pyo3.WebSocketClientError, RuntimeError) as e:
            self._listener.log(f"{self._url()} did not take a subscription, {e}")

    def _message(self, topics: Iterable[str], *, is_on: bool) -> bytes:
        self._number += 1
        return self._dialect.subscription(list(topics), self._number, is_on=is_on)

    def _tell(self, *, stands: bool, reason: str = "connection lost") -> None:
        if stands != self._stands:
            self._stands = stands
            self._listener.on_change("connected" if stands else reason, stands=stands)
