"""Which inputs a running actor never heard of, told early instead of a run full of WAIT."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

# The coarsest open interest in use is hourly; bars may be longer.
GRACE_NS: Final = 2 * HOUR_NS


class MissingInputs:
    """
    The inputs that must come, until each has.

    Parameters
    ----------
    needed : iterable of str
        What each input is called.
    bar_ns : int
        The length of the actor's bars (nanoseconds): no input is missing before two of them.

    """

    def __init__(self, needed: Iterable[str], bar_ns: int) -> None:
        self._waiting = dict.fromkeys(needed)
        self._grace_ns = max(GRACE_NS, 2 * bar_ns)
        self._since_ns: int | None = None
        self.found: tuple[str, ...] = ()

    def note(self, name: str) -> None:
        """Take note that an input came."""
        self._waiting.pop(name, None)

    def look(self, ts: int) -> tuple[str, ...]:
        """Return what has still not come by `ts` (UTC nanoseconds), once it is late."""
        if self._since_ns is None:
            self._since_ns = ts
        if self.found or ts - self._since_ns < self._grace_ns:
            return ()
        self.found = tuple(self._waiting)
        return self.found
