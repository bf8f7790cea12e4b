"""
Model C: levels from large trades, after the py-liquidation-map algorithm.

Every large aggregate trade counts as an opening (taker buy: long, taker sell: short) at 100x, 50x,
25x and 10x.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal

import numpy as np

from liq_nautilus.core import kernels
from liq_nautilus.core.models.base import ExposureModel
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

if TYPE_CHECKING:
    from liq_nautilus.core.exchange.brackets import BracketTable
    from liq_nautilus.core.models.base import LevelArrays
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray

# By rising leverage, as elsewhere.
_LEVERAGES = np.array([10.0, 25.0, 50.0, 100.0])
_RATIO = np.array([[0.90, 0.96, 0.98, 0.99], [1.10, 1.04, 1.02, 1.01]])
_TOP_N = 100
_PORTION = 0.01
# Less than this share of what was opened is a rounding error.
_NOTHING = 1e-9


class LiquidationMap(ExposureModel):
    """
    Levels of large trades; `consume` of the parameters says what removes them.

    ``"path"`` removes what the path crossed; ``"last"``, as the original does, what lies beyond
    the last price, so that levels crossed and recovered stay. Each trade counts once, a quarter
    per leverage.
    """

    trades = False

    def __init__(
        self, parameters: TrackerParameters | None = None, brackets: BracketTable | None = None
    ) -> None:
        super().__init__(parameters, brackets)
        # The base quantity of all large trades, at every leverage.
        self.opened = 0.0

    @property
    def model_name(self) -> str:
        """The name by which the model is asked for."""
        return "py_liquidation_map"

    @property
    def base_confidence(self) -> float:
        """A fixed 0.80: large trades are seen, but nothing says which of them opened a position."""
        return 0.80

    @property
    def is_swept(self) -> bool:
        """Whether paths remove what they cross."""
        return self.parameters.consume == "path"

    @property
    def hides_beyond(self) -> bool:
        """Whether levels beyond the last price are hidden until the price comes back."""
        return self.parameters.consume == "last"

    @property
    def held(self) -> float:
        """The base quantity of all positions, longs and shorts."""
        if self.is_swept:
            return super().held
        weights, exposure = self.weights[None], self.exposure
        return float(self.densities(weights, exposure.origin, exposure.n_buckets).sum())

    @property
    def has_map(self) -> bool:
        """Whether any large trade was seen that is not consumed."""
        return self.opened > 0.0 and self.held > _NOTHING * self.opened

    def densities(self, weights: FloatArray, first: int, n_out: int) -> FloatArray:
        """Return the base quantity per native bucket; see `Exposure.densities`."""
        found = super().densities(weights, first, n_out)
        if self.hides_beyond:
            for out in found:
                kernels.hide_beyond(out, self.exposure.position - first)
        return found

    def notional_by_tier(
        self, side: int, price_low: float, price_high: float, unit_price: float = 0.0
    ) -> FloatArray:
        """Return each tier's notional at weight 1; see `ExposureModel.notional_by_tier`."""
        if self.hides_beyond:
            price = math.exp(self._log_price)
            limit = min if side == LONG else max
            price_low, price_high = limit(price_low, price), limit(price_high, price)
        return super().notional_by_tier(side, price_low, price_high, unit_price)

    def notional_to(
        self, shares: FloatArray, log_prices: FloatArray, unit_price: float = 0.0
    ) -> FloatArray:
        """Return each side's notional from one price to others; see `Exposure.notional_to`."""
        if self.hides_beyond:
            longs, shorts = log_prices
            nearest = self._log_price
            log_prices = np.stack([np.minimum(longs, nearest), np.maximum(shorts, nearest)])
        return super().notional_to(shares, log_prices, unit_price)

    @property
    def _log_price(self) -> float:
        return self.exposure.position * self.parameters.grid_bps * 1e-4

    def open_prior(self, contracts: float) -> None:
        """Open nothing: only large trades do."""

    def on_large_trades(self, prices: FloatArray, amounts: FloatArray) -> None:
        """Open each large trade on the taker's side."""
        for i in np.flatnonzero(amounts.sum(axis=0)):
            tiers = np.repeat(amounts[:, i : i + 1], _LEVERAGES.size, axis=1)
            self.exposure.open_at(float(prices[i]), tiers)
        self._sum_opened()

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        super().restore(state)
        self._sum_opened()

    def _sum_opened(self) -> None:
        self.opened = float(self.exposure.rows.opened.sum())

    def _later_prices(self, price: FloatArray, current_price: float) -> FloatArray:
        if self.hides_beyond:
            return np.full(price.size, current_price)
        return super()._later_prices(price, current_price)

    def _tiers(self) -> FloatArray:
        return _LEVERAGES

    def _tier_weights(self) -> FloatArray:
        return np.full((2, _LEVERAGES.size), 1.0 / _LEVERAGES.size)

    def _liquidated(self) -> FloatArray:
        # Of what lies at a leverage the same part is liquidated, whoever says that it lies there.
        p = self.parameters
        tiers = np.log(np.array(p.leverages, dtype=np.float64))
        shares = np.array([p.liquidated_shares_long, p.liquidated_shares_short])
        part = shares / np.maximum(super()._tier_weights(), _NOTHING)
        own = np.stack([np.interp(np.log(_LEVERAGES), tiers, one) for one in part])
        liquidated: FloatArray = own * self._tier_weights()
        return liquidated

    def _ratios(self) -> FloatArray:
        return _RATIO


def large_trades(
    notional: FloatArray,
    taker_side: SideArray,
    mode: Literal["gross_value", "top_n", "portion"] = "gross_value",
    threshold: float | None = None,
) -> SideArray:
    """
    Select the large trades of each side.

    Parameters
    ----------
    notional : ndarray of shape (n,)
        Quote.
    taker_side : ndarray of shape (n,)
        +1 buy, -1 sell.
    mode : {"gross_value", "top_n", "portion"}
        At least a notional; the largest n; the largest fraction.
    threshold : float, optional
        By default 100,000; 100; 0.01.

    Returns
    -------
    ndarray of bool of shape (n,)
        True for the large ones.

    Raises
    ------
    ValueError
        If the mode is none of these.

    """
    if mode == "gross_value":
        limit = 100_000.0 if threshold is None else threshold
        return np.asarray(notional >= limit)
    if mode not in {"top_n", "portion"}:
        msg = f"mode must be gross_value, top_n or portion, was {mode}"
        raise ValueError(msg)
    selected = np.zeros(notional.shape, dtype=bool)
    for side in (LONG, SHORT):
        index = np.flatnonzero(taker_side == side)
        if mode == "top_n":
            count = int(_TOP_N if threshold is None else threshold)
        else:
            count = int(index.size * (_PORTION if threshold is None else threshold))
        largest = index[np.argsort(-notional[index], kind="stable")[:count]]
        selected[largest] = True
    return selected


def liquidation_map(
    price: FloatArray,
    quantity: FloatArray,
    taker_side: SideArray,
    mode: Literal["gross_value", "top_n", "portion"] = "gross_value",
    threshold: float | None = None,
    consume: Literal["path", "last"] = "path",
) -> LevelArrays:
    """
    Return the levels of a stretch of trades, binned by the original's rule.

    Parameters
    ----------
    price, quantity : ndarray of shape (n,)
        Quote per base unit; base units; in time order.
    taker_side : ndarray of shape (n,)
        +1 buy, -1 sell.
    mode, threshold
        As in `large_trades`.
    consume : {"path", "last"}
        ``"last"`` gives the original's result: each level carries the trade's full amount and only
        the last price decides. ``"path"`` removes what later trades crossed and counts each amount
        once, a quarter per leverage.

    Returns
    -------
    tuple of ndarray of shape (n_bins,)
        Price (the bin's lower edge), notional (quote), side, leverage; one entry per bin, side and
        leverage, ascending.

    """
    is_large = large_trades(price * quantity, taker_side, mode, threshold)
    if not is_large.any():
        empty = np.zeros(0)
        return empty, empty, np.zeros(0, dtype=np.int8), empty
    levels, amounts, sides, leverages = _crossed_removed(
        price, quantity, taker_side, is_large, consume
    )
    width = bin_width(price)
    return _binned(levels, amounts, sides, leverages, width)


def bin_width(price: FloatArray) -> float:
    """Return the original's bin width, ``10^(ceil(log10(max - min)) - 2)``; 1.0 for one price."""
    span = float(price.max() - price.min())
    return 1.0 if span <= 0.0 else 10.0 ** (math.ceil(math.log10(span)) - 2)


def _crossed_removed(
    price: FloatArray,
    quantity: FloatArray,
    taker_side: SideArray,
    is_large: SideArray,
    consume: str,
) -> LevelArrays:
    index = np.flatnonzero(is_large)
    side = taker_side[index].astype(np.int8)
    ratio = np.where((side == LONG)[:, None], _RATIO[0], _RATIO[1])
    level = price[index, None] * ratio
    share = 1.0 if consume == "last" else 1.0 / _LEVERAGES.size
    amount = np.repeat((price[index] * quantity[index] * share)[:, None], _LEVERAGES.size, axis=1)
    lowest, highest = price[-1], price[-1]
    if consume == "path":
        lowest = np.minimum.accumulate(price[::-1])[::-1][index][:, None]
        highest = np.maximum.accumulate(price[::-1])[::-1][index][:, None]
    alive = np.where((side == LONG)[:, None], level < lowest, level > highest)
    sides = np.repeat(side[:, None], _LEVERAGES.size, axis=1)
    leverages = np.repeat(_LEVERAGES[None, :], index.size, axis=0)
    return level[alive], amount[alive], sides[alive], leverages[alive]


def _binned(
    level: FloatArray, amount: FloatArray, side: SideArray, leverage: FloatArray, width: float
) -> LevelArrays:
    bins = np.floor(level / width).astype(np.int64)
    keys = np.stack([bins, -side.astype(np.int64), leverage.astype(np.int64)])
    unique, inverse = np.unique(keys, axis=1, return_inverse=True)
    total = np.bincount(np.ravel(inverse), weights=amount, minlength=unique.shape[1])
    return (
        unique[0] * width,
        total,
        (-unique[1]).astype(np.int8),
        unique[2].astype(np.float64),
    )
