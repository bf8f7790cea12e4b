"""The documents of the command line, by path."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from importlib import metadata
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any
from typing import Final
from typing import Literal

from fastapi import APIRouter
from fastapi import Depends
from fastapi import Query
from fastapi import Request
from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from liq_nautilus.api.desk import Subject
from liq_nautilus.api.questions import REFUSALS
from liq_nautilus.api.questions import Model
from liq_nautilus.api.questions import Moment
from liq_nautilus.api.questions import Symbol
from liq_nautilus.api.questions import reply
from liq_nautilus.api.questions import window_of
from liq_nautilus.queries import asking
from liq_nautilus.queries.forecast import forecast as forecast_of
from liq_nautilus.queries.time_windows import Window  # noqa: TC001 - read by FastAPI
from liq_nautilus.times import SECOND_NS
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from liq_nautilus.api.settings import ServerSettings
    from liq_nautilus.nautilus.catalog.inventory import Catalog

_MAX_EVENTS: Final = 10_000
_USUAL_EVENTS: Final = 1_000
router: Final = APIRouter()


@router.get("/health")
async def health(request: Request) -> dict[str, Any]:
    """Say how fresh each input is."""
    files = await request.app.state.desk.catalog()
    return await run_in_threadpool(_health, files)


@router.get("/liquidations/levels", responses=REFUSALS)
async def levels(
    request: Request,
    symbol: Symbol = None,
    model: Model = "ensemble",
    leverage: Annotated[float | None, Query(ge=1, le=1000, allow_inf_nan=False)] = None,
    at: Moment = None,
) -> Response:
    """Return a model's levels at a moment."""

    def make(given: ServerSettings) -> bytes:
        answer = asking.levels(
            given.catalog, symbol, model, leverage=leverage, at=at, **given.assumed
        )
        return answer.to_json()

    return await reply(request, Subject(symbol, at), make)


@router.get("/liquidations/heatmap", responses=REFUSALS)
async def heatmap(
    request: Request,
    window: Annotated[Window, Depends(window_of)],
    symbol: Symbol = None,
    model: Model = "ensemble",
) -> Response:
    """Return the map over a window of time."""

    def make(given: ServerSettings) -> bytes:
        return asking.heatmap(given.catalog, symbol, model, window, **given.assumed).to_json()

    return await reply(request, Subject(symbol, window=window), make)


@router.get("/liquidations/history", responses=REFUSALS)
async def history(
    request: Request,
    symbol: Symbol = None,
    start: Moment = None,
    end: Moment = None,
    aggregate: Annotated[Literal["5m", "15m", "30m", "1h", "4h", "1d"] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=_MAX_EVENTS)] = _USUAL_EVENTS,
) -> Response:
    """Return the last liquidations of a window."""

    def make(given: ServerSettings) -> bytes:
        answer = asking.history(
            given.catalog, symbol, start=start, end=end, aggregate=aggregate, limit=limit
        )
        return answer.to_json()

    return await reply(request, Subject(symbol, is_of_map=False), make)


@router.get("/liquidations/compare-models", responses=REFUSALS)
async def compare(request: Request, symbol: Symbol = None, at: Moment = None) -> Response:
    """Return all models side by side."""

    def make(given: ServerSettings) -> bytes:
        return asking.compare(given.catalog, symbol, at=at, **given.assumed).to_json()

    return await reply(request, Subject(symbol, at), make)


@router.get("/liquidations/forecast", responses=REFUSALS)
async def forecast(
    request: Request,
    symbol: Symbol = None,
    at: Moment = None,
    horizon: Annotated[Literal["1h", "4h", "1d"], Query()] = "1h",
) -> Response:
    """Return how much will be liquidated over a horizon."""

    def make(given: ServerSettings) -> bytes:
        return forecast_of(given.catalog, symbol, horizon, at=at, **given.assumed).to_json()

    return await reply(request, Subject(symbol, at), make)


@router.get("/trading/signals", responses=REFUSALS)
async def signals(request: Request, symbol: Symbol = None, at: Moment = None) -> Response:
    """Return the signal in force."""

    def make(given: ServerSettings) -> bytes:
        return asking.signals(given.catalog, symbol, at=at, **given.assumed).to_json()

    return await reply(request, Subject(symbol, at), make)


def _health(files: Catalog) -> dict[str, Any]:
    now_ns = int(datetime.now(tz=UTC).timestamp() * SECOND_NS)
    inputs = [
        {
            "symbol": series.symbol,
            "kind": series.kind,
            "newest": iso(series.last_ns),
            "age_seconds": (now_ns - series.last_ns) // SECOND_NS,
        }
        for series in files.series
    ]
    status = "ok" if inputs else "empty"
    return {"status": status, "version": metadata.version("liq-nautilus"), "inputs": inputs}
