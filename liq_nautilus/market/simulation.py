"""A run of the simulated market: `simulate` and the state it steps through."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from liq_nautilus.core.exchange.brackets import BracketTable
from liq_nautilus.core.exchange.margin import isolated_liquidation_price
from liq_nautilus.errors import SettingError
from liq_nautilus.market import engine
from liq_nautilus.market.book import NEVER
from liq_nautilus.market.book import extended
from liq_nautilus.market.book import relink_all
from liq_nautilus.market.drivers import Drivers
from liq_nautilus.market.drivers import draw_drivers
from liq_nautilus.market.history import initial_book
from liq_nautilus.market.population import draw_candidates
from liq_nautilus.market.published import SimulatedMarket
from liq_nautilus.market.record import Funding
from liq_nautilus.market.worlds import contract as contract_of
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.market.worlds import Contract
    from liq_nautilus.market.worlds import WorldParameters

_FUNDING_HOURS = 8
# Binance's interest rate for 8 hours and the bound of its pull on the funding rate.
_INTEREST_RATE = 0.0001
_CLAMP = 0.0005


def simulate(
    world: WorldParameters,
    *,
    symbol: str = "BTCUSDT",
    start: str = "2026-01-01",
    days: int = 7,
    seed: int = 0,
) -> SimulatedMarket:
    """
    Run a simulated leveraged market.

    Parameters
    ----------
    world : WorldParameters
        How prices move and traders behave.
    symbol : str, optional
        The contract, one of `CONTRACTS`.
    start : str, optional
        The first day (ISO date, UTC).
    days : int, optional
        The number of days, at least 1.
    seed : int, optional
        The same seed gives the same market.

    Returns
    -------
    SimulatedMarket
        The run.

    Raises
    ------
    SettingError
        If the symbol is unknown, the date is none, or there is no day.

    """
    run = _Run(world, contract_of(symbol), _midnight(start), _checked_days(days), seed)
    return run.simulate()


def _midnight(start: str) -> int:
    try:
        day = datetime.strptime(start, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as e:
        msg = f"start must be a date such as 2026-01-31, was {start!r}"
        raise SettingError(msg) from e
    return int(day.timestamp()) * SECOND_NS


def _checked_days(days: int) -> int:
    if days < 1:
        msg = f"days must be at least 1, was {days}"
        raise SettingError(msg)
    return days


# The state of a run between compiled stretches, each ending at a settlement or a short pool.
class _Run:
    def __init__(
        self, world: WorldParameters, contract: Contract, start_ns: int, days: int, seed: int
    ) -> None:
        self.world, self.contract, self.start_ns, self.seed = world, contract, start_ns, seed
        self.table = BracketTable.built_in(contract.symbol, start_ns)
        self.warm_up = world.warm_up_days * world.steps_per_day
        self.n_steps = self.warm_up + days * world.steps_per_day
        sequence = np.random.SeedSequence([seed, crc32(contract.symbol.encode())])
        streams = [np.random.Generator(np.random.PCG64(s)) for s in sequence.spawn(4)]
        outside, self.people, history, self.rng = streams
        self.drivers = draw_drivers(
            world,
            volatility_ratio=contract.volatility_ratio,
            n_steps=self.n_steps,
            rng=outside,
        )
        self.rules = rules_of(world, contract)
        self.trace = engine.Trace(*(np.zeros(self.n_steps) for _ in engine.Trace._fields))
        self.prices = np.zeros(engine.N_PRICES)
        self.flows = np.zeros(engine.N_FLOWS)
        self.book = initial_book(world, contract, self.table, self.people, history)
        self._grow(int(self.book.n_live.max() * world.turnover * (days + world.warm_up_days)))
        premium = self.drivers.premium[0]
        self.prices[engine.INDEX_LOG] = np.log(contract.price) - premium
        self.prices[engine.PREMIUM_AVERAGE] = premium
        self.prices[engine.MARK] = self.prices[engine.LAST] = contract.price

    def _grow(self, n_expected: int) -> None:
        n = int(1.2 * n_expected) + 2 * engine.POOL_MARGIN
        drawn = draw_candidates(n, self.world, self.contract, self.table, self.people)
        self.book = extended(self.book, drawn)

    def simulate(self) -> SimulatedMarket:
        every = self.rules.steps_per_funding
        settlements = range(0, self.n_steps, every)
        rates = np.zeros(len(settlements))
        marks = np.zeros(len(settlements))
        for number, first in enumerate(settlements):
            rates[number] = self._funding_rate(first)
            marks[number] = self.prices[engine.MARK]
            self._settle(rates[: number + 1], marks[: number + 1], every)
            self.prices[engine.FUNDING_RATE] = rates[number]
            self._advance(first, min(first + every, self.n_steps))
        steps = np.array(settlements, dtype=np.int64) - self.warm_up
        ts = self.start_ns + steps * self.world.step_seconds * SECOND_NS
        return self._record(Funding(ts, rates, marks))

    # What is left when the warm-up is cut off: its last step is number -1.
    def _record(self, settlements: Funding) -> SimulatedMarket:
        cut = self.warm_up
        known = self.book.positions[: self.book.cursor.max()].copy()
        for field in ("opened", "closed"):
            known[field] -= np.where(known[field] == NEVER, 0, cut)
        start = self.contract.price
        return SimulatedMarket(
            world=self.world,
            contract=self.contract,
            table=self.table,
            seed=self.seed,
            start_ns=self.start_ns,
            n_steps=self.n_steps - cut,
            start_last_price=float(self.trace.last_price[cut - 1]) if cut else start,
            start_mark_price=float(self.trace.mark_price[cut - 1]) if cut else start,
            book=self.book._replace(positions=known),
            drivers=Drivers(*(values[..., cut:] for values in self.drivers)),
            trace=engine.Trace(*(values[cut:] for values in self.trace)),
            settlements=settlements,
        )

    # Binance's rule on the average premium of the past interval.
    def _funding_rate(self, first: int) -> float:
        if first == 0:
            premium = float(self.drivers.premium[0])
        else:
            past = slice(first - self.rules.steps_per_funding, first)
            premium = float(np.mean(self.trace.last_price[past] / self.trace.index_price[past] - 1))
        return round(premium + float(np.clip(_INTEREST_RATE - premium, -_CLAMP, _CLAMP)), 8)

    # Take the funding out of every open position's margin and move its liquidation price.
    def _settle(self, rates: FloatArray, marks: FloatArray, every: int) -> None:
        book = self.book
        live = np.concatenate([book.live[side, : book.n_live[side]] for side in range(2)])
        known = book.positions[live]
        sums = np.concatenate([[0.0], np.cumsum(rates * marks)])
        settled = np.arange(len(rates)) * every
        missed = sums[np.searchsorted(settled, known["opened"], side="right")]
        side = (1 - 2 * (live & 1)).astype(np.int8)
        paid = side * known["quantity"] * (sums[-1] - missed)
        leverage = known["leverage"][np.arange(len(live)), known["regime"]]
        book.positions["liquidation_price"][live] = isolated_liquidation_price(
            known["entry_price"], leverage, side, known["quantity"], self.table, paid
        )
        relink_all(book)
        self.prices[engine.SCAN_ALL] = 1.0

    def _advance(self, first: int, last: int) -> None:
        while first < last:
            first = engine.advance(
                self.book,
                self.drivers,
                self.trace,
                self.rules,
                self.prices,
                self.flows,
                self.rng,
                first,
                last,
            )
            if first < last:
                self._grow(len(self.book.positions) // 8)


def rules_of(world: WorldParameters, contract: Contract) -> engine.Rules:
    """Return the world's constants in units of steps."""
    per_step = 1.0 / world.steps_per_day
    return engine.Rules(
        close_rate=world.turnover * per_step,
        open_rate=world.turnover * per_step,
        loser_factor=world.loser_factor,
        leverage_exponent=world.closing_leverage_exponent,
        age_exponent=world.closing_age_exponent,
        age_scale=world.turnover * per_step,
        impact=world.impact,
        permanent_share=world.impact_permanent_share,
        impact_keep=0.5 ** (per_step / world.impact_half_life),
        impact_limit=world.impact_limit,
        index_share=world.impact_index_share,
        absorption=world.absorption,
        premium_weight=1.0 - np.exp(-world.step_seconds / world.mark_seconds),
        tick_size=contract.tick_size,
        open_interest=contract.open_interest,
        interest_feedback=world.open_interest_feedback,
        inventory_feedback=world.inventory_feedback,
        steps_per_funding=_FUNDING_HOURS * 3_600 // world.step_seconds,
    )
