"""Times as people and JSON read them."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime

_SECOND_NS = 1_000_000_000


def iso(ts_ns: int) -> str:
    """Return UTC nanoseconds as ISO 8601 to the second, with a Z."""
    return datetime.fromtimestamp(ts_ns // _SECOND_NS, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
