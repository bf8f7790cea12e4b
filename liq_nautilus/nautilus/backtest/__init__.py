"""Backtests: run configurations, funding and liquidation, paired runs and their results."""
