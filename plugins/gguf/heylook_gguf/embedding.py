"""Embeddings: a context of their own over the same weights, pooled in numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

import numpy as np

from heylook_core.errors import ContextExceeded, EngineFailed, InvalidRequest
from heylook_core.messages import Event, Vectors
from heylook_core.provider import EmbedOptions, Job
from heylook_gguf.context import DONE, Context
from heylook_gguf.weights import Weights

Pooling = Literal["mean", "cls", "last", "max"]

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
        if options.dimensions is not None and not 0 < options.dimensions <= engine.width:
            raise InvalidRequest(
                f"dimensions is {options.dimensions}, but this model gives 1 to {engine.width}.", param="dimensions"
            )

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
            self._vectors.append(self._finished(self._pool.take()))
            self._position = 0
        return len(piece)

    def _finished(self, vector: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        vector = vector[: self._options.dimensions]
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise EngineFailed("The model computed no finite vector for an input.")
        return vector / length

    def _fitting(self, tokens: list[int], index: int) -> list[int]:
        tokens, longest = self._engine.framed(tokens), self._engine.longest
        if not tokens:
            raise InvalidRequest(f"Input {index} is empty: there is nothing to embed.", param="input")
        if len(tokens) <= longest:
            return tokens
        if self._options.truncate:
            return self._engine.shortened(tokens)
        raise ContextExceeded(
            f"Input {index} has {len(tokens)} tokens, but this model takes {longest}: shorten it, or ask to truncate.",
            param="input",
        )


class Pool:
    """Reduces the vectors of an input's tokens to one, piece by piece, in float64."""

    def __init__(self, kind: Pooling) -> None:
        self._kind = kind
        self._state: np.ndarray[Any, Any] | None = None
        self._count = 0

    def add(self, rows: np.ndarray[Any, Any]) -> None:
        """`rows`: (tokens, width), in the order of the text."""
        self._count += len(rows)
        held = self._state
        if self._kind == "mean":
            total = rows.sum(axis=0, dtype=np.float64)
            self._state = total if held is None else held + total
        elif self._kind == "max":
            highest = rows.max(axis=0)
            self._state = highest if held is None else np.maximum(held, highest)
        elif self._kind == "last" or held is None:
            self._state = rows[-1 if self._kind == "last" else 0]

    def take(self) -> np.ndarray[Any, Any]:
        """The vector of all that was added; the pool is empty afterwards."""
        vector, count = self._state, self._count
        self._state, self._count = None, 0
        if vector is None:
            raise EngineFailed("An input had no tokens to embed.")
        return vector / count if self._kind == "mean" else vector


def _frame(weights: Weights) -> tuple[list[int], list[int]]:
    """The tokens that the file says to put before and after a text."""
    c, vocabulary = weights.library.c, weights.vocabulary
    before = [int(c.llama_vocab_bos(vocabulary))] if c.llama_vocab_get_add_bos(vocabulary) else []
    if c.llama_vocab_get_add_sep(vocabulary):
        return before, [int(c.llama_vocab_sep(vocabulary))]
    return before, [int(c.llama_vocab_eos(vocabulary))] if c.llama_vocab_get_add_eos(vocabulary) else []
