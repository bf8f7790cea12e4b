"""Pages under `/`: heatmap, map and comparison, drawn from figures that are fetched as needed."""

from __future__ import annotations

import functools
from html import escape
from importlib import resources
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Final
from typing import NamedTuple

from fastapi import APIRouter
from fastapi import Depends
from fastapi import Request
from fastapi import Response
from fastapi.responses import HTMLResponse

from liq_nautilus.api.desk import Subject
from liq_nautilus.api.questions import REFUSALS
from liq_nautilus.api.questions import Model
from liq_nautilus.api.questions import Moment
from liq_nautilus.api.questions import Symbol
from liq_nautilus.api.questions import reply
from liq_nautilus.api.questions import window_of
from liq_nautilus.queries import asking
from liq_nautilus.queries.time_windows import TIMEFRAMES
from liq_nautilus.queries.time_windows import Window

if TYPE_CHECKING:
    from liq_nautilus.api.settings import ServerSettings


class _Page(NamedTuple):
    # What is drawn, where, under which title, and what may be chosen.
    figure: str
    path: str
    title: str
    fields: tuple[str, ...]


_PAGES: Final = (
    _Page("heatmap", "/", "Heatmap", ("symbol", "model", "timeframe")),
    _Page("map", "/map", "Map", ("symbol", "model")),
    _Page("compare", "/compare", "Models", ("symbol",)),
)
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'self'"
)
_JAVASCRIPT: Final = "text/javascript"
router: Final = APIRouter()


async def _page(request: Request) -> HTMLResponse:
    shown = next(page for page in _PAGES if page.path == request.url.path)
    links = "".join(
        f'<a href="{page.path}"{" class=here" if page is shown else ""}>{page.title}</a>'
        for page in _PAGES
    )
    files = await request.app.state.desk.catalog()
    options = {
        "symbol": files.symbols,
        "model": reversed(asking.MODELS),
        "timeframe": reversed(TIMEFRAMES),
    }
    choices = "".join(
        f'<label>{field} <select id="{field}">'
        + "".join(f"<option>{escape(option)}</option>" for option in options[field])
        + "</select></label>"
        for field in shown.fields
    )
    text = _file("api", "live.html")
    for key, value in (("links", links), ("choices", choices), ("figure", shown.figure)):
        text = text.replace(f"@{key}@", value)
    return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY})


for _one in _PAGES:
    router.get(_one.path, include_in_schema=False)(_page)


@router.get("/assets/plotly.js", include_in_schema=False)
def plotly() -> Response:
    """Return the library that draws."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - only pages need it

    kept = {"Cache-Control": "private, max-age=86400"}
    return Response(get_plotlyjs(), media_type=_JAVASCRIPT, headers=kept)


@router.get("/assets/live.js", include_in_schema=False)
def script() -> Response:
    """Return what fetches figures."""
    return Response(_file("api", "live.js"), media_type=_JAVASCRIPT)


@router.get("/assets/fitted.js", include_in_schema=False)
def fitting() -> Response:
    """Return what fits figures to the screen, as in reports."""
    return Response(_file("reports", "fitted.js"), media_type=_JAVASCRIPT)


@router.get("/assets/page.css", include_in_schema=False)
def style() -> Response:
    """Return the style that reports have too."""
    return Response(_file("reports", "page.css"), media_type="text/css")


@router.get("/figures/heatmap", responses=REFUSALS)
async def heatmap(
    request: Request,
    window: Annotated[Window, Depends(window_of)],
    symbol: Symbol = None,
    model: Model = "ensemble",
) -> Response:
    """Return the heatmap as a Plotly figure."""

    def make(given: ServerSettings) -> bytes:
        from liq_nautilus.reports.answer_pages import heatmap_of  # noqa: PLC0415 - only this page needs it

        answer = asking.heatmap(given.catalog, symbol, model, window, **given.assumed)
        return str(heatmap_of(answer).to_json()).encode()

    return await reply(request, Subject(symbol, window=window), make)


@router.get("/figures/map", responses=REFUSALS)
async def level_map(
    request: Request, symbol: Symbol = None, model: Model = "ensemble", at: Moment = None
) -> Response:
    """Return the levels at a moment as a Plotly figure."""

    def make(given: ServerSettings) -> bytes:
        from liq_nautilus.reports.answer_pages import map_of  # noqa: PLC0415 - only this page needs it

        answer = asking.levels(given.catalog, symbol, model, at=at, **given.assumed)
        return str(map_of(answer).to_json()).encode()

    return await reply(request, Subject(symbol, at), make)


@router.get("/figures/compare", responses=REFUSALS)
async def compare(request: Request, symbol: Symbol = None, at: Moment = None) -> Response:
    """Return the models side by side as a Plotly figure."""

    def make(given: ServerSettings) -> bytes:
        from liq_nautilus.reports.answer_pages import comparison_of  # noqa: PLC0415 - only this page needs it

        answer = asking.compare(given.catalog, symbol, at=at, **given.assumed)
        return str(comparison_of(answer).to_json()).encode()

    return await reply(request, Subject(symbol, at), make)


@functools.cache
def _file(room: str, name: str) -> str:
    return resources.files(f"liq_nautilus.{room}").joinpath(name).read_text(encoding="utf-8")
