"""Levels as columns, and how a bucket's band is shared among those in it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import SideArray


class LevelColumns(NamedTuple):
    """Levels, ascending in price within a side: as in `liq_nautilus.core.records.Levels`."""

    price: FloatArray
    notional: FloatArray
    low: FloatArray
    high: FloatArray
    exposure: FloatArray
    leverage: FloatArray
    side: SideArray

    @classmethod
    def empty(cls) -> LevelColumns:
        """Return no levels."""
        nothing = np.zeros(0)
        side = np.zeros(0, dtype=np.int8)
        return cls(nothing, nothing, nothing, nothing, nothing, nothing, side)


def with_bands_of(merged: LevelColumns, rows: LevelColumns, bucket_size: float) -> LevelColumns:
    """
    Return levels with their parts of the bands of merged ones.

    Parameters
    ----------
    merged : LevelColumns
        One level per bucket and side.
    rows : LevelColumns
        Levels whose buckets and sides are among those.
    bucket_size : float
        The width of a bucket (quote).

    """
    keys, own = (np.floor(one.price / bucket_size) * 2.0 + (one.side < 0) for one in (merged, rows))
    order = np.argsort(keys)
    at = order[np.searchsorted(keys[order], own)]
    whole = merged.notional[at]
    share = np.divide(rows.notional, whole, out=np.zeros(whole.size), where=whole > 0.0)
    return rows._replace(low=share * merged.low[at], high=share * merged.high[at])
