"""What is kept of a day, such as densities, levels and signals, as tables of plain columns."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pyarrow as pa

from liq_nautilus.core.records import MODEL_NAMES
from liq_nautilus.core.records import Levels
from liq_nautilus.core.records import SideForecast
from liq_nautilus.queries.derived.derived_files import write_table
from liq_nautilus.times import DAY_NS
from liq_nautilus.times import HOUR_NS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from liq_nautilus.core.records import Clusters
    from liq_nautilus.core.records import Forecast
    from liq_nautilus.core.records import Signal
    from liq_nautilus.core.tracker import LiquidationTracker

# Levels are kept less often than densities, which take a tenth of their space.
LEVELS_STEP_NS: Final = 4 * HOUR_NS
DAY_FOLDERS: Final = (*("density-1h", "density-1d", "levels", "clusters", "signals", "forecasts"),)
MODELS: Final = MODEL_NAMES
DENSITY_SCHEMA: Final = pa.schema(
    [
        ("ts", pa.int64()),
        ("model", pa.string()),
        # The map's price, and whether enough was known.
        ("reference_price", pa.float64()),
        ("is_valid", pa.bool_()),
        # Buckets of even width (quote), counted from a price of 0.
        ("first_bucket", pa.int64()),
        ("width", pa.float64()),
        ("volume", pa.list_(pa.float32())),
    ]
)
SIGNAL_SCHEMA: Final = pa.schema(
    [
        ("ts", pa.int64()),
        ("action", pa.string()),
        ("reason", pa.string()),
        ("confidence", pa.float64()),
        ("risk", pa.float64()),
        ("position_side", pa.int8()),
        ("cluster_price", pa.float64()),
        ("cluster_notional", pa.float64()),
    ]
)
FORECAST_SCHEMA: Final = pa.schema(
    [
        ("ts", pa.int64()),
        ("horizon", pa.string()),
        ("side", pa.string()),
        *((field.name, pa.float64()) for field in dataclasses.fields(SideForecast)),
    ]
)
CLUSTER_SCHEMA: Final = pa.schema(
    [
        ("ts", pa.int64()),
        ("price_low", pa.float64()),
        ("price_high", pa.float64()),
        ("price_peak", pa.float64()),
        ("notional", pa.float64()),
        ("side", pa.int8()),
        ("significance", pa.float64()),
        ("confidence", pa.float64()),
    ]
)


def _level_schema() -> pa.Schema:
    # The arrays of `Levels`, whatever they are, and what is said of all of them.
    arrays = [field.name for field in dataclasses.fields(Levels) if "Array" in str(field.type)]
    types = {"side": pa.int8()}
    return pa.schema(
        [
            ("ts", pa.int64()),
            ("model", pa.string()),
            ("reference_price", pa.float64()),
            ("is_valid", pa.bool_()),
            *((name, types.get(name, pa.float64())) for name in arrays),
        ]
    )


LEVEL_SCHEMA: Final = _level_schema()


class DayRecord:
    """
    Collects what a tracker says while it follows a day.

    Parameters
    ----------
    tracker : LiquidationTracker
        The tracker that follows the day.
    start_ns : int
        When the day begins (UTC nanoseconds).

    """

    def __init__(self, tracker: LiquidationTracker, start_ns: int) -> None:
        # Loaded where a map is followed: what is kept is read without the map's compiled loops.
        from liq_nautilus.core.forecasting.inputs import HORIZON_HOURS  # noqa: PLC0415 - loads the map's loops

        self._horizons = tuple(HORIZON_HOURS)
        self._tracker = tracker
        self._start_ns = start_ns
        self._densities: list[dict[str, Any]] = []
        self._levels: list[pa.Table] = []
        self._clusters: list[pa.Table] = []
        self._signals: list[dict[str, Any]] = []
        self._forecasts: list[dict[str, Any]] = []

    def note(self, ts: int, is_update: bool) -> None:  # noqa: FBT001 - called back
        """Take down what the tracker says at a moment (UTC ns), an update of the map or a step."""
        if is_update:
            self._signals.append(_signal_row(self._tracker.signal(), ts))
        if ts % HOUR_NS:
            return
        found = self._tracker.levels_of(MODELS)
        width = self._tracker.bucket_size
        self._densities += [density_row(levels, ts, width) for levels in found]
        self._clusters.append(_cluster_table(self._tracker.clusters(), ts))
        for horizon in self._horizons:
            told = self._tracker.forecast(horizon, has_levels=False)
            self._forecasts += _forecast_rows(told, ts)
        if ts % LEVELS_STEP_NS == 0:
            self._levels += [level_table(levels, ts) for levels in found]

    def write(self, folder: Path, name: str) -> None:
        """Write the day's files below a folder, each under the day's name."""
        file = f"{name}.parquet"
        write_densities(folder / "density-1h" / file, self._densities)
        daily = [row for row in self._densities if row["ts"] % DAY_NS == 0]
        write_densities(folder / "density-1d" / file, daily)
        write_table(folder / "levels" / file, _joined(self._levels, LEVEL_SCHEMA))
        write_table(folder / "clusters" / file, _joined(self._clusters, CLUSTER_SCHEMA))
        forecasts = pa.Table.from_pylist(self._forecasts, schema=FORECAST_SCHEMA)
        write_table(folder / "forecasts" / file, forecasts)
        signals = pa.Table.from_pylist(self._signals, schema=SIGNAL_SCHEMA)
        write_table(folder / "signals" / file, signals)


def density_row(levels: Levels, ts: int, width: float) -> dict[str, Any]:
    """
    Return a model's notional per bucket of price at one moment, as a row of `DENSITY_SCHEMA`.

    Parameters
    ----------
    levels : Levels
        One level per bucket and side.
    ts : int
        The moment (UTC ns).
    width : float
        The buckets' width (quote); NaN before any price.

    """
    row: dict[str, Any] = {
        "ts": ts,
        "model": levels.model,
        "reference_price": levels.reference_price,
        "is_valid": bool(levels.is_valid and levels.price.size),
        "first_bucket": 0,
        "width": width,
        "volume": np.zeros(0, dtype=np.float32),
    }
    if levels.price.size:
        bucket = np.floor(levels.price / width).astype(np.int64)
        row["first_bucket"] = int(bucket.min())
        volume = np.bincount(bucket - bucket.min(), weights=levels.notional)
        row["volume"] = volume.astype(np.float32)
    return row


def write_densities(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of `DENSITY_SCHEMA`, one row group per model, in the order of `MODELS`."""
    ordered = sorted(rows, key=lambda row: (MODELS.index(row["model"]), row["ts"]))
    table = pa.Table.from_pylist(ordered, schema=DENSITY_SCHEMA)
    write_table(path, table, row_group_size=max(1, len(ordered) // len(MODELS)))


def level_table(levels: Levels, ts: int) -> pa.Table:
    """Return a model's levels at one moment (UTC ns) as rows of `LEVEL_SCHEMA`."""
    n = levels.price.size
    said = {
        "ts": np.full(n, ts, dtype=np.int64),
        "model": pa.array([levels.model]).take(pa.array(np.zeros(n, dtype=np.int64))),
        "reference_price": np.full(n, levels.reference_price),
        "is_valid": np.full(n, bool(levels.is_valid)),
    }
    columns = [said.get(name, getattr(levels, name, None)) for name in LEVEL_SCHEMA.names]
    return pa.table([pa.array(column) for column in columns], schema=LEVEL_SCHEMA)


def _cluster_table(clusters: Clusters, ts: int) -> pa.Table:
    n = clusters.price_peak.size
    said = {
        "ts": np.full(n, ts, dtype=np.int64),
        "confidence": np.full(n, clusters.confidence),
    }
    columns = [said.get(name, getattr(clusters, name, None)) for name in CLUSTER_SCHEMA.names]
    return pa.table([pa.array(column) for column in columns], schema=CLUSTER_SCHEMA)


def _signal_row(signal: Signal, ts: int) -> dict[str, Any]:
    row = {name: getattr(signal, name) for name in SIGNAL_SCHEMA.names if name != "ts"}
    return {"ts": ts, **row}


def _forecast_rows(found: Forecast, ts: int) -> list[dict[str, Any]]:
    return [
        {"ts": ts, "horizon": found.horizon, "side": side, **dataclasses.asdict(one)}
        for side, one in found.sides.items()
    ]


def _joined(tables: list[pa.Table], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables([schema.empty_table(), *tables]).combine_chunks()
