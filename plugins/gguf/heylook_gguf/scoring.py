"""The logits of every token of a prompt: a context of its own over the same weights."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from heylook_core.batching.scoring import MOST_ROWS
from heylook_core.errors import EngineFailed
from heylook_gguf.context import DONE, Context
from heylook_gguf.weights import Weights


class ScoringContext:
    """Reads one prompt at a time, from its beginning. One thread: the model's."""

    def __init__(
        self, weights: Weights, params: Callable[[], Any], turn: AbstractContextManager[None], longest: int
    ) -> None:
        wanted = params()
        wanted.n_ctx = longest
        wanted.n_batch = wanted.n_ubatch = min(longest, MOST_ROWS)
        wanted.n_seq_max = 1
        self.context = Context(weights.library, weights.handle, wanted, turn)
        if weights.adapters:
            self.context.use_adapters(weights.adapters)

    def compute(self, tokens: list[int], position: int) -> np.ndarray[Any, Any]:
        """The (len(tokens), vocabulary) logits of a piece that begins at `position`; 0 begins a new prompt."""
        context = self.context
        if position == 0 and context.has_memory:
            context.truncate(0, 0)
        context.batch.clear()
        context.batch.add(tokens, position, 0, output=True)
        context.batch.want_all()
        code = context.decode()
        if code != DONE:
            raise EngineFailed(f"llama.cpp could not compute the prompt's logits (llama_decode answered {code}).")
        return np.stack([context.logits(index).copy() for index in range(len(tokens))])

    def close(self) -> None:
        self.context.close()
