"""What is said of training windows: whose they are, their hash, what share a thinned feed shows."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from liq_nautilus.core.science.column_weights import fit_reported_share
from liq_nautilus.studies.inputs.windows import ORDERS_SOURCE
from liq_nautilus.studies.inputs.windows import labels_from_orders
from liq_nautilus.studies.names import SIDE_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.studies.inputs.windows import Window


def reported_share(windows: Sequence[Window]) -> float | None:
    """
    Return the share of liquidated notional that the forced-order feed shows.

    From the windows that have both single orders and interval sums; None where there are none.
    """
    orders: list[FloatArray] = []
    bars: list[FloatArray] = []
    for window in windows:
        labels = window.labels
        if window.orders is None or labels.source == ORDERS_SOURCE or len(labels) == 0:
            continue
        length = int(labels.ts_close[0] - labels.ts_open[0])
        seen = replace(window.orders, share=None)
        summed = labels_from_orders(seen, window.start, window.end, length)
        at = np.searchsorted(summed.ts_open, labels.ts_open)
        for side in SIDE_NAMES:
            orders.append(summed.of(side)[at])
            bars.append(labels.of(side))
    if not orders:
        return None
    share = fit_reported_share(np.concatenate(orders), np.concatenate(bars))
    return share if share > 0.0 else None


def window_provenance(window: Window) -> dict[str, Any]:
    """Return what a parameters file says about a training window."""
    return {
        "symbol": window.symbol,
        "start_ns": window.start,
        "end_ns": window.end,
        "intervals": len(window.labels),
        "interval_hours": float(window.paths.hours[0]) if len(window.paths) else None,
        "labels": window.labels.source,
    }


def data_hash(windows: Sequence[Window]) -> str:
    """Return the SHA-256 of the windows' labels, bars, open interest and funding."""
    digest = hashlib.sha256()
    for window in windows:
        labels, bars = window.labels, window.bars
        for values in (
            labels.ts_open, labels.long_notional, labels.short_notional,
            bars.ts_open, bars.open, bars.high, bars.low, bars.close, bars.volume,
            *window.open_interest, *window.funding,
        ):  # fmt: skip
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
