"""What a catalog holds: symbols, kinds, spans of time; and which bars serve a window best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow.compute as pc
from nautilus_trader.model.data import Bar
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.data import TradeTick
from nautilus_trader.persistence.funcs import class_to_filename

from liq_nautilus.times import INTERVALS
from liq_nautilus.times import MILLISECOND_NS
from liq_nautilus.times import interval_ns
from liq_nautilus.times import opened_at
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.catalog.reading import read_bars
from liq_nautilus.nautilus.catalog.reading import read_table
from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.nautilus.catalog.kinds import bar_type
from liq_nautilus.nautilus.catalog.trade_source import trade_source
from liq_nautilus.nautilus.types import BookDepth
from liq_nautilus.nautilus.types import IndexPriceBar
from liq_nautilus.nautilus.types import LiquidationOrder
from liq_nautilus.nautilus.types import LiquidationVolume
from liq_nautilus.nautilus.types import MarkPriceBar
from liq_nautilus.nautilus.types import OpenInterest
from liq_nautilus.nautilus.types import PremiumIndexBar

if TYPE_CHECKING:
    from pathlib import Path

_PLAIN: Final[dict[type, str]] = {
    OpenInterest: "metrics",
    FundingRateUpdate: "fundingRate",
    LiquidationOrder: "liquidationSnapshot",
    BookDepth: "bookDepth",
    TradeTick: "aggTrades",
}
_WITH_INTERVAL: Final[dict[type, str]] = {
    MarkPriceBar: "markPriceKlines",
    IndexPriceBar: "indexPriceKlines",
    PremiumIndexBar: "premiumIndexKlines",
    LiquidationVolume: "liquidations",
}
# An interval covers a window well enough when the best covers hardly more of it.
_COVERAGE_SLACK: Final = 0.95


@dataclass(frozen=True, slots=True)
class Series:
    """
    One series of a catalog.

    Attributes
    ----------
    symbol : str
        Binance's symbol.
    kind : str
        The kind with its interval, as `ingest` names it: "klines-5m", "metrics".
    n_rows : int
        Its rows.
    first_ns : int
        When the first row's interval opens, or the time of the first row (UTC nanoseconds).
    last_ns : int
        The `ts_init` of the last row.

    """

    symbol: str
    kind: str
    n_rows: int
    first_ns: int
    last_ns: int


def inventory(catalog: Path) -> list[Series]:
    """Return every series of a catalog, by symbol and kind; empty if there is none."""
    found = []
    for data_cls, kind in {**_PLAIN, **_WITH_INTERVAL}.items():
        for directory in _directories(catalog, data_cls):
            symbol = binance_symbol(directory.name)
            name = trade_source(catalog, symbol) or kind if data_cls is TradeTick else kind
            found += _series(directory, symbol, name, has_interval=data_cls in _WITH_INTERVAL)
    for directory in _directories(catalog, Bar):
        symbol, interval = _symbol_and_interval(directory.name)
        found += _series(directory, symbol, f"klines-{interval}", has_interval=False)
    return sorted(found, key=lambda series: (series.symbol, series.kind))


def symbols(catalog: Path) -> list[str]:
    """Return the Binance symbols a catalog has data of."""
    return sorted({series.symbol for series in inventory(catalog)})


def only_symbol(catalog: Path, symbol: str | None = None) -> str:
    """
    Return the symbol asked for, or the only one of the catalog.

    Raises
    ------
    DataGapError
        If the catalog has no data (of the symbol).
    SettingError
        If none was asked for and there are several.

    """
    present = symbols(catalog)
    if not present:
        msg = f"{catalog} must hold data, there was none; run `liq-nautilus ingest` first"
        raise DataGapError(msg)
    if symbol is None:
        if len(present) == 1:
            return present[0]
        msg = f"--symbol must be given when the catalog has several: {', '.join(present)}"
        raise SettingError(msg)
    if symbol not in present:
        msg = f"{catalog} must hold data of {symbol}, it has {', '.join(present)}; ingest its files"
        raise DataGapError(msg)
    return symbol


def finest_bar_interval(
    catalog: Path, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> str:
    """
    Return the finest interval whose bars cover the window as well as any other's.

    Raises
    ------
    DataGapError
        If no bars lie in the window.

    """
    own = [s for s in inventory(catalog) if s.symbol == symbol and s.kind.startswith("klines-")]
    covered: dict[str, int] = {}
    for interval in (series.kind.partition("-")[2] for series in own):
        bars = read_bars(catalog, symbol, interval, start_ns, end_ns, required=False)
        covered[interval] = int((bars["ts_close"] - bars["ts_open"]).sum())
    best = max(covered.values(), default=0)
    if not best:
        msg = (
            f"{catalog} must hold bars of {symbol} in the window asked for, there were none; "
            "ingest klines or choose another window"
        )
        raise DataGapError(msg)
    return next(i for i in INTERVALS if covered.get(i, 0) >= _COVERAGE_SLACK * best)


def _directories(catalog: Path, data_cls: type) -> list[Path]:
    folder = catalog / "data" / class_to_filename(data_cls)
    return sorted(path for path in folder.glob("*") if any(path.glob("*.parquet")))


def _symbol_and_interval(name: str) -> tuple[str, str]:
    identifier, _, _ = name.partition(".")
    symbol = binance_symbol(identifier)
    for interval in INTERVALS:
        if name == str(bar_type(symbol, interval)):
            return symbol, interval
    return symbol, name  # bars that were not ingested by this program


def _series(directory: Path, symbol: str, kind: str, *, has_interval: bool) -> list[Series]:
    counts: dict[str, list[int]] = {}
    columns = ["ts_init", "interval"] if has_interval else ["ts_init"]
    for path in sorted(directory.glob("*.parquet")):
        table = read_table(path, columns)
        intervals = pc.unique(table["interval"]).to_pylist() if has_interval else [""]
        for interval in intervals:
            rows = table.filter(pc.equal(table["interval"], interval)) if interval else table
            ts = np.asarray(rows["ts_init"].to_numpy()).astype(np.int64)
            first, last = int(ts.min()), int(ts.max())
            seen = counts.setdefault(interval, [0, first, last])
            seen[0] += len(ts)
            seen[1], seen[2] = min(seen[1], first), max(seen[2], last)
    return [
        Series(symbol, f"{kind}-{interval}" if interval else kind, n, _opened(kind, interval, a), b)
        for interval, (n, a, b) in counts.items()
    ]


def _opened(kind: str, interval: str, ts: int) -> int:
    # Bars are stamped with the last millisecond of their interval, liquidation bars with its end.
    name, _, of_kind = kind.partition("-")
    length = interval or of_kind
    if not length or length not in INTERVALS:
        return ts
    end = ts if name == "liquidations" else ts + MILLISECOND_NS
    return opened_at(end, length) if interval_ns(length) == 0 else end - interval_ns(length)
