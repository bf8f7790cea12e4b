"""What a study reads: windows of labels with the market data before and in them."""
