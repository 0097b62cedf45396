"""From sampling settings to the functions that mlx-lm calls on log-probabilities and logits.

The order is llama.cpp's, so that both backends draw from the same distribution: bias and penalties, then top_k,
typical_p, top_p, min_p, XTC, temperature. Randomness never comes from MLX's global state: each sampler has its own
key, so a seeded request draws the same numbers alone and in any batch.
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable
from typing import Any

import mlx.core as mx
from mlx_lm.sample_utils import (
    apply_min_p,
    apply_top_k,
    apply_top_p,
    apply_xtc,
    greedy_sampler,
    make_logits_processors,
)

from heylook_core.messages import SamplerSettings

Filter = Callable[[mx.array], mx.array]
Processor = Callable[[mx.array, mx.array], mx.array]

_SMALLEST_TEMPERATURE = 1e-4


class Sampler:
    """Draws one token per row of log-probabilities (rows, vocabulary). Engine thread only."""

    def __init__(self, settings: SamplerSettings, vocabulary: int, seed: int) -> None:
        self._key = mx.random.key(seed & 0xFFFFFFFFFFFFFFFF)
        self._filters = filters(settings, vocabulary)
        self._xtc = (min(settings.xtc_probability, 1.0), min(max(settings.xtc_threshold, 0.0), 0.5))
        self._inverse_temperature = 1.0 / max(settings.temperature, _SMALLEST_TEMPERATURE)

    def __call__(self, logprobs: mx.array) -> mx.array:
        scores = logprobs.astype(mx.float32)
        for keep in self._filters:
            scores = keep(scores)
        if self._xtc[0] > 0:
            scores = self._exclude_top_choices(scores)
        scores = (scores - scores.max(axis=-1, keepdims=True)) * self._inverse_temperature
        return mx.random.categorical(scores, key=self._next_key())

    def _exclude_top_choices(self, scores: mx.array) -> mx.array:
        probability, threshold = self._xtc
        drawn = mx.random.uniform(shape=(scores.shape[0], 1), key=self._next_key())
        return mx.where(drawn > probability, scores, apply_xtc(scores, 1.0, threshold, []))

    def _next_key(self) -> mx.array:
        self._key, key = mx.random.split(self._key)
        return key


class Samplers:
    """The samplers of one engine. Rows with equal settings share an object, which keeps one call per batch."""

    def __init__(self, vocabulary: int) -> None:
        self._vocabulary = vocabulary
        self._shared = functools.lru_cache(maxsize=64)(self._make)

    def pick(self, settings: SamplerSettings) -> Callable[[mx.array], mx.array]:
        """Greedy, shared, or with a key of its own where the request has a seed."""
        if settings.temperature <= 0:
            return greedy_sampler  # type: ignore[no-any-return]
        if settings.seed is not None:
            return Sampler(settings, self._vocabulary, settings.seed)
        return self._shared(*_essence(settings))

    def _make(self, *values: float) -> Sampler:
        settings = SamplerSettings(**dict(zip(_FIELDS, values, strict=True)))  # type: ignore[arg-type]
        return Sampler(settings, self._vocabulary, secrets.randbits(63))


def filters(settings: SamplerSettings, vocabulary: int) -> list[Filter]:
    """What removes tokens before one is drawn; settings out of range are taken as the nearest sensible ones."""
    found: list[Filter] = []
    top_k = 1 if settings.top_p <= 0 else settings.top_k
    if 0 < top_k < vocabulary:
        found.append(functools.partial(apply_top_k, top_k=top_k))
    if 0 < settings.typical_p < 1:
        found.append(functools.partial(apply_typical_p, typical_p=settings.typical_p))
    if 0 < settings.top_p < 1:
        found.append(functools.partial(apply_top_p, top_p=settings.top_p))
    if settings.min_p > 0:
        found.append(functools.partial(apply_min_p, min_p=min(settings.min_p, 1.0)))
    return found


def apply_typical_p(logprobs: mx.array, typical_p: float) -> mx.array:
    """Locally typical sampling (https://arxiv.org/abs/2202.00666): keep tokens of about the expected surprise."""
    logprobs = logprobs - mx.logsumexp(logprobs, axis=-1, keepdims=True)
    probs = mx.exp(logprobs)
    possible = probs > 0
    entropy = -mx.where(possible, probs * logprobs, 0.0).sum(axis=-1, keepdims=True)
    distance = mx.where(possible, mx.abs(-logprobs - entropy), mx.inf)
    order = mx.argsort(distance, axis=-1)
    ordered = mx.take_along_axis(probs, order, axis=-1)
    before = mx.cumsum(ordered, axis=-1) - ordered
    kept = mx.where(before < typical_p, mx.take_along_axis(logprobs, order, axis=-1), -mx.inf)
    return mx.put_along_axis(mx.full(logprobs.shape, -mx.inf), order, kept, axis=-1)


def processors(settings: SamplerSettings, vocabulary: int) -> list[Processor]:
    """Bias and penalties, over the last `repetition_window` tokens of prompt and answer (negative: all)."""
    bias = {token: value for token, value in settings.logit_bias.items() if 0 <= token < vocabulary}
    window = settings.repetition_window
    size = window if window > 0 else 1 << 30
    penalised = window != 0
    repetition = settings.repetition_penalty
    found: list[Any] = make_logits_processors(
        logit_bias=bias or None,
        repetition_penalty=repetition if penalised and repetition > 0 and repetition != 1 else None,
        repetition_context_size=size,
        presence_penalty=settings.presence_penalty if penalised else None,
        presence_context_size=size,
        frequency_penalty=settings.frequency_penalty if penalised else None,
        frequency_context_size=size,
    )
    return found


_FIELDS = ("temperature", "top_p", "top_k", "min_p", "typical_p", "xtc_probability", "xtc_threshold")


def _essence(settings: SamplerSettings) -> tuple[float, ...]:
    return tuple(getattr(settings, field) for field in _FIELDS)
