"""Moments and windows of time as users name them, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.errors import SettingError
from liq_nautilus.queries.density import Ask
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS
from liq_nautilus.times import MINUTE_NS
from liq_nautilus.times import from_iso
from liq_nautilus.times import interval_ns
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from datetime import datetime

    # ISO 8601 text (UTC), a datetime, or UTC nanoseconds.
    type When = str | datetime | int

TIMEFRAMES: Final = ("1h", "4h", "12h", "1d", "7d", "30d")
RESOLUTIONS: Final = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
MAX_COLUMNS: Final = 3_000
MAX_ROWS: Final = 1_000
# Nanoseconds of 64 bits reach as far.
_LAST_NS: Final = 2**63 - DAY_NS * 366
# A picture wants some hundred columns.
_WANTED_COLUMNS: Final = 750


@dataclass(frozen=True, slots=True)
class Window:
    """
    The part of a map that is asked for.

    Attributes
    ----------
    timeframe : str or None
        How long before its end it begins: one of `TIMEFRAMES`; 30d where neither it nor a start is
        given.
    start, end : str, datetime, int or None
        When it begins and ends (exclusive); by default it ends with the newest input.
    resolution : str or None
        The distance of columns, one of `RESOLUTIONS`; by default the finest that gives a picture of
        some hundred columns.
    price_low, price_high : float or None
        The prices to show (quote per base unit); by default those worth showing.
    rows : int
        At most so many buckets of price.

    """

    timeframe: str | None = None
    start: When | None = None
    end: When | None = None
    resolution: str | None = None
    price_low: float | None = None
    price_high: float | None = None
    rows: int = 240


def moment_ns(when: When | None, option: str = "--at") -> int | None:
    """
    Return a moment as UTC nanoseconds.

    Parameters
    ----------
    when : str, datetime, int or None
        ISO 8601 text, taken as UTC where it names no zone; a datetime; or UTC nanoseconds.
    option : str
        What the user calls it, for the message.

    Raises
    ------
    SettingError
        If the text is no time.

    """
    if when is None:
        return None
    if isinstance(when, int):
        return _checked(when, when, option)
    text = when if isinstance(when, str) else when.isoformat()
    try:
        found = from_iso(text)
    except (ValueError, OverflowError) as e:
        msg = f"{option} must be an ISO 8601 time such as 2026-01-31T12:00, was {text!r}"
        raise SettingError(msg) from e
    return _checked(found, text, option)


def _checked(found: int, when: str | int, option: str) -> int:
    if not 0 <= found < _LAST_NS:
        msg = f"{option} must lie between 1970 and 2262, was {when}"
        raise SettingError(msg)
    return found


def ask_of(window: Window, end_ns: int) -> tuple[str, Ask]:
    """
    Return what a window asks for: its length as text, and its times, steps and prices.

    Parameters
    ----------
    window : Window
        As the user gave it.
    end_ns : int
        When it ends (UTC ns, exclusive).

    Raises
    ------
    SettingError
        If the window is wrong, or has more columns or rows than a picture can show.

    """
    timeframe, start_ns = _start(window, end_ns)
    step_ns = _step(window.resolution, start_ns, end_ns)
    ask = Ask(start_ns, end_ns, step_ns, window.price_low, window.price_high, window.rows)
    _check(ask)
    return timeframe, ask


def _start(window: Window, end_ns: int) -> tuple[str, int]:
    start_ns = moment_ns(window.start, "--start")
    if start_ns is not None:
        if window.timeframe is not None and window.end is not None:
            msg = "--timeframe must stand alone or with one of --start and --end, all were given"
            raise SettingError(msg)
        hours = (end_ns - start_ns) / HOUR_NS
        return f"{hours:g}h", start_ns
    timeframe = window.timeframe or "30d"
    if timeframe not in TIMEFRAMES:
        msg = f"--timeframe must be one of {', '.join(TIMEFRAMES)}, was {timeframe}"
        raise SettingError(msg)
    unit = DAY_NS if timeframe.endswith("d") else HOUR_NS
    return timeframe, end_ns - int(timeframe[:-1]) * unit


def _step(resolution: str | None, start_ns: int, end_ns: int) -> int:
    if resolution is not None:
        if resolution not in RESOLUTIONS:
            msg = f"--resolution must be one of {', '.join(RESOLUTIONS)}, was {resolution}"
            raise SettingError(msg)
        return interval_ns(resolution)
    steps = [interval_ns(name) for name in RESOLUTIONS]
    fitting = [step for step in steps if (end_ns - start_ns) // step <= _WANTED_COLUMNS]
    return fitting[0] if fitting else steps[-1]


def _check(ask: Ask) -> None:
    if ask.end_ns <= ask.start_ns:
        msg = f"--end must come after --start, was {iso(ask.end_ns)} and {iso(ask.start_ns)}"
        raise SettingError(msg)
    n_columns = (ask.end_ns - ask.start_ns) // ask.step_ns
    if n_columns > MAX_COLUMNS:
        msg = (
            f"a heatmap must have at most {MAX_COLUMNS:,} columns, would have {n_columns:,}; give "
            "a coarser --resolution or a shorter window"
        )
        raise SettingError(msg)
    low, high = ask.price_low, ask.price_high
    if not all(price is None or 0.0 < price < np.inf for price in (low, high)):
        msg = f"prices must be above 0 and finite, were {low} and {high}"
        raise SettingError(msg)
    if low is not None and high is not None and high <= low:
        msg = f"--price-high must be above --price-low, was {high} and {low}"
        raise SettingError(msg)
    if not 1 <= ask.rows <= MAX_ROWS:
        msg = f"--rows must be between 1 and {MAX_ROWS}, was {ask.rows}"
        raise SettingError(msg)


def summed_ns(name: str) -> int:
    """
    Return the length of an interval to sum over (ns).

    Raises
    ------
    SettingError
        If the name is none of an interval of a minute or more.

    """
    try:
        step_ns = interval_ns(name)
    except ValueError:
        step_ns = 0
    if step_ns < MINUTE_NS:
        msg = f"--aggregate must be an interval such as 5m, 1h or 1d, was {name!r}"
        raise SettingError(msg)
    return step_ns
