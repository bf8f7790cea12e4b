"""
Tables in, Plotly figures out; nothing here reads or writes a file.

Each figure stands alone (`figure.show()`), and `liq_nautilus.reports.pages` puts them on one page.
"""

from liq_nautilus.reports.equity_curve import equity_figure
from liq_nautilus.reports.heatmap import heatmap_figure
from liq_nautilus.reports.maps import liquidation_map_figure
from liq_nautilus.reports.model_panels import comparison_figure
from liq_nautilus.reports.raster import HeatmapGrid
from liq_nautilus.reports.raster import heatmap_grid

__all__ = [
    "HeatmapGrid",
    "comparison_figure",
    "equity_figure",
    "heatmap_figure",
    "heatmap_grid",
    "liquidation_map_figure",
]
