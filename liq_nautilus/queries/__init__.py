"""Questions to a catalog."""
