"""Requests to a venue's REST interface: weights counted, refusals obeyed, failures told."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

from nautilus_trader.core import nautilus_pyo3

from liq_nautilus.errors import LiqNautilusError
from liq_nautilus.nautilus.live.sources import binance
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping

_MINUTE_NS: Final = 60 * SECOND_NS
# This share of the address's weight is left to others.
_SHARE: Final = 0.8
_FIRST_DELAY_SECS: Final = 1.0
_LONGEST_DELAY_SECS: Final = 60.0
_REFUSED: Final = (418, 429)
_OK: Final = 200
_WRONG: Final = 400


class RequestError(LiqNautilusError):
    """
    A request was not answered with data.

    Parameters
    ----------
    message : str
        The whole line.
    status : int, optional
        HTTP's; 0 where there was no answer at all.

    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class WeightBudget:
    """
    How long to wait before a request, so that the venue never has to refuse it.

    Weights are counted per minute of UTC, as the venue does; what its header says, which includes
    other programs at the same address, counts if it is more.

    Parameters
    ----------
    limit : int, optional
        The venue's weight per minute; four fifths of it are used.

    """

    def __init__(self, limit: int = binance.WEIGHT_LIMIT) -> None:
        self._allowed = limit * _SHARE
        self._minute = -1
        self._used = 0.0
        self._closed_until_ns = 0

    @property
    def used(self) -> float:
        """The weight used in the newest minute."""
        return self._used

    def delay_secs(self, weight: float, ts: int) -> float:
        """Return how long a request of a weight must wait at a time (UTC nanoseconds)."""
        self._turn(ts)
        wait_ns = max(self._closed_until_ns - ts, 0)
        if self._used + weight > self._allowed:
            wait_ns = max(wait_ns, (self._minute + 1) * _MINUTE_NS - ts)
        return wait_ns / SECOND_NS

    def spend(self, weight: float, ts: int) -> None:
        """Count a request."""
        self._turn(ts)
        self._used += weight

    def note_header(self, text: str | None, ts: int) -> None:
        """Take in what the venue has counted."""
        self._turn(ts)
        if text is not None and text.isdigit():
            self._used = max(self._used, float(text))

    def close(self, secs: float, ts: int) -> None:
        """Send nothing for a while."""
        self._closed_until_ns = max(self._closed_until_ns, ts + round(secs * SECOND_NS))

    def _turn(self, ts: int) -> None:
        minute = ts // _MINUTE_NS
        if minute > self._minute:
            self._minute, self._used = minute, 0.0


class Backoff:
    """Delays of 1, 2, 4 ... seconds up to a minute, from the first again after a success."""

    def __init__(self) -> None:
        self._n = 0

    def next_secs(self) -> float:
        """Return the delay before the next attempt."""
        delay = min(_FIRST_DELAY_SECS * 2.0**self._n, _LONGEST_DELAY_SECS)
        self._n = min(self._n + 1, 10)
        return delay

    def succeed(self) -> None:
        """Begin anew."""
        self._n = 0


class RestClient:
    """
    GET requests over Nautilus's HTTP client.

    A refusal (418 or 429) closes the client for as long as the venue says, or for a delay that
    doubles; server errors and lost connections are told to the caller, who tries again later.

    Parameters
    ----------
    base_url : str
        The address without a path.
    timestamp_ns : callable
        The clock (UTC nanoseconds).
    timeout_secs : int, optional
        How long an answer may take.

    """

    def __init__(
        self, base_url: str, timestamp_ns: Callable[[], int], timeout_secs: int = 10
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._timestamp_ns = timestamp_ns
        self._http = nautilus_pyo3.HttpClient(
            header_keys=[binance.WEIGHT_HEADER, "retry-after"], timeout_secs=timeout_secs
        )
        self._refusals = Backoff()
        self.budget = WeightBudget()

    async def get(self, path: str, **params: str | int) -> bytes:
        """
        Return the body of an answer.

        Raises
        ------
        RequestError
            If it was refused, failed, or never came.

        """
        weight = binance.WEIGHTS.get(path, 1)
        # A turn of the minute, not an event, makes room again.
        while delay := self.budget.delay_secs(weight, self._timestamp_ns()):  # noqa: ASYNC110 - time, no event, frees the budget
            await asyncio.sleep(delay)
        self.budget.spend(weight, self._timestamp_ns())
        query = {name: str(value) for name, value in params.items()}
        try:
            response = await self._http.get(self._base_url + path, params=query)
        except (nautilus_pyo3.HttpError, nautilus_pyo3.HttpTimeoutError) as e:
            msg = f"{self._base_url}{path} must answer, did not: {e}; trying again"
            raise RequestError(msg) from e
        self._check(path, response.status, response.headers)
        return bytes(response.body)

    def _check(self, path: str, status: int, headers: Mapping[str, Any]) -> None:
        now = self._timestamp_ns()
        self.budget.note_header(headers.get(binance.WEIGHT_HEADER), now)
        if status in _REFUSED:
            delay = self._refusal_secs(headers.get("retry-after"))
            self.budget.close(delay, now)
            msg = f"{path} was refused with {status}; nothing is sent for {delay:g} s"
            raise RequestError(msg, status)
        if status >= _WRONG or status < _OK:
            msg = f"{path} must answer with data, answered {status}; trying again"
            raise RequestError(msg, status)
        self._refusals.succeed()

    def _refusal_secs(self, text: str | None) -> float:
        try:
            stated = float(text) if text is not None else math.nan
        except ValueError:
            stated = math.nan
        own = self._refusals.next_secs()
        return stated if math.isfinite(stated) and stated >= 0.0 else own
