"""Where answers are made and kept for ten minutes, so that an equal question costs nothing."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import OrderedDict
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

from fastapi.concurrency import run_in_threadpool

from liq_nautilus.api.following_catalog import BusyError
from liq_nautilus.api.following_catalog import Following
from liq_nautilus.api.following_catalog import Stretch
from liq_nautilus.errors import StoreError
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import only_symbol
from liq_nautilus.queries.asking import open_map
from liq_nautilus.queries.derived.day_prints import print_of
from liq_nautilus.queries.derived.day_prints import version_of
from liq_nautilus.queries.time_windows import ask_of
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from liq_nautilus.api.settings import ServerSettings
    from liq_nautilus.queries.time_windows import Window

KEPT_SECONDS: Final = 600.0
_KEPT_BYTES: Final = 64 * 1024**2
_LOOK_SECONDS: Final = 1.0


class Subject(NamedTuple):
    """What a question is about: a symbol (or the only one), at a moment or over a window."""

    symbol: str | None
    at: str | None = None
    window: Window | None = None
    is_of_map: bool = True


class Made(NamedTuple):
    """An answer as bytes, and what names it."""

    content: bytes
    etag: str


class _Seen(NamedTuple):
    # What the catalog held when it was last looked at, and a fingerprint per symbol.
    at: float
    files: Catalog
    versions: dict[str, str]


class Desk:
    """
    Makes answers, each once, and keeps them.

    Parameters
    ----------
    settings : ServerSettings
        What is answered from.

    """

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.following = Following()
        self._kept: OrderedDict[str, tuple[float, Made]] = OrderedDict()
        self._bytes = 0
        self._making: dict[str, asyncio.Task[Made]] = {}
        self._seen: _Seen | None = None

    def close(self) -> None:
        """Stop what is being computed."""
        self.following.close()

    async def answer(self, question: str, subject: Subject, make: Callable[[], bytes]) -> Made:
        """
        Return the answer to a question, made anew when the data changed.

        Parameters
        ----------
        question : str
            What is asked: two equal texts have equal answers over the same data.
        subject : Subject
            Whose data it depends on.
        make : callable
            Makes the answer, in a thread of its own.

        Raises
        ------
        BusyError
            If the catalog cannot be read, after as many tries as the settings say, or a map takes
            longer than the settings' patience.
        DataGapError, SettingError
            If the catalog lacks what is asked for, or the question is wrong.

        """
        version = await self._version(subject.symbol)
        name = print_of(f"{_program()} {version} {question}".encode())
        found = self._find(name)
        if found is not None:
            return found
        task = self._making.get(name)
        if task is None:
            task = asyncio.create_task(self._made(name, subject, make))
            self._making[name] = task
            task.add_done_callback(lambda done: self._forget(name, done))
        # Whoever goes away leaves the others their answer.
        return await asyncio.shield(task)

    async def catalog(self) -> Catalog:
        """Return what the catalog holds, as seen at most a second ago."""
        return (await self._look()).files

    def _forget(self, name: str, done: asyncio.Task[Made]) -> None:
        self._making.pop(name, None)
        if not done.cancelled():
            # Nobody may be left to be told.
            done.exception()

    async def _made(self, name: str, subject: Subject, make: Callable[[], bytes]) -> Made:
        if subject.is_of_map:
            stretch = await self._tried(lambda: self._not_followed(subject))
            if stretch is not None:
                await self.following.finished(stretch, self.settings.patience_seconds)
        made = Made(await self._tried(make), f'"{name}"')
        self._keep(name, made)
        return made

    def _not_followed(self, subject: Subject) -> Stretch | None:
        # None where at most the newest day is left to be followed, which the answer does.
        given = self.settings
        window = subject.window
        asked_at = subject.at if window is None else window.end
        kept, at_ns = open_map(given.catalog, subject.symbol, asked_at, **given.assumed)
        last = len(kept.days) - 1 if at_ns is None else kept.index_at(at_ns)
        first = last - 1
        if window is not None:
            end_ns = kept.days[-1].start_ns + DAY_NS if at_ns is None else at_ns
            first, _ = kept.between(ask_of(window, end_ns)[1].start_ns, end_ns)
        has_records = window is not None
        if first >= last or first < 0 or kept.is_followed(first, last, has_records=has_records):
            return None
        begin, end = kept.days[first], kept.days[last - 1]
        return Stretch(kept.basis, begin.start_ns, end.start_ns, has_records)

    async def _tried[T](self, make: Callable[[], T]) -> T:
        # The catalog may be written to, or lie on a network: a failure may pass.
        for wait in self.settings.waits_seconds:
            try:
                return await run_in_threadpool(make)
            except StoreError:
                await asyncio.sleep(wait)
        try:
            return await run_in_threadpool(make)
        except StoreError as e:
            raise BusyError(str(e)) from e

    async def _version(self, symbol: str | None) -> str:
        seen = await self._look()
        return seen.versions[only_symbol(seen.files, symbol)]

    async def _look(self) -> _Seen:
        # Once a second: what is recorded meanwhile shows in the next one.
        seen = self._seen
        if seen is None or time.monotonic() - seen.at > _LOOK_SECONDS:
            seen = await self._tried(lambda: _looked_at(self.settings))
            self._seen = seen
        return seen

    def _find(self, name: str) -> Made | None:
        found = self._kept.get(name)
        if found is None or time.monotonic() - found[0] > KEPT_SECONDS:
            return None
        self._kept.move_to_end(name)
        return found[1]

    def _keep(self, name: str, made: Made) -> None:
        old = self._kept.pop(name, None)
        self._bytes += len(made.content) - (len(old[1].content) if old else 0)
        self._kept[name] = (time.monotonic(), made)
        while self._bytes > _KEPT_BYTES and len(self._kept) > 1:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._bytes -= len(oldest.content)


@functools.cache
def _program() -> str:
    # Another version of the program may answer otherwise.
    package = Path(str(resources.files("liq_nautilus")))
    sources = [path for path in package.rglob("*.*") if path.suffix != ".pyc"]
    seen = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(sources)]
    return print_of(repr(seen).encode())


def _looked_at(settings: ServerSettings) -> _Seen:
    files = Catalog(settings.catalog)
    versions = {symbol: version_of(files, symbol) for symbol in files.symbols}
    return _Seen(time.monotonic(), files, versions)
