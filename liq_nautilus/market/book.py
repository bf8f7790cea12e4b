"""
The book of all simulated positions, open, closed and yet to come, and its elementary changes.

A position is an index: even ones are long, odd ones short. Candidates are drawn in advance with
size, leverage and the ratio of liquidation to entry price; they come alive in order. Triggers
(liquidation, stop, take-profit) hang in doubly linked lists by price bucket, so that a step looks
only at the buckets the mark price went through.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.compiling import compiled

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray

    type StepArray = npt.NDArray[np.int64]
    type BoolArray = npt.NDArray[np.bool_]
    type PositionArray = npt.NDArray[Any]

LONG_INDEX: Final = 0
SHORT_INDEX: Final = 1
ADVERSE: Final = 0
FAVOURABLE: Final = 1

STILL_OPEN: Final = 0
AT_WILL: Final = 1
LIQUIDATED: Final = 2
STOPPED: Final = 3
TOOK_PROFIT: Final = 4
ABSORBED: Final = 5

NEVER: Final = np.iinfo(np.int64).max
_NOBODY: Final = -1
# Buckets of the trigger lists: 2 basis points wide, a factor of e**2 up and down.
_BUCKET_WIDTH: Final = 0.0002
_HALF_RANGE: Final = 2.0
_N_BUCKETS: Final = int(2 * _HALF_RANGE / _BUCKET_WIDTH)

# One array of records keeps the compiled functions' argument lists, and their compile time, short.
POSITION: Final = np.dtype(
    [
        # Entry notional (quote).
        ("notional", np.float64),
        # Leverage, and liquidation over entry price, of a calm and of an excited opener.
        ("leverage", np.float64, (2,)),
        ("ratio", np.float64, (2,)),
        # Distance of stop and take-profit from entry over that of liquidation; inf for none.
        ("stop_fraction", np.float64),
        ("take_multiple", np.float64),
        # Set at opening: quote per base unit, base units, and which leverage was taken.
        ("entry_price", np.float64),
        ("quantity", np.float64),
        ("liquidation_price", np.float64),
        ("stop_price", np.float64),
        ("regime", np.int64),
        # Steps; opened is below 0 for before the start, both are NEVER for not yet.
        ("opened", np.int64),
        ("closed", np.int64),
        # Why closed: one of the constants above.
        ("reason", np.int64),
        # Place among the open ones of the side.
        ("slot", np.int64),
        # Adverse and favourable trigger: its price, and its place in the lists, -1 for none.
        ("trigger", np.float64, (2,)),
        ("bucket", np.int64, (2,)),
        ("after", np.int64, (2,)),
        ("before", np.int64, (2,)),
    ]
)


class Book(NamedTuple):
    """
    All positions; see the module's head.

    Attributes
    ----------
    positions : ndarray of shape (n,)
        Records of dtype `POSITION`.
    live : ndarray of shape (2, n)
        The open positions of each side, unordered.
    head : ndarray of shape (4, n_buckets)
        First position in each bucket; row ``2 * side + kind``.
    n_live, cursor : ndarray of shape (2,)
        Number of open positions and the next candidate of each side.
    total : ndarray of shape (2,)
        Open quantity of each side (base units).
    log_floor : float
        Log price at the lower edge of the first bucket.

    """

    positions: PositionArray
    live: StepArray
    head: StepArray
    n_live: StepArray
    cursor: StepArray
    total: FloatArray
    log_floor: float


def empty_book(start_price: float) -> Book:
    """Return a book without candidates whose buckets are centred on a price."""
    return Book(
        positions=np.zeros(0, dtype=POSITION),
        live=np.zeros((2, 0), dtype=np.int64),
        head=np.full((4, _N_BUCKETS), _NOBODY, dtype=np.int64),
        n_live=np.zeros(2, dtype=np.int64),
        cursor=np.array([LONG_INDEX, SHORT_INDEX], dtype=np.int64),
        total=np.zeros(2),
        log_floor=math.log(start_price) - _HALF_RANGE,
    )


def extended(book: Book, candidates: PositionArray) -> Book:
    """Return the book with more candidates behind those it has."""
    room = np.full((2, len(candidates)), _NOBODY, dtype=np.int64)
    return book._replace(
        positions=np.concatenate([book.positions, candidates]),
        live=np.concatenate([book.live, room], axis=1),
    )


@compiled
def bucket_of(price: float, log_floor: float) -> int:
    """Return the bucket of a price; beyond the edges the outermost."""
    if price <= 0.0:
        return 0
    place = (math.log(price) - log_floor) / _BUCKET_WIDTH
    return int(min(max(place, 0.0), _N_BUCKETS - 1.0))


@compiled
def is_crossed(book: Book, kind: int, position: int, mark_price: float) -> bool:
    """Return whether the mark price is at or beyond a position's trigger."""
    trigger = book.positions["trigger"][position, kind]
    if position & 1 == kind:
        return bool(mark_price <= trigger)
    return bool(mark_price >= trigger)


@compiled
def set_triggers(book: Book, position: int) -> None:
    """Set the adverse trigger (what comes first of liquidation and stop) of a position."""
    liquidation = book.positions["liquidation_price"][position]
    stop = book.positions["stop_price"][position]
    nearer = min(liquidation, stop) if position & 1 else max(liquidation, stop)
    book.positions["trigger"][position, ADVERSE] = nearer


@compiled
def link(book: Book, position: int) -> None:
    """Hang a position into the lists of its triggers' buckets."""
    for kind in range(2):
        trigger = book.positions["trigger"][position, kind]
        if not math.isfinite(trigger):
            continue
        row = 2 * (position & 1) + kind
        bucket = bucket_of(trigger, book.log_floor)
        first = book.head[row, bucket]
        book.positions["bucket"][position, kind] = bucket
        book.positions["before"][position, kind] = _NOBODY
        book.positions["after"][position, kind] = first
        if first >= 0:
            book.positions["before"][first, kind] = position
        book.head[row, bucket] = position


@compiled
def unlink(book: Book, position: int) -> None:
    """Take a position out of the lists that it is in."""
    for kind in range(2):
        bucket = book.positions["bucket"][position, kind]
        if bucket < 0:
            continue
        before = book.positions["before"][position, kind]
        after = book.positions["after"][position, kind]
        if before >= 0:
            book.positions["after"][before, kind] = after
        else:
            book.head[2 * (position & 1) + kind, bucket] = after
        if after >= 0:
            book.positions["before"][after, kind] = before
        book.positions["bucket"][position, kind] = _NOBODY


@compiled
def enlist(book: Book, position: int) -> None:
    """Count a position among the open ones and hang up its triggers."""
    side = position & 1
    book.positions["slot"][position] = book.n_live[side]
    book.live[side, book.n_live[side]] = position
    book.n_live[side] += 1
    book.total[side] += book.positions["quantity"][position]
    link(book, position)


@compiled
def enlist_all(book: Book, positions: StepArray) -> None:
    """Count positions whose prices are set among the open ones."""
    for position in positions:
        set_triggers(book, position)
        enlist(book, position)


@compiled
def open_position(
    book: Book, position: int, entry_price: float, mark_price: float, regime: int, step: int
) -> bool:
    """
    Bring a candidate alive, unless it would be closed at once (the venue refuses it).

    Returns
    -------
    bool
        Whether it was opened.

    """
    positions = book.positions
    side = 1.0 - 2.0 * (position & 1)
    ratio = positions["ratio"][position, regime]
    distance = side * (1.0 - ratio) * entry_price
    positions["entry_price"][position] = entry_price
    positions["quantity"][position] = positions["notional"][position] / entry_price
    positions["liquidation_price"][position] = ratio * entry_price
    # Without a stop it is infinitely far on the losing side, and likewise the take-profit.
    stop = side * positions["stop_fraction"][position] * distance
    take = side * positions["take_multiple"][position] * distance
    positions["stop_price"][position] = entry_price - stop
    positions["trigger"][position, FAVOURABLE] = entry_price + take
    positions["regime"][position] = regime
    set_triggers(book, position)
    for kind in range(2):
        if is_crossed(book, kind, position, mark_price):
            return False
    positions["opened"][position] = step
    enlist(book, position)
    return True


@compiled
def close_position(book: Book, position: int, step: int) -> None:
    """Close an open position; the caller writes down the reason."""
    side = position & 1
    unlink(book, position)
    last = book.live[side, book.n_live[side] - 1]
    slot = book.positions["slot"][position]
    book.live[side, slot] = last
    book.positions["slot"][last] = slot
    book.n_live[side] -= 1
    book.total[side] -= book.positions["quantity"][position]
    book.positions["closed"][position] = step


@compiled
def relink_all(book: Book) -> None:
    """Hang up all open positions anew after their liquidation prices changed."""
    book.head[:] = _NOBODY
    for side in range(2):
        for place in range(book.n_live[side]):
            position = book.live[side, place]
            set_triggers(book, position)
            link(book, position)
