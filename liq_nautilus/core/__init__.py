"""Numbers only: numpy in, numpy out; no file, clock, log, Nautilus or DuckDB."""
