"""
Open positions by liquidation price and leverage, from open interest and the price path.

One contract opened is one long and one short: both sides are credited. Every leverage tier is
modelled as if all of it were opened there (weight 1): the map is linear in the leverage shares,
which are applied on reading and can be fitted. Rising open interest opens positions at the prices
traded since the last update, falling open interest closes them in proportion, traded volume turns
them over, and what the path crosses is consumed. What was consumed is not opened again at the same
leverage: a tier holds the open interest less what was liquidated of it, which closing forgets.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.kernels.arguments import ROW
from liq_nautilus.core.kernels.arguments import Entries
from liq_nautilus.core.kernels.arguments import Window

if TYPE_CHECKING:
    from liq_nautilus.core.kernels.arguments import Positions
    from liq_nautilus.core.kernels.arguments import RowArray
    from liq_nautilus.core.kernels.arguments import Traded
    from liq_nautilus.core.records import FloatArray

# What changes of the arrays.
_CHANGING = tuple(name for name in ROW.names or () if name != "log_ratio")
# The prior's tails end here, in standard deviations.
_PRIOR_REACH = 3.0


class Exposure:
    """
    Open positions of one instrument, per side and leverage tier.

    Parameters
    ----------
    ratio : ndarray of shape (2, n_tiers)
        Liquidation price over entry price, longs then shorts.
    maintenance_rate : ndarray of shape (n_tiers,)
        The maintenance margin rate of each tier's typical position (fraction).
    width : float
        Log width of a native bucket.
    n_buckets : int
        Buckets in the window around the price.

    Attributes
    ----------
    positions : Positions
        The arrays that kernels work on, always the same ones. Of each row, what it holds is what
        was opened less what was closed, consumed and let go.
    traded : Traded
        Where trading happened since the last open interest.
    open_interest : float
        What was seen last (base quantity); 0 before any.

    """

    def __init__(
        self,
        ratio: FloatArray,
        maintenance_rate: FloatArray,
        width: float,
        n_buckets: int,
    ) -> None:
        n_tiers = ratio.shape[1]
        self._ratio = ratio
        self._maintenance_rate = maintenance_rate
        self._width = width
        rows = np.zeros((2, n_tiers), dtype=ROW).view(np.recarray)
        rows.scale = 1.0
        rows.log_ratio = np.log(ratio) / width
        # By how much (buckets) all levels lie elsewhere than the formula says.
        self._factor_shift = 0.0
        self.positions: Positions = (np.zeros((2, n_tiers, n_buckets)), rows)
        self.traded: Traded = (np.zeros(n_buckets), np.zeros(2, dtype=np.int64))
        self._origin: int | None = None
        self._position = 0.0
        self.open_interest = 0.0

    @property
    def origin(self) -> int:
        """The window's first bucket, counted from a log price of 0."""
        return 0 if self._origin is None else self._origin

    @property
    def n_buckets(self) -> int:
        """The buckets in the window."""
        return self.traded[0].size

    @property
    def window(self) -> Window:
        """Where the buckets lie, and the current price in them."""
        return Window(self._width, self.origin, self._position)

    @property
    def rows(self) -> RowArray:
        """What is known of each row, shape (2, n_tiers); see `kernels.arguments.ROW`."""
        return self.positions[1]

    @property
    def mass(self) -> FloatArray:
        """Return the base quantity by liquidation price, shape (2, n_tiers, n_buckets): a copy."""
        mass: FloatArray = self.positions[0] * self.rows.scale[:, :, None]
        return mass

    @property
    def total(self) -> FloatArray:
        """Return the base quantity of each row, shape (2, n_tiers)."""
        total: FloatArray = self.positions[0].sum(axis=2) * self.rows.scale
        return total

    @property
    def held(self) -> FloatArray:
        """Return `total` as it is kept up to date, which is cheaper and agrees but for rounding."""
        held: FloatArray = self.rows.held
        return held

    @property
    def position(self) -> float:
        """The current price, in buckets counted from a log price of 0."""
        return self.origin + self._position

    @property
    def is_empty(self) -> bool:
        """Whether no open interest was seen yet."""
        return self.open_interest == 0.0

    def set_price(self, price: float) -> None:
        """Move the current price (quote per base unit, > 0), and the window with it if need be."""
        absolute = math.log(price) / self._width
        n_buckets = self.n_buckets
        if self._origin is None:
            self._origin = math.floor(absolute) - n_buckets // 2
        elif not 0.25 * n_buckets <= absolute - self._origin < 0.75 * n_buckets:
            self._recentre(math.floor(absolute) - n_buckets // 2)
        self._position = absolute - self._origin

    def note_position(self, position: float) -> None:
        """Take over where a kernel left the current price, in buckets from the origin."""
        self._position = position

    def open_prior(self, contracts: float, spread: float) -> None:
        """
        Open what was open before the first open interest was seen.

        Parameters
        ----------
        contracts : float
            Open interest (base quantity, >= 0).
        spread : float
            Entries lie around the current price with this standard deviation of the log price;
            what would have been liquidated by now is not there.

        """
        # Where trading happened before is part of it.
        kernels.take_traded(self.traded, self._position)
        self.positions[0][:] = 0.0  # what was said before, if anything, is no measure
        amounts = np.full(self.rows.shape, contracts)
        kernels.open_all(self.positions, self._prior(spread), amounts)
        kernels.sweep(self.positions, self._position, self._position)
        # Those liquidated before the story begins were never there: the rest is all there is.
        mass, rows, total = *self.positions, self.total
        scale = np.divide(contracts, total, out=np.ones_like(total), where=total > 0.0)
        mass *= (scale * rows.scale)[:, :, None]
        rows.scale = 1.0
        rows.held = rows.opened = self.total
        for name in ("closed", "consumed", "expired", "swept"):
            rows[name] = 0.0
        self.open_interest = contracts

    def open_at(self, price: float, amounts: FloatArray) -> None:
        """Open `amounts` (shape (2, n_tiers), base quantity) at one price."""
        entries = Entries(math.floor(self._edge(price)), np.ones(1))
        kernels.open_all(self.positions, entries, amounts)

    def settle_funding(self, rate: float) -> None:
        """
        Drain or feed the isolated margin of every open position.

        Parameters
        ----------
        rate : float
            The settled rate (fraction); positive: longs pay shorts.

        Notes
        -----
        The liquidation price of a long moves by ``rate * E / (1 - mmr)`` and of a short by
        ``rate * E / (1 + mmr)``, both upwards when the rate is positive. In logarithms this is one
        shift per row. Terms of second order in the funding paid are ignored, and the payment is
        taken on the entry notional.

        """
        self.rows.offset += self.funding_shift(rate) / self._width

    def funding_shift(self, rate: float) -> FloatArray:
        """Return by how much (log) a settled rate moves liquidation prices, shape (2, n_tiers)."""
        step = np.empty(self.rows.shape)
        step[0] = rate / ((1.0 - self._maintenance_rate) * self._ratio[0])
        step[1] = rate / ((1.0 + self._maintenance_rate) * self._ratio[1])
        shift: FloatArray = np.log1p(np.maximum(step, -0.5))
        return shift

    def set_ratio(self, ratio: FloatArray, maintenance_rate: FloatArray) -> None:
        """
        Take other margin rules for granted, for what is open and for what will be opened.

        Parameters
        ----------
        ratio, maintenance_rate : ndarray
            As the class takes them.

        """
        shift = np.log(ratio / self._ratio) / self._width
        # Where nothing is open there is nothing to be shifted.
        self.rows.offset += np.where(self.rows.held > 0.0, shift, 0.0)
        self._ratio, self._maintenance_rate = ratio, maintenance_rate
        self.set_factor(math.exp(self._factor_shift * self._width))

    def shift_prices(self, factor: float) -> None:
        """Multiply every liquidation price by `factor` (> 0), those of later openings too."""
        shift = math.log(factor) / self._width
        self.rows.offset += shift
        self.set_factor(math.exp((self._factor_shift + shift) * self._width))

    def set_factor(self, factor: float) -> None:
        """Say by which factor (> 0) liquidation prices differ from the formula's, to open by it."""
        self._factor_shift = math.log(factor) / self._width
        self.rows.log_ratio = np.log(self._ratio) / self._width + self._factor_shift

    def densities(self, weights: FloatArray, first: int, n_out: int) -> FloatArray:
        """
        Return the base quantity per native bucket, weighted in several ways.

        Parameters
        ----------
        weights : ndarray of shape (n, 2, n_tiers)
            What each tier counts.
        first : int
            The first bucket, counted from a log price of 0.
        n_out : int
            How many buckets.

        Returns
        -------
        ndarray of shape (n, 2, n_out)
            Longs, then shorts.

        """
        out = np.zeros((len(weights), 2, n_out))
        kernels.add_parts(self.positions, weights, first - self.origin, out)
        return out

    def notional_by_tier(
        self, side: int, price_low: float, price_high: float, unit_price: float = 0.0
    ) -> FloatArray:
        """
        Return each tier's notional at weight 1 between two prices.

        Parameters
        ----------
        side : int
            0 long, 1 short.
        price_low, price_high : float
            Quote per base unit, > 0.
        unit_price : float, optional
            What a base unit is worth wherever it lies (quote); 0: the price there.

        Returns
        -------
        ndarray of shape (n_tiers,)
            Quote currency.

        """
        low, high = self._edge(price_low), self._edge(price_high)
        mass, rows = self.positions
        return np.array(
            [
                kernels.quantity_between(
                    mass[side, tier], rows[side, tier], low, high, self.window, unit_price
                )
                for tier in range(rows.shape[1])
            ]
        )

    def notional_to(
        self, shares: FloatArray, log_prices: FloatArray, unit_price: float = 0.0
    ) -> FloatArray:
        """
        Return each side's notional, weighted, from one price to others.

        Parameters
        ----------
        shares : ndarray of shape (2, n_tiers)
            What each tier counts.
        log_prices : ndarray of shape (2, n + 1)
            Where longs and shorts begin, then where each sum ends, farther and farther: down for
            longs, up for shorts (log price).
        unit_price : float, optional
            As in `notional_by_tier`.

        Returns
        -------
        ndarray of shape (2, n)
            Quote currency.

        """
        out = np.empty((2, log_prices.shape[1] - 1))
        edges = log_prices / self._width - self.origin
        kernels.notional_to(self.positions, shares, edges, self.window, unit_price, out)
        return out

    def state(self) -> dict[str, Any]:
        """Return everything that changes, as arrays and plain numbers."""
        return {
            "mass": self.positions[0].copy(),
            "rows": {name: self.rows[name].copy() for name in _CHANGING},
            "traded": [array.copy() for array in self.traded],
            "origin": self._origin,
            "position": self._position,
            "open_interest": self.open_interest,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.positions[0][:] = state["mass"]
        for name in _CHANGING:
            self.rows[name] = state["rows"][name]
        for array, saved in zip(self.traded, state["traded"], strict=True):
            array[:] = saved
        self._origin = state["origin"]
        self._position = float(state["position"])
        self.open_interest = float(state["open_interest"])

    def _edge(self, price: float) -> float:
        return math.log(price) / self._width - self.origin

    def _prior(self, spread: float) -> Entries:
        # A normal distribution of log entry prices around the current one.
        reach = math.ceil(_PRIOR_REACH * spread / self._width)
        reach = min(reach, self.n_buckets // 4)
        distance = np.arange(-reach, reach + 1) * self._width / spread
        weights = np.exp(-0.5 * distance**2)
        return Entries(math.floor(self._position) - reach, weights / weights.sum())

    def _recentre(self, origin: int) -> None:
        # The price left the middle half of the window: what falls out of it is let go.
        move = origin - self.origin
        (mass, rows), (amounts, span) = self.positions, self.traded
        n_buckets, before = self.n_buckets, self.total
        moved, moved_amounts = np.zeros_like(mass), np.zeros_like(amounts)
        if abs(move) < n_buckets:
            source = slice(max(move, 0), n_buckets + min(move, 0))
            target = slice(max(-move, 0), n_buckets + min(-move, 0))
            moved[:, :, target] = mass[:, :, source]
            moved_amounts[target] = amounts[source]
        mass[:], amounts[:] = moved, moved_amounts
        for bounds in (rows.first, rows.last, span):
            bounds[:] = np.clip(bounds - move, 0, n_buckets)
        rows.held = self.total
        rows.expired += before - rows.held
        self._origin = origin
