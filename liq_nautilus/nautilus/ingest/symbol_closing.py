"""
What is told of a symbol once all its files are in: what labels mean, and which rows are suspicious.

Both depend on everything the catalog holds of the symbol. What was found is kept beside the data,
and holds as long as neither the symbol's files nor the rules have changed.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final
from typing import NamedTuple

from liq_nautilus.core import plausibility
from liq_nautilus.core import plausible_series
from liq_nautilus.data import stamps
from liq_nautilus.data.kinds import KINDS
from liq_nautilus.data.quality_rules import Stretch
from liq_nautilus.errors import LiqNautilusError
from liq_nautilus.json_files import read_object
from liq_nautilus.json_files import write_json
from liq_nautilus.nautilus.catalog import beliefs
from liq_nautilus.nautilus.catalog.beliefs import JUDGED
from liq_nautilus.nautilus.catalog.ingest_notes import NOTES_FOLDER
from liq_nautilus.nautilus.catalog.ingest_notes import SeriesNotes
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.layout import series_directory
from liq_nautilus.nautilus.catalog.quality import CatalogQuality
from liq_nautilus.nautilus.catalog.targets import targets_of
from liq_nautilus.nautilus.ingest.stamping import Stamping
from liq_nautilus.nautilus.ingest.stamping import decide_again
from liq_nautilus.times import interval_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from liq_nautilus.data.kinds import StoredType
    from liq_nautilus.nautilus.catalog.definitions import Definition
    from liq_nautilus.nautilus.ingest.account import IngestSummary
    from liq_nautilus.nautilus.ingest.encodings import Encodings

    type Suspicious = dict[str, tuple[Stretch, ...]]

# The code by which is judged.
_RULES: Final = (plausibility, plausible_series, stamps, beliefs)


class _Ingested(NamedTuple):
    # A series that files of this run feed, and the span of their rows.
    stored: StoredType
    interval: str
    first_ns: int
    last_ns: int

    @property
    def name(self) -> str:
        return f"{self.stored.kind}-{self.interval}" if self.interval else self.stored.kind


def close_symbol(
    folders: tuple[Path, Path], definition: Definition, encodings: Encodings, summary: IngestSummary
) -> None:
    """
    Tell what can be told of a symbol now that all its files are in, and note it in the summary.

    Parameters
    ----------
    folders : tuple of Path
        The catalog, and where files are made.
    definition : Definition
        The symbol's instrument.
    encodings : Encodings
        What Nautilus says of its encoding.
    summary : IngestSummary
        The account so far.

    """
    catalog, staging = folders
    symbol = definition.symbol
    ingested = _ingested(summary, symbol)
    path = catalog / NOTES_FOLDER / f"closing.{symbol}.json"
    asked = {"spans": [[one.name, one.first_ns, one.last_ns] for one in ingested]}
    known = _kept(path, {**asked, "state": _state(catalog, symbol)})
    _tell_labels(folders, definition, encodings, summary, is_settled=known is not None)
    found = known if known is not None else _suspicious(catalog, symbol, ingested)
    if found:
        summary.suspicious[symbol] = found
    if known is None:
        _keep(path, {**asked, "state": _state(catalog, symbol)}, found, staging)


def _ingested(summary: IngestSummary, symbol: str) -> list[_Ingested]:
    # One entry a series, also where files of several kinds feed it.
    found: dict[str, _Ingested] = {}
    for series, symbols in summary.kinds.items():
        counts = symbols.get(symbol)
        name, _, interval = series.partition("-")
        stored = KINDS[name].feeds[0].stored
        if stored not in JUDGED or counts is None or counts.first_ns is None:
            continue
        # Of intervals the times are their beginnings; of a month, its length is not fixed.
        length_ns = (interval_ns(interval) or interval_ns("1w") * 5) if interval else 0
        last_ns = (counts.last_ns or counts.first_ns) + length_ns + KINDS[name].label_lead_ns
        one = _Ingested(stored, interval, counts.first_ns, last_ns)
        other = found.get(one.name, one)
        first_ns, last_ns = min(one.first_ns, other.first_ns), max(last_ns, other.last_ns)
        found[one.name] = one._replace(first_ns=first_ns, last_ns=last_ns)
    return list(found.values())


def _tell_labels(
    folders: tuple[Path, Path],
    definition: Definition,
    encodings: Encodings,
    summary: IngestSummary,
    *,
    is_settled: bool,
) -> None:
    # What labels mean may be told now that everything is there.
    catalog, _ = folders
    symbol = definition.symbol
    for kind in KINDS.values():
        if not kind.label_lead_ns:
            continue
        (target,) = targets_of(kind.name, "", definition, encodings)
        folder = series_directory(catalog, target.stored, symbol)
        notes = SeriesNotes(catalog, kind.name, symbol, [folder])
        if notes.records:
            if not is_settled:
                decide_again(Stamping(catalog, symbol, kind.label_lead_ns), target, notes, folders)
            found = stamps.files_by_meaning(record.stamps for record in notes.records)
            summary.stamps.setdefault(kind.name, {})[symbol] = found


def _suspicious(catalog: Path, symbol: str, ingested: list[_Ingested]) -> Suspicious:
    judge = CatalogQuality(Catalog(catalog))
    return {
        one.name: found
        for one in ingested
        if (
            found := judge.suspicious(
                one.stored, symbol, one.interval, one.first_ns, one.last_ns + 1
            )
        )
    }


def _state(catalog: Path, symbol: str) -> str:
    # What the answers depend on: the symbol's files, and the rules.
    seal = 0
    for module in _RULES:
        seal = zlib.crc32(Path(str(module.__file__)).read_bytes(), seal)
    for folder in Catalog(catalog).folders:
        if folder.symbol != symbol or folder.stored not in JUDGED:
            continue
        for path in sorted(folder.path.glob("*.parquet")):
            status = path.stat()
            text = f"{folder.path.name} {path.name} {status.st_size} {status.st_mtime_ns}"
            seal = zlib.crc32(text.encode(), seal)
    return f"{seal:08x}"


def _kept(path: Path, asked: Mapping[str, Any]) -> Suspicious | None:
    # What was found before, if it was asked the same of the same; a damaged note is none.
    if not path.is_file():
        return None
    with suppress(LiqNautilusError, TypeError, KeyError):
        document = read_object(path, "the note of suspicious rows")
        if all(document[name] == value for name, value in asked.items()):
            return {
                kind: tuple(Stretch(*stretch) for stretch in found)
                for kind, found in document["suspicious"].items()
            }
    return None


def _keep(path: Path, asked: Mapping[str, Any], found: Suspicious, staging: Path) -> None:
    kept = {
        kind: [[one.start_ns, one.end_ns, one.n_rows] for one in stretches]
        for kind, stretches in found.items()
    }
    write_json(path, {**asked, "suspicious": kept}, "the note of suspicious rows", staging=staging)
