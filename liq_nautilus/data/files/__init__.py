"""Binance's files: where they are published, downloaded, found and unpacked."""
