"""Liquidation levels of leveraged Binance futures positions for NautilusTrader."""
