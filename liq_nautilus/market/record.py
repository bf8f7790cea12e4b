"""The record of a simulated market: all that happened, to the last position."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from liq_nautilus.core.exchange.margin import isolated_liquidation_price
from liq_nautilus.market.book import LIQUIDATED
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.exchange.brackets import BracketTable
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray
    from liq_nautilus.market.book import Book
    from liq_nautilus.market.book import StepArray
    from liq_nautilus.market.drivers import Drivers
    from liq_nautilus.market.engine import Trace
    from liq_nautilus.market.worlds import Contract
    from liq_nautilus.market.worlds import WorldParameters


@dataclass(frozen=True, slots=True, eq=False)
class Funding:
    """
    Funding settlements, arrays of shape (n_settlements,).

    Attributes
    ----------
    ts : ndarray
        When (UTC nanoseconds).
    rate : ndarray
        Fraction of notional that longs pay to shorts.
    mark_price : ndarray
        The price it is settled at (quote per base unit).

    """

    ts: StepArray
    rate: FloatArray
    mark_price: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """
    Open positions at one moment, arrays of shape (n_positions,).

    Attributes
    ----------
    entry_price, liquidation_price : ndarray
        Quote per base unit; liquidation price 0 where a long cannot be liquidated.
    leverage : ndarray
        At opening.
    side : ndarray
        +1 long, -1 short.
    quantity : ndarray
        Base units.
    margin : ndarray
        Isolated margin (quote), funding settled.
    stop_price : ndarray
        Of the stop-loss order (quote per base unit); minus infinity for a long, infinity for a
        short without one.

    """

    entry_price: FloatArray
    leverage: FloatArray
    side: SideArray
    quantity: FloatArray
    liquidation_price: FloatArray
    margin: FloatArray
    stop_price: FloatArray

    @property
    def is_liquidated_first(self) -> npt.NDArray[np.bool_]:
        """Whether the liquidation price is reached before any stop-loss order."""
        return self.side * (self.liquidation_price - self.stop_price) >= 0.0


@dataclass(frozen=True, eq=False)
class MarketRecord:
    """
    All that happened in a simulated market.

    Attributes
    ----------
    world : WorldParameters
        The world.
    contract : Contract
        Symbol and scale.
    table : BracketTable
        The brackets that liquidation prices were taken from.
    seed : int
        The seed.
    start_ns : int
        Midnight of the first day (UTC nanoseconds).
    n_steps : int
        Steps of `world.step_seconds`; step k ends at ``start + (k + 1) * step``.
    start_last_price, start_mark_price : float
        Prices at the start, before the first step.
    book : Book
        Every position there was; steps below 0 lie before the start.
    drivers : Drivers
        The outside influences.
    trace : Trace
        Prices and open interest at the end of each step.
    settlements : Funding
        All settlements, also those before the start that open positions have gone through.

    """

    world: WorldParameters
    contract: Contract
    table: BracketTable
    seed: int
    start_ns: int
    n_steps: int
    start_last_price: float
    start_mark_price: float
    book: Book
    drivers: Drivers
    trace: Trace
    settlements: Funding

    @property
    def symbol(self) -> str:
        """The symbol."""
        return self.contract.symbol

    @cached_property
    def funding(self) -> Funding:
        """The settlements of the run, the first at the start."""
        known = self.settlements
        mine = known.ts >= self.start_ns
        return Funding(known.ts[mine], known.rate[mine], known.mark_price[mine])

    @property
    def step_ns(self) -> int:
        """The base step in nanoseconds."""
        return self.world.step_seconds * SECOND_NS

    @property
    def end_ns(self) -> int:
        """The end of the run (UTC nanoseconds, exclusive)."""
        return self.start_ns + self.n_steps * self.step_ns

    @property
    def days(self) -> int:
        """The number of days."""
        return self.n_steps // self.world.steps_per_day

    def stream(self, purpose: str) -> np.random.Generator:
        """Return a source of randomness of its own for what is derived from the run."""
        words = [self.seed, crc32(self.symbol.encode()), crc32(purpose.encode())]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))

    def positions_at(self, ts: int) -> Positions:
        """
        Return the positions open at a moment, with their exact liquidation prices.

        Parameters
        ----------
        ts : int
            UTC nanoseconds from the start to the end of the run; taken back to the last step.

        Returns
        -------
        Positions
            All open positions but the liquidity providers' inventory.

        Raises
        ------
        ValueError
            If the time is outside the run.

        """
        if not self.start_ns <= ts <= self.end_ns:
            msg = f"ts must lie in [{self.start_ns}, {self.end_ns}], was {ts}"
            raise ValueError(msg)
        step = (ts - self.start_ns) // self.step_ns
        positions = self.book.positions
        is_open = (positions["opened"] < step) & (positions["closed"] >= step)
        return self._positions(np.flatnonzero(is_open), np.array([step]))

    def liquidated_positions(self) -> tuple[StepArray, Positions]:
        """Return the steps of all liquidations and the positions as they were just before."""
        positions = self.book.positions
        index = np.flatnonzero((positions["reason"] == LIQUIDATED) & (positions["closed"] >= 0))
        steps = positions["closed"][index]
        order = np.argsort(steps, kind="stable")
        index, steps = index[order], steps[order]
        return steps, self._positions(index, steps)

    def _positions(self, index: StepArray, step: StepArray) -> Positions:
        known = self.book.positions[index]
        side = (1 - 2 * (index & 1)).astype(np.int8)
        leverage = known["leverage"][np.arange(len(known)), known["regime"]]
        entry, quantity = known["entry_price"], known["quantity"]
        funding = self._funding_until(step) - self._funding_until(known["opened"])
        paid = side * quantity * funding
        price = isolated_liquidation_price(entry, leverage, side, quantity, self.table, paid)
        margin = entry * quantity / leverage - paid
        stop = known["stop_price"]
        return Positions(entry, leverage, side, quantity, price, margin, stop)

    # Sum of rate times mark price over the settlements up to the start of each step.
    def _funding_until(self, step: StepArray) -> FloatArray:
        known = self.settlements
        settled = (known.ts - self.start_ns) // self.step_ns
        sums = np.concatenate([[0.0], np.cumsum(known.rate * known.mark_price)])
        return np.asarray(sums[np.searchsorted(settled, step, side="right")], dtype=np.float64)
