"""Whether bars can follow each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from liq_nautilus.compiling import compiled

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray


@compiled
def follow_bars(
    rows: FloatArray, close: float, factor: float, traded: tuple[float, float]
) -> tuple[bool, float, float, bool]:
    """
    Return whether each of several bars is whole and near the one before, and what they traded.

    Parameters
    ----------
    rows : ndarray of shape (n, 6)
        As `liq_nautilus.core.kernels.arguments.Bars` has them.
    close : float
        The one before the first (quote per base unit); NaN when unknown.
    factor : float
        A body so many times as high or as low as the last close is far from it, and a bar that
        reaches so far beyond its body is none.
    traded : tuple of float
        What was traded in all, and before the newest bar (base units).

    Returns
    -------
    bool
        Whether all are.
    float, float
        What was traded now, as in `traded`; marks and unknown volumes count nothing.
    bool
        Whether anything was.

    """
    total, before = traded
    is_traded = False
    for i in range(rows.shape[0]):
        bottom, top = min(rows[i, 0], rows[i, 3]), max(rows[i, 0], rows[i, 3])
        if bottom > factor * close or top * factor < close:
            return False, total, before, is_traded
        if not (rows[i, 1] <= factor * top and rows[i, 2] * factor >= bottom):
            return False, total, before, is_traded
        close, volume = rows[i, 3], rows[i, 4]
        if rows[i, 5] == 0.0 and math.isfinite(volume):
            is_traded = is_traded or volume != 0.0
            before, total = total, total + volume
    return True, total, before, is_traded
