"""How the map is scored: paths, baselines, regressions, intervals. Numbers only."""
