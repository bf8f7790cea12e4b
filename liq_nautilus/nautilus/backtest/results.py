"""The folder a backtest leaves behind: written once, read by reports and by people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from liq_nautilus.errors import StoreError
from liq_nautilus.json_files import read_object
from liq_nautilus.json_files import write_json
from liq_nautilus.nautilus.instruments import binance_symbol
from liq_nautilus.nautilus.types import LiquidationClusters
from liq_nautilus.nautilus.types import LiquidationLevels
from liq_nautilus.nautilus.types import LiquidationSignal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from liq_nautilus.core.records import Levels
    from liq_nautilus.nautilus.custom import CustomRecord

RUNS: Final = ("baseline", "signals")
# A picture has no use for more moments, and a year of levels would not fit into memory.
MAX_LEVEL_MOMENTS: Final = 4_000
_SIGNAL_COLUMNS: Final = (
    "action",
    "reason",
    "confidence",
    "position_side",
    "cluster_price",
    "cluster_notional",
)
_CLUSTER_ARRAYS: Final = (
    "price_low",
    "price_high",
    "price_peak",
    "notional",
    "side",
    "significance",
)


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """
    What a paired backtest of one symbol found.

    Attributes
    ----------
    summary : dict
        `summary.json`, of all symbols.
    symbol : str
        The symbol the frames below speak about (all but `equity`).
    symbols : tuple of str
        All symbols of the run.
    bars : DataFrame
        ts_close, open, high, low, close.
    equity : dict of str to DataFrame
        Per run (`baseline`, `signals`): ts, equity of the whole account.
    fills : dict of str to DataFrame
        Per run: ts, side, price, quantity, fee, position_effect, reason.
    positions : dict of str to DataFrame
        Per run: one row per position from flat to flat.
    signals : DataFrame
        ts, action, reason, confidence, position_side, cluster_price, cluster_notional.
    levels : DataFrame
        ts, model, price, notional, side: long format, at most `MAX_LEVEL_MOMENTS` moments.
    clusters : DataFrame
        ts, price_low, price_high, price_peak, notional, side, significance.
    levels_final : DataFrame
        model, price, notional, side, leverage at the end of the run.
    events : DataFrame
        The event study: action, horizon, n_events, mean, matched_mean, difference, low, high.

    Notes
    -----
    Times are int64 UTC nanoseconds, money is in quote currency.

    """

    summary: dict[str, Any]
    symbol: str
    symbols: tuple[str, ...]
    bars: pd.DataFrame
    equity: dict[str, pd.DataFrame]
    fills: dict[str, pd.DataFrame]
    positions: dict[str, pd.DataFrame]
    signals: pd.DataFrame
    levels: pd.DataFrame
    clusters: pd.DataFrame
    levels_final: pd.DataFrame
    events: pd.DataFrame


def read_run(out: Path, symbol: str | None = None) -> RunResult:
    """
    Return what a paired backtest left in its folder.

    Parameters
    ----------
    out : Path
        The folder given to `run_paired`.
    symbol : str, optional
        Which of several symbols; the first by default.

    Raises
    ------
    StoreError
        If the folder holds no run, or none of the symbol.

    """
    summary = read_object(
        out / "summary.json",
        "the summary of a run",
        error=StoreError,
        remedy="run `liq-nautilus backtest` first",
    )
    symbols = tuple(summary["symbols"])
    chosen = symbols[0] if symbol is None else symbol
    if chosen not in symbols:
        msg = f"the run in {out} must have traded {chosen}, it traded {', '.join(symbols)}"
        raise StoreError(msg)
    tables = {name: _read_table(out, name) for name in _table_names()}
    return RunResult(
        summary=summary,
        symbol=chosen,
        symbols=symbols,
        bars=_of(tables["bars"], chosen),
        equity={run: tables[f"equity_{run}"] for run in RUNS},
        fills={run: _of(tables[f"fills_{run}"], chosen) for run in RUNS},
        positions={run: _of(tables[f"positions_{run}"], chosen) for run in RUNS},
        signals=read_signals(out / "published", chosen),
        levels=read_levels(out / "published", chosen),
        clusters=read_clusters(out / "published", chosen),
        levels_final=_of(tables["levels_final"], chosen),
        events=_of(tables["events"], chosen),
    )


def write_table(out: Path, name: str, frame: pd.DataFrame) -> None:
    """Write one table of a run."""
    folder = out / "tables"
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / f"{name}.parquet", index=False)


def write_summary(out: Path, summary: dict[str, Any]) -> None:
    """Write `summary.json`; what JSON cannot say (NaN) becomes null."""
    write_json(out / "summary.json", summary, "the summary of the run")


def read_signals(published: Path, symbol: str) -> pd.DataFrame:
    """Return the published signals of a symbol, rising in time (see `RunResult.signals`)."""
    parts = [
        pd.DataFrame(
            {
                "ts": table["ts_init"].to_numpy().astype(np.int64),
                **{name: table[name].to_pandas() for name in _SIGNAL_COLUMNS},
            }
        )
        for table in _published(published, LiquidationSignal, symbol)
    ]
    empty = pd.DataFrame(columns=["ts", *_SIGNAL_COLUMNS]).astype({"ts": np.int64})
    return pd.concat(parts, ignore_index=True) if parts else empty


def read_levels(published: Path, symbol: str) -> pd.DataFrame:
    """Return the published levels of a symbol in long format (see `RunResult.levels`)."""
    columns = ["ts", "model", "price", "notional", "side"]
    tables = list(_published(published, LiquidationLevels, symbol))
    if not tables:
        return pd.DataFrame(columns=columns)
    moments = np.unique(np.concatenate([table["ts_init"].to_numpy() for table in tables]))
    kept = moments[:: -(-moments.size // MAX_LEVEL_MOMENTS)]
    parts = []
    for table in tables:
        chosen = table.filter(np.isin(table["ts_init"].to_numpy(), kept))
        parts.append(_exploded(chosen, ("price", "notional", "side"), ("model",)))
    return pd.concat(parts, ignore_index=True)[columns]


def read_clusters(published: Path, symbol: str) -> pd.DataFrame:
    """Return the published clusters of a symbol in long format (see `RunResult.clusters`)."""
    tables = _published(published, LiquidationClusters, symbol)
    parts = [_exploded(table, _CLUSTER_ARRAYS, ()) for table in tables]
    columns = ["ts", *_CLUSTER_ARRAYS]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def levels_frame(levels: Iterable[Levels]) -> pd.DataFrame:
    """Return levels of several models as one frame (see `RunResult.levels_final`)."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "model": record.model,
                    "price": record.price,
                    "notional": record.notional,
                    "side": record.side,
                    "leverage": record.leverage,
                    "confidence": record.confidence,
                }
            )
            for record in levels
        ],
        ignore_index=True,
    )


def _table_names() -> list[str]:
    paired = [f"{name}_{run}" for name in ("equity", "fills", "positions") for run in RUNS]
    return [*paired, "bars", "levels_final", "events"]


def _read_table(out: Path, name: str) -> pd.DataFrame:
    path = out / "tables" / f"{name}.parquet"
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as e:
        msg = f"a run's folder must hold {path}, it does not ({e}); run backtest again"
        raise StoreError(msg) from e


def _of(frame: pd.DataFrame, symbol: str) -> pd.DataFrame:
    return frame[frame["symbol"] == symbol].drop(columns="symbol").reset_index(drop=True)


def _published(published: Path, data_cls: type[CustomRecord], symbol: str) -> Iterator[pa.Table]:
    # Straight from the files: the catalog would make a million Python objects first.
    for path in sorted(published.glob("data/**/*.parquet")):
        names = path.parts
        if names[-3].replace("custom_", "") != _folder(data_cls):
            continue
        if binance_symbol(names[-2]) == symbol:
            yield pq.read_table(path)


def _folder(data_cls: type) -> str:
    # As the catalog names it: LiquidationLevels -> liquidation_levels.
    text = "".join(f"_{c.lower()}" if c.isupper() else c for c in data_cls.__name__)
    return text.lstrip("_")


def _exploded(table: pa.Table, arrays: tuple[str, ...], scalars: tuple[str, ...]) -> pd.DataFrame:
    # One row per array element, the moment's values repeated.
    lengths = np.diff(table[arrays[0]].combine_chunks().offsets.to_numpy())
    columns: dict[str, Any] = {
        "ts": np.repeat(table["ts_init"].to_numpy().astype(np.int64), lengths)
    }
    for name in scalars:
        codes = table[name].combine_chunks().dictionary_encode()
        columns[name] = pd.Categorical.from_codes(
            np.repeat(codes.indices.to_numpy(), lengths), codes.dictionary.to_pylist()
        )
    for name in arrays:
        columns[name] = table[name].combine_chunks().flatten().to_numpy()
    return pd.DataFrame(columns)
