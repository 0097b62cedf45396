"""Records of requests in a DuckDB file."""
