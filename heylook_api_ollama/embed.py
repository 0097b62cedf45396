"""POST /api/embed and /api/embeddings."""

from __future__ import annotations

import math
import struct
from typing import Any

from heylook_core.errors import InvalidRequest
from heylook_core.messages import Vectors


def inputs_of(given: Any) -> tuple[str, ...]:
    """One text or several; null and an empty text give none. Raises InvalidRequest in Ollama's words."""
    if given is None or given == "":
        return ()
    if isinstance(given, str):
        return (given,)
    if isinstance(given, list) and all(isinstance(text, str) for text in given):
        return tuple(given)
    raise InvalidRequest("invalid input type", param="input")


def rows_of(vectors: Vectors) -> list[list[float]]:
    """The vectors as lists. Raises InvalidRequest for what JSON cannot say."""
    width = vectors.width
    rows = [list(row) for row in struct.iter_unpack(f"<{width}f", vectors.data)] if width else []
    if not all(math.isfinite(value) for row in rows for value in row):
        raise InvalidRequest("embedding contains NaN or Inf values", param="input")
    return rows
