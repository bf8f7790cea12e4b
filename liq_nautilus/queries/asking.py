"""Questions to a catalog: levels, heatmap, history, comparison and signals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np

from liq_nautilus.core.exchange.bracket_source import in_force
from liq_nautilus.core.feed import OPEN_INTEREST_DELAY_SECS
from liq_nautilus.core.records import MODEL_NAMES
from liq_nautilus.errors import DataGapError
from liq_nautilus.errors import SettingError
from liq_nautilus.nautilus.catalog.inventory import Catalog
from liq_nautilus.nautilus.catalog.inventory import only_symbol
from liq_nautilus.queries.answers import ComparisonAnswer
from liq_nautilus.queries.answers import HeatmapAnswer
from liq_nautilus.queries.answers import HistoryAnswer
from liq_nautilus.queries.answers import LevelsAnswer
from liq_nautilus.queries.answers import SignalAnswer
from liq_nautilus.queries.comparing import agreement_of
from liq_nautilus.queries.density import candles
from liq_nautilus.queries.density import densities
from liq_nautilus.queries.derived.basis import MapBasis
from liq_nautilus.queries.derived.kept_map import KeptMap
from liq_nautilus.queries.derived.kept_moments import moment_at
from liq_nautilus.queries.derived.kept_moments import told_ns
from liq_nautilus.queries.happened import liquidations
from liq_nautilus.queries.time_windows import Window
from liq_nautilus.queries.time_windows import ask_of
from liq_nautilus.queries.time_windows import moment_ns
from liq_nautilus.queries.time_windows import summed_ns
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from liq_nautilus.core.parameters import TrackerParameters
    from liq_nautilus.core.records import Levels
    from liq_nautilus.queries.derived.kept_moments import Moment
    from liq_nautilus.queries.time_windows import When

MODELS: Final = MODEL_NAMES
_NAMES: Final = {"notional": "volume", "notional_low": "volume_low", "notional_high": "volume_high"}


def levels(
    catalog: Path | str,
    symbol: str | None = None,
    model: str = "ensemble",
    *,
    leverage: float | None = None,
    at: When | None = None,
    parameters: TrackerParameters | None = None,
    brackets: object | None = None,
) -> LevelsAnswer:
    """
    Return a model's liquidation levels at a moment.

    Parameters
    ----------
    catalog : Path or str
        The Parquet catalog.
    symbol : str, optional
        Binance's name; by default the only symbol of the catalog.
    model : str, optional
        One of `MODELS`.
    leverage : float, optional
        Only the levels of this leverage, one of the parameters' tiers.
    at : str, datetime or int, optional
        The moment: ISO 8601 (UTC), a datetime or UTC nanoseconds; by default that of the newest
        input.
    parameters : TrackerParameters, optional
        What is assumed.
    brackets : object, optional
        A parsed `leverageBracket` response of Binance in place of the built-in brackets.

    Raises
    ------
    DataGapError
        If the catalog lacks what the levels need.
    SettingError
        If the model, the leverage or the moment is wrong, or the symbol must be named.

    """
    _check_model(model)
    kept, at_ns = open_map(catalog, symbol, at, parameters=parameters, brackets=brackets)
    moment = moment_at(kept, at_ns)
    if leverage is None:
        return _levels_answer(kept, moment, moment.levels[model])
    tiers = kept.basis.parameters.leverages
    if leverage not in tiers:
        given = ", ".join(f"{tier:g}" for tier in tiers)
        msg = f"--leverage must be one of {given}, was {leverage:g}"
        raise SettingError(msg)
    tracker = kept.tracker_at(moment.ts)
    found = tracker.levels(model, by_leverage=True)
    return _levels_answer(kept, moment, _only(found, np.isclose(found.leverage, leverage)))


def compare(
    catalog: Path | str,
    symbol: str | None = None,
    *,
    at: When | None = None,
    parameters: TrackerParameters | None = None,
    brackets: object | None = None,
) -> ComparisonAnswer:
    """
    Return all models' levels at a moment, and how far they agree.

    The arguments and errors are those of `levels`. The agreement is the percentage of notional that
    the single models place alike, side by side in buckets of price.
    """
    kept, at_ns = open_map(catalog, symbol, at, parameters=parameters, brackets=brackets)
    moment = moment_at(kept, at_ns)
    single = [moment.levels[name] for name in MODELS if name != "ensemble"]
    return ComparisonAnswer(
        kept.basis.symbol,
        moment.ts,
        [_levels_answer(kept, moment, moment.levels[name]) for name in MODELS],
        agreement_of(single, moment.bucket_size),
    )


def signals(
    catalog: Path | str,
    symbol: str | None = None,
    *,
    at: When | None = None,
    parameters: TrackerParameters | None = None,
    brackets: object | None = None,
) -> SignalAnswer:
    """
    Return what the map advises at a moment.

    The arguments and errors are those of `levels`.
    """
    kept, at_ns = open_map(catalog, symbol, at, parameters=parameters, brackets=brackets)
    moment = moment_at(kept, at_ns)
    said = assumptions(kept.basis, moment.levels["ensemble"])
    params_hash = kept.basis.params_hash
    return SignalAnswer(kept.basis.symbol, moment.ts, moment.signal, params_hash, said)


def heatmap(
    catalog: Path | str,
    symbol: str | None = None,
    model: str = "ensemble",
    window: Window | None = None,
    *,
    parameters: TrackerParameters | None = None,
    brackets: object | None = None,
) -> HeatmapAnswer:
    """
    Return what would have been liquidated at each price, as estimated over a window of time.

    Parameters
    ----------
    catalog : Path or str
        The Parquet catalog.
    symbol : str, optional
        Binance's name; by default the only symbol of the catalog.
    model : str, optional
        One of `MODELS`.
    window : Window, optional
        What part of the map; by default the last 30 days.
    parameters : TrackerParameters, optional
        What is assumed.
    brackets : object, optional
        A parsed `leverageBracket` response of Binance in place of the built-in brackets.

    Raises
    ------
    DataGapError
        If the catalog lacks what the map needs.
    SettingError
        If the model or the window is wrong, or the symbol must be named.

    """
    _check_model(model)
    wanted = Window() if window is None else window
    kept, end_ns = open_map(
        catalog, symbol, wanted.end, parameters=parameters, brackets=brackets, option="--end"
    )
    at_ns = None if end_ns is None else end_ns - 1
    last_ns = told_ns(kept, at_ns) + 1
    timeframe, ask = ask_of(wanted, last_ns)
    # The window first: the map at its end then goes on from what was kept of it.
    grid = densities(kept, model, ask)
    moment = moment_at(kept, at_ns)
    return HeatmapAnswer(
        kept.basis.symbol,
        model,
        timeframe,
        ask.start_ns,
        last_ns,
        moment.levels[model].reference_price,
        grid.ts,
        grid.prices,
        grid.step,
        grid.volume,
        candles(kept.files, kept.basis.symbol, grid.ts, ask.step_ns, last_ns),
        _levels_answer(kept, moment, moment.levels[model]),
    )


def history(
    catalog: Path | str,
    symbol: str | None = None,
    *,
    start: When | None = None,
    end: When | None = None,
    aggregate: str | None = None,
    limit: int | None = None,
) -> HistoryAnswer:
    """
    Return what was liquidated, as far as the catalog knows.

    Parameters
    ----------
    catalog : Path or str
        The Parquet catalog.
    symbol : str, optional
        Binance's name; by default the only symbol of the catalog.
    start, end : str, datetime or int, optional
        The window (end exclusive); by default all there is.
    aggregate : str, optional
        An interval such as "1h" over which each side's notional is summed.
    limit : int, optional
        Only the last so many rows.

    Raises
    ------
    DataGapError
        If the catalog has no liquidations of the symbol.
    SettingError
        If the window or the interval is wrong, or the symbol must be named.

    """
    files = Catalog(Path(catalog))
    name = only_symbol(files, symbol)
    start_ns, end_ns = moment_ns(start, "--start"), moment_ns(end, "--end")
    if start_ns is not None and end_ns is not None and end_ns <= start_ns:
        msg = f"--end must come after --start, was {end} with --start {start}"
        raise SettingError(msg)
    step_ns = None if aggregate is None else summed_ns(aggregate)
    table = liquidations(files, name, (start_ns, end_ns), step_ns)
    if limit is not None and table.num_rows > limit:
        table = table.slice(table.num_rows - limit)
    return HistoryAnswer(name, table)


def assumptions(basis: MapBasis, found: Levels) -> dict[str, Any]:
    """Return what a map assumes, as an answer states it."""
    p, table = basis.parameters, in_force(basis.brackets, found.ts_event).table
    return {
        "formula": p.formula,
        "brackets": {"symbol": table.symbol, "valid_from": table.valid_from},
        "venues": list(found.venues),
        "position_notional": p.position_notional,
        "leverages": [float(tier) for tier in p.leverages],
        "model_weights": dict(zip(MODELS[:-1], p.model_weights, strict=True)),
        "open_interest_delay_seconds": OPEN_INTEREST_DELAY_SECS,
    }


def open_map(
    catalog: Catalog | Path | str,
    symbol: str | None = None,
    at: When | None = None,
    *,
    parameters: TrackerParameters | None = None,
    brackets: object | None = None,
    option: str = "--at",
) -> tuple[KeptMap, int | None]:
    """
    Return a symbol's kept map and the moment (UTC ns); arguments and errors as `levels`.

    `option` is what the moment is called where it cannot be understood.
    """
    files = catalog if isinstance(catalog, Catalog) else Catalog(Path(catalog))
    name = only_symbol(files, symbol)
    at_ns = moment_ns(at, option)
    try:
        basis = MapBasis.of(files.path, name, parameters, brackets)
    except (ValueError, TypeError, KeyError) as e:
        msg = f"--brackets must hold the leverageBracket response with {name}, it did not: {e}"
        raise SettingError(msg) from e
    return KeptMap.open(basis, files), at_ns


def _check_model(model: str) -> None:
    if model not in MODELS:
        msg = f"--model must be one of {', '.join(MODELS)}, was {model}"
        raise SettingError(msg)


def _levels_answer(kept: KeptMap, moment: Moment, found: Levels) -> LevelsAnswer:
    if not np.isfinite(found.reference_price):
        msg = (
            f"{kept.basis.catalog} must hold bars and open interest of {kept.basis.symbol} before "
            f"{iso(moment.ts)}, it has data from {kept.days[0].name} on; choose a later moment"
        )
        raise DataGapError(msg)
    order = np.lexsort((found.leverage, found.price))
    return LevelsAnswer(
        kept.basis.symbol,
        found.model,
        moment.ts,
        found.reference_price,
        moment.confidences[found.model],
        # No level at all is no map: py_liquidation_map, for one, needs trades.
        bool(found.is_valid and found.price.size),
        found.params_hash,
        assumptions(kept.basis, found),
        {_NAMES.get(name, name): column[order] for name, column in _columns(found).items()},
        moment.volatility,
    )


def _only(found: Levels, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> Levels:
    return replace(found, **{name: column[chosen] for name, column in _columns(found).items()})


def _columns(found: Levels) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    values = {name: getattr(found, name) for name in type(found).__slots__}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
