"""
Which inputs are believed: a snapshot is evidence, not truth.

What cannot be is unknown for its moment, as if it had not come; nothing is corrected. The rules
know only what came before, so that they hold live as they do on files:

- **Open interest** of zero is unknown: an open market has open contracts, and after a delisting
  nothing is left to say. So is a snapshot whose value over quantity is more than twice, or less
  than half, the last price (of COIN-M symbols: of which a contract is worth that many times its
  dollars); the worst hours known moved a price by forty per cent.
- Open interest changes by trading: each contract opened or closed was traded. A **jump** to more
  than four times, or less than a quarter, which the volume traded since cannot make up for, is
  unknown. Where what follows stays there, it stands against what was before: a first snapshot is
  given up after two that agree with each other, and anything of less than a dozen for what goes on
  longer; what has lasted is only given up after two days. Readings that return to what was believed
  are believed at once. The room for a jump grows with the silence before it.
- A **bar** that opens and closes more than tenfold away from the last close, or that reaches more
  than tenfold beyond its own open and close, is unknown; bars that go on there are believed from
  the third one on.
- A **funding rate** of more than ten per cent is unknown: the exchange caps it at a few.
- **Liquidations** of more than ten times the value of all open interest are unknown; sums over
  several venues may exceed the open interest of one.

How often what is true is not believed: of recorded Binance data of BTC, ETH and SOL between June
2024 and June 2026, the crash of 5 August 2024 included, none of 7,306 snapshots, 106,368 bars and
1,119 funding rates; of simulated markets, their liquidation cascades included, none either
(`quality` lists what is not believed as impossible).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np

from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray

PRICE_FACTOR: Final = 2.0
JUMP_FACTOR: Final = 4.0
BAR_FACTOR: Final = 10.0
HIGHEST_FUNDING_RATE: Final = 0.1
LIQUIDATED_FACTOR: Final = 10.0
# How much the room for a jump grows with an hour of silence (log).
_ROOM_PER_HOUR: Final = 0.05
# So many snapshots, two days of five-minute ones, make a story that is not given up sooner.
_MOST_SUPPORT: Final = 576
# A story of fewer snapshots than these, an hour of five-minute ones, gives way to a longer one.
_SETTLED: Final = 12
# More stories than these at once are noise: the least supported goes.
_MOST_STORIES: Final = 4
# Bars that go on far from where they were are believed from this one on.
_BARS_TO_BELIEVE: Final = 3
# Up to so many bars at once are judged one by one.
_FEW_BARS: Final = 8


class _Story:
    # Readings that can follow each other: the last one, how many there were, and whether they were
    # ever believed.

    __slots__ = ("support", "traded", "ts", "value", "was_believed")

    def __init__(
        self, value: float, ts: int, traded: float, support: int = 1, *, was_believed: bool = False
    ) -> None:
        self.value, self.ts, self.traded = value, ts, traded
        self.support, self.was_believed = support, was_believed

    def jump_to(self, value: float) -> float:
        # How far away a value lies (log).
        return abs(math.log(value / self.value))

    def has_room(self, value: float, ts: int) -> bool:
        hours = max(ts - self.ts, 0) / HOUR_NS
        room = math.log(JUMP_FACTOR) + _ROOM_PER_HOUR * max(hours - 1.0, 0.0)
        return self.jump_to(value) <= room

    def follow(self, value: float, ts: int, traded: float) -> None:
        self.value, self.ts, self.traded = value, max(ts, self.ts), traded
        self.support = min(self.support + 1, _MOST_SUPPORT)


class Plausibility:
    """
    Judges what one instrument's map is told.

    Attributes
    ----------
    n_unknown : dict of str to int
        How many inputs of each kind were not believed.
    begins_anew : bool
        Whether the last snapshot says that those believed so far, less than a dozen, were wrong:
        what they told was never there.

    """

    def __init__(self) -> None:
        self.n_unknown = {"bar": 0, "open_interest": 0, "funding": 0, "liquidation": 0}
        self.begins_anew = False
        # The first story is the one that is believed.
        self._stories: list[_Story] = []
        # Base units traded in all, and before the newest bar, in which a snapshot may lie.
        self._traded = 0.0
        self._traded_before = 0.0
        self._has_volume = False
        self._close = math.nan
        self._elsewhere: tuple[float, int] = (math.nan, 0)

    def bars(self, rows: FloatArray) -> npt.NDArray[np.bool_]:
        """
        Return which bars are believed.

        Parameters
        ----------
        rows : ndarray of shape (n, 6)
            Open, high, low, close, volume, and 1.0 for mark prices.

        """
        if len(rows) > _FEW_BARS and self._follow_all(rows):
            self._close, self._elsewhere = float(rows[-1, 3]), (math.nan, 0)
            self._note_volumes(rows[rows[:, 5] == 0.0, 4])
            return np.ones(len(rows), dtype=np.bool_)
        # Few bars, as they come live, are sooner judged one by one than as arrays.
        is_fine = np.array([self._is_fine(*row) for row in rows.tolist()], dtype=np.bool_)
        self.n_unknown["bar"] += int(np.count_nonzero(~is_fine))
        return is_fine

    def open_interest(self, contracts: float, notional: float, ts: int, worth: float) -> bool:
        """
        Return whether a snapshot is believed.

        Parameters
        ----------
        contracts : float
            Base quantity; contracts of COIN-M symbols.
        notional : float
            Quote; NaN when unknown.
        ts : int
            When it was taken (UTC ns).
        worth : float
            What one of them is worth (quote): the last price, of COIN-M symbols the value of a
            contract; NaN when unknown.

        """
        self.begins_anew = False
        is_believed = (
            contracts > 0.0
            and self._is_priced(contracts, notional, worth)
            and self._fits(contracts, ts)
        )
        self.n_unknown["open_interest"] += not is_believed
        return is_believed

    def note_traded(self, traded: float, before: float) -> None:
        """Take note of what was traded in all, and before the newest bar (base units)."""
        self._traded, self._traded_before = traded, before
        self._has_volume = traded > 0.0

    def funding(self, rate: float) -> bool:
        """Return whether a settled rate (fraction) is believed."""
        is_believed = abs(rate) <= HIGHEST_FUNDING_RATE
        self.n_unknown["funding"] += not is_believed
        return is_believed

    def liquidation(self, notional: float, worth: float) -> bool:
        """
        Return whether a liquidated notional is believed.

        Parameters
        ----------
        notional : float
            Quote.
        worth : float
            What one of the contracts that open interest counts is worth (quote).

        """
        held = self._stories[0].value * worth if self._stories else math.nan
        is_believed = not notional > LIQUIDATED_FACTOR * held
        self.n_unknown["liquidation"] += not is_believed
        return is_believed

    def state(self) -> dict[str, Any]:
        """Return everything that changes."""
        return {
            "n_unknown": dict(self.n_unknown),
            "stories": [{name: getattr(s, name) for name in s.__slots__} for s in self._stories],
            "numbers": [self._traded, self._traded_before, self._close],
            "has_volume": self._has_volume,
            "elsewhere": list(self._elsewhere),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.n_unknown = dict(state["n_unknown"])
        self._stories = [_Story(**story) for story in state["stories"]]
        self._traded, self._traded_before, self._close = state["numbers"]
        self._has_volume = state["has_volume"]
        price, n = state["elsewhere"]
        self._elsewhere = (price, n)

    def _follow_all(self, rows: FloatArray) -> bool:
        # Whether each of several bars is whole and near the one before.
        body = rows[:, [0, 3]]
        low, high = body.min(axis=1), body.max(axis=1)
        before = np.append(self._close, rows[:-1, 3])
        is_whole = _is_whole(rows[:, 1], rows[:, 2], low, high)
        return bool(np.all(is_whole) and not np.any(_is_far(low, high, before)))

    def _is_fine(
        self, open_: float, high: float, low: float, close: float, volume: float, is_mark: float
    ) -> bool:
        bottom, top = min(open_, close), max(open_, close)
        is_fine = self._follows(bottom, top, close) and bool(_is_whole(high, low, bottom, top))
        if is_fine and not is_mark and math.isfinite(volume):
            self._has_volume |= volume != 0.0
            self._traded_before, self._traded = self._traded, self._traded + volume
        return is_fine

    def _follows(self, low: float, high: float, close: float) -> bool:
        if not _is_far(low, high, self._close):
            self._close, self._elsewhere = close, (math.nan, 0)
            return True
        price, n = self._elsewhere
        self._elsewhere = (close, 1 if _is_far(low, high, price) else n + 1)
        if self._elsewhere[1] < _BARS_TO_BELIEVE:
            return False
        self._close, self._elsewhere = close, (math.nan, 0)
        return True

    def _note_volumes(self, volumes: FloatArray) -> None:
        known = volumes[np.isfinite(volumes)]
        if not known.size:
            return
        self._has_volume |= bool(known.any())
        # One after the other, so that it does not matter how many bars come at once.
        totals = np.cumsum(np.append(self._traded, known))
        self._traded_before, self._traded = totals[-2:].tolist()

    def _is_priced(self, contracts: float, notional: float, worth: float) -> bool:
        # A value of 0 is none.
        if not notional > 0.0 or math.isnan(worth):
            return True
        return worth / PRICE_FACTOR <= notional / contracts <= worth * PRICE_FACTOR

    def _fits(self, contracts: float, ts: int) -> bool:
        stories = self._stories
        if not stories:
            stories.append(_Story(contracts, ts, self._traded_before, was_believed=True))
            return True
        fitting = [story for story in stories if story.has_room(contracts, ts)]
        if not fitting and self._is_traded(stories[0], contracts):
            fitting = stories[:1]
        if not fitting:
            stories.append(_Story(contracts, ts, self._traded_before))
            if len(stories) > _MOST_STORIES:
                stories.remove(min(stories[1:-1], key=lambda story: story.support))
            return False
        nearest = min(fitting, key=lambda story: story.jump_to(contracts))
        nearest.follow(contracts, ts, self._traded_before)
        return nearest is stories[0] or self._turns_to(nearest)

    def _turns_to(self, story: _Story) -> bool:
        # Whether a story takes the place of the believed one.
        believed = self._stories[0]
        is_return = story.was_believed and believed.support < _MOST_SUPPORT
        needed = believed.support + 1 if believed.support < _SETTLED else _MOST_SUPPORT
        is_longer = story.support >= needed
        if not (is_return or is_longer):
            return False
        if is_longer:
            self.begins_anew = believed.support < _SETTLED
            believed.support = 0
        story.was_believed = True
        self._stories.remove(story)
        self._stories.insert(0, story)
        return True

    def _is_traded(self, story: _Story, contracts: float) -> bool:
        if not self._has_volume:
            return False
        traded = self._traded - story.traded
        return abs(contracts - story.value) <= traded


def _is_whole[Price: (float, FloatArray)](
    high: Price, low: Price, bottom: Price, top: Price
) -> bool | npt.NDArray[np.bool_]:
    # Whether a bar reaches no more than tenfold beyond its own body.
    return (high <= BAR_FACTOR * top) & (low * BAR_FACTOR >= bottom)


def _is_far[Price: (float, FloatArray)](
    bottom: Price, top: Price, price: Price
) -> bool | npt.NDArray[np.bool_]:
    # Whether a body lies more than tenfold away from a price; from an unknown one nothing does.
    return (bottom > BAR_FACTOR * price) | (top * BAR_FACTOR < price)
