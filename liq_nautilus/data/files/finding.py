"""Finds Binance's files in a tree of any shape and reads from their names what they hold."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from typing import TYPE_CHECKING
from typing import Final

from liq_nautilus.data.kinds import KINDS
from liq_nautilus.errors import StoreError
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import INTERVALS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SUFFIX: Final = re.compile(r"(\.csv|\.zip|\.csv\.zip|\.csv\.gz|\.json)$", re.IGNORECASE)
# Answers of Binance's REST interface. Other JSON files are no market data, whatever their names.
_JSON_SUFFIX: Final = ".json"
# Packed or written in a way that is not read.
_OTHER_SUFFIX: Final = re.compile(
    r"(\.csv)?\.(gz|xz|bz2|zst|7z|rar|tar|tgz|tar\.gz|txt|tsv|parquet|feather)$", re.IGNORECASE
)
_DATE: Final = r"(?P<year>20\d\d)(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?"
# Binance's names, SYMBOL-KIND-DATE and SYMBOL-INTERVAL-DATE, and both together.
_NAME: Final = re.compile(
    # Letters of any script; Latin ones are capital.
    r"(?P<symbol>[^\W_a-z]+(?:_[^\W_a-z]+)?)"
    rf"(?:-(?P<kind>{'|'.join(sorted(KINDS, key=len, reverse=True))}))?"
    rf"(?:-(?P<interval>{'|'.join((*INTERVALS, '1M'))}))?"
    rf"(?:-{_DATE})?"
)
# A name that means to be one of those.
_LIKE_NAME: Final = re.compile(
    r"[^\W_]{3,}(_[^\W_]+)?[-_ ]"
    rf"(.*[-_ ])?({'|'.join(KINDS)}|\d+[smhdwM]|1mo|[A-Za-z]+)?[-_ ]?20\d\d[-_]?\d\d([-_]?\d\d)?"
    rf"|[^\W_a-z]{{5,}}(_[^\W_a-z]+)?-({'|'.join(KINDS)}|\d+[smhdwM])",
)
_NAMES_WANTED: Final = (
    "the name must be Binance's, a symbol in capitals, the kind or interval and the date, such as"
    " BTCUSDT-5m-2025-01-31.zip or BTCUSDT-metrics-2025-01-31.csv; rename the file"
)
UNRECOGNISED: Final = "unrecognised"
_MOST_HEADER_BYTES: Final = 4_096
_OTHER_MARKET: Final = re.compile(r"/(spot|option)/(?:daily|monthly)/")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """
    One file of a recognised kind.

    Attributes
    ----------
    path : Path
        Where it is.
    name : str
        The path below the folder that was searched, for messages.
    kind : str
        The name of the kind, a key of `KINDS`.
    symbol : str
        Binance's symbol.
    interval : str
        Such as "5m"; empty for kinds without one.
    period : tuple of int, optional
        The UTC nanoseconds [start, end) its name promises; None when the name has no date.

    """

    path: Path
    name: str
    kind: str
    symbol: str
    interval: str
    period: tuple[int, int] | None

    @property
    def series(self) -> str:
        """Return the kind with its interval, such as "klines-5m"."""
        return f"{self.kind}-{self.interval}" if self.interval else self.kind

    @property
    def order(self) -> tuple[int, int, str]:
        """Return the sort key that fixes which file comes first, wherever the folder is."""
        start, end = self.period or (0, 0)
        return start, start - end, self.name


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file of market data that cannot be taken, and why."""

    name: str
    kind: str
    what: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a tree holds: files to read, files refused at sight, and how many are something else."""

    files: tuple[SourceFile, ...]
    refused: tuple[Unusable, ...]
    ignored: tuple[str, ...]


def find_files(root: Path) -> Found:
    """
    Return the market data in a file or below a folder, in a fixed order.

    Parameters
    ----------
    root : Path
        A file, or a folder that is searched with all its subfolders.

    Raises
    ------
    StoreError
        If there is no such file or folder.

    """
    if not root.exists():
        msg = f"the source must be a file or folder, there was none at {root}; check the path"
        raise StoreError(msg)
    files: list[SourceFile] = []
    refused: list[Unusable] = []
    ignored: list[str] = []
    for path in _walk(root, refused):
        recognised = recognise(path, root)
        if isinstance(recognised, SourceFile):
            files.append(recognised)
        elif isinstance(recognised, Unusable):
            refused.append(recognised)
        else:
            ignored.append(_relative(path, root))
    files.sort(key=lambda file: (file.kind, file.symbol, file.interval, file.order))
    return Found(tuple(files), tuple(refused), tuple(ignored))


def recognise(path: Path, root: Path) -> SourceFile | Unusable | None:
    """Return what a file's name and folders say it holds; None if it is no market data."""
    if path.name.startswith("."):
        return None
    suffix = _SUFFIX.search(path.name)
    if suffix is None:
        other = _OTHER_SUFFIX.search(path.name)
        if other is None or not _LIKE_NAME.fullmatch(path.name[: other.start()]):
            return None
        what = f"must be a .csv, .zip, .csv.gz or .json file, was {other[0]}; pack it anew"
        return Unusable(_relative(path, root), UNRECOGNISED, what)
    stem = path.name[: suffix.start()]
    match = _NAME.fullmatch(stem)
    taken = _named(path, root, match) if match else None
    if suffix[0].lower() == _JSON_SUFFIX:
        return taken if match and match["kind"] else None
    if taken is None and (_LIKE_NAME.fullmatch(stem) or _has_known_header(path)):
        return Unusable(_relative(path, root), UNRECOGNISED, _NAMES_WANTED)
    return taken


def _named(path: Path, root: Path, match: re.Match[str]) -> SourceFile | Unusable | None:
    name = _relative(path, root)
    interval = (match["interval"] or "").replace("1M", "1mo")
    folders = [
        part
        for part in path.absolute().parts[:-1]
        if part in KINDS and KINDS[part].has_interval == bool(interval)
    ]
    kind = match["kind"] or (folders[-1] if folders else ("klines" if interval else ""))
    if not kind or (match["year"] is None and not folders and not match["kind"]):
        return None
    return _checked(path, name, kind, match, interval)


def _has_known_header(path: Path) -> bool:
    # Whether a plain file of another name begins with the columns of some kind.
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            first = file.readline(_MOST_HEADER_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    names = {name.strip().strip('"').strip().lower() for name in first.split(",")}
    return any(
        all(column.is_optional or column.is_among(names) for column in kind.columns)
        for kind in KINDS.values()
    )


def _checked(
    path: Path, name: str, kind: str, match: re.Match[str], interval: str
) -> SourceFile | Unusable:
    market = _OTHER_MARKET.search(path.absolute().as_posix())
    if market is not None:
        return Unusable(name, kind, f"must be a file of futures, was one of the {market[1]} market")
    if KINDS[kind].has_interval != bool(interval):
        wanted = "must" if KINDS[kind].has_interval else "must not"
        return Unusable(name, kind, f"the name of a {kind} file {wanted} state an interval")
    try:
        period = _period(match)
    except ValueError:
        return Unusable(name, kind, "the name must hold a date of the calendar")
    if not _is_text(path.absolute()):
        return Unusable(name, kind, "the path must be UTF-8 text; rename the file or its folder")
    if not KINDS[kind].is_period_closed and period is not None:
        period = None
    return SourceFile(path, name, kind, match["symbol"], interval, period)


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _period(match: re.Match[str]) -> tuple[int, int] | None:
    if match["year"] is None:
        return None
    year, month, day = int(match["year"]), match["month"], match["day"]
    start = datetime(year, int(month or 1), int(day or 1), tzinfo=UTC)
    start_ns = int(start.timestamp()) * SECOND_NS
    if day:
        return start_ns, start_ns + DAY_NS
    after = (year * 12 + int(month)) if month else (year + 1) * 12
    end = datetime(after // 12, after % 12 + 1, 1, tzinfo=UTC)
    return start_ns, int(end.timestamp()) * SECOND_NS


def _walk(root: Path, refused: list[Unusable]) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return

    def refuse(error: OSError) -> None:
        name = _relative(root.__class__(error.filename), root)
        what = f"must be a folder that can be read, {error.strerror}; check its rights"
        refused.append(Unusable(name, "folder", what))

    # Links to folders are followed, each folder once: a link may lead to one above it.
    known = {_identity(root)}
    for text, subfolders, names in os.walk(root, onerror=refuse, followlinks=True):
        folder = root.__class__(text)
        found = [(name, _identity(folder / name)) for name in sorted(subfolders) if name[0] != "."]
        subfolders[:] = [name for name, identity in found if identity not in known]
        known.update(identity for _, identity in found)
        for name in sorted(names):
            yield folder / name


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _relative(path: Path, root: Path) -> str:
    text = path.name if path == root else path.relative_to(root).as_posix()
    # Names that are no text would fail wherever they are printed.
    return text.encode("utf-8", "replace").decode()
