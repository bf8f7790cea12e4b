"""One step after the other: prices move, positions are closed by force, at will, and opened."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

from liq_nautilus.compiling import compiled
from liq_nautilus.market.book import ABSORBED
from liq_nautilus.market.book import AT_WILL
from liq_nautilus.market.book import FAVOURABLE
from liq_nautilus.market.book import LIQUIDATED
from liq_nautilus.market.book import LONG_INDEX
from liq_nautilus.market.book import SHORT_INDEX
from liq_nautilus.market.book import STOPPED
from liq_nautilus.market.book import TOOK_PROFIT
from liq_nautilus.market.book import Book
from liq_nautilus.market.book import bucket_of
from liq_nautilus.market.book import close_position
from liq_nautilus.market.book import is_crossed
from liq_nautilus.market.book import open_position

if TYPE_CHECKING:
    import numpy as np

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.market.drivers import Drivers

# Places in the array of prices that the steps hand on.
INDEX_LOG: Final = 0
IMPACT: Final = 1
PREMIUM_AVERAGE: Final = 2
MARK: Final = 3
LAST: Final = 4
FUNDING_RATE: Final = 5
SCAN_ALL: Final = 6
N_PRICES: Final = 7

# Places in the array of flows that the steps hand on, one per side each.
_TO_NEXT_CLOSING: Final = 0
_TO_OPEN: Final = 2
_TO_ABSORB: Final = 4
N_FLOWS: Final = 6

# No step opens more per side; the pool of candidates must hold this many.
POOL_MARGIN: Final = 2_000
_MOST_DRAWS: Final = 400
# A loser closes into the other side's liquidations this often as against a winner.
_LOSER_ABSORBS: Final = 0.1
_BOUND: Final = 4.0


class Rules(NamedTuple):
    """
    The world's constants in units of steps.

    Attributes
    ----------
    close_rate, open_rate : float
        Per step and unit of open interest.
    loser_factor, leverage_exponent, age_exponent, age_scale : float
        The closing rule; `age_scale` is 1 over the mean age (1/steps).
    impact, permanent_share, impact_keep, impact_limit, index_share : float
        Log price per share of open interest; what stays; what is left after a step; the largest
        displacement; the part that the index goes along with.
    absorption : float
        Share of liquidations taken at once by the other side's winners.
    premium_weight : float
        Weight of the newest premium in its running average.
    tick_size : float
        Quote per base unit.
    open_interest : float
        Its level (base units).
    interest_feedback, inventory_feedback : float
        How openings follow the level and the liquidity providers' inventory.
    steps_per_funding : int
        Steps between two settlements.

    """

    close_rate: float
    open_rate: float
    loser_factor: float
    leverage_exponent: float
    age_exponent: float
    age_scale: float
    impact: float
    permanent_share: float
    impact_keep: float
    impact_limit: float
    index_share: float
    absorption: float
    premium_weight: float
    tick_size: float
    open_interest: float
    interest_feedback: float
    inventory_feedback: float
    steps_per_funding: int


class Trace(NamedTuple):
    """
    What every step leaves behind; arrays of shape (n_steps,), values at the end of the step.

    Attributes
    ----------
    last_price, index_price, mark_price : ndarray
        Quote per base unit.
    impact : ndarray
        The temporary displacement of the last price (log).
    open_interest, provider_inventory : ndarray
        Base units; the inventory is above 0 when liquidity providers are long.

    """

    last_price: FloatArray
    index_price: FloatArray
    mark_price: FloatArray
    impact: FloatArray
    open_interest: FloatArray
    provider_inventory: FloatArray


@compiled
def move_prices(
    drivers: Drivers, trace: Trace, rules: Rules, prices: FloatArray, step: int
) -> float:
    """
    Move index, last and mark price by one step.

    Returns
    -------
    float
        The mark price before.

    Notes
    -----
    The mark price is the median of the index with the funding still to come, the index with the
    averaged premium, and the last price, as on Binance
    (https://www.binance.com/en/support/faq/360033525071).

    """
    before = prices[MARK]
    prices[INDEX_LOG] += drivers.index_return[step]
    prices[IMPACT] *= rules.impact_keep
    index = math.exp(prices[INDEX_LOG] + rules.index_share * prices[IMPACT])
    last = math.exp(prices[INDEX_LOG] + prices[IMPACT] + drivers.premium[step])
    last = round(last / rules.tick_size) * rules.tick_size
    premium = math.log(last / index)
    prices[PREMIUM_AVERAGE] += rules.premium_weight * (premium - prices[PREMIUM_AVERAGE])
    to_come = 1.0 - (step % rules.steps_per_funding) / rules.steps_per_funding
    by_funding = index * (1.0 + prices[FUNDING_RATE] * to_come)
    by_premium = index * math.exp(prices[PREMIUM_AVERAGE])
    low, high = min(by_funding, by_premium), max(by_funding, by_premium)
    mark = max(low, min(high, last))
    prices[MARK] = mark
    prices[LAST] = last
    trace.last_price[step] = last
    trace.index_price[step] = index
    trace.mark_price[step] = mark
    trace.impact[step] = prices[IMPACT]
    return float(before)


@compiled
def close_bucket(
    book: Book, kind: int, position: int, mark_price: float, step: int
) -> tuple[float, float]:
    """
    Close the crossed ones of a bucket's list of positions, beginning with `position`.

    Returns
    -------
    tuple of float
        Quantity liquidated and quantity stopped out (base units).

    """
    liquidated = stopped = 0.0
    while position >= 0:
        following = book.positions["after"][position, kind]
        if is_crossed(book, kind, position, mark_price):
            trigger = book.positions["trigger"][position, kind]
            quantity = book.positions["quantity"][position]
            if kind == FAVOURABLE:
                book.positions["reason"][position] = TOOK_PROFIT
            elif trigger == book.positions["liquidation_price"][position]:
                book.positions["reason"][position] = LIQUIDATED
                liquidated += quantity
            else:
                book.positions["reason"][position] = STOPPED
                stopped += quantity
            close_position(book, position, step)
        position = following
    return liquidated, stopped


@compiled
def close_by_force(
    book: Book, rules: Rules, prices: FloatArray, flows: FloatArray, before: float, step: int
) -> None:
    """Close all triggered positions and let their market orders move the price."""
    mark = prices[MARK]
    lowest, highest = min(before, mark), max(before, mark)
    if prices[SCAN_ALL] > 0.0:
        # Liquidation prices changed under the positions: look everywhere once.
        lowest, highest = 0.0, math.exp(book.log_floor) * 1e9
        prices[SCAN_ALL] = 0.0
    first, last = bucket_of(lowest, book.log_floor), bucket_of(highest, book.log_floor)
    interest = max(book.total[LONG_INDEX], book.total[SHORT_INDEX])
    pressure = 0.0
    for row in range(4):
        side, kind = row // 2, row % 2
        for bucket in range(first, last + 1):
            position = book.head[row, bucket]
            if position < 0:
                continue
            liquidated, stopped = close_bucket(book, kind, position, mark, step)
            pressure -= (1.0 - 2.0 * side) * (liquidated + stopped)
            flows[_TO_ABSORB + 1 - side] += rules.absorption * liquidated
    push(rules, prices, rules.impact * pressure / interest)


@compiled
def push(rules: Rules, prices: FloatArray, move: float) -> None:
    """Move the log price for good and for a while; what lasts a while has a limit."""
    prices[INDEX_LOG] += rules.permanent_share * move
    passing = (1.0 - rules.permanent_share) * move
    if passing * prices[IMPACT] > 0.0:
        passing *= max(0.0, 1.0 - abs(prices[IMPACT]) / rules.impact_limit)
    prices[IMPACT] += passing


@compiled
def is_winning(book: Book, position: int, last_price: float) -> bool:
    """Return whether a position is in profit."""
    gain = last_price - book.positions["entry_price"][position]
    return bool(gain > 0.0) if position & 1 == LONG_INDEX else bool(gain < 0.0)


@compiled
def closing_weight(book: Book, rules: Rules, position: int, last_price: float, step: int) -> float:
    """Return a position's closing rate over that of a ten times leveraged winner of mean age."""
    weight = 1.0 if is_winning(book, position, last_price) else rules.loser_factor
    if rules.leverage_exponent != 0.0:
        leverage = book.positions["leverage"][position, book.positions["regime"][position]]
        factor = (leverage / 10.0) ** rules.leverage_exponent
        weight *= min(max(factor, 1.0 / _BOUND), _BOUND)
    if rules.age_exponent != 0.0:
        age = (step - book.positions["opened"][position]) * rules.age_scale
        factor = max(age, 1e-9) ** rules.age_exponent
        weight *= min(max(factor, 1.0 / _BOUND), _BOUND)
    return float(weight)


@compiled
def highest_weight(rules: Rules) -> float:
    """Return a bound of `closing_weight` over all positions."""
    bound = max(1.0, rules.loser_factor)
    if rules.leverage_exponent != 0.0:
        bound *= _BOUND
    if rules.age_exponent != 0.0:
        bound *= _BOUND
    return float(bound)


@compiled
def close_at_will(
    book: Book,
    rules: Rules,
    prices: FloatArray,
    flows: FloatArray,
    activity: float,
    rng: np.random.Generator,
    step: int,
) -> None:
    """Close positions by their hazard: random arrivals, each accepted by its relative rate."""
    bound = highest_weight(rules)
    for side in range(2):
        gap = flows[_TO_NEXT_CLOSING + side]
        gap -= book.n_live[side] * rules.close_rate * bound * activity
        while gap < 0.0:
            gap -= math.log(1.0 - rng.random())
            if book.n_live[side] == 0:
                continue
            position = book.live[side, int(rng.random() * book.n_live[side])]
            weight = closing_weight(book, rules, position, prices[LAST], step)
            if rng.random() * bound < weight:
                book.positions["reason"][position] = AT_WILL
                close_position(book, position, step)
        flows[_TO_NEXT_CLOSING + side] = gap


@compiled
def absorb(
    book: Book, prices: FloatArray, flows: FloatArray, rng: np.random.Generator, step: int
) -> None:
    """Let positions of the other side, winners first, close into the liquidations."""
    for side in range(2):
        wanted = flows[_TO_ABSORB + side]
        draws = 0
        while wanted > 0.0 and draws < _MOST_DRAWS and book.n_live[side] > 0:
            draws += 1
            position = book.live[side, int(rng.random() * book.n_live[side])]
            if is_winning(book, position, prices[LAST]) or rng.random() < _LOSER_ABSORBS:
                wanted -= book.positions["quantity"][position]
                book.positions["reason"][position] = ABSORBED
                close_position(book, position, step)
        flows[_TO_ABSORB + side] = wanted


@compiled
def open_new(
    book: Book,
    drivers: Drivers,
    rules: Rules,
    prices: FloatArray,
    flows: FloatArray,
    rng: np.random.Generator,
    step: int,
) -> None:
    """Open candidates of both sides until the step's opening flow is met."""
    inventory = book.total[SHORT_INDEX] - book.total[LONG_INDEX]
    interest = max(book.total[LONG_INDEX], book.total[SHORT_INDEX], 1e-9)
    pull = min((rules.open_interest / interest) ** rules.interest_feedback, 10.0)
    flow = interest * rules.open_rate * drivers.open_activity[step] * pull
    for side in range(2):
        sign = 1.0 - 2.0 * side
        tilt = 1.0 + sign * (drivers.tilt[step] + rules.inventory_feedback * inventory / interest)
        flows[_TO_OPEN + side] += flow * min(max(tilt, 0.0), 5.0)
        excited = drivers.wild[side, step]
        limit = min(book.cursor[side] + 2 * POOL_MARGIN, len(book.positions))
        while flows[_TO_OPEN + side] > 0.0 and book.cursor[side] < limit:
            position = book.cursor[side]
            book.cursor[side] += 2
            regime = 1 if excited > 0.0 and rng.random() < excited else 0
            if open_position(book, position, prices[LAST], prices[MARK], regime, step):
                flows[_TO_OPEN + side] -= book.positions["quantity"][position]


@compiled
def advance(
    book: Book,
    drivers: Drivers,
    trace: Trace,
    rules: Rules,
    prices: FloatArray,
    flows: FloatArray,
    rng: np.random.Generator,
    first: int,
    last: int,
) -> int:
    """
    Run the steps from `first` up to `last`, or until candidates run short.

    Returns
    -------
    int
        The next step to run; `last` when done.

    """
    for step in range(first, last):
        left = len(book.positions) - max(book.cursor[LONG_INDEX], book.cursor[SHORT_INDEX])
        if left < 2 * POOL_MARGIN:
            return step
        before = move_prices(drivers, trace, rules, prices, step)
        close_by_force(book, rules, prices, flows, before, step)
        absorb(book, prices, flows, rng, step)
        close_at_will(book, rules, prices, flows, drivers.close_activity[step], rng, step)
        open_new(book, drivers, rules, prices, flows, rng, step)
        inventory = book.total[SHORT_INDEX] - book.total[LONG_INDEX]
        trace.open_interest[step] = max(book.total[LONG_INDEX], book.total[SHORT_INDEX])
        trace.provider_inventory[step] = inventory
    return last
