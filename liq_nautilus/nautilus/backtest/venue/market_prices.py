"""What a simulated venue knows of one instrument's prices, and how old they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import NamedTuple

from nautilus_trader.model.enums import PriceType

from liq_nautilus.times import MILLISECOND_NS

if TYPE_CHECKING:
    from nautilus_trader.model.data import BarType
    from nautilus_trader.model.instruments import Instrument


class MarkPath(NamedTuple):
    """
    What mark prices did over a stretch of time.

    Attributes
    ----------
    open, high, low : float
        Quote per base unit.

    """

    open: float
    high: float
    low: float


class MarkPiece(NamedTuple):
    """
    One mark price or bar of mark prices.

    Attributes
    ----------
    ts_open, ts_close : int
        UTC nanoseconds; equal for a single price.
    open, high, low, close : float
        Quote per base unit.

    """

    ts_open: int
    ts_close: int
    open: float
    high: float
    low: float
    close: float


class MarketPrices:
    """
    Last and mark prices of one instrument, each with its time.

    Parameters
    ----------
    instrument : Instrument
        The instrument.
    max_mark_age_ns : int
        A mark price older than this is none (nanoseconds).

    Attributes
    ----------
    bar_type : BarType or None
        The bars by which orders are matched: the finest external ones of last prices.
    interval_ns : int
        Their length.
    last : float
        The newest last price (NaN before any).
    last_ns, bar_ns, tick_ns : int
        When the newest last price, bar and trade came (UTC nanoseconds; -1 before any).

    """

    __slots__ = (
        "_mark",
        "_max_age_ns",
        "_pieces",
        "bar_ns",
        "bar_type",
        "instrument",
        "interval_ns",
        "last",
        "last_ns",
        "tick_ns",
    )

    def __init__(self, instrument: Instrument, max_mark_age_ns: int) -> None:
        self.instrument = instrument
        self._max_age_ns = max_mark_age_ns
        self.bar_type: BarType | None = None
        self.interval_ns = 0
        self.last = math.nan
        self.last_ns = self.bar_ns = self.tick_ns = -1
        self._mark: MarkPiece | None = None
        self._pieces: list[MarkPiece] = []

    def take_bar_type(self, bar_type: BarType) -> bool:
        """Return whether a bar type is the one to match by from now on: the finest seen."""
        is_last = bar_type.spec.price_type in (PriceType.LAST, PriceType.MID)
        if not is_last or bar_type.is_internally_aggregated():
            return False
        length_ns = int(bar_type.spec.timedelta.value)
        if self.bar_type is not None and length_ns >= self.interval_ns:
            return False
        self.bar_type, self.interval_ns = bar_type, length_ns
        return True

    def set_last(self, price: float, ts: int) -> None:
        """Take in a last price."""
        self.last, self.last_ns = price, ts

    def add_mark(self, piece: MarkPiece, *, is_kept: bool) -> None:
        """Take in mark prices; `is_kept` says whether the next bar is judged by their path."""
        self._mark = piece
        if is_kept:
            self._pieces.append(piece)

    def has_mark(self, ts: int) -> bool:
        """Return whether there is a mark price that is not too old at a time (UTC ns)."""
        return self._mark is not None and ts - self._mark.ts_close <= self._max_age_ns

    def mark_at(self, ts: int) -> float:
        """Return the mark price at a time (UTC ns); the last price where it is too old or none."""
        return self._mark.close if self._mark is not None and self.has_mark(ts) else self.last

    def awaited_mark(self, ts: int) -> float | None:
        """
        Return the newest mark price where that of a time (UTC ns) is still to come; else None.

        Mark bars no longer than the bars keep coming, each after its bar, and decide about it then.
        """
        mark = self._mark
        if mark is None:
            return None
        length_ns = mark.ts_close + MILLISECOND_NS - mark.ts_open
        if length_ns > max(self.interval_ns, MILLISECOND_NS):
            return None
        return mark.close if ts - mark.ts_close <= max(self._max_age_ns, length_ns) else None

    def mark_path(self) -> MarkPath | None:
        """Return what mark prices did since it was last taken; None where none came."""
        pieces = self._pieces
        if not pieces:
            return None
        highest = max(piece.high for piece in pieces)
        return MarkPath(pieces[0].open, highest, min(piece.low for piece in pieces))

    def take_mark_path(self) -> MarkPath | None:
        """Return what `mark_path` does, and forget it."""
        path = self.mark_path()
        self.take_pieces()
        return path

    def take_pieces(self) -> list[MarkPiece]:
        """Return the mark prices that were kept for the next bar, and forget them."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def is_tick_driven(self, ts_open: int) -> bool:
        """Return whether trades came since a bar opened: they tell its path better than it does."""
        return self.tick_ns > ts_open
