"""What forecasts are made of: what came, what it is compared with, and what was learnt."""
