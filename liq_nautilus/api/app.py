"""The application: documents, pages, refusals, token and log."""

from __future__ import annotations

import logging
import secrets
import time
from base64 import b64decode
from contextlib import asynccontextmanager
from importlib import metadata
from typing import TYPE_CHECKING
from typing import Final

from fastapi import FastAPI
from fastapi import Request
from fastapi.responses import JSONResponse

from liq_nautilus.api import documents
from liq_nautilus.api import page_routes as pages
from liq_nautilus.api.desk import Desk
from liq_nautilus.api.following_catalog import BusyError
from liq_nautilus.api.settings import ServerSettings
from liq_nautilus.api.settings import is_loopback
from liq_nautilus.api.settings import settings_from
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from collections.abc import Awaitable
    from collections.abc import Callable

    from fastapi import Response

_LOG: Final = logging.getLogger(__name__)


def create_app(settings: ServerSettings | None = None) -> FastAPI:
    """
    Return the application.

    Parameters
    ----------
    settings : ServerSettings, optional
        What is answered from; by default what the environment says.

    """
    desk = Desk(settings_from() if settings is None else settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()

    app = FastAPI(
        title="liq_nautilus",
        version=metadata.version("liq-nautilus"),
        description="Where leveraged Binance futures positions get liquidated.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.desk = desk
    app.add_exception_handler(SettingError, _wrong)
    app.add_exception_handler(DataGapError, _absent)
    app.add_exception_handler(BusyError, _busy)
    app.middleware("http")(_watch)
    app.include_router(documents.router)
    app.include_router(pages.router)
    return app


def _refusal(
    status: int, reason: str, request: Request, headers: dict[str, str] | None = None
) -> JSONResponse:
    # Where the catalog lies is nobody's business.
    folder = request.app.state.desk.settings.catalog
    for path in (folder.absolute(), folder):
        reason = reason.replace(str(path), "the catalog")
    return JSONResponse({"detail": reason}, status, headers)


async def _wrong(request: Request, error: Exception) -> Response:
    return _refusal(422, str(error), request)


async def _absent(request: Request, error: Exception) -> Response:
    return _refusal(404, str(error), request)


async def _busy(request: Request, error: Exception) -> Response:
    wait = error.retry_after if isinstance(error, BusyError) else 1
    return _refusal(503, str(error), request, {"Retry-After": str(wait)})


async def _watch(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    begin = time.perf_counter()
    response = _stopped(request) or await call_next(request)
    response.headers["X-Content-Type-Options"] = "nosniff"
    told = {
        "method": request.method,
        "path": request.url.path,
        "status": response.status_code,
        "milliseconds": round(1e3 * (time.perf_counter() - begin), 1),
    }
    text = "%(method)s %(path)s %(status)d %(milliseconds).1f ms"
    _LOG.info(text, told, extra={"fields": told})
    return response


def _stopped(request: Request) -> Response | None:
    token = request.app.state.desk.settings.token
    if token:
        headers = {"WWW-Authenticate": 'Basic realm="liq_nautilus"'}
        reason = "a token is needed, as a bearer token or as the password"
        return None if _shows(request, token) else _refusal(401, reason, request, headers)
    if is_loopback(request.url.hostname):
        return None
    # A foreign page whose name was made to point here would otherwise read along.
    return _refusal(421, "without a token only a loopback address may be asked", request)


def _shows(request: Request, token: str) -> bool:
    # A bearer token, or the password that a browser asks for.
    kind, _, shown = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            shown = b64decode(shown, validate=True).decode().partition(":")[2]
        except ValueError:
            return False
    elif kind.lower() != "bearer":
        return False
    return secrets.compare_digest(shown.encode(), token.encode())
