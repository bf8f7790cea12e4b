"""From a file to checked rows in canonical columns."""
