"""What a prefix tier says of itself."""

from __future__ import annotations

import msgspec


class TierFigures(msgspec.Struct, frozen=True, array_like=True):
    """What a tier holds and what has become of its entries. Bytes, and counts since the tier was opened."""

    entries: int = 0
    nbytes: int = 0
    hits: int = 0
    evictions: int = 0
    damaged: int = 0
