"""Files of a tracker's state, as it was at the end of a day."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from typing import Final

import pyarrow as pa

from liq_nautilus.nautilus.snapshots import bytes_to_state
from liq_nautilus.nautilus.snapshots import state_to_bytes
from liq_nautilus.queries.derived.derived_files import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.core.tracker import LiquidationTracker

_LOG: Final = logging.getLogger(__name__)
_CODEC: Final = pa.Codec("zstd", compression_level=1)
_SIZE_BYTES: Final = 8


def read_tracker(path: Path) -> LiquidationTracker | None:
    """Return the tracker whose state a file holds; None without one. A damaged one is deleted."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        size = int.from_bytes(content[:_SIZE_BYTES], "little")
        state = _CODEC.decompress(content[_SIZE_BYTES:], size, asbytes=True)
        return tracker_class().from_state(bytes_to_state(state))
    except (OSError, ValueError, pa.ArrowException):
        _LOG.warning("A kept state is damaged and is computed again: %s", path.name)
        path.unlink(missing_ok=True)
        return None


def write_tracker(path: Path, tracker: LiquidationTracker) -> None:
    """
    Write a tracker's state whole.

    Raises
    ------
    StoreError
        If it cannot be written.

    """
    state = state_to_bytes(tracker.state())
    size = len(state).to_bytes(_SIZE_BYTES, "little")
    write_bytes(path, size + _CODEC.compress(state, asbytes=True))


def tracker_class() -> type[LiquidationTracker]:
    """Return the class of trackers, loaded when one is needed: its loops take a second to load."""
    from liq_nautilus.core.tracker import LiquidationTracker  # noqa: PLC0415 - only here is the tracker needed

    return LiquidationTracker
