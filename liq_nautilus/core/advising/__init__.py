"""What the map advises: signals, and what a position risks."""
