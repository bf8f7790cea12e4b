"""Answers as tables that a trader reads at a glance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from liq_nautilus.reports.answer_text import assumptions_text
from liq_nautilus.reports.answer_text import pain_text
from liq_nautilus.reports.raster import round_step
from liq_nautilus.reports.style import ACTION_COLOURS
from liq_nautilus.reports.style import LONG_COLOUR
from liq_nautilus.reports.style import SHORT_COLOUR
from liq_nautilus.reports.style import compact_usd
from liq_nautilus.reports.style import price_text
from liq_nautilus.times import iso

if TYPE_CHECKING:
    from liq_nautilus.queries.answers import ComparisonAnswer
    from liq_nautilus.queries.answers import HeatmapAnswer
    from liq_nautilus.queries.answers import HistoryAnswer
    from liq_nautilus.queries.answers import LevelsAnswer
    from liq_nautilus.queries.answers import SignalAnswer

# Rows of so much of the price, so that a screen reaches several percent.
_ROW_SHARE: Final = 0.004
_ROWS_PER_SIDE: Final = 12
_HISTORY_ROWS: Final = 40
_SIDES: Final = ((1, "long", LONG_COLOUR), (-1, "short", SHORT_COLOUR))
_BARS: Final = " ▏▎▍▌▋▊▉█"
_BAR_WIDTH: Final = 8


def show_levels(answer: LevelsAnswer) -> None:
    """Print the levels of each side, nearest first, with what adds up on the way."""
    console = _console()
    _title(console, f"{answer.symbol} liquidation levels", answer.ts, answer.model)
    step = round_step(answer.current_price * _ROW_SHARE)
    rows = {side: _rows(answer, side, step) for side, _, _ in _SIDES}
    heaviest = max((row["volume"] for own in rows.values() for row in own), default=0.0)
    table = _table()
    for name in ("side", "price", "away", "vol.", "volume", "", "90 % band", "up to"):
        table.add_column(name, justify="left" if name in {"side", ""} else "right", no_wrap=True)
    for side, name, colour in _SIDES:
        for row in rows[side][:_ROWS_PER_SIDE]:
            table.add_row(
                Text(name, style=colour),
                price_text(row["price"]),
                f"{row['away']:+.2%}",
                _in_volatilities(row["away"], answer.volatility),
                compact_usd(row["volume"]),
                Text(_bar(row["volume"], heaviest), style=colour),
                f"{compact_usd(row['low'])} - {compact_usd(row['high'])}",
                compact_usd(row["total"]),
            )
        table.add_section()
    console.print(table)
    _conclude(console, answer, step, rows)


def _rows(answer: LevelsAnswer, side: int, step: float) -> list[dict[str, float]]:
    # One row per step away from the price, nearest first.
    columns = answer.columns
    own = columns["side"] == side
    price, volume = columns["price"][own], columns["volume"][own]
    if not price.size:
        return []
    row = np.floor(np.abs(price - answer.current_price) / step).astype(np.int64)
    sums = {
        name: np.bincount(row, weights=columns[column][own])
        for name, column in (("volume", "volume"), ("low", "volume_low"), ("high", "volume_high"))
    }
    middle = np.bincount(row, weights=price * volume) / np.maximum(sums["volume"], 1e-300)
    total = np.cumsum(sums["volume"])
    return [
        {
            "price": float(middle[index]),
            "away": float(middle[index] / answer.current_price - 1.0),
            "total": float(total[index]),
            **{name: float(values[index]) for name, values in sums.items()},
        }
        for index in np.flatnonzero(sums["volume"]).tolist()
    ]


def _conclude(
    console: Console, answer: LevelsAnswer, step: float, rows: dict[int, list[dict[str, float]]]
) -> None:
    hidden = sum(max(0, len(own) - _ROWS_PER_SIDE) for own in rows.values())
    console.print()
    console.print(pain_text(answer.max_pain))
    console.print(
        f"rows of {price_text(step)}, {hidden} farther ones left out (--json, --csv: all levels "
        "there are); vol.: in standard deviations of a day's return",
        style="dim",
    )
    for warning in answer.warnings:
        console.print(f"NOT VALID: {warning}", style="bold yellow")
    _assume(console, answer)


def show_heatmap(answer: HeatmapAnswer) -> None:
    """Print where the map was densest over the window."""
    console = _console()
    _title(console, f"{answer.symbol} heatmap, {answer.timeframe}", answer.end_ns, answer.model)
    means = _known_means(answer)
    table = _table()
    for name in ("price", "away", "mean over the window", "", "newest"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    newest = answer.densities[np.isfinite(answer.densities).any(axis=1)][-1]
    for row in sorted(np.argsort(means)[-2 * _ROWS_PER_SIDE :].tolist(), reverse=True):
        away = answer.prices[row] / answer.current_price - 1.0
        colour = LONG_COLOUR if away < 0 else SHORT_COLOUR
        table.add_row(
            price_text(answer.prices[row]),
            f"{away:+.2%}",
            compact_usd(means[row]),
            Text(_bar(means[row], means.max()), style=colour),
            compact_usd(newest[row]),
        )
    console.print(table)
    said = answer.metadata
    console.print()
    console.print(pain_text(said["max_pain"]))
    console.print(
        f"the densest {table.row_count} of {said['buckets']} buckets of "
        f"{price_text(said['bucket_size'])}, {answer.ts.size} columns, map known in "
        f"{said['data_quality_score']:.0%} of them; --html draws it",
        style="dim",
    )
    _assume(console, answer.newest)


def _known_means(answer: HeatmapAnswer) -> np.ndarray[Any, np.dtype[np.float64]]:
    known = answer.densities[np.isfinite(answer.densities).any(axis=1)]
    means: np.ndarray[Any, np.dtype[np.float64]] = known.mean(axis=0)
    return means


def show_history(answer: HistoryAnswer) -> None:
    """Print what was liquidated, the newest rows last."""
    console = _console()
    rows = answer.table.to_pylist()
    table = _table()
    names = answer.table.column_names
    for name in names:
        table.add_column("time" if name == "ts" else name.replace("_", " "), justify="right")
    for row in rows[-_HISTORY_ROWS:]:
        table.add_row(*(_history_cell(name, row[name]) for name in names))
    console.print(table)
    if len(rows) > _HISTORY_ROWS:
        console.print(f"the last {_HISTORY_ROWS} of {len(rows):,} rows; --csv writes all")


def _history_cell(name: str, value: Any) -> str | Text:  # noqa: ANN401 - any cell
    if value is None:
        return ""
    if name == "ts":
        return iso(value)
    if name == "side":
        return Text(value, style=LONG_COLOUR if value == "long" else SHORT_COLOUR)
    if name.endswith("notional"):
        return compact_usd(value)
    return price_text(value) if name == "price" else str(value)


def show_comparison(answer: ComparisonAnswer) -> None:
    """Print each model's totals and heaviest levels."""
    console = _console()
    _title(console, f"{answer.symbol} models compared", answer.ts, "")
    table = _table()
    for name in ("model", "confidence", "longs", "heaviest", "shorts", "heaviest"):
        table.add_column(name, justify="left" if name == "model" else "right", no_wrap=True)
    for model in answer.models:
        cells = []
        for side, name, _ in _SIDES:
            own = model.columns["side"] == side
            pain = model.max_pain[name]
            cells += [
                compact_usd(float(model.columns["volume"][own].sum())),
                "" if pain is None else price_text(pain),
            ]
        table.add_row(model.model, f"{model.confidence:.2f}", *cells)
    console.print(table)
    console.print()
    if answer.agreement is None:
        console.print("fewer than two models have a map: nothing to compare")
    else:
        console.print(f"the models place {answer.agreement:.1f} % of their notional alike")
    _assume(console, answer.models[0])


def show_signal(answer: SignalAnswer) -> None:
    """Print the action, its reason and how sure it is."""
    console = _console()
    document = answer.document()
    _title(console, f"{answer.symbol} signal", answer.ts, "")
    action = document["action"]
    console.print(Text(action, style=f"bold {ACTION_COLOURS[action]}"), f"- {document['reason']}")
    risk = document["risk"]
    chance = "unknown" if risk is None else f"{risk:.0%}"
    console.print(f"confidence {document['confidence']:.2f}, risk of unusual liquidations {chance}")
    if document["position_side"]:
        console.print(f"liquidated positions: {document['position_side']}s")
    cluster = document["cluster"]
    if cluster is not None:
        notional = math.nan if cluster["notional"] is None else cluster["notional"]
        console.print(f"cluster at {price_text(cluster['price'])}, {compact_usd(notional)}")
    said = f"{assumptions_text(answer.assumptions)}, parameters {answer.params_hash}"
    console.print(said, style="dim")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def _table() -> Table:
    return Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))


def _title(console: Console, text: str, ts: int, model: str) -> None:
    console.print(Text(text, style="bold"), Text(f"{iso(ts)}  {model}", style="dim"))


def _assume(console: Console, answer: LevelsAnswer) -> None:
    console.print(
        f"price {price_text(answer.current_price)}, confidence {answer.confidence:.2f}, "
        f"{assumptions_text(answer.assumptions)}, parameters {answer.params_hash}",
        style="dim",
    )


def _in_volatilities(away: float, volatility: float) -> str:
    return f"{abs(away) / volatility:.1f}" if volatility > 0 else ""


def _bar(value: float, largest: float) -> str:
    eighths = round(8 * _BAR_WIDTH * value / largest) if largest > 0 else 0
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_BARS[part] if part else "")
