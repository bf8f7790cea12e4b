"""The parts of a simulated venue: the path of prices, margins, refusals, liquidation, slippage."""
