"""Which rows of a catalog the map does not believe, by the rules the map itself goes by."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np

from liq_nautilus.core.exchange.contracts import contract_value
from liq_nautilus.core.exchange.contracts import order_notional
from liq_nautilus.core.plausible_series import unknown_bars
from liq_nautilus.core.plausible_series import unknown_liquidations
from liq_nautilus.core.plausible_series import unknown_rates
from liq_nautilus.core.plausible_series import unknown_snapshots
from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.data.kinds.bars import INDEX_BARS
from liq_nautilus.data.kinds.bars import MARK_BARS
from liq_nautilus.data.kinds.funding import FUNDING
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_ORDERS
from liq_nautilus.data.kinds.liquidations import LIQUIDATION_SUMS
from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.nautilus.catalog.inventory import finest_interval
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    import numpy.typing as npt

    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.science.paths import TimeArray
    from liq_nautilus.data.frames import Frame
    from liq_nautilus.data.kinds import StoredType
    from liq_nautilus.nautilus.catalog.inventory import Catalog

    type Mask = npt.NDArray[np.bool_]

_PRICE_BARS: Final = (BARS, MARK_BARS, INDEX_BARS)
JUDGED: Final = (*_PRICE_BARS, FUNDING, OPEN_INTEREST, LIQUIDATION_SUMS, LIQUIDATION_ORDERS)
_OHLC: Final = ("open", "high", "low", "close")


def unknown_rows(catalog: Catalog, stored: StoredType, symbol: str, frame: Frame) -> Mask:
    """
    Return which rows of a stretch the map does not believe.

    Parameters
    ----------
    catalog : Catalog
        Where they are, and what they are held against.
    stored : StoredType
        Of which type; what the map takes as it is has none.
    symbol : str
        Binance's symbol.
    frame : Frame
        The rows, in time order.

    """
    if not len(frame) or stored not in JUDGED:
        return np.zeros(len(frame), dtype=np.bool_)
    if stored in _PRICE_BARS:
        return unknown_bars(_bar_rows(frame))
    if stored is FUNDING:
        return unknown_rates(frame["rate"])
    if stored is OPEN_INTEREST:
        return _unknown_snapshots(catalog, symbol, frame)
    if stored is LIQUIDATION_SUMS:
        held = _held(catalog, symbol, frame["ts_close"])
        sums = np.maximum(frame["long_notional"], frame["short_notional"])
        return unknown_liquidations(sums, held)
    notional = order_notional(symbol, frame["quantity"], frame["average_price"])
    return unknown_liquidations(notional, _held(catalog, symbol, frame["ts"]))


def _bar_rows(frame: Frame) -> FloatArray:
    volume = frame["volume"] if "volume" in frame else np.full(len(frame), np.nan)
    return np.stack([*(frame[name] for name in _OHLC), volume, np.zeros(len(frame))], axis=1)


def _unknown_snapshots(catalog: Catalog, symbol: str, frame: Frame) -> Mask:
    bars = _bars(catalog, symbol, int(frame["ts"][0]), int(frame["ts"][-1]) + 1)
    ends, rows = (np.zeros(0, dtype=np.int64), np.zeros((0, 6)))
    if bars is not None:
        ends, rows = bars["ts_close"], _bar_rows(bars)
    return unknown_snapshots(
        frame["ts"],
        frame["open_interest"],
        frame["open_interest_notional"],
        ends,
        rows,
        contract_value=contract_value(symbol),
    )


def _held(catalog: Catalog, symbol: str, ts: TimeArray) -> FloatArray:
    # The value of all open interest that is believed, at some moments; NaN where it is not known.
    window = int(ts.min()) - DAY_NS, int(ts.max()) + 1
    frame = read(catalog, OPEN_INTEREST, symbol, *window, required=False)
    if not len(frame):
        return np.full(len(ts), np.nan)
    is_stated = np.isfinite(frame["open_interest"])
    believed = frame.where(is_stated & ~_unknown_snapshots(catalog, symbol, frame))
    contracts = _latest(believed["ts"], believed["open_interest"], ts)
    value = contract_value(symbol)
    if value is not None:
        return contracts * value
    bars = _bars(catalog, symbol, *window)
    if bars is None:
        return np.full(len(ts), np.nan)
    known = bars.where(~unknown_bars(_bar_rows(bars)))
    return contracts * _latest(known["ts_close"], known["close"], ts)


def _bars(catalog: Catalog, symbol: str, start_ns: int, end_ns: int) -> Frame | None:
    interval = finest_interval(catalog, BARS, symbol, start_ns, end_ns)
    if interval is None:
        return None
    return read(catalog, BARS, symbol, start_ns, end_ns, interval=interval, required=False)


def _latest(ts: TimeArray, values: FloatArray, at: TimeArray) -> FloatArray:
    # The last value before each moment; NaN before the first.
    if not len(ts):
        return np.full(len(at), np.nan)
    places = np.searchsorted(ts, at, side="right") - 1
    return np.where(places < 0, np.nan, values[np.maximum(places, 0)])
