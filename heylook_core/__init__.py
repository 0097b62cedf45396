"""The core of heylook: no API dialect and no backend lives here."""

__version__ = "0.1.0"
