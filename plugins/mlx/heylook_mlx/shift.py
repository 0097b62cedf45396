"""The distance between a row's positions and its tokens, for models whose pictures lie in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx


class Shift:
    """How far a row's positions are from its number of tokens: one integer per row, in the shape of a KV cache.

    A picture's positions lie in a plane (multimodal RoPE), so it takes up fewer of them than tokens. Among the caches
    the number goes wherever the batch takes the row: merged, filtered, handed out.
    """

    step = 0

    def __init__(self, values: Sequence[int] | mx.array = (0,)) -> None:
        self.values = values if isinstance(values, mx.array) else mx.array(list(values), dtype=mx.int32)

    @classmethod
    def merge(cls, caches: Sequence[Shift]) -> Shift:
        return cls(mx.concatenate([cache.values for cache in caches]))

    @classmethod
    def from_state(cls, state: mx.array) -> Shift:
        return cls(state)

    @property
    def state(self) -> mx.array:
        return self.values

    @property
    def nbytes(self) -> int:
        return int(self.values.nbytes)

    def extend(self, other: Shift) -> None:
        self.values = mx.concatenate([self.values, other.values])

    def filter(self, rows: Any) -> None:
        self.values = self.values[mx.array(rows)]

    def extract(self, row: int) -> Shift:
        return Shift(self.values[row : row + 1])

    def prepare(self, **lengths: Any) -> None:
        """Padding does not change it."""

    def finalize(self) -> None:
        """Nor does its end."""

    def size(self) -> int:
        return 0

    def empty(self) -> bool:
        return False

    def is_trimmable(self) -> bool:
        return True

    def trim(self, count: int) -> int:
        """What is right for fewer tokens is not known here: whoever goes on from them puts in its own."""
        return count
