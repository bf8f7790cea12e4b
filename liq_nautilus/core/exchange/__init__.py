"""The exchange's margin mathematics: brackets, liquidation prices, forced closes, fees."""
