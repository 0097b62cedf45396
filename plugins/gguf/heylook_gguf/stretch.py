"""Where a prompt's positions hold the embeddings of a picture instead of tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from heylook_core.messages import Picture

NO_TOKEN = -1
"""Stands where a picture has no token of its own."""


class Stretch(NamedTuple):
    """`tokens` rows of embeddings from `start` on: part `part` of a picture.

    They advance the model's own count of positions by `positions`, which is less than `tokens` where positions lie in
    a plane (multimodal RoPE). `whole`: they are computed together or not at all, because they see each other
    (`causal` False) or share a position.
    """

    start: int
    tokens: int
    positions: int
    whole: bool
    causal: bool
    part: int
    picture: Picture

    @property
    def stop(self) -> int:
        return self.start + self.tokens


def position_of(index: int, stretches: Iterable[Stretch]) -> int:
    """The model's position of the token at `index`, which is not inside a whole stretch."""
    return index - sum(one.tokens - one.positions for one in stretches if one.stop <= index)
