"""Units of time, Binance's names of intervals, and times as people and JSON read them."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import Final

MILLISECOND_NS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

_UNITS: Final = {"s": SECOND_NS, "m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": 7 * DAY_NS}
# The dump says 1mo where the exchange's interface says 1M; the length of a month varies.
MONTH: Final = "1mo"
INTERVALS: Final = (
    *("1s", "1m", "3m", "5m", "15m", "30m"),
    *("1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", MONTH),
)


def interval_ns(interval: str) -> int:
    """
    Return the length of an interval such as "5m" in nanoseconds; 0 for a month.

    Raises
    ------
    ValueError
        If Binance has no such interval.

    Examples
    --------
    >>> interval_ns("5m")
    300000000000

    """
    if interval == MONTH:
        return 0
    if interval not in INTERVALS:
        msg = f"interval must be one of {', '.join(INTERVALS)}, was {interval!r}"
        raise ValueError(msg)
    return int(interval[:-1]) * _UNITS[interval[-1]]


def opened_at(end_ns: int, interval: str) -> int:
    """
    Return when the interval that ends (exclusively) at `end_ns` began, in nanoseconds.

    Examples
    --------
    >>> opened_at(300_000_000_000, "5m")
    0

    """
    if interval != MONTH:
        return end_ns - interval_ns(interval)
    last = datetime.fromtimestamp(end_ns // SECOND_NS - 1, tz=UTC)
    return int(datetime(last.year, last.month, 1, tzinfo=UTC).timestamp()) * SECOND_NS


def iso(ts_ns: int) -> str:
    """Return UTC nanoseconds as ISO 8601 to the second, with a Z."""
    return datetime.fromtimestamp(ts_ns // SECOND_NS, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
