"""
The Parquet catalog on disk: where a series lies, in which files, and who may write.

A series lies in `data/<type>/<identifier>/`, in files named by the first and the last `ts_init` in
them, as Nautilus names its own; the intervals of a series' files are disjoint. What is told here is
told without Nautilus, so that a catalog can be read without loading it.
"""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING
from typing import Final
from typing import NamedTuple

import numpy as np
from filelock import FileLock
from filelock import Timeout

from liq_nautilus.errors import StoreError
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import INTERVALS
from liq_nautilus.times import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from liq_nautilus.data.kinds import StoredType

VENUE: Final = "BINANCE"
ROWS_PER_GROUP: Final = 5_000  # as ParquetDataCatalog writes by default
_LOCK_NAME: Final = ".liq-nautilus.lock"
STAGING_NAME: Final = ".staging"
_FIRST_WAIT_SECONDS: Final = 0.2
_PERPETUAL: Final = f"-PERP.{VENUE}"
_UNITS: Final = {
    "s": "SECOND",
    "m": "MINUTE",
    "h": "HOUR",
    "d": "DAY",
    "w": "WEEK",
    "mo": "MONTH",
}
_TIME: Final = r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)-(\d{9})Z"
_FILE_NAME: Final = re.compile(rf"{_TIME}_{_TIME}\.parquet")


def identifier_of(symbol: str) -> str:
    """
    Return the Nautilus id of a Binance perpetual, named as Nautilus's own adapter does.

    Examples
    --------
    >>> identifier_of("BTCUSDT"), identifier_of("BTCUSD_PERP")
    ('BTCUSDT-PERP.BINANCE', 'BTCUSD-PERP.BINANCE')

    """
    return f"{symbol.removesuffix('_PERP')}{_PERPETUAL}"


def symbol_of(identifier: str) -> str | None:
    """
    Return the Binance symbol of a Nautilus id; None for anything but a Binance perpetual.

    Examples
    --------
    >>> symbol_of("BTCUSDT-PERP.BINANCE"), symbol_of("BTCUSD-PERP.BINANCE")
    ('BTCUSDT', 'BTCUSD_PERP')
    >>> symbol_of("BTCUSDT.BINANCE") is symbol_of("BTCUSDT-LINEAR.BYBIT") is None
    True

    """
    name = identifier.removesuffix(_PERPETUAL)
    if not name or name == identifier:
        return None
    # BNBUSD is BNB against USD, not BN against BUSD: no base has fewer than three letters.
    is_busd_quoted = name.endswith("BUSD") and len(name) >= len("BUSD") + 3
    is_coin_margined = name.endswith("USD") and not is_busd_quoted
    return f"{name}_PERP" if is_coin_margined else name


def bar_type_of(symbol: str, interval: str) -> str:
    """
    Return the type of a symbol's external bars of last prices, as Nautilus writes it.

    Examples
    --------
    >>> bar_type_of("BTCUSDT", "5m")
    'BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL'

    """
    step = interval.rstrip("smhdwo")
    return f"{identifier_of(symbol)}-{step}-{_UNITS[interval.removeprefix(step)]}-LAST-EXTERNAL"


def symbol_and_interval(bar_type: str) -> tuple[str, str] | None:
    """
    Return the symbol and interval of a bar type of `bar_type_of`; None for any other.

    Examples
    --------
    >>> symbol_and_interval("BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL")
    ('BTCUSDT', '5m')
    >>> symbol_and_interval("BTCUSDT-PERP.BINANCE-5-MINUTE-MID-INTERNAL") is None
    True

    """
    name, found, _ = bar_type.rpartition(_PERPETUAL)
    symbol = symbol_of(f"{name}{_PERPETUAL}") if found else None
    if symbol is None:
        return None
    return next(((symbol, one) for one in INTERVALS if bar_type_of(symbol, one) == bar_type), None)


def folder_of(stored: StoredType) -> str:
    """
    Return the folder of a type, as Nautilus derives it from the name of the class.

    Examples
    --------
    >>> from liq_nautilus.data.kinds import STORED_TYPES
    >>> folder_of(STORED_TYPES["TradeTick"]), folder_of(STORED_TYPES["OpenInterest"])
    ('trade_tick', 'custom_open_interest')

    """
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", stored.name).lower()
    return f"custom_{name}" if stored.is_own else name


def series_identifier(stored: StoredType, symbol: str, interval: str = "") -> str:
    """Return the identifier of a symbol's series: its bar type, or the instrument's id."""
    is_bar_folder = stored.has_interval and not stored.has_interval_column
    return bar_type_of(symbol, interval) if is_bar_folder else identifier_of(symbol)


def series_directory(catalog: Path, stored: StoredType, symbol: str, interval: str = "") -> Path:
    """Return the folder of a series, as ParquetDataCatalog names it."""
    return catalog / "data" / folder_of(stored) / series_identifier(stored, symbol, interval)


class Span(NamedTuple):
    """The first and the last `ts_init` (UTC nanoseconds, both inclusive) of some rows."""

    first_ns: int
    last_ns: int


def file_name(span: Span) -> str:
    """
    Return the name of a file that holds a span.

    Examples
    --------
    >>> file_name(Span(0, 86_400_000_000_000 - 1))
    '1970-01-01T00-00-00-000000000Z_1970-01-01T23-59-59-999999999Z.parquet'

    """
    times = np.asarray(span, dtype="datetime64[ns]")
    texts = (str(text).replace(":", "-").replace(".", "-") for text in np.datetime_as_string(times))
    return "_".join(f"{text}Z" for text in texts) + ".parquet"


def named_span(path: Path) -> Span | None:
    """
    Return the span that a file's name promises; None if it is no such name.

    Examples
    --------
    >>> from pathlib import Path
    >>> named_span(Path(file_name(Span(5, 7))))
    Span(first_ns=5, last_ns=7)

    """
    match = _FILE_NAME.fullmatch(path.name)
    if match is None:
        return None
    seconds = [f"{text[:10]}T{text[11:].replace('-', ':')}" for text in match.group(1, 3)]
    try:
        whole = np.asarray(seconds, dtype="datetime64[s]").astype(np.int64)
    except ValueError:
        return None
    first, last = whole * SECOND_NS + np.asarray(match.group(2, 4), dtype=np.int64)
    return Span(int(first), int(last))


def partitions_of(ts: npt.NDArray[np.int64], *, daily: bool) -> npt.NDArray[np.int64]:
    """Return the day, or the month, since 1970 of each time (UTC nanoseconds)."""
    if daily:
        return ts // DAY_NS
    return ts.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)


@contextmanager
def writing_lock(
    catalog: Path,
    *,
    timeout: float = 600.0,
    on_wait: Callable[[], None] | None = None,
    on_interrupted: Callable[[], None] | None = None,
) -> Iterator[Path]:
    """
    Hold the catalog for writing and yield an empty staging folder inside it.

    What an interrupted run left in the staging folder is removed first.

    Parameters
    ----------
    catalog : Path
        The catalog's folder, made if missing.
    timeout : float
        How many seconds to wait for another process that writes.
    on_wait : callable, optional
        Called once when there is something to wait for.
    on_interrupted : callable, optional
        Called when the run before this one did not come to its end.

    Raises
    ------
    StoreError
        If the folder cannot be written, or the other process does not finish in time.

    """
    try:
        catalog.mkdir(parents=True, exist_ok=True)
        lock = FileLock(catalog / _LOCK_NAME)
        try:
            lock.acquire(timeout=min(timeout, _FIRST_WAIT_SECONDS))
        except Timeout:
            if on_wait is not None:
                on_wait()
            lock.acquire(timeout=timeout)
    except Timeout as e:
        msg = f"{catalog} must not be written by another process; wait for it to end and try again"
        raise StoreError(msg) from e
    except OSError as e:
        raise StoreError(_not_writable(catalog, e)) from e
    try:
        try:
            staging = _emptied(catalog / STAGING_NAME, on_interrupted)
        except OSError as e:
            raise StoreError(_not_writable(catalog, e)) from e
        yield staging
    finally:
        shutil.rmtree(catalog / STAGING_NAME, ignore_errors=True)
        lock.release()


def _emptied(staging: Path, on_interrupted: Callable[[], None] | None) -> Path:
    if staging.exists():
        if on_interrupted is not None:
            on_interrupted()
        shutil.rmtree(staging)
    staging.mkdir()
    return staging


def _not_writable(catalog: Path, error: OSError) -> str:
    return f"{catalog} must be a folder that can be written, {error}; use another --catalog"
