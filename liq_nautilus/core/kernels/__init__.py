"""The inner loops of the core, compiled by numba on first use and kept on disk."""

from liq_nautilus.core.kernels.advancing import accrue
from liq_nautilus.core.kernels.advancing import advance
from liq_nautilus.core.kernels.advancing import first_wrong_bar
from liq_nautilus.core.kernels.advancing import follow
from liq_nautilus.core.kernels.advancing import follow_all
from liq_nautilus.core.kernels.advancing import turn_over
from liq_nautilus.core.kernels.closing import close_row
from liq_nautilus.core.kernels.closing import put_right
from liq_nautilus.core.kernels.densities import add_parts
from liq_nautilus.core.kernels.densities import density
from liq_nautilus.core.kernels.densities import hide_beyond
from liq_nautilus.core.kernels.densities import notional_to
from liq_nautilus.core.kernels.densities import quantity_between
from liq_nautilus.core.kernels.hazards import log_hazard
from liq_nautilus.core.kernels.hazards import most_touched
from liq_nautilus.core.kernels.hazards import past_columns
from liq_nautilus.core.kernels.hazards import side_amounts
from liq_nautilus.core.kernels.hazards import trail_bars
from liq_nautilus.core.kernels.hazards import trail_ranges
from liq_nautilus.core.kernels.hazards import trend_columns
from liq_nautilus.core.kernels.hazards import weighted_inputs
from liq_nautilus.core.kernels.histograms import add_to_histogram
from liq_nautilus.core.kernels.histograms import judge_clusters
from liq_nautilus.core.kernels.histograms import rank_in_histogram
from liq_nautilus.core.kernels.opening import note_traded
from liq_nautilus.core.kernels.opening import open_all
from liq_nautilus.core.kernels.opening import open_row
from liq_nautilus.core.kernels.opening import path_entries
from liq_nautilus.core.kernels.opening import path_weights
from liq_nautilus.core.kernels.opening import take_traded
from liq_nautilus.core.kernels.openings import add_openings
from liq_nautilus.core.kernels.openings import add_spread
from liq_nautilus.core.kernels.openings import expected_swept_length
from liq_nautilus.core.kernels.openings import opened_per_path
from liq_nautilus.core.kernels.peaks import extent
from liq_nautilus.core.kernels.peaks import find_clusters
from liq_nautilus.core.kernels.peaks import find_peaks
from liq_nautilus.core.kernels.peaks import prominence
from liq_nautilus.core.kernels.peaks import smooth
from liq_nautilus.core.kernels.shown import band_edges
from liq_nautilus.core.kernels.shown import shown_levels
from liq_nautilus.core.kernels.surveying import add_model
from liq_nautilus.core.kernels.surveying import combined_notional
from liq_nautilus.core.kernels.surveying import survey
from liq_nautilus.core.kernels.sweeping import sweep
from liq_nautilus.core.kernels.sweeping import sweep_all

__all__ = [
    "accrue", "add_model", "add_openings", "add_parts", "add_spread", "add_to_histogram", "advance",
    "band_edges", "close_row", "combined_notional", "density", "expected_swept_length", "extent",
    "find_clusters", "find_peaks", "first_wrong_bar", "follow", "follow_all", "hide_beyond",
    "judge_clusters", "log_hazard", "most_touched", "note_traded", "notional_to", "open_all",
    "open_row", "opened_per_path", "past_columns", "path_entries", "path_weights", "prominence",
    "put_right", "quantity_between", "rank_in_histogram", "shown_levels", "side_amounts", "smooth",
    "survey", "sweep", "sweep_all", "take_traded", "trail_bars", "trail_ranges", "trend_columns",
    "turn_over", "weighted_inputs",
]  # fmt: skip
