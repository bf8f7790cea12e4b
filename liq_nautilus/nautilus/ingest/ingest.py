"""Files of any recognised kind into the catalog: complete, checked, and only what is missing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from typing import Protocol

from liq_nautilus.data.finding import SourceFile
from liq_nautilus.data.finding import find_files
from liq_nautilus.data.kinds import KINDS
from liq_nautilus.data.kinds import Rules
from liq_nautilus.data.rows import connect
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SchemaError
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.json_files import read_object
from liq_nautilus.nautilus.catalog.definitions import read_instruments
from liq_nautilus.nautilus.catalog.definitions import write_instrument
from liq_nautilus.nautilus.catalog.kinds import targets_of
from liq_nautilus.nautilus.catalog.layout import writing_lock
from liq_nautilus.nautilus.catalog.trade_source import check_trade_source
from liq_nautilus.nautilus.ingest.account import IngestSummary
from liq_nautilus.nautilus.ingest.series_ingestion import SeriesIngestion
from liq_nautilus.nautilus.instruments import built_in_instrument
from liq_nautilus.nautilus.instruments import instruments_from_exchange_info
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection
    from collections.abc import Iterator
    from pathlib import Path

    from nautilus_trader.model.instruments import CryptoPerpetual

__all__ = ["IngestSummary", "Progress", "ingest"]


class Progress(Protocol):
    """Who wants to know how far the ingestion is."""

    def __call__(self, file: SourceFile, n_files: int) -> None:
        """Take note that `file` is next, of `n_files` in all."""


@dataclass(frozen=True, slots=True)
class _Selection:
    symbols: Collection[str] | None
    kinds: Collection[str] | None
    start_ns: int | None
    end_ns: int | None

    def takes(self, file: SourceFile) -> bool:
        if self.symbols and file.symbol not in self.symbols:
            return False
        if self.kinds and not {file.kind, file.series} & set(self.kinds):
            return False
        if file.period is None:
            return True
        start, end = file.period
        is_over = self.start_ns is not None and end + DAY_NS <= self.start_ns
        is_ahead = self.end_ns is not None and start - DAY_NS >= self.end_ns
        return not (is_over or is_ahead)


def ingest(
    source: Path,
    catalog: Path,
    *,
    symbols: Collection[str] | None = None,
    kinds: Collection[str] | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    exchange_info: Path | None = None,
    progress: Progress | None = None,
    on_wait: Callable[[], None] | None = None,
) -> IngestSummary:
    """
    Bring Binance's files into the catalog.

    Killed at any moment it leaves complete files only, and the next run completes the catalog to
    the same bytes. Rows that are there already are recognised and not written again.

    Parameters
    ----------
    source : Path
        A file, or a folder of any layout.
    catalog : Path
        The catalog's folder, made if missing.
    symbols : collection of str, optional
        Binance symbols to take; all by default.
    kinds : collection of str, optional
        Kinds to take, with ("klines-5m") or without ("klines") interval; all by default.
    start_ns, end_ns : int, optional
        The window [start, end) in UTC nanoseconds; rows outside are not read.
    exchange_info : Path, optional
        Binance's exchangeInfo response, for symbols that are not built in.
    progress : Progress, optional
        Called before each file.
    on_wait : callable, optional
        Called when another process holds the catalog and has to be waited for.

    Returns
    -------
    IngestSummary

    Raises
    ------
    StoreError
        If the source does not exist or the catalog cannot be written.
    SettingError
        If a kind is unknown.
    DataGapError
        If nothing usable was found.

    """
    _check_kinds(kinds)
    summary = IngestSummary()
    files = _choose(source, _Selection(symbols, kinds, start_ns, end_ns), summary)
    definitions = _read_exchange_info(exchange_info)
    with (
        writing_lock(catalog, on_wait=on_wait) as staging,
        _failures_of(catalog),
        connect(staging) as connection,
    ):
        known = read_instruments(catalog)
        for (kind, symbol, interval), group in groupby(files, key=_series_of):
            members = list(group)
            try:
                instrument = _define(symbol, known, definitions)
                targets = targets_of(kind, interval, instrument)
                check_trade_source(catalog, symbol, kind)
            except SchemaError as e:
                _refuse_all(members, str(e), summary)
                continue
            write_instrument(catalog, instrument)
            rules = Rules(symbol, interval, instrument.price_precision, instrument.size_precision)
            series = SeriesIngestion(
                catalog, staging, members[0].series, targets, rules, connection, summary
            )
            series.window = (start_ns, end_ns)
            for file in members:
                if progress is not None:
                    progress(file, len(files))
                series.take(file)
            series.finish()
    if not summary.n_files_read:
        raise DataGapError(_nothing_found(source, summary))
    return summary


def _choose(source: Path, selection: _Selection, summary: IngestSummary) -> list[SourceFile]:
    # The files to read; the others are counted.
    found = find_files(source)
    files = [file for file in found.files if selection.takes(file)]
    summary.n_files_ignored = len(found.ignored) + len(found.files) - len(files)
    for unusable in found.refused:
        summary.n_files_refused += 1
        summary.notes.add_file(unusable.name, unusable.kind, unusable.what)
    if not files:
        raise DataGapError(_nothing_found(source, summary))
    return files


@contextmanager
def _failures_of(catalog: Path) -> Iterator[None]:
    # A full disk, say: what was complete before stays.
    try:
        yield
    except OSError as e:
        msg = f"{catalog} must take the files that are written, {e}; run it again when it can"
        raise StoreError(msg) from e


def _series_of(file: SourceFile) -> tuple[str, str, str]:
    return file.kind, file.symbol, file.interval


def _check_kinds(kinds: Collection[str] | None) -> None:
    for kind in kinds or ():
        if kind.partition("-")[0] not in KINDS:
            known = ", ".join(KINDS)
            msg = f"--kind must be one of {known} (or with interval, klines-5m), was {kind}"
            raise SettingError(msg)


def _define(
    symbol: str, known: dict[str, CryptoPerpetual], definitions: dict[str, CryptoPerpetual]
) -> CryptoPerpetual:
    # A catalog holds one definition of a symbol: its rows are encoded with that precision.
    present, given = known.get(symbol), definitions.get(symbol)
    if present is None:
        return given or built_in_instrument(symbol)
    for name in ("price_precision", "size_precision"):
        was, wanted = getattr(present, name), getattr(given or present, name)
        if was != wanted:
            msg = (
                f"{symbol} must keep its precision, it has {name.replace('_', ' ')} {was} in the "
                f"catalog, {wanted} in --exchange-info; ingest into another --catalog"
            )
            raise SettingError(msg)
    return present


def _read_exchange_info(path: Path | None) -> dict[str, CryptoPerpetual]:
    if path is None:
        return {}
    return instruments_from_exchange_info(read_object(path, "--exchange-info"))


def _refuse_all(files: list[SourceFile], what: str, summary: IngestSummary) -> None:
    for file in files:
        summary.n_files_refused += 1
        summary.notes.add_file(file.name, file.series, what)


def _nothing_found(source: Path, summary: IngestSummary) -> str:
    if summary.issues:
        first = summary.issues[0]
        others = f" (and {len(summary.issues) - 1} more)" if len(summary.issues) > 1 else ""
        return (
            f"{source} must hold usable files, all were refused: {first.file}: {first.what}{others}"
        )
    return (
        f"{source} must hold files such as BTCUSDT-5m-2026-01-31.zip that the options ask for, "
        f"there were none among {summary.n_files_ignored} files; check the path and the options"
    )
