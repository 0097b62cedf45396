"""Masks of tokens: made once for each set that a grammar allows, and what an engine makes of them as well."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np

Mask: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
T = TypeVar("T")

KEPT = 32


def packed(tokens: Iterable[int], size: int) -> Mask:
    """A bit mask of these tokens, little-endian, with room for `size`."""
    bits = np.zeros(-(-size // 8) * 8, dtype=np.uint8)
    bits[[token for token in tokens if 0 <= token < size]] = 1
    return np.packbits(bits, bitorder="little")


class Masks:
    """The masks of one sequence. Equal sets are the same object, which nobody may change."""

    def __init__(self, size: int, ends: Iterable[int]) -> None:
        self.size = size
        self.ends = packed(ends, size)
        self.all_but_ends = np.bitwise_not(self.ends)
        self._kept: OrderedDict[tuple[bytes, bool], Mask] = OrderedDict()

    def of(self, bits: bytes, accepting: bool) -> Mask:
        """What a grammar allows: `bits` without the ends, which come with `accepting` or where nothing else is left.

        Which tokens end an answer is the model's to say, and it may know more of them than its tokenizer.
        """
        kept = self._kept.get((bits, accepting))
        if kept is None:
            kept = self._kept[bits, accepting] = self._made(bits, accepting)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return kept

    def _made(self, bits: bytes, accepting: bool) -> Mask:
        allowed = np.zeros(len(self.ends), dtype=np.uint8)
        found = np.frombuffer(bits, dtype=np.uint8)[: len(allowed)]
        allowed[: len(found)] = found
        allowed &= self.all_but_ends
        return allowed | self.ends if accepting or not allowed.any() else allowed


class MadeOfMasks(Generic[T]):
    """What an engine makes of masks, once for each object that a guide gives."""

    def __init__(self, make: Callable[[Mask], T]) -> None:
        self._make = make
        self._kept: OrderedDict[int, tuple[Mask, T]] = OrderedDict()

    def of(self, mask: Mask) -> T:
        kept = self._kept.get(id(mask))
        if kept is None or kept[0] is not mask:
            kept = self._kept[id(mask)] = mask, self._make(mask)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return kept[1]
