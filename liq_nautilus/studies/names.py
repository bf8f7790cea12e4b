"""The names that studies give to sides, models, baselines, regressions and modes."""

from __future__ import annotations

from liq_nautilus.core.records import LONG
from liq_nautilus.core.records import SHORT

SIDE_NAMES = {LONG: "long", SHORT: "short"}
# What the levels say of the swept range, and what is said of the path the price took.
PUBLISHED, SCENARIO = "ensemble", "scenario"
SHIFTED_MAP = "shifted_map"
PATH_REGRESSION = "path_regression"
# The regressions: the opponent, and the opponent with one more input.
PATH, PATH_AND_MODEL = "path", "path_and_model"
PATH_AND_FROZEN_MAP, PATH_AND_PLACEBO = "path_and_frozen_map", "path_and_placebo"
# With what was liquidated in intervals that have ended as inputs besides.
WITH_PAST = "_and_past"
# The inputs of the path-only regression that enter with all their products.
N_PATH_INPUTS = 7
# Whether the map is read at the start of an interval, or at every bar in it.
FROZEN, REFRESH = "frozen", "refresh"
