"""My position against the crowd: how much forced flow lies between it and its end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np

from liq_nautilus.core.forecasting.outlook import touch_probability
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.records import PositionRisk

if TYPE_CHECKING:
    from liq_nautilus.core.records import Clusters
    from liq_nautilus.core.records import Levels

# A stop beyond a cluster lies beyond it by this fraction of the price.
_BEYOND: Final = 5e-4
# Clusters that were larger than usual for half of the trailing time count.
_SIGNIFICANT: Final = 0.5


class Position(NamedTuple):
    """
    A position somebody holds or thinks of.

    Attributes
    ----------
    side : int
        +1 long, -1 short.
    entry, stop : float
        Quote per base unit, > 0; the stop lies against the side.
    leverage : float
        Of an isolated position (>= 1).
    maintenance_margin_rate : float
        A fraction of the notional.

    """

    side: int
    entry: float
    stop: float
    leverage: float
    maintenance_margin_rate: float = 0.004

    @property
    def liquidation_price(self) -> float:
        """Where an isolated position is liquidated (quote per base unit); fees left out."""
        margin = self.side / self.leverage
        price = self.entry * (1.0 - margin) / (1.0 - self.side * self.maintenance_margin_rate)
        return max(price, 0.0)


class Crowd(NamedTuple):
    """
    What is known of everybody else's positions.

    Attributes
    ----------
    levels : Levels
        The map.
    clusters : Clusters
        Where much of it lies.
    chance : float
        Of an unusual amount over the horizon; NaN when unknown.
    deviation : float
        Standard deviation of the log price over the horizon; NaN when unknown.

    """

    levels: Levels
    clusters: Clusters
    chance: float
    deviation: float


def position_risk(position: Position, crowd: Crowd) -> PositionRisk:
    """
    Return how much forced flow lies between a position and its end, and how likely it is set off.

    The end is its stop or its liquidation price, whichever comes first.

    Raises
    ------
    ValueError
        If the side is neither, a price not above 0, the stop not against the side, or the leverage
        below 1.

    Notes
    -----
    Between entry and end lie positions of the same side, whose liquidation pushes the price on. The
    chance of being touched is that of a driftless random walk. The stop's placement is just beyond
    the last significant cluster that begins before the stop, but not beyond the liquidation price.

    """
    _check(position)
    side, liquidation = position.side, position.liquidation_price
    # The higher for longs.
    end = side * max(side * position.stop, side * liquidation)
    levels = crowd.levels
    is_between = (side * levels.price <= side * position.entry) & (
        side * levels.price >= side * end
    )
    distance = abs(math.log(end / position.entry))
    touched = touch_probability(distance, crowd.deviation) if crowd.deviation > 0.0 else math.nan
    return PositionRisk(
        side=side,
        end_price=end,
        liquidation_price=liquidation,
        notional_between=float(levels.notional[is_between & (levels.side == side)].sum()),
        probability_touched=float(touched),
        probability_unusual=crowd.chance,
        stop_placement=_placement(position, crowd.clusters),
    )


def _placement(position: Position, clusters: Clusters) -> float:
    side = position.side
    near, far = clusters.price_high, clusters.price_low
    if side == SHORT:
        near, far = far, near
    is_ours = (clusters.side == side) & (clusters.significance >= _SIGNIFICANT)
    is_before = (side * near < side * position.entry) & (side * near >= side * position.stop)
    beyond = far[is_ours & is_before] * (1.0 - side * _BEYOND)
    # None beyond the liquidation price: there is nothing left to stop.
    beyond = beyond[side * beyond > side * position.liquidation_price]
    placed = np.append(side * beyond, side * position.stop).min()
    return float(side * placed)


def _check(position: Position) -> None:
    side, entry, stop, leverage, _ = position
    is_price = 0.0 < entry < math.inf and 0.0 < stop < math.inf
    if side not in {LONG, SHORT} or not is_price or not side * stop < side * entry:
        msg = (
            "a position must have side +1 or -1 and a stop above 0 that lies against it, was side "
            f"{side}, entry {entry}, stop {stop}"
        )
        raise ValueError(msg)
    if not leverage >= 1.0:
        msg = f"leverage must be at least 1, was {leverage}"
        raise ValueError(msg)
