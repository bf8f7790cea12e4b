"""The commands that ask a catalog."""
