"""Binance's files: find, download, read, validate."""
