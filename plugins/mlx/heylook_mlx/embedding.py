"""Embeddings of a text model: its hidden states after the last norm, pooled in numpy. Engine thread only.

Short inputs run together, padded on the right: a causal model does not see what comes after a token, so no mask is
needed. A long one runs in pieces over a KV cache of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from heylook_core.batching.pooling import Pool, Pooling, check_dimensions, check_length, normalised
from heylook_core.messages import Event, Vectors
from heylook_core.provider import EmbedOptions, Job
from heylook_mlx.caches import fresh
from heylook_mlx.loading import Loaded

# The keys of sentence-transformers' 1_Pooling/config.json.
_POOLING: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
}


class Embedder:
    """What a model needs for embeddings: the part below its head, and what its folder says of pooling.

    `width` is the size of a vector, 0 where this architecture does not show its hidden states.
    """

    def __init__(self, loaded: Loaded, longest: int) -> None:
        self.model = loaded.model
        self.longest = longest
        self.pooling = pooling_of(loaded.folder)
        self._body = getattr(getattr(loaded.model, "language_model", loaded.model), "model", None)
        self.width = self._measured()
        self._before, self._after = frame_of(loaded.tokenizer)

    def hidden(self, tokens: list[list[int]], caches: list[Any] | None = None) -> np.ndarray[Any, Any]:
        """(rows, length, width) in float32 for rows of the same length."""
        if self._body is None:
            raise RuntimeError("This architecture does not show its hidden states.")
        states = self._body(mx.array(tokens), cache=caches)
        found = np.array(states.astype(mx.float32))
        mx.clear_cache()
        return found

    def framed(self, tokens: list[int]) -> list[int]:
        """With the tokens that the tokenizer puts around a text."""
        before = [] if tokens[: len(self._before)] == self._before else self._before
        after = [] if not self._after or tokens[-len(self._after) :] == self._after else self._after
        return [*before, *tokens, *after]

    def shortened(self, tokens: list[int]) -> list[int]:
        """The beginning that fits, with the framing tokens intact."""
        room = self.longest - len(self._after)
        body = tokens[: -len(self._after)] if self._after else tokens
        return [*body[:room], *self._after]

    def _measured(self) -> int:
        """MLX computes when it is asked for values; the shape is known before that."""
        if self._body is None:
            return 0
        try:
            states = self._body(mx.array([[0]]), cache=fresh(self.model))
        except Exception:
            return 0
        return int(states.shape[-1]) if isinstance(states, mx.array) and states.ndim == 3 else 0


def pooling_of(folder: Path) -> Pooling:
    """As the folder says in the way of sentence-transformers, else the mean of all tokens."""
    try:
        settings = json.loads((folder / "1_Pooling" / "config.json").read_bytes())
    except (OSError, ValueError):
        return "mean"
    if not isinstance(settings, dict):
        return "mean"
    return next((kind for key, kind in _POOLING.items() if settings.get(key) is True), "mean")


def frame_of(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The tokens that the tokenizer puts before and after every text."""
    bare = list(tokenizer.encode("a", add_special_tokens=False))
    whole = list(tokenizer.encode("a", add_special_tokens=True))
    for at in range(len(whole) - len(bare) + 1):
        if whole[at : at + len(bare)] == bare:
            return whole[:at], whole[at + len(bare) :]
    return [], []


class MlxEmbeddings(Job):
    """Embeds inputs, the shortest first, `advance` about so many tokens of them.

    Raises ContextExceeded for an input that is too long, unless truncation is asked for.
    """

    def __init__(self, embedder: Embedder, inputs: Sequence[list[int]], options: EmbedOptions) -> None:
        check_dimensions(options.dimensions, embedder.width)
        self._embedder = embedder
        self._options = options
        self._inputs = [self._fitting(tokens, index) for index, tokens in enumerate(inputs)]
        self._kind = options.pooling or embedder.pooling
        self._order = sorted(range(len(inputs)), key=lambda index: len(self._inputs[index]))
        self._vectors: dict[int, np.ndarray[Any, Any]] = {}
        self._pool = Pool(self._kind)
        self._caches: list[Any] | None = None
        self._position = 0

    def advance(self, tokens: int) -> list[Event]:
        left = tokens
        while left > 0 and len(self._vectors) < len(self._order):
            left -= self._some(left)
        self.done = len(self._vectors) == len(self._order)
        if not self.done:
            return []
        rows = np.array([self._vectors[index] for index in range(len(self._inputs))], "<f4")
        counts = tuple(map(len, self._inputs))
        return [Vectors(rows.tobytes(), len(rows), rows.shape[1] if len(rows) else 0, counts)]

    def _some(self, most: int) -> int:
        """Whole inputs that fit together, else a piece of one; returns how many tokens were computed."""
        following = self._order[len(self._vectors) :]
        if self._position or len(self._inputs[following[0]]) > most:
            return self._piece(following[0], most)
        count = 1
        while count < len(following) and (count + 1) * len(self._inputs[following[count]]) <= most:
            count += 1
        return self._together(following[:count])

    def _together(self, indices: list[int]) -> int:
        longest = len(self._inputs[indices[-1]])
        padded = [self._inputs[index] + [0] * (longest - len(self._inputs[index])) for index in indices]
        for index, states in zip(indices, self._embedder.hidden(padded), strict=True):
            self._pool.add(states[: len(self._inputs[index])])
            self._keep(index)
        return longest * len(indices)

    def _piece(self, index: int, most: int) -> int:
        tokens = self._inputs[index]
        if self._caches is None:
            self._caches = fresh(self._embedder.model)
        piece = tokens[self._position : self._position + most]
        self._pool.add(self._embedder.hidden([piece], self._caches)[0])
        self._position += len(piece)
        if self._position == len(tokens):
            self._keep(index)
            self._caches, self._position = None, 0
        return len(piece)

    def _keep(self, index: int) -> None:
        self._vectors[index] = normalised(self._pool.take(), self._options.dimensions)

    def _fitting(self, tokens: list[int], index: int) -> list[int]:
        tokens = self._embedder.framed(tokens)
        if self._options.truncate and len(tokens) > self._embedder.longest:
            return self._embedder.shortened(tokens)
        check_length(index, len(tokens), self._embedder.longest)
        return tokens
