"""Maps that were never asked for, followed in processes of their own: they hold up nobody."""

from __future__ import annotations

import asyncio
import logging
import time
from multiprocessing import get_context
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

from liq_nautilus.queries.derived.kept_map import KeptMap

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from liq_nautilus.queries.derived.basis import MapBasis

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 2
_LOOK_SECONDS: Final = 0.05
_SOON_SECONDS: Final = 10
_LATER_SECONDS: Final = 30


class BusyError(Exception):
    """
    What is asked for is being computed, or cannot be read just now.

    Parameters
    ----------
    reason : str
        For the one who asked.
    retry_after : int
        When to ask again (seconds).

    """

    def __init__(self, reason: str, retry_after: int = _LATER_SECONDS) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Stretch(NamedTuple):
    """
    What is to be followed of a map.

    Attributes
    ----------
    basis : MapBasis
        What it is computed by.
    first_ns, last_ns : int
        From the day of the one moment to that of the other (UTC ns).
    has_records : bool
        Whether densities, levels and signals are kept too, or the states alone.

    """

    basis: MapBasis
    first_ns: int
    last_ns: int
    has_records: bool


class Following:
    """The processes that follow maps, one per map and two at once."""

    def __init__(self) -> None:
        self._running: dict[str, SpawnProcess] = {}

    async def finished(self, stretch: Stretch, patience_seconds: float) -> None:
        """
        Wait until a map is followed.

        Parameters
        ----------
        stretch : Stretch
            What of which map.
        patience_seconds : float
            How long; it goes on when that is over.

        Raises
        ------
        BusyError
            If it takes longer, other maps come first, or the process failed.

        """
        symbol = stretch.basis.symbol
        process = self._process(stretch)
        deadline = time.monotonic() + patience_seconds
        while process.is_alive():
            if time.monotonic() >= deadline:
                reason = f"the map of {symbol} is being computed for the first time"
                raise BusyError(reason, _SOON_SECONDS)
            await asyncio.sleep(_LOOK_SECONDS)
        if process.exitcode:
            _LOG.error("following %s ended with %d", symbol, process.exitcode)
            reason = f"the map of {symbol} could not be computed"
            raise BusyError(reason)

    def close(self) -> None:
        """Stop what is being computed; what was kept so far stays."""
        for process in self._running.values():
            process.terminate()

    def _process(self, stretch: Stretch) -> SpawnProcess:
        key = f"{stretch.basis.folder} {stretch[1:]}"
        process = self._running.get(key)
        if process is not None and process.is_alive():
            return process
        self._running = {name: one for name, one in self._running.items() if one.is_alive()}
        if len(self._running) >= _AT_ONCE:
            reason = "other maps are being computed"
            raise BusyError(reason, _SOON_SECONDS)
        process = get_context("spawn").Process(target=_follow, args=(stretch,), daemon=True)
        process.start()
        _LOG.info("following %s", stretch.basis.symbol)
        self._running[key] = process
        return process


def _follow(stretch: Stretch) -> None:
    kept = KeptMap.open(stretch.basis)
    first, end = kept.between(stretch.first_ns, stretch.last_ns)
    kept.follow(first, end, has_records=stretch.has_records)
