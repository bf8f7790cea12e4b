"""What each query answers, as typed results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import pyarrow as pa

from liq_nautilus.queries.answer import SIDE_NAMES
from liq_nautilus.queries.answer import Answer
from liq_nautilus.queries.answer import known
from liq_nautilus.queries.answer import side_column
from liq_nautilus.queries.answer import time_column
from liq_nautilus.queries.comparing import max_pain
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from liq_nautilus.core.records import FloatArray
    from liq_nautilus.core.records import Signal


@dataclass(frozen=True, slots=True, eq=False)
class LevelsAnswer(Answer):
    """
    A model's liquidation levels at one moment.

    Attributes
    ----------
    symbol : str
        Binance's name.
    model : str
        Whose levels they are.
    ts : int
        The moment (UTC ns).
    current_price : float
        Quote per base unit; longs lie below, shorts above.
    confidence : float
        In [0, 1].
    is_valid : bool
        Whether enough was known.
    params_hash : str
        Of the parameters.
    assumptions : dict
        What the map assumes.
    columns : dict of str to ndarray of shape (n_levels,)
        `price` (ascending), `volume`, `volume_low`, `volume_high` (quote), `side` (+1 long, -1
        short), `leverage` and `confidence`.
    volatility : float
        Standard deviation of the log return over a day, from the hours before; NaN if unknown.

    """

    symbol: str
    model: str
    ts: int
    current_price: float
    confidence: float
    is_valid: bool
    params_hash: str
    assumptions: dict[str, Any]
    columns: dict[str, np.ndarray[Any, np.dtype[Any]]]
    volatility: float

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before using the levels."""
        if self.is_valid:
            return []
        if not self.columns["price"].size:
            return [f"{self.model} has no levels here: what it is made of is missing"]
        return [f"too little is known: the confidence is {self.confidence:.2f}"]

    @property
    def max_pain(self) -> dict[str, float | None]:
        """Where most would be liquidated on each side, and least between the two (see there)."""
        return max_pain(self.columns["price"], self.columns["volume"], self.columns["side"])

    def document(self) -> dict[str, Any]:
        """Return the JSON of `liq-nautilus levels`."""
        rows = {name: column.tolist() for name, column in self.columns.items()}
        rows["side"] = [SIDE_NAMES[side] for side in rows["side"]]
        return {
            "symbol": self.symbol,
            "model": self.model,
            "timestamp": iso(self.ts),
            "current_price": known(self.current_price),
            "confidence": self.confidence,
            "is_valid": self.is_valid,
            "warnings": self.warnings,
            "params_hash": self.params_hash,
            "assumptions": self.assumptions,
            "max_pain": self.max_pain,
            "volatility_per_day": known(self.volatility),
            "levels": [
                dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)
            ],
        }

    def to_arrow(self) -> pa.Table:
        """Return one row per level."""
        return pa.table({**self.columns, "side": side_column(self.columns["side"])})


@dataclass(frozen=True, slots=True, eq=False)
class HeatmapAnswer(Answer):
    """
    What would have been liquidated at each price, as estimated at each moment of a window.

    Attributes
    ----------
    symbol, model : str
        Whose map it is.
    timeframe : str
        The window's length as it was asked for.
    start_ns, end_ns : int
        The window (UTC ns, end exclusive).
    current_price : float
        The last price (quote per base unit).
    ts : ndarray of shape (n_times,)
        When each column's map was known (UTC ns): it tells nothing of what came later.
    prices : ndarray of shape (n_prices,)
        The middle of each bucket (quote per base unit).
    step : float
        The buckets' width (quote).
    densities : ndarray of shape (n_times, n_prices)
        The notional in each bucket (quote); NaN where no map was known.
    candles : ndarray of shape (n_candles, 5)
        Time (UTC ns), open, high, low and close of each column's path.
    newest : LevelsAnswer or None
        The levels at the window's end.

    """

    symbol: str
    model: str
    timeframe: str
    start_ns: int
    end_ns: int
    current_price: float
    ts: np.ndarray[Any, np.dtype[np.int64]]
    prices: FloatArray
    step: float
    densities: FloatArray
    candles: FloatArray
    newest: LevelsAnswer

    @property
    def metadata(self) -> dict[str, Any]:
        """
        What is said of the whole map.

        `total_volume` is the notional of the newest column that is known, `data_quality_score` the
        share of columns that are.
        """
        is_known = np.isfinite(self.densities).any(axis=1)
        densest = None
        total = 0.0
        if is_known.any():
            total = float(self.densities[np.flatnonzero(is_known)[-1]].sum())
            cell = int(np.nanargmax(self.densities))
            densest = float(self.prices[cell % self.prices.size])
        return {
            "total_volume": total,
            "highest_density_price": densest,
            "buckets": int(self.prices.size),
            "bucket_size": self.step,
            "data_quality_score": float(is_known.mean()) if is_known.size else 0.0,
            "max_pain": self.newest.max_pain,
        }

    def document(self) -> dict[str, Any]:
        """Return the JSON of `liq-nautilus heatmap`."""
        # Seven digits are more than a picture shows and a third of the length.
        densities = [_plain(row) for row in self.densities]
        return {
            "symbol": self.symbol,
            "model": self.model,
            "timeframe": self.timeframe,
            "start": iso(self.start_ns),
            "end": iso(self.end_ns),
            "current_price": known(self.current_price),
            "times": [iso(ts) for ts in self.ts.tolist()],
            "prices": self.prices.tolist(),
            "densities": densities,
            "candles": [[iso(int(ts)), *prices] for ts, *prices in self.candles.tolist()],
            "metadata": self.metadata,
            "params_hash": self.newest.params_hash,
            "assumptions": self.newest.assumptions,
        }

    def to_arrow(self) -> pa.Table:
        """Return one row per cell: timestamp, price and density."""
        n_times, n_prices = self.densities.shape
        return pa.table(
            {
                "timestamp": time_column(np.repeat(self.ts, n_prices)),
                "price": np.tile(self.prices, n_times),
                "density": self.densities.ravel(),
            }
        )


@dataclass(frozen=True, slots=True, eq=False)
class HistoryAnswer(Answer):
    """
    What was liquidated.

    Attributes
    ----------
    symbol : str
        Binance's name.
    table : Table
        Columns ts (UTC ns), price, quantity, notional, side, source; or, summed over intervals, ts,
        long_notional, short_notional.

    """

    symbol: str
    table: pa.Table

    def document(self) -> dict[str, Any]:
        """Return the JSON of `liq-nautilus history`."""
        events = []
        for row in self.table.to_pylist():
            ts = row.pop("ts")
            plain = {k: known(v) if isinstance(v, float) else v for k, v in row.items()}
            events.append({"timestamp": iso(ts), **plain})
        return {"symbol": self.symbol, "events": events}

    def to_arrow(self) -> pa.Table:
        """Return one row per event or interval."""
        return self.table.set_column(0, "timestamp", time_column(self.table["ts"].to_numpy()))


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonAnswer(Answer):
    """
    The models side by side at one moment.

    Attributes
    ----------
    symbol : str
        Binance's name.
    ts : int
        The moment (UTC ns).
    models : list of LevelsAnswer
        Each model's levels.
    agreement : float or None
        The percentage of notional that the models place alike; None with fewer than two maps.

    """

    symbol: str
    ts: int
    models: list[LevelsAnswer]
    agreement: float | None

    def document(self) -> dict[str, Any]:
        """Return the JSON of `liq-nautilus compare`."""
        models = []
        for answer in self.models:
            document = answer.document()
            confidences = answer.columns["confidence"]
            models.append(
                {
                    "name": answer.model,
                    "avg_confidence": float(confidences.mean()) if confidences.size else 0.0,
                    "is_valid": answer.is_valid,
                    "max_pain": document["max_pain"],
                    "levels": document["levels"],
                }
            )
        return {
            "symbol": self.symbol,
            "timestamp": iso(self.ts),
            "current_price": known(self.models[0].current_price),
            "models": models,
            "agreement": self.agreement,
            "params_hash": self.models[0].params_hash,
            "assumptions": self.models[0].assumptions,
        }

    def to_arrow(self) -> pa.Table:
        """Return one row per model and level."""
        tables = [
            answer.to_arrow().add_column(0, "model", pa.array([answer.model] * n, type=pa.string()))
            for answer in self.models
            for n in [answer.columns["price"].size]
        ]
        return pa.concat_tables(tables)


@dataclass(frozen=True, slots=True, eq=False)
class SignalAnswer(Answer):
    """
    What the map advises at one moment.

    Attributes
    ----------
    symbol : str
        Binance's name.
    ts : int
        The moment (UTC ns).
    signal : Signal
        The core's record.
    params_hash : str
        Of the parameters.
    assumptions : dict
        What the map assumes.

    """

    symbol: str
    ts: int
    signal: Signal
    params_hash: str
    assumptions: dict[str, Any]

    def document(self) -> dict[str, Any]:
        """Return the JSON of `liq-nautilus signals`."""
        signal = self.signal
        price = known(signal.cluster_price)
        cluster = (
            None if price is None else {"price": price, "notional": known(signal.cluster_notional)}
        )
        return {
            "symbol": self.symbol,
            "timestamp": iso(self.ts),
            "action": signal.action,
            "reason": signal.reason,
            "confidence": signal.confidence,
            "risk": known(signal.risk),
            "completeness": known(signal.completeness),
            "position_side": SIDE_NAMES[int(signal.position_side)],
            "cluster": cluster,
            "params_hash": self.params_hash,
            "assumptions": self.assumptions,
        }

    def to_arrow(self) -> pa.Table:
        """Return one row."""
        row = self.document()
        cluster = row.pop("cluster") or {"price": None, "notional": None}
        del row["assumptions"]
        return pa.Table.from_pylist(
            [{**row, "cluster_price": cluster["price"], "cluster_notional": cluster["notional"]}]
        )


def _plain(row: FloatArray) -> list[float | None]:
    values: list[float | None] = row.tolist()
    if np.isfinite(row).all():
        return values
    return [None if value is None else known(value) for value in values]
