"""
Where liquidations happened, against where the levels lay.

Two figures. The likelihood of single events' locations inside the swept range, against a uniform
guess: it says something, but needs single orders. And the distance from an interval's extreme to
the nearest level: it says nothing by itself, since a dense set of levels is near to anything, and
is shown only beside the same figure of as many random levels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.feed import Feed
from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import MODEL_NAMES
from liq_nautilus.core.records import SHORT
from liq_nautilus.core.science.scoring import location_log_likelihood
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.studies.evidence import TRADE_MODEL

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.studies.fitting import Fit
    from liq_nautilus.studies.inputs.windows import Window

# A native bucket around an event.
_HALF_BUCKET = 2.5e-4
# The levels that are looked at: the largest within this fraction of the price.
_N_LEVELS = 20
_RANGE = 0.1
_SEED = 20_260
NO_ORDERS = "the window has no single liquidations, only sums per interval"


class LocationStudy:
    """
    Collects, during one replay of a window, how levels lay to what happened.

    Parameters
    ----------
    window : Window
        The data.
    fit : Fit
        Whose parameters are used.

    """

    def __init__(self, window: Window, fit: Fit) -> None:
        self._window = window
        self._random = np.random.default_rng(_SEED)
        names = [n for n in MODEL_NAMES if window.has_trades or n != TRADE_MODEL]
        self._events: dict[tuple[int, str], list[tuple[float, float, float, float]]] = {
            (side, name): [] for side in (LONG, SHORT) for name in names
        }
        self._errors: dict[tuple[int, str], list[tuple[float, float]]] = {
            key: [] for key in self._events
        }
        self._names = names
        self._run(LiquidationTracker(fit.parameters, brackets=window.brackets))

    def entry(self, side: int) -> dict[str, Any]:
        """
        Return what was found on one side.

        Parameters
        ----------
        side : int
            +1 long, -1 short.

        Returns
        -------
        dict
            location: events and, per model, log_likelihood (nats per liquidated USD above
            uniform), or None with a reason; nearest_level: per model mape and mape_random.

        """
        nearest = {}
        for name in self._names:
            found = np.array(self._errors[side, name]).reshape(-1, 2)
            known = found[np.isfinite(found).all(axis=1)]
            means = known.mean(axis=0) if len(known) else np.full(2, np.nan)
            nearest[name] = {
                "mape": float(means[0]) if len(known) else None,
                "mape_random": float(means[1]) if len(known) else None,
            }
        location: dict[str, Any] = {"log_likelihood": None, "reason": NO_ORDERS}
        if self._window.orders is not None:
            likelihood = {}
            for name in self._names:
                columns = np.array(self._events[side, name]).reshape(-1, 4).T
                value = location_log_likelihood(*columns)
                likelihood[name] = value if math.isfinite(value) else None
            n_events = len(self._events[side, self._names[0]])
            location = {"events": n_events, "log_likelihood": likelihood}
        return {"location": location, "nearest_level": nearest}

    def _run(self, tracker: LiquidationTracker) -> None:
        feed, paths = Feed(tracker), self._window.paths
        for event in self._window.events:
            feed.push(event)
        for i in range(len(paths)):
            feed.release(int(paths.ts_open[i]))
            price = tracker.reference_price
            if not price > 0.0:
                continue
            low, high = min(float(paths.low[i]), price), max(float(paths.high[i]), price)
            self._read_events(tracker, i, LONG, low, price)
            self._read_events(tracker, i, SHORT, price, high)
            self._read_nearest(tracker, i, price)

    def _orders(self, i: int, side: int) -> tuple[FloatArray, FloatArray]:
        orders, paths = self._window.orders, self._window.paths
        if orders is None:
            return np.zeros(0), np.zeros(0)
        first, last = np.searchsorted(orders.ts, [paths.ts_open[i], paths.ts_close[i]])
        own: npt.NDArray[np.bool_] = orders.side[first:last] == side
        return orders.price[first:last][own], orders.notional[first:last][own]

    def _read_events(
        self, tracker: LiquidationTracker, i: int, side: int, low: float, high: float
    ) -> None:
        prices, notionals = self._orders(i, side)
        inside = (prices > low) & (prices < high)
        for price, notional in zip(prices[inside], notionals[inside], strict=True):
            begin = max(price * (1.0 - _HALF_BUCKET), low)
            end = min(price * (1.0 + _HALF_BUCKET), high)
            width = math.log(end / begin) / math.log(high / low)
            for name in self._names:
                self._events[side, name].append(
                    (
                        tracker.notional_between(side, begin, end, name),
                        tracker.notional_between(side, low, high, name),
                        width,
                        float(notional),
                    )
                )

    def _read_nearest(self, tracker: LiquidationTracker, i: int, price: float) -> None:
        paths, labels = self._window.paths, self._window.labels
        sides = [side for side in (LONG, SHORT) if labels.of(side)[i] > 0.0]
        if not sides:
            return
        for name in self._names:
            levels = tracker.levels(name, price_range=_RANGE)
            for side in sides:
                extreme = float(paths.low[i] if side == LONG else paths.high[i])
                own = levels.side == side
                largest = np.argsort(-levels.notional[own], kind="stable")[:_N_LEVELS]
                chosen = levels.price[own][largest]
                reach = price * (1.0 - side * _RANGE)
                random = self._random.uniform(min(price, reach), max(price, reach), chosen.size)
                self._errors[side, name].append(
                    (_nearest(chosen, extreme), _nearest(random, extreme))
                )


def _nearest(levels: FloatArray, price: float) -> float:
    # The relative distance to the nearest level; NaN without any.
    return float(np.abs(levels - price).min() / price) if levels.size else math.nan
