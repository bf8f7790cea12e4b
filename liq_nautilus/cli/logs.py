"""The log of a command: warnings on stderr, everything in a file on request, as text or JSON."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any
from typing import Literal

import typer

from liq_nautilus.cli.common import LogFileOption
from liq_nautilus.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from pathlib import Path

type LogFormat = Literal["text", "json"]
LogFormatOption = Annotated[
    str,
    typer.Option("--log-format", help="Lines of the log file: text or json."),
]
_ROOT = "liq_nautilus"
_LOG = logging.getLogger(__name__)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {
                "time": self.formatTime(record, _TIME),
                "level": record.levelname,
                "logger": record.name,
                "message": record.getMessage(),
                **getattr(record, "fields", {}),
            }
        )


class _LogFile(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        # Python would print a traceback for every line and go on.
        raise  # noqa: PLE0704 - called while the failure is handled


def _log_file(path: Path, log_format: str) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(path, encoding="utf-8")
    except OSError as e:
        msg = f"--log-file must be a file that can be written, {e}; choose another"
        raise SettingError(msg) from e
    handler.setFormatter(formatter_of(log_format))
    return handler


def formatter_of(log_format: str) -> logging.Formatter:
    """Return what makes lines of a log, as text or JSON, in UTC."""
    text = logging.Formatter("%(asctime)s %(levelname)s %(message)s", _TIME)
    formatter = _JsonFormatter() if log_format == "json" else text
    formatter.converter = time.gmtime
    return formatter


def server_logging(path: Path | None, log_format: str) -> dict[str, Any]:
    """
    Return the logging of a server and all its processes, for `logging.config.dictConfig`.

    Parameters
    ----------
    path : Path or None
        The file; without it the log goes to stderr.
    log_format : str
        Lines of text or json.

    Raises
    ------
    SettingError
        If the format is unknown or the file cannot be written.

    """
    _check_format(log_format)
    handler: dict[str, Any] = {"class": "logging.StreamHandler", "formatter": "lines"}
    if path is not None:
        _log_file(path, log_format).close()
        handler |= {"class": "logging.FileHandler", "filename": str(path), "encoding": "utf-8"}
    formatter = {"()": f"{__name__}.{formatter_of.__name__}", "log_format": log_format}
    logger = {"handlers": ["lines"], "level": "INFO", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": formatter},
        "handlers": {"lines": handler},
        "loggers": {_ROOT: logger, "uvicorn": logger},
    }


def with_log[R](command: Callable[..., R]) -> Callable[..., R]:
    """Return a command that takes `--log-file` and `--log-format`, where it does not by itself."""
    signature = inspect.signature(command, eval_str=True)
    if "log_format" in signature.parameters:
        return command

    @functools.wraps(command)
    def run(*, log_file: Path | None = None, log_format: str = "text", **options: Any) -> R:  # noqa: ANN401 - the command's own
        with logging_to(log_file, log_format):
            begun = time.monotonic()
            done = command(**options)
            _LOG.info("%s ended after %.1f s", command.__name__, time.monotonic() - begun)
            return done

    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [one.replace(kind=keyword) for one in signature.parameters.values()]
    added = [
        inspect.Parameter("log_file", keyword, default=None, annotation=LogFileOption),
        inspect.Parameter("log_format", keyword, default="text", annotation=LogFormatOption),
    ]
    run.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined] # what typer reads
    return run


def _check_format(log_format: str) -> None:
    if log_format not in ("text", "json"):
        msg = f"--log-format must be text or json, was {log_format!r}"
        raise SettingError(msg)


@contextmanager
def logging_to(path: Path | None, log_format: str = "text") -> Iterator[None]:
    """
    Write the program's log to a file while the block runs; without a path write it nowhere.

    Raises
    ------
    SettingError
        If the format is unknown or the file cannot be written.

    """
    _check_format(log_format)
    handler = logging.NullHandler() if path is None else _log_file(path, log_format)
    with heard_by(handler, _ROOT):
        yield


@contextmanager
def heard_by(handler: logging.Handler, name: str) -> Iterator[None]:
    """Let a handler hear a logger's messages from INFO on while the block runs; then close it."""
    logger = logging.getLogger(name)
    previous = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(previous)
        handler.close()
