"""The models side by side: each one's map in a panel, disputed prices shaded."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from liq_nautilus.reports.maps import SIDES
from liq_nautilus.reports.raster import round_step
from liq_nautilus.reports.raster import shown_prices
from liq_nautilus.reports.style import DOLLAR
from liq_nautilus.reports.style import GRID
from liq_nautilus.reports.style import MUTED
from liq_nautilus.reports.style import PANEL
from liq_nautilus.reports.style import PRICE_COLOUR
from liq_nautilus.reports.style import TEXT
from liq_nautilus.reports.style import base_layout
from liq_nautilus.reports.style import compact_usd
from liq_nautilus.reports.style import empty_figure
from liq_nautilus.reports.style import plotly_text

if TYPE_CHECKING:
    import pandas as pd

# Shares of a side's notional that lie this far apart between models make a zone of dispute.
_DISPUTED: Final = 0.05


def comparison_figure(
    levels: pd.DataFrame,
    price: float,
    *,
    symbol: str,
    accuracy: pd.DataFrame | None = None,
) -> go.Figure:
    """
    Draw each model's map in a panel of its own, on one scale of shares.

    Parameters
    ----------
    levels : DataFrame
        One moment's levels of several models: columns model, price (quote currency per
        base unit), notional (quote currency), side (+1 long, -1 short).
    price : float
        The current price (quote currency per base unit).
    symbol : str
        For the title.
    accuracy : DataFrame, optional
        A table shown below the panels, one row per model.

    Returns
    -------
    Figure
        Price bands in which the models' shares of a side's notional lie more than five
        percentage points apart are shaded.

    """
    models = list(dict.fromkeys(levels["model"]))
    if not models:
        return empty_figure("No levels at the end of the run: nothing to compare.")
    low, high = shown_prices(
        levels["price"].to_numpy(np.float64),
        levels["notional"].to_numpy(np.float64),
        low=price,
        high=price,
        share=0.95,
        reach=0.15,
    )
    step = round_step((high - low) / 120)
    shown = levels[(levels["price"] >= low) & (levels["price"] <= high)]
    shares = _shares(shown, price, step)
    figure = _panels(models, with_table=accuracy is not None)
    disputed = disputed_bands(shares)
    for row, model in enumerate(models, start=1):
        _add_panel(figure, shares[shares["model"] == model], row, step)
        _mark_panel(figure, row, price, disputed, step)
    if accuracy is not None:
        figure.add_trace(_accuracy_table(accuracy), row=len(models) + 1, col=1)
    _style_comparison(figure, symbol, len(models), (low, high), with_table=accuracy is not None)
    return figure


def _shares(levels: pd.DataFrame, origin: float, step: float) -> pd.DataFrame:
    # Each model's share of its side's notional by price band: scales differ, shapes compare.
    band = origin + (np.floor((levels["price"] - origin) / step) + 0.5) * step
    summed = levels.groupby(["model", "side", band.rename("band")], sort=False)["notional"].sum()
    frame = summed.rename("notional").reset_index()
    total = frame.groupby(["model", "side"])["notional"].transform("sum")
    return frame.assign(share=np.where(total > 0, frame["notional"] / total, 0.0))


def disputed_bands(shares: pd.DataFrame) -> list[float]:
    """
    Return the price bands that the models judge differently.

    Parameters
    ----------
    shares : DataFrame
        Columns model, side, band (quote currency per base unit) and share (of the side's
        notional, a fraction).

    Returns
    -------
    list of float
        The bands in which the largest and the smallest share of the models lie more than
        five percentage points apart; a model without the band has a share of 0.

    """
    wide = shares.pivot_table(
        index=["side", "band"], columns="model", values="share", fill_value=0.0
    )
    apart = wide.max(axis=1) - wide.min(axis=1)
    return sorted({float(band) for _, band in apart.index[apart > _DISPUTED]})


def _panels(models: list[str], *, with_table: bool) -> go.Figure:
    specs: list[list[dict[str, str]]] = [[{"type": "xy"}] for _ in models]
    heights = [1.0] * len(models)
    if with_table:
        specs.append([{"type": "table"}])
        heights.append(1.3)
    return make_subplots(
        rows=len(specs),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.06,
        specs=specs,
        row_heights=heights,
        subplot_titles=[model.replace("_", " ") for model in models],
    )


def _add_panel(figure: go.Figure, shares: pd.DataFrame, row: int, step: float) -> None:
    for side, name, colour in SIDES:
        chosen = shares[shares["side"] == side]
        figure.add_trace(
            go.Bar(
                name=name.capitalize(),
                x=chosen["band"].to_numpy(np.float64),
                y=chosen["share"].to_numpy(np.float64),
                width=step * 0.92,
                legendgroup=name,
                showlegend=row == 1,
                marker={"color": colour, "line": {"width": 0}},
                customdata=[plotly_text(compact_usd(value)) for value in chosen["notional"]],
                hovertemplate=(
                    f"{DOLLAR}%{{x:,.6~g}}<br><b>%{{y:.1%}}</b> of {name} "
                    "(%{customdata})<extra></extra>"
                ),
            ),
            row=row,
            col=1,
        )


def _mark_panel(
    figure: go.Figure, row: int, price: float, disputed: list[float], step: float
) -> None:
    for band in disputed:
        figure.add_vrect(
            x0=band - step / 2,
            x1=band + step / 2,
            fillcolor=PRICE_COLOUR,
            opacity=0.14,
            line_width=0,
            layer="below",
            row=row,
            col=1,
        )
    figure.add_vline(
        x=price, row=row, col=1, line={"color": PRICE_COLOUR, "width": 1.2, "dash": "dash"}
    )


def _accuracy_table(accuracy: pd.DataFrame) -> go.Table:
    cells = [
        [f"{value:.3f}" if isinstance(value, float) else str(value) for value in accuracy[column]]
        for column in accuracy.columns
    ]
    return go.Table(
        header={
            "values": [f"<b>{str(column).replace('_', ' ')}</b>" for column in accuracy.columns],
            "fill_color": PANEL,
            "line_color": GRID,
            "align": "left",
            "font": {"color": MUTED, "size": 12},
        },
        cells={
            "values": cells,
            "fill_color": PANEL,
            "line_color": GRID,
            "align": "left",
            "height": 26,
            "font": {"color": TEXT, "size": 12},
        },
    )


def _style_comparison(
    figure: go.Figure,
    symbol: str,
    n_models: int,
    prices: tuple[float, float],
    *,
    with_table: bool,
) -> None:
    figure.update_layout(
        **base_layout(height=90 + 165 * n_models + (200 if with_table else 0)),
        title={"text": f"{symbol} models compared", "x": 0.01, "font": {"size": 15}},
        barmode="overlay",
        bargap=0,
        hovermode="closest",
    )
    figure.update_layout(margin={"t": 104}, legend={"y": 1 + 24 / (figure.layout.height - 144)})
    figure.update_annotations(font={"size": 12, "color": MUTED})
    figure.update_xaxes(range=list(prices), tickprefix="$", tickformat=",.6~g", showgrid=False)
    highest = 1.08 * max(
        0.01, *(trace.y.max() for trace in figure.select_traces({"type": "bar"}) if len(trace.y))
    )
    figure.update_yaxes(tickformat=".0%", range=[0, highest], nticks=4)
