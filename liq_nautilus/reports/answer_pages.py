"""Pages of what a catalog was asked: heatmap, levels, comparison."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
import pandas as pd

from liq_nautilus.reports.answer_text import assumptions_text
from liq_nautilus.reports.answer_text import pain_text
from liq_nautilus.reports.heatmap import heatmap_figure
from liq_nautilus.reports.maps import liquidation_map_figure
from liq_nautilus.reports.model_panels import comparison_figure
from liq_nautilus.reports.pages import render_page
from liq_nautilus.reports.raster import HeatmapGrid
from liq_nautilus.reports.style import price_text
from liq_nautilus.times import iso

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from liq_nautilus.queries.answers import ComparisonAnswer
    from liq_nautilus.queries.answers import HeatmapAnswer
    from liq_nautilus.queries.answers import LevelsAnswer


def heatmap_of(answer: HeatmapAnswer) -> go.Figure:
    """Return the figure of a heatmap that was asked for."""
    step_ns = int(answer.ts[1] - answer.ts[0]) if answer.ts.size > 1 else answer.end_ns
    grid = HeatmapGrid(
        ts_start=int(answer.ts[0]),
        ts_step=step_ns,
        price_start=float(answer.prices[0]) - answer.step / 2,
        price_step=answer.step,
        notional=answer.densities.T.astype(np.float32),
    )
    bars = pd.DataFrame(
        {"ts_close": answer.candles[:, 0].astype(np.int64) + step_ns, "close": answer.candles[:, 4]}
    )
    if bars.empty:
        bars = pd.DataFrame({"ts_close": [answer.end_ns], "close": [answer.current_price]})
    figure = heatmap_figure(grid, bars, symbol=answer.symbol)
    newest = answer.newest
    return figure.update_layout(meta=_told(newest, pain_text(newest.max_pain)))


def map_of(answer: LevelsAnswer) -> go.Figure:
    """Return the figure of levels that were asked for."""
    figure = liquidation_map_figure(
        _level_frame(answer), answer.current_price, symbol=answer.symbol, model=answer.model
    )
    return figure.update_layout(meta=_told(answer, pain_text(answer.max_pain)))


def comparison_of(answer: ComparisonAnswer) -> go.Figure:
    """Return the figure of a comparison that was asked for."""
    frames = [_level_frame(model) for model in answer.models]
    price = answer.models[0].current_price
    figure = comparison_figure(pd.concat(frames), price, symbol=answer.symbol)
    return figure.update_layout(meta=_told(answer.models[-1], _agreement_text(answer)))


def heatmap_page(answer: HeatmapAnswer) -> str:
    """Return a heatmap as a page that needs nothing else."""
    period = f"{iso(answer.start_ns)} to {iso(answer.end_ns)}, {answer.model}"
    caption = (
        "How much would be liquidated at each price, as known at each moment: longs below the "
        "price, shorts above."
    )
    newest = answer.newest
    return _page(
        f"{answer.symbol} liquidation heatmap",
        period,
        {"heatmap": (caption, heatmap_of(answer)), "map": (_map_caption(newest), map_of(newest))},
        newest.assumptions,
    )


def comparison_page(answer: ComparisonAnswer) -> str:
    """Return a comparison as a page that needs nothing else."""
    caption = f"Each model's share of its side's notional by price; {_agreement_text(answer)}."
    return _page(
        f"{answer.symbol} models compared",
        iso(answer.ts),
        {"comparison": (caption, comparison_of(answer))},
        answer.models[0].assumptions,
    )


def _agreement_text(answer: ComparisonAnswer) -> str:
    if answer.agreement is None:
        return "fewer than two models have a map"
    return f"the models place {answer.agreement:.1f} % of their notional alike"


def _map_caption(answer: LevelsAnswer) -> str:
    return f"The newest map, {iso(answer.ts)}, at a price of {price_text(answer.current_price)}."


def _page(
    title: str,
    period: str,
    sections: dict[str, tuple[str, go.Figure]],
    assumptions: dict[str, Any],
) -> str:
    parts = [f'<header><h1>{escape(title)}</h1><span class="when">{escape(period)}</span></header>']
    for place, (caption, figure) in sections.items():
        parts.append(
            f'<section><p class="caption">{escape(caption)}</p>'
            f'<div class="figure" id="{escape(place)}" '
            f'style="min-height:{figure.layout.height // 2}px"></div></section>'
        )
    parts.append(f"<footer>{escape(assumptions_text(assumptions))}</footer>")
    figures = {place: figure for place, (_, figure) in sections.items()}
    return render_page(title, "\n".join(parts), figures)


def _told(answer: LevelsAnswer, *more: str) -> dict[str, str]:
    # What a live page says below a figure.
    parts = [
        *(f"NOT VALID: {warning}" for warning in answer.warnings),
        f"map of {iso(answer.ts)}",
        *more,
        assumptions_text(answer.assumptions),
    ]
    return {"said": "; ".join(parts)}


def _level_frame(answer: LevelsAnswer) -> pd.DataFrame:
    columns = answer.columns
    return pd.DataFrame(
        {
            "model": answer.model,
            "price": columns["price"],
            "notional": columns["volume"],
            "side": columns["side"],
            "leverage": columns["leverage"],
        }
    )
