"""The KV state of one sequence, kept for reuse."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.models import cache as mlx_cache
from mlx_lm.models.cache import KVCache, QuantizedKVCache, RotatingKVCache

from heylook_core.engine import Snapshot
from heylook_core.errors import EngineFailed
from heylook_mlx.caches import leaves
from heylook_mlx.shift import Shift

FORMAT = 1
_RESTORABLE = ("KVCache", "QuantizedKVCache", "RotatingKVCache", "ArraysCache", "ChunkedKVCache", "CacheList", "Shift")


class MlxSnapshot(Snapshot):
    """Caches (one per layer) that hold exactly `tokens`. Engine thread only.

    Whoever continues from it must not write into `caches`: batches copy on joining, `copies` is for the rest.
    A quantised cache cannot be cut below `exact_from`: a cold run would have computed those tokens in full
    precision.
    """

    def __init__(self, tokens: Sequence[int] | np.ndarray[Any, Any], caches: list[Any], exact_from: int = 0) -> None:
        self.tokens = np.array(tokens, dtype=np.int32)
        self.caches = caches
        self.exact_from = exact_from
        mx.eval([cache.state for cache in caches])

    @property
    def nbytes(self) -> int:  # type: ignore[override]
        """Bytes of the buffers. A cut copy shares them with its origin until either goes."""
        return sum(cache.nbytes for cache in self.caches)

    def cut(self, n: int) -> MlxSnapshot | None:
        held = len(self.tokens)
        if n == held:
            return self
        if not 0 < n < held or not all(_can_cut(cache, self.exact_from, n) for cache in leaves(self.caches)):
            return None
        caches = self.copies()
        for cache in leaves(caches):
            cache.trim(held - n)
            _shrink(cache, 0.5)
        return MlxSnapshot(self.tokens[:n], caches, self.exact_from)

    def copies(self) -> list[Any]:
        """Caches of the same content that may be written into; buffers are copied at the first write."""
        return copy.deepcopy(self.caches)

    def export(self) -> tuple[dict[str, Any], list[memoryview]]:
        """A header of plain data, and the buffers it refers to by number."""
        caches = self.copies()
        buffers: list[memoryview] = []
        layers = []
        for cache in leaves(caches):
            _shrink(cache, 1.0)
        for cache in caches:
            state = [[path, *_pack(value, buffers)] for path, value in tree_flatten(cache.state)]
            layers.append({"class": type(cache).__name__, "state": state})
        header = {"format": FORMAT, "exact_from": self.exact_from, "tokens": self.tokens.tolist(), "layers": layers}
        return header, buffers


def restore(header: dict[str, Any], buffers: Sequence[memoryview]) -> MlxSnapshot:
    """The snapshot that `export` wrote. Raises EngineFailed where the header is of another format."""
    if header.get("format") != FORMAT:
        raise EngineFailed(f"The stored snapshot has format {header.get('format')!r}; this version reads {FORMAT}.")
    caches = []
    for layer in header["layers"]:
        if layer["class"] not in _RESTORABLE:
            raise EngineFailed(f"The stored snapshot has a cache of the unknown kind {layer['class']!r}.")
        state = [(path, _unpack(kind, value, buffers)) for path, kind, value in layer["state"]]
        kind = Shift if layer["class"] == "Shift" else getattr(mlx_cache, layer["class"])
        caches.append(kind.from_state(tree_unflatten(state)))
    return MlxSnapshot(header["tokens"], caches, header["exact_from"])


def _can_cut(cache: Any, exact_from: int, n: int) -> bool:
    if isinstance(cache, QuantizedKVCache):
        return n >= exact_from
    if isinstance(cache, RotatingKVCache):
        return bool(cache.is_trimmable())
    return isinstance(cache, KVCache | Shift)


def _shrink(cache: Any, below: float) -> None:
    """Copy keys and values to their length, where that is less than `below` of the buffer."""
    if type(cache) is KVCache and cache.keys is not None:
        if cache.offset < below * cache.keys.shape[2]:
            cache.keys = mx.contiguous(cache.keys[..., : cache.offset, :])
            cache.values = mx.contiguous(cache.values[..., : cache.offset, :])
    elif isinstance(cache, QuantizedKVCache) and cache.keys is not None and cache.offset < below * _room(cache):
        cache.keys = tuple(mx.contiguous(part[..., : cache.offset, :]) for part in cache.keys)
        cache.values = tuple(mx.contiguous(part[..., : cache.offset, :]) for part in cache.values)


def _room(cache: QuantizedKVCache) -> int:
    return int(cache.keys[0].shape[2])


def _pack(leaf: Any, buffers: list[memoryview]) -> tuple[str, Any]:
    if not isinstance(leaf, mx.array):
        return "value", leaf
    # bytes, because numpy has no bfloat16
    raw: Any = np.array(mx.contiguous(leaf).reshape(-1).view(mx.uint8))
    buffers.append(memoryview(raw))
    return "array", [len(buffers) - 1, str(leaf.dtype).removeprefix("mlx.core."), list(leaf.shape)]


def _unpack(kind: str, value: Any, buffers: Sequence[memoryview]) -> Any:
    if kind == "value":
        return value
    number, dtype, shape = value
    raw = mx.array(np.frombuffer(buffers[number], dtype=np.uint8))
    return raw.view(getattr(mx, dtype)).reshape(shape)
