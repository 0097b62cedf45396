"""How a single sequence is computed, slice by slice and token by token."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import mlx.core as mx
from mlx_lm.generate import speculative_generate_step
from mlx_lm.models.cache import KVCache, TokenBuffer

from heylook_mlx.caches import fresh
from heylook_mlx.rows import Row
from heylook_mlx.snapshot import MlxSnapshot

Sample = Callable[[mx.array], mx.array]


_start: Any = mx.async_eval


class Steps(ABC):
    """The computation of one row. Engine thread only, `end` included: it closes what is open there."""

    caches: list[Any]
    exact_from = 0
    keeps = True
    """Whether the state may be kept for other rows."""

    @abstractmethod
    def prefill(self, tokens: list[int]) -> int:
        """Compute the next prompt tokens, at most all of these; returns how many."""

    @abstractmethod
    def next(self) -> tuple[int, mx.array]:
        """The next generated token and its scores (vocabulary)."""

    @property
    @abstractmethod
    def held(self) -> int:
        """How many tokens the caches hold."""

    def copies(self) -> list[Any]:
        """The caches as they are now, for a snapshot."""
        return copy.deepcopy(self.caches)

    def end(self) -> None:
        """No token will be asked for any more."""


class Quantisation(NamedTuple):
    """Bits and group size of a quantised KV cache, and the length from which it is quantised."""

    bits: int
    group_size: int
    start: int


class PlainSteps(Steps):
    """Without batch and draft. The KV cache is quantised exactly when it holds `start` tokens.

    Slices end there, and later tokens are quantised as they come in: what a token attends to does not depend on
    slices or on a reused prefix, so reuse gives what a cold run gives.
    """

    def __init__(
        self, model: Any, row: Row, sample: Sample, quantisation: Quantisation | None = None, *, keeps: bool = True
    ) -> None:
        self._model = model
        self._sample = sample
        self._processors = row.processors
        self._quantisation = quantisation
        self._context = TokenBuffer(row.task.tokens[:-1])
        self._last = row.task.tokens[-1:]
        self._next: tuple[Any, mx.array] | None = None
        self._held = row.task.cut
        self._total = len(row.task.tokens)
        self.exact_from = quantisation.start if quantisation else 0
        self.keeps = keeps
        self.caches = fresh(model)
        if row.task.cut and isinstance(row.task.prefix, MlxSnapshot):
            self.caches = row.task.prefix.copies()[: len(self.caches)]
        self._quantise()

    @property
    def held(self) -> int:
        return self._held

    def prefill(self, tokens: list[int]) -> int:
        room = self._total - 1 - self._held
        if room == 0:
            self._compute(mx.array(self._last))
            return 1
        count = min(len(tokens), room, self._until_quantised())
        self._model(mx.array([tokens[:count]]), cache=self.caches)
        mx.eval([cache.state for cache in self.caches])
        mx.clear_cache()
        self._held += count
        self._quantise()
        return count

    def next(self) -> tuple[int, mx.array]:
        if self._next is None:
            raise RuntimeError("A token was asked for before the prompt had been computed.")
        token, scores = self._next
        self._compute(token)
        return int(token.item()), scores

    def _compute(self, token: mx.array) -> None:
        """Feed one token and have the next one sampled in the background."""
        logits = self._model(token[None], cache=self.caches)[:, -1, :]
        if self._processors:
            context = self._context.update_and_fetch(token)
            for process in self._processors:
                logits = process(context, logits)
        scores = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        self._held += 1
        self._quantise()
        self._next = self._sample(scores), scores[0]
        _start(self._next)

    def _until_quantised(self) -> int:
        start = self._quantisation.start if self._quantisation else 0
        return start - self._held if self._held < start else self._total

    def _quantise(self) -> None:
        plan = self._quantisation
        if plan is None or self._held < plan.start:
            return
        for index, cache in enumerate(self.caches):
            if type(cache) is KVCache:
                self.caches[index] = cache.to_quantized(group_size=plan.group_size, bits=plan.bits)


class DraftSteps(Steps):
    """A small model proposes tokens, the large one checks several at once; the text is that of the large one.

    `caches` are those of the model, then those of the draft model. Both are prefilled here, in the core's slices.
    """

    def __init__(self, model: Any, draft: Any, row: Row, sample: Sample, ahead: int) -> None:
        self._model = model
        self._draft = draft
        self._sample = sample
        self._ahead = ahead
        self._task = row.task
        self._processors = row.processors
        self._generator: Iterator[tuple[int, mx.array, bool]] | None = None
        self.caches = fresh(model)
        self._layers = len(self.caches)
        self.caches += fresh(draft)
        if row.task.cut and isinstance(row.task.prefix, MlxSnapshot):
            self.caches = row.task.prefix.copies()

    @property
    def held(self) -> int:
        return min(int(cache.offset) for cache in self.caches)

    def prefill(self, tokens: list[int]) -> int:
        for model, caches in self._parts():
            model(mx.array([tokens]), cache=caches)
        mx.eval([cache.state for cache in self.caches])
        mx.clear_cache()
        return len(tokens)

    def next(self) -> tuple[int, mx.array]:
        if self._generator is None:
            self._generator = self._begin()
        token, scores, _ = next(self._generator)
        return token, scores

    def copies(self) -> list[Any]:
        held = self.held
        found = super().copies()
        for cache in found:
            cache.trim(cache.offset - held)
        return found

    def end(self) -> None:
        """Closing the generator takes rejected proposals out of the caches."""
        if self._generator is not None:
            self._generator.close()  # type: ignore[attr-defined]
            self._generator = None

    def _begin(self) -> Iterator[tuple[int, mx.array, bool]]:
        """Upstream wants at least one prompt token: the last one is computed again."""
        for cache in self.caches:
            cache.trim(1)
        history = mx.array(self._task.tokens[:-1], dtype=mx.uint32)
        generator: Iterator[tuple[int, mx.array, bool]] = speculative_generate_step(
            mx.array(self._task.tokens[-1:]),
            self._model,
            self._draft,
            num_draft_tokens=self._ahead,
            max_tokens=self._task.limit,
            sampler=self._sample,
            logits_processors=[_with_history(process, history) for process in self._processors] or None,
            prompt_cache=self.caches,
        )
        return generator

    def _parts(self) -> tuple[tuple[Any, list[Any]], tuple[Any, list[Any]]]:
        return (self._model, self.caches[: self._layers]), (self._draft, self.caches[self._layers :])


def _with_history(process: Any, history: mx.array) -> Any:
    return lambda tokens, logits: process(mx.concatenate([history, tokens.astype(mx.uint32)]), logits)
