"""`liq-nautilus serve`: the same answers over HTTP, with pages."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any

import typer

from liq_nautilus.cli.common import DEFAULT_CATALOG
from liq_nautilus.cli.common import CatalogOption
from liq_nautilus.cli.common import LogFileOption
from liq_nautilus.cli.common import say
from liq_nautilus.cli.logs import LogFormatOption
from liq_nautilus.cli.logs import server_logging
from liq_nautilus.cli.questions.options import BracketsOption  # noqa: TC001 - read by typer
from liq_nautilus.cli.questions.options import ParamsOption  # noqa: TC001 - read by typer
from liq_nautilus.cli.questions.options import WeightsOption  # noqa: TC001 - read by typer
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from types import FrameType

_GRACE_SECONDS = 30


def serve(
    catalog: CatalogOption = DEFAULT_CATALOG,
    host: Annotated[
        str,
        typer.Option("--host", help="Address to listen on.", envvar="LIQ_NAUTILUS_HOST"),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            "--port", help="Port to listen on.", envvar="LIQ_NAUTILUS_PORT", min=0, max=65_535
        ),
    ] = 8000,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=64, help="How many processes answer.")
    ] = 1,
    params: ParamsOption = None,
    brackets: BracketsOption = None,
    model_weights: WeightsOption = None,
    log_file: LogFileOption = None,
    log_format: LogFormatOption = "text",
) -> None:
    """
    Answer over HTTP, with pages under / (extra `api`).

    On other than loopback addresses a token is needed, in LIQ_NAUTILUS_TOKEN: each request shows
    it as a bearer token, a browser as the password it asks for. SIGTERM and Ctrl+C let requests
    that have begun end first.

    Example: liq-nautilus serve --catalog catalog --port 8000
    """
    given = {
        "catalog": catalog,
        "params": params,
        "brackets": brackets,
        "model_weights": model_weights,
    }
    _check(given, host)
    import uvicorn

    # Uvicorn ends by the signal it was stopped by, once all is answered.
    signal.signal(signal.SIGTERM, _end)
    say(f"http://{host}:{port}/")
    uvicorn.run(
        "liq_nautilus.api.app:create_app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_config=server_logging(log_file, log_format),
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )


def _check(given: dict[str, Any], host: str) -> None:
    # Workers are processes of their own: they read the settings from the environment.
    try:
        import uvicorn  # noqa: F401 - whether it is there

        from liq_nautilus.api.settings import VARIABLES
        from liq_nautilus.api.settings import is_loopback
        from liq_nautilus.api.settings import settings_from
    except ImportError as e:
        msg = (
            f"`serve` must have the extra `api`, {e.name} is missing: pip install liq-nautilus[api]"
        )
        raise SettingError(msg) from e
    os.environ |= {VARIABLES[name]: str(value) for name, value in given.items() if value}
    if not is_loopback(host) and not settings_from().token:
        msg = f"--host must be a loopback address without LIQ_NAUTILUS_TOKEN, was {host}; set it"
        raise SettingError(msg)


def _end(_: int, __: FrameType | None) -> None:
    sys.exit(0)
