"""What a path is, and what the map and the openings on it come to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray


class Path(NamedTuple):
    """
    A path whose open and extremes are known (quote per base unit), and how long it takes (hours).

    Which extreme comes first is not known: for either side its favourable one is taken to.
    """

    open: float
    high: float
    low: float
    hours: float


class Openings(NamedTuple):
    """
    What is opened and swept besides the map, at weight 1.

    Attributes
    ----------
    by_tier : ndarray of shape (2, n_tiers)
        Opened on the way and liquidated on it (quote), longs then shorts.
    even : ndarray of shape (2,)
        Open interest times the length swept (quote).

    """

    by_tier: FloatArray
    even: FloatArray


class Native(NamedTuple):
    """
    Notional expected to be liquidated per native bucket.

    Attributes
    ----------
    notional : ndarray of shape (2, n)
        Quote, longs then shorts.
    border : ndarray of shape (2,)
        What is liquidated without any move against the side: who enters on an excursion the other
        way does not survive the way back. It belongs to the current price.

    """

    notional: FloatArray
    border: FloatArray
