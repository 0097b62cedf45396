"""The memory tier of prefix reuse: snapshots of live engine objects, found by longest common prefix."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from heylook_core.provider import Snapshot


class Hit(msgspec.Struct, frozen=True):
    """What was found: a snapshot of exactly the first `n` tokens (None with n 0), and why not more."""

    snapshot: Snapshot | None
    n: int
    why: str


class PrefixCache:
    """Keeps snapshots within a byte budget, least recently used out first. Engine thread only.

    A hit never covers the whole prompt: at least one token is left to compute, which gives the logits. `trims`
    says whether snapshots can be cut; where not, only one that is wholly a prefix of the prompt can be used.
    """

    def __init__(self, budget: int, trims: bool) -> None:
        self.budget = budget
        self.evicted_bytes = 0
        self._trims = trims
        self._entries: OrderedDict[int, Snapshot] = OrderedDict()
        self._next = 0

    @property
    def nbytes(self) -> int:
        return sum(snapshot.nbytes for snapshot in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, tokens: Sequence[int]) -> Hit:
        """The longest usable kept prefix of `tokens`."""
        if not self._entries:
            return Hit(None, 0, "nothing is kept")
        prompt = np.asarray(tokens, dtype=np.int32)
        shared = {key: common_prefix(snapshot.tokens, prompt) for key, snapshot in self._entries.items()}
        key = max(shared, key=lambda key: (self._usable(key, shared[key], len(prompt)), key))
        n = self._usable(key, shared[key], len(prompt))
        if n == 0:
            return Hit(None, 0, self._why_nothing(shared))
        snapshot = self._entries[key].cut(n)
        if snapshot is None:
            return Hit(None, 0, "the kept state cannot be cut to the shared prefix")
        self._entries.move_to_end(key)
        why = "all but the last token was kept" if n == len(prompt) - 1 else f"first difference at token {n}"
        return Hit(snapshot, n, why)

    def likely(self, tokens: Sequence[int]) -> int:
        """How many tokens `find` would reuse now; changes nothing."""
        prompt = np.asarray(tokens, dtype=np.int32)
        return max(
            (self._usable(key, common_prefix(kept.tokens, prompt), len(prompt)) for key, kept in self._entries.items()),
            default=0,
        )

    def keep(self, snapshot: Snapshot) -> None:
        """Take a snapshot in; older ones that it makes useless leave, then the least recently used."""
        if len(snapshot.tokens) == 0 or snapshot.nbytes > self.budget:
            snapshot.drop()
            return
        for key, other in list(self._entries.items()):
            if self._covers(snapshot, other):
                self._remove(key)
            elif self._trims and self._covers(other, snapshot):
                self._entries.move_to_end(key)
                snapshot.drop()
                return
        self._entries[self._next] = snapshot
        self._next += 1
        self.shrink(self.budget)

    def shrink(self, budget: int) -> int:
        """Let go until at most `budget` bytes are kept; returns the bytes freed."""
        freed, held = 0, self.nbytes
        while self._entries and held - freed > budget:
            freed += self._remove(next(iter(self._entries)))
        self.evicted_bytes += freed
        return freed

    def clear(self) -> None:
        while self._entries:
            self._remove(next(iter(self._entries)))

    def _remove(self, key: int) -> int:
        snapshot = self._entries.pop(key)
        nbytes = snapshot.nbytes
        snapshot.drop()
        return nbytes

    def _usable(self, key: int, shared: int, prompt: int) -> int:
        held = len(self._entries[key].tokens)
        if self._trims:
            return min(shared, prompt - 1)
        return held if shared == held and held < prompt else 0

    def _covers(self, one: Snapshot, other: Snapshot) -> bool:
        """Whether `one` can stand for `other` in every lookup."""
        if not self._trims and len(one.tokens) != len(other.tokens):
            return False
        return common_prefix(one.tokens, other.tokens) == len(other.tokens)

    def _why_nothing(self, shared: dict[int, int]) -> str:
        longest = max(shared.values())
        if longest == 0:
            return "no kept prefix begins with the same token"
        return f"a kept state shares {longest} tokens but cannot be cut there"


def common_prefix(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> int:
    """Length of the common beginning of two int32 vectors."""
    n = min(len(one), len(other))
    if n == 0:
        return 0
    differs = one[:n] != other[:n]
    first = int(differs.argmax())
    return first if differs[first] else n
