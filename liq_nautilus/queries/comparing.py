"""What levels show as a whole: where they weigh most, and how alike those of two models are."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

import numpy as np

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import Levels


def max_pain(
    price: FloatArray, volume: FloatArray, side: np.ndarray[Any, np.dtype[np.int8]]
) -> dict[str, float | None]:
    """
    Return where most would be liquidated on each side, and least between these two.

    Parameters
    ----------
    price, volume : ndarray of shape (n_levels,)
        Quote per base unit, ascending; quote.
    side : ndarray of shape (n_levels,)
        +1 long, -1 short.

    Returns
    -------
    dict
        `long` and `short`: the price of the side's heaviest level. `least`: the price of the
        lightest level between them, where a resting price would hurt least. None where a side has
        no level.

    Examples
    --------
    >>> price = np.array([90.0, 95.0, 99.0, 102.0, 110.0])
    >>> side = np.array([1, 1, 1, -1, -1], dtype=np.int8)
    >>> max_pain(price, np.array([1.0, 5.0, 2.0, 3.0, 9.0]), side)
    {'long': 95.0, 'short': 110.0, 'least': 99.0}

    """
    heaviest: dict[str, float | None] = {}
    for name, sign in (("long", 1), ("short", -1)):
        own = np.flatnonzero(side == sign)
        heaviest[name] = float(price[own[volume[own].argmax()]]) if own.size else None
    if heaviest["long"] is None or heaviest["short"] is None:
        return {**heaviest, "least": None}
    between = np.flatnonzero((price > heaviest["long"]) & (price < heaviest["short"]))
    least = float(price[between[volume[between].argmin()]]) if between.size else None
    return {**heaviest, "least": least}


def agreement_of(models: list[Levels], width: float) -> float | None:
    """
    Return the percentage of notional that models place alike.

    Parameters
    ----------
    models : list of Levels
        Of single models; those without levels are left out.
    width : float
        Width of the buckets they are compared by (quote).

    Returns
    -------
    float or None
        The mean over all pairs of models and both sides of what their distributions over price have
        in common, in percent; None with fewer than two models.

    Examples
    --------
    >>> agreement_of([], 100.0) is None
    True

    """
    shapes = [_shape(levels, width) for levels in models if levels.price.size]
    overlaps = []
    for index, one in enumerate(shapes):
        for other in shapes[:index]:
            cells = one.keys() | other.keys()
            overlaps.append(sum(min(one.get(c, 0.0), other.get(c, 0.0)) for c in cells))
    return 100.0 * float(np.mean(overlaps)) if overlaps else None


def _shape(levels: Levels, width: float) -> dict[tuple[int, int], float]:
    # The share of all notional in each bucket of a side.
    total = float(levels.notional.sum())
    buckets = np.floor(levels.price / width).astype(np.int64).tolist()
    shape: dict[tuple[int, int], float] = {}
    for bucket, side, notional in zip(
        buckets, levels.side.tolist(), levels.notional.tolist(), strict=True
    ):
        cell = (side, bucket)
        shape[cell] = shape.get(cell, 0.0) + (notional / total if total else 0.0)
    return shape
