"""What was liquidated, as the catalog knows it: single orders, or sums over intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from liq_nautilus.core.exchange.contracts import order_notional
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_ORDERS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.catalog.inventory import finest_interval
from liq_nautilus.nautilus.catalog.reading import read

if TYPE_CHECKING:
    from liq_nautilus.nautilus.catalog.inventory import Catalog

    type Bounds = tuple[int | None, int | None]

_SIDES = {1: "long", -1: "short"}
_SUMS = pa.schema(
    [("ts", pa.int64()), ("long_notional", pa.float64()), ("short_notional", pa.float64())]
)
_ORDERS_SOURCE = "binance"


def liquidations(catalog: Catalog, symbol: str, window: Bounds, step_ns: int | None) -> pa.Table:
    """
    Return what was liquidated in a window.

    Where the catalog has sums over intervals these are taken, else single orders: the feed of
    orders shows a part of what the sums hold, and both together would count it twice.

    Parameters
    ----------
    catalog : Catalog
        The Parquet catalog.
    symbol : str
        Binance's name.
    window : tuple of int or None
        Its bounds (UTC ns, end exclusive).
    step_ns : int or None
        Sum each side over intervals of this length.

    Returns
    -------
    Table
        Columns ts (UTC ns; of a sum, when its interval opens), price and quantity (null of sums),
        notional (quote), side and source; with `step_ns` ts, long_notional and short_notional.

    Raises
    ------
    DataGapError
        If the catalog knows of none at all.

    """
    sums = _sums(catalog, symbol, window)
    table = sums if sums.num_rows else _orders(catalog, symbol, window)
    if not table.num_rows and not _has_any(catalog, symbol):
        msg = (
            f"{catalog.path} must hold liquidations of {symbol}, there were none; ingest "
            "liquidationSnapshot or liquidation bars"
        )
        raise DataGapError(msg)
    return table if step_ns is None else _summed(table, step_ns)


def _has_any(catalog: Catalog, symbol: str) -> bool:
    everything = (None, None)
    readings = (_sums, _orders)
    return any(len(reading(catalog, symbol, everything)) for reading in readings)


def _orders(catalog: Catalog, symbol: str, window: Bounds) -> pa.Table:
    found = read(catalog, LIQUIDATION_ORDERS, symbol, *window, required=False)
    price = np.asarray(found["average_price"], dtype=np.float64)
    quantity = np.asarray(found["quantity"], dtype=np.float64)
    sides = np.asarray(found["position_side"], dtype=np.int64).tolist()
    return pa.table(
        {
            "ts": np.asarray(found["ts"], dtype=np.int64),
            "price": price,
            "quantity": quantity,
            "notional": order_notional(symbol, quantity, price),
            "side": pa.array([_SIDES[side] for side in sides], type=pa.string()),
            "source": pa.array([_ORDERS_SOURCE] * len(sides), type=pa.string()),
        }
    )


def _sums(catalog: Catalog, symbol: str, window: Bounds) -> pa.Table:
    interval = finest_interval(catalog, LIQUIDATION_SUMS, symbol, *window) or ""
    found = read(catalog, LIQUIDATION_SUMS, symbol, *window, interval=interval, required=False)
    opened = np.asarray(found["ts_open"], dtype=np.int64)
    n = opened.size
    unknown = pa.nulls(2 * n, pa.float64())
    # A row per side, long before short.
    notional = np.column_stack(
        [np.asarray(found[f"{side}_notional"], dtype=np.float64) for side in ("long", "short")]
    ).ravel()
    sources = np.repeat(np.asarray(found["source"], dtype=object), 2).tolist()
    table = pa.table(
        {
            "ts": np.repeat(opened, 2),
            "price": unknown,
            "quantity": unknown,
            "notional": notional,
            "side": pa.array(["long", "short"] * n, type=pa.string()),
            "source": pa.array(sources, type=pa.string()),
        }
    )
    return table.filter(pa.array(notional > 0.0))


def _summed(table: pa.Table, step_ns: int) -> pa.Table:
    ts = np.asarray(table["ts"].to_numpy()) // step_ns * step_ns
    opened, index = np.unique(ts, return_inverse=True)
    notional = np.asarray(table["notional"].to_numpy())
    is_long = np.asarray(table["side"].to_pylist(), dtype=object) == "long"
    n = opened.size
    return pa.table(
        [
            pa.array(opened),
            pa.array(np.bincount(index, weights=np.where(is_long, notional, 0.0), minlength=n)),
            pa.array(np.bincount(index, weights=np.where(is_long, 0.0, notional), minlength=n)),
        ],
        schema=_SUMS,
    )
