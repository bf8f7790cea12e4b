"""The records all venues' messages become, and what is wrong with a message that does not."""

from __future__ import annotations

import math
from decimal import Decimal
from decimal import InvalidOperation
from typing import Any
from typing import Final
from typing import NamedTuple

import msgspec

from liq_nautilus.times import MILLISECOND_NS

# 2015 and 2100: no venue sends a moment outside, a garbled digit easily does.
_FIRST_MS: Final = 1_420_070_400_000
_LAST_MS: Final = 4_102_444_800_000


class MessageError(ValueError):
    """A venue's message cannot be used; the text says why."""


class MalformedMessageError(MessageError):
    """A message is not of the shape its venue documents."""


class UnknownMessageError(MessageError):
    """A message is of a kind that is not known."""


class OpenInterestReading(NamedTuple):
    """
    All open contracts of a symbol at one moment.

    Attributes
    ----------
    symbol : str
        The venue's name.
    open_interest : float
        Base units.
    open_interest_notional : float
        Quote currency; NaN where the venue states none.
    ts_event : int
        UTC nanoseconds.

    """

    symbol: str
    open_interest: float
    open_interest_notional: float
    ts_event: int


class ForcedOrder(NamedTuple):
    """
    One liquidation.

    Attributes
    ----------
    symbol : str
        The venue's name.
    position_side : int
        The position that is liquidated: +1 long, -1 short.
    quantity : float
        What was liquidated, base units.
    bankruptcy_price, average_price : float
        Quote per base unit; equal where the venue states only one.
    ts_event : int
        UTC nanoseconds.

    """

    symbol: str
    position_side: int
    quantity: float
    bankruptcy_price: float
    average_price: float
    ts_event: int


class MarkPriceReading(NamedTuple):
    """
    A mark price with the funding rate it would be settled at now.

    Attributes
    ----------
    symbol : str
        The venue's name.
    mark_price, index_price : float
        Quote per base unit.
    predicted_rate : float
        The funding rate as announced for the next settlement (fraction); NaN where there is none.
    next_funding_ns : int
        When that is (UTC nanoseconds); 0 where there is none.
    ts_event : int
        UTC nanoseconds.

    """

    symbol: str
    mark_price: float
    index_price: float
    predicted_rate: float
    next_funding_ns: int
    ts_event: int


class SettledFunding(NamedTuple):
    """
    A funding rate that was settled.

    Attributes
    ----------
    symbol : str
        The venue's name.
    rate : Decimal
        Fraction; positive: longs pay.
    ts_event : int
        When (UTC nanoseconds).

    """

    symbol: str
    rate: Decimal
    ts_event: int


class Candle(NamedTuple):
    """
    A bar of last prices, its numbers as the venue writes them.

    Attributes
    ----------
    open, high, low, close : str
        Quote per base unit.
    volume : str
        Base units.
    ts_open, ts_close : int
        UTC nanoseconds; the close is the last millisecond of the bar.

    """

    open: str
    high: str
    low: str
    close: str
    volume: str
    ts_open: int
    ts_close: int


type Record = OpenInterestReading | ForcedOrder | MarkPriceReading


def decoded(raw: bytes | msgspec.Raw, shape: Any) -> Any:  # noqa: ANN401 - any declared shape
    """
    Return a JSON message as a declared shape.

    Raises
    ------
    MalformedMessageError
        If it is no JSON, or of another shape.

    """
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        beginning = bytes(raw)[:120].decode("utf-8", errors="replace")
        msg = f"a message must have the documented shape, {e}; was {beginning!r}"
        raise MalformedMessageError(msg) from e


def number(text: str, what: str, *, above: float = 0.0) -> float:
    """
    Return a number above a bound.

    Raises
    ------
    MalformedMessageError
        If it is none, not finite, or not above the bound.

    """
    try:
        value = float(text)
    except ValueError as e:
        msg = f"{what} must be a number, was {text!r}"
        raise MalformedMessageError(msg) from e
    if not (math.isfinite(value) and value > above):
        msg = f"{what} must be finite and above {above:g}, was {text!r}"
        raise MalformedMessageError(msg)
    return value


def count(text: str, what: str) -> float:
    """Return a number of at least zero; raise `MalformedMessageError` for others."""
    return 0.0 if _is_zero(text) else number(text, what)


def rate(text: str) -> Decimal:
    """Return a funding rate, which lies within one; raise `MalformedMessageError` for others."""
    try:
        value = Decimal(text)
    except InvalidOperation as e:
        msg = f"a funding rate must be a number, was {text!r}"
        raise MalformedMessageError(msg) from e
    if not (value.is_finite() and abs(value) < 1):
        msg = f"a funding rate must be a fraction below 1, was {text!r}"
        raise MalformedMessageError(msg)
    return value


def moment(milliseconds: int) -> int:
    """Return UTC milliseconds as nanoseconds; raise `MalformedMessageError` for absurd ones."""
    if not _FIRST_MS <= milliseconds < _LAST_MS:
        msg = f"a time must be UTC milliseconds of 2015 to 2100, was {milliseconds}"
        raise MalformedMessageError(msg)
    return milliseconds * MILLISECOND_NS


def _is_zero(text: str) -> bool:
    try:
        return float(text) == 0.0
    except ValueError:
        return False
