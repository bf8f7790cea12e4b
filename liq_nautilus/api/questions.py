"""What the paths share: parameters with their limits, and how an answer is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any
from typing import Final
from typing import Literal

from fastapi import Query
from fastapi import Request
from fastapi import Response

from liq_nautilus.queries.time_windows import MAX_ROWS
from liq_nautilus.queries.time_windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from liq_nautilus.api.desk import Desk
    from liq_nautilus.api.desk import Subject
    from liq_nautilus.api.settings import ServerSettings

_JSON: Final = "application/json"

Symbol = Annotated[
    str | None,
    Query(pattern="^[A-Z0-9_]{1,30}$", description="Such as BTCUSDT; needed if there are several."),
]
Model = Annotated[
    Literal["binance_standard", "funding_adjusted", "py_liquidation_map", "ensemble"],
    Query(description="Whose map."),
]
Moment = Annotated[
    str | None, Query(max_length=40, description="ISO 8601, UTC; by default the newest.")
]
_Price = Annotated[float | None, Query(gt=0, lt=1e12, allow_inf_nan=False)]
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"description": "The token is missing or wrong."},
    404: {"description": "The catalog has no data for the request."},
    503: {"description": "Try again after the seconds that `Retry-After` says."},
}


def window_of(
    timeframe: Annotated[Literal["1h", "4h", "12h", "1d", "7d", "30d"] | None, Query()] = None,
    resolution: Annotated[
        Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d"] | None, Query()
    ] = None,
    start: Moment = None,
    end: Moment = None,
    price_low: _Price = None,
    price_high: _Price = None,
    rows: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 240,
) -> Window:
    """Return the window that a request's parameters name."""
    return Window(timeframe, start, end, resolution, price_low, price_high, rows)


async def reply(
    request: Request, subject: Subject, make: Callable[[ServerSettings], bytes]
) -> Response:
    """
    Return the answer to a request, or that the one who asked has it already.

    Parameters
    ----------
    request : Request
        Its path and parameters are the question.
    subject : Subject
        What it is about.
    make : callable
        Makes the answer.

    """
    desk: Desk = request.app.state.desk
    question = f"{request.url.path}?{request.url.query}"
    made = await desk.answer(question, subject, lambda: make(desk.settings))
    headers = {"ETag": made.etag, "Cache-Control": "private, no-cache"}
    if made.etag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return Response(made.content, media_type=_JSON, headers=headers)
