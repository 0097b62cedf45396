"""The language half of a model that sees, in the form that mlx-lm's batches drive."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from heylook_mlx.shift import Shift


class Decoder:
    """Token ids in, logits out; `shifted` models get positions of three axes.

    mlx-lm asks for `layers`, `make_cache` and the call, and nothing else.
    """

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        self.language = whole.language_model
        self.model = getattr(self.language, "model", None)
        self.shifted = hasattr(self.language, "get_rope_index")

    @property
    def layers(self) -> Any:
        return self.whole.layers if hasattr(self.whole, "layers") else self.language.layers

    def parameters(self) -> Any:
        return self.whole.parameters()

    def make_cache(self) -> list[Any]:
        caches = make_prompt_cache(_Layers(self.layers) if not hasattr(self.language, "make_cache") else self.language)
        return [*map(_plain, caches), *([Shift()] if self.shifted else [])]

    def __call__(self, inputs: mx.array, cache: list[Any] | None = None) -> mx.array:
        if not self.shifted or cache is None:
            return self._logits(inputs, cache)
        *caches, shift = cache
        start = caches[0].offset + shift.values
        ids = start[:, None] + mx.arange(inputs.shape[1])[None]
        ids = mx.broadcast_to(ids[None], (3, *inputs.shape))
        return self._logits(inputs, caches, position_ids=ids)

    def _logits(self, inputs: mx.array, cache: list[Any] | None, **more: Any) -> mx.array:
        logits: mx.array = self.language(inputs, cache=cache, **more).logits
        return logits


class _Layers:
    """A model without a `make_cache` of its own, as mlx-lm looks at it."""

    def __init__(self, layers: Any) -> None:
        self.layers = layers


def _plain(cache: Any) -> Any:
    """mlx-lm's own class of the same name: only those can be joined in its batches."""
    from mlx_lm.models import cache as mlx_lm_caches

    own = getattr(mlx_lm_caches, type(cache).__name__, None)
    if own is None or type(cache) is own:
        return cache
    if type(cache).__name__ == "RotatingKVCache":
        return own(max_size=cache.max_size, keep=cache.keep)
    return own()
