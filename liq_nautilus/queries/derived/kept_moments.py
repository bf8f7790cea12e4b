"""All that the map says at one moment, kept so that asking again costs next to nothing."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from dataclasses import dataclass
from dataclasses import fields
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from liq_nautilus.core.records import Levels
from liq_nautilus.core.records import Signal
from liq_nautilus.data.columns import numbers
from liq_nautilus.queries.derived.day_record import MODELS
from liq_nautilus.queries.derived.day_record import level_table
from liq_nautilus.queries.derived.derived_files import write_table

if TYPE_CHECKING:
    from liq_nautilus.core.tracker import LiquidationTracker
    from liq_nautilus.queries.derived.kept_map import KeptMap

ASKED: Final = "asked"
NEWEST: Final = "newest"
_KEY: Final = b"liq_nautilus.moment"
_HOURS: Final = 24.0
_IN_MEMORY: Final = 128
_KEPT: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """
    What the map says at one moment.

    Attributes
    ----------
    ts : int
        The moment (UTC ns).
    levels : dict of str to Levels
        Of each model.
    signal : Signal
        What is advised.
    confidences : dict of str to float
        Of each model, also of one without levels.
    bucket_size : float
        Width of the levels' buckets (quote).
    volatility : float
        Standard deviation of the log return over a day; NaN if unknown.

    """

    ts: int
    levels: dict[str, Levels]
    signal: Signal
    confidences: dict[str, float]
    bucket_size: float
    volatility: float

    @classmethod
    def of(cls, tracker: LiquidationTracker, ts: int) -> Moment:
        """Return what a tracker says at a moment (UTC ns)."""
        found = tracker.levels_of(MODELS)
        return cls(
            ts,
            {levels.model: levels for levels in found},
            tracker.signal(),
            {levels.model: float(levels.confidence.max(initial=0.0)) for levels in found},
            tracker.bucket_size,
            tracker.volatility(_HOURS),
        )


class _Memory:
    # The moments last asked for, in this process.
    def __init__(self) -> None:
        self._moments: OrderedDict[Path, Moment] = OrderedDict()
        self._lock = Lock()

    def get(self, path: Path) -> Moment | None:
        with self._lock:
            moment = self._moments.get(path)
            if moment is not None:
                self._moments.move_to_end(path)
            return moment

    def put(self, path: Path, moment: Moment) -> None:
        with self._lock:
            self._moments[path] = moment
            while len(self._moments) > _IN_MEMORY:
                self._moments.popitem(last=False)


_MEMORY: Final = _Memory()


def moment_at(kept: KeptMap, at_ns: int | None) -> Moment:
    """
    Return what the map says at a moment, from memory or disk where it was asked for before.

    Parameters
    ----------
    kept : KeptMap
        The map's history.
    at_ns : int or None
        UTC nanoseconds; None for that of the newest input.

    Raises
    ------
    DataGapError
        If there is no open interest in the time before the moment.

    """
    path = _path(kept, at_ns)
    moment = _kept(path)
    if moment is None:
        ts = kept.newest_ns() if at_ns is None else at_ns
        moment = Moment.of(kept.tracker_at(ts), ts)
        _write(path, moment)
        _forget_oldest(path.parent)
        _MEMORY.put(path, moment)
    return moment


def told_ns(kept: KeptMap, at_ns: int | None) -> int:
    """
    Return which moment (UTC ns) `moment_at` tells of, without following the map.

    Raises
    ------
    DataGapError
        If there is no open interest in the time before the moment.

    """
    path = _path(kept, at_ns)
    if at_ns is not None:
        return at_ns
    moment = _kept(path)
    return kept.newest_ns() if moment is None else moment.ts


def _path(kept: KeptMap, at_ns: int | None) -> Path:
    digest = kept.days[-1 if at_ns is None else kept.index_at(at_ns)].digest
    name = f"{NEWEST if at_ns is None else at_ns}.{digest}.parquet"
    return kept.basis.folder / ASKED / name


def _kept(path: Path) -> Moment | None:
    moment = _MEMORY.get(path)
    if moment is None and (moment := _read(path)) is not None:
        _MEMORY.put(path, moment)
    return moment


def _write(path: Path, moment: Moment) -> None:
    table = pa.concat_tables([level_table(levels, moment.ts) for levels in moment.levels.values()])
    said = {
        "ts": moment.ts,
        "signal": {name: _plain(getattr(moment.signal, name)) for name in Signal.__slots__},
        "confidences": moment.confidences,
        "bucket_size": moment.bucket_size,
        "volatility": moment.volatility,
        "models": {
            name: {field: _plain(getattr(levels, field)) for field in _scalars()}
            for name, levels in moment.levels.items()
        },
    }
    write_table(path, table.replace_schema_metadata({_KEY: json.dumps(said).encode()}))


def _forget_oldest(folder: Path) -> None:
    # Anyone may ask for any moment: only so many are kept.
    kept = sorted(os.scandir(folder), key=lambda entry: entry.stat().st_mtime_ns)
    for entry in kept[:-_KEPT]:
        Path(entry.path).unlink(missing_ok=True)


def _read(path: Path) -> Moment | None:
    try:
        table = pq.ParquetFile(path).read()
        said = json.loads(table.schema.metadata[_KEY])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        # Not asked for yet, or damaged.
        return None
    models = np.asarray(table["model"].to_pylist(), dtype=object)
    shared = {"ts", "model", *_scalars()}
    columns = {f: numbers(table[f]) for f in table.column_names if f not in shared}
    levels = {}
    for name, scalars in said["models"].items():
        arrays: dict[str, Any] = {f: column[models == name] for f, column in columns.items()}
        told: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in scalars.items()
        }
        levels[name] = Levels(**arrays, **told)
    return Moment(
        said["ts"],
        levels,
        Signal(**said["signal"]),
        said["confidences"],
        said["bucket_size"],
        said["volatility"],
    )


def _scalars() -> list[str]:
    # What is said of all levels of a model at once.
    return [field.name for field in fields(Levels) if "Array" not in str(field.type)]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a record
    return value.item() if isinstance(value, np.generic) else value
