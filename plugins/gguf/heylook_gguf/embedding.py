"""Embeddings: a context of their own over the same weights, pooled in numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from heylook_core.batching.pooling import Pool, Pooling, check_dimensions, check_length, normalised
from heylook_core.errors import EngineFailed
from heylook_core.messages import Event, Vectors
from heylook_core.provider import EmbedOptions, Job
from heylook_gguf.context import DONE, Context
from heylook_gguf.weights import Weights

# llama.cpp's enum llama_pooling_type, as files write it.
_POOLING: dict[str | None, Pooling] = {"1": "mean", "2": "cls", "3": "last"}
_LONGEST_BATCH = 2048


class EmbeddingContext:
    """A context that gives the vector of every token. One thread: the model's.

    Causal models compute an input in pieces; the others attend in both directions and need it whole.
    """

    def __init__(
        self, weights: Weights, params: Callable[[], Any], turn: AbstractContextManager[None], longest: int
    ) -> None:
        wanted = params()
        self.longest = longest
        self.causal = weights.is_causal
        self.width = weights.width
        self.pooling: Pooling = _POOLING.get(weights.metadata("{arch}.pooling_type"), "mean")
        wanted.n_ctx = longest
        wanted.n_batch = wanted.n_ubatch = min(longest, _LONGEST_BATCH) if self.causal else longest
        wanted.n_seq_max = 1
        wanted.embeddings = True
        wanted.pooling_type = weights.library.c.LLAMA_POOLING_TYPE_NONE
        self.context = Context(weights.library, weights.handle, wanted, turn)
        if weights.adapters:
            self.context.use_adapters(weights.adapters)
        self._before, self._after = _frame(weights)

    def framed(self, tokens: list[int]) -> list[int]:
        """With the tokens around it that the model expects (BERT's [CLS] and [SEP], a BOS)."""
        before = [] if tokens[: len(self._before)] == self._before else self._before
        after = [] if not self._after or tokens[-len(self._after) :] == self._after else self._after
        return [*before, *tokens, *after]

    def shortened(self, tokens: list[int]) -> list[int]:
        """The beginning that fits, with the framing tokens intact."""
        room = self.longest - len(self._after)
        body = tokens[: -len(self._after)] if self._after else tokens
        return [*body[:room], *self._after]

    def compute(self, tokens: list[int], position: int) -> np.ndarray[Any, Any]:
        """The (len(tokens), width) vectors of a piece that begins at `position`; 0 begins a new input."""
        context = self.context
        if position == 0 and context.has_memory:
            context.truncate(0, 0)
        context.batch.clear()
        context.batch.add(tokens, position, 0, output=True)
        context.batch.want_all()
        code = context.decode()
        if code != DONE:
            raise EngineFailed(f"llama.cpp could not compute the embedding (llama_decode answered {code}).")
        return context.embeddings(self.width)

    def close(self) -> None:
        self.context.close()


class EmbeddingJob(Job):
    """Embeds inputs one after the other, `advance` about so many tokens of them.

    Raises `ContextExceeded` for an input that is too long, unless truncation is asked for.
    """

    def __init__(self, engine: EmbeddingContext, inputs: Sequence[list[int]], options: EmbedOptions) -> None:
        self._engine = engine
        self._options = options
        self._inputs = [self._fitting(tokens, index) for index, tokens in enumerate(inputs)]
        self._pool = Pool(options.pooling or engine.pooling)
        self._vectors: list[np.ndarray[Any, Any]] = []
        self._position = 0
        check_dimensions(options.dimensions, engine.width)

    def advance(self, tokens: int) -> list[Event]:
        left = tokens
        while left > 0 and len(self._vectors) < len(self._inputs):
            left -= self._piece(max(left, 1))
        self.done = len(self._vectors) == len(self._inputs)
        if not self.done:
            return []
        counts = tuple(len(tokens) for tokens in self._inputs)
        rows = np.array(self._vectors, "<f4")
        return [Vectors(rows.tobytes(), len(rows), rows.shape[1] if len(rows) else 0, counts)]

    def _piece(self, most: int) -> int:
        """Compute the next piece of the current input; returns its length in tokens."""
        tokens, engine = self._inputs[len(self._vectors)], self._engine
        size = min(most, engine.context.n_batch) if engine.causal else len(tokens)
        piece = tokens[self._position : self._position + size]
        self._pool.add(engine.compute(piece, self._position))
        self._position += len(piece)
        if self._position == len(tokens):
            self._vectors.append(normalised(self._pool.take(), self._options.dimensions))
            self._position = 0
        return len(piece)

    def _fitting(self, tokens: list[int], index: int) -> list[int]:
        tokens = self._engine.framed(tokens)
        if self._options.truncate and len(tokens) > self._engine.longest:
            return self._engine.shortened(tokens)
        check_length(index, len(tokens), self._engine.longest)
        return tokens


def _frame(weights: Weights) -> tuple[list[int], list[int]]:
    """The tokens that the file says to put before and after a text."""
    c, vocabulary = weights.library.c, weights.vocabulary
    before = [int(c.llama_vocab_bos(vocabulary))] if c.llama_vocab_get_add_bos(vocabulary) else []
    if c.llama_vocab_get_add_sep(vocabulary):
        return before, [int(c.llama_vocab_sep(vocabulary))]
    return before, [int(c.llama_vocab_eos(vocabulary))] if c.llama_vocab_get_add_eos(vocabulary) else []
