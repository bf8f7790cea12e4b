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
    ledger : ndarray of shape (4, 2, n_tiers)
        Base quantity opened, closed, consumed and let go (out of the window or dust) since the
        start: ``mass = opened - closed - consumed - expired``.
    level : float
        The open interest seen last (base quantity).

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
        self._mass = np.zeros((2, n_tiers, n_buckets))
        self.ledger = np.zeros((4, 2, n_tiers))
        self._running = np.zeros((2, 2, n_tiers))
        self._running[kernels.SCALE] = 1.0
        self._bounds = np.zeros((2, n_tiers, 2), dtype=np.int64)
        self._offset = np.zeros((2, n_tiers))
        self._pending = np.zeros(n_buckets)
        self._pending_span = np.zeros(2, dtype=np.int64)
        self._swept = np.zeros((2, n_tiers))
        self._origin: int | None = None
        self._position = 0.0
        self.level = 0.0

    @property
    def origin(self) -> int:
        """The window's first bucket, counted from a log price of 0."""
        return 0 if self._origin is None else self._origin

    @property
    def n_buckets(self) -> int:
        """The buckets in the window."""
        return self._pending.size

    @property
    def mass(self) -> FloatArray:
        """Return the base quantity by liquidation price, shape (2, n_tiers, n_buckets): a copy."""
        mass: FloatArray = self._mass * self._running[kernels.SCALE][:, :, None]
        return mass

    @property
    def total(self) -> FloatArray:
        """Return the base quantity of each row, shape (2, n_tiers)."""
        total: FloatArray = self._mass.sum(axis=2) * self._running[kernels.SCALE]
        return total

    @property
    def held(self) -> FloatArray:
        """Return `total` as it is kept up to date, which is cheaper and agrees but for rounding."""
        held: FloatArray = self._running[kernels.HELD]
        return held

    @property
    def book(self) -> tuple[Any, ...]:
        """The arrays that the kernels work on, always the same ones; see `kernels.sweep_all`."""
        return (
            self._mass,
            self._bounds,
            self.ledger,
            self._running,
            self._offset,
            self._swept,
            self._log_ratio,
        )

    @property
    def pending(self) -> tuple[Any, Any]:
        """Where was traded since the last open interest; see `kernels.add_pending`."""
        return self._pending, self._pending_span

    @property
    def dust(self) -> float:
        """Less than this (base quantity) in a bucket is nothing; 0 without open interest."""
        return _DUST * self.level

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
        return self.level == 0.0

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

    def sweep(self, low: float, high: float) -> None:
        """
        Consume what the path from `low` to `high` crossed (quote per base unit).

        What was removed is in `swept`.
        """
        self._consume(self._edge(low), self._edge(high))

    def turn_over(self, first: int, weights: FloatArray, turnover: FloatArray) -> None:
        """
        Close a fraction of every tier and open it of the open interest at given entry prices.

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
        kernels.add_pending(self._pending, self._pending_span, first, weights, 1.0)

    def set_open_interest(self, contracts: float, prior_spread: float) -> None:
        """
        Open in every row by what open interest rose, or close in proportion to its fall.

        Parameters
        ----------
        contracts : float
            Open interest (base quantity, >= 0).
        prior_spread : float
            What was open before the first update is taken as entered around the current price with
            this standard deviation of the log price; what would have been liquidated by now is not
            there.

        """
        first, weights = kernels.take_pending(self._pending, self._pending_span, self._position)
        if self.is_empty:
            first, weights = self._prior(prior_spread)
            self.level = contracts
            self._open_prior(first, weights, contracts)
        else:
            self._trade(first, weights, contracts, np.zeros(self._swept.shape[1]))
            self.level = contracts

    def open_at(self, price: float, amounts: FloatArray) -> None:
        """Open `amounts` (shape (2, n_tiers), base quantity) at one price."""
        self._deposit(math.floor(self._edge(price)), np.ones(1), amounts)

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
        kernels.density(
            self._mass,
            self._bounds,
            self._running,
            self._offset,
            weights,
            first - self.origin,
            out,
        )
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
        out = np.zeros(self._swept.shape[1])
        for tier in range(out.size):
            offset = self._offset[side, tier]
            out[tier] = self._running[kernels.SCALE, side, tier] * kernels.quantity_between(
                self._mass[side, tier],
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
            "mass": self._mass.copy(),
            "ledger": self.ledger.copy(),
            "running": self._running.copy(),
            "bounds": self._bounds.copy(),
            "offset": self._offset.copy(),
            "pending": self._pending.copy(),
            "pending_span": self._pending_span.copy(),
            "swept": self._swept.copy(),
            "origin": self._origin,
            "position": self._position,
            "level": self.level,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self._mass[:] = state["mass"]
        self.ledger[:] = state["ledger"]
        self._running[:] = state["running"]
        self._bounds[:] = state["bounds"]
        self._offset[:] = state["offset"]
        self._pending[:] = state["pending"]
        self._pending_span[:] = state["pending_span"]
        self._swept[:] = state["swept"]
        self._origin = state["origin"]
        self._position = float(state["position"])
        self.level = float(state["level"])

    def _edge(self, price: float) -> float:
        return math.log(price) / self._width - self.origin

    def _consume(self, low: float, high: float) -> None:
        kernels.consume(
            self._mass,
            self._bounds,
            self.ledger,
            self._running,
            self._offset,
            low,
            high,
            self._swept,
        )

    def _deposit(self, first: int, weights: FloatArray, amounts: FloatArray) -> None:
        kernels.deposit(
            self._mass,
            self._bounds,
            self.ledger,
            self._running,
            self._offset,
            self._log_ratio,
            first,
            weights,
            amounts,
        )

    def _trade(self, first: int, weights: FloatArray, target: float, turnover: FloatArray) -> None:
        kernels.trade(
            self._mass,
            self._bounds,
            self.ledger,
            self._running,
            self._offset,
            self._log_ratio,
            self._position,
            first,
            weights,
            self.level,
            target,
            turnover,
            self._loser_ratio,
            self.dust,
        )

    def _prior(self, spread: float) -> tuple[int, FloatArray]:
        # A normal distribution of log entry prices around the current one.
        reach = math.ceil(_PRIOR_REACH * spread / self._width)
        reach = min(reach, self.n_buckets // 4)
        distance = np.arange(-reach, reach + 1) * self._width / spread
        weights = np.exp(-0.5 * distance**2)
        return math.floor(self._position) - reach, weights / weights.sum()

    def _open_prior(self, first: int, weights: FloatArray, contracts: float) -> None:
        self._deposit(first, weights, np.full(self._swept.shape, contracts))
        self._consume(self._position, self._position)
        # Those liquidated before the story begins were never there: the rest is all there is.
        total = self.total
        scale = np.divide(contracts, total, out=np.ones_like(total), where=total > 0.0)
        self._mass *= (scale * self._running[kernels.SCALE])[:, :, None]
        self._running[kernels.SCALE] = 1.0
        self._running[kernels.HELD] = self.total
        self.ledger[:] = 0.0
        self.ledger[kernels.OPENED] = self.total
        self._swept[:] = 0.0

    def _recentre(self, origin: int) -> None:
        # The price left the middle half of the window: what falls out of it is let go.
        move = origin - self.origin
        n_buckets = self.n_buckets
        before = self.total
        moved = np.zeros_like(self._mass)
        pending = np.zeros_like(self._pending)
        if abs(move) < n_buckets:
            source = slice(max(move, 0), n_buckets + min(move, 0))
            target = slice(max(-move, 0), n_buckets + min(-move, 0))
            moved[:, :, target] = self._mass[:, :, source]
            pending[target] = self._pending[source]
        self._mass[:] = moved
        self._pending[:] = pending
        self._bounds[:] = np.clip(self._bounds - move, 0, n_buckets)
        self._pending_span[:] = np.clip(self._pending_span - move, 0, n_buckets)
        self._running[kernels.HELD] = self.total
        self.ledger[kernels.EXPIRED] += before - self.total
        self._origin = origin
