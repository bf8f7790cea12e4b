"""The liquidation map: notional by price at one moment, grouped by leverage."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import plotly.graph_objects as go

from liq_nautilus.reports.raster import round_step
from liq_nautilus.reports.raster import shown_prices
from liq_nautilus.reports.style import LONG_COLOUR
from liq_nautilus.reports.style import PRICE_COLOUR
from liq_nautilus.reports.style import SHORT_COLOUR
from liq_nautilus.reports.style import TEXT
from liq_nautilus.reports.style import base_layout
from liq_nautilus.reports.style import blend
from liq_nautilus.reports.style import compact_usd
from liq_nautilus.reports.style import empty_figure
from liq_nautilus.reports.style import plotly_text
from liq_nautilus.reports.style import price_text
from liq_nautilus.reports.style import width_text

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    type FloatArray = npt.NDArray[np.float64]

_LEVERAGE_EDGES: Final = (0.0, 10.5, 25.5, 50.5, np.inf)
_LEVERAGE_NAMES: Final = ("up to 10x", "10x to 25x", "25x to 50x", "over 50x")
# The opacity of each leverage group's colour: the most leveraged is the pure colour.
_LEVERAGE_SHADES: Final = (0.35, 0.55, 0.78, 1.0)
SIDES: Final = ((1, "longs", LONG_COLOUR), (-1, "shorts", SHORT_COLOUR))
_MAX_BARS: Final = 240


def liquidation_map_figure(
    levels: pd.DataFrame, price: float, *, symbol: str, model: str = "ensemble"
) -> go.Figure:
    """
    Draw what would be liquidated at which price, stacked by leverage.

    Parameters
    ----------
    levels : DataFrame
        One moment's levels: columns price (quote currency per base unit), notional (quote
        currency), side (+1 long, -1 short), leverage.
    price : float
        The current price (quote currency per base unit).
    symbol, model : str
        For the title.

    Returns
    -------
    Figure
        Bars by price, in four groups of leverage, and each side's cumulative notional
        from the price outwards.

    """
    if levels.empty:
        return empty_figure("No levels at the end of the run: nothing to map.")
    low, high = shown_prices(
        levels["price"].to_numpy(np.float64),
        levels["notional"].to_numpy(np.float64),
        low=price,
        high=price,
        share=0.97,
        reach=0.25,
    )
    shown = levels[(levels["price"] >= low) & (levels["price"] <= high)]
    step = round_step((high - low) / _MAX_BARS)
    figure = go.Figure()
    for group in range(len(_LEVERAGE_NAMES)):
        _add_group(figure, shown, group, price, step)
    for side, name, colour in SIDES:
        _add_cumulative(figure, shown[shown["side"] == side], side, name, colour)
    _mark_price(figure, price)
    _style_map(figure, symbol, model, (low, high), step)
    return figure


def _binned(levels: pd.DataFrame, origin: float, step: float) -> tuple[FloatArray, FloatArray]:
    # The centres of the occupied bins and the notional in each. Bins are counted from the
    # current price, so that none holds longs and shorts.
    bins = np.floor((levels["price"].to_numpy(np.float64) - origin) / step)
    occupied, index = np.unique(bins, return_inverse=True)
    notional = levels["notional"].to_numpy(np.float64)
    centres = origin + (occupied + 0.5) * step
    return centres, np.bincount(index, notional, minlength=occupied.size)


def _add_group(
    figure: go.Figure, levels: pd.DataFrame, group: int, price: float, step: float
) -> None:
    label = _LEVERAGE_NAMES[group]
    leverage = levels["leverage"].to_numpy(np.float64)
    chosen = levels[(leverage > _LEVERAGE_EDGES[group]) & (leverage <= _LEVERAGE_EDGES[group + 1])]
    if chosen.empty:
        return
    shade = _LEVERAGE_SHADES[group]
    # A grey twin in the legend stands for both sides, since a swatch has one colour.
    figure.add_trace(
        go.Bar(name=label, x=[None], y=[None], legendgroup=label, marker_color=blend(TEXT, shade))
    )
    for side, name, colour in SIDES:
        rows = chosen[chosen["side"] == side]
        centres, notional = _binned(rows, price, step)
        figure.add_trace(
            go.Bar(
                name=f"{name}, {label}",
                x=centres,
                y=notional,
                width=step * 0.92,
                legendgroup=label,
                showlegend=False,
                marker={"color": blend(colour, shade), "line": {"width": 0}},
                customdata=[plotly_text(compact_usd(value)) for value in notional],
                hovertemplate=f"<b>%{{customdata}}</b> {name}, {label}<extra></extra>",
            )
        )


def _add_cumulative(
    figure: go.Figure, levels: pd.DataFrame, side: int, name: str, colour: str
) -> None:
    # From the price outwards: longs downwards, shorts upwards.
    ordered = levels.sort_values("price", ascending=side < 0)
    binned = ordered.groupby("price", sort=False)["notional"].sum()
    total = binned.cumsum()
    figure.add_trace(
        go.Scatter(
            name=f"Cumulative {name}",
            x=total.index.to_numpy(np.float64),
            y=total.to_numpy(np.float64),
            yaxis="y2",
            mode="lines",
            line={"color": blend(colour, 0.55, TEXT), "width": 1.5, "shape": "hv"},
            fill="tozeroy",
            fillcolor=_translucent(colour, 0.08),
            customdata=[plotly_text(compact_usd(value)) for value in total],
            hovertemplate=f"<b>%{{customdata}}</b> of {name} up to here<extra></extra>",
        )
    )


def _translucent(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _mark_price(figure: go.Figure, price: float) -> None:
    figure.add_shape(
        type="line",
        x0=price,
        x1=price,
        y0=0,
        y1=1,
        yref="paper",
        line={"color": PRICE_COLOUR, "width": 1.5, "dash": "dash"},
    )
    figure.add_annotation(
        x=price,
        y=1,
        yref="paper",
        yanchor="bottom",
        showarrow=False,
        text=f"<b>{price_text(price)}</b>",
        font={"color": PRICE_COLOUR, "size": 12},
    )


def _style_map(
    figure: go.Figure, symbol: str, model: str, prices: tuple[float, float], step: float
) -> None:
    figure.update_layout(
        **base_layout(height=460),
        title={"text": f"{symbol} liquidation map, {model}", "x": 0.01, "font": {"size": 15}},
        barmode="stack",
        bargap=0,
        hovermode="x unified",
        dragmode="zoom",
        xaxis={
            "range": [prices[0] - step, prices[1] + step],
            "tickprefix": "$",
            "tickformat": ",.6~g",
            "showgrid": False,
            "ticklabelstandoff": 6,
        },
        yaxis={
            "title": {"text": f"liquidated per {width_text(step)}"},
            "tickprefix": "$",
            "rangemode": "tozero",
        },
        yaxis2={
            "title": {"text": "cumulative"},
            "overlaying": "y",
            "tickmode": "auto",
            "nticks": 6,
            "side": "right",
            "tickprefix": "$",
            "rangemode": "tozero",
            "showgrid": False,
        },
    )
    figure.update_layout(margin={"t": 96}, legend={"y": 1.06})
