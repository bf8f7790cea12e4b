"""
Units of time, Binance's names of intervals, and times as people and JSON read them.

Inside, times are integers: nanoseconds since 1970-01-01T00:00 UTC. As text they are ISO 8601 with a
Z, to the millisecond, which is the finest step of Binance's futures data.
"""

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
    """
    Return UTC nanoseconds as ISO 8601 text with a Z.

    Milliseconds are shown where they are not zero; what is finer is cut off, so that a text never
    says later than the time it stands for.

    Examples
    --------
    >>> iso(1_769_860_800_000_000_000)
    '2026-01-31T12:00:00Z'
    >>> iso(1_769_860_799_999_000_001)
    '2026-01-31T11:59:59.999Z'

    """
    seconds, ns = divmod(ts_ns, SECOND_NS)
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    milliseconds = ns // MILLISECOND_NS
    fraction = f".{milliseconds:03d}" if milliseconds else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def iso_day(ts_ns: int) -> str:
    """
    Return the UTC day of a time as ISO 8601 text.

    Examples
    --------
    >>> iso_day(1_769_860_799_999_000_001)
    '2026-01-31'

    """
    return iso(ts_ns)[:10]


def from_iso(text: str) -> int:
    """
    Return ISO 8601 text, taken as UTC where it names no zone, as UTC nanoseconds.

    Raises
    ------
    ValueError
        If the text is no ISO 8601 time.

    Examples
    --------
    >>> from_iso("2026-01-31T12:00+01:00") == from_iso("2026-01-31T11:00")
    True

    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND_NS + delta.microseconds * 1_000
