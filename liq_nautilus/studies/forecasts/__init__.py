"""How well liquidations are forecast without the path, beside every simpler forecast."""
