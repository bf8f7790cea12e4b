"""The quality of what a catalog holds, kind by kind; and the score that accompanies a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from nautilus_trader.model.data import TradeTick

from liq_nautilus.times import interval_ns
from liq_nautilus.data.quality_rules import Samples
from liq_nautilus.data.quality_rules import SeriesQuality
from liq_nautilus.data.quality_rules import assess
from liq_nautilus.data.quality_rules import impossible_bars
from liq_nautilus.errors import DataGapError
from liq_nautilus.nautilus.catalog.layout import identifier_of
from liq_nautilus.nautilus.catalog.reading import read_bars
from liq_nautilus.nautilus.catalog.reading import read_funding
from liq_nautilus.nautilus.catalog.reading import read_liquidation_orders
from liq_nautilus.nautilus.catalog.reading import read_liquidation_volume
from liq_nautilus.nautilus.catalog.reading import read_open_interest
from liq_nautilus.nautilus.catalog.reading import read_table
from liq_nautilus.nautilus.catalog.reading import series_files
from liq_nautilus.nautilus.catalog.inventory import Series
from liq_nautilus.nautilus.catalog.inventory import finest_bar_interval
from liq_nautilus.nautilus.catalog.inventory import inventory
from liq_nautilus.nautilus.catalog.ingest_notes import FileRecord
from liq_nautilus.nautilus.catalog.ingest_notes import read_records
from liq_nautilus.nautilus.types import BookDepth
from liq_nautilus.nautilus.types import IndexPriceBar
from liq_nautilus.nautilus.types import MarkPriceBar
from liq_nautilus.nautilus.types import PremiumIndexBar

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

# Trades come as they come, yet a liquid perpetual does not pause so long.
TRADE_GAP_NS: Final = 600_000_000_000
QUALITY_WEIGHTS: Final = {"bars": 0.4, "metrics": 0.4, "fundingRate": 0.2}
_BAR_CLASSES: Final[dict[str, type]] = {
    "markPriceKlines": MarkPriceBar,
    "indexPriceKlines": IndexPriceBar,
    "premiumIndexKlines": PremiumIndexBar,
}


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """A series of the catalog, its quality, and the files that had faults when it was ingested."""

    series: Series
    quality: SeriesQuality
    files: tuple[FileRecord, ...]


def assess_catalog(
    catalog: Path,
    *,
    symbols: Collection[str] | None = None,
    kinds: Collection[str] | None = None,
) -> list[SeriesReport]:
    """
    Judge every series of a catalog.

    Parameters
    ----------
    catalog : Path
        The catalog's folder.
    symbols, kinds : collection of str, optional
        Which to judge; kinds with ("klines-5m") or without ("klines") interval.

    Raises
    ------
    DataGapError
        If the catalog has none of them.

    """
    reports = []
    for series in inventory(catalog):
        if symbols and series.symbol not in symbols:
            continue
        if kinds and not {series.kind, series.kind.partition("-")[0]} & set(kinds):
            continue
        quality = assess(_samples(catalog, series.symbol, series.kind))
        records = tuple(read_records(catalog, series.kind, series.symbol))
        reports.append(SeriesReport(series, quality, records))
    if not reports:
        msg = f"{catalog} must hold data of the symbols and kinds asked for, had none; ingest some"
        raise DataGapError(msg)
    return reports


def data_quality_score(
    catalog: Path, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> float:
    """
    Return how good the input of a symbol's map is in a window, in [0, 1].

    Bars and open interest weigh 0.4 each, funding 0.2; what is missing counts as 0.

    Parameters
    ----------
    catalog : Path
        The catalog's folder.
    symbol : str
        Binance's symbol.
    start_ns, end_ns : int, optional
        The window in UTC nanoseconds, end exclusive; the span of each series by default.

    """
    parts = quality_parts(catalog, symbol, start_ns, end_ns)
    return min(sum(QUALITY_WEIGHTS[name] * score for name, score in parts.items()), 1.0)


def quality_parts(
    catalog: Path, symbol: str, start_ns: int | None = None, end_ns: int | None = None
) -> dict[str, float]:
    """
    Return the scores that make up `data_quality_score`, by the names of `QUALITY_WEIGHTS`.

    Without bars there is no map: then all are 0.
    """
    window = (start_ns, end_ns)
    try:
        interval = finest_bar_interval(catalog, symbol, *window)
    except DataGapError:
        return dict.fromkeys(QUALITY_WEIGHTS, 0.0)
    kinds = {name: f"klines-{interval}" if name == "bars" else name for name in QUALITY_WEIGHTS}
    return {
        name: assess(_samples(catalog, symbol, kind, *window), *window).score
        for name, kind in kinds.items()
    }


def _samples(
    catalog: Path,
    symbol: str,
    kind: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> Samples:
    name, _, interval = kind.partition("-")
    window = (start_ns, end_ns)
    if name == "klines":
        return _bar_samples(catalog, symbol, interval, window)
    if name in _BAR_CLASSES:
        return _computed_samples(catalog, symbol, name, interval, window)
    if name == "metrics":
        frame = read_open_interest(catalog, symbol, *window, required=False)
        value = frame["open_interest"].to_numpy()
        return Samples(
            frame["ts"].to_numpy(), -1, value, can_freeze=True, is_impossible=~(value >= 0)
        )
    if name == "fundingRate":
        frame = read_funding(catalog, symbol, *window, required=False)
        return Samples(frame["ts"].to_numpy(), -1, is_impossible=np.abs(frame["rate"]) >= 1)
    if name == "liquidations":
        frame = read_liquidation_volume(catalog, symbol, *window, required=False)
        frame = frame[frame["interval"] == interval]
        return Samples(frame["ts_open"].to_numpy(), interval_ns(interval))
    if name == "liquidationSnapshot":
        frame = read_liquidation_orders(catalog, symbol, *window, required=False)
        return Samples(np.unique(frame["ts"].to_numpy()), 0)
    if name == "bookDepth":
        return _depth_samples(catalog, symbol, window)
    return _trade_samples(catalog, symbol, window)


def _bar_samples(
    catalog: Path, symbol: str, interval: str, window: tuple[int | None, int | None]
) -> Samples:
    frame = read_bars(catalog, symbol, interval, *window, required=False)
    prices = [frame[name].to_numpy() for name in ("open", "high", "low", "close")]
    return Samples(
        frame["ts_open"].to_numpy(),
        interval_ns(interval),
        prices[3],
        is_impossible=impossible_bars(*prices),
        volume=frame["volume"].to_numpy(),
    )


def _computed_samples(
    catalog: Path, symbol: str, name: str, interval: str, window: tuple[int | None, int | None]
) -> Samples:
    # The premium has any sign: only its times are judged.
    data_cls = _BAR_CLASSES[name]
    prices = ("open", "high", "low", "close")
    table = _columns(catalog, symbol, data_cls, ["ts_init", "interval", *prices], window)
    table = table.filter(pc.equal(table["interval"], interval))
    ts = np.asarray(table["ts_init"].to_numpy()).astype(np.int64)
    if data_cls is PremiumIndexBar:
        return Samples(ts, interval_ns(interval))
    values = [np.asarray(table[name].to_numpy(), dtype=np.float64) for name in prices]
    return Samples(
        ts,
        interval_ns(interval),
        values[3],
        can_freeze=True,
        is_impossible=impossible_bars(*values),
    )


def _depth_samples(catalog: Path, symbol: str, window: tuple[int | None, int | None]) -> Samples:
    table = _columns(catalog, symbol, BookDepth, ["ts_init", "depth"], window)
    ts = np.asarray(table["ts_init"].to_numpy()).astype(np.int64)
    total = np.asarray([np.sum(levels) for levels in table["depth"].to_pylist()], dtype=np.float64)
    return Samples(ts, -1, total, can_freeze=True)


def _trade_samples(catalog: Path, symbol: str, window: tuple[int | None, int | None]) -> Samples:
    # Trades are thinned to the stretches they leave empty: their number is no matter of quality.
    kept = []
    last = None
    for path in series_files(catalog, TradeTick, identifier_of(symbol), *window):
        ts = np.asarray(read_table(path, ["ts_init"])["ts_init"].to_numpy()).astype(np.int64)
        slots = np.unique(ts // TRADE_GAP_NS)
        kept.append(slots if last is None else slots[slots > last])
        last = int(slots[-1])
    ts = np.concatenate(kept) * TRADE_GAP_NS if kept else np.zeros(0, dtype=np.int64)
    return Samples(ts, TRADE_GAP_NS)


def _columns(
    catalog: Path,
    symbol: str,
    data_cls: type,
    names: list[str],
    window: tuple[int | None, int | None],
) -> pa.Table:
    files = series_files(catalog, data_cls, identifier_of(symbol), *window)
    if not files:
        return data_cls.arrow_schema().empty_table().select(names)  # type: ignore[attr-defined]
    return pa.concat_tables([read_table(path, names) for path in files])
