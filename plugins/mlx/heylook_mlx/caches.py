"""The KV caches of a model: how they are made, and how much memory they take, measured on one token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import mlx.core as mx
from mlx_lm.models.cache import CacheList, KVCache, QuantizedKVCache, RotatingKVCache, make_prompt_cache

from heylook_mlx.shift import Shift

STEP = 256
"""Tokens by which a cache grows."""


class Layer(NamedTuple):
    """One cache: bytes for each token of at most `window` (None: of all), and bytes whatever the length."""

    per_token: int
    window: int | None
    fixed: int


class Footprint:
    """Bytes of KV as a function of length."""

    def __init__(self, caches: Iterable[Any]) -> None:
        self._layers = [_layer(cache) for cache in leaves(caches)]

    def of(self, length: int) -> int:
        """Bytes of one row of `length` tokens."""
        rounded = -(-length // STEP) * STEP
        return sum(
            layer.fixed + layer.per_token * (rounded if layer.window is None else min(rounded, layer.window))
            for layer in self._layers
        )

    def of_batch(self, lengths: Sequence[int]) -> int:
        """Bytes of rows that run together: the batch is a rectangle, as long as its longest row."""
        return len(lengths) * self.of(max(lengths, default=0)) if lengths else 0


def fresh(model: Any, window: int | None = None) -> list[Any]:
    """Empty caches, one per layer; with `window`, layers that would keep every token keep the last so many.

    mlx-lm's own `max_kv_size` is ignored by the architectures that make their caches themselves, Llama among them.
    """
    caches: list[Any] = make_prompt_cache(model)
    if window is None:
        return caches
    return [RotatingKVCache(max_size=window) if type(cache) is KVCache else cache for cache in caches]


def probe(model: Any, caches: list[Any]) -> int:
    """Run one token through the model, so that `caches` have their shapes; returns the width of the logits.

    Also finds weights that load and then do not compute, and compiles kernels before the first request.
    """
    logits = model(mx.array([[0]]), cache=caches)
    mx.eval(logits, [cache.state for cache in caches])
    return int(logits.shape[-1])


def leaves(caches: Iterable[Any]) -> list[Any]:
    """Every single cache, those inside a CacheList included."""
    found: list[Any] = []
    for cache in caches:
        found.extend(leaves(cache.caches) if isinstance(cache, CacheList) else [cache])
    return found


def can_be_cut_anywhere(caches: Iterable[Any]) -> bool:
    """Whether each layer keeps every token, so that any prefix of a state is a state."""
    return all(type(cache) in (KVCache, QuantizedKVCache, Shift) for cache in leaves(caches))


def _layer(cache: Any) -> Layer:
    if isinstance(cache, QuantizedKVCache):
        return Layer(cache.nbytes // cache.keys[0].shape[2], None, 0)
    if isinstance(cache, RotatingKVCache):
        return Layer(cache.nbytes // cache.keys.shape[2], cache.max_size, 0)
    if isinstance(cache, KVCache):
        return Layer(cache.nbytes // cache.keys.shape[2], None, 0)
    return Layer(0, None, cache.nbytes)
