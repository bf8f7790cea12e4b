"""From Binance's files to the catalog."""
