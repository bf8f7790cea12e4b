"""
How well the map recovers true positions, which only a simulated market tells.

The map is fitted on what a venue publishes of training markets, as `calibrate` does, and then read
in other markets of the same world, beside what simpler explanations say: levels by distance from
the price alone, and all open interest entered at the current price. Their weights are fitted on
the same liquidations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.core.feed import Feed
from liq_nautilus.core.levels import shown_bucket_size
from liq_nautilus.core.records import LONG
from liq_nautilus.core.science.baselines import DISTANCES
from liq_nautilus.core.science.baselines import distance_steps
from liq_nautilus.core.science.column_weights import fit_mix
from liq_nautilus.core.tracker import LiquidationTracker
from liq_nautilus.market.simulation import simulate
from liq_nautilus.market.worlds import world
from liq_nautilus.studies.calibrating import Calibrator
from liq_nautilus.studies.inputs.simulated import simulated_window
from liq_nautilus.studies.inputs.windows import halves
from liq_nautilus.studies.map_readings import replay
from liq_nautilus.studies.map_readings import tier_ratios
from liq_nautilus.studies.names import PUBLISHED
from liq_nautilus.studies.names import SIDE_NAMES
from liq_nautilus.studies.training_windows import reported_share
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Sequence

    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.market.published import SimulatedMarket
    from liq_nautilus.studies.inputs.windows import Window

# Compared within this fraction of the price, where clusters are looked for.
PRICE_RANGE: Final = 0.1
MODELS: Final = ("ensemble", "funding_adjusted")
# Fitted on liquidations, as the map is.
BASELINES: Final = ("distance_kernel", "snapshot_comb")
# Not fitted: an even spread; and the average of the training markets' true positions by distance,
# which nobody could know.
EVEN, TRUE_PROFILE = "even_spread", "true_distance_profile"
# The first day whose map is read. A simulated market begins with positions nobody was told of; of
# those hardly anything is left by then (see `core.feed.WARM_UP_DAYS`).
_FIRST_DAY_READ: Final = 8
_CANDIDATES: Final = {"turnover_rate": (0.25, 0.5, 1.0, 2.0)}


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """
    What was learnt about one side without a map.

    Attributes
    ----------
    kernel : ndarray of shape (n_distances,)
        The weight of each band of distance from the price.
    comb : ndarray of shape (n_tiers,)
        The weight of each leverage.
    ratio : ndarray of shape (n_tiers,)
        Liquidation price over entry price.
    profile : ndarray of shape (n,)
        The true notional by bucket from the price outwards, averaged over the training markets.

    """

    kernel: FloatArray
    comb: FloatArray
    ratio: FloatArray
    profile: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """
    What was learnt from training markets.

    Attributes
    ----------
    parameters : TrackerParameters
        As `calibrate` fits them.
    shapes : dict of Shapes
        By side (+1, -1).

    """

    parameters: TrackerParameters
    shapes: dict[int, Shapes]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """
    Estimated and true notional of one side at one moment, per bucket from the price outwards.

    Attributes
    ----------
    truth : ndarray of shape (n,)
        What is liquidated where the price reaches it (quote).
    estimates : dict of ndarray of shape (n,)
        By model or baseline, in any unit.
    width : float
        A bucket's width over the price.

    """

    truth: FloatArray
    estimates: dict[str, FloatArray]
    width: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """
    Distances and coverage in one market, averaged over its readings.

    Attributes
    ----------
    seed : int
        The market's.
    total_variation, wasserstein : dict of float
        By model or baseline and side ("ensemble long"): half the sum of absolute differences of
        the shares per bucket, in [0, 1]; and the distance the notional would have to be moved, as
        a fraction of the price.
    coverage : float
        The share of intervals whose liquidated notional lies in the nominal 90 % band of the
        swept range.
    reported_ratio : float
        The share of liquidations that the thinned feed shows, estimated in the first half of the
        market, over the true one of the second half.

    """

    seed: int
    total_variation: dict[str, float]
    wasserstein: dict[str, float]
    coverage: float
    reported_ratio: float


def train(
    name: str,
    seeds: Iterable[int],
    *,
    days: int,
    progress: Callable[[str], None] | None = None,
) -> Trained:
    """
    Learn from markets of a world what a venue's published data and liquidations tell.

    Parameters
    ----------
    name : str
        The world.
    seeds : iterable of int
        The training markets.
    days : int
        The length of each.
    progress : callable, optional
        Told a line now and then.

    """
    markets = [simulate(world(name), seed=seed, days=days) for seed in seeds]
    windows = [simulated_window(market) for market in markets]
    calibrator = Calibrator(candidates=_CANDIDATES, progress=progress)
    parameters = calibrator.fit_map(windows, calibrator.search(windows).parameters)
    shapes = {side: _fit_shapes(markets, windows, parameters, side) for side in SIDE_NAMES}
    return Trained(parameters, shapes)


def recover(name: str, seed: int, trained: Trained, *, days: int) -> Recovery:
    """
    Compare the map with the true positions of one market, at the end of each day after warm-up.

    Parameters
    ----------
    name : str
        The world.
    seed : int
        The market's; not one of the training markets.
    trained : Trained
        What was learnt there.
    days : int
        Its length, above eight days.

    """
    market = simulate(world(name), seed=seed, days=days)
    window = simulated_window(market)
    variation: dict[str, list[float]] = {}
    moved: dict[str, list[float]] = {}
    for side, reading in read_days(market, window, trained):
        for key, estimate in reading.estimates.items():
            label = f"{key} {SIDE_NAMES[side]}"
            variation.setdefault(label, []).append(total_variation(estimate, reading.truth))
            distance = wasserstein(estimate, reading.truth) * reading.width
            moved.setdefault(label, []).append(distance)
    return Recovery(
        seed,
        {key: float(np.mean(values)) for key, values in variation.items()},
        {key: float(np.mean(values)) for key, values in moved.items()},
        _coverage(window, trained.parameters),
        _reported_ratio(window),
    )


def read_days(
    market: SimulatedMarket, window: Window, trained: Trained
) -> Iterable[tuple[int, Reading]]:
    """Yield each side's reading at the end of each day after warm-up."""
    tracker = LiquidationTracker(trained.parameters, brackets=window.brackets)
    feed = Feed(tracker)
    for event in window.events:
        feed.push(event)
    for day in range(_FIRST_DAY_READ, market.days + 1):
        # What is stamped with the next day's first moment is not known yet.
        ts = market.start_ns + day * DAY_NS
        feed.release(ts - 1)
        for side in SIDE_NAMES:
            yield side, _read(tracker, market, ts, trained, side)


def total_variation(estimate: FloatArray, truth: FloatArray) -> float:
    """Return half the sum of absolute differences of two distributions (shape (n,)), in [0, 1]."""
    return float(0.5 * np.abs(_normalised(estimate) - _normalised(truth)).sum())


def wasserstein(estimate: FloatArray, truth: FloatArray) -> float:
    """Return by how many buckets one distribution must be moved to become the other."""
    difference = np.cumsum(_normalised(estimate) - _normalised(truth))
    return float(np.abs(difference).sum())


def _normalised(values: FloatArray) -> FloatArray:
    # Nothing at all is taken as evenly spread: it tells nothing.
    total = values.sum()
    return values / total if total > 0.0 else np.full(values.size, 1.0 / values.size)


def _read(
    tracker: LiquidationTracker, market: SimulatedMarket, ts: int, trained: Trained, side: int
) -> Reading:
    price, size = tracker.reference_price, tracker.bucket_size
    n = int(PRICE_RANGE * price / size)
    shapes = trained.shapes[side]
    truth = true_notional(market, ts, price, size, side)
    estimates: dict[str, FloatArray] = {}
    for model in MODELS:
        levels = tracker.levels(model, price_range=1.5 * PRICE_RANGE)
        mine = levels.side == side
        bucket = outward_bucket(levels.price[mine], price, size, side)
        estimates[model] = _sums(bucket, levels.exposure[mine], n)
    edges = _distance_edges(price, size, n, side)
    held = np.interp(edges, DISTANCES, np.concatenate([[0.0], np.cumsum(shapes.kernel)]))
    estimates["distance_kernel"] = np.diff(held)
    comb = outward_bucket(price * shapes.ratio, price, size, side)
    estimates["snapshot_comb"] = _sums(comb, shapes.comb, n)
    estimates[EVEN] = np.diff(edges)
    estimates[TRUE_PROFILE] = _fitting(shapes.profile, n)
    return Reading(truth[:n], estimates, size / price)


def true_notional(
    market: SimulatedMarket, ts: int, price: float, size: float, side: int
) -> FloatArray:
    """
    Return what is liquidated in each bucket if the price gets there, from the price outwards.

    Positions that a stop-loss order closes before are not among it.

    Parameters
    ----------
    market : SimulatedMarket
        The run.
    ts : int
        When (UTC ns).
    price, size : float
        The current price and a bucket's width (quote).
    side : int
        +1 long, -1 short.

    Returns
    -------
    ndarray of shape (n,)
        Notional (quote) within the price range.

    """
    known = market.positions_at(ts)
    mine = (known.side == side) & known.is_liquidated_first & (known.liquidation_price > 0.0)
    level = known.liquidation_price[mine]
    bucket = outward_bucket(level, price, size, side)
    return _sums(bucket, known.quantity[mine] * level, int(PRICE_RANGE * price / size))


def outward_bucket(prices: FloatArray, price: float, size: float, side: int) -> FloatArray:
    """Return how many buckets each price lies from the current one's, outwards; shape (n,)."""
    away: FloatArray = side * (np.floor(price / size) - np.floor(prices / size))
    return away


def _sums(bucket: FloatArray, weights: FloatArray, n: int) -> FloatArray:
    inside = (bucket >= 0) & (bucket < n)
    sums: FloatArray = np.bincount(
        bucket[inside].astype(np.int64), weights=weights[inside], minlength=n
    )
    return sums


def _distance_edges(price: float, size: float, n: int, side: int) -> FloatArray:
    # Of the buckets from the price outwards, as a fraction of the price; the first one is cut.
    border = np.floor(price / size) * size + (0.0 if side == LONG else size)
    edges = np.abs(border - side * np.arange(n) * size - price) / price
    return np.concatenate([[0.0], edges])


def _fitting(profile: FloatArray, n: int) -> FloatArray:
    return np.pad(profile, (0, max(n - profile.size, 0)), mode="edge")[:n]


def _fit_shapes(
    markets: Sequence[SimulatedMarket],
    windows: Sequence[Window],
    parameters: TrackerParameters,
    side: int,
) -> Shapes:
    realised = np.concatenate([window.labels.of(side) for window in windows])
    adverse = np.concatenate([window.paths.adverse(side) for window in windows])
    ratio = tier_ratios(windows[0], parameters)[0 if side == LONG else 1]
    comb = (adverse[:, None] >= np.abs(1.0 - ratio)).astype(np.float64)
    return Shapes(
        fit_mix(distance_steps(adverse), realised).weights,
        fit_mix(comb, realised).weights,
        ratio,
        _true_profile(markets, side),
    )


def _true_profile(markets: Sequence[SimulatedMarket], side: int) -> FloatArray:
    found = []
    for market in markets:
        for day in range(_FIRST_DAY_READ, market.days + 1):
            ts = market.start_ns + day * DAY_NS
            price = float(market.trace.mark_price[day * market.world.steps_per_day - 1])
            size = shown_bucket_size(market.symbol, price)
            found.append(_normalised(true_notional(market, ts, price, size, side)))
    shortest = min(values.size for values in found)
    profile: FloatArray = np.mean([values[:shortest] for values in found], axis=0)
    return profile


def _coverage(window: Window, parameters: TrackerParameters) -> float:
    found = replay(window, parameters, (PUBLISHED,))
    realised = np.column_stack([window.labels.of(side) for side in SIDE_NAMES])
    return float(((found.low <= realised) & (realised <= found.high)).mean())


def _reported_ratio(window: Window) -> float:
    estimated, later = (reported_share([part]) for part in halves(window))
    return float("nan") if estimated is None or later is None else estimated / later
