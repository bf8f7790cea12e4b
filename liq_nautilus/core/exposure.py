"""
Open positions by liquidation price and leverage, from open interest and the price path.

One contract opened is one long and one short, so each side holds the whole open interest. Every
leverage tier is modelled as if it held all of it (weight 1): the map is linear in the leverage
shares, which are applied on reading and can be fitted. Rising open interest opens positions at the
prices traded since the last update, falling open interest closes them, traded volume turns them
over, and what the path crosses is consumed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core import kernels

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray

_DUST = 1e-12
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
    loser_ratio : float
        Closing rate of positions at a loss relative to those in profit.

    Attributes
    ----------
    mass : ndarray of shape (2, n_tiers, n_buckets)
        Base quantity by liquidation price.
    ledger : ndarray of shape (4, 2, n_tiers)
        Base quantity opened, closed, consumed and let go (out of the window or dust) since the
        start: ``mass = opened - closed - consumed - expired``.

    """

    def __init__(
        self,
        ratio: FloatArray,
        maintenance_rate: FloatArray,
        width: float,
        n_buckets: int,
        loser_ratio: float,
    ) -> None:
        n_tiers = ratio.shape[1]
        self._ratio = ratio
        self._maintenance_rate = maintenance_rate
        self._log_ratio = np.log(ratio) / width
        self._width = width
        self._loser_ratio = loser_ratio
        self.mass = np.zeros((2, n_tiers, n_buckets))
        self.ledger = np.zeros((4, 2, n_tiers))
        self._bounds = np.zeros((2, n_tiers, 2), dtype=np.int64)
        self._offset = np.zeros((2, n_tiers))
        self._pending = np.zeros(n_buckets)
        self._swept = np.zeros((2, n_tiers))
        self._origin: int | None = None
        self._position = 0.0
        self._level = 0.0

    @property
    def origin(self) -> int:
        """The window's first bucket, counted from a log price of 0."""
        return 0 if self._origin is None else self._origin

    @property
    def total(self) -> FloatArray:
        """Return the base quantity of each row, shape (2, n_tiers)."""
        total: FloatArray = self.mass.sum(axis=2)
        return total

    @property
    def held(self) -> FloatArray:
        """Return `total` by the ledger, which is cheaper and agrees but for rounding."""
        held: FloatArray = self.ledger[kernels.OPENED] - self.ledger[kernels.CLOSED :].sum(axis=0)
        return held

    @property
    def position(self) -> float:
        """The current price, in buckets counted from a log price of 0."""
        return self.origin + self._position

    @property
    def swept(self) -> FloatArray:
        """Return the base quantity the last `sweep` removed from each row, shape (2, n_tiers)."""
        return self._swept

    @property
    def is_empty(self) -> bool:
        """Whether no open interest was seen yet."""
        return self._level == 0.0

    def set_price(self, price: float) -> None:
        """Move the current price (quote per base unit, > 0), and the window with it if need be."""
        absolute = math.log(price) / self._width
        n_buckets = self.mass.shape[2]
        if self._origin is None:
            self._origin = math.floor(absolute) - n_buckets // 2
        elif not 0.25 * n_buckets <= absolute - self._origin < 0.75 * n_buckets:
            self._recentre(math.floor(absolute) - n_buckets // 2)
        self._position = absolute - self._origin

    def sweep(self, low: float, high: float) -> None:
        """
        Consume what the path from `low` to `high` crossed (quote per base unit).

        What was removed is in `swept`.
        """
        low_edge = self._edge(low) - self._offset[0]
        high_edge = self._edge(high) - self._offset[1]
        kernels.consume(self.mass, self._bounds, self.ledger, low_edge, high_edge, self._swept)

    def turn_over(self, first: int, weights: FloatArray, turnover: FloatArray) -> None:
        """
        Close a fraction of every tier and open it again at given entry prices.

        Parameters
        ----------
        first : int
            The window bucket of the first weight.
        weights : ndarray of shape (n_entries,)
            Entry prices, summing to 1.
        turnover : ndarray of shape (n_tiers,)
            The fraction, in [0, 1].

        """
        self._trade(first, weights, math.nan, turnover)

    def add_pending(self, first: int, weights: FloatArray) -> None:
        """Note where trading happened since the last open interest (any unit)."""
        # What lies beyond the window is left out.
        n_buckets = self._pending.size
        begin, end = min(max(first, 0), n_buckets), max(min(first + weights.size, n_buckets), 0)
        self._pending[begin:end] += weights[begin - first : end - first]

    def set_open_interest(self, contracts: float, prior_spread: float) -> None:
        """
        Open or close so that each row holds the open interest.

        Parameters
        ----------
        contracts : float
            Open interest (base quantity, >= 0).
        prior_spread : float
            What was open before the first update is taken as entered around the current price with
            this standard deviation of the log price; what would have been liquidated by now is not
            there.

        """
        if self.is_empty:
            first, weights = self._prior(prior_spread)
            self._level = contracts
            self._open_prior(first, weights, contracts)
        else:
            self._level = contracts
            first, weights = self._pending_weights()
            self._trade(first, weights, contracts, np.zeros(self.mass.shape[1]))
        self._pending[:] = 0.0

    def open_at(self, price: float, amounts: FloatArray) -> None:
        """Open `amounts` (shape (2, n_tiers), base quantity) at one price."""
        first = math.floor(self._edge(price))
        weights = np.ones(1)
        kernels.deposit(
            self.mass, self._bounds, self.ledger, self._shift(), first, weights, amounts
        )

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
        step = np.empty_like(self._offset)
        step[0] = rate / ((1.0 - self._maintenance_rate) * self._ratio[0])
        step[1] = rate / ((1.0 + self._maintenance_rate) * self._ratio[1])
        self._offset += np.log1p(np.maximum(step, -0.5)) / self._width

    def shift_prices(self, factor: float) -> None:
        """Multiply every liquidation price by `factor` (> 0)."""
        self._offset += math.log(factor) / self._width

    def density(self, weights: FloatArray, first: int, n_out: int) -> FloatArray:
        """
        Return the weighted base quantity per native bucket.

        Parameters
        ----------
        weights : ndarray of shape (2, n_tiers)
            The share of each tier.
        first : int
            The first bucket, counted from a log price of 0.
        n_out : int
            How many buckets.

        Returns
        -------
        ndarray of shape (2, n_out)
            Longs, then shorts.

        """
        out = np.zeros((2, n_out))
        kernels.density(self.mass, self._bounds, self._offset, weights, first - self.origin, out)
        return out

    def notional_by_tier(self, side: int, price_low: float, price_high: float) -> FloatArray:
        """
        Return each tier's notional at weight 1 between two prices.

        Parameters
        ----------
        side : int
            0 long, 1 short.
        price_low, price_high : float
            Quote per base unit, > 0.

        Returns
        -------
        ndarray of shape (n_tiers,)
            Quote currency.

        """
        low, high = self._edge(price_low), self._edge(price_high)
        out = np.zeros(self.mass.shape[1])
        for tier in range(out.size):
            offset = self._offset[side, tier]
            out[tier] = kernels.quantity_between(
                self.mass[side, tier],
                self._bounds[side, tier],
                low - offset,
                high - offset,
                math.exp((self.origin + offset) * self._width),
                self._width,
            )
        return out

    def state(self) -> dict[str, Any]:
        """Return everything that changes, as arrays and plain numbers."""
        return {
            "mass": self.mass.copy(),
            "ledger": self.ledger.copy(),
            "bounds": self._bounds.copy(),
            "offset": self._offset.copy(),
            "pending": self._pending.copy(),
            "swept": self._swept.copy(),
            "origin": self._origin,
            "position": self._position,
            "level": self._level,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self.mass[:] = state["mass"]
        self.ledger[:] = state["ledger"]
        self._bounds[:] = state["bounds"]
        self._offset[:] = state["offset"]
        self._pending[:] = state["pending"]
        self._swept[:] = state["swept"]
        self._origin = state["origin"]
        self._position = float(state["position"])
        self._level = float(state["level"])

    def _edge(self, price: float) -> float:
        return math.log(price) / self._width - self.origin

    def _shift(self) -> FloatArray:
        return self._log_ratio - self._offset

    def _trade(self, first: int, weights: FloatArray, target: float, turnover: FloatArray) -> None:
        shift = self._shift()
        kernels.trade(
            self.mass,
            self._bounds,
            self.ledger,
            self._position + shift,
            shift,
            first,
            weights,
            target,
            turnover,
            self._loser_ratio,
            _DUST * self._level,
        )

    def _prior(self, spread: float) -> tuple[int, FloatArray]:
        # A normal distribution of log entry prices around the current one.
        reach = math.ceil(_PRIOR_REACH * spread / self._width)
        reach = min(reach, self.mass.shape[2] // 4)
        distance = np.arange(-reach, reach + 1) * self._width / spread
        weights = np.exp(-0.5 * distance**2)
        return math.floor(self._position) - reach, weights / weights.sum()

    def _open_prior(self, first: int, weights: FloatArray, contracts: float) -> None:
        n_tiers = self.mass.shape[1]
        amounts = np.full((2, n_tiers), contracts)
        kernels.deposit(
            self.mass, self._bounds, self.ledger, self._shift(), first, weights, amounts
        )
        edges = self._position - self._offset
        kernels.consume(self.mass, self._bounds, self.ledger, edges[0], edges[1], self._swept)
        # Those liquidated before the story begins were never there: the rest is all there is.
        total = self.total
        scale = np.divide(contracts, total, out=np.ones_like(total), where=total > 0.0)
        self.mass *= scale[:, :, None]
        self.ledger[:] = 0.0
        self.ledger[kernels.OPENED] = self.total
        self._swept[:] = 0.0

    def _pending_weights(self) -> tuple[int, FloatArray]:
        total = self._pending.sum()
        if total <= 0.0:
            return math.floor(self._position), np.ones(1)
        occupied = np.flatnonzero(self._pending)
        first, last = int(occupied[0]), int(occupied[-1]) + 1
        return first, self._pending[first:last] / total

    def _recentre(self, origin: int) -> None:
        # The price left the middle half of the window: what falls out of it is let go.
        move = origin - self.origin
        n_buckets = self.mass.shape[2]
        before = self.total
        moved = np.zeros_like(self.mass)
        pending = np.zeros_like(self._pending)
        if abs(move) < n_buckets:
            source = slice(max(move, 0), n_buckets + min(move, 0))
            target = slice(max(-move, 0), n_buckets + min(-move, 0))
            moved[:, :, target] = self.mass[:, :, source]
            pending[target] = self._pending[source]
        self.mass[:] = moved
        self._pending[:] = pending
        self._bounds[:] = np.clip(self._bounds - move, 0, n_buckets)
        self.ledger[kernels.EXPIRED] += before - self.total
        self._origin = origin
