"""A simulated leveraged market with known positions, written in Binance's layout."""
