"""
A fake exchange on 127.0.0.1: Binance's, Bybit's and OKX's messages, and faults on demand.

It runs in a thread of its own. What it sends is stamped with real time; only the rhythm is quicker
than at the venue: a bar of one minute closes each `bar_secs`.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit
from weakref import WeakSet

from support.venue_messages import OKX_TOPIC
from support.venue_messages import account
from support.venue_messages import bybit_liquidation
from support.venue_messages import exchange_info
from support.venue_messages import forced_order
from support.venue_messages import now_ms
from support.venue_messages import okx_instruments
from support.venue_messages import okx_liquidation
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from websockets.http11 import Request

MINUTE_MS = 60_000
FUNDING_MS = 8 * 60 * MINUTE_MS


@dataclass
class Rhythm:
    """How often things are sent (seconds of real time; 0 for never)."""

    mark_secs: float = 0.2
    order_secs: float = 0.5
    bar_secs: float = 1.0
    trade_secs: float = 0.0


@dataclass
class Faults:
    """What is wrong at the moment."""

    is_stalled: bool = False
    is_frozen: bool = False
    is_zero: bool = False
    status: int = 200
    retry_after: int | None = None
    n_garbled: int = 0
    n_unknown: int = 0
    n_repeated: int = 0
    n_reordered: int = 0
    held: list[tuple[ServerConnection, str]] = field(default_factory=list)


class FakeExchange:
    """One symbol or several, from a seeded random walk."""

    def __init__(
        self,
        symbols: tuple[str, ...] = ("BTCUSDT",),
        *,
        rhythm: Rhythm | None = None,
        price: float = 100_000.0,
        seed: int = 1,
    ) -> None:
        self.symbols = symbols
        self.rhythm = rhythm or Rhythm()
        self.faults = Faults()
        self.prices = dict.fromkeys(symbols, price)
        self.open_interest = dict.fromkeys(symbols, 80_000.0)
        self.moves = 0.0004
        self.random = random.Random(seed)
        self.requests: list[str] = []
        # Forced orders as sent, in canonical numbers: symbol, side, quantity, price, milliseconds.
        self.forced_orders: list[tuple[str, int, float, float, int]] = []
        self.bybit_orders: list[tuple[str, int, float, float, int]] = []
        self.okx_orders: list[tuple[str, int, float, float, int]] = []
        # Whose account the signed requests are about.
        self.api_key = "key"
        self.balance = 1_234.5
        self.readings: list[tuple[str, float, int]] = []
        self.n_connections = 0
        self.used_weight = 0
        self.history: dict[str, list[Any]] = {}
        self.last_bar: dict[str, list[Any]] = {}
        self._topics: dict[ServerConnection, set[str]] = {}
        self._connections: WeakSet[ServerConnection] = WeakSet()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_ready = threading.Event()
        self._server: Any = None
        self._tasks: list[asyncio.Task[None]] = []
        self.port = 0

    # -- Life --------------------------------------------------------------------------------------

    def start(self) -> FakeExchange:
        self._thread.start()
        assert self._is_ready.wait(10.0)
        return self

    def stop(self) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        self._loop.close()

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    # -- Faults ------------------------------------------------------------------------------------

    def drop(self) -> None:
        """End all connections without a word."""
        self._call(self._drop())

    def restart(self, down_secs: float) -> None:
        """Be away for a while, on the same port."""
        self._call(self._restart(down_secs))

    def refuse(self, status: int, retry_after: int | None = None) -> None:
        self.faults.status, self.faults.retry_after = status, retry_after

    def cascade(self, symbol: str, side: int, n: int, quantity: float = 5.0) -> None:
        """Liquidate several positions at once."""
        self._call(self._cascade(symbol, side, n, quantity))

    # -- Inside ------------------------------------------------------------------------------------

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._open())
        self._tasks = [
            self._loop.create_task(task(symbol))
            for symbol in self.symbols
            for task in (self._marks, self._orders, self._bars, self._trades)
        ]
        self._is_ready.set()
        self._loop.run_forever()

    async def _open(self) -> None:
        self._server = await serve(
            self._serve, "127.0.0.1", self.port, process_request=self._answer, compression=None
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._drop()
        self._server.close()
        await self._server.wait_closed()
        # One that was about to ask when the server went is nobody's.
        for connection in list(self._connections):
            connection.transport.abort()
        await asyncio.sleep(0.01)

    async def _drop(self) -> None:
        for connection in list(self._topics):
            connection.transport.abort()
        self._topics.clear()

    async def _restart(self, down_secs: float) -> None:
        await self._drop()
        self._server.close()
        await self._server.wait_closed()
        await asyncio.sleep(down_secs)
        await self._open()

    async def _serve(self, connection: ServerConnection) -> None:
        self.n_connections += 1
        query = parse_qs(urlsplit(connection.request.path).query)
        topics = self._topics[connection] = set()
        for streams in query.get("streams", []):
            topics.update(streams.split("/"))
        try:
            async for raw in connection:
                if raw == "ping":
                    await connection.send("pong")
                    continue
                await self._take(connection, topics, json.loads(raw))
        except ConnectionClosed:
            pass
        finally:
            self._topics.pop(connection, None)

    async def _take(self, connection: ServerConnection, topics: set[str], message: Any) -> None:
        if "method" in message:
            change = topics.update if message["method"] == "SUBSCRIBE" else topics.difference_update
            change(message["params"])
            await connection.send(json.dumps({"result": None, "id": message["id"]}))
        elif message["op"] == "ping":
            await connection.send(json.dumps({"success": True, "ret_msg": "pong", "op": "ping"}))
        else:
            change = topics.update if message["op"] == "subscribe" else topics.difference_update
            args = message["args"]
            # OKX's channels are objects, and its answer repeats each.
            change(arg if isinstance(arg, str) else arg["channel"] for arg in args)
            if isinstance(args[0], str):
                await connection.send(json.dumps({"success": True, "op": message["op"]}))
            for arg in (arg for arg in args if not isinstance(arg, str)):
                answer = {"id": message["id"], "event": message["op"], "arg": arg, "connId": "1"}
                await connection.send(json.dumps(answer))

    async def _push(self, topic: str, text: str) -> None:
        faults = self.faults
        for connection in [c for c, topics in self._topics.items() if topic in topics]:
            if faults.is_stalled:
                continue
            if faults.n_garbled:
                faults.n_garbled -= 1
                cut = self.random.randrange(1, len(text))
                await self._send(connection, text[:cut] + "\ufffd" + text[cut + 3 :])
            if faults.n_unknown:
                faults.n_unknown -= 1
                other = {"stream": "btcusdt@novelty", "data": {"e": "novelty", "s": "BTCUSDT"}}
                await self._send(connection, json.dumps(other))
            if faults.n_reordered:
                faults.n_reordered -= 1
                faults.held.append((connection, text))
                continue
            await self._send(connection, text)
            if faults.n_repeated:
                faults.n_repeated -= 1
                await self._send(connection, text)
            while faults.held:
                await self._send(*faults.held.pop())

    async def _send(self, connection: ServerConnection, text: str) -> None:
        try:
            await connection.send(text)
        except ConnectionClosed:
            self._topics.pop(connection, None)

    def _move(self, symbol: str) -> float:
        price = self.prices[symbol] * (1.0 + self.random.gauss(0.0, self.moves))
        self.prices[symbol] = round(price, 1)
        return self.prices[symbol]

    async def _marks(self, symbol: str) -> None:
        while self.rhythm.mark_secs:
            await asyncio.sleep(self.rhythm.mark_secs)
            price, now = self._move(symbol), now_ms()
            body = {
                "e": "markPriceUpdate",
                "E": now,
                "s": symbol,
                "p": f"{price:.8f}",
                "i": f"{price:.8f}",
                "P": f"{price:.8f}",
                "r": "0.00010000",
                "T": (now // FUNDING_MS + 1) * FUNDING_MS,
            }
            await self._stream(f"{symbol.lower()}@markPrice@1s", body)

    async def _orders(self, symbol: str) -> None:
        while self.rhythm.order_secs:
            await asyncio.sleep(self.rhythm.order_secs)
            side = self.random.choice((1, -1))
            await self._force(symbol, side, round(self.random.expovariate(2.0) + 0.001, 3))

    async def _cascade(self, symbol: str, side: int, n: int, quantity: float) -> None:
        for i in range(n):
            await self._force(symbol, side, quantity + i / 1000.0)

    async def _force(self, symbol: str, side: int, quantity: float) -> None:
        price, now = self.prices[symbol], now_ms()
        order = (symbol, side, quantity, price, now)
        self.forced_orders.append(order)
        await self._stream(f"{symbol.lower()}@forceOrder", forced_order(*order))
        bybit = bybit_liquidation(*order)
        self.bybit_orders.append(order)
        await self._push(bybit["topic"], json.dumps(bybit))
        self.okx_orders.append(order)
        await self._push(OKX_TOPIC, json.dumps(okx_liquidation(*order)))

    async def _bars(self, symbol: str) -> None:
        opened = self.prices[symbol]
        while self.rhythm.bar_secs:
            await asyncio.sleep(self.rhythm.bar_secs)
            close, now = self.prices[symbol], now_ms()
            bar = self._bar(symbol, now, opened, close)
            self.history.setdefault(symbol, []).append(bar)
            opened = close
            names = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")
            k = dict(zip(names, bar, strict=True))
            k |= {"s": symbol, "i": "1m", "f": 1, "L": 2, "x": True}
            body = {"e": "kline", "E": now, "s": symbol, "k": k}
            await self._stream(f"{symbol.lower()}@kline_1m", body)

    def _bar(self, symbol: str, now: int, opened: float, close: float) -> list[Any]:
        high, low = max(opened, close) * 1.0001, min(opened, close) * 0.9999
        numbers = [f"{x:.2f}" for x in (opened, high, low, close)]
        start = now - MINUTE_MS
        return [start, *numbers, "12.500", now - 1, "1250000.0", 20, "6.000", "600000.0", "0"]

    async def _trades(self, symbol: str) -> None:
        number = 0
        while self.rhythm.trade_secs:
            await asyncio.sleep(self.rhythm.trade_secs)
            number += 1
            now = now_ms()
            body = {
                "e": "aggTrade",
                "E": now,
                "s": symbol,
                "a": number,
                "p": f"{self._move(symbol):.2f}",
                "q": "0.050",
                "f": number,
                "l": number,
                "T": now,
                "m": bool(number % 2),
            }
            await self._stream(f"{symbol.lower()}@aggTrade", body)

    async def _stream(self, stream: str, body: dict[str, Any]) -> None:
        await self._push(stream, json.dumps({"stream": stream, "data": body}))

    # -- REST --------------------------------------------------------------------------------------

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self._connections.add(connection)
        parts = urlsplit(request.path)
        if parts.path.endswith(("/stream", "/v5/public/linear", "/ws/v5/public")):
            return None
        self.requests.append(request.path)
        self.used_weight += 1
        headers = Headers({"Content-Type": "application/json", "Connection": "close"})
        headers["X-MBX-USED-WEIGHT-1M"] = str(self.used_weight)
        faults = self.faults
        if faults.status != 200:
            if faults.retry_after is not None:
                headers["Retry-After"] = str(faults.retry_after)
            body = b'{"code":-1003,"msg":"Too many requests"}'
            headers["Content-Length"] = str(len(body))
            return Response(faults.status, "refused", headers, body)
        if "signature=" in parts.query and request.headers.get("X-MBX-APIKEY") != self.api_key:
            body = b'{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}'
            headers["Content-Length"] = str(len(body))
            return Response(401, "refused", headers, body)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        document = self._document(parts.path, query)
        body = json.dumps(document).encode()
        headers["Content-Length"] = str(len(body))
        return Response(200 if document is not None else 404, "answer", headers, body)

    def _document(self, path: str, query: dict[str, str]) -> Any:
        symbol = query.get("symbol", self.symbols[0])
        if path == "/fapi/v1/openInterest":
            return self._open_interest(symbol)
        documents = {
            "/api/v5/public/instruments": lambda: okx_instruments(self.symbols),
            "/fapi/v1/ping": dict,
            "/fapi/v2/account": lambda: account(self.balance),
            "/fapi/v3/account": lambda: account(self.balance),
            "/fapi/v1/time": lambda: {"serverTime": now_ms()},
            "/fapi/v1/exchangeInfo": lambda: exchange_info(self.symbols),
            "/fapi/v1/fundingRate": lambda: self._funding(symbol, query),
            "/futures/data/openInterestHist": lambda: self._statistics(symbol, query),
            "/fapi/v1/klines": lambda: self._klines(symbol, query),
        }
        return documents[path]() if path in documents else None

    def _open_interest(self, symbol: str) -> dict[str, Any]:
        faults = self.faults
        if not faults.is_frozen:
            change = 1.0 + self.random.gauss(0.0, 0.002)
            self.open_interest[symbol] = round(self.open_interest[symbol] * change, 3)
        contracts = 0.0 if faults.is_zero else self.open_interest[symbol]
        now = now_ms()
        if not faults.is_zero:
            self.readings.append((symbol, contracts, now))
        return {"openInterest": f"{contracts:.3f}", "symbol": symbol, "time": now}

    def _funding(self, symbol: str, query: dict[str, str]) -> list[dict[str, Any]]:
        last = int(query.get("endTime", now_ms())) // FUNDING_MS
        first = -(-int(query.get("startTime", (last - 2) * FUNDING_MS)) // FUNDING_MS)
        return [
            {
                "symbol": symbol,
                "fundingRate": "0.00010000",
                "fundingTime": number * FUNDING_MS + number % 7,
                "markPrice": "100000.0",
            }
            for number in range(first, last + 1)
        ][: int(query.get("limit", 100))]

    def _statistics(self, symbol: str, query: dict[str, str]) -> list[dict[str, Any]]:
        step = 5 * MINUTE_MS
        last = int(query.get("endTime", now_ms())) // step
        first = -(-int(query.get("startTime", (last - 29) * step)) // step)
        rows = []
        for number in range(first, last + 1):
            contracts = 80_000.0 + 50.0 * ((number * 7919) % 101)
            rows.append(
                {
                    "symbol": symbol,
                    "sumOpenInterest": f"{contracts:.3f}",
                    "sumOpenInterestValue": f"{contracts * self.prices[symbol]:.3f}",
                    "timestamp": number * step,
                }
            )
        return rows[: int(query.get("limit", 30))]

    def _klines(self, symbol: str, query: dict[str, str]) -> list[list[Any]]:
        start = int(query.get("startTime", 0))
        # What was sent lately; what lies farther back is made up.
        if start > now_ms() - 5 * MINUTE_MS:
            sent = [bar for bar in self.history.get(symbol, []) if bar[0] >= start]
            if sent:
                return sent[: int(query.get("limit", 500))]
        last = int(query.get("endTime", now_ms())) // MINUTE_MS
        first = -(-int(query.get("startTime", (last - 499) * MINUTE_MS)) // MINUTE_MS)
        rows = []
        for number in range(first, last):
            price = self.prices[symbol] * (1.0 + 0.001 * ((number * 104_729) % 17 - 8))
            after = self.prices[symbol] * (1.0 + 0.001 * (((number + 1) * 104_729) % 17 - 8))
            bar = self._bar(symbol, (number + 1) * MINUTE_MS, round(price, 1), round(after, 1))
            rows.append(bar)
        return rows[: int(query.get("limit", 500))]
