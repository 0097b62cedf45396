"""The playground: a web app that a heylook server brings along."""

__version__ = "0.1.0"
