"""Colours, fonts and number formats that every figure and page shares."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from typing import Any
from typing import Final

import numpy as np
import plotly.graph_objects as go

if TYPE_CHECKING:
    import numpy.typing as npt

BACKGROUND: Final = "#0d1117"
PANEL: Final = "#161b22"
GRID: Final = "#21262d"
TEXT: Final = "#e6edf3"
MUTED: Final = "#8b949e"
SHORT_COLOUR: Final = "#d9024b"
LONG_COLOUR: Final = "#45bf87"
PRICE_COLOUR: Final = "#f0b90b"
BASELINE_COLOUR: Final = "#9aa4b0"
SIGNALS_COLOUR: Final = "#58a6ff"
FONT_FAMILY: Final = (
    'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
)

# Purple, blue, teal, yellow: the heatmap's colours from nothing to the densest price.
HEATMAP_COLOURS: Final[tuple[tuple[float, str], ...]] = (
    (0.0, "rgb(68,1,84)"),
    (1 / 3, "rgb(59,82,139)"),
    (2 / 3, "rgb(33,145,140)"),
    (1.0, "rgb(253,231,37)"),
)

ACTION_COLOURS: Final = {
    "AVOID": "#e8833a",
    "REVERSAL_OPPORTUNITY": "#58a6ff",
    "WAIT": "#6e7681",
    "CLEAR": "#1d3b31",
}

NOTHING: Final = "n/a"
_USD_UNITS: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


# Plotly takes text between two dollar signs for a formula: inside its texts the sign is spelt out.
DOLLAR: Final = "&#36;"


def plotly_text(text: str) -> str:
    """Return text with its dollar signs spelt so that Plotly shows them as they are."""
    return text.replace("$", DOLLAR)


def compact_usd(value: float, *, signed: bool = False) -> str:
    """
    Return an amount of quote currency as a person reads it: `$12.3M`, `-$950`.

    Parameters
    ----------
    value : float
        The amount (quote currency). NaN gives n/a.
    signed : bool, default False
        Whether a positive amount shows its plus sign.

    Examples
    --------
    >>> compact_usd(12_345_678), compact_usd(-950.4), compact_usd(999_960, signed=True)
    ('$12.3M', '-$950', '+$1.00M')

    """
    if not math.isfinite(value):
        return NOTHING
    size = abs(value)
    sign = "-" if value < 0 else "+" if signed and value > 0 else ""
    for unit, letter in _USD_UNITS:
        # From 999.5 thousand on, three digits round up into the next unit.
        if size >= 0.9995 * unit:
            return f"{sign}${_three_digits(size / unit)}{letter}"
    text = f"{size:.0f}" if size >= 100 or size == int(size) else f"{size:.2f}"
    return f"{sign}${text}"


def account_amount(value: float, currency: str) -> str:
    """
    Return a gain or a loss of an account, with its sign: in dollars, or in the coin it is kept in.

    Parameters
    ----------
    value : float
        The amount. NaN gives n/a.
    currency : str
        The account's.

    Examples
    --------
    >>> account_amount(-1_234.5, "USDC"), account_amount(0.0123456, "BTC")
    ('-$1.23K', '+0.01235 BTC')

    """
    if currency.startswith(("USD", "BUSD")):
        return compact_usd(value, signed=True)
    return f"{value:+.4g} {currency}" if math.isfinite(value) else NOTHING


def _three_digits(value: float) -> str:
    # 1.23, 12.3, 123: as many decimals as make three digits.
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}"


def price_text(price: float) -> str:
    """
    Return a price with the decimals its size deserves.

    Examples
    --------
    >>> price_text(65_432.1), price_text(143.257), price_text(0.00001234)
    ('$65,432', '$143.26', '$0.00001234')

    """
    if not math.isfinite(price):
        return NOTHING
    if abs(price) >= 1_000:
        return f"${price:,.0f}"
    if abs(price) >= 1:
        return f"${price:,.2f}"
    decimals = 3 - math.floor(math.log10(abs(price))) if price else 2
    return f"${price:.{decimals}f}"


def width_text(step: float) -> str:
    """
    Return the width of a band of prices, without needless zeros.

    Examples
    --------
    >>> width_text(100.0), width_text(0.25)
    ('$100', '$0.25')

    """
    return f"${step:,.6g}"


def percent_text(fraction: float, decimals: int = 1) -> str:
    r"""
    Return a fraction as rendered percent.

    Examples
    --------
    >>> percent_text(0.0123), percent_text(float("nan"))
    ('1.2\xa0%', 'n/a')

    """
    return f"{100 * fraction:.{decimals}f}\u00a0%" if math.isfinite(fraction) else NOTHING


def blend(colour: str, share: float, ground: str = BACKGROUND) -> str:
    """
    Return `colour` laid over `ground` with the given opacity, as an opaque hex colour.

    Examples
    --------
    >>> blend("#ffffff", 0.5, "#000000")
    '#808080'

    """
    top, bottom = ([int(text[i : i + 2], 16) for i in (1, 3, 5)] for text in (colour, ground))
    mixed = [int(share * a + (1 - share) * b + 0.5) for a, b in zip(top, bottom, strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*mixed)


def moments(ts: npt.ArrayLike) -> npt.NDArray[np.datetime64]:
    """Return UTC nanoseconds as the millisecond times that Plotly draws."""
    return (np.asarray(ts, dtype=np.int64) // 1_000_000).astype("datetime64[ms]")


def empty_figure(message: str) -> go.Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = go.Figure()
    figure.update_layout(
        **base_layout(height=220),
        xaxis={"visible": False},
        yaxis={"visible": False},
        annotations=[
            {
                "text": message,
                "showarrow": False,
                "xref": "paper",
                "yref": "paper",
                "x": 0.5,
                "y": 0.5,
                "font": {"color": MUTED, "size": 14},
            }
        ],
    )
    return figure


def base_layout(*, height: int) -> dict[str, Any]:
    """Return the layout that all figures start from; `height` in pixels."""
    return {
        "template": _template(),
        "height": height,
        "margin": {"l": 64, "r": 24, "t": 40, "b": 40},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 12, "color": TEXT},
        },
    }


def _template() -> go.layout.Template:
    # Plotly's own templates would set colours we do not want; start from an empty one.
    axis = {
        "gridcolor": GRID,
        "linecolor": GRID,
        "zerolinecolor": GRID,
        "tickfont": {"color": MUTED, "size": 11},
        "title": {"font": {"color": MUTED, "size": 12}},
        "automargin": True,
        "exponentformat": "B",
    }
    return go.layout.Template(
        layout={
            "paper_bgcolor": BACKGROUND,
            "plot_bgcolor": BACKGROUND,
            "font": {"family": FONT_FAMILY, "color": TEXT, "size": 12},
            "xaxis": axis,
            "yaxis": axis,
            "colorway": [SIGNALS_COLOUR, BASELINE_COLOUR, PRICE_COLOUR, LONG_COLOUR, SHORT_COLOUR],
            "hoverlabel": {
                "bgcolor": PANEL,
                "bordercolor": GRID,
                "font": {"family": FONT_FAMILY, "color": TEXT, "size": 12},
                "align": "left",
            },
        }
    )
