"""The Parquet catalog: where a series lies, how it is encoded, read and judged."""
