"""Files of any recognised kind into the catalog: complete, checked, and only what is missing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

from liq_nautilus.core.dollars.covered_venues import venues_text
from liq_nautilus.data.files.finding import SourceFile
from liq_nautilus.data.files.finding import find_files
from liq_nautilus.data.kinds import KINDS
from liq_nautilus.data.kinds import Rules
from liq_nautilus.data.reading.rows import connect
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SchemaError
from liq_nautilus.errors import SettingError
from liq_nautilus.errors import StoreError
from liq_nautilus.json_files import read_object
from liq_nautilus.nautilus.catalog.definitions import read_definitions
from liq_nautilus.nautilus.catalog.definitions import write_definition
from liq_nautilus.nautilus.catalog.exchange_info import check_is_perpetual
from liq_nautilus.nautilus.catalog.exchange_info import exchange_info_entries
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.layout import writing_lock
from liq_nautilus.nautilus.catalog.naming import name_as_held
from liq_nautilus.nautilus.catalog.targets import targets_of
from liq_nautilus.nautilus.catalog.trade_source import check_trade_source
from liq_nautilus.nautilus.ingest.account import IngestSummary
from liq_nautilus.nautilus.ingest.encodings import user_encodings
from liq_nautilus.nautilus.ingest.series_ingestion import SeriesIngestion
from liq_nautilus.nautilus.ingest.symbol_closing import close_symbol
from liq_nautilus.times import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection
    from collections.abc import Iterator
    from collections.abc import Mapping
    from pathlib import Path

    from liq_nautilus.nautilus.catalog.definitions import Definition
    from liq_nautilus.nautilus.ingest.encodings import Encodings

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
    venues: Collection[str] = (),
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
    venues : collection of str, optional
        Of which venues liquidation bars are that do not say it themselves, as
        `core.venues.venues_text` takes them.
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
        If a kind is unknown, or a venue no name.
    DataGapError
        If nothing usable was found.

    """
    _check_kinds(kinds)
    of_venues = _joined(venues)
    summary = IngestSummary()
    files = _choose(source, _Selection(symbols, kinds, start_ns, end_ns), summary)
    entries = _read_exchange_info(exchange_info)
    encodings = user_encodings()
    with (
        writing_lock(
            catalog, on_wait=on_wait, on_interrupted=lambda: name_as_held(Catalog(catalog))
        ) as staging,
        _failures_of(catalog),
        connect(staging) as connection,
    ):
        known = read_definitions(catalog)
        # In the order of the table: labels are told by bars, which must be there before, and what
        # says more comes before what says less.
        files.sort(key=lambda file: list(KINDS).index(file.kind))
        for (kind, symbol, interval), group in groupby(files, key=_series_of):
            members = list(group)
            try:
                definition = _define(symbol, known, entries, encodings)
                targets = targets_of(kind, interval, definition, encodings)
                check_trade_source(catalog, symbol, kind)
            except SchemaError as e:
                _refuse_all(members, str(e), summary)
                continue
            write_definition(catalog, definition)
            precisions = definition.price_precision, definition.size_precision
            rules = Rules(symbol, interval, *precisions, of_venues)
            series = SeriesIngestion(
                catalog, staging, members[0].series, targets, rules, connection, summary
            )
            series.window = (start_ns, end_ns)
            for file in members:
                if progress is not None:
                    progress(file, len(files))
                series.take(file)
            series.finish()
        definitions = read_definitions(catalog)
        for symbol in sorted({file.symbol for file in files} & definitions.keys()):
            close_symbol((catalog, staging), definitions[symbol], encodings, summary)
    encodings.save()
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


def _joined(venues: Collection[str]) -> str:
    try:
        return venues_text(venues)
    except ValueError as e:
        raise SettingError(f"--{e}") from e  # noqa: EM102 - the words of the core, of the option


def _define(
    symbol: str,
    known: Mapping[str, Definition],
    entries: Mapping[str, Mapping[str, Any]] | None,
    encodings: Encodings,
) -> Definition:
    # A catalog holds one definition of a symbol: its rows are encoded with that precision.
    present, entry = known.get(symbol), (entries or {}).get(symbol)
    if present is None or entry is not None:
        check_is_perpetual(symbol, entry)
    if present is None:
        return _new_definition(symbol, entry, entries, encodings)
    wanted = present if entry is None else encodings.definition(symbol, entry)
    for name in ("price_precision", "size_precision"):
        if getattr(present, name) != getattr(wanted, name):
            msg = (
                f"{symbol} must keep its precision, it has {name.replace('_', ' ')} "
                f"{getattr(present, name)} in the catalog, {getattr(wanted, name)} in "
                "--exchange-info; ingest into another --catalog"
            )
            raise SettingError(msg)
    return present


def _new_definition(
    symbol: str,
    entry: Mapping[str, Any] | None,
    entries: Mapping[str, Mapping[str, Any]] | None,
    encodings: Encodings,
) -> Definition:
    try:
        return encodings.definition(symbol, entry)
    except SchemaError as e:
        if entry is not None or entries is None:
            raise
        msg = (
            f"the instrument of {symbol} must be built in or in the response given with "
            f"--exchange-info, was among neither; download a response that lists {symbol}"
        )
        raise SchemaError(msg) from e


def _read_exchange_info(path: Path | None) -> dict[str, Mapping[str, Any]] | None:
    if path is None:
        return None
    return exchange_info_entries(read_object(path, "--exchange-info"))


def _refuse_all(files: list[SourceFile], what: str, summary: IngestSummary) -> None:
    for file in files:
        summary.n_files_refused += 1
        summary.notes.add_file(file.name, file.series, what)


def _nothing_found(source: Path, summary: IngestSummary) -> str:
    if summary.issues:
        first = summary.issues[0]
        others = f" (and {len(summary.issues) - 1} more)" if len(summary.issues) > 1 else ""
        return f"{source} must hold usable files, all were refused: {first.sentence}{others}"
    return (
        f"{source} must hold files such as BTCUSDT-5m-2026-01-31.zip that the options ask for, "
        f"there were none among {summary.n_files_ignored} files; check the path and the options"
    )
