"""From the vectors of tokens to one vector: for embedding jobs of every engine."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

from heylook_core.errors import ContextExceeded, EngineFailed, InvalidRequest

Pooling: TypeAlias = Literal["mean", "cls", "last", "max"]


class Pool:
    """Reduces the vectors of an input's tokens to one, piece by piece, in float64."""

    def __init__(self, kind: Pooling) -> None:
        self._kind = kind
        self._state: np.ndarray[Any, Any] | None = None
        self._count = 0

    def add(self, rows: np.ndarray[Any, Any]) -> None:
        """`rows`: (tokens, width), in the order of the text."""
        self._count += len(rows)
        held = self._state
        if self._kind == "mean":
            total = rows.sum(axis=0, dtype=np.float64)
            self._state = total if held is None else held + total
        elif self._kind == "max":
            highest = rows.max(axis=0)
            self._state = highest if held is None else np.maximum(held, highest)
        elif self._kind == "last" or held is None:
            self._state = rows[-1 if self._kind == "last" else 0]

    def take(self) -> np.ndarray[Any, Any]:
        """The vector of all that was added; the pool is empty afterwards."""
        vector, count = self._state, self._count
        self._state, self._count = None, 0
        if vector is None:
            raise EngineFailed("An input had no tokens to embed.")
        return vector / count if self._kind == "mean" else vector


def normalised(vector: np.ndarray[Any, Any], dimensions: int | None) -> np.ndarray[Any, Any]:
    """The first `dimensions` numbers, of Euclidean length 1. Raises EngineFailed for a vector without direction."""
    vector = vector[:dimensions]
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        raise EngineFailed("The model computed no finite vector for an input.")
    return vector / length


def check_dimensions(dimensions: int | None, width: int) -> None:
    """Raises InvalidRequest for more than the model gives."""
    if dimensions is not None and not 0 < dimensions <= width:
        message = f"dimensions is {dimensions}, but this model gives 1 to {width}."
        raise InvalidRequest(message, param="dimensions")


def check_length(index: int, tokens: int, longest: int) -> None:
    """Raises InvalidRequest for an empty input, ContextExceeded for one that is too long."""
    if tokens == 0:
        raise InvalidRequest(f"Input {index} is empty: there is nothing to embed.", param="input")
    if tokens > longest:
        raise ContextExceeded(
            f"Input {index} has {tokens} tokens, but this model takes {longest}: shorten it, or ask to truncate.",
            param="input",
        )
