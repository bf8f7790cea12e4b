"""The only place that imports NautilusTrader."""
