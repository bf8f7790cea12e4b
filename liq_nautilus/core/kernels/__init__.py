"""
The inner loops of the core, compiled by numba on first use and cached beside the sources.

One module per purpose. A kernel calls only those of its own module: numba's cache of a kernel does
not notice when another file changes.
"""

from liq_nautilus.core.kernels.peaks import extent
from liq_nautilus.core.kernels.peaks import find_clusters
from liq_nautilus.core.kernels.peaks import find_peaks
from liq_nautilus.core.kernels.peaks import prominence
from liq_nautilus.core.kernels.peaks import smooth
from liq_nautilus.core.kernels.positions import CLOSED
from liq_nautilus.core.kernels.positions import CONSUMED
from liq_nautilus.core.kernels.positions import EXPIRED
from liq_nautilus.core.kernels.positions import HELD
from liq_nautilus.core.kernels.positions import OPENED
from liq_nautilus.core.kernels.positions import SCALE
from liq_nautilus.core.kernels.positions import accrue
from liq_nautilus.core.kernels.positions import add_pending
from liq_nautilus.core.kernels.positions import advance
from liq_nautilus.core.kernels.positions import consume
from liq_nautilus.core.kernels.positions import deposit
from liq_nautilus.core.kernels.positions import first_wrong_bar
from liq_nautilus.core.kernels.positions import hold
from liq_nautilus.core.kernels.positions import path_weights
from liq_nautilus.core.kernels.positions import put_right
from liq_nautilus.core.kernels.positions import sweep_all
from liq_nautilus.core.kernels.positions import take_pending
from liq_nautilus.core.kernels.positions import trade
from liq_nautilus.core.kernels.reading import combined_notional
from liq_nautilus.core.kernels.reading import density
from liq_nautilus.core.kernels.reading import hide_beyond
from liq_nautilus.core.kernels.reading import level_bands
from liq_nautilus.core.kernels.reading import quantity_between
from liq_nautilus.core.kernels.reading import shown_levels
from liq_nautilus.core.kernels.trailing import add_to_histogram
from liq_nautilus.core.kernels.trailing import judge_clusters
from liq_nautilus.core.kernels.trailing import rank_in_histogram

__all__ = [
    "CLOSED", "CONSUMED", "EXPIRED", "HELD", "OPENED", "SCALE", "accrue", "add_pending",
    "add_to_histogram", "advance", "combined_notional", "consume", "density", "deposit", "extent",
    "find_clusters", "find_peaks", "first_wrong_bar", "hide_beyond", "hold",
    "judge_clusters", "level_bands", "path_weights", "prominence", "put_right", "quantity_between",
    "rank_in_histogram", "shown_levels", "smooth", "sweep_all", "take_pending", "trade",
]  # fmt: skip
