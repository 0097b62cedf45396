"""Which models there are."""

from heylook_core.catalog.catalog import Catalog

__all__ = ["Catalog"]
