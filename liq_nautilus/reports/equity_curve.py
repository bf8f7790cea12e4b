"""Equity and drawdown of the runs, one beside the other."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from typing import Final

import numpy as np
import plotly.graph_objects as go

from liq_nautilus.reports.heatmap import run_label
from liq_nautilus.reports.style import BASELINE_COLOUR
from liq_nautilus.reports.style import DOLLAR
from liq_nautilus.reports.style import SIGNALS_COLOUR
from liq_nautilus.reports.style import base_layout
from liq_nautilus.reports.style import blend
from liq_nautilus.reports.style import empty_figure
from liq_nautilus.reports.style import moments

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pandas as pd

_COLOURS: Final = {"baseline": BASELINE_COLOUR, "signals": SIGNALS_COLOUR}
_MAX_POINTS: Final = 3000


def drawdown(equity: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """
    Return how far each point lies below the highest one before it.

    Parameters
    ----------
    equity : ndarray of shape (n_points,)
        The account's equity (quote currency, > 0).

    Returns
    -------
    ndarray of shape (n_points,)
        A fraction, 0 at a new high, negative below it.

    Examples
    --------
    >>> drawdown(np.array([100.0, 80.0, 120.0])).tolist()
    [0.0, -0.19999999999999996, 0.0]

    """
    return equity / np.maximum.accumulate(equity) - 1.0


def equity_figure(equity: Mapping[str, pd.DataFrame]) -> go.Figure:
    """
    Draw the equity of each run and its drawdown below.

    Parameters
    ----------
    equity : mapping of str to DataFrame
        By run name: columns ts (UTC ns, ascending) and equity (quote currency).

    Returns
    -------
    Figure

    """
    if all(frame.empty for frame in equity.values()):
        return empty_figure("No equity was recorded in this run.")
    figure = go.Figure()
    for name, frame in equity.items():
        _add_run(figure, name, frame)
    figure.update_layout(
        **base_layout(height=440),
        title={"text": "Equity and drawdown", "x": 0.01, "font": {"size": 15}},
        hovermode="x unified",
    )
    figure.update_layout(margin={"t": 76})
    # Both panels hang on one time axis, so that zooming and hovering take them together.
    figure.update_layout(
        xaxis={"type": "date", "showgrid": False, "anchor": "y2"},
        yaxis={"domain": [0.36, 1], "tickprefix": "$", "tickformat": ",.6~g"},
        yaxis2={
            "domain": [0, 0.3],
            "tickformat": ".1%",
            "nticks": 5,
            "title": {"text": "drawdown"},
        },
    )
    return figure


def _add_run(figure: go.Figure, name: str, frame: pd.DataFrame) -> None:
    values = frame["equity"].to_numpy(np.float64)
    below = drawdown(values)
    kept = _kept_points(values, _MAX_POINTS)
    x = moments(frame["ts"].to_numpy(np.int64)[kept])
    colour = _COLOURS.get(name, SIGNALS_COLOUR)
    label = run_label(name).capitalize()
    line = {"color": colour, "width": 1.8}
    figure.add_trace(
        go.Scatter(
            name=label,
            x=x,
            y=values[kept],
            mode="lines",
            line=line,
            legendgroup=name,
            hovertemplate=f"<b>{DOLLAR}%{{y:,.2f}}</b>",
        )
    )
    figure.add_trace(
        go.Scatter(
            name=label,
            x=x,
            y=below[kept],
            yaxis="y2",
            mode="lines",
            line={**line, "width": 1.2},
            fill="tozeroy",
            fillcolor=blend(colour, 0.2),
            opacity=0.8,
            legendgroup=name,
            showlegend=False,
            hovertemplate="%{y:.2%}",
        )
    )


def _kept_points(values: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.int64]:
    # The first, last, lowest and highest point of each of `most / 4` stretches: a thinned
    # curve keeps its extremes, so that the drawdown on the picture is the true one.
    if values.size <= most:
        return np.arange(values.size)
    edges = np.linspace(0, values.size, most // 4 + 1).astype(np.int64)
    stretches = itertools.pairwise(edges)
    kept = [
        (start, start + values[start:end].argmin(), start + values[start:end].argmax(), end - 1)
        for start, end in stretches
    ]
    return np.unique(np.array(kept, dtype=np.int64))
