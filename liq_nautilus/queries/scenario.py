"""What if the price goes there: how much will be liquidated on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.catalog.inventory import only_symbol
from liq_nautilus.queries.map_at import tracker_at

if TYPE_CHECKING:
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import ExpectedLiquidations
    from liq_nautilus.core.tracker import LiquidationTracker
    from liq_nautilus.nautilus.catalog.inventory import Catalog


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    What is expected to be liquidated if the price goes somewhere.

    Attributes
    ----------
    symbol : str
        Whose.
    ts_event : int
        What was known at this moment (UTC ns).
    current_price, to : float
        From where to where the price goes (quote per base unit).
    hours : float
        How long it takes.
    venues : tuple of str
        Whose liquidations are meant.
    long, short : ExpectedLiquidations
        Notional of longs and of shorts, with 90 % bands (quote).

    """

    symbol: str
    ts_event: int
    current_price: float
    to: float
    hours: float
    venues: tuple[str, ...]
    long: ExpectedLiquidations
    short: ExpectedLiquidations


def scenario(
    catalog: Catalog,
    symbol: str | None = None,
    *,
    to: float,
    hours: float,
    at_ns: int | None = None,
    parameters: TrackerParameters | None = None,
    brackets: object | None = None,
) -> Scenario:
    """
    Return how much will be liquidated if the price goes to a price within some hours.

    Parameters
    ----------
    catalog : Catalog
        Where the inputs are.
    symbol : str, optional
        Binance's name; by default the only symbol of the catalog.
    to : float
        The price (quote per base unit, > 0).
    hours : float
        Within this time (> 0).
    at_ns : int, optional
        The moment (UTC nanoseconds); by default that of the newest input.
    parameters : TrackerParameters, optional
        What is assumed.
    brackets : object, optional
        A parsed `leverageBracket` response of Binance in place of the built-in brackets.

    Returns
    -------
    Scenario
        Of the other extreme of the path nothing is said: it is taken to lie where the volatility
        of the last hours lets expect it.

    Raises
    ------
    DataGapError
        If the catalog lacks what the map needs.
    SettingError
        If the price or the time is not above 0, or the symbol must be named.

    """
    _check("--to", to, "a price above 0")
    _check("--within", hours, "longer than 0")
    chosen = only_symbol(catalog, symbol)
    tracker = tracker_at(catalog, chosen, at_ns, parameters=parameters, brackets=brackets)
    if math.isnan(tracker.reference_price):
        msg = (
            f"{catalog.path} must hold open interest of {chosen} before the moment asked for, "
            "found none; ingest metrics of those days"
        )
        raise DataGapError(msg)
    longs, shorts = scenario_of(tracker, to, hours)
    return Scenario(
        symbol=chosen,
        ts_event=tracker.ts,
        current_price=tracker.reference_price,
        to=to,
        hours=hours,
        venues=tracker.parameters.venues,
        long=longs,
        short=shorts,
    )


def scenario_of(
    tracker: LiquidationTracker, to: float, hours: float
) -> tuple[ExpectedLiquidations, ExpectedLiquidations]:
    """Return what is liquidated of longs and of shorts if the price goes to `to` (quote)."""
    price = tracker.reference_price
    other = price * math.exp(math.copysign(tracker.expected_excursion(hours), price - to))
    return tracker.expected_liquidations(price, max(price, to, other), min(price, to, other), hours)


def _check(name: str, value: float, rule: str) -> None:
    if not 0.0 < value < math.inf:
        msg = f"{name} must be {rule}, was {value:g}"
        raise SettingError(msg)
