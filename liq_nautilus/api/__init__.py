"""The answers of a catalog over HTTP (extra `api`)."""
