"""What a prefix tier implements: a place for exported KV snapshots behind the worker's memory cache."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np

from heylook_core.prefix.figures import TierFigures
from heylook_core.provider import NoConfig


class Found(msgspec.Struct, frozen=True):
    """An entry that spares a prompt its first `n` tokens."""

    key: str
    n: int


class Stored(msgspec.Struct, frozen=True):
    """What was put: see `Snapshot.export`."""

    header: dict[str, Any]
    buffers: list[memoryview]


class PrefixTier(ABC):
    """Keeps bytes by token prefix for one model. Loaded by name from the group `heylook.prefix_tiers`.

    Constructed and called on the worker's io thread only, one call at a time; never on the engine thread, so a slow
    disk delays nobody's tokens. `fingerprint` names everything that shapes a snapshot: an entry made under another
    one must never be found. `trims` says whether the model's states can be cut to any length; it is the same whenever
    the fingerprint is. Raise PluginError from the constructor to refuse (a folder that somebody else uses);
    no other method raises for what is wrong with an entry: a damaged one is removed and not found.
    """

    Config: ClassVar[type[Any]] = NoConfig

    @abstractmethod
    def __init__(self, config: Any, fingerprint: str, trims: bool) -> None: ...

    @abstractmethod
    def probe(self, tokens: np.ndarray[Any, Any]) -> Found | None:
        """The entry with the longest common prefix with `tokens` (int32), from an index in memory.

        Where states cannot be cut: the longest one that is wholly a prefix of `tokens` and shorter.
        """

    @abstractmethod
    def fetch(self, key: str) -> Stored | None:
        """The entry's contents, or None if it is gone or damaged."""

    @abstractmethod
    def put(self, tokens: Sequence[int], header: dict[str, Any], buffers: list[memoryview]) -> bool:
        """Keep an entry, making room for it; False if it was not kept.

        Where states can be cut, a longer one stands for every one that it begins with; else only for one of the same
        tokens.
        """

    @abstractmethod
    def clear(self) -> None:
        """Remove every entry of this model."""

    @abstractmethod
    def figures(self) -> TierFigures: ...

    def close(self) -> None:
        """Give up what is held outside memory (locks, files)."""
