"""What was computed from a catalog and is kept beside it."""
