"""Where realised liquidations come from: bars of the catalog, else single orders, or a file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from liq_nautilus.core.dollars.completeness import ShownPart
from liq_nautilus.core.dollars.completeness import shares_of_orders
from liq_nautilus.core.dollars.covered_venues import THINNED
from liq_nautilus.core.dollars.covered_venues import named_venues
from liq_nautilus.data.kinds.liquidations import COMPLETENESS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_ORDERS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SchemaError
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.studies.inputs.windows import LONGEST_HOLE_NS
from liq_nautilus.studies.inputs.windows import Labels
from liq_nautilus.studies.inputs.windows import Orders
from liq_nautilus.studies.inputs.windows import labels_from_orders
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from pathlib import Path

    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.nautilus.catalog.inventory import Catalog

_BAR_COLUMNS = ("open_time", "close_time", "long_usd", "short_usd")
_ORDER_COLUMNS = ("time", "side", "average_price", "accumulated_fill_quantity")
# Single orders are summed up by the hour.
_ORDER_INTERVAL_NS = HOUR_NS


def find_labels(
    catalog: Catalog, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> list[Labels]:
    """
    Return a catalog's labels, one `Labels` per interval length and source.

    Raises
    ------
    DataGapError
        If there are neither liquidation bars nor forced orders.

    """
    bars = read(catalog, LIQUIDATION_SUMS, symbol, start_ns, end_ns, required=False)
    if len(bars):
        groups = pd.DataFrame(dict(bars)).groupby(["interval", "source"], sort=True)
        return [
            _labels(
                group,
                f"liquidation bars {interval} ({source or 'source unknown'})",
                named_venues(source),
            )
            for (interval, source), group in groups
        ]
    orders = find_orders(catalog, symbol, start_ns, end_ns)
    if orders is None:
        msg = (
            f"{catalog.path} must hold liquidations of {symbol} to measure accuracy, found none in "
            "the window asked for; ingest liquidation bars or liquidationSnapshot files, or give "
            "--labels FILE"
        )
        raise DataGapError(msg)
    return _order_stretches(orders)


def find_orders(
    catalog: Catalog, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> Orders | None:
    """Return a catalog's forced orders, or None if there are none."""
    frame = read(catalog, LIQUIDATION_ORDERS, symbol, start_ns, end_ns, required=False)
    if not len(frame):
        return None
    price = frame["average_price"]
    side = frame["position_side"].astype(np.int8)
    ts: TimeArray = frame["ts"]
    measured = read(catalog, COMPLETENESS, symbol, required=False)
    columns = ("ts", "n_shown", "total_notional", "shown_notional", "n_seconds")
    told = [(moment, ShownPart(*part)) for moment, *part in measured.rows(*columns)]
    share = shares_of_orders(ts, told) if told else None
    return Orders(ts, side, price, frame["quantity"] * price, share)


def read_label_file(
    path: Path, start_ns: int | None = None, end_ns: int | None = None
) -> list[Labels]:
    """
    Return the labels of a CSV file.

    Columns ``open_time, close_time, long_usd, short_usd`` (liquidation bars, the close exclusive),
    or those of Binance's liquidationSnapshot. Times are epoch numbers of any unit.

    Raises
    ------
    SchemaError
        If the file cannot be read or has other columns.
    DataGapError
        If no row lies in the window.

    """
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as e:
        reason = getattr(e, "strerror", None) or e
        msg = f"--labels must be a readable CSV file, {path} was not: {reason}; give another path"
        raise SchemaError(msg, path=path) from e
    try:
        labels = _from_frame(frame, path)
    except (TypeError, ValueError) as e:
        msg = f"--labels must hold numbers, {path} did not: {e}; correct the file"
        raise SchemaError(msg, path=path) from e
    kept = [_inside(one, start_ns, end_ns) for one in labels]
    kept = [one for one in kept if len(one)]
    if not kept:
        msg = f"--labels must hold intervals in the window asked for, {path} had none; widen it"
        raise DataGapError(msg)
    return kept


def _from_frame(frame: pd.DataFrame, path: Path) -> list[Labels]:
    if set(_BAR_COLUMNS) <= set(frame.columns):
        table = pd.DataFrame(
            {
                "ts_open": _nanoseconds(frame["open_time"]),
                "ts_close": _nanoseconds(frame["close_time"]),
                "long_notional": frame["long_usd"].astype(np.float64),
                "short_notional": frame["short_usd"].astype(np.float64),
            }
        ).sort_values("ts_open")
        table = table.drop_duplicates("ts_open")
        length = table["ts_close"] - table["ts_open"]
        return [_labels(group, f"file {path.name}") for _, group in table.groupby(length)]
    if set(_ORDER_COLUMNS) <= set(frame.columns):
        unique = frame.drop_duplicates().sort_values("time")
        price = unique["average_price"].to_numpy(np.float64)
        side = np.where(unique["side"].astype(str).str.upper() == "SELL", 1, -1)
        quantity = unique["accumulated_fill_quantity"].to_numpy(np.float64)
        orders = Orders(_nanoseconds(unique["time"]), side.astype(np.int8), price, quantity * price)
        return _order_stretches(orders) if len(unique) else []
    msg = (
        f"--labels must have the columns {', '.join(_BAR_COLUMNS)} or those of "
        f"liquidationSnapshot, {path} had {', '.join(map(str, frame.columns))}; rename them"
    )
    raise SchemaError(msg, path=path)


def _nanoseconds(values: pd.Series) -> TimeArray:
    # Seconds, milliseconds, microseconds or nanoseconds, by magnitude (2001 to 2286).
    times: TimeArray = values.to_numpy(np.int64)
    scale = 1
    while times.size and times.max() * scale < 10**18:
        scale *= 1000
    return times * scale


def _order_stretches(orders: Orders) -> list[Labels]:
    breaks = np.flatnonzero(np.diff(orders.ts) > LONGEST_HOLE_NS) + 1
    firsts, lasts = np.append(0, breaks), np.append(breaks, orders.ts.size) - 1
    return [
        labels_from_orders(
            orders, int(orders.ts[first]), int(orders.ts[last]) + 1, _ORDER_INTERVAL_NS
        )
        for first, last in zip(firsts, lasts, strict=True)
    ]


def _inside(labels: Labels, start_ns: int | None, end_ns: int | None) -> Labels:
    keep = np.ones(len(labels), dtype=np.bool_)
    if start_ns is not None:
        keep &= labels.ts_open >= start_ns
    if end_ns is not None:
        keep &= labels.ts_close <= end_ns
    return labels.take(keep)


def _labels(frame: pd.DataFrame, source: str, venues: tuple[str, ...] = ()) -> Labels:
    return Labels(
        ts_open=frame["ts_open"].to_numpy(np.int64),
        ts_close=frame["ts_close"].to_numpy(np.int64),
        long_notional=frame["long_notional"].to_numpy(np.float64),
        short_notional=frame["short_notional"].to_numpy(np.float64),
        source=source,
        venues=venues,
        share=math.nan if any(name.endswith(THINNED) for name in venues) else 1.0,
    )
