"""The heatmap: estimated liquidation levels over time, with price, signals and fills."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import plotly.graph_objects as go

from liq_nautilus.reports.style import ACTION_COLOURS
from liq_nautilus.reports.style import BACKGROUND
from liq_nautilus.reports.style import DOLLAR
from liq_nautilus.reports.style import HEATMAP_COLOURS
from liq_nautilus.reports.style import LONG_COLOUR
from liq_nautilus.reports.style import MUTED
from liq_nautilus.reports.style import SHORT_COLOUR
from liq_nautilus.reports.style import TEXT
from liq_nautilus.reports.style import base_layout
from liq_nautilus.reports.style import compact_usd
from liq_nautilus.reports.style import moments
from liq_nautilus.reports.style import percent_text
from liq_nautilus.reports.style import plotly_text
from liq_nautilus.reports.style import price_text
from liq_nautilus.reports.style import width_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from liq_nautilus.reports.raster import HeatmapGrid

CLUSTER_AHEAD: Final = "Liquidation cluster ahead"
CLUSTER_DISTANCE: Final = 0.02
_MAX_PRICE_POINTS: Final = 3000
_SIDE_NAMES: Final = {1: "longs", -1: "shorts"}


def heatmap_figure(
    grid: HeatmapGrid,
    bars: pd.DataFrame,
    *,
    symbol: str,
    signals: pd.DataFrame | None = None,
    fills: Mapping[str, pd.DataFrame] | None = None,
    clusters: pd.DataFrame | None = None,
) -> go.Figure:
    """
    Draw the levels over time with the price, what was signalled and what was traded.

    Parameters
    ----------
    grid : HeatmapGrid
        The levels (see `liq_nautilus.reports.raster.heatmap_grid`).
    bars : DataFrame
        Columns ts_close (UTC ns) and close (quote currency per base unit), ascending.
    symbol : str
        The instrument's name in the title.
    signals : DataFrame, optional
        Columns ts, action, reason, confidence, position_side, cluster_price,
        cluster_notional, ascending; drawn as a strip below and markers on the map.
    fills : mapping of str to DataFrame, optional
        By run name: columns ts, side (+1 buy, -1 sell), price, quantity, position_effect, reason.
    clusters : DataFrame, optional
        Columns ts, price_peak, notional, side, significance. The nearest one of the last
        moment is announced when it lies within 2 % of the price.

    Returns
    -------
    Figure

    """
    figure = go.Figure([_map_trace(grid), _price_trace(bars)])
    _style(figure, grid, symbol)
    if signals is not None and not signals.empty:
        _add_strip(figure, signals, grid)
        _add_signal_markers(figure, signals, bars)
    for name, frame in (fills or {}).items():
        _add_fills(figure, name, frame)
    announced = nearest_cluster(clusters, float(bars["close"].iloc[-1]))
    if announced is not None:
        _announce(figure, announced, bars)
    return figure


def _map_trace(grid: HeatmapGrid) -> go.Heatmap:
    return go.Heatmap(
        name="Levels",
        z=grid.notional,
        x0=int(grid.ts[0]) // 1_000_000,
        dx=grid.ts_step // 1_000_000,
        y0=float(grid.price[0]),
        dy=grid.price_step,
        xtype="scaled",
        ytype="scaled",
        colorscale=[list(stop) for stop in HEATMAP_COLOURS],
        zmin=0.0,
        zmax=grid.densest,
        hoverongaps=False,
        hovertemplate=hover_template(grid.price_step),
        colorbar={
            "title": {
                "text": f"liquidated per {width_text(grid.price_step)}",
                "side": "right",
                "font": {"size": 11, "color": MUTED},
            },
            "thickness": 10,
            "outlinewidth": 0,
            "tickfont": {"color": MUTED, "size": 10},
            "exponentformat": "B",
            "tickprefix": "$",
            "len": 0.92,
            "y": 1.0,
            "yanchor": "top",
            "x": 1.01,
        },
    )


def hover_template(price_step: float) -> str:
    """Return what the map says under the pointer; `price_step` is the height of a row."""
    return (
        f"%{{x|%d %b %H:%M}}<br>price {DOLLAR}%{{y:,.6~g}}<br><b>{DOLLAR}%{{z:.3s}}</b> "
        f"liquidated within {plotly_text(width_text(price_step))}<extra></extra>"
    )


def _price_trace(bars: pd.DataFrame) -> go.Scatter:
    thinned = bars.iloc[:: max(1, -(-len(bars) // _MAX_PRICE_POINTS))]
    return go.Scatter(
        name="Price",
        x=moments(thinned["ts_close"]),
        y=thinned["close"].to_numpy(np.float64),
        mode="lines",
        line={"color": "#ffffff", "width": 1.6, "dash": "5px,2px"},
        hovertemplate=f"%{{x|%d %b %H:%M}}<br><b>price {DOLLAR}%{{y:,.6~g}}</b><extra></extra>",
    )


def _style(figure: go.Figure, grid: HeatmapGrid, symbol: str) -> None:
    n_rows, n_columns = grid.notional.shape
    ends = moments([grid.ts_start, grid.ts_start + n_columns * grid.ts_step]).astype(str).tolist()
    figure.update_layout(
        **base_layout(height=620),
        title={"text": f"{symbol} liquidation heatmap", "x": 0.01, "font": {"size": 15}},
        hovermode="closest",
        dragmode="zoom",
        xaxis={
            "type": "date",
            "range": ends,
            "showgrid": False,
            "showspikes": True,
            "spikemode": "across",
            "spikethickness": 1,
            "spikedash": "dot",
            "spikecolor": MUTED,
            "spikesnap": "cursor",
        },
        yaxis={
            "range": [grid.price_start, grid.price_start + n_rows * grid.price_step],
            "showgrid": False,
            "tickprefix": "$",
            "tickformat": ",.6~g",
        },
    )
    figure.update_layout(margin={"t": 76, "r": 16})


def action_runs(signals: pd.DataFrame) -> pd.DataFrame:
    """
    Return one row per unbroken stretch of the same action.

    Parameters
    ----------
    signals : DataFrame
        Columns ts (UTC ns, ascending) and action, and any more.

    Returns
    -------
    DataFrame
        The first row of each stretch, with the same columns.

    """
    changed = signals["action"].ne(signals["action"].shift())
    return signals[changed].reset_index(drop=True)


def _add_strip(figure: go.Figure, signals: pd.DataFrame, grid: HeatmapGrid) -> None:
    # One row of coloured cells, as wide as the action lasted.
    runs = action_runs(signals)
    end = grid.ts_start + grid.notional.shape[1] * grid.ts_step
    edges = moments(
        np.append(runs["ts"].to_numpy(np.int64), max(end, int(runs["ts"].iloc[-1]) + 1))
    )
    names = list(ACTION_COLOURS)
    codes = runs["action"].map(names.index).to_numpy(np.int8)
    stops = [
        [edge, ACTION_COLOURS[name]]
        for i, name in enumerate(names)
        for edge in (i / len(names), (i + 1) / len(names))
    ]
    reasons = runs["reason"].map(plotly_text)
    text = [f"<b>{a}</b><br>{r}" for a, r in zip(runs["action"], reasons, strict=True)]
    figure.add_trace(
        go.Heatmap(
            name="Signal",
            yaxis="y2",
            z=codes[None, :],
            x=edges,
            y=[0, 1],
            text=[text],
            colorscale=stops,
            zmin=-0.5,
            zmax=len(names) - 0.5,
            showscale=False,
            hovertemplate="from %{x|%d %b %H:%M}<br>%{text}<extra></extra>",
        )
    )
    # Both panels hang on one time axis, so that zooming moves them together.
    figure.update_layout(
        xaxis={"anchor": "y2"},
        yaxis={"domain": [0.1, 1]},
        yaxis2={
            "domain": [0, 0.06],
            "range": [0, 1],
            "showticklabels": False,
            "ticks": "",
            "showgrid": False,
            "fixedrange": True,
            "title": {"text": "signal", "font": {"size": 10}, "standoff": 2},
        },
    )


def _add_signal_markers(figure: go.Figure, signals: pd.DataFrame, bars: pd.DataFrame) -> None:
    runs = action_runs(signals)
    closes = bars["close"].to_numpy(np.float64)
    at = np.searchsorted(
        bars["ts_close"].to_numpy(np.int64), runs["ts"].to_numpy(np.int64), "right"
    )
    runs = runs.assign(price=closes[np.clip(at - 1, 0, closes.size - 1)])
    for action, symbol, column, outline in (
        ("REVERSAL_OPPORTUNITY", "diamond", "price", TEXT),
        ("AVOID", "circle-open", "cluster_price", ACTION_COLOURS["AVOID"]),
    ):
        chosen = runs[runs["action"] == action]
        figure.add_trace(
            go.Scatter(
                name=action.replace("_", " ").capitalize(),
                x=moments(chosen["ts"]),
                y=chosen[column].to_numpy(np.float64),
                mode="markers",
                marker={
                    "symbol": symbol,
                    "size": 9,
                    "color": ACTION_COLOURS[action],
                    "line": {"width": 1.2, "color": outline},
                },
                text=chosen["reason"].map(plotly_text),
                hovertemplate=f"<b>{action}</b> at %{{x|%d %b %H:%M}}<br>%{{text}}<extra></extra>",
                visible="legendonly" if action == "AVOID" else True,
            )
        )


def _add_fills(figure: go.Figure, name: str, fills: pd.DataFrame) -> None:
    # Only the run with signals is shown at first; the legend brings the other one.
    buys = fills["side"].to_numpy() > 0
    text = [
        plotly_text(
            f"{'buy' if buy else 'sell'} {quantity:g} at {price_text(price)}<br>{effect}: {reason}"
        )
        for buy, quantity, price, effect, reason in zip(
            buys,
            fills["quantity"],
            fills["price"],
            fills["position_effect"],
            fills["reason"],
            strict=True,
        )
    ]
    figure.add_trace(
        go.Scatter(
            name=f"Fills, {run_label(name)}",
            x=moments(fills["ts"]),
            y=fills["price"].to_numpy(np.float64),
            mode="markers",
            marker={
                "symbol": np.where(buys, "triangle-up", "triangle-down").tolist(),
                "color": np.where(buys, LONG_COLOUR, SHORT_COLOUR).tolist(),
                "size": 10,
                "line": {"width": 1, "color": "#ffffff"},
            },
            text=text,
            hovertemplate="%{x|%d %b %H:%M}<br>%{text}<extra>" + run_label(name) + "</extra>",
            visible=True if name == "signals" else "legendonly",
        )
    )


def run_label(name: str) -> str:
    """Return a run's name as the pictures show it."""
    return {"signals": "with signals", "baseline": "without signals"}.get(name, name)


def nearest_cluster(clusters: pd.DataFrame | None, price: float) -> dict[str, Any] | None:
    """
    Return the cluster of the last moment that is nearest to `price`, if within 2 %.

    Parameters
    ----------
    clusters : DataFrame or None
        Columns ts, price_peak, notional, side (and more).
    price : float
        The current price (quote currency per base unit).

    Returns
    -------
    dict or None
        The cluster's row with its `distance`, a signed fraction of the price.

    """
    if clusters is None or clusters.empty:
        return None
    last = clusters[clusters["ts"] == clusters["ts"].max()]
    distance = last["price_peak"] / price - 1
    best = distance.abs().idxmin()
    if abs(distance[best]) > CLUSTER_DISTANCE:
        return None
    return {**last.loc[best].to_dict(), "distance": float(distance[best])}


def _announce(figure: go.Figure, cluster: dict[str, Any], bars: pd.DataFrame) -> None:
    # The words stand in the corner that is farther from the price; a line shows the level.
    side = _SIDE_NAMES.get(int(cluster["side"]), "positions")
    where = "above" if cluster["distance"] > 0 else "below"
    peak = float(cluster["price_peak"])
    low, high = figure.layout.yaxis.range
    is_low = float(bars["close"].iloc[-1]) < (low + high) / 2
    figure.add_annotation(
        text=plotly_text(
            f"<b>{CLUSTER_AHEAD}</b><br>{price_text(peak)}: {compact_usd(cluster['notional'])} "
            f"of {side}, {percent_text(abs(cluster['distance']))} {where}"
        ),
        x=0.992,
        y=0.98 if is_low else 0.02,
        xref="paper",
        yref="y domain",
        xanchor="right",
        yanchor="top" if is_low else "bottom",
        showarrow=False,
        align="left",
        bgcolor=BACKGROUND,
        bordercolor=TEXT,
        borderwidth=1,
        borderpad=6,
        opacity=0.94,
        font={"size": 12, "color": TEXT},
    )
    figure.add_shape(
        type="line",
        xref="paper",
        x0=0.9,
        x1=1.0,
        yref="y",
        y0=peak,
        y1=peak,
        line={"color": TEXT, "width": 1.5},
    )
