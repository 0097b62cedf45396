"""Swagger UI and ReDoc for a heylook server, from local files."""

__version__ = "0.1.0"
