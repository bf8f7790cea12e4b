"""What a backtest has to run on: symbols, window, bars and the data it is fed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from liq_nautilus.core.exchange.contracts import is_coin_margined
from liq_nautilus.data.kinds import STORED_TYPES
from liq_nautilus.data.kinds.bars import BARS
from liq_nautilus.data.kinds.depth import DEPTH
from liq_nautilus.data.kinds.open_interest import OPEN_INTEREST
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import finest_bar_interval
from liq_nautilus.nautilus.catalog.inventory import finest_interval
from liq_nautilus.nautilus.catalog.inventory import only_symbol
from liq_nautilus.nautilus.catalog.kinds import class_of
from liq_nautilus.nautilus.catalog.reading import read
from liq_nautilus.nautilus.instruments import settlement_currency
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import INTERVALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from liq_nautilus.data.kinds import StoredType
    from liq_nautilus.nautilus.backtest.backtest_options import BacktestOptions


@dataclass(frozen=True, slots=True)
class Source:
    """
    One type of data that a run is fed.

    Attributes
    ----------
    stored : StoredType
        The type.
    interval : str or None
        Which of several intervals is taken; None: all there is.

    """

    stored: StoredType
    interval: str | None = None

    @property
    def data_cls(self) -> type:
        """Return the class of its data."""
        return class_of(self.stored)


@dataclass(frozen=True, slots=True)
class Scope:
    """
    What a backtest runs on.

    Attributes
    ----------
    options : BacktestOptions
        What was asked for, the window filled in.
    symbols : tuple of str
        What is traded.
    bar : str
        The interval of the bars, such as "5m".
    data_start_ns : int
        Where the warm-up begins (UTC nanoseconds).
    sources : dict of str to tuple of Source
        Per symbol what is fed, in the feed's order.
    currency : str
        In which all symbols settle.
    starting_balance : float
        The wallet at the start, in that currency.

    """

    options: BacktestOptions
    symbols: tuple[str, ...]
    bar: str
    data_start_ns: int
    sources: Mapping[str, tuple[Source, ...]]
    currency: str
    starting_balance: float

    @property
    def start_ns(self) -> int:
        """Return the first moment of the window (UTC nanoseconds)."""
        return int(self.options.start_ns or 0)

    @property
    def end_ns(self) -> int:
        """Return the end of the window, exclusive (UTC nanoseconds)."""
        return int(self.options.end_ns or 0)


def resolve_scope(options: BacktestOptions) -> Scope:
    """
    Return what there is to run on.

    Raises
    ------
    DataGapError
        If a symbol, its bars or its open interest are not in the catalog for the window.
    SettingError
        If the catalog holds several symbols and none was named, or they settle in several
        currencies.

    """
    catalog = Catalog(options.catalog)
    symbols = tuple(only_symbol(catalog, symbol) for symbol in options.symbols or [None])
    currency = _currency(symbols)
    start_ns, end_ns = _window(options, catalog, symbols)
    options = options.for_window(start_ns, end_ns)
    bar = options.bar
    if bar is None:
        intervals = [finest_bar_interval(catalog, symbol, start_ns, end_ns) for symbol in symbols]
        bar = max(intervals, key=INTERVALS.index)
    elif bar not in INTERVALS:
        msg = f"--bar must be one of {', '.join(INTERVALS)}, was {bar!r}"
        raise SettingError(msg)
    data_start_ns = start_ns - round(options.warm_up_days * DAY_NS)
    sources = {}
    for symbol in symbols:
        _require_rows(catalog, BARS, symbol, (start_ns, end_ns), bar)
        _require_rows(catalog, OPEN_INTEREST, symbol, (data_start_ns, end_ns))
        sources[symbol] = _sources(catalog, symbol, (data_start_ns, end_ns))
    balance = _starting_balance(options, catalog, symbols[0], bar)
    return Scope(options, symbols, bar, data_start_ns, sources, currency, balance)


def _currency(symbols: tuple[str, ...]) -> str:
    currencies = sorted({settlement_currency(symbol) for symbol in symbols})
    if len(currencies) > 1:
        msg = (
            f"the symbols of one run must settle in one currency, {', '.join(symbols)} settle in "
            f"{', '.join(currencies)}; run them apart"
        )
        raise SettingError(msg)
    return currencies[0]


def _starting_balance(options: BacktestOptions, catalog: Catalog, symbol: str, bar: str) -> float:
    # A wallet of coins is worth what was asked for in dollars at the first price.
    if not is_coin_margined(symbol):
        return options.starting_balance
    window = (int(options.start_ns or 0), int(options.end_ns or 0))
    first = float(read(catalog, BARS, symbol, *window, interval=bar)["open"][0])
    return options.starting_balance / first


def _window(
    options: BacktestOptions, catalog: Catalog, symbols: tuple[str, ...]
) -> tuple[int, int]:
    start_ns, end_ns = options.start_ns, options.end_ns
    if start_ns is None or end_ns is None:
        series = [
            item
            for item in catalog.series
            if item.symbol in symbols and item.kind.startswith("klines")
        ]
        if not series:
            msg = f"bars of {', '.join(symbols)} must be in {options.catalog}, found none; ingest"
            raise DataGapError(msg)
        start_ns = min(item.first_ns for item in series) if start_ns is None else start_ns
        end_ns = max(item.last_ns for item in series) + 1 if end_ns is None else end_ns
    if end_ns <= start_ns:
        msg = "the window must hold data, its end came before the first bar; give another"
        raise DataGapError(msg)
    return start_ns, end_ns


def _require_rows(
    catalog: Catalog, stored: StoredType, symbol: str, span: tuple[int, int], interval: str = ""
) -> None:
    # By footers and times alone: a year of prices would be hundreds of megabytes.
    if any(file.count(*span) for file in catalog.files(stored, symbol, interval, *span)):
        return
    what = f"{stored.what} of {interval}" if interval else stored.what
    msg = (
        f"{catalog.path} must hold {what} of {symbol} in the window, there was none; ingest it or "
        "choose another window"
    )
    raise DataGapError(msg)


def _sources(catalog: Catalog, symbol: str, span: tuple[int, int]) -> tuple[Source, ...]:
    sources = []
    for stored in STORED_TYPES.values():
        if stored is BARS:
            sources.append(Source(stored))
        # Book depth is for the venue, the others for the map.
        elif stored.events is None and stored is not DEPTH:
            continue
        elif catalog.files(stored, symbol, "", *span):
            sources.append(Source(stored, _interval_of_several(catalog, stored, symbol, span)))
    return tuple(sources)


def _interval_of_several(
    catalog: Catalog, stored: StoredType, symbol: str, span: tuple[int, int]
) -> str | None:
    # The same stretch of time must not come twice.
    if not stored.has_interval or len(catalog.intervals(stored, symbol, *span)) <= 1:
        return None
    return finest_interval(catalog, stored, symbol, *span)
