"""
Downloads Binance's public dump: several files at once, resumed where they broke, verified.

A file is complete only under its final name: what is under way ends in `.part`.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import TYPE_CHECKING
from typing import Final
from typing import Protocol

import httpx

from liq_nautilus.data.kinds import KINDS
from liq_nautilus.data.kinds import Dump
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.times import INTERVALS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from collections.abc import Callable
    from collections.abc import Sequence
    from pathlib import Path

BASE_URL: Final = "https://data.binance.vision/data"
RETRY_SECONDS: Final = (1.0, 2.0, 4.0)
_NOT_FOUND: Final = 404
_RANGE_REFUSED: Final = 416
_PARTIAL: Final = 206

DOWNLOADED: Final = "downloaded"
PRESENT: Final = "present"
MISSING: Final = "missing"
FAILED: Final = "failed"


class Progress(Protocol):
    """Who wants to know how far the download is."""

    def __call__(self, n_bytes: int, finished: str | None) -> None:
        """Take note of bytes that came, and of the name of a file that is done."""


@dataclass(frozen=True, slots=True)
class DumpFile:
    """One file of the dump: its address below the base, and where it goes below the folder."""

    address: str

    @property
    def name(self) -> str:
        """Return the file name."""
        return self.address.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: downloaded, present, missing (404) or failed, and why."""

    file: DumpFile
    state: str
    n_bytes: int = 0
    what: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """
    How files are fetched.

    Attributes
    ----------
    base_url : str
        The address of the dump's `data` folder.
    n_at_once : int
        How many files are under way at the same time.
    timeout : float
        Seconds of silence after which a connection counts as broken.
    retry_seconds : sequence of float
        How long to wait before each further try.
    sleep : callable
        What waits.

    """

    base_url: str = BASE_URL
    n_at_once: int = 4
    timeout: float = 30.0
    retry_seconds: Sequence[float] = RETRY_SECONDS
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


def dump_files(symbol: str, kinds: Sequence[str], start_ns: int, end_ns: int) -> list[DumpFile]:
    """
    Return the files of the dump that cover a window: whole months monthly, the rest daily.

    Parameters
    ----------
    symbol : str
        Binance's symbol; BTCUSD_PERP and the like are looked up among the COIN-M files.
    kinds : sequence of str
        Such as "metrics", or with interval "klines-5m".
    start_ns, end_ns : int
        The window [start, end) in UTC nanoseconds.

    Raises
    ------
    SettingError
        If a kind is unknown, not in the dump, or lacks its interval.

    """
    market = "cm" if symbol.endswith("_PERP") else "um"
    days = _days(start_ns, end_ns)
    files = []
    for kind in kinds:
        name, _, interval = kind.partition("-")
        _check_kind(name, interval)
        folder = f"{name}/{symbol}/{interval}" if interval else f"{name}/{symbol}"
        stem = f"{symbol}-{interval or name}"
        for cycle, date in _periods(name, days):
            files.append(DumpFile(f"futures/{market}/{cycle}/{folder}/{stem}-{date}.zip"))
    return files


def download(
    files: Sequence[DumpFile],
    folder: Path,
    transfer: Transfer | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """
    Download files into a folder of the dump's own layout.

    A monthly file that does not exist (the month is not over, say) is replaced by its days.

    Parameters
    ----------
    files : sequence of DumpFile
        What to fetch.
    folder : Path
        Where to; files that are there already are left alone.
    transfer : Transfer, optional
        How.
    progress : Progress, optional
        Called as bytes come.

    Returns
    -------
    list of Outcome
        One for each file, in order.

    Raises
    ------
    StoreError
        If the folder cannot be written.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_download_all(files, folder, transfer or Transfer(), progress))
    except OSError as e:
        msg = f"{folder} must be a folder that can be written, {e}; choose another --out"
        raise StoreError(msg) from e


async def _download_all(
    files: Sequence[DumpFile], folder: Path, transfer: Transfer, progress: Progress | None
) -> list[Outcome]:
    limit = asyncio.Semaphore(transfer.n_at_once)
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(transfer.timeout), follow_redirects=True
    ) as client:

        async def fetch(file: DumpFile) -> list[Outcome]:
            async with limit:
                outcome = await _Fetch(client, file, folder, transfer, progress).run()
            days = _days_instead(file) if outcome.state == MISSING else []
            if not days:
                return [outcome]
            return [o for found in await asyncio.gather(*map(fetch, days)) for o in found]

        return [o for found in await asyncio.gather(*map(fetch, files)) for o in found]


class _Fetch:
    # One file on its way.

    def __init__(
        self,
        client: httpx.AsyncClient,
        file: DumpFile,
        folder: Path,
        transfer: Transfer,
        progress: Progress | None,
    ) -> None:
        self._client = client
        self._file = file
        self._target = folder / file.address
        self._part = self._target.with_name(f"{file.name}.part")
        self._url = f"{transfer.base_url.rstrip('/')}/{file.address}"
        self._transfer = transfer
        self._progress = progress

    async def run(self) -> Outcome:
        outcome = await self._outcome()
        self._note(0, self._file.name)
        return outcome

    async def _outcome(self) -> Outcome:
        if self._target.exists():
            return Outcome(self._file, PRESENT, self._target.stat().st_size)
        what = ""
        for wait in (0.0, *self._transfer.retry_seconds):
            if wait:
                await self._transfer.sleep(wait)
            try:
                return await self._try()
            except httpx.HTTPStatusError as e:
                what = f"the server answered {e.response.status_code}"
            except (httpx.HTTPError, httpx.InvalidURL) as e:
                what = f"{type(e).__name__} {e}".strip()
            except _DamagedError as e:
                what = str(e)
        n_tries = len(self._transfer.retry_seconds) + 1
        return Outcome(self._file, FAILED, what=f"{what}, {n_tries} times; run it again later")

    async def _outcome_without_checksum(self) -> Outcome:
        # Either the day is not in the dump, or what would prove the file is not.
        async with self._client.stream("GET", self._url) as response:
            if response.status_code == _NOT_FOUND:
                return Outcome(self._file, MISSING, what="not in the dump")
            response.raise_for_status()
        what = (
            "the file is there, its .CHECKSUM is missing, so it cannot be verified; "
            f"fetch {self._url} yourself if you trust it"
        )
        return Outcome(self._file, FAILED, what=what)

    async def _try(self) -> Outcome:
        wanted = await self._checksum()
        if wanted is None:
            return await self._outcome_without_checksum()
        self._target.parent.mkdir(parents=True, exist_ok=True)
        await self._fetch_rest()
        found = await asyncio.to_thread(_sha256, self._part)
        if found != wanted:
            self._part.unlink()
            msg = f"sha256 must be {wanted}, was {found}"
            raise _DamagedError(msg)
        self._part.replace(self._target)
        return Outcome(self._file, DOWNLOADED, self._target.stat().st_size)

    async def _checksum(self) -> str | None:
        response = await self._client.get(f"{self._url}.CHECKSUM")
        if response.status_code == _NOT_FOUND:
            return None
        response.raise_for_status()
        digest = response.text.split()[0].lower() if response.text.split() else ""
        if len(digest) != hashlib.sha256().digest_size * 2:
            msg = "the CHECKSUM file must begin with a sha256"
            raise _DamagedError(msg)
        return digest

    async def _fetch_rest(self) -> None:
        # Goes on where an earlier try, or an earlier run, ended.
        have = self._part.stat().st_size if self._part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        async with self._client.stream("GET", self._url, headers=headers) as response:
            if response.status_code == _RANGE_REFUSED:
                return  # nothing is left to come; the checksum tells whether it is right
            response.raise_for_status()
            mode = "ab" if response.status_code == _PARTIAL else "wb"
            with self._part.open(mode) as file:
                async for chunk in response.aiter_bytes():
                    file.write(chunk)
                    self._note(len(chunk), None)

    def _note(self, n_bytes: int, finished: str | None) -> None:
        if self._progress is not None:
            self._progress(n_bytes, finished)


class _DamagedError(Exception):
    # What came is not what the server promised.
    pass


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_kind(name: str, interval: str) -> None:
    known = [kind.name for kind in KINDS.values() if kind.dump is not Dump.NOWHERE]
    if name not in known:
        msg = f"--kind must be one of {', '.join(known)}, was {name}"
        raise SettingError(msg)
    if KINDS[name].has_interval != bool(interval):
        example = f"{name}-5m" if KINDS[name].has_interval else name
        msg = (
            f"--kind must be written like {example}, was {name}{'-' if interval else ''}{interval}"
        )
        raise SettingError(msg)
    if interval and interval not in INTERVALS:
        msg = f"--kind {name} must have one of the intervals {', '.join(INTERVALS)}, was {interval}"
        raise SettingError(msg)


def _days(start_ns: int, end_ns: int) -> list[datetime]:
    first = datetime.fromtimestamp(start_ns // SECOND_NS, tz=UTC)
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    days = []
    while day.timestamp() * SECOND_NS < end_ns:
        days.append(day)
        day += timedelta(days=1)
    return days


def _periods(kind: str, days: list[datetime]) -> list[tuple[str, str]]:
    months: dict[str, list[datetime]] = {}
    for day in days:
        months.setdefault(f"{day:%Y-%m}", []).append(day)
    periods = []
    for month, members in months.items():
        is_whole = members[0].day == 1 and (members[-1] + timedelta(days=1)).day == 1
        dump = KINDS[kind].dump
        if dump is Dump.MONTHS or (is_whole and dump is not Dump.DAYS):
            periods.append(("monthly", month))
        else:
            periods += [("daily", f"{day:%Y-%m-%d}") for day in members]
    return periods


def _days_instead(file: DumpFile) -> list[DumpFile]:
    # The daily files of a monthly one; none for kinds that have no daily files.
    parts = file.address.split("/")
    if parts[2] != "monthly" or KINDS[parts[3]].dump is Dump.MONTHS:
        return []
    month = datetime.strptime(file.name[-11:-4], "%Y-%m").replace(tzinfo=UTC)
    days = [month + timedelta(days=i) for i in range(31)]
    stem = file.name[: -len("2025-01.zip")]
    folder = "/".join([*parts[:2], "daily", *parts[3:-1]])
    return [
        DumpFile(f"{folder}/{stem}{day:%Y-%m-%d}.zip") for day in days if day.month == month.month
    ]
