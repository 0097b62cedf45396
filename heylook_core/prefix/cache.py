"""The memory tier of prefix reuse: snapshots of live engine objects, found by longest common prefix."""

from __future__ import annotations

import itertools
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from operator import methodcaller
from typing import Any, TypeAlias

import msgspec
import numpy as np

from heylook_core.engine import Snapshot
from heylook_core.vision import outside_pictures

Tokens: TypeAlias = Sequence[int] | np.ndarray[Any, Any]

# How many of the least recently used entries are compared when one has to leave, and how often the oldest may stay.
OLDEST = 4
SPARED = 8


class Hit(msgspec.Struct, frozen=True):
    """What was found: a snapshot of exactly the first `n` tokens (None with n 0), and why not more.

    `differs` says that the kept prompt and this one part at token `n`.
    """

    snapshot: Snapshot | None
    n: int
    why: str
    differs: bool = False


class PrefixCache:
    """Keeps snapshots within a byte budget, least recently used out first. Engine thread only.

    A hit never covers the whole prompt: at least one token is left to compute, which gives the logits. `trims`
    says whether snapshots can be cut; where not, only one that is wholly a prefix of the prompt can be used.
    What has to leave for want of room is given to `on_evict`, which then owns it.
    """

    def __init__(self, budget: int, trims: bool, on_evict: Callable[[Snapshot], None] = methodcaller("drop")) -> None:
        self.budget = budget
        self.evicted_bytes = 0
        self.hits = 0
        self.lookups = 0
        self._on_evict = on_evict
        self._trims = trims
        self._entries: OrderedDict[int, Snapshot] = OrderedDict()
        self._spared: Counter[int] = Counter()
        self._next = 0

    @property
    def nbytes(self) -> int:
        return sum(snapshot.nbytes for snapshot in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, tokens: Tokens) -> Hit:
        """The longest usable kept prefix of `tokens`."""
        self.lookups += 1
        if not self._entries:
            return Hit(None, 0, "nothing is kept")
        prompt = np.asarray(tokens, dtype=np.int32)
        shared = {key: common_prefix(snapshot.tokens, prompt) for key, snapshot in self._entries.items()}
        usable = {key: self._usable(key, shared[key], prompt) for key in shared}
        candidates = [key for key in shared if usable[key] > 0]
        for key in sorted(candidates, key=lambda key: self._preference(key, usable[key]), reverse=True):
            snapshot = self._entries[key].cut(usable[key])
            if snapshot is not None:
                self._used(key)
                self.hits += 1
                return _hit(snapshot, usable[key], len(prompt), max(shared.values()))
        if candidates:
            return Hit(None, 0, "no kept state can be cut to the shared prefix")
        return Hit(None, 0, self._why_nothing(shared))

    def likely(self, tokens: Tokens) -> int:
        """How many tokens `find` would reuse now; changes nothing."""
        prompt = np.asarray(tokens, dtype=np.int32)
        return max(
            (self._usable(key, common_prefix(kept.tokens, prompt), prompt) for key, kept in self._entries.items()),
            default=0,
        )

    def keep(self, snapshot: Snapshot) -> None:
        """Take a snapshot in; older ones that it makes useless leave, then the least recently used."""
        if len(snapshot.tokens) == 0 or snapshot.nbytes > self.budget:
            snapshot.drop()
            return
        for key, other in list(self._entries.items()):
            if self._covers(snapshot, other):
                self._taken(key).drop()
            elif self._trims and self._covers(other, snapshot):
                self._used(key)
                snapshot.drop()
                return
        self._entries[self._next] = snapshot
        self._next += 1
        self.shrink(self.budget)

    def shrink(self, budget: int) -> int:
        """Let go until at most `budget` bytes are kept; returns the bytes freed."""
        freed, held = 0, self.nbytes
        while self._entries and held - freed > budget:
            snapshot = self._taken(self._least_useful())
            freed += snapshot.nbytes
            self._on_evict(snapshot)
        self.evicted_bytes += freed
        return freed

    def kept(self) -> list[Snapshot]:
        """Everything that is held, most recently used first."""
        return list(reversed(self._entries.values()))

    def drain(self) -> Iterator[Snapshot]:
        """Everything, least recently used first; each belongs to the caller as it is taken."""
        while self._entries:
            yield self._taken(next(iter(self._entries)))

    def clear(self) -> None:
        for snapshot in self.drain():
            snapshot.drop()

    def _least_useful(self) -> int:
        """Of the least recently used entries the one that takes the fewest tokens along that no other entry holds.

        So the last holder of a long shared beginning stays longer than one of several, but not for ever: after `SPARED`
        others that left in its place it is the one, however long. What was used last never leaves before another.
        """
        oldest = list(itertools.islice(self._entries, max(1, min(OLDEST, len(self._entries) - 1))))
        if self._spared[oldest[0]] >= SPARED:
            return oldest[0]
        found = min(oldest, key=lambda key: len(self._entries[key].tokens) - self._shared_with_others(key))
        self._spared[oldest[0]] += 1
        return found

    def _used(self, key: int) -> None:
        self._entries.move_to_end(key)
        del self._spared[key]

    def _taken(self, key: int) -> Snapshot:
        del self._spared[key]
        return self._entries.pop(key)

    def _shared_with_others(self, key: int) -> int:
        tokens = self._entries[key].tokens
        others = (other.tokens for name, other in self._entries.items() if name != key)
        return max((common_prefix(tokens, other) for other in others), default=0) if self._trims else 0

    def _usable(self, key: int, shared: int, prompt: np.ndarray[Any, Any]) -> int:
        """A picture is used whole or not at all: its positions may see each other."""
        held = len(self._entries[key].tokens)
        if self._trims:
            return outside_pictures(prompt, min(shared, len(prompt) - 1))
        whole = shared == held and held < len(prompt) and outside_pictures(prompt, held) == held
        return held if whole else 0

    def _preference(self, key: int, usable: int) -> tuple[int, bool, int, int]:
        """The longest; of equals one in place, then one of which the least is cut away, then the newest."""
        snapshot = self._entries[key]
        return usable, snapshot.in_place, usable - len(snapshot.tokens), key

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


def _hit(snapshot: Snapshot, n: int, prompt: int, longest: int) -> Hit:
    """`longest` is what any kept state shares with the prompt of `prompt` tokens."""
    if n == prompt - 1:
        return Hit(snapshot, n, "all but the last token was kept")
    if longest > n:
        return Hit(snapshot, n, f"a kept state shares {longest} tokens but cannot be cut there")
    return Hit(snapshot, n, f"first difference at token {n}", differs=True)


def common_prefix(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> int:
    """Length of the common beginning of two int32 vectors."""
    n = min(len(one), len(other))
    if n == 0:
        return 0
    differs = one[:n] != other[:n]
    first = int(differs.argmax())
    return first if differs[first] else n
